/* sketch.c - see sketch.h. */
#include "num/sketch.h"
#include <math.h>

/* ---- by magnitude: below 16 exact, then 16 bins for each power of two */

static size_t log_bin(uint64_t v)
{
    if (v < 16)
        return (size_t)v;
    unsigned e = 63 - (unsigned)__builtin_clzll(v);
    size_t   i = 16 + (size_t)(e - 4) * 16 + (v >> (e - 4) & 15);
    return i < LOG_HIST ? i : LOG_HIST - 1;
}

static uint64_t log_middle(size_t i)
{
    if (i < 16)
        return i;
    unsigned shift = (unsigned)((i - 16) / 16);
    return ((16 + (i - 16) % 16) << shift) + (((uint64_t)1 << shift) >> 1);
}

void log_hist_add(LogHist *h, uint64_t v) { h->n++, h->count[log_bin(v)]++; }

void log_hist_merge(LogHist *to, const LogHist *from)
{
    to->n += from->n;
    for (size_t i = 0; i < LOG_HIST; i++)
        to->count[i] += from->count[i];
}

uint64_t log_hist_quantile(const LogHist *h, double q)
{
    double   rank = q * (double)h->n;
    uint64_t below = 0;
    for (size_t i = 0; i < LOG_HIST; i++) {
        below += h->count[i];
        if (h->count[i] > 0 && (double)below >= rank)
            return log_middle(i);
    }
    return 0;
}

/* ---- frozen bins */

void edges_of(Sample reference, Edges *out)
{
    *out = (Edges){ 0 };
    for (size_t i = 1; i < EDGE_BINS; i++) {
        double e = quantile(reference, (double)i / EDGE_BINS);
        if (e <= reference.v[0])
            continue;
        if (out->n == 0 || e > out->edge[out->n - 1])
            out->edge[out->n++] = e;
        out->coarse[out->n - 1] |= i % EDGE_COARSE == 0;
    }
}

size_t edges_find(const Edges *e, double v)
{
    size_t at = 0;
    for (size_t step = 32; step > 0; step /= 2)        /* n < 64: first edge above v, without a branch to guess */
        at += at + step <= e->n && e->edge[at + step - 1] <= v ? step : 0;
    return at;
}

static void coarsen(const Edges *e, bool ordered, const Bins *fine, Bins *coarse)
{
    coarse->n = 0;
    for (size_t i = 0; i < fine->n; i++) {
        bool starts = i == 0 || !ordered || e->coarse[i - 1];
        coarse->n += starts;
        if (starts)
            coarse->a[coarse->n - 1] = coarse->b[coarse->n - 1] = 0;
        coarse->a[coarse->n - 1] += fine->a[i], coarse->b[coarse->n - 1] += fine->b[i];
    }
}

bool bin_gap(Arena *a, const Edges *e, bool ordered, size_t bins, const uint64_t *reference, const uint64_t *current, BinGap *out)
{
    Bins   fine, coarse;
    double f = 0, g = 0;
    if (!bins_counts(a, reference, current, bins, &fine) || !bins_counts(a, reference, current, bins, &coarse))
        return false;
    coarsen(e, ordered, &fine, &coarse);
    *out = (BinGap){ .psi = psi(&coarse), .js = js_distance(&fine), .ks = ordered ? 0 : NAN };
    for (size_t i = 0; ordered && i < bins; i++) {
        f += fine.a[i], g += fine.b[i];
        out->ks = fmax(out->ks, fabs(f - g));
    }
    return true;
}
