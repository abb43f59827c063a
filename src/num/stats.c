/* stats.c - sorting, moments, quantiles, multiplicity; see stats.h. */
#include "num/stats.h"
#include <math.h>

/* ---- sorting: least significant digit first, six digits of 11 bits over keys whose order is the numbers' */

enum { DIGIT = 11, DIGITS = 6, BUCKETS = 1 << DIGIT };

static uint64_t key_of(double v)
{
    uint64_t u;
    v += 0.0;                                          /* -0 and 0 are one value */
    memcpy(&u, &v, sizeof u);
    return u >> 63 ? ~u : u | (uint64_t)1 << 63;
}

static double value_of(uint64_t k)
{
    double v;
    k = k >> 63 ? k & ~((uint64_t)1 << 63) : ~k;
    memcpy(&v, &k, sizeof v);
    return v;
}

static uint64_t key_at(const double *v, size_t i)
{
    uint64_t k;
    memcpy(&k, v + i, sizeof k);
    return k;
}

static void insertion_sort(double *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double x = v[i] + 0.0;
        size_t k = i;
        for (; k > 0 && v[k - 1] > x; k--)
            v[k] = v[k - 1];
        v[k] = x;
    }
}

/* One digit of keys from `from` to `to`; false when all have the same and nothing was moved. */
static bool scatter(const double *from, double *to, size_t n, const uint32_t *count, unsigned shift)
{
    uint32_t place[BUCKETS], sum = 0;
    if (count[key_at(from, 0) >> shift & (BUCKETS - 1)] == n)
        return false;
    for (size_t b = 0; b < BUCKETS; b++)
        place[b] = sum, sum += count[b];
    for (size_t i = 0; i < n; i++) {
        uint64_t k = key_at(from, i);
        memcpy(to + place[k >> shift & (BUCKETS - 1)]++, &k, sizeof k);
    }
    return true;
}

void sample_sort(double *v, double *scratch, size_t n)
{
    uint32_t count[DIGITS][BUCKETS];
    double  *from = v, *to = scratch;
    if (n < 256) {
        insertion_sort(v, n);
        return;
    }
    memset(count, 0, sizeof count);
    for (size_t i = 0; i < n; i++) {
        uint64_t k = key_of(v[i]);
        memcpy(v + i, &k, sizeof k);
        for (unsigned d = 0; d < DIGITS; d++)
            count[d][k >> d * DIGIT & (BUCKETS - 1)]++;
    }
    for (unsigned d = 0; d < DIGITS; d++)
        if (scatter(from, to, n, count[d], d * DIGIT)) {
            double *t = from;
            from = to, to = t;
        }
    for (size_t i = 0; i < n; i++)
        v[i] = value_of(key_at(from, i));
}

/* ---- moments and quantiles */

/* Kahan's sum of (v - shift)^power: two passes, so that a large common offset costs no digits. */
static double power_sum(Sample x, double shift, unsigned power)
{
    double sum = 0, rest = 0;
    for (size_t i = 0; i < x.n; i++) {
        double d = x.v[i] - shift, term = d;
        for (unsigned k = 1; k < power; k++)
            term *= d;
        double y = term - rest, t = sum + y;
        rest = (t - sum) - y, sum = t;
    }
    return sum;
}

Moments moments_of(Sample x)
{
    double n = (double)x.n, first = x.v[0];
    double mean = first + power_sum(x, first, 1) / n;
    mean += power_sum(x, mean, 1) / n;
    double m2 = power_sum(x, mean, 2) / n, m3 = power_sum(x, mean, 3) / n, m4 = power_sum(x, mean, 4) / n;
    return (Moments){ .mean = mean, .variance = x.n > 1 ? m2 * n / (n - 1) : NAN, .deviation = sqrt(m2),
                      .skewness = m2 > 0 ? m3 / (m2 * sqrt(m2)) : NAN, .kurtosis = m2 > 0 ? m4 / (m2 * m2) - 3 : NAN };
}

double quantile(Sample x, double q)
{
    double at = q * (double)(x.n - 1), whole = floor(at);
    size_t i = (size_t)whole;
    if (i + 1 >= x.n)
        return x.v[x.n - 1];
    double low = x.v[i], high = x.v[i + 1], t = at - whole;
    return t >= 0.5 ? high - (high - low) * (1 - t) : low + (high - low) * t;      /* as numpy: monotone, exact at the ends */
}

size_t distinct(Sample x, size_t stop)
{
    size_t n = x.n > 0;
    for (size_t i = 1; i < x.n && n < stop; i++)
        n += x.v[i] != x.v[i - 1];
    return n;
}

/* ---- many tests at once */

static void sort_by(const double *p, size_t *order, size_t n)
{
    for (size_t gap = n / 2; gap > 0; gap /= 2)        /* Shell: no context for qsort's comparison, few rows */
        for (size_t i = gap; i < n; i++) {
            size_t o = order[i], k = i;
            for (; k >= gap && p[order[k - gap]] > p[o]; k -= gap)
                order[k] = order[k - gap];
            order[k] = o;
        }
}

void adjust_p(double *p, size_t *order, size_t n)
{
    size_t tests = 0;
    for (size_t i = 0; i < n; i++)
        if (!isnan(p[i]))
            order[tests++] = i;
    sort_by(p, order, tests);
    double least = 1;
    for (size_t rank = tests; rank > 0; rank--) {
        double *v = &p[order[rank - 1]], adjusted = *v * (double)tests / (double)rank;
        least = adjusted < least ? adjusted : least;
        *v = least;
    }
}
