/* forest_parts.h - what the files of the forest share with nobody else. */
#ifndef FOREST_PARTS_H
#define FOREST_PARTS_H
#include "num/forest.h"

unsigned forest_depth(uint32_t samples);               /* ceil(log2(samples)), at least 1: the limit of a tree */
/* Sums as a row's path lengths are summed: where all rows are equal, both are, and the score is 1/2 to the bit. */
double forest_typical(const Forest *f);
/* The score of a row whose paths add up to `sum`. */
double forest_score_of(const Forest *f, double sum);

/* ---- the fast way: forest_program.c says why it gives the same bits */

enum { FOREST_BLOCK = 64, FOREST_BIAS = 32768 };       /* rows that are scored together */

typedef struct ForestScale {                           /* the thresholds of one feature */
    uint32_t feature, n;
    float   *threshold;                                /* rising, distinct; infinity behind them                */
    int32_t *start;                                    /* of each bucket in threshold                           */
    float    low, buckets_each, last;                  /* bucket = (x - low) * buckets_each, within 0 .. last   */
    uint32_t stride;                                   /* of the search in a bucket: the largest power of two in it */
} ForestScale;

typedef struct ForestStep {                            /* slot[leaves + i] = code[scale] > rank ? right : left */
    int16_t  rank;
    uint16_t scale, left, right;
} ForestStep;

typedef struct ForestProgram {
    Arena       *a;                                    /* where it lives: the caller's          */
    uint32_t     used;                                 /* features with a cut                   */
    ForestScale *scale;
    ForestStep  *step;                                 /* of tree t: [step_from[t], step_from[t + 1]) */
    uint32_t    *step_from;
    double      *length;                               /* trees times leaves                    */
    uint32_t     leaves, steps;                        /* the most of any tree                  */
} ForestProgram;

/* False when the forest is too large for one, or memory ended: then it is scored row by row. */
bool forest_program(const Forest *f, ForestProgram *p);

/* Codes of FOREST_BLOCK rows of `cols` cells in one feature.  Needs AVX2, as does the next one. */
void forest_codes_avx2(const ForestScale *s, const float *x, size_t cols, int16_t code[static FOREST_BLOCK]);
/* One tree: runs the steps; slots [0, leaves) hold their own number, the last step's the answer.  Then
 * sum[row] += length[answer[row]]. */
void forest_run_avx2(const ForestStep *step, size_t steps, size_t leaves, const int16_t (*code)[FOREST_BLOCK],
                     int16_t (*slot)[FOREST_BLOCK], const double *length, double sum[static FOREST_BLOCK]);

#endif
