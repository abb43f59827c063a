/* forest_parts.h - what the files of the forest share with nobody else. */
#ifndef FOREST_PARTS_H
#define FOREST_PARTS_H
#include "num/forest.h"

unsigned forest_depth(uint32_t samples);               /* ceil(log2(samples)), at least 1: the limit of a tree */
/* Sums as a row's path lengths are summed: where all rows are equal, both are, and the score is 1/2 to the bit. */
double forest_typical(const Forest *f);
/* The score of a row whose paths add up to `sum`. */
double forest_score_of(const Forest *f, double sum);

/* ---- the fast way */

enum { FOREST_BLOCK = 64 };                            /* rows that are scored together */

typedef struct ForestStep {                            /* slot "next free" = code[feature] > rank ? right : left */
    int16_t  rank;
    uint16_t feature, left, right;
} ForestStep;

/* One tree: runs the steps on codes[feature][FOREST_BLOCK]; slots[0 .. leaves) hold their own number, step i writes slot
 * `leaves + i`, the last one the answer.  Then sum[row] += length[answer].  Needs AVX2. */
void forest_run_avx2(const ForestStep *step, size_t steps, size_t leaves, const int16_t (*code)[FOREST_BLOCK],
                     int16_t (*slot)[FOREST_BLOCK], const double *length, double sum[static FOREST_BLOCK]);

#endif
