/* stats_gap.c - one walk over two sorted samples: what lies between F and G; see stats.h. */
#include "num/stats.h"
#include <math.h>

uint64_t common_divisor(uint64_t a, uint64_t b)
{
    while (b != 0) {
        uint64_t t = a % b;
        a = b, b = t;
    }
    return a;
}

typedef struct Sum {                                   /* Neumaier's: two million terms keep 1e-16 */
    double sum, rest;
} Sum;

static inline void sum_add(Sum *s, double v)
{
    double t = s->sum + v;
    s->rest += fabs(s->sum) >= fabs(v) ? (s->sum - t) + v : (v - t) + s->sum;
    s->sum = t;
}

/* |F - G| is |i m - j n| / (n m), in whole numbers: no rounding decides a tie. */
Gap sample_gap(Sample x, Sample y)
{
    uint64_t n = x.n, m = y.n, g = common_divisor(n, m), most = 0;
    double   unit = (double)n * (double)m, before = 0, high = 0;
    size_t   i = 0, j = 0;
    Sum      w = { 0 }, e = { 0 };
    while (i < n || j < m) {
        double v = j >= m || (i < n && x.v[i] <= y.v[j]) ? x.v[i] : y.v[j];
        sum_add(&w, high * (v - before));
        sum_add(&e, high * high * (v - before));
        while (i < n && x.v[i] == v)
            i++;
        while (j < m && y.v[j] == v)
            j++;
        uint64_t a = i * m, b = j * n, d = a > b ? a - b : b - a;
        most = d > most ? d : most;
        high = (double)d / unit, before = v;
    }
    return (Gap){ .ks = (double)most / unit, .h = most / g, .wasserstein = w.sum + w.rest, .energy = sqrt(2 * (e.sum + e.rest)) };
}

double wasserstein_norm(double w, double deviation) { return w / (deviation > 0.001 ? deviation : 0.001); }
