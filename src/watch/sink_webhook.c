/* sink_webhook.c - POST {"events":[...]} to an address of one's own.
 *
 * With a token_file each request is signed: X-Moat-Signature: t=SECONDS,v1=HMAC-SHA256(token, "SECONDS.BODY") in hex, so the
 * receiver knows who speaks and refuses what is old. */
#include "crypto/digest.h"
#include "crypto/secret.h"
#include "format/json.h"
#include "watch/sink.h"

typedef struct Webhook {
    SinkHttp *http;
    Buf       body;                                    /* "SECONDS.BODY", as it is signed */
} Webhook;

static size_t body_make(const Sink *s, Buf *b, ShipItem **v, size_t n)
{
    b->n = 0;
    buf_printf(b, "%" PRId64 ".", clock_ns(s->clock) / 1000000000);
    size_t  head = b->n;
    JsonOut w = json_out(b);
    json_open(&w, '{');
    json_key(&w, "events"), json_open(&w, '[');
    for (size_t i = 0; i < n; i++)
        if (s->c.format->json)
            json_put_raw(&w, v[i]->text);
        else
            json_put_str(&w, v[i]->text);
    json_close(&w, ']'), json_close(&w, '}');
    return head;
}

static void sign(const Sink *s, Str text, size_t head, char out[static 160])
{
    char   hex[DIGEST_HEX];
    Digest d = hmac_sha256(str(s->token), text);
    digest_hex(&d, hex);
    snprintf(out, 160, "X-Moat-Signature: t=%.*s,v1=%s", (int)head - 1, text.p, hex);
}

static SinkResult webhook_send(Sink *s, ShipItem **v, size_t n, Err *e)
{
    Webhook    *h = s->state;
    SinkAnswer  r = { 0 };
    char        signature[160] = "";
    const char *headers[] = { "Content-Type: application/json", signature };
    size_t      head = body_make(s, &h->body, v, n);
    if (h->body.bad)
        return buf_free(&h->body), err_nomem(e), SINK_RETRY;
    if (s->token[0] != '\0')
        sign(s, buf_view(&h->body), head, signature);
    SinkResult got = sink_post(s, h->http, "", headers, signature[0] != '\0' ? 2 : 1, str_from(buf_view(&h->body), head), &r, e);
    if (got == SINK_JUDGED)
        got = sink_status(s, r.status, r.body, e);
    arena_free(r.arena);
    for (size_t i = 0; i < n && got == SINK_JUDGED; i++)
        item_done(v[i]);
    return got;
}

static bool webhook_open(Sink *s, Err *e)
{
    Webhook *h = s->state = calloc(1, sizeof *h);
    if (h == NULL)
        return err_nomem(e);
    s->c.gzip = false;                                 /* what is signed is what is sent */
    if (!sink_needs_uri(s, e) || !sink_token(s, false, e))
        return false;
    h->http = sink_http_open(e);
    return h->http != NULL;
}

static void webhook_close(Sink *s)
{
    Webhook *h = s->state;
    if (h == NULL)
        return;
    sink_http_close(h->http);
    buf_free(&h->body);
    free(h);
    s->state = NULL;
}

const SinkKind sink_webhook = {
    "http",
    "an event is shipped when the receiver answers the request with 2xx; it may arrive twice, with the same id.",
    true, NULL, webhook_open, webhook_send, webhook_close,
};
