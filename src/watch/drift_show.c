/* drift_show.c - a comparison as JSON and as a table for people; see drift.h. */
#include "watch/drift.h"
#include <math.h>

static const struct { const char *name; size_t offset; } statistics[] = {
#define ROW(name) { #name, offsetof(DriftFeature, name) }
    ROW(ks), ROW(ks_p), ROW(ks_p_asymptotic), ROW(psi), ROW(psi_expected), ROW(psi_evidently), ROW(js), ROW(js_evidently), ROW(js_nannyml),
    ROW(kl), ROW(hellinger), ROW(wasserstein), ROW(wasserstein_norm), ROW(energy), ROW(cvm), ROW(cvm_p), ROW(mannwhitney_p), ROW(chi2),
    ROW(chi2_p), ROW(g), ROW(g_p), ROW(fisher_p), ROW(z_p), ROW(tvd), ROW(linf), ROW(missing_p), ROW(effect), ROW(p), ROW(p_adjusted),
#undef ROW
};

static void put_number(JsonOut *w, const char *key, double v)
{
    if (!isnan(v))
        json_key(w, key), json_put_f64(w, v);
}

static void put_side(JsonOut *w, const char *key, const DriftSide *s, bool categorical)
{
    json_key(w, key);
    json_open(w, '{');
    json_member_u64(w, "n", s->n), json_member_u64(w, "missing", s->missing);
    if (!categorical) {
        json_member_u64(w, "infinite", s->infinite);
        put_number(w, "mean", s->mean), put_number(w, "variance", s->variance), put_number(w, "skewness", s->skewness);
        put_number(w, "kurtosis", s->kurtosis), put_number(w, "p01", s->p01), put_number(w, "p50", s->p50), put_number(w, "p99", s->p99);
    }
    json_close(w, '}');
}

static void put_feature(JsonOut *w, const DriftFeature *f)
{
    json_open(w, '{');
    json_member(w, "name", f->name);
    json_member(w, "kind", f->categorical ? S("categorical") : S("numeric"));
    put_side(w, "reference", &f->ref, f->categorical), put_side(w, "current", &f->cur, f->categorical);
    for (size_t i = 0; i < len_of(statistics); i++)
        put_number(w, statistics[i].name, *(const double *)((const char *)f + statistics[i].offset));
    if (f->effect_name != NULL)
        json_member(w, "effect_name", str(f->effect_name)), json_member(w, "test", str(f->test));
    if (f->categorical) {
        json_member_u64(w, "categories", f->categories);
        json_member_u64(w, "new_categories", f->new_categories), json_member_u64(w, "gone_categories", f->gone_categories);
    }
    json_key(w, "drifted");
    if (f->verdict == DRIFT_UNKNOWN)
        json_put_null(w);
    else
        json_put_bool(w, f->verdict == DRIFT_FOUND);
    json_close(w, '}');
}

void drift_json(const DriftReport *r, JsonOut *w)
{
    json_member(w, "engine", S("exact"));
    json_member_u64(w, "tests", r->tests);
    json_key(w, "features");
    json_open(w, '[');
    for (size_t i = 0; i < r->count; i++)
        put_feature(w, &r->v[i]);
    json_close(w, ']');
}

/* ---- for people */

static void put_cell(Buf *b, double v)
{
    if (isnan(v))
        buf_printf(b, " %9s", "-");
    else
        buf_printf(b, " %9.4g", v);
}

static void put_name(Buf *b, Str name)
{
    enum { WIDTH = 24 };
    size_t start = b->n;
    buf_clean(b, (Str){ name.p, name.n < WIDTH ? name.n : WIDTH });
    for (size_t used = b->n - start; used < WIDTH; used++)
        buf_byte(b, ' ');
}

void drift_text(const DriftReport *r, Buf *out)
{
    static const char *const verdicts[] = { [DRIFT_NONE] = "no", [DRIFT_FOUND] = "DRIFT", [DRIFT_UNKNOWN] = "unknown" };
    buf_printf(out, "%-24s %9s %9s %9s %9s %9s  %-17s %s\n", "feature", "reference", "current", "effect", "p", "psi", "effect is", "drift");
    for (size_t i = 0; i < r->count; i++) {
        const DriftFeature *f = &r->v[i];
        put_name(out, f->name);
        buf_printf(out, " %9" PRIu64 " %9" PRIu64, f->ref.n, f->cur.n);
        put_cell(out, f->effect), put_cell(out, f->p_adjusted), put_cell(out, f->psi);
        buf_printf(out, "  %-17s %s\n", f->effect_name ? f->effect_name : "-", verdicts[f->verdict]);
    }
}
