/* stamps.h - which files need not be read again: what stat(2) said of each when the head was committed.
 *
 *     "MOATST01", u64 time, tree id, u32 files, then by ascending name: u16 length, name, u64 dev, ino, size, i64 mtime, ctime
 *
 * A file whose device, inode, size and both times are the same has the content it had, unless it was written in the very
 * moment of the commit: stamps younger than two seconds then are not believed.  This is only a shortcut for committing;
 * verifying reads everything.  A damaged file of stamps is as good as none. */
#ifndef STAMPS_H
#define STAMPS_H
#include "data/members.h"

typedef struct Stamps {
    int64_t time_ns;                                   /* when the files began to be read */
    Digest  tree;                                      /* what they became                */
    Member *v;                                         /* name and stamp only             */
    size_t  n;
} Stamps;

/* Empty when there is none or it is damaged; names are borrowed from the arena. */
bool stamps_read(Arena *a, const char *path, Stamps *out, Err *e);
bool stamps_parse(Arena *a, Str bytes, Stamps *out);
/* Files of the list; folders and links are read from their folder anyway. */
void stamps_put(Buf *out, int64_t time_ns, const Digest *tree, const Members *m);
/* Whether this member has the stamp it had, and that one can be believed. */
bool stamps_same(const Stamps *s, const Member *m);

#endif
