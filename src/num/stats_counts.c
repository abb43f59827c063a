/* stats_counts.c - tests on tables of counts; see stats.h. */
#include "num/special.h"
#include "num/stats.h"
#include <math.h>

enum { PERMUTATIONS = 1999 };

typedef struct Table2 {                                /* two rows of counts, and their sums */
    const uint64_t *x, *y;
    size_t          k;
    uint64_t        n, m;
} Table2;

static Table2 table2(const uint64_t *x, const uint64_t *y, size_t k)
{
    Table2 t = { x, y, k, 0, 0 };
    for (size_t i = 0; i < k; i++)
        t.n += x[i], t.m += y[i];
    return t;
}

static double square_over(double seen, double expected) { return (seen - expected) * (seen - expected) / expected; }
static double seen_log(double seen, double expected) { return seen > 0 ? seen * log(seen / expected) : 0; }

/* ---- chance under the null hypothesis, margins fixed */

static double log_choose(double n, double k) { return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1); }

/* How many of `draws` balls are white, of `white` and `black` in the urn: inversion that starts at the mode. */
static uint64_t hypergeometric(Rng *r, uint64_t white, uint64_t black, uint64_t draws)
{
    double   w = (double)white, b = (double)black, d = (double)draws, u = rng_unit(r);
    uint64_t low = draws > black ? draws - black : 0, high = draws < white ? draws : white;
    uint64_t mode = (uint64_t)((d + 1) * (w + 1) / (w + b + 2)), up, down;
    mode = mode < low ? low : mode > high ? high : mode;
    double k = (double)mode, p = exp(log_choose(w, k) + log_choose(b, d - k) - log_choose(w + b, d)), p_up = p, p_down = p;
    for (up = down = mode, u -= p; u > 0 && (up < high || down > low);) {
        if (up < high) {
            p_up *= (w - (double)up) * (d - (double)up) / (((double)up + 1) * (b - d + (double)up + 1));
            u -= p_up, up++;
            if (u <= 0)
                return up;
        }
        if (down > low) {
            p_down *= (double)down * (b - d + (double)down) / ((w - (double)down + 1) * (d - (double)down + 1));
            u -= p_down, down--;
            if (u <= 0)
                return down;
        }
    }
    return mode;
}

static double chi2_of_draw(const Table2 *t, Rng *r)
{
    double   sum = 0, share = (double)t->m / (double)(t->n + t->m);
    uint64_t left = t->n + t->m, draws = t->m;
    for (size_t i = 0; i < t->k; i++) {
        uint64_t column = t->x[i] + t->y[i];
        if (column == 0)
            continue;
        uint64_t y = hypergeometric(r, column, left - column, draws);
        double   e = (double)column * share;
        sum += square_over((double)y, e) + square_over((double)(column - y), (double)column - e);
        left -= column, draws -= y;
    }
    return sum;
}

static double permutation_p(const Table2 *t, double chi2, uint64_t seed)
{
    Rng    r = rng_of(seed);
    size_t as_large = 1;
    for (size_t i = 0; i < PERMUTATIONS; i++)
        as_large += chi2_of_draw(t, &r) >= chi2 * (1 - 1e-12);
    return (double)as_large / (PERMUTATIONS + 1);
}

/* ---- Pearson's chi-square and G, without Yates' correction */

Chi2 chi2_counts(const uint64_t *x, const uint64_t *y, size_t k, uint64_t seed)
{
    Table2 t = table2(x, y, k);
    Chi2   c = { .p = 1, .g_p = 1 };
    size_t columns = 0, small = 0;
    for (size_t i = 0; i < k; i++) {
        double both = (double)(x[i] + y[i]), ex = both * (double)t.n / (double)(t.n + t.m), ey = both - ex;
        if (both == 0)
            continue;
        columns++, small += (ex < 5) + (ey < 5);
        c.chi2 += square_over((double)x[i], ex) + square_over((double)y[i], ey);
        c.g += 2 * (seen_log((double)x[i], ex) + seen_log((double)y[i], ey));
    }
    c.dof = columns > 0 ? (unsigned)(columns - 1) : 0;
    if (c.dof == 0)
        return c;
    c.permuted = 5 * small > 2 * columns;              /* more than 20 % of 2 * columns cells */
    c.p = c.permuted ? permutation_p(&t, c.chi2, seed) : gamma_q(c.dof / 2.0, c.chi2 / 2);
    c.g_p = gamma_q(c.dof / 2.0, c.g / 2);
    return c;
}

/* All tables with these margins that are not more likely than this one (with scipy's tolerance for equals). */
double fisher_p(uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    double   white = (double)(a + b), black = (double)(c + d), draws = (double)(a + c), sum = 0;
    uint64_t low = a + c > c + d ? a - d : 0, high = a + b < a + c ? a + b : a + c;
    double   all = log_choose(white + black, draws);
    double   seen = exp(log_choose(white, (double)a) + log_choose(black, draws - (double)a) - all);
    for (uint64_t i = low; i <= high; i++) {
        double p = exp(log_choose(white, (double)i) + log_choose(black, draws - (double)i) - all);
        sum += p <= seen * (1 + 1e-7) ? p : 0;
    }
    return fmin(1, sum);
}

double proportions_p(uint64_t hits_x, uint64_t n, uint64_t hits_y, uint64_t m)
{
    double p = (double)hits_x / (double)n, q = (double)hits_y / (double)m;
    double pooled = (double)(hits_x + hits_y) / (double)(n + m);
    double s = sqrt(pooled * (1 - pooled) * (1 / (double)n + 1 / (double)m));
    return s > 0 ? fmin(1, 2 * normal_sf(fabs(p - q) / s)) : 1;
}
