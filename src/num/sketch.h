/* sketch.h - many values in fixed memory, in a form that adds up: what one host counted plus what another did is what one
 * would have counted.
 *
 *     LogHist   counts by magnitude: quantiles of times and sizes within 1/32 of the value
 *     Edges     frozen bins of a reference: counts of new values are compared with its own, bin by bin
 *
 * Edges are drawn once, from the reference, and never move: the error is the binning's alone, so KS on bins is at most the
 * true distance and at least that minus the largest share of one bin.  Trusted: the caller. */
#ifndef SKETCH_H
#define SKETCH_H
#include "num/stats.h"

enum { LOG_HIST = 608 };
typedef struct LogHist {
    uint64_t n, count[LOG_HIST];
} LogHist;
void     log_hist_add(LogHist *h, uint64_t v);
void     log_hist_merge(LogHist *to, const LogHist *from);
uint64_t log_hist_quantile(const LogHist *h, double q);/* the middle of the bin; 0 when empty */

enum { EDGE_BINS = 60, EDGE_COARSE = 6 };              /* fine bins at 60 quantiles, ten coarse ones of six for PSI */
typedef struct Edges {
    uint32_t n;                                        /* inner edges; bins are n + 1           */
    double   edge[EDGE_BINS];
    bool     coarse[EDGE_BINS];                        /* this edge is a decile, too            */
} Edges;
void   edges_of(Sample reference, Edges *out);
size_t edges_find(const Edges *e, double v);           /* bin 0 .. n; v is not NaN */

typedef struct BinGap {                                /* shares of a new window against the reference's */
    double psi, ks, js;
} BinGap;
/* Both with n + 1 counts.  `ordered` false: categories, every bin is coarse and KS is NaN. */
bool bin_gap(Arena *a, const Edges *e, bool ordered, size_t bins, const uint64_t *reference, const uint64_t *current, BinGap *out);

#endif
