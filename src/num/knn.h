/* knn.h - the nearest rows of every row, exactly, by Euclidean distance.
 *
 * Distances of a block of rows to a block of others come from one matrix product, |y|^2 - 2xy, in float.  That only
 * picks candidates, twice as many as asked for; their distances are then computed again, difference by difference in
 * double, in one order: only rows whose distances agree to float precision may stand for each other.  The cost is rows^2 * cols multiplications, and the answer does not depend on the threads.  Trusted: the caller's sizes. */
#ifndef KNN_H
#define KNN_H
#include "base/pool.h"

enum { KNN_MAX = 1000 };

/* near[i * k + j] is the j-th nearest other row of row i, nearest first; equal distances by row number.  Needs k < rows and
 * k <= KNN_MAX; cells must be finite. */
bool knn_others(Pool *pool, const float *x, size_t rows, size_t cols, size_t k, uint32_t *near, Err *e);

#endif
