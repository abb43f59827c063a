/* sink_elastic.c - Elasticsearch and OpenSearch: POST /_bulk with `create` actions.
 *
 * An answer 200 says nothing about an item: each has its own status.  201 and 409 (the id is there already) are done; what
 * the cluster had no room for is sent again, alone; what can never be indexed is dead.  Since `_id` is our event's id, a
 * resend makes no second document, as long as the data stream's backing index is the same: a resend over a rollover may. */
#include "crypto/digest.h"
#include "crypto/secret.h"
#include "format/json.h"
#include "watch/sink.h"

enum { REASON = 120 };

typedef struct Elastic {
    SinkHttp *http;
    char      auth[2 * SINK_TOKEN_MAX];
    Buf       body;
} Elastic;

/* ---- answers */

BulkFate bulk_fate(uint64_t status, Str error_type)
{
    if (status == 200 || status == 201 || status == 409)
        return BULK_DONE;
    /* 403 cluster_block_exception is a disk above its flood stage or an index being moved: it passes. */
    if (status == 408 || status == 429 || status / 100 == 5 || str_is(error_type, "cluster_block_exception"))
        return BULK_RETRY;
    if (str_is(error_type, "invalid_index_name_exception"))
        return BULK_STOP;
    return status == 401 || status == 403 || status == 404 ? BULK_STOP : status / 100 == 4 ? BULK_DEAD : BULK_RETRY;
}

/* {"create": {...}}: the one member's value. */
static const Json *inner(const Json *item) { return item->type == JSON_OBJECT && item->count == 1 ? item->first : NULL; }

static bool answers_these(const Json *items, ShipItem *const *v, size_t n)
{
    size_t i = 0;
    if (items == NULL || items->type != JSON_ARRAY || items->count != n)
        return false;
    for (const Json *at = items->first; at != NULL; at = at->next, i++) {
        uint64_t status;
        if (!str_is(json_text(json_get(inner(at), "_id"), S("")), v[i]->id) || !json_u64(json_get(inner(at), "status"), &status))
            return false;
    }
    return true;
}

static void judge(ShipItem *i, const Json *answer, bool *stop, Err *e)
{
    uint64_t    status = 0;
    const Json *error = json_get(answer, "error");
    Str         type = json_text(json_get(error, "type"), S("")), why = json_text(json_get(error, "reason"), S(""));
    json_u64(json_get(answer, "status"), &status);
    BulkFate fate = bulk_fate(status, type);
    why.n = why.n < REASON ? why.n : REASON;
    if (fate == BULK_DONE)
        item_done(i);
    else if (fate == BULK_DEAD)
        item_dead(i, "elasticsearch %" PRIu64 " %.*s: %.*s", status, STR(type), STR(why));
    else {
        defer_buf Buf b = { 0 };
        buf_clean(&b, type), buf_z(&b, ": "), buf_clean(&b, why);
        err_set(e, E_IO, "item status %" PRIu64 " %.*s", status, STR(buf_view(&b)));
        *stop = *stop || fate == BULK_STOP;
    }
}

bool bulk_answer(Arena *a, Str body, ShipItem **v, size_t n, bool *stop, Err *e)
{
    const Json *root = json_parse(a, body, JSON_GRAMMAR, e), *items = json_get(root, "items");
    *stop = false;
    if (root == NULL)
        return err_in(e, "the answer");
    if (!answers_these(items, v, n))
        return err_set(e, E_FORMAT, "the answer is not about these %zu events", n);
    size_t i = 0;
    for (const Json *at = items->first; at != NULL; at = at->next)
        judge(v[i++], inner(at), stop, e);
    return true;
}

/* ---- one request */

static void event_write(const Sink *s, Buf *b, const ShipItem *i)
{
    JsonOut w = json_out(b);
    json_open(&w, '{');
    json_key(&w, "create"), json_open(&w, '{');
    json_member(&w, "_index", s->c.index ? str(s->c.index) : S("logs-moat-default")), json_member(&w, "_id", str(i->id));
    json_close(&w, '}'), json_close(&w, '}');
    buf_byte(b, '\n');
    if (s->c.format->json)
        buf_str(b, i->text);
    else {
        JsonOut m = json_out(b);
        json_open(&m, '{');
        json_member(&m, "message", i->text);
        json_close(&m, '}');
    }
    buf_byte(b, '\n');
}

static SinkResult answered(Sink *s, const SinkAnswer *r, ShipItem **v, size_t n, Err *e)
{
    bool       stop = false;
    SinkResult by_status = sink_status(s, r->status, r->body, e);
    if (by_status != SINK_JUDGED)
        return by_status;
    if (!bulk_answer(r->arena, r->body, v, n, &stop, e))
        return err_in(e, "%s", s->c.uri), SINK_RETRY;
    return stop ? SINK_STOP : SINK_JUDGED;
}

static SinkResult elastic_send(Sink *s, ShipItem **v, size_t n, Err *e)
{
    Elastic    *x = s->state;
    SinkAnswer  r = { 0 };
    const char *headers[] = { "Content-Type: application/x-ndjson", x->auth };
    x->body.n = 0;
    for (size_t i = 0; i < n; i++)
        event_write(s, &x->body, v[i]);
    if (x->body.bad)
        return buf_free(&x->body), err_nomem(e), SINK_RETRY;
    SinkResult got = sink_post(s, x->http, "/_bulk", headers, x->auth[0] != '\0' ? 2 : 1, buf_view(&x->body), &r, e);
    if (got == SINK_JUDGED)
        got = answered(s, &r, v, n, e);
    arena_free(r.arena);
    return got;
}

/* ---- open and close */

/* "user:password" is Basic; anything else is an API key as Elasticsearch prints it. */
static bool auth_make(const Sink *s, Elastic *x, Err *e)
{
    Buf b = { 0 };
    if (strchr(s->token, ':') != NULL)
        base64_put(&b, str(s->token));
    else
        buf_z(&b, s->token);
    bool ok = !b.bad && snprintf(x->auth, sizeof x->auth, "Authorization: %s %.*s", strchr(s->token, ':') ? "Basic" : "ApiKey",
                                 STR(buf_view(&b))) < (int)sizeof x->auth;
    if (b.p != NULL)
        wipe(b.p, b.cap);
    buf_free(&b);
    return ok || err_nomem(e);
}

static bool elastic_open(Sink *s, Err *e)
{
    Elastic *x = s->state = calloc(1, sizeof *x);
    if (x == NULL)
        return err_nomem(e);
    if (!sink_needs_uri(s, e) || !sink_token(s, false, e) || (s->token[0] != '\0' && !auth_make(s, x, e)))
        return false;
    x->http = sink_http_open(e);
    return x->http != NULL;
}

static void elastic_close(Sink *s)
{
    Elastic *x = s->state;
    if (x == NULL)
        return;
    sink_http_close(x->http);
    buf_free(&x->body);
    wipe(x->auth, sizeof x->auth);
    free(x);
    s->state = NULL;
}

const SinkKind sink_elastic = {
    "elasticsearch",
    "an event is shipped when its own item of the _bulk answer says 201, or 409: it is there already. Sent again it keeps its _id, "
    "so there is no second document, unless the data stream rolled over in between.",
    true, NULL, elastic_open, elastic_send, elastic_close,
};
