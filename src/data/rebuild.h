/* rebuild.h - a version's files written beside the place they belong to, then put there in one step.
 *
 * Everything is made in a fresh `.NAME.moat-HEX` of our own, each chunk and each file checked against its digest, and is on
 * the disk before anything is swapped.  The swap exchanges the two names (renameat2), so there is no moment without the
 * dataset; what was there is then removed, or kept under another name.  No step follows a symbolic link. */
#ifndef REBUILD_H
#define REBUILD_H
#include "data/stored.h"

typedef struct Rebuild {                               /* one top entry of a tree: "data" or "labels" */
    Arena      *arena;
    const Store *store;
    const Tree  *tree;
    Str          top;                                  /* "data" */
    int          dir;                                  /* the folder it goes to; owned */
    const char  *name;                                 /* its name there */
    char         temp[320];                            /* empty: nothing made, or done with it */
    Str          folder;                               /* of the entry written last, and that folder open ... */
    int          made, was;                            /* ... in temp and in place; was is -1 when it is not there */
    uint64_t     files;
    bool         swapped;                              /* temp is what was there before */
} Rebuild;

#define REBUILD_NONE .dir = -1, .made = -1, .was = -1

/* Opens the folder of `path`, seen from `base` when it is relative (then links in it are refused); missing folders are made. */
bool rebuild_open(Rebuild *r, const char *base, Str path, Err *e);
bool rebuild_write(Rebuild *r, Err *e);
/* After it the files are where they belong.  `only_new`: refuse when something is there. */
bool rebuild_swap(Rebuild *r, bool only_new, Err *e);
/* Removes what was replaced, or gives it the name `keep` when that is not NULL. */
bool rebuild_finish(Rebuild *r, const char *keep, Err *e);
/* At any time; removes what was made and not swapped in. */
void rebuild_close(Rebuild *r);

#endif
