/* forest.h - isolation forests (Liu, Ting, Zhou, ICDM 2008): how few random cuts it takes to set a row apart.
 *
 * What a fit draws and what a score means is scikit-learn's IsolationForest: float32 rows, `samples` of them for each
 * tree without replacement, a feature among those that vary in the node, a threshold uniform between their least and
 * greatest, at most ceil(log2(samples)) cuts deep.  Its forests can be loaded and give its scores.  Only the chance is
 * our own: each tree draws from a generator seeded by (seed, tree), so a forest does not depend on the threads.
 *
 *     Forest f;                                            everything lives in the caller's arena
 *     forest_fit(a, pool, &ask, x, rows, cols, &f, e);
 *     forest_scores(&f, pool, x, rows, score);             0..1, high is odd; or forest_score(&f, row) for one row
 *     forest_contaminate(&f, score, rows, 0.01);           else what scores above a half is odd
 *     forest_odd(&f, score[i])
 *
 * forest_score is the truth: it walks the trees.  forest_scores runs a program made of the forest (forest_fast.c) on
 * 64 rows at a time, where the processor can; both give the same bits, because both take the same ways and add the same
 * doubles in the same order, and because logarithm and power are our own: no libm, no contraction, the same everywhere.
 *
 * The parts: forest.c fits, forest_score.c scores and blames, forest_fast.c and forest_avx2.c are the fast way,
 * forest_file.c writes and reads.  Trusted: the caller's sizes.  Not trusted: the bytes given to forest_read.
 * A Forest is never written to after it is made, so any number of threads may score with it. */
#ifndef FOREST_H
#define FOREST_H
#include "base/pool.h"

enum {
    FOREST_TREES = 100, FOREST_SAMPLES = 256,          /* what is taken when nothing is asked for */
    FOREST_TREES_MAX = 10000, FOREST_SAMPLES_MAX = 1 << 24, FOREST_FEATURES_MAX = 1 << 20, FOREST_NODES_MAX = 1 << 27,
    FOREST_NAME_MAX = 1024
};
#define FOREST_LEAF UINT32_MAX

typedef struct ForestNode {                            /* in preorder: the left child follows its parent */
    uint32_t feature;                                  /* FOREST_LEAF: a leaf                            */
    uint32_t n;                                        /* samples that came here                         */
    union {
        struct {
            float    threshold;                        /* x <= threshold goes left, all else right, NaN too */
            uint32_t right;                            /* the node, counted from its tree's root            */
        };
        double length;                                 /* of a leaf: cuts down to it + forest_average(n)    */
    };
} ForestNode;

typedef struct Forest {
    uint32_t    features, trees, samples;
    uint64_t    seed, rows;                            /* rows it was fitted on                                  */
    double      typical;                               /* forest_average(samples), added up once a tree          */
    double      contamination, offset;                 /* 0: not given; a row is odd where -score < offset       */
    Str        *name;                                  /* of the features; NULL: they have none                  */
    float      *fill;                                  /* what stands for a missing cell; NULL: cells are not missing */
    uint64_t   *root;                                  /* trees + 1: tree t is node[root[t]] .. node[root[t + 1]] */
    ForestNode *node;
} Forest;

typedef struct ForestAsk {
    uint32_t trees, samples;                           /* 0: the defaults; more samples than rows: the rows */
    uint64_t seed;
} ForestAsk;

/* Every cell must be finite.  E_LIMIT where a maximum is passed, E_FORMAT without rows or columns. */
bool forest_fit(Arena *a, Pool *pool, const ForestAsk *ask, const float *x, size_t rows, size_t cols, Forest *out, Err *e);

/* Score of one row of f->features cells: 2^-(mean path length / forest_average(samples)).  Allocates nothing. */
double forest_score(const Forest *f, const float *row);
/* The same bits for many rows, fast.  The pool may be NULL. */
void forest_scores(const Forest *f, Pool *pool, const float *x, size_t rows, double *score);
/* Sets the offset so that this share (0 < share <= .5) of these scores, the training rows', is odd. */
bool forest_contaminate(Forest *f, const double *score, size_t rows, double share, Err *e);
static inline double forest_threshold(const Forest *f) { return -f->offset; } /* odd is what scores above it */
static inline bool   forest_odd(const Forest *f, double score) { return -score - f->offset < 0; }

/* Which features set the row apart: each cut on its paths counts by how much it thinned the samples, in bits, weighted
 * 1/(depth + 1).  share[features] adds up to 1, or is all 0 when no tree has a cut.  Counting cuts without their effect was
 * tried: of 85 rows moved six deviations in one of twelve columns it names that column first for 8, this for 81. */
void forest_blame(const Forest *f, const float *row, double *share);

/* Average path length of an unsuccessful search among n: c(n) of the paper. */
double forest_average(uint64_t n);
/* The largest float <= t: `x <= t` is decided alike for every float x. */
float forest_round_down(double t);

/* The file (little-endian):
 *     "moatfrst" | u32 version 1 | u32 features | u32 trees | u32 samples | u64 seed | u64 rows | f64 contamination |
 *     f64 offset | u32 flags (1: names, 2: fill) | names: features times u32 length, bytes | fill: features times f32 |
 *     trees times: u32 nodes, then each in preorder: u32 feature, f32 threshold; a leaf: u32 2^32-1, u32 samples in it |
 *     u32 CRC-32 (as in zlib) of all before */
void forest_write(const Forest *f, Buf *out);
/* Refuses whatever forest_write would not have written of a forest that was fitted. */
bool forest_read(Arena *a, Str file, Forest *out, Err *e);

#endif
