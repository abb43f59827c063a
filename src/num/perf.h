/* perf.h - how good predictions were: counts, rankings, probabilities, values, and the same for groups of people.
 *
 * A truth may be soft: `y` is the probability that the row is positive.  With hard truths (0 or 1) the functions are the
 * usual ones; with calibrated probabilities they estimate performance before any label is known (CBPE).  Where a
 * denominator is zero the value is 0 and `undefined` says so.  Trusted: the caller's sizes; at least one row. */
#ifndef PERF_H
#define PERF_H
#include "base/base.h"

typedef struct Scored {
    double p;                                          /* score of the positive class */
    double y;                                          /* truth: 0, 1 or between      */
} Scored;

/* ---- two classes */

typedef struct Counts2 {
    double tp, fp, fn, tn;
} Counts2;
typedef struct Binary {
    double accuracy, balanced_accuracy, precision, recall, specificity, f1, f1_macro, mcc, kappa;
    bool   undefined;
} Binary;
Counts2 counts2(const Scored *v, size_t n, double threshold);       /* predicted positive: p >= threshold */
Binary  binary_of(Counts2 c);
typedef struct Ranking {
    double auc, ap;                                    /* ties are one point; AP without interpolation */
    bool   undefined;                                  /* only one class                               */
} Ranking;
Ranking ranking_of(Scored *v, size_t n);               /* sorts v by falling score */
double  brier(const Scored *v, size_t n);
double  log_loss(const Scored *v, size_t n);           /* p clipped to [2^-52, 1 - 2^-52] */
double  ece(const Scored *v, size_t n, size_t bins);   /* expected calibration error, equal widths, closed on the right */

/* ---- many classes: confusion[truth * k + predicted] */

typedef struct Multiclass {
    double accuracy, f1_macro, f1_weighted, f1_micro, mcc;
    bool   undefined;
} Multiclass;
Multiclass multiclass_of(const uint64_t *confusion, size_t k);

/* ---- values */

typedef struct Regression {
    double mae, rmse, r2, mape;
} Regression;
Regression regression_of(const Scored *v, size_t n);   /* p predicted, y true */

/* ---- groups */

enum { GROUP_LEAST = 30 };                             /* a group with fewer rows is not judged */
typedef struct Range {
    double low, high;
} Range;
typedef struct Group {
    Counts2 c;
    double  selection, tpr, fpr, ppv;                  /* filled by fairness_of */
} Group;
typedef struct Fairness {
    double demographic_parity, demographic_parity_ratio, equal_opportunity, equalized_odds, equalized_odds_ratio, predictive_parity;
    Range  demographic_parity_range;                   /* 95 %, Newcombe 1998, of the two groups that are furthest apart */
    size_t judged;                                     /* groups that are large enough */
} Fairness;
Fairness fairness_of(Group *g, size_t n);
Range    wilson(double hits, double n);                /* 95 % */

/* ---- calibration */

typedef struct Isotonic {                              /* rising line through knots, flat outside */
    size_t  n;
    double *x, *y;
} Isotonic;
/* Pool adjacent violators on v (sorted by it); the result's arrays live in the arena.  False when it is too small. */
bool   isotonic_fit(Arena *a, Scored *v, size_t n, Isotonic *out);
double isotonic_at(const Isotonic *f, double x);

#endif
