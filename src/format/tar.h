/* tar.h - the members of a tar archive: ustar, GNU and pax, and the old format before them.
 *
 * Read from front to back as tar does; long names (GNU L and K, pax path and linkpath) are put together first.  A header with a
 * wrong checksum ends the archive.  What readers treat differently is told in `odd`.  Sparse members are not put together.
 *
 * Trusted: nothing.  Members are slices of the archive. */
#ifndef TAR_H
#define TAR_H
#include "base/base.h"

enum { TAR_BLOCK = 512, TAR_NAME_MAX = 64 << 10, TAR_EXTRAS_MAX = 16 };

typedef enum { TAR_FILE, TAR_FOLDER, TAR_SYMLINK, TAR_HARDLINK, TAR_SPARSE, TAR_OTHER } TarKind;

enum {                                                 /* TarEntry.odd */
    TAR_SIZE_TWICE = 1,                                /* a pax record gives another size than the header (ours is the record's) */
    TAR_OUTSIDE = 2,                                   /* ends past the archive                            */
    TAR_NAME_CUT = 4,                                  /* a NUL in the long name; readers stop there       */
    TAR_FOLDER_DATA = 8                                /* a folder with a size: some readers skip that much, some read it as headers */
};

typedef struct TarEntry {
    Str      name, link;                               /* in the arena or in the archive */
    TarKind  kind;
    uint64_t at;                                       /* of its header */
    Str      data;
    unsigned odd;
} TarEntry;

typedef struct Tar {
    Str      file;
    uint64_t at;
    Arena   *a;
    Str      global_path;                              /* of a pax global header; empty: none */
} Tar;

/* Whether a header with a right checksum stands at byte 0. */
bool tar_is(Str file);
Tar  tar_open(Arena *a, Str file);
/* The next member.  False at the end (e->code == E_OK), or with *e when the archive stops making sense before it. */
bool tar_next(Tar *t, TarEntry *out, Err *e);

#endif
