/* sink_http.c - what the sinks that speak HTTP share. */
#include "base/file.h"
#include "crypto/secret.h"
#include "net/http_client.h"
#include "watch/sink.h"
#include <zlib.h>

enum { ANSWER_MAX = 16 << 20, ANSWER_ARENA = 256 << 20, HEADERS_MAX = 6, RETRY_AFTER_MAX_S = 3600, GZIP_FROM = 512 };

struct SinkHttp {
    HttpClient *client;
    z_stream    z;
    bool        ready;
    Buf         packed;
};

SinkHttp *sink_http_open(Err *e)
{
    SinkHttp *h = calloc(1, sizeof *h);
    if (h == NULL)
        return err_nomem(e), NULL;
    h->client = http_client_new(e);
    /* Level 1: telemetry repeats itself, and the higher levels cost three times the CPU for a tenth of the bytes. */
    h->ready = h->client != NULL && deflateInit2(&h->z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK;
    if (h->ready)
        return h;
    if (h->client != NULL)
        err_nomem(e);
    return sink_http_close(h), NULL;
}

void sink_http_close(SinkHttp *h)
{
    if (h == NULL)
        return;
    if (h->ready)
        deflateEnd(&h->z);
    http_client_free(h->client);
    buf_free(&h->packed);
    free(h);
}

static bool pack(SinkHttp *h, Str body)
{
    size_t room = deflateBound(&h->z, body.n);
    h->packed.n = 0;
    if (body.n > UINT32_MAX || room > UINT32_MAX || deflateReset(&h->z) != Z_OK)
        return false;
    if (h->packed.cap < room) {
        char *p = realloc(h->packed.p, room);
        if (p == NULL)
            return false;
        h->packed.p = p, h->packed.cap = room;
    }
    h->z.next_in = (Bytef *)(uintptr_t)body.p, h->z.avail_in = (uInt)body.n;
    h->z.next_out = (Bytef *)h->packed.p, h->z.avail_out = (uInt)room;
    if (deflate(&h->z, Z_FINISH) != Z_STREAM_END)
        return false;
    h->packed.n = h->z.total_out;
    return true;
}

static void note_retry_after(Sink *s, const HttpAnswer *r)
{
    uint64_t seconds;
    if (str_u64(http_answer_header(r, "Retry-After"), &seconds))
        s->retry_after_ms = 1000 * (seconds < RETRY_AFTER_MAX_S ? seconds : RETRY_AFTER_MAX_S);
}

SinkResult sink_post(Sink *s, SinkHttp *h, const char *path, const char *const *headers, size_t header_count, Str body,
                     SinkAnswer *out, Err *e)
{
    char        url[2048];
    const char *all[HEADERS_MAX + 1];
    HttpAnswer  r;
    size_t      base = strlen(s->c.uri);
    assert(header_count <= HEADERS_MAX);
    while (base > 0 && s->c.uri[base - 1] == '/')
        base--;
    if (snprintf(url, sizeof url, "%.*s%s", (int)base, s->c.uri, path) >= (int)sizeof url)
        return err_set(e, E_LIMIT, "sinks.%s: uri is too long", s->c.name), SINK_STOP;
    memcpy(all, headers, header_count * sizeof *headers);
    HttpAsk q = { .method = "POST", .url = url, .headers = all, .header_count = header_count, .body = body, .ca_file = s->c.ca_file,
                  .timeout_ms = s->c.timeout_ms, .answer_max = ANSWER_MAX };
    if (s->c.gzip && body.n >= GZIP_FROM && pack(h, body))
        all[q.header_count++] = "Content-Encoding: gzip", q.body = buf_view(&h->packed);
    *out = (SinkAnswer){ .arena = arena_new(ANSWER_ARENA) };
    if (out->arena == NULL)
        return err_nomem(e), SINK_RETRY;
    Err mine = { 0 };
    if (!http_ask(h->client, out->arena, &q, &r, &mine)) {
        if (e != NULL)
            *e = mine;
        return mine.code == E_USAGE ? SINK_STOP : SINK_RETRY;
    }
    out->status = r.status, out->body = r.body;
    note_retry_after(s, &r);
    return SINK_JUDGED;
}

SinkResult sink_status(const Sink *s, int status, Str body, Err *e)
{
    defer_buf Buf b = { 0 };
    if (status / 100 == 2)
        return SINK_JUDGED;
    buf_clean(&b, (Str){ body.p, body.n < 160 ? body.n : 160 });
    err_set(e, E_IO, "%s answers %d: %.*s", s->c.uri, status, STR(buf_view(&b)));
    if (status == 408 || status == 425 || status == 429 || status / 100 == 5 || status / 100 == 1)
        return SINK_RETRY;
    return status == 401 || status == 403 || status == 404 || status == 405 || status / 100 == 3 ? SINK_STOP : SINK_SPLIT;
}
