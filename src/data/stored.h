/* stored.h - a version read back from the store: its tree, and the content of each file chunk by chunk. */
#ifndef STORED_H
#define STORED_H
#include "data/store.h"
#include "data/tree.h"

enum { TREE_BYTES_MAX = 1 << 30 };

/* The tree object with this id; E_FORMAT when its bytes are not the ones signed for.  Borrowed from the arena. */
bool tree_load(Arena *a, const char *objects, const Digest *id, Tree *out, Err *e);

/* Gives the file's content to fn in order, each chunk checked against its id, the last (perhaps empty) piece with
 * `last`.  Ends early, with false, when fn says so. */
typedef bool StoredFn(void *ctx, Str piece, bool last, Err *e);
bool stored_each(const Store *s, const TreeEntry *v, StoredFn *fn, void *ctx, Err *e);

#endif
