/* perf.c - see perf.h. */
#include "num/perf.h"
#include <math.h>

static double over(double a, double b, bool *undefined)
{
    *undefined |= b == 0;
    return b == 0 ? 0 : a / b;
}

/* ---- two classes */

Counts2 counts2(const Scored *v, size_t n, double threshold)
{
    Counts2 c = { 0 };
    for (size_t i = 0; i < n; i++) {
        *(v[i].p >= threshold ? &c.tp : &c.fn) += v[i].y;
        *(v[i].p >= threshold ? &c.fp : &c.tn) += 1 - v[i].y;
    }
    return c;
}

Binary binary_of(Counts2 c)
{
    Binary b = { 0 };
    double n = c.tp + c.fp + c.fn + c.tn, actual = c.tp + c.fn, said = c.tp + c.fp, not_said = c.fn + c.tn, not_actual = c.fp + c.tn;
    b.accuracy = over(c.tp + c.tn, n, &b.undefined);
    b.precision = over(c.tp, said, &b.undefined);
    b.recall = over(c.tp, actual, &b.undefined);
    b.specificity = over(c.tn, not_actual, &b.undefined);
    b.balanced_accuracy = (b.recall + b.specificity) / 2;
    b.f1 = over(2 * c.tp, said + actual, &b.undefined);
    b.f1_macro = (b.f1 + over(2 * c.tn, not_said + not_actual, &b.undefined)) / 2;
    b.mcc = over(c.tp * c.tn - c.fp * c.fn, sqrt(said * actual * not_actual * not_said), &b.undefined);
    double chance = over(said * actual + not_said * not_actual, n * n, &b.undefined);
    b.kappa = over(b.accuracy - chance, 1 - chance, &b.undefined);
    return b;
}

static int falling(const void *a, const void *b)
{
    double x = ((const Scored *)a)->p, y = ((const Scored *)b)->p;
    return (x < y) - (x > y);
}

Ranking ranking_of(Scored *v, size_t n)
{
    double tp = 0, fp = 0, area = 0, ap = 0, positives = 0;
    if (n > 1)
        qsort(v, n, sizeof *v, falling);
    for (size_t i = 0; i < n; i++)
        positives += v[i].y;
    for (size_t i = 0; i < n;) {
        double tp_before = tp, fp_before = fp, p = v[i].p;
        for (; i < n && v[i].p == p; i++)
            tp += v[i].y, fp += 1 - v[i].y;
        area += (fp - fp_before) * (tp + tp_before) / 2;
        ap += tp > tp_before ? (tp - tp_before) * tp / (tp + fp) : 0;
    }
    Ranking r = { .undefined = positives <= 0 || positives >= (double)n };
    r.auc = r.undefined ? 0 : area / (tp * fp);
    r.ap = positives > 0 ? ap / positives : 0;
    return r;
}

double brier(const Scored *v, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (v[i].p - v[i].y) * (v[i].p - v[i].y);
    return sum / (double)n;
}

double log_loss(const Scored *v, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double p = fmin(fmax(v[i].p, 0x1p-52), 1 - 0x1p-52);
        sum -= v[i].y * log(p) + (1 - v[i].y) * log1p(-p);
    }
    return sum / (double)n;
}

double ece(const Scored *v, size_t n, size_t bins)
{
    double sum = 0;
    for (size_t b = 0; b < bins; b++) {
        double low = (double)b / (double)bins, high = (double)(b + 1) / (double)bins, p = 0, y = 0;
        for (size_t i = 0; i < n; i++)
            if ((v[i].p > low || (b == 0 && v[i].p == 0)) && v[i].p <= high)
                p += v[i].p, y += v[i].y;
        sum += fabs(p - y);
    }
    return sum / (double)n;
}

/* ---- many classes */

typedef struct Margins {
    double row, column, hit;
} Margins;

static Margins margins(const uint64_t *m, size_t k, size_t c)
{
    Margins r = { .hit = (double)m[c * k + c] };
    for (size_t i = 0; i < k; i++)
        r.row += (double)m[c * k + i], r.column += (double)m[i * k + c];
    return r;
}

/* MCC: Gorodkin 2004 */
Multiclass multiclass_of(const uint64_t *confusion, size_t k)
{
    Multiclass r = { 0 };
    double     n = 0, hits = 0, cross = 0, rows2 = 0, columns2 = 0;
    for (size_t c = 0; c < k; c++) {
        Margins m = margins(confusion, k, c);
        double  f1 = over(2 * m.hit, m.row + m.column, &r.undefined);
        n += m.row, hits += m.hit, cross += m.row * m.column, rows2 += m.row * m.row, columns2 += m.column * m.column;
        r.f1_macro += f1 / (double)k, r.f1_weighted += f1 * m.row;
    }
    r.accuracy = r.f1_micro = over(hits, n, &r.undefined);
    r.f1_weighted = over(r.f1_weighted, n, &r.undefined);
    r.mcc = over(hits * n - cross, sqrt(n * n - rows2) * sqrt(n * n - columns2), &r.undefined);
    return r;
}

/* ---- values */

Regression regression_of(const Scored *v, size_t n)
{
    Regression r = { 0 };
    double     mean = 0, total = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        mean += v[i].y / (double)n;
    for (size_t i = 0; i < n; i++) {
        double d = v[i].p - v[i].y;
        r.mae += fabs(d), squares += d * d, r.mape += fabs(d) / fmax(fabs(v[i].y), 0x1p-52);
        total += (v[i].y - mean) * (v[i].y - mean);
    }
    r.mae /= (double)n, r.mape /= (double)n, r.rmse = sqrt(squares / (double)n);
    r.r2 = total > 0 ? 1 - squares / total : 0;
    return r;
}

/* ---- groups */

/* Wilson 1927 */
Range wilson(double hits, double n)
{
    const double z = 1.959963984540054;
    if (n <= 0)
        return (Range){ 0, 1 };
    double p = hits / n, middle = (p + z * z / (2 * n)) / (1 + z * z / n);
    double half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n);
    return (Range){ fmax(0, middle - half), fmin(1, middle + half) };
}

static double size_of(const Group *g) { return g->c.tp + g->c.fp + g->c.fn + g->c.tn; }
static double said_of(const Group *g) { return g->c.tp + g->c.fp; }

/* Newcombe 1998, method 10: for p1 - p2 */
static Range newcombe(const Group *a, const Group *b)
{
    Range  x = wilson(said_of(a), size_of(a)), y = wilson(said_of(b), size_of(b));
    double d = a->selection - b->selection;
    return (Range){ d - sqrt(pow(a->selection - x.low, 2) + pow(y.high - b->selection, 2)),
                    d + sqrt(pow(x.high - a->selection, 2) + pow(b->selection - y.low, 2)) };
}

static void rates_of(Group *g)
{
    bool unused = false;
    g->selection = over(said_of(g), size_of(g), &unused), g->tpr = over(g->c.tp, g->c.tp + g->c.fn, &unused);
    g->fpr = over(g->c.fp, g->c.fp + g->c.tn, &unused), g->ppv = over(g->c.tp, said_of(g), &unused);
}

/* Over the groups that are large enough: largest and smallest of the rate at `offset`, and whose they are. */
static Range extremes(const Group *g, size_t n, size_t offset, size_t *low_at, size_t *high_at)
{
    Range r = { INFINITY, -INFINITY };
    for (size_t i = 0; i < n; i++) {
        double v = *(const double *)((const char *)&g[i] + offset);
        if (size_of(&g[i]) < GROUP_LEAST)
            continue;
        if (v < r.low)
            r.low = v, *low_at = i;
        if (v > r.high)
            r.high = v, *high_at = i;
    }
    return r;
}

static double ratio(Range r) { return r.high > 0 ? r.low / r.high : 1; }

Fairness fairness_of(Group *g, size_t n)
{
    Fairness f = { 0 };
    size_t   low = 0, high = 0, unused;
    for (size_t i = 0; i < n; i++)
        rates_of(&g[i]), f.judged += size_of(&g[i]) >= GROUP_LEAST;
    if (f.judged < 2)
        return f;
    Range selection = extremes(g, n, offsetof(Group, selection), &low, &high), tpr = extremes(g, n, offsetof(Group, tpr), &unused, &unused);
    Range fpr = extremes(g, n, offsetof(Group, fpr), &unused, &unused), ppv = extremes(g, n, offsetof(Group, ppv), &unused, &unused);
    f.demographic_parity = selection.high - selection.low, f.demographic_parity_ratio = ratio(selection);
    f.demographic_parity_range = newcombe(&g[high], &g[low]);
    f.equal_opportunity = tpr.high - tpr.low;
    f.equalized_odds = fmax(tpr.high - tpr.low, fpr.high - fpr.low), f.equalized_odds_ratio = fmin(ratio(tpr), ratio(fpr));
    f.predictive_parity = ppv.high - ppv.low;
    return f;
}

/* ---- calibration */

typedef struct Block {
    double low, high, sum, weight;                     /* scores it spans */
} Block;

/* Ties first become one block, then blocks that fall are pooled with the one before. */
bool isotonic_fit(Arena *a, Scored *v, size_t n, Isotonic *out)
{
    Block *b = arena_get(a, n ? n : 1, sizeof *b);
    size_t blocks = 0;
    *out = (Isotonic){ 0, arena_get(a, 2 * n + 1, sizeof(double)), arena_get(a, 2 * n + 1, sizeof(double)) };
    if (b == NULL || out->x == NULL || out->y == NULL)
        return false;
    if (n > 1)
        qsort(v, n, sizeof *v, falling);
    for (size_t i = n; i > 0;) {
        Block one = { .low = v[i - 1].p, .high = v[i - 1].p };
        for (; i > 0 && v[i - 1].p == one.low; i--)
            one.sum += v[i - 1].y, one.weight++;
        for (; blocks > 0 && b[blocks - 1].sum * one.weight >= one.sum * b[blocks - 1].weight; blocks--)
            one.low = b[blocks - 1].low, one.sum += b[blocks - 1].sum, one.weight += b[blocks - 1].weight;
        b[blocks++] = one;
    }
    for (size_t i = 0; i < blocks; i++)
        for (int end = 0; end < (b[i].low < b[i].high ? 2 : 1); end++)
            out->x[out->n] = end ? b[i].high : b[i].low, out->y[out->n++] = b[i].sum / b[i].weight;
    return true;
}

double isotonic_at(const Isotonic *f, double x)
{
    size_t low = 0, high = f->n;
    while (low < high) {                               /* first knot beyond x */
        size_t mid = low + (high - low) / 2;
        *(f->x[mid] <= x ? &low : &high) = f->x[mid] <= x ? mid + 1 : mid;
    }
    if (low == 0)
        return f->y[0];
    if (low == f->n || f->x[low - 1] == x)
        return f->y[low - 1];
    double t = (x - f->x[low - 1]) / (f->x[low] - f->x[low - 1]);
    return f->y[low - 1] + t * (f->y[low] - f->y[low - 1]);
}
