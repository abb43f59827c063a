/* stats_bins.c - both samples in the same bins, and how far their shares are apart; see stats.h. */
#include "num/stats.h"
#include <math.h>

/* ---- edges */

size_t quantile_edges(Sample reference, size_t k, double *edges)
{
    size_t n = 0;
    for (size_t i = 1; i < k; i++) {
        double e = quantile(reference, (double)i / (double)k);
        if (n == 0 || e > edges[n - 1])
            edges[n++] = e;
    }
    while (n > 0 && edges[0] <= reference.v[0])        /* nothing lies before it; it was merged with the lower end */
        memmove(edges, edges + 1, --n * sizeof *edges);
    return n;
}

/* First position whose value is not below v; with `or_equal` the first above it. */
static size_t position(Sample x, double v, bool or_equal)
{
    size_t low = 0, high = x.n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        bool   before = or_equal ? x.v[mid] <= v : x.v[mid] < v;
        *(before ? &low : &high) = before ? mid + 1 : mid;
    }
    return low;
}

static bool bins_new(Arena *a, size_t n, Bins *out)
{
    *out = (Bins){ n, arena_get(a, n, sizeof *out->a), arena_get(a, n, sizeof *out->b) };
    return out->a != NULL && out->b != NULL;
}

/* Shares in the bins between n inner edges, both ends open. */
static void open_shares(Sample x, const double *edges, size_t n, double *out)
{
    size_t before = 0;
    for (size_t i = 0; i <= n; i++) {
        size_t at = i < n ? position(x, edges[i], false) : x.n;
        out[i] = (double)(at - before) / (double)x.n;
        before = at;
    }
}

bool bins_quantile(Arena *a, Sample x, Sample y, size_t k, Bins *out)
{
    double *edges = arena_get(a, k, sizeof *edges);
    if (edges == NULL)
        return false;
    size_t n = quantile_edges(x, k, edges);
    if (!bins_new(a, n + 1, out))
        return false;
    open_shares(x, edges, n, out->a), open_shares(y, edges, n, out->b);
    return true;
}

/* Edge i of k equal widths, computed as numpy's linspace does. */
static double equal_edge(double low, double high, size_t k, size_t i)
{
    return i == k ? high : low + (double)i * ((high - low) / (double)k);
}

/* Shares in k equal widths of [low, high], the last bin closed. */
static void equal_shares(Sample x, double low, double high, size_t k, double *out)
{
    size_t before = position(x, low, false);
    for (size_t i = 1; i <= k; i++) {
        size_t at = position(x, equal_edge(low, high, k, i), i == k);
        out[i - 1] = (double)(at - before) / (double)x.n;
        before = at;
    }
}

static bool bins_values(Arena *a, Sample x, Sample y, Bins *out)
{
    size_t i = 0, j = 0, n = 0, all = distinct(x, SIZE_MAX) + distinct(y, SIZE_MAX);
    if (!bins_new(a, all, out))
        return false;
    while (i < x.n || j < y.n) {
        double v = j >= y.n || (i < x.n && x.v[i] <= y.v[j]) ? x.v[i] : y.v[j];
        size_t ends_x = position(x, v, true), ends_y = position(y, v, true);
        out->a[n] = (double)(ends_x - i) / (double)x.n, out->b[n] = (double)(ends_y - j) / (double)y.n;
        i = ends_x, j = ends_y, n++;
    }
    out->n = n;
    return true;
}

bool bins_sturges(Arena *a, Sample x, Sample y, Bins *out)
{
    enum { FEW = 20 };
    if (distinct(x, FEW + 1) <= FEW)
        return bins_values(a, x, y, out);
    double low = fmin(x.v[0], y.v[0]), high = fmax(x.v[x.n - 1], y.v[y.n - 1]);
    size_t k = (size_t)ceil(log2((double)(x.n + y.n))) + 1;
    if (!bins_new(a, k, out))
        return false;
    equal_shares(x, low, high, k, out->a), equal_shares(y, low, high, k, out->b);
    return true;
}

/* Doane 1976 */
static size_t doane_bins(Sample x)
{
    double n = (double)x.n, spread = sqrt(6 * (n - 2) / ((n + 1) * (n + 3))), skewness = moments_of(x).skewness;
    if (x.n < 3 || isnan(skewness))
        return 1;
    double k = ceil(1 + log2(n) + log2(1 + fabs(skewness) / spread));
    return k < BINS_MAX ? (size_t)k : BINS_MAX;
}

bool bins_doane(Arena *a, Sample x, Sample y, Bins *out)
{
    size_t k = doane_bins(x);
    double low = x.v[0], high = x.v[x.n - 1], inside = 0;
    if (low == high)                                   /* as numpy: a constant gets a bin around it */
        low -= 0.5, high += 0.5;
    if (!bins_new(a, k + 1, out))
        return false;
    equal_shares(x, low, high, k, out->a), equal_shares(y, low, high, k, out->b);
    for (size_t i = 0; i < k; i++)
        inside += out->b[i];
    out->b[k] = inside < 1 ? 1 - inside : 0;
    out->n = out->b[k] > 0 ? k + 1 : k;
    return true;
}

bool bins_counts(Arena *a, const uint64_t *x, const uint64_t *y, size_t k, Bins *out)
{
    double n = 0, m = 0;
    if (!bins_new(a, k, out))
        return false;
    for (size_t i = 0; i < k; i++)
        n += (double)x[i], m += (double)y[i];
    for (size_t i = 0; i < k; i++)
        out->a[i] = (double)x[i] / n, out->b[i] = (double)y[i] / m;
    return true;
}

/* ---- distances */

static double psi_with(const Bins *b, double zero_a, double zero_b)
{
    double sum = 0;
    for (size_t i = 0; i < b->n; i++) {
        double p = b->a[i] > 0 ? b->a[i] : zero_a, q = b->b[i] > 0 ? b->b[i] : zero_b;
        sum += (q - p) * log(q / p);
    }
    return sum;
}

double psi(const Bins *b) { return psi_with(b, 1e-4, 1e-4); }

double psi_chance(size_t bins, size_t n, size_t m) { return ((double)bins - 1) * (1 / (double)n + 1 / (double)m); }

/* What evidently puts into an empty bin: far below the smallest share there is. */
static double fill_of(const double *share, size_t n)
{
    double least = 1;
    for (size_t i = 0; i < n; i++)
        if (share[i] > 0 && share[i] < least)
            least = share[i];
    return least <= 1e-4 ? least / 1e6 : 1e-4;
}

double psi_filled(const Bins *b) { return psi_with(b, fill_of(b->a, b->n), fill_of(b->b, b->n)); }

double kl_filled(const Bins *b)
{
    double zero_a = fill_of(b->a, b->n), zero_b = fill_of(b->b, b->n), sum = 0;
    for (size_t i = 0; i < b->n; i++) {
        double p = b->a[i] > 0 ? b->a[i] : zero_a, q = b->b[i] > 0 ? b->b[i] : zero_b;
        sum += p * log(p / q);
    }
    return sum;
}

static double half_divergence(double p, double middle) { return p > 0 ? p * log(p / middle) : 0; }

double js_distance(const Bins *b)
{
    double sum = 0, all_a = 0, all_b = 0;
    for (size_t i = 0; i < b->n; i++)
        all_a += b->a[i], all_b += b->b[i];
    for (size_t i = 0; i < b->n; i++) {
        double p = b->a[i] / all_a, q = b->b[i] / all_b, middle = (p + q) / 2;
        sum += half_divergence(p, middle) + half_divergence(q, middle);
    }
    return sqrt(sum > 0 ? sum / 2 : 0);
}

double hellinger(const Bins *b)
{
    double sum = 0;
    for (size_t i = 0; i < b->n; i++)
        sum += sqrt(b->a[i] * b->b[i]);
    return sqrt(sum < 1 ? 1 - sum : 0);
}

double total_variation(const Bins *b)
{
    double sum = 0;
    for (size_t i = 0; i < b->n; i++)
        sum += fabs(b->a[i] - b->b[i]);
    return sum / 2;
}

double largest_difference(const Bins *b)
{
    double most = 0;
    for (size_t i = 0; i < b->n; i++)
        most = fmax(most, fabs(b->a[i] - b->b[i]));
    return most;
}
