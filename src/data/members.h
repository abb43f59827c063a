/* members.h - what lies where a dataset lives: its files, folders and links by the names they have in a tree (tree.h).
 *
 * Links are noted, never followed; devices, sockets and pipes are an error, for no version could bring them back. */
#ifndef MEMBERS_H
#define MEMBERS_H
#include "data/rows.h"
#include "data/tree.h"
#include "pipeline/pipeline.h"

typedef struct Stamp {                                 /* changes when a file's content could have */
    uint64_t dev, ino, size;
    int64_t  mtime_ns, ctime_ns;
} Stamp;

typedef struct Member {
    Str      name;                                     /* "data", "data/a/b.png", "labels" */
    TreeType type;
    uint16_t mode;                                     /* & 0111; 0 but for files          */
    RowKind  rows;
    Stamp    stamp;
    Str      target;                                   /* of a link                        */
} Member;

typedef struct Members {
    const char *data, *labels;                         /* paths seen from where we run; labels NULL without  */
    Str         data_shown, labels_shown;              /* as moat.yaml writes them                           */
    RowKind     kind;                                  /* of the data                                        */
    int         dir;                                   /* the data's folder, or -1 when the data is one file */
    Member     *v;                                     /* by ascending name                                  */
    size_t      n;
} Members;

/* Where the dataset lives, without looking at it. */
bool members_of(const Pipeline *p, const Dataset *d, Members *out, Err *e);
/* Lists it; everything lives in the arena, members_close() gives the descriptor back. */
bool members_list(Arena *a, Members *m, Err *e);
void members_close(Members *m);
#define defer_members __attribute__((cleanup(members_close)))

/* A regular file, open for reading, with its stamp; -1 with *e set. */
int member_open(const Members *m, Str name, Stamp *stamp, Err *e);
/* How people know it: "data/train.csv", "images/cat/1.png". */
Str     member_shown(Arena *a, const Members *m, Str name);
bool    stamp_eq(const Stamp *a, const Stamp *b);

#endif
