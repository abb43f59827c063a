/* response.c - the answer on its way out: refusals become problem+json, controlled answers are held, judged, replaced.
 *
 * Our place in the filter order is before gzip, so bodies are seen as the upstream meant them.  Nothing of a held answer
 * leaves before all of it was understood; what is not understood becomes a 502. */
#include "nginx/module.h"

enum { HELD_BIT = 0x08, HELD_FIRST = 4096 };           /* the bit that image_filter uses: not both in one location */

static ngx_http_output_header_filter_pt next_header;
static ngx_http_output_body_filter_pt   next_body;

static void forget_entity(ngx_http_request_t *r)
{
    ngx_http_clear_content_length(r);
    ngx_http_clear_accept_ranges(r);
    ngx_http_clear_last_modified(r);
    ngx_http_clear_etag(r);
    r->allow_ranges = 0;
}

static void add_limits(ngx_http_request_t *r, const GateVerdict *v)
{
    char text[GATE_RATE_TEXT];
    moat_add_header(r, "RateLimit-Policy", (Str){ text, gate_ratelimit_policy(v, text) });
    moat_add_header(r, "RateLimit", (Str){ text, gate_ratelimit(v, text) });
    if (v->retry_after_s != 0) {
        int n = snprintf(text, sizeof text, "%" PRIu64, v->retry_after_s);
        moat_add_header(r, "Retry-After", (Str){ text, (size_t)n });
    }
}

/* What nginx itself answered (a 413, a 502 of a dead upstream) gets the same form as our own refusals. */
static void adopt(ngx_http_request_t *r, MoatRequest *m)
{
    static const struct { ngx_uint_t status; GateReason reason; } rows[] = {
        { NGX_HTTP_BAD_REQUEST, GATE_PROTOCOL },          { NGX_HTTP_REQUEST_ENTITY_TOO_LARGE, GATE_TOO_LARGE },
        { NGX_HTTP_BAD_GATEWAY, GATE_UPSTREAM },          { NGX_HTTP_SERVICE_UNAVAILABLE, GATE_UPSTREAM_BUSY },
        { NGX_HTTP_GATEWAY_TIME_OUT, GATE_UPSTREAM_SLOW }, { NGX_HTTP_INTERNAL_SERVER_ERROR, GATE_INTERNAL },
    };
    m->v.status = (uint16_t)r->err_status;
    m->v.reason = r->err_status < 500 ? GATE_PROTOCOL : GATE_INTERNAL;
    for (size_t i = 0; i < len_of(rows); i++)
        if (rows[i].status == r->err_status)
            m->v.reason = rows[i].reason;
}

static ngx_int_t problem_header(ngx_http_request_t *r, MoatRequest *m)
{
    char text[GATE_PROBLEM_MAX];
    m->answer = ANSWER_PROBLEM;
    forget_entity(r);
    r->headers_out.content_length_n = (off_t)gate_problem(&m->v, text);
    ngx_str_set(&r->headers_out.content_type, "application/problem+json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;
    ngx_str_null(&r->headers_out.charset);
    add_limits(r, &m->v);
    if (m->v.status == NGX_HTTP_UNAUTHORIZED)
        moat_add_header(r, "WWW-Authenticate", S("Bearer"));
    if (m->v.reason == GATE_METHOD && m->ep != NULL)
        moat_add_header(r, "Allow", m->ep->allow);
    if (r->request_body != NULL && !r->keepalive)      /* a body cut off: let the client read this before we close */
        r->lingering_close = 1;
    return next_header(r);
}

static ngx_int_t problem_body(ngx_http_request_t *r, MoatRequest *m)
{
    ngx_chain_t out = { ngx_create_temp_buf(r->pool, GATE_PROBLEM_MAX), NULL };
    if (out.buf == NULL)
        return NGX_ERROR;
    m->answer = ANSWER_DONE;
    out.buf->last += gate_problem(&m->v, (char *)out.buf->pos);
    out.buf->last_buf = out.buf->last_in_chain = 1;
    return next_body(r, &out);
}

static ngx_int_t fail(ngx_http_request_t *r, MoatRequest *m)
{
    m->held_len = 0;
    m->answer = ANSWER_PASS;
    r->connection->buffered &= ~HELD_BIT;
    m->uri_changes = r->uri_changes;
    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0, "moat: the upstream's answer was withheld: %s",
                  gate_reason_name(m->v.reason));
    return ngx_http_filter_finalize_request(r, &ngx_http_moat_module, m->v.status);
}

static Str content_encoding(const ngx_http_request_t *r)
{
    const ngx_table_elt_t *h = r->headers_out.content_encoding;
    return h != NULL && h->hash != 0 ? str_of(h->value) : (Str){ 0 };
}

static ngx_int_t answer_header(ngx_http_request_t *r, MoatRequest *m)
{
    GateResponse a = { .status = (unsigned)r->headers_out.status, .content_type = str_of(r->headers_out.content_type),
                       .content_encoding = content_encoding(r), .content_length = r->headers_out.content_length_n,
                       .head = r->method == NGX_HTTP_HEAD };
    if (r->upstream != NULL && (r->upstream->upgrade || r->http_version != m->http_version)) {
        r->http_version = m->http_version;             /* no HTTP answer at all: nginx would pass it on as HTTP/0.9 */
        gate_refuse(&m->v, GATE_UPSTREAM);             /* and what follows a 101 cannot be inspected */
        return fail(r, m);
    }
    if (r->upstream != NULL && a.status < 200) {       /* nginx takes an interim answer for the last: what follows is the real one */
        gate_refuse(&m->v, GATE_UPSTREAM);
        return fail(r, m);
    }
    GateResponseAction act = gate_response_begin(m->ep, &a, &m->v);
    if (act == RESPONSE_REFUSE)
        return fail(r, m);
    if (act == RESPONSE_HOLD) {
        m->answer = ANSWER_HOLD;
        r->filter_need_in_memory = r->main_filter_need_in_memory = 1;
        return NGX_OK;
    }
    m->answer = act == RESPONSE_LOOK ? ANSWER_LOOK : ANSWER_DONE;
    if (act == RESPONSE_LOOK)
        r->filter_need_in_memory = r->main_filter_need_in_memory = 1;
    add_limits(r, &m->v);
    if (a.head && (respctl_on(&m->ep->control) || m->v.coarse))
        forget_entity(r);                              /* the length of an answer that was not controlled tells */
    return next_header(r);
}

/* An answer of nginx itself, here for the first time: error_page's own redirects have changed the count. */
static bool is_nginx_error(const ngx_http_request_t *r, const MoatRequest *m)
{
    return r->err_status >= NGX_HTTP_BAD_REQUEST && r->uri_changes == m->uri_changes;
}

static ngx_int_t header_filter(ngx_http_request_t *r)
{
    bool         guarded = r == r->main && loc_of(r)->mode == MOAT_ON;
    MoatRequest *m = r != r->main ? NULL : guarded ? moat_make(r) : moat_find(r);
    if (m == NULL)
        return guarded ? NGX_ERROR : next_header(r);
    if (is_nginx_error(r, m)) {
        if (m->v.status == 0)
            adopt(r, m);
        return problem_header(r, m);
    }
    if (!m->judged || m->v.status != 0 || m->ep == NULL)
        return next_header(r);
    return answer_header(r, m);
}

static bool hold_room(ngx_http_request_t *r, MoatRequest *m, size_t more)
{
    if (m->held_len + more <= m->held_cap)
        return true;
    off_t  told = r->headers_out.content_length_n;
    size_t cap = m->held_cap ? 2 * m->held_cap : told > 0 && told <= RESP_MAX ? (size_t)told : HELD_FIRST;
    cap = ngx_max(cap, m->held_len + more);
    u_char *p = ngx_pnalloc(r->pool, cap);
    if (p == NULL)
        return false;
    if (m->held_len)
        memcpy(p, m->held, m->held_len);
    if (m->held != NULL)
        ngx_pfree(r->pool, m->held);
    m->held = p;
    m->held_cap = cap;
    return true;
}

static bool hold(ngx_http_request_t *r, MoatRequest *m, ngx_buf_t *b)
{
    if (ngx_buf_special(b))
        return true;
    if (!ngx_buf_in_memory(b))
        return gate_refuse(&m->v, GATE_INTERNAL);
    size_t n = (size_t)(b->last - b->pos);
    if (n > RESP_MAX - m->held_len)
        return gate_refuse(&m->v, GATE_RESPONSE_SIZE);
    if (!hold_room(r, m, n))
        return gate_refuse(&m->v, GATE_INTERNAL);
    memcpy(m->held + m->held_len, b->pos, n);
    m->held_len += n;
    b->pos = b->last;
    return true;
}

static ngx_int_t release(ngx_http_request_t *r, MoatRequest *m)
{
    Buf        *made = &main_of(r)->answer;            /* the worker's; the next answer overwrites it, so copy */
    ngx_chain_t out = { ngx_calloc_buf(r->pool), NULL };
    m->answer = ANSWER_DONE;
    r->connection->buffered &= ~HELD_BIT;
    if (m->ep->record.prediction == PREDICTION_COMPUTED)
        gate_response_look(m->ep, (Str){ (char *)m->held, m->held_len }, made, &m->computed);
    if (!gate_response_end(m->ep, (Str){ (char *)m->held, m->held_len }, made, &m->info, &m->v))
        return fail(r, m);
    u_char *p = ngx_pnalloc(r->pool, made->n + 1);
    if (out.buf == NULL || p == NULL)
        return gate_refuse(&m->v, GATE_INTERNAL), fail(r, m);
    memcpy(p, made->p, made->n);
    *out.buf = (ngx_buf_t){ .start = p, .pos = p, .last = p + made->n, .end = p + made->n, .memory = made->n > 0,
                            .last_buf = 1, .last_in_chain = 1 };
    forget_entity(r);
    r->headers_out.content_length_n = (off_t)made->n;
    add_limits(r, &m->v);
    ngx_int_t rc = next_header(r);
    return rc == NGX_ERROR || rc > NGX_OK || r->header_only ? rc : next_body(r, &out);
}

/* nginx ends an answer that broke off with a bare flush; before headers are out we can still say so. */
static bool broke_off(const ngx_http_request_t *r, const ngx_buf_t *b)
{
    const ngx_event_pipe_t *p = r->upstream ? r->upstream->pipe : NULL;
    return b->flush && ngx_buf_size(b) == 0 && p != NULL && (p->upstream_eof || p->upstream_error);
}

static ngx_int_t hold_all(ngx_http_request_t *r, MoatRequest *m, ngx_chain_t *in)
{
    bool last = false;
    for (ngx_chain_t *c = in; c != NULL; c = c->next) {
        if (broke_off(r, c->buf))
            return gate_refuse(&m->v, GATE_UPSTREAM), fail(r, m);
        if (!hold(r, m, c->buf))
            return fail(r, m);
        last |= c->buf->last_buf;
    }
    if (last)
        return release(r, m);
    r->connection->buffered |= HELD_BIT;
    return NGX_OK;
}

/* A copy for the event; the answer itself goes on at once, and nothing that fails here can stop it. */
static void look(ngx_http_request_t *r, MoatRequest *m, const ngx_chain_t *in)
{
    bool last = false;
    for (; in != NULL && m->answer == ANSWER_LOOK; in = in->next) {
        size_t n = ngx_buf_in_memory(in->buf) ? (size_t)(in->buf->last - in->buf->pos) : 0;
        if (n > GATE_LOOK_MAX - m->held_len || !hold_room(r, m, n)) {
            m->answer = ANSWER_DONE;
            return;
        }
        if (n > 0)
            memcpy(m->held + m->held_len, in->buf->pos, n);
        m->held_len += n;
        last |= in->buf->last_buf;
    }
    if (!last)
        return;
    m->answer = ANSWER_DONE;
    gate_response_look(m->ep, (Str){ (char *)m->held, m->held_len }, &main_of(r)->answer, &m->info);
    m->computed = m->info;
}

static ngx_int_t body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    MoatRequest *m = r == r->main && in != NULL ? moat_find(r) : NULL;
    if (m != NULL && m->answer == ANSWER_PROBLEM)
        return problem_body(r, m);
    if (m != NULL && m->answer == ANSWER_LOOK)
        look(r, m, in);
    if (m != NULL && m->answer == ANSWER_HOLD)
        return hold_all(r, m, in);
    return next_body(r, in);
}

void moat_response_hook(void)
{
    next_header = ngx_http_top_header_filter;
    ngx_http_top_header_filter = header_filter;
    next_body = ngx_http_top_body_filter;
    ngx_http_top_body_filter = body_filter;
}
