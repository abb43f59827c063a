/* pool.h - threads that split one job; the result of piece i lands in slot i, so order never depends on the scheduler. */
#ifndef POOL_H
#define POOL_H
#include "base/base.h"

typedef struct Pool Pool;

/* `threads` 0 means one for each processor we may run on.  Owned: pool_free().  NULL when out of memory. */
Pool  *pool_new(unsigned threads);
void   pool_free(Pool *p);                             /* NULL is fine */

/* Calls fn(arg, i) once for each i in [0, n) and returns when all are done.  A NULL pool runs them here, in order.
 * fn must write only what belongs to its i.  One pool_each at a time per pool. */
void pool_each(Pool *p, size_t n, void (*fn)(void *arg, size_t i), void *arg);

#endif
