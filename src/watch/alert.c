/* alert.c - see alert.h. */
#include "watch/alert.h"
#include <math.h>

#define SCRATCH ((size_t)4 << 20)

void alert_id(const Monitor *m, char out[static ALERT_ID])
{
    char          hex[DIGEST_HEX];
    defer_buf Buf b = { 0 };
    buf_z(&b, watch_rules[m->metric->rule].id), buf_byte(&b, 0), buf_str(&b, m->id), buf_byte(&b, 0), buf_z(&b, m->metric->name);
    Digest d = sha256(buf_view(&b));
    digest_hex(&d, hex);
    snprintf(out, ALERT_ID, "%.*s", ALERT_ID - 1, hex);
}

/* ---- the last windows */

typedef struct Recent {
    uint64_t judged, breaches, clears;
} Recent;

static bool look(void *ctx, const Result *r, Err *e)
{
    Recent *v = ctx;
    (void)e;
    if (isnan(r->value))
        return true;
    v->judged++, v->breaches += r->breach, v->clears += r->clear;
    return true;
}

/* ---- states */

static bool put_state(const Monitor *m, State *s, const AlertEvent *ev, Err *e)
{
    defer_buf Buf b = { 0 };
    if (!alert_event_put(&b, ev))
        return err_nomem(e);
    return state_alert_set(s, m->name, buf_view(&b), e) && state_outbox_add(s, buf_view(&b), e);
}

static bool change(const Monitor *m, State *s, const Judged *j, const char *state, Str since, Err *e)
{
    const Rule *r = &watch_rules[m->metric->rule];
    char        id[ALERT_ID], value[NUMBER_TEXT], threshold[NUMBER_TEXT];
    alert_id(m, id);
    return put_state(m, s, &(AlertEvent){
        .id = str(id), .state = str(state), .rule = str(r->id), .severity = str(severity_name(r->severity)), .part = m->endpoint,
        .subject = m->id, .title = str(r->title), .message = j->message, .fix = str(r->fix), .value = { value, number_text(j->value, value) },
        .threshold = { threshold, number_text(m->threshold, threshold) }, .since = since,
    }, e);
}

bool alert_step(const Monitor *m, State *s, const Judged *j, int64_t now_ns, Err *e)
{
    defer_arena Arena *a = arena_new(SCRATCH);
    AlertEvent         was = { 0 };
    Recent             v = { 0 };
    Str                json;
    char               now[TIME_TEXT];
    if (isnan(j->value) || isnan(m->threshold))
        return true;
    if (a == NULL)
        return err_nomem(e);
    if (!state_results(s, m->name, m->of, look, &v, e) || !state_alert(s, a, m->name, &json, e) ||
        (json.n > 0 && !alert_event_get(a, json, &was, e)))
        return false;
    bool firing = str_is(was.state, "firing");
    time_text(now_ns, now);
    if (!firing && v.breaches >= m->pending)
        return change(m, s, j, "firing", str(now), e);
    if (firing && v.judged >= m->of && v.clears == v.judged)
        return change(m, s, j, "resolved", was.since, e);
    return true;
}

bool alert_firing(Arena *a, State *s, const Monitor *m, AlertEvent *out, Err *e)
{
    Str json;
    *out = (AlertEvent){ 0 };
    return state_alert(s, a, m->name, &json, e) && json.n > 0 && alert_event_get(a, json, out, e) && str_is(out->state, "firing");
}

/* ---- delivery */

static bool in_ledger(Ledger *l, const AlertEvent *ev, Arena *a)
{
    Record last;
    return ledger_last(l, a, RECORD_WATCH_ALERT, NULL, ev->id, &last, NULL) && str_eq(json_text(json_get(last.body, "state"), S("")), ev->state) &&
           str_eq(json_text(json_get(last.body, "since"), S("")), ev->since);
}

static bool record(Ledger *l, Clock clock, const AlertEvent *ev, Arena *a, Err *e)
{
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    if (in_ledger(l, ev, a))
        return true;
    json_open(&w, '{');
    json_member(&w, "name", ev->id), json_member(&w, "state", ev->state), json_member(&w, "rule", ev->rule);
    json_member(&w, "severity", ev->severity), json_member(&w, "part", ev->part), json_member(&w, "subject", ev->subject);
    json_member(&w, "message", ev->message);
    json_key(&w, "value"), json_put_raw(&w, ev->value);
    json_key(&w, "threshold"), json_put_raw(&w, ev->threshold);
    json_member(&w, "since", ev->since);
    json_close(&w, '}');
    return b.bad ? err_nomem(e) : ledger_append(l, clock, RECORD_WATCH_ALERT, S("moat watch"), NULL, buf_view(&b), NULL, e);
}

static void say(FILE *log, const AlertEvent *ev)
{
    defer_buf Buf b = { 0 };
    bool          over = str_is(ev->state, "resolved");
    buf_z(&b, "moat: alert ");
    buf_clean(&b, ev->state), buf_z(&b, ": "), buf_clean(&b, ev->subject), buf_z(&b, ": ");
    buf_clean(&b, over ? ev->message : ev->title);
    if (!over)
        buf_z(&b, ": "), buf_clean(&b, ev->message);
    buf_z(&b, "  "), buf_clean(&b, ev->rule), buf_byte(&b, '\n');
    fwrite(b.p, 1, b.n, log);
    fflush(log);
}

static bool deliver_one(Spool *spool, Ledger *ledger, Clock clock, FILE *log, Str json, Arena *a, Err *e)
{
    AlertEvent ev;
    if (!alert_event_get(a, json, &ev, e) || (ledger != NULL && !record(ledger, clock, &ev, a, e)))
        return false;
    if (!spool_append(spool, SPOOL_ALERT, clock_ns(clock), json, NULL))
        return err_set(e, E_IO, "an alert could not be put into the spool; it is tried again");
    say(log, &ev);
    return true;
}

bool alert_deliver(State *s, Spool *spool, Ledger *ledger, Clock clock, FILE *log, uint64_t *delivered, Err *e)
{
    *delivered = 0;
    for (;;) {
        defer_arena Arena *a = arena_new(SCRATCH);
        int64_t            n = 0;
        Str                json;
        bool               found;
        if (a == NULL)
            return err_nomem(e);
        if (!state_outbox_next(s, a, &n, &json, &found, e))
            return false;
        if (!found)
            return true;
        if (!deliver_one(spool, ledger, clock, log, json, a, e) || !state_outbox_drop(s, n, e))
            return false;
        ++*delivered;
    }
}
