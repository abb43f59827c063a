/* alertmanager.c - see alertmanager.h. */
#include "watch/alertmanager.h"

#define SCRATCH ((size_t)4 << 20)
enum { TIMEOUT_MS = 5000 };

static bool names(const Monitor *m, Str sink)
{
    for (size_t i = 0; i < m->sinks.n; i++)
        if (str_eq(m->sinks.v[i], sink))
            return true;
    return false;
}

static void put_map(JsonOut *w, const char *key, const char *const *k, const Str *v, size_t n)
{
    json_key(w, key);
    json_open(w, '{');
    for (size_t i = 0; i < n; i++)
        if (v[i].n > 0)                                /* an empty label is a 400 */
            json_member(w, k[i], v[i]);
    json_close(w, '}');
}

static void put_alert(JsonOut *w, const Monitor *m, const AlertEvent *ev, int64_t now_ns)
{
    static const char *const labels[] = { "alertname", "severity", "endpoint", "monitor", "metric", "fingerprint" };
    static const char *const notes[] = { "summary", "description", "fix" };
    char ends[TIME_TEXT];
    bool firing = str_is(ev->state, "firing");
    time_text(now_ns + (firing ? 4 * (int64_t)ALERTMANAGER_REPEAT_S * 1000000000 : 0), ends);
    json_open(w, '{');
    put_map(w, "labels", labels, (const Str[]){ ev->rule, ev->severity, ev->part, m->name, str(m->metric->name), ev->id }, len_of(labels));
    put_map(w, "annotations", notes, (const Str[]){ ev->title, ev->message, ev->fix }, len_of(notes));
    json_member(w, "startsAt", ev->since);
    json_member(w, "endsAt", str(ends));
    json_close(w, '}');
}

bool alertmanager_body(const Monitors *m, State *s, Str sink, int64_t now_ns, Buf *out, size_t *n, Err *e)
{
    JsonOut w = json_out(out);
    *n = 0;
    json_open(&w, '[');
    for (size_t i = 0; i < m->n; i++) {
        defer_arena Arena *a = arena_new(SCRATCH);
        AlertEvent         ev;
        Str                json;
        if (a == NULL)
            return err_nomem(e);
        if (!names(&m->v[i], sink))
            continue;
        if (!state_alert(s, a, m->v[i].name, &json, e))
            return false;
        if (json.n == 0)
            continue;
        if (!alert_event_get(a, json, &ev, e))
            return false;
        put_alert(&w, &m->v[i], &ev, now_ns), ++*n;
    }
    json_close(&w, ']');
    return !out->bad || err_nomem(e);
}

static bool send_one(HttpClient *c, const Named *sink, const Buf *body, Err *e)
{
    static const char *const headers[] = { "Content-Type: application/json" };
    defer_arena Arena *a = arena_new(SCRATCH);
    HttpAnswer         answer;
    Str                uri = sink->uri;
    if (a == NULL)
        return err_nomem(e);
    while (uri.n > 0 && uri.p[uri.n - 1] == '/')
        uri.n--;
    HttpAsk ask = { .method = "POST", .url = arena_printf(a, "%.*s/api/v2/alerts", STR(uri)), .headers = headers, .header_count = 1,
                    .body = buf_view(body), .timeout_ms = TIMEOUT_MS, .answer_max = 1 << 16 };
    if (ask.url == NULL)
        return err_nomem(e);
    if (!http_ask(c, a, &ask, &answer, e))
        return err_in(e, "%.*s", STR(sink->part.id));
    return answer.status / 100 == 2 || err_set(e, E_IO, "%.*s: answered %d", STR(sink->part.id), answer.status);
}

bool alertmanager_send(HttpClient *c, const Pipeline *p, const Monitors *m, State *s, int64_t now_ns, Err *e)
{
    for (size_t i = 0; i < p->sink_count; i++) {
        defer_buf Buf body = { 0 };
        size_t        n;
        if (!str_is(p->sinks[i].kind, "alertmanager"))
            continue;
        if (!alertmanager_body(m, s, p->sinks[i].part.name, now_ns, &body, &n, e))
            return false;
        if (n > 0 && !send_one(c, &p->sinks[i], &body, e))
            return false;
    }
    return true;
}
