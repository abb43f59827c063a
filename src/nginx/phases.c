/* phases.c - the two questions of a request: before its body, and after it. */
#include "nginx/module.h"
#include "base/rng.h"

ngx_int_t moat_refused(ngx_http_request_t *r, MoatRequest *m)
{
    m->uri_changes = r->main->uri_changes;
    if (r->headers_in.expect != NULL)                  /* it may or may not send the body now: do not guess */
        r->keepalive = 0;
    return m->v.status;
}

static ngx_int_t internal(ngx_http_request_t *r, MoatRequest *m, const char *why)
{
    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0, "moat: %s", why);
    gate_refuse(&m->v, GATE_INTERNAL);
    return moat_refused(r, m);
}

static void delay_over(ngx_http_request_t *r)
{
    ngx_event_t *w = r->connection->write;
    if (w->delayed) {
        if (ngx_handle_write_event(w, 0) != NGX_OK)
            ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }
    if (ngx_handle_read_event(r->connection->read, 0) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }
    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_core_run_phases;
    ngx_http_core_run_phases(r);
}

/* Comes back into the phases later, as nginx's limit_req does; a client that leaves meanwhile is noticed. */
static ngx_int_t delay(ngx_http_request_t *r, uint64_t ns)
{
    if (ngx_handle_read_event(r->connection->read, 0) != NGX_OK)
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = delay_over;
    r->connection->write->delayed = 1;
    ngx_add_timer(r->connection->write, (ngx_msec_t)((ns + 999999) / 1000000));
    return NGX_AGAIN;
}

static bool begin_body(ngx_http_request_t *r, MoatRequest *m)
{
    size_t  align = 16;
    u_char *memory = ngx_palloc(r->pool, gate_body_size(m->ep) + align);
    if (memory != NULL)
        m->body = gate_body_begin(m->ep, ngx_align_ptr(memory, align), &m->v);
    return m->body != NULL;
}

/* 1.0, 1.1 and 2; nginx also serves 0.9 and 1.2, which nobody speaks who means well. */
static bool known_version(const ngx_http_request_t *r)
{
    return r->http_version == NGX_HTTP_VERSION_10 || r->http_version == NGX_HTTP_VERSION_11 ||
           r->http_version == NGX_HTTP_VERSION_20;
}

/* A key that was made a moment ago may be in a table that this worker has not looked at yet.  Every 401 takes the look, so
 * that its time does not tell which it is. */
static bool ask_head(ngx_http_request_t *r, MoatRequest *m, const GateRequest *q)
{
    MoatMain *main = main_of(r);
    GateEnv   env = { main->keys.loaded ? &main->keys.now : NULL, main->slots };
    bool      ok = gate_head(&env, m->ep, q, &m->v);
    if (ok || (m->v.status != NGX_HTTP_UNAUTHORIZED && m->v.reason != GATE_KEYS_ABSENT) || !moat_keys_poll(main, r->connection->log))
        return ok;
    env.keys = &main->keys.now;
    return gate_head(&env, m->ep, q, &m->v);
}

static ngx_int_t judge(ngx_http_request_t *r, MoatRequest *m, const GateEndpoint *ep)
{
    GateRequest q;
    m->judged = 1;
    m->ep = ep;
    m->uri_changes = r->uri_changes;
    m->http_version = r->http_version;
    moat_request(r, &q);
    q.chance = siphash(main_of(r)->id_key, (Str){ m->id, MOAT_ID });
    m->wants_body = gate_wants_body(&q);
    if (!known_version(r))
        gate_refuse(&m->v, GATE_PROTOCOL);
    if (m->v.status != 0 || !ask_head(r, m, &q))
        return moat_refused(r, m);
    if (!moat_remove_credentials(r, ep->key_headers) || ((respctl_on(&ep->control) || ep->detect >= DETECT_DEGRADE) && !moat_remove_ranges(r)))
        return internal(r, m, "out of memory");
    if (m->wants_body && r->request_body != NULL)
        return internal(r, m, "another module has read the body before it could be checked");
    if (m->wants_body && !begin_body(r, m))
        return internal(r, m, "out of memory");
    if (m->wants_body)
        moat_watch(main_of(r), m, &q);
    return m->v.delay_ns ? delay(r, m->v.delay_ns) : NGX_DECLINED;
}

/* An error_page or X-Accel-Redirect brought a judged request here.  A refused one must not reach a model by that way,
 * and what one policy let in is not what another would have. */
static ngx_int_t judge_again(ngx_http_request_t *r, MoatRequest *m, const GateEndpoint *ep)
{
    if (m->v.status != 0)
        return moat_refused(r, m);
    return m->ep == ep ? NGX_DECLINED : internal(r, m, "a request was redirected from one policy into another");
}

ngx_int_t moat_head_phase(ngx_http_request_t *r)
{
    MoatLoc     *loc = loc_of(r);
    MoatRequest *m = r == r->main && loc->mode == MOAT_ON ? moat_make(r) : NULL;
    if (r != r->main || loc->mode != MOAT_ON)
        return NGX_DECLINED;
    if (m == NULL)
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    return m->judged ? judge_again(r, m, loc->ep) : judge(r, m, loc->ep);
}

static void body_ready(ngx_http_request_t *r)
{
    MoatRequest *m = moat_find(r);
    if (m->v.status == 0 && !gate_body_end(m->body))
        moat_refused(r, m);
    r->preserve_body = 1;
    r->write_event_handler = ngx_http_core_run_phases;
    ngx_http_core_run_phases(r);
}

/* The mirror module's way: the first visit asks for the body, the second, after body_ready(), has the verdict. */
static ngx_int_t wait_for_body(ngx_http_request_t *r, MoatRequest *m)
{
    m->asked = 1;
    ngx_int_t rc = ngx_http_read_client_request_body(r, body_ready);
    if (rc >= NGX_HTTP_SPECIAL_RESPONSE)
        return rc;
    ngx_http_finalize_request(r, NGX_DONE);
    return NGX_DONE;
}

ngx_int_t moat_body_phase(ngx_http_request_t *r)
{
    if (r != r->main || loc_of(r)->mode != MOAT_ON)
        return NGX_DECLINED;
    MoatRequest *m = moat_find(r);
    if (m == NULL || !m->judged) {                     /* another module's NGX_OK has skipped the rest of PREACCESS */
        ngx_int_t rc = moat_head_phase(r);
        if (rc != NGX_DECLINED)
            return rc;
        m = moat_find(r);
    }
    if (m->v.status != 0)
        return m->v.status;
    return m->wants_body && !m->asked ? wait_for_body(r, m) : NGX_DECLINED;
}
