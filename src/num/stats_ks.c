/* stats_ks.c - how likely a Kolmogorov-Smirnov statistic is; see stats.h.
 *
 * Two samples: lattice paths (Hodges 1958), counted as the share that touches the boundary, never as one minus the share
 * that does not: at p = 1e-15 that would have no digits left.  One sample: each region has the method that is accurate
 * there (Simard, L'Ecuyer 2011): the Durbin matrix, Pelz-Good's series, or twice the one-sided tail of Smirnov. */
#include "num/stats.h"
#include <math.h>

enum { EXACT_MAX = 10000, DURBIN_MAX = 128 };

/* ---- two samples */

double ks_p_exact(Arena *a, size_t n, size_t m, uint64_t h)
{
    uint64_t g = common_divisor(n, m), mg = m / g, ng = n / g;
    double  *row = arena_get(a, m + 1, sizeof *row);
    if (row == NULL)
        return NAN;
    if (h == 0)
        return 1;
    for (size_t j = 0; j <= m; j++)                    /* i = 0: outside the band from j * ng >= h on */
        row[j] = j * ng >= h;
    for (size_t i = 1; i <= n; i++) {
        uint64_t at = i * mg;
        size_t   from = at < h ? 0 : (at - h) / ng + 1, to = (at + h - 1) / ng;    /* the band: |i mg - j ng| < h */
        if (from > m)
            return 1;
        to = to > m ? m : to;
        if (from > 0)
            row[from - 1] = 1;
        for (size_t j = from; j <= to; j++)            /* what lies above `to` was 1 in the row before, too */
            row[j] = j == 0 ? row[0] : (row[j] * (double)i + row[j - 1] * (double)j) / (double)(i + j);
    }
    return row[m];
}

double ks_p_asymptotic(Arena *a, size_t n, size_t m, double d)
{
    return kolmogorov_sf(a, (uint64_t)nearbyint((double)n * (double)m / (double)(n + m)), d);
}

double ks_p(Arena *a, size_t n, size_t m, const Gap *g)
{
    if (n <= EXACT_MAX && m <= EXACT_MAX)
        return ks_p_exact(a, n, m, g->h);
    return ks_p_asymptotic(a, n, m, g->ks);
}

/* ---- Smirnov's one-sided tail: d sum C(N,j) (d + j/N)^(j-1) (1 - d - j/N)^(N-j)
 *
 * Each term is a binomial probability over (d + j/N); Loader's form of those (2000) loses no digits at any N. */

/* ln(n!) - Stirling's formula */
static double stirling_rest(double n)
{
    if (n <= 15)
        return lgamma(n + 1) - (n + 0.5) * log(n) + n - 0.918938533204672741780329736406;
    double s = 1 / (n * n);
    return (1.0 / 12 - (1.0 / 360 - (1.0 / 1260 - (1.0 / 1680 - s / 1188) * s) * s) * s) / n;
}

/* x ln(x / mean) + mean - x */
static double deviance(double x, double mean)
{
    double d = x - mean;
    if (fabs(d) >= 0.1 * (x + mean))
        return x * log(x / mean) - d;
    double v = d / (x + mean), s = d * v, term = 2 * x * v;
    for (int k = 1; k < 1000; k++) {
        double before = s;
        term *= v * v;
        s += term / (2 * k + 1);
        if (s == before)
            break;
    }
    return s;
}

static double binomial(double j, double n, double p, double q)
{
    if (j == 0)
        return exp(n * log1p(-p));
    if (j == n)
        return exp(n * log(p));
    double log_p = stirling_rest(n) - stirling_rest(j) - stirling_rest(n - j) - deviance(j, n * p) - deviance(n - j, n * q);
    return exp(log_p) * sqrt(n / (2 * M_PI * j * (n - j)));
}

static double smirnov_sf(uint64_t n, double d)
{
    double   sum = 0, rest = 0;
    uint64_t last = (uint64_t)floor((double)n * (1 - d));
    for (uint64_t j = 0; j <= last; j++) {
        double p = d + (double)j / (double)n, q = 1 - p;
        if (q < 0 || (q == 0 && j < n))
            continue;
        double y = binomial((double)j, (double)n, p, q) / p - rest, t = sum + y;
        rest = (t - sum) - y, sum = t;
    }
    return d * sum;
}

/* ---- Durbin's matrix (Marsaglia, Tsang, Wang 2003): P(D_n < d) = n!/n^n (H^n)[k][k] */

typedef struct Power {                                 /* a matrix times 10^exponent */
    double *v;
    int     exponent;
} Power;

static void multiply(const Power *a, const Power *b, size_t m, Power *out)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < m; j++) {
            double s = 0;
            for (size_t k = 0; k < m; k++)
                s += a->v[i * m + k] * b->v[k * m + j];
            out->v[i * m + j] = s;
        }
    out->exponent = a->exponent + b->exponent;
    if (out->v[(m / 2) * m + m / 2] > 1e140) {
        for (size_t i = 0; i < m * m; i++)
            out->v[i] *= 1e-140;
        out->exponent += 140;
    }
}

static void durbin_matrix(double *h, size_t m, double rest)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < m; j++)
            h[i * m + j] = i + 1 >= j;
    for (size_t i = 0; i < m; i++) {
        h[i * m] -= pow(rest, (double)i + 1);
        h[(m - 1) * m + i] -= pow(rest, (double)(m - i));
    }
    h[(m - 1) * m] += 2 * rest - 1 > 0 ? pow(2 * rest - 1, (double)m) : 0;
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j <= i; j++)
            for (size_t g = 1; g <= i - j + 1; g++)
                h[i * m + j] /= (double)g;
}

static void swap(Power *a, Power *b)
{
    Power t = *a;
    *a = *b, *b = t;
}

static double durbin_cdf(Arena *a, uint64_t n, double d)
{
    size_t k = (size_t)((double)n * d) + 1, m = 2 * k - 1;
    if (k > DURBIN_MAX)
        return NAN;
    Power v[3] = { { arena_get(a, m * m, sizeof(double)), 0 }, { arena_get(a, m * m, sizeof(double)), 0 },
                   { arena_get(a, m * m, sizeof(double)), 0 } };
    if (v[0].v == NULL || v[1].v == NULL || v[2].v == NULL)
        return NAN;
    durbin_matrix(v[0].v, m, (double)k - (double)n * d);
    for (size_t i = 0; i < m; i++)
        v[1].v[i * m + i] = 1;
    for (uint64_t left = n; left > 0; left /= 2) {     /* v[1] *= v[0] for each bit; v[0] squared between them */
        if (left & 1)
            multiply(&v[1], &v[0], m, &v[2]), swap(&v[1], &v[2]);
        if (left > 1)
            multiply(&v[0], &v[0], m, &v[2]), swap(&v[0], &v[2]);
    }
    double s = v[1].v[(k - 1) * m + k - 1];
    for (uint64_t i = 1; i <= n; i++) {
        s = s * (double)i / (double)n;
        if (s < 1e-140)
            s *= 1e140, v[1].exponent -= 140;
    }
    return s * pow(10, v[1].exponent);
}

/* ---- Pelz and Good 1976: four terms of the expansion in 1/sqrt(n) */

enum { SERIES = 20 };

/* sums over all integers k of polynomials in (k + 1/2)^2 or k^2 times a Gaussian */
typedef struct Theta {
    double k0, k1, k2, k2_whole, k3, k3_whole;
} Theta;

static void theta_half(Theta *t, double z)
{
    double z2 = z * z, z4 = z2 * z2, z6 = z4 * z2, pi2 = M_PI * M_PI;
    for (int k = SERIES; k >= 0; k--) {                /* k and -k-1 are the same term */
        double h = pi2 * (k + 0.5) * (k + 0.5), e = 2 * exp(-h / (2 * z2));
        t->k0 += e / 2;
        t->k1 += (h - z2) * e;
        t->k2 += (6 * z6 + 2 * z4 + h * (2 * z4 - 5 * z2) + h * h * (1 - 2 * z2)) * e;
        t->k3 += (h * h * h * (5 - 30 * z2) + h * h * (-60 * z2 + 212 * z4) + h * (135 * z4 - 96 * z6) - 30 * z6 - 90 * z6 * z2) * e;
    }
}

static void theta_whole(Theta *t, double z)
{
    double z2 = z * z, pi2 = M_PI * M_PI;
    for (int k = SERIES; k >= 1; k--) {
        double h = pi2 * k * k, e = 2 * exp(-h / (2 * z2));
        t->k2_whole += h * e;
        t->k3_whole += (-h * h + 3 * h * z2) * e;
    }
}

static double pelz_good_cdf(uint64_t n, double d)
{
    double root = sqrt((double)n), z = root * d, c = sqrt(M_PI / 2);
    Theta  t = { 0 };
    theta_half(&t, z), theta_whole(&t, z);
    double k0 = 2 * c / z * t.k0;
    double k1 = c / (6 * pow(z, 4)) * t.k1;
    double k2 = c / (72 * pow(z, 7)) * t.k2 - c / (36 * pow(z, 3)) * t.k2_whole;
    /* 216 is scipy's; with the 108 of Simard and L'Ecuyer p differs in its sixth digit at n = 141, less beyond. */
    double k3 = c / (6480 * pow(z, 10)) * t.k3 + c / (216 * pow(z, 6)) * t.k3_whole;
    return k0 + (k1 + (k2 + k3 / root) / root) / root;
}

/* ---- which method where */

static double unit(double p) { return p < 0 ? 0 : p > 1 ? 1 : p; }

static double middle_sf(Arena *a, uint64_t n, double d)
{
    double nd2 = (double)n * d * d;
    if (n <= 140)
        return nd2 <= 4 ? 1 - durbin_cdf(a, n, d) : 2 * smirnov_sf(n, d);
    if (nd2 >= 370)
        return 0;
    if (nd2 >= 2.2)
        return 2 * smirnov_sf(n, d);
    return 1 - (n <= 100000 && (double)n * pow(d, 1.5) <= 1.4 ? durbin_cdf(a, n, d) : pelz_good_cdf(n, d));
}

double kolmogorov_sf(Arena *a, uint64_t n, double d)
{
    double t = (double)n * d;
    if (t <= 0.5)
        return 1;
    if (t <= 1)
        return 1 - exp(lgamma((double)n + 1) - (double)n * log((double)n) + (double)n * log(2 * t - 1));
    if (d >= 1)
        return 0;
    if (t >= (double)n - 1)
        return 2 * pow(1 - d, (double)n);
    return unit(d >= 0.5 ? 2 * smirnov_sf(n, d) : middle_sf(a, n, d));
}
