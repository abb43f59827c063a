/* metrics.c - see metrics.h. */
#include "watch/metrics.h"
#include <math.h>

static void put_family(Buf *b, const char *name, const char *type, const char *help)
{
    buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_label(Buf *b, const char *name, Str v)
{
    buf_printf(b, "%s=\"", name);
    for (size_t i = 0; i < v.n; i++) {
        if (v.p[i] == '\\' || v.p[i] == '"')
            buf_byte(b, '\\');
        if (v.p[i] == '\n')
            buf_z(b, "\\n");
        else
            buf_byte(b, (uint8_t)v.p[i]);
    }
    buf_byte(b, '"');
}

static void put_value(Buf *b, double v)
{
    char text[NUMBER_TEXT];
    if (isnan(v))
        buf_z(b, " NaN\n");
    else
        buf_printf(b, " %.*s\n", (int)number_text(v, text), text);
}

static void put_counter(Buf *b, const char *name, const char *help, int64_t v)
{
    put_family(b, name, "counter", help);
    buf_printf(b, "%s %" PRId64 "\n", name, v);
}

/* ---- the newest result of each monitor */

typedef struct Newest {
    Arena *a;
    double value;
    Json  *json;
} Newest;

static bool take(void *ctx, const Result *r, Err *e)
{
    Newest *n = ctx;
    Str     text = arena_str(n->a, r->json);
    n->value = r->value;
    n->json = text.p ? json_parse(n->a, text, JSON_GRAMMAR, e) : NULL;
    return n->json != NULL;
}

static bool newest(Arena *a, const Monitor *m, State *s, Newest *out, Err *e)
{
    *out = (Newest){ a, NAN, NULL };
    return state_results(s, m->name, 1, take, out, e);
}

static void put_monitor_labels(Buf *b, const Monitor *m)
{
    put_label(b, "monitor", m->name), buf_byte(b, ',');
    put_label(b, "endpoint", m->endpoint), buf_byte(b, ',');
    put_label(b, "metric", str(m->metric->name));
}

static void put_features(Buf *b, const Monitor *m, const Json *result, size_t *series)
{
    const Json *list = json_get(result, "features");
    for (const Json *f = list ? list->first : NULL; f != NULL; f = f->next) {
        double v = json_num(json_get(f, "effect"), NAN);
        if (isnan(v) || (*series)++ >= METRICS_SERIES)
            continue;
        buf_z(b, "moat_drift_ratio{");
        put_label(b, "monitor", m->name), buf_byte(b, ',');
        put_label(b, "endpoint", m->endpoint), buf_byte(b, ',');
        put_label(b, "feature", json_text(json_get(f, "name"), S(""))), buf_byte(b, ',');
        put_label(b, "statistic", str(m->metric->name));
        buf_z(b, "}"), put_value(b, v);
    }
}

typedef void PutFn(Buf *b, const Monitor *m, const Json *result, size_t *series);

static bool each(const Monitors *m, Arena *a, State *s, Buf *out, PutFn *fn, Err *e)
{
    size_t series = 0;
    for (size_t i = 0; i < m->n; i++) {
        Newest n;
        if (!newest(a, &m->v[i], s, &n, e))
            return false;
        if (n.json != NULL)
            fn(out, &m->v[i], n.json, &series);
    }
    return true;
}

static bool put_values(const Monitors *m, Arena *a, State *s, Buf *b, Err *e)
{
    put_family(b, "moat_monitor_value", "gauge", "newest judged window of a monitor, in the unit of its metric");
    for (size_t i = 0; i < m->n; i++) {
        Newest n;
        if (!newest(a, &m->v[i], s, &n, e))
            return false;
        if (n.json == NULL)
            continue;
        buf_z(b, "moat_monitor_value{"), put_monitor_labels(b, &m->v[i]), buf_z(b, "}"), put_value(b, n.value);
    }
    put_family(b, "moat_alerts_firing", "gauge", "1 while the monitor's alert is firing");
    for (size_t i = 0; i < m->n; i++) {
        AlertEvent ev;
        buf_z(b, "moat_alerts_firing{"), put_monitor_labels(b, &m->v[i]), buf_printf(b, "} %d\n", alert_firing(a, s, &m->v[i], &ev, NULL));
    }
    return true;
}

static void put_coverage(Buf *b, const Monitor *m, const Json *result, size_t *series)
{
    double n = json_num(json_get(result, "n"), NAN), labelled = json_num(json_get(result, "labelled"), NAN);
    (void)series;
    if (!(n > 0) || isnan(labelled))
        return;
    buf_z(b, "moat_label_coverage_ratio{"), put_monitor_labels(b, m), buf_z(b, "}"), put_value(b, labelled / n);
}

static void put_accuracy(Buf *b, const Monitor *m, const Json *result, size_t *series)
{
    double v = json_num(json_get(result, "accuracy"), NAN);
    (void)series;
    if (isnan(v))
        return;
    buf_z(b, "moat_model_accuracy_ratio{");
    put_label(b, "monitor", m->name), buf_byte(b, ','), put_label(b, "endpoint", m->endpoint);
    buf_z(b, ",source=\"realised\"}"), put_value(b, v);
}

bool metrics_text(const Monitors *m, State *s, Buf *out, Err *e)
{
    defer_arena Arena *a = arena_new((size_t)256 << 20);
    DaemonCounters     c;
    if (a == NULL)
        return err_nomem(e);
    if (!daemon_counters(s, &c, e))
        return false;
    put_counter(out, "moat_events_total", "request events read from the spool", c.events);
    put_counter(out, "moat_events_late_total", "events that came after their window had closed", c.late);
    put_counter(out, "moat_events_without_row_total", "events whose row of features was too large to be recorded", c.no_row);
    put_counter(out, "moat_events_strange_total", "frames of the spool that could not be read as what they say they are", c.strange);
    put_counter(out, "moat_labels_total", "labels read from the spool", c.labels);
    put_counter(out, "moat_labels_matched_total", "labels that met their prediction", c.matched);
    put_counter(out, "moat_labels_unmatched_total", "labels given up because no prediction came", c.unmatched);
    put_counter(out, "moat_spool_corrupt_bytes_total", "damaged bytes of the spool that were stepped over", c.corrupt_bytes);
    put_counter(out, "moat_spool_lost_frames_total", "events that the spool never had, or lost to its cap", c.lost_frames);
    if (!put_values(m, a, s, out, e))
        return false;
    put_family(out, "moat_drift_ratio", "gauge", "effect of a feature in the newest judged window");
    if (!each(m, a, s, out, put_features, e))
        return false;
    put_family(out, "moat_label_coverage_ratio", "gauge", "share of the predictions that have a label, newest judged window");
    if (!each(m, a, s, out, put_coverage, e))
        return false;
    put_family(out, "moat_model_accuracy_ratio", "gauge", "accuracy in the newest judged window");
    return each(m, a, s, out, put_accuracy, e) && (!out->bad || err_nomem(e));
}
