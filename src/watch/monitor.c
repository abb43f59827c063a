/* monitor.c - see monitor.h. */
#include "watch/monitor.h"
#include "base/clock.h"
#include "watch/reference.h"
#include <math.h>

const Metric metrics[] = {
    /* name, kind, from, low is bad, threshold, rule */
    { "psi", "drift", FROM_FEATURES, false, 0.25, W_INPUT_DRIFT },
    { "ks", "drift", FROM_FEATURES, false, 0.1, W_INPUT_DRIFT },
    { "js", "drift", FROM_FEATURES, false, 0.1, W_INPUT_DRIFT },
    { "class_mix", "drift", FROM_CLASSES, false, 0.1, W_CLASS_MIX },
    { "accuracy", "performance", FROM_LABELS, true, NAN, W_PERFORMANCE },
    { "balanced_accuracy", "performance", FROM_LABELS, true, NAN, W_PERFORMANCE },
    { "f1", "performance", FROM_LABELS, true, NAN, W_PERFORMANCE },
    { "precision", "performance", FROM_LABELS, true, NAN, W_PERFORMANCE },
    { "recall", "performance", FROM_LABELS, true, NAN, W_PERFORMANCE },
    { "specificity", "performance", FROM_LABELS, true, NAN, W_PERFORMANCE },
    { "mcc", "performance", FROM_LABELS, true, NAN, W_PERFORMANCE },
    { "auc", "performance", FROM_LABELS, true, NAN, W_PERFORMANCE },
    { "ap", "performance", FROM_LABELS, true, NAN, W_PERFORMANCE },
    { "brier", "performance", FROM_LABELS, false, NAN, W_PERFORMANCE },
    { "log_loss", "performance", FROM_LABELS, false, NAN, W_PERFORMANCE },
    { "mae", "performance", FROM_LABELS, false, NAN, W_PERFORMANCE },
    { "rmse", "performance", FROM_LABELS, false, NAN, W_PERFORMANCE },
    { "refusals", "performance", FROM_TRAFFIC, false, 0.1, W_TRAFFIC },
    { "failures", "performance", FROM_TRAFFIC, false, 0.05, W_TRAFFIC },
    { "latency_p50", "performance", FROM_TRAFFIC, false, NAN, W_TRAFFIC },
    { "latency_p99", "performance", FROM_TRAFFIC, false, NAN, W_TRAFFIC },
    { "demographic_parity", "fairness", FROM_GROUPS, false, 0.1, W_FAIRNESS },
    { "equal_opportunity", "fairness", FROM_GROUPS, false, 0.1, W_FAIRNESS },
    { "equalized_odds", "fairness", FROM_GROUPS, false, 0.1, W_FAIRNESS },
    { "predictive_parity", "fairness", FROM_GROUPS, false, 0.1, W_FAIRNESS },
};
const size_t metrics_len = len_of(metrics);

bool monitor_class(const Monitor *m, Str text, double *out)
{
    uint64_t whole;
    for (size_t i = 0; i < m->classes; i++)
        if (str_eq(m->class_name[i], text))
            return *out = (double)i, true;
    if (m->classes > 0 && !str_u64(text, &whole))
        return false;
    return number_f64(text, out);
}

/* ---- reading */

static bool bad(const Named *n, Err *e, const char *what)
{
    return err_line(e, n->part.line, "%.*s: %s", STR(n->part.id), what);
}

static const Metric *metric_of(const Named *n)
{
    Str name = named_text(n, "metric");
    for (size_t i = 0; i < metrics_len; i++)           /* without a name the first of the kind, fairness included */
        if (str_is(n->kind, metrics[i].kind) && (name.n == 0 || str_is(name, metrics[i].name)))
            return &metrics[i];
    return NULL;
}

static bool whole(const Named *n, const char *key, uint64_t least, uint64_t *out, Err *e)
{
    if (str_u64(named_text(n, key), out) && *out >= least)
        return true;
    return err_line(e, n->part.line, "%.*s.%s: wants a whole number from %" PRIu64 " on", STR(n->part.id), key, least);
}

static bool read_times(const Named *n, Monitor *m, Err *e)
{
    duration_parse(named_text(n, "window"), &m->window_ns);        /* the key table has checked both */
    duration_parse(named_text(n, "lateness"), &m->lateness_ns);
    m->threshold = m->metric->threshold;
    Str given = named_text(n, "threshold");
    if (given.n > 0)
        number_f64(given, &m->threshold);
    if (!whole(n, "min_rows", 1, &m->min_rows, e) || !whole(n, "pending", 1, &m->pending, e) || !whole(n, "of", 1, &m->of, e) ||
        !whole(n, "positive", 0, &m->positive, e))
        return false;
    enum { OF_MAX = 64 };
    return (m->pending <= m->of && m->of <= OF_MAX) || bad(n, e, "pending wants at most `of`, and `of` at most 64");
}

static bool read_sinks(Arena *a, const Named *n, Monitor *m, Err *e)
{
    const Json *list = json_get(n->node, "sinks");
    m->sinks.v = arena_get(a, list ? list->count + 1 : 1, sizeof *m->sinks.v);
    if (m->sinks.v == NULL)
        return err_nomem(e);
    for (const Json *s = list ? list->first : NULL; s != NULL; s = s->next)
        m->sinks.v[m->sinks.n++] = s->text;
    return true;
}

/* What the endpoint must record for this monitor to see anything. */
static bool check_record(const Named *n, const Monitor *m, const Endpoint *ep, Err *e)
{
    bool rows = m->metric->from == FROM_FEATURES || m->metric->from == FROM_GROUPS;
    bool answers = m->metric->from == FROM_CLASSES || m->metric->from == FROM_LABELS || m->metric->from == FROM_GROUPS;
    if (m->metric->from == FROM_GROUPS && m->group.n == 0)
        return bad(n, e, "wants group: the feature whose values are the groups");
    if (rows && str_is(ep->record_features, "none")) {
        bad(n, e, "its endpoint records no features");
        return err_hint(e, "endpoints.%.*s: record: { features: all }", STR(ep->part.name));
    }
    if (answers && (str_is(ep->record_prediction, "none") || str_is(ep->format, "json"))) {
        bad(n, e, "its endpoint records no predictions (format json does not say where they are)");
        return err_hint(e, "endpoints.%.*s: record: { prediction: computed }", STR(ep->part.name));
    }
    return true;
}

static bool read_one(Arena *a, const Pipeline *p, const Named *n, Monitor *m, Err *e)
{
    const Endpoint *ep = pipeline_endpoint(p, named_text(n, "endpoint"));
    if (ep == NULL)
        return bad(n, e, "its endpoint is not declared");
    *m = (Monitor){ .name = n->part.name, .id = n->part.id, .endpoint = ep->part.id, .metric = metric_of(n), .group = named_text(n, "group") };
    if (m->metric == NULL)
        return bad(n, e, "its metric is not one of its kind");
    return read_times(n, m, e) && read_sinks(a, n, m, e) && check_record(n, m, ep, e) && (reference_load(a, p, n, ep, m, e) || err_in(e, "%.*s", STR(n->part.id)));
}

bool monitors_load(Arena *a, const Pipeline *p, Monitors *out, Err *e)
{
    defer_buf Buf notes = { 0 };
    *out = (Monitors){ arena_get(a, p->monitor_count + 1, sizeof *out->v), 0, S("") };
    if (out->v == NULL)
        return err_nomem(e);
    for (size_t i = 0; i < p->monitor_count; i++) {
        const Named *n = &p->monitors[i];
        if (str_is(n->kind, "clients"))
            buf_printf(&notes, "%.*s: kind clients is not judged by this version\n", STR(n->part.id));
        else if (!read_one(a, p, n, &out->v[out->n++], e))
            return err_in(e, "%s", p->file);
    }
    out->notes = arena_str(a, buf_view(&notes));
    return (out->notes.p != NULL && !notes.bad) || err_nomem(e);
}
