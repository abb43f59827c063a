/* join.h - which rows have the same hash: a table over the input rows that answers for each output row.
 *
 * Equal input rows form a chain in their order.  The k-th of equal output rows takes the k-th of the chain, so a copy is
 * told from the row it equals by where it stands.  The table is keyed at random, so nobody can prepare rows for one slot. */
#ifndef JOIN_H
#define JOIN_H
#include "data/rowset.h"

#define NO_ROW UINT32_MAX

typedef struct Join {
    const Hash128 *hash;                               /* borrowed; of the input rows */
    uint32_t       rows, mask;
    uint64_t       key;
    uint32_t      *head, *take, *next;                 /* by slot: first row, next to take; by row: its next equal */
} Join;

/* `hash` holds `rows` of them.  Owned: join_free(), also after a failure. */
bool join_begin(Join *j, const Hash128 *hash, uint32_t rows, Err *e);
void join_free(Join *j);
/* The slot of rows with this hash, or NO_ROW; then head[slot] is the first, next[] leads on. */
uint32_t join_find(const Join *j, Hash128 h);
/* Whether the chain at `slot` has one row only. */
static inline bool join_single(const Join *j, uint32_t slot) { return j->next[j->head[slot]] == NO_ROW; }

/* The leaves of all inputs one after the other, `total` in all.  Owned: free().  NULL when out of memory. */
Hash128 *join_leaves(const RowSet *in, uint32_t inputs, uint64_t total, Err *e);

#endif
