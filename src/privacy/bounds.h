/* bounds.h - what the scores of an attack prove: how well it tells members from others, and an epsilon no lower than which
 * the training can be.
 *
 * A larger score means member.  Lower bounds hold with the confidence given, for canaries or rows that were in or out by
 * fair coins; the one-run bounds need only one training (Steinke, Nasr, Jagielski 2023, 2305.08846; with a Gaussian
 * trade-off Mahloujifar et al. 2024, 2410.22235), Clopper-Pearson's needs scores from independent trainings.  Bounds over
 * all thresholds divide the error by the vertices of the convex hull of the ROC, as jax_privacy does; since those depend
 * on the data, `split` is the one for claims: the threshold comes from one half of the scores, the bound from the other.
 * An audit is a lower bound, never a guarantee.
 *
 * Trusted: nothing but memory; a score that is not a number is an error of the caller's reading, not ours. */
#ifndef BOUNDS_H
#define BOUNDS_H
#include "base/base.h"

typedef struct Vertex {
    size_t fn, tn;                                     /* members, others with a score below the threshold */
} Vertex;

typedef struct Roc {
    double *in, *out;                                  /* ascending            */
    size_t  n_in, n_out;
    Vertex *hull;                                      /* fn and tn ascending  */
    size_t  n;
} Roc;

enum { SCORES_MAX = 1 << 26 };

/* Copies the scores; everything lives in the arena.  E_FORMAT without members or others, or with a NaN. */
bool roc_new(Arena *a, const double *in, size_t n_in, const double *out, size_t n_out, Roc *r, Err *e);

double roc_auc(const Roc *r);                          /* exact; ties count half */
double roc_balanced_accuracy(const Roc *r);            /* of the best threshold  */
typedef struct Tpr {
    double tpr, low, high;                             /* with its Clopper-Pearson interval          */
    bool   enough;                                     /* at least 10 / fpr others: else say nothing */
} Tpr;
/* By the lowest threshold with at most floor(fpr others) false positives; equal scores stay together. */
Tpr roc_tpr(const Roc *r, double fpr, double confidence);

/* On the hull, as jax_privacy computes them (thresholds at random between two vertices). */
double hull_auc(const Roc *r);
double hull_tpr(const Roc *r, double fpr);
double hull_accuracy(const Roc *r);

/* Upper end of a one-sided Clopper-Pearson interval for k of n. */
double binomial_upper(size_t k, size_t n, double error);

double bound_clopper_pearson(const Roc *r, double delta, double confidence);
double bound_one_run(const Roc *r, double delta, double confidence);
double bound_one_run_gaussian(const Roc *r, double delta, double confidence);  /* assumes a Gaussian trade-off */
double bound_gaussian_fit(const Roc *r, double delta, double confidence);      /* an estimate, not a bound     */
/* The one-run bound of one half at the threshold that was best on the other; `seed` cuts the halves. */
bool   bound_split(const Roc *r, double delta, double confidence, uint64_t seed, double *out, Err *e);

#endif
