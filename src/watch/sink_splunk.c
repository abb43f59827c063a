/* sink_splunk.c - Splunk HTTP Event Collector (help.splunk.com, "HTTP Event Collector", error codes of "Troubleshoot").
 *
 * Without indexer acknowledgement an answer 200 only means that the request was accepted: a crash of the indexer loses it.
 * With it (the default) the answer carries an ackId, and events count as shipped when /ack says true for it.  False means
 * not yet or not known any more, so after ack_timeout they are sent again with the same event_id. */
#include "base/rng.h"
#include "crypto/secret.h"
#include "format/json.h"
#include "watch/sink.h"

enum { POLL_MIN_MS = 50, POLL_MAX_MS = 2000, ANSWER_SCRATCH = 16 << 20, CHANNEL = 64 };

typedef struct Hec {
    SinkHttp *http;
    char      channel[CHANNEL];
    char      auth[SINK_TOKEN_MAX + 32], channel_header[CHANNEL + 40], ack_path[CHANNEL + 64];
    Buf       body;
} Hec;

/* ---- answers */

bool hec_answer(Arena *a, Str body, HecAnswer *out)
{
    *out = (HecAnswer){ .code = -1 };
    const Json *v = json_parse(a, body, JSON_GRAMMAR, NULL);
    if (v == NULL || v->type != JSON_OBJECT)
        return false;
    out->acked = json_u64(json_get(v, "ackId"), &out->ack_id);
    out->numbered = json_u64(json_get(v, "invalid-event-number"), &out->invalid);
    return json_i64(json_get(v, "code"), &out->code);
}

bool hec_acked(Arena *a, Str body, uint64_t ack_id)
{
    char name[24];
    snprintf(name, sizeof name, "%" PRIu64, ack_id);
    const Json *v = json_parse(a, body, JSON_GRAMMAR, NULL);
    return json_bool(json_get(json_get(v, "acks"), name), false);
}

/* What a code means for the request; a code that is not known means what the status means.  5, 6, 12, 13 and 15 are about
 * an event: send fewer. */
static SinkResult code_means(int64_t code, SinkResult by_status)
{
    static const struct { int64_t code; SinkResult r; } rows[] = {
        { 1, SINK_STOP },   { 2, SINK_STOP },   { 3, SINK_STOP },   { 4, SINK_STOP },   { 5, SINK_SPLIT },  { 6, SINK_SPLIT },
        { 7, SINK_STOP },   { 8, SINK_RETRY },  { 9, SINK_RETRY },  { 10, SINK_STOP },  { 11, SINK_STOP },  { 12, SINK_SPLIT },
        { 13, SINK_SPLIT }, { 14, SINK_STOP },  { 15, SINK_SPLIT }, { 16, SINK_STOP },  { 18, SINK_RETRY }, { 19, SINK_RETRY },
        { 20, SINK_RETRY },
    };
    for (size_t i = 0; i < len_of(rows); i++)
        if (rows[i].code == code)
            return rows[i].r;
    return by_status == SINK_JUDGED ? SINK_RETRY : by_status;
}

/* ---- one request */

static void event_write(const Sink *s, Buf *b, const ShipItem *i)
{
    JsonOut w = json_out(b);
    char    time[40];
    int     n = snprintf(time, sizeof time, "%" PRId64 ".%03" PRId64, i->v.time_ns / 1000000000, i->v.time_ns / 1000000 % 1000);
    json_open(&w, '{');
    json_key(&w, "time"), json_put_raw(&w, (Str){ time, (size_t)n });
    json_member(&w, "host", s->from.host), json_member(&w, "source", S("moat"));
    json_member(&w, "sourcetype", str(s->c.format->sourcetype));
    if (s->c.index != NULL)
        json_member(&w, "index", str(s->c.index));
    json_key(&w, "event");
    if (s->c.format->json)
        json_put_raw(&w, i->text);
    else
        json_put_str(&w, i->text);
    json_key(&w, "fields"), json_open(&w, '{');
    json_member(&w, "event_id", str(i->id));
    json_close(&w, '}'), json_close(&w, '}');
}

static SinkResult ask(Sink *s, const char *path, Str body, SinkAnswer *r, Err *e)
{
    Hec        *h = s->state;
    const char *headers[] = { "Content-Type: application/json", h->auth, h->channel_header };
    return sink_post(s, h->http, path, headers, s->c.ack ? 3 : 2, body, r, e);
}

static SinkResult refused(const Sink *s, const HecAnswer *a, const SinkAnswer *r, ShipItem **v, size_t n, Err *e)
{
    SinkResult by_status = sink_status(s, r->status, r->body, e), by_code = code_means(a->code, by_status);
    if (by_status == SINK_JUDGED)
        err_set(e, E_IO, "%s answers %d, but not with success", s->c.uri, r->status);
    if (by_code == SINK_SPLIT && a->numbered && a->invalid < n) {
        item_dead(v[a->invalid], "splunk code %" PRId64 ": %.120s", a->code, e != NULL ? e->message : "");
        return SINK_JUDGED;                            /* the others are sent again without it */
    }
    return by_code;
}

/* Asks for the acknowledgement until it comes or the time is over. */
static SinkResult wait_ack(Sink *s, uint64_t id, Err *e)
{
    Hec     *h = s->state;
    char     body[48];
    unsigned pause = POLL_MIN_MS;
    int64_t  deadline = clock_ns(s->clock) + s->c.ack_timeout_ns;
    int      n = snprintf(body, sizeof body, "{\"acks\":[%" PRIu64 "]}", id);
    while (clock_ns(s->clock) < deadline && !sink_stopping(s)) {
        SinkAnswer r = { 0 };
        SinkResult got = ask(s, h->ack_path, (Str){ body, (size_t)n }, &r, e);
        bool       yes = got == SINK_JUDGED && r.status == 200 && hec_acked(r.arena, r.body, id);
        if (got == SINK_JUDGED && !yes && r.status != 200)
            got = sink_status(s, r.status, r.body, e);
        arena_free(r.arena);
        if (yes || got == SINK_STOP)
            return yes ? SINK_JUDGED : SINK_STOP;
        sink_pause(s, pause + (unsigned)s->retry_after_ms);
        s->retry_after_ms = 0;
        if (got == SINK_JUDGED)                        /* it said: not yet */
            pause = 2 * pause < POLL_MAX_MS ? 2 * pause : POLL_MAX_MS;
    }
    err_set(e, E_IO, "%s: no acknowledgement came", s->c.uri);
    return SINK_RETRY;
}

static SinkResult answered(Sink *s, const SinkAnswer *r, ShipItem **v, size_t n, Err *e)
{
    HecAnswer a;
    bool      known = hec_answer(r->arena, r->body, &a);
    if (r->status != 200 || !known || a.code != 0)
        return refused(s, &a, r, v, n, e);
    if (s->c.ack && !a.acked) {
        err_set(e, E_USAGE, "sinks.%s: this token has no indexer acknowledgement", s->c.name);
        err_hint(e, "enable it for the token, or set ack: false and accept that a crash of the indexer loses events");
        return SINK_STOP;
    }
    SinkResult done = s->c.ack ? wait_ack(s, a.ack_id, e) : SINK_JUDGED;
    for (size_t i = 0; i < n && done == SINK_JUDGED; i++)
        item_done(v[i]);
    return done;
}

static SinkResult hec_send(Sink *s, ShipItem **v, size_t n, Err *e)
{
    Hec       *h = s->state;
    SinkAnswer r = { 0 };
    h->body.n = 0;
    for (size_t i = 0; i < n; i++)
        event_write(s, &h->body, v[i]);
    if (h->body.bad)
        return buf_free(&h->body), err_nomem(e), SINK_RETRY;
    SinkResult got = ask(s, "/services/collector/event", buf_view(&h->body), &r, e);
    if (got == SINK_JUDGED)
        got = answered(s, &r, v, n, e);
    arena_free(r.arena);
    return got;
}

/* ---- open and close */

static bool is_channel(const char *z)
{
    size_t n = strlen(z);
    return n > 0 && n < CHANNEL && strspn(z, "0123456789abcdefABCDEF-") == n;
}

/* A random GUID (RFC 4122 version 4). */
static void channel_make(char out[static CHANNEL])
{
    uint8_t r[16];
    random_bytes(r, sizeof r);
    r[6] = (uint8_t)((r[6] & 15) | 0x40), r[8] = (uint8_t)((r[8] & 63) | 0x80);
    snprintf(out, CHANNEL, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", r[0], r[1], r[2], r[3], r[4], r[5], r[6],
             r[7], r[8], r[9], r[10], r[11], r[12], r[13], r[14], r[15]);
}

static bool hec_open(Sink *s, Err *e)
{
    Hec *h = s->state = calloc(1, sizeof *h);
    if (h == NULL)
        return err_nomem(e);
    if (!sink_needs_uri(s, e) || !sink_token(s, true, e))
        return false;
    if (s->c.channel != NULL && !is_channel(s->c.channel))
        return err_set(e, E_USAGE, "sinks.%s: channel is no GUID", s->c.name);
    if (s->c.channel != NULL)
        snprintf(h->channel, sizeof h->channel, "%s", s->c.channel);
    else
        channel_make(h->channel);
    snprintf(h->auth, sizeof h->auth, "Authorization: Splunk %s", s->token);
    snprintf(h->channel_header, sizeof h->channel_header, "X-Splunk-Request-Channel: %s", h->channel);
    snprintf(h->ack_path, sizeof h->ack_path, "/services/collector/ack?channel=%s", h->channel);
    h->http = sink_http_open(e);
    return h->http != NULL;
}

static void hec_close(Sink *s)
{
    Hec *h = s->state;
    if (h == NULL)
        return;
    sink_http_close(h->http);
    buf_free(&h->body);
    wipe(h->auth, sizeof h->auth);
    free(h);
    s->state = NULL;
}

const SinkKind sink_splunk = {
    "splunk",
    "with ack: true (default) an event is shipped when the indexer acknowledges it; it may arrive twice, and `| dedup event_id` "
    "removes the second. With ack: false it is shipped when Splunk accepts it, and a crash of the indexer may still lose it.",
    true, NULL, hec_open, hec_send, hec_close,
};
