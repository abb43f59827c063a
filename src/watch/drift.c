/* drift.c - see drift.h: what to compute for a feature; drift_verdict.c judges, drift_show.c shows. */
#include "watch/drift.h"
#include "base/dict.h"
#include "num/stats.h"
#include "watch/drift_own.h"
#include <math.h>

enum { DECILES = 10, FEW_VALUES = 5 };

void drift_undefined(DriftFeature *f)
{
    static const size_t at[] = {
        offsetof(DriftFeature, ks), offsetof(DriftFeature, ks_p), offsetof(DriftFeature, ks_p_asymptotic), offsetof(DriftFeature, psi),
        offsetof(DriftFeature, psi_expected), offsetof(DriftFeature, psi_evidently), offsetof(DriftFeature, js),
        offsetof(DriftFeature, js_evidently), offsetof(DriftFeature, js_nannyml), offsetof(DriftFeature, kl),
        offsetof(DriftFeature, hellinger), offsetof(DriftFeature, wasserstein), offsetof(DriftFeature, wasserstein_norm),
        offsetof(DriftFeature, energy), offsetof(DriftFeature, cvm), offsetof(DriftFeature, cvm_p), offsetof(DriftFeature, mannwhitney_p),
        offsetof(DriftFeature, chi2), offsetof(DriftFeature, chi2_p), offsetof(DriftFeature, g), offsetof(DriftFeature, g_p),
        offsetof(DriftFeature, fisher_p), offsetof(DriftFeature, z_p), offsetof(DriftFeature, tvd), offsetof(DriftFeature, linf),
        offsetof(DriftFeature, missing_p), offsetof(DriftFeature, effect), offsetof(DriftFeature, p), offsetof(DriftFeature, p_adjusted),
    };
    for (size_t i = 0; i < len_of(at); i++)
        *(double *)((char *)f + at[i]) = NAN;
}

/* ---- numbers */

/* The finite values of a column, sorted; counts the others. */
static bool take(Arena *a, const ColumnOf *c, uint64_t rows, DriftSide *side, Sample *out)
{
    double *v = arena_get(a, rows ? rows : 1, sizeof *v), *scratch = arena_get(a, rows ? rows : 1, sizeof *scratch);
    if (v == NULL || scratch == NULL)
        return false;
    for (uint64_t i = 0; i < rows; i++) {
        side->missing += isnan(c->num[i]);
        side->infinite += isinf(c->num[i]);
        if (isfinite(c->num[i]))
            v[side->n++] = c->num[i];
    }
    sample_sort(v, scratch, side->n);
    *out = (Sample){ v, side->n };
    return true;
}

static double describe(Sample x, DriftSide *side)
{
    Moments m = moments_of(x);
    side->mean = m.mean, side->variance = m.variance, side->skewness = m.skewness, side->kurtosis = m.kurtosis;
    side->p01 = quantile(x, 0.01), side->p50 = quantile(x, 0.5), side->p99 = quantile(x, 0.99);
    return m.deviation;
}

static bool compare_bins(Arena *a, Sample x, Sample y, DriftFeature *f)
{
    Bins frozen, joint, doane;
    if (!bins_quantile(a, x, y, DECILES, &frozen) || !bins_sturges(a, x, y, &joint) || !bins_doane(a, x, y, &doane))
        return false;
    f->psi = psi(&frozen), f->psi_expected = psi_chance(frozen.n, x.n, y.n), f->js = js_distance(&frozen);
    f->psi_evidently = psi_filled(&joint), f->js_evidently = js_distance(&joint);
    f->kl = kl_filled(&joint), f->hellinger = hellinger(&joint);
    f->js_nannyml = js_distance(&doane) / sqrt(M_LN2);
    return true;
}

bool drift_numbers(Arena *a, const ColumnOf *ref, uint64_t n, const ColumnOf *cur, uint64_t m, DriftFeature *f)
{
    Sample x, y;
    if (!take(a, ref, n, &f->ref, &x) || !take(a, cur, m, &f->cur, &y))
        return false;
    if (x.n == 0 || y.n == 0)
        return true;
    double deviation = describe(x, &f->ref);
    describe(y, &f->cur);
    Gap         g = sample_gap(x, y);
    CramerMises c = cramer_mises(x, y);
    f->ks = g.ks, f->ks_p = ks_p(a, x.n, y.n, &g), f->ks_p_asymptotic = ks_p_asymptotic(a, x.n, y.n, g.ks);
    f->wasserstein = g.wasserstein, f->wasserstein_norm = wasserstein_norm(g.wasserstein, deviation), f->energy = g.energy;
    f->cvm = c.t, f->cvm_p = c.p, f->mannwhitney_p = mann_whitney_p(a, x, y);
    if (!compare_bins(a, x, y, f))
        return false;
    bool few = distinct(x, FEW_VALUES + 1) <= FEW_VALUES;
    f->effect = few ? f->js_evidently : f->wasserstein_norm, f->effect_name = few ? "js_evidently" : "wasserstein_norm";
    f->p = f->ks_p, f->test = "ks";
    return !isnan(f->ks_p);
}

/* ---- categories */

typedef struct Count {
    uint64_t x, y;
} Count;

static bool count_texts(Arena *a, Dict *seen, const ColumnOf *c, uint64_t rows, DriftSide *side, size_t offset)
{
    for (uint64_t i = 0; i < rows; i++) {
        if (column_is_missing(c, i)) {
            side->missing++;
            continue;
        }
        Count *k = dict_get(seen, c->text[i]);
        if (k == NULL && ((k = arena_get(a, 1, sizeof *k)) == NULL || !dict_put(seen, c->text[i], k)))
            return false;
        ++*(uint64_t *)((char *)k + offset);
        side->n++;
    }
    return true;
}

static void note_one_sided(DriftFeature *f, Str name, const Count *c)
{
    if (c->x == 0 && f->new_categories++ == 0)
        f->new_example = name;
    if (c->y == 0 && f->gone_categories++ == 0)
        f->gone_example = name;
}

static bool compare_counts(Arena *a, const uint64_t *x, const uint64_t *y, size_t k, uint64_t seed, DriftFeature *f)
{
    Bins b;
    if (!bins_counts(a, x, y, k, &b))
        return false;
    Chi2 c = chi2_counts(x, y, k, seed);
    f->chi2 = c.chi2, f->chi2_p = c.p, f->g = c.g, f->g_p = c.g_p;
    f->tvd = total_variation(&b), f->linf = largest_difference(&b);
    f->js = js_distance(&b), f->psi = psi(&b), f->psi_expected = psi_chance(k, f->ref.n, f->cur.n), f->hellinger = hellinger(&b);
    f->psi_evidently = psi_filled(&b), f->kl = kl_filled(&b), f->js_evidently = f->js, f->js_nannyml = f->js / sqrt(M_LN2);
    f->effect = f->js, f->effect_name = "js", f->p = c.p, f->test = c.permuted ? "chi2_permutation" : "chi2";
    if (k == 2) {
        f->z_p = proportions_p(x[0], x[0] + x[1], y[0], y[0] + y[1]);
        f->fisher_p = f->ref.n + f->cur.n < UINT32_MAX ? fisher_p(x[0], x[1], y[0], y[1]) : NAN;
        f->p = f->z_p, f->test = "z";
    }
    return true;
}

bool drift_texts(Arena *a, const ColumnOf *ref, uint64_t n, const ColumnOf *cur, uint64_t m, uint64_t seed, DriftFeature *f)
{
    Dict *seen = dict_new(a);
    if (seen == NULL || !count_texts(a, seen, ref, n, &f->ref, offsetof(Count, x)) || !count_texts(a, seen, cur, m, &f->cur, offsetof(Count, y)))
        return false;
    size_t    k = dict_count(seen);
    uint64_t *x = arena_get(a, k ? k : 1, sizeof *x), *y = arena_get(a, k ? k : 1, sizeof *y);
    f->categories = k;
    if (x == NULL || y == NULL)
        return false;
    if (f->ref.n == 0 || f->cur.n == 0)
        return true;
    for (size_t i = 0; i < k; i++) {
        const Count *c = dict_items(seen)[i].value;
        x[i] = c->x, y[i] = c->y;
        note_one_sided(f, dict_items(seen)[i].key, c);
    }
    return compare_counts(a, x, y, k, seed, f);
}
