/* judge.c - see judge.h: what was counted; labels and groups are in judge_labels.c. */
#include "watch/judge.h"
#include "watch/judge_own.h"
#include <math.h>

static const double significance = 0.05;

/* ---- the verdict of a value */

/* An alert ends at 80 % of the threshold; of what is good when high, at 80 % of the way to 1 that was missing. */
void judge_verdict(const Monitor *m, Judged *j)
{
    bool   low = m->metric->low_is_bad;
    double back = low ? 1 - 0.8 * (1 - m->threshold) : 0.8 * m->threshold;
    if (isnan(j->value) || isnan(m->threshold))
        return;
    j->breach = !j->by_chance && (low ? j->value < m->threshold : j->value >= m->threshold);
    j->clear = low ? j->value >= fmin(back, 1) : j->value < back;
}

bool judge_finish(Arena *a, Judged *j, const Buf *details, Buf *message, Err *e)
{
    j->json = arena_str(a, buf_view(details));
    j->message = arena_str(a, buf_view(message));
    return (!details->bad && !message->bad && j->json.p != NULL && j->message.p != NULL) || err_nomem(e);
}

/* ---- features */

typedef struct FeatureJudged {
    double   effect, p;
    uint64_t n;
} FeatureJudged;

static double effect_of(const Monitor *m, const FeatureRef *f, const BinGap *g)
{
    bool ks = strcmp(m->metric->name, "ks") == 0 && f->ordered;
    return ks ? g->ks : strcmp(m->metric->name, "psi") == 0 ? g->psi : g->js;
}

static bool judge_feature(Arena *a, const Monitor *m, const FeatureRef *f, const Window *w, FeatureJudged *out, Err *e)
{
    BinGap gap;
    *out = (FeatureJudged){ NAN, NAN, 0 };
    for (size_t i = 0; i < f->bins; i++)
        out->n += w->bins[f->at + i];
    if (out->n < m->min_rows)
        return true;
    if (!bin_gap(a, &f->edges, f->ordered, f->bins, f->reference, w->bins + f->at, &gap))
        return err_nomem(e);
    out->effect = effect_of(m, f, &gap);
    /* bins can only hide a gap, so this p is never too small */
    out->p = f->ordered && f->edges.n >= 5 ? ks_p_asymptotic(a, (size_t)f->rows, (size_t)out->n, gap.ks)
                                           : chi2_counts(f->reference, w->bins + f->at, f->bins, 1).p;
    return true;
}

static void put_features(const Monitor *m, const Window *w, const FeatureJudged *v, JsonOut *j)
{
    json_key(j, "features");
    json_open(j, '[');
    for (size_t i = 0; i < m->feature_count; i++) {
        json_open(j, '{');
        json_member(j, "name", m->features[i].name);
        json_member_u64(j, "n", v[i].n), json_member_u64(j, "missing", w->missing[i]);
        json_key(j, "effect"), json_put_f64(j, v[i].effect);
        json_key(j, "p_adjusted"), json_put_f64(j, v[i].p);
        json_close(j, '}');
    }
    json_close(j, ']');
}

/* The largest effect that chance does not explain; names those beyond the threshold. */
static void sum_up(const Monitor *m, const FeatureJudged *v, Judged *j, Buf *message)
{
    size_t judged = 0, beyond = 0;
    j->value = NAN;
    for (size_t i = 0; i < m->feature_count; i++) {
        if (isnan(v[i].effect))
            continue;
        double effect = v[i].p <= significance ? v[i].effect : 0;
        judged++;
        j->value = isnan(j->value) || effect > j->value ? effect : j->value;
        if (!(effect >= m->threshold) || beyond++ >= 3)
            continue;
        buf_printf(message, "%s%.*s (%.3g)", beyond > 1 ? ", " : "", (int)(m->features[i].name.n & 0x3f), m->features[i].name.p, effect);
    }
    buf_printf(message, "%s%zu of %zu features beyond %s %.3g", beyond ? ": " : "", beyond, judged, m->metric->name, m->threshold);
}

static bool judge_features(Arena *a, const Monitor *m, const Window *w, Judged *out, JsonOut *j, Buf *message, Err *e)
{
    FeatureJudged *v = arena_get(a, m->feature_count, sizeof *v);
    double        *p = arena_get(a, m->feature_count, sizeof *p);
    size_t        *order = arena_get(a, m->feature_count, sizeof *order);
    if (v == NULL || p == NULL || order == NULL)
        return err_nomem(e);
    for (size_t i = 0; i < m->feature_count; i++) {
        if (!judge_feature(a, m, &m->features[i], w, &v[i], e))
            return false;
        p[i] = v[i].p;
    }
    adjust_p(p, order, m->feature_count);
    for (size_t i = 0; i < m->feature_count; i++)
        v[i].p = p[i];
    sum_up(m, v, out, message);
    put_features(m, w, v, j);
    return true;
}

/* ---- classes and traffic */

static bool judge_classes(Arena *a, const Monitor *m, const Window *w, Judged *out, JsonOut *j, Buf *message, Err *e)
{
    Bins     b;
    uint64_t n = 0, *reference = arena_get(a, m->classes + 1, sizeof *reference);
    if (reference == NULL)
        return err_nomem(e);
    memcpy(reference, m->class_reference, m->classes * sizeof *reference);
    json_key(j, "classes");
    json_open(j, '[');
    for (size_t i = 0; i <= m->classes; i++)
        json_put_u64(j, w->classes[i]), n += w->classes[i];
    json_close(j, ']');
    out->value = NAN;
    if (n < m->min_rows)
        return true;
    if (!bins_counts(a, reference, w->classes, m->classes + 1, &b))
        return err_nomem(e);
    double p = chi2_counts(reference, w->classes, m->classes + 1, 1).p;
    out->value = p <= significance ? js_distance(&b) : 0;
    buf_printf(message, "class mix is %.3g from the reference (Jensen-Shannon) over %" PRIu64 " answers", out->value, n);
    return true;
}

static double traffic_value(const Monitor *m, const Window *w)
{
    const char *name = m->metric->name;
    if (strcmp(name, "refusals") == 0)
        return (double)w->refused / (double)w->n;
    if (strcmp(name, "failures") == 0)
        return (double)w->failed / (double)w->n;
    return w->latency.n == 0 ? NAN : (double)log_hist_quantile(&w->latency, strcmp(name, "latency_p50") == 0 ? 0.5 : 0.99) / 1e6;
}

static void judge_traffic(const Monitor *m, const Window *w, Judged *out, Buf *message)
{
    out->value = w->n < m->min_rows ? NAN : traffic_value(m, w);
    buf_printf(message, "%s is %.4g over %" PRIu64 " requests", m->metric->name, out->value, w->n);
}

bool judge_window(Arena *a, const Monitor *m, const Window *w, Judged *out, Err *e)
{
    defer_buf Buf details = { 0 }, message = { 0 };
    JsonOut       j = json_out(&details);
    *out = (Judged){ .n = w->n };
    json_open(&j, '{');
    json_member_u64(&j, "n", w->n), json_member_u64(&j, "refused", w->refused), json_member_u64(&j, "failed", w->failed);
    json_key(&j, "latency_p50_s"), json_put_f64(&j, w->latency.n ? (double)log_hist_quantile(&w->latency, 0.5) / 1e6 : NAN);
    json_key(&j, "latency_p99_s"), json_put_f64(&j, w->latency.n ? (double)log_hist_quantile(&w->latency, 0.99) / 1e6 : NAN);
    if (m->metric->from == FROM_FEATURES) {
        json_member_u64(&j, "rows", w->rows);
        if (!judge_features(a, m, w, out, &j, &message, e))
            return false;
    } else if (m->metric->from == FROM_CLASSES) {
        if (!judge_classes(a, m, w, out, &j, &message, e))
            return false;
    } else
        judge_traffic(m, w, out, &message);
    json_close(&j, '}');
    judge_verdict(m, out);
    return judge_finish(a, out, &details, &message, e);
}
