/* confident.h - confident learning: which labels are probably wrong (Northcutt, Jiang, Chuang, JAIR 2021).
 *
 * Input is each row's given label and its probabilities by a model that did not see it.  A class's threshold is how sure
 * the model is, on average, of rows that carry its label; a row counts as (given, guess) when it passes the threshold of
 * a class.  Those counts, scaled to the labels' counts, estimate how many labels of each kind are wrong, and that many
 * rows are flagged, the least likely first.  The numbers are those of cleanlab 2.9: its thresholds, joint and masks.
 *
 * Where rows tie, cleanlab's choice depends on its sort; here the one with the smaller probability of its own label goes first,
 * then the earlier row.  Trusted: sizes, and labels below `classes`.  Not trusted: the probabilities, which may be anything finite. */
#ifndef CONFIDENT_H
#define CONFIDENT_H
#include "base/base.h"

enum { CONFIDENT_CLASSES_MAX = 4096 };

typedef enum { PRUNE_BY_NOISE_RATE, PRUNE_BY_CLASS, PRUNE_BOTH } Prune;

typedef struct ConfidentAsk {
    const double   *p;                                 /* rows * classes                  */
    const uint32_t *given;                             /* the labels: rows                */
    size_t          rows;
    uint32_t        classes;
    Prune           prune;
} ConfidentAsk;

typedef struct Confident {
    double  *threshold;                                /* of each class; 2 where no row has its label               */
    int64_t *joint;                                    /* [given][true]: how many rows, by estimate; adds up to rows */
    bool    *wrong;                                    /* each row: its label is probably wrong                     */
    size_t   flagged;
} Confident;

/* E_LIMIT with too many classes.  Everything lives in the arena. */
bool confident_find(Arena *a, const ConfidentAsk *ask, Confident *out, Err *e);

/* The most likely class of a row but for `not`; CONFIDENT_CLASSES_MAX leaves out none.  The first of equals. */
uint32_t confident_guess(const double *p, uint32_t classes, uint32_t not);
/* (p[given] - the largest other + 1) / 2: 0 is surely wrong, 1 surely right. */
double confident_margin(const double *p, uint32_t classes, uint32_t given);

#endif
