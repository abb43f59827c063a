/* stats.c - CPU time of KS with its p, Wasserstein, PSI and JS over a column of each size; drift.py puts scipy beside it. */
#include "num/stats.h"
#include <math.h>
#include <time.h>

static double cpu(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void fill(Rng *r, double *v, size_t n, double shift)
{
    for (size_t i = 0; i < n; i++)
        v[i] = shift + sqrt(-2 * log(1 - rng_unit(r))) * cos(2 * M_PI * rng_unit(r));
}

/* The same four that drift.py asks of scipy, sorting included. */
static double compare(double *x, double *y, double *scratch, size_t n)
{
    defer_arena Arena *a = arena_new((size_t)1 << 30);
    Bins               deciles, sturges;
    sample_sort(x, scratch, n), sample_sort(y, scratch, n);
    Sample p = { x, n }, q = { y, n };
    Gap    g = sample_gap(p, q);
    if (a == NULL || !bins_quantile(a, p, q, 10, &deciles) || !bins_sturges(a, p, q, &sturges))
        abort();
    return ks_p_asymptotic(a, n, n, g.ks) + g.wasserstein + psi(&deciles) + js_distance(&sturges);
}

int main(int argc, char **argv)
{
    size_t  n = argc > 1 ? (size_t)strtoull(argv[1], NULL, 10) : 1000000;
    Rng     r = rng_of(1);
    double *x = malloc(n * sizeof *x), *y = malloc(n * sizeof *y), *scratch = malloc(n * sizeof *scratch), best = INFINITY, sum = 0;
    if (n < 2 || x == NULL || y == NULL || scratch == NULL)
        return 2;
    for (int run = 0; run < 5; run++) {
        fill(&r, x, n, 0), fill(&r, y, n, 0.01);
        double before = cpu();
        sum += compare(x, y, scratch, n);
        best = fmin(best, cpu() - before);
    }
    printf("{\"rows\": %zu, \"cpu_s\": %.4f, \"sum\": %.6g}\n", n, best, sum);
    free(x), free(y), free(scratch);
    return 0;
}
