/* drift.h - reference against current, feature by feature, by the exact engine of num/stats.h.
 *
 * A feature has drifted when the effect reaches the threshold *and* the p-value, adjusted over all features of the
 * comparison (Benjamini, Hochberg), is at most 5 %, with enough rows on both sides.  The effect is the Wasserstein distance
 * over the reference's deviation for numbers, the Jensen-Shannon distance for categories and for numbers of at most five
 * values.  The p-value is Kolmogorov-Smirnov's, or the chi-square test's (two categories: of two proportions). */
#ifndef DRIFT_H
#define DRIFT_H
#include "base/pool.h"
#include "watch/columns.h"
#include "watch/watch.h"

typedef enum { DRIFT_NONE, DRIFT_FOUND, DRIFT_UNKNOWN } DriftVerdict;

typedef struct DriftSide {                             /* of the reference or of the current data */
    uint64_t n, missing, infinite;                     /* n: finite values, or texts              */
    double   mean, variance, skewness, kurtosis, p01, p50, p99;
} DriftSide;

typedef struct DriftFeature {
    Str          name;
    bool         categorical;
    DriftSide    ref, cur;
    double       ks, ks_p, ks_p_asymptotic, psi, psi_expected, psi_evidently, js, js_evidently, js_nannyml, kl, hellinger;
    double       wasserstein, wasserstein_norm, energy, cvm, cvm_p, mannwhitney_p;
    double       chi2, chi2_p, g, g_p, fisher_p, z_p, tvd, linf;     /* NaN: not defined for this feature */
    double       missing_p;
    double       effect, p, p_adjusted;
    const char  *effect_name, *test;                   /* "wasserstein_norm", "ks" */
    uint64_t     categories, new_categories, gone_categories;
    Str          new_example, gone_example;            /* the first of them; borrowed from the columns */
    DriftVerdict verdict;
    bool         failed;                               /* no memory for it: nothing above is valid */
} DriftFeature;

typedef struct DriftAsk {
    double   threshold;                                /* of the effect; 0: 0.1 */
    uint64_t min_rows;                                 /* 0: 200                */
    uint64_t seed;                                     /* of permutations       */
    const Str *only;                                   /* these columns; none: all of the reference */
    size_t     only_count;
} DriftAsk;

typedef struct DriftReport {
    size_t        count;
    DriftFeature *v;
    size_t        tests;                               /* p-values the adjustment was over */
} DriftReport;

/* Results live in the arena, findings in `found`.  False (E_FORMAT, E_NOMEM) when nothing can be compared. */
bool drift_compare(Arena *a, Pool *pool, const Columns *ref, const Columns *cur, const DriftAsk *ask, Findings *found, DriftReport *out, Err *e);
void drift_json(const DriftReport *r, JsonOut *w);     /* the member "features" of an open object */
void drift_text(const DriftReport *r, Buf *out);

#endif
