/* stats_rank.c - tests on the ranks of the pooled sample; see stats.h. */
#include "num/special.h"
#include "num/stats.h"
#include <math.h>

/* Calls fn for each group of equal values: `i` and `j` values of x and y came before it, `a` and `b` are in it. */
typedef struct Ties {
    size_t i, j, a, b;
} Ties;

static bool ties_next(Ties *t, Sample x, Sample y)
{
    t->i += t->a, t->j += t->b, t->a = t->b = 0;
    if (t->i >= x.n && t->j >= y.n)
        return false;
    double v = t->j >= y.n || (t->i < x.n && x.v[t->i] <= y.v[t->j]) ? x.v[t->i] : y.v[t->j];
    while (t->i + t->a < x.n && x.v[t->i + t->a] == v)
        t->a++;
    while (t->j + t->b < y.n && y.v[t->j + t->b] == v)
        t->b++;
    return true;
}

static long double middle_rank(const Ties *t) { return (long double)(t->i + t->j) + (long double)(t->a + t->b + 1) / 2; }

/* ---- Cramer-von Mises (Anderson 1962); the limit law by Csorgo and Faraway 1996 */

/* exp(x) K_{1/4}(x): the integral over exp(-x (cosh t - 1)) cosh(t/4), whose trapezoidal sums converge at once. */
static double bessel_k_quarter_scaled(double x)
{
    const double step = 1.0 / 16;
    double       sum = 0.5;
    for (int k = 1; k < 4096; k++) {
        double t = k * step, s = sinh(t / 2), term = exp(-2 * x * s * s) * cosh(t / 4);
        sum += term;
        if (term < 1e-18 * sum)
            break;
    }
    return sum * step;
}

static double cramer_mises_cdf(double x)
{
    double sum = 0;
    for (int k = 0; k < 10000; k++) {
        double y = 4.0 * k + 1, q = y * y / (16 * x);
        double term = exp(lgamma(k + 0.5) - lgamma(k + 1.0) - 2 * q) * sqrt(y) * bessel_k_quarter_scaled(q);
        sum += term;
        if (term < 1e-17 * sum)
            break;
    }
    return sum / (pow(M_PI, 1.5) * sqrt(x));
}

CramerMises cramer_mises(Sample x, Sample y)
{
    long double n = (long double)x.n, m = (long double)y.n, k = n * m, all = n + m, over_x = 0, over_y = 0;
    for (Ties t = { 0 }; ties_next(&t, x, y);) {
        long double middle = middle_rank(&t);
        for (size_t i = 1; i <= t.a; i++)
            over_x += (middle - (long double)(t.i + i)) * (middle - (long double)(t.i + i));
        for (size_t j = 1; j <= t.b; j++)
            over_y += (middle - (long double)(t.j + j)) * (middle - (long double)(t.j + j));
    }
    long double stat = (n * over_x + m * over_y) / (k * all) - (4 * k - 1) / (6 * all);
    long double mean = (1 + 1 / all) / 6;
    long double variance = (all + 1) * (4 * k * all - 3 * (n * n + m * m) - 2 * k) / (180 * all * all * k);
    double      z = (double)(1 / 6.0L + (stat - mean) / sqrtl(45 * variance));
    double      p = z < 0.003 ? 1 : 1 - cramer_mises_cdf(z);
    return (CramerMises){ .t = (double)stat, .p = p < 0 ? 0 : p };
}

/* ---- Mann and Whitney 1947 */

enum { EXACT_SMALLER = 8, EXACT_CELLS = 4096 };

/* P(U >= u): probabilities of U built up one value at a time, which never subtracts. */
static double exact_sf(Arena *a, size_t n, size_t m, uint64_t u)
{
    size_t   top = n * m, width = top + 1;
    double  *p = arena_get(a, (n + 1) * width, sizeof *p), sum = 0;
    if (p == NULL)
        return NAN;
    for (size_t i = 0; i <= n; i++)
        p[i * width] = 1;                              /* no y yet: U is 0 */
    for (size_t j = 1; j <= m; j++)
        for (size_t i = 1; i <= n; i++)
            for (size_t v = i * j + 1; v-- > 0;) {     /* the largest value is y's (U grows by i) or x's */
                double of_y = v >= i ? p[i * width + v - i] : 0;
                p[i * width + v] = of_y * (double)j / (double)(i + j);
                p[i * width + v] += v <= (i - 1) * j ? p[(i - 1) * width + v] * (double)i / (double)(i + j) : 0;
            }
    for (uint64_t v = u; v <= top; v++)
        sum += p[n * width + v];
    return sum;
}

double mann_whitney_p(Arena *a, Sample x, Sample y)
{
    long double ranks = 0, tie = 0, n = (long double)x.n, m = (long double)y.n, all = n + m;
    bool        tied = false;
    for (Ties t = { 0 }; ties_next(&t, x, y);) {
        long double size = (long double)(t.a + t.b);
        ranks += middle_rank(&t) * (long double)t.a;
        tie += size * size * size - size;
        tied |= t.a + t.b > 1;
    }
    long double u = ranks - n * (n + 1) / 2, other = n * m - u, most = u > other ? u : other;
    size_t      smaller = x.n < y.n ? x.n : y.n, larger = x.n + y.n - smaller;
    if (!tied && smaller <= EXACT_SMALLER && larger <= EXACT_CELLS / smaller)
        return fmin(1, 2 * exact_sf(a, smaller, larger, (uint64_t)most));
    double s = (double)sqrtl(n * m / 12 * (all + 1 - tie / (all * (all - 1))));
    if (s == 0)
        return 1;
    return fmin(1, 2 * normal_sf((double)(most - n * m / 2 - 0.5L) / s));
}
