/* stats.h - two samples compared: how far apart are they, and could chance alone do that?
 *
 * The exact engine.  A numeric sample is sorted once (sample_sort) and everything is read off the sorted values; a
 * categorical one is a row of counts.  Missing and infinite values are taken out by the caller, who counts them.  Formulas
 * and their papers stand beside the functions in stats_*.c:
 *
 *     stats.c         sorting, moments, quantiles       stats_ks.c      Kolmogorov-Smirnov and its p-values
 *     stats_gap.c     KS, Wasserstein and energy        stats_rank.c    Cramer-von Mises, Mann-Whitney
 *     stats_bins.c    bins, PSI, JS, KL, Hellinger      stats_counts.c  chi2, G, Fisher, proportions
 *
 * Statistics agree with scipy 1.10.1 to 1e-12 and p-values to 1e-9 (cvm_p: 1e-8 absolute; there scipy's series ends early).
 * Trusted: the caller: samples are sorted, finite and not empty, sizes below 2^31. */
#ifndef STATS_H
#define STATS_H
#include "base/rng.h"

typedef struct Sample {
    const double *v;                                   /* sorted, finite; borrowed */
    size_t        n;
} Sample;

/* Radix sort; -0 becomes 0.  `scratch` has room for n. */
void sample_sort(double *v, double *scratch, size_t n);

typedef struct Moments {
    double mean, variance, skewness, kurtosis;         /* variance: ddof 1; the others: population moments, excess */
    double deviation;                                  /* ddof 0                                                   */
} Moments;
Moments moments_of(Sample x);
double  quantile(Sample x, double q);                  /* type 7 (Hyndman, Fan 1996) */
size_t  distinct(Sample x, size_t stop);               /* different values, counted up to `stop` */

/* ---- the gap between the two distribution functions */

typedef struct Gap {
    double   ks, wasserstein, energy;
    uint64_t h;                                        /* ks * lcm(n, m): exact */
} Gap;
Gap      sample_gap(Sample x, Sample y);
uint64_t common_divisor(uint64_t a, uint64_t b);       /* the greatest */
double wasserstein_norm(double w, double deviation);   /* w / max(deviation, 0.001) */
/* P(KS >= h / lcm(n, m)) by lattice paths, O(n * m); NaN when the arena has no room for m numbers. */
double ks_p_exact(Arena *a, size_t n, size_t m, uint64_t h);
/* By the law of the one-sample statistic at N = nm/(n+m), as scipy's "asymp". */
double ks_p_asymptotic(Arena *a, size_t n, size_t m, double d);
/* Exact where scipy's "auto" is: both sizes up to 10,000. */
double ks_p(Arena *a, size_t n, size_t m, const Gap *g);
double kolmogorov_sf(Arena *a, uint64_t n, double d);  /* P(D_n >= d), two-sided, one sample */

/* ---- ranks */

typedef struct CramerMises {
    double t, p;
} CramerMises;
CramerMises cramer_mises(Sample x, Sample y);
/* Two-sided.  Exact when there are no ties, the smaller sample has at most 8 values and n * m <= 4096; else normal with
 * corrections for ties and continuity. */
double      mann_whitney_p(Arena *a, Sample x, Sample y);

/* ---- bins */

enum { BINS_MAX = 4096 };
typedef struct Bins {                                  /* shares of both samples in the same bins */
    size_t  n;
    double *a, *b;                                     /* reference, current */
} Bins;
/* Edges at the quantiles 0, 1/k ... 1 of the reference, equal ones merged; returns how many inner edges stay.  The ends
 * are open: bin i holds [e[i-1], e[i]). */
size_t quantile_edges(Sample reference, size_t k, double *edges);
bool   bins_quantile(Arena *a, Sample x, Sample y, size_t k, Bins *out);
/* Edges that depend on both (evidently): equal widths after Sturges, or one bin a value up to 20 values. */
bool   bins_sturges(Arena *a, Sample x, Sample y, Bins *out);
/* Doane's widths over the reference, and what lies outside as one more bin (nannyml). */
bool   bins_doane(Arena *a, Sample x, Sample y, Bins *out);
bool   bins_counts(Arena *a, const uint64_t *x, const uint64_t *y, size_t k, Bins *out);

/* Population stability: sum (b - a) ln(b / a), an empty bin counted as 1e-4. */
double psi(const Bins *b);
double psi_chance(size_t bins, size_t n, size_t m);    /* what PSI is expected to be without any drift */
double psi_filled(const Bins *b);                      /* the same with evidently's fill of empty bins */
double kl_filled(const Bins *b);                       /* sum a ln(a / b) with that fill               */
double js_distance(const Bins *b);                     /* sqrt of the divergence, natural logarithm    */
double hellinger(const Bins *b);
double total_variation(const Bins *b);
double largest_difference(const Bins *b);

/* ---- counts */

typedef struct Chi2 {
    double   chi2, p, g, g_p;
    unsigned dof;
    bool     permuted;                                 /* too many small expected counts: p is a permutation's */
} Chi2;
Chi2   chi2_counts(const uint64_t *x, const uint64_t *y, size_t k, uint64_t seed);
double fisher_p(uint64_t a, uint64_t b, uint64_t c, uint64_t d);     /* the table {{a, b}, {c, d}} */
double proportions_p(uint64_t hits_x, uint64_t n, uint64_t hits_y, uint64_t m);

/* Benjamini, Hochberg 1995: p-values to adjusted ones, in place.  `order` has room for n; NaN stay and do not count. */
void adjust_p(double *p, size_t *order, size_t n);

#endif
