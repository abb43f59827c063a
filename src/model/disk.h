/* disk.h - a model as it lies on the disk: one file, or every file below a folder, and their digests.
 *
 * Names are relative, with "/", bytes as the disk has them.  Nothing is followed out of the folder: every step down is
 * an openat of one component with O_NOFOLLOW, for listing and for hashing, and a digest is of the descriptor that was
 * checked.  What is no plain file is listed too, with its kind: whether that is an error is the caller's to say.
 *
 * Trusted: nothing below the root. */
#ifndef DISK_H
#define DISK_H
#include "base/pool.h"
#include "crypto/hash.h"

enum { DISK_DEPTH_MAX = 100, DISK_FILES_MAX = 1000000 };

typedef enum { DISK_FILE, DISK_LINK, DISK_OTHER, DISK_BAD_NAME } DiskKind;

typedef struct DiskFile {
    Str      name;                                     /* a single file: its basename               */
    DiskKind kind;
    bool     linked;                                   /* a file that stands behind a followed link */
    uint64_t size;
} DiskFile;

typedef struct Disk {
    const char *path;                                  /* as the caller gave it                     */
    Str         name;                                  /* its basename, "." resolved                */
    bool        folder, follow;
    int         fd;                                    /* the folder or the file; disk_close()      */
    DiskFile   *v;                                     /* sorted by name, bytewise                  */
    size_t      n;
    uint64_t    bytes;                                 /* of all plain files                        */
} Disk;

typedef struct DiskAsk {
    const Str *ignore;                                 /* exact names; a folder's name covers what is below */
    size_t     ignore_count;
    bool       follow;                                 /* links to plain files count as files       */
    bool       all;                                    /* .git and its company too                  */
} DiskAsk;

/* Names that are never signed, at the root of a folder: .git and its company. */
extern const Str    disk_never[];
extern const size_t disk_never_len;
bool disk_is_never(Str name);                          /* one of them, or below one */

bool disk_open(Arena *a, const char *path, Disk *out, Err *e);
/* Fills v, n and bytes of an open Disk. */
bool disk_list(Arena *a, Disk *d, const DiskAsk *ask, Err *e);
void disk_close(Disk *d);                              /* fine on a zeroed one */
#define defer_disk __attribute__((cleanup(disk_close)))

/* Whether `name` is `above` or lies below it. */
bool name_below(Str name, Str above);
/* What `file` is called inside the model's folder; empty when it lies elsewhere. */
Str disk_inside(Arena *a, const Disk *d, const char *file);

/* ---- digests */

typedef enum { PIECE_OK, PIECE_MISSING, PIECE_NOT_A_FILE, PIECE_SHORT, PIECE_UNREADABLE } PieceState;

typedef struct Piece {                                 /* a file, or the bytes [from, to) of one; `to` UINT64_MAX: its end */
    Str        name;
    uint64_t   from, to;
    PieceState state;                                  /* the rest is the answer */
    int        error;                                  /* errno */
    uint64_t   size;                                   /* of the whole file      */
    uint8_t    digest[HASH_SIZE_MAX];
} Piece;

/* Every piece in its own slot, on as many threads as the pool has. */
void disk_digest(const Disk *d, Pool *pool, HashKind kind, Piece *v, size_t n);

#endif
