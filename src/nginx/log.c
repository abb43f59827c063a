/* log.c - what remains of a request: one event in the worker's spool, and the $moat_* variables of access logs.
 *
 * nginx runs the log phase for every request that had a header, also refused and aborted ones, exactly once. */
#include "nginx/module.h"
#include "base/rng.h"
#include "spool/event.h"

enum { TICK_MS = 500, SPOOL_CAP_MB = 1024 };

/* ---- the event */

static uint64_t status_of(const ngx_http_request_t *r) { return r->err_status ? r->err_status : r->headers_out.status; }

/* Ends that no verdict foresaw: nobody was there to be answered. */
static void settle(const ngx_http_request_t *r, MoatRequest *m)
{
    if (m->v.reason == GATE_OK && !r->header_sent)
        m->v.reason = status_of(r) == NGX_HTTP_REQUEST_TIME_OUT ? GATE_CANCELLED : GATE_ABORTED;
}

static const char *verdict_of(const GateVerdict *v)
{
    if (v->reason == GATE_OK)
        return "pass";
    return gate_reason_status(v->reason) >= 500 ? "fail" : "refuse";
}

static uint64_t total_us(const ngx_http_request_t *r)
{
    const ngx_time_t *t = ngx_timeofday();
    int64_t ms = (int64_t)(t->sec - r->start_sec) * 1000 + ((int64_t)t->msec - (int64_t)r->start_msec);
    return ms > 0 ? (uint64_t)ms * 1000 : 0;
}

static uint64_t upstream_us(const ngx_http_request_t *r)
{
    uint64_t us = 0;
    const ngx_http_upstream_state_t *s = r->upstream_states ? r->upstream_states->elts : NULL;
    for (ngx_uint_t i = 0; s != NULL && i < r->upstream_states->nelts; i++)
        if (s[i].response_time != (ngx_msec_t)-1)
            us += s[i].response_time * 1000;
    return us;
}

static Str prediction(const RespInfo *i, bool wanted, char *out, size_t size)
{
    char number[NUMBER_TEXT];
    int  n = 0;
    if (wanted && i->has_label)
        n = snprintf(out, size, "{\"label\":%" PRIu64 ",\"score\":%.*s}", i->label, (int)number_text(i->score, number), number);
    else if (wanted && i->has_value)
        n = snprintf(out, size, "{\"value\":%.*s}", (int)number_text(i->value, number), number);
    return (Str){ out, (size_t)n };
}

static void put_event(ngx_http_request_t *r, const MoatRequest *m, Buf *out)
{
    char endpoint[300], model[DIGEST_HEX], answer[128], before[128];
    bool routed = m->ep != NULL;
    RecordPrediction keep = routed ? m->ep->record.prediction : PREDICTION_NONE;
    char             watched[256];
    Str              row = { 0 };
    const Features  *f = m->body != NULL ? gate_body_features(m->body, &row) : NULL;
    if (routed)
        snprintf(endpoint, sizeof endpoint, "endpoints.%.*s", (int)(m->ep->name.n & 0xff), m->ep->name.p);
    if (routed && m->ep->has_digest)
        digest_hex(&m->ep->model_digest, model);
    event_put(out, &(Event){
        .request = { m->id, MOAT_ID }, .endpoint = str(routed ? endpoint : NULL),
        .model = str(routed && m->ep->has_digest ? model : NULL), .key = str(m->v.key_id),
        .address = str_of(r->connection->addr_text), .method = str_of(r->method_name), .status = status_of(r),
        .verdict = str(verdict_of(&m->v)), .reason = str(gate_reason_name(m->v.reason)), .checks = m->v.checks,
        .cost = m->v.checks & CHECK_LIMIT ? m->v.cost : 0, .bytes_in = (uint64_t)r->request_length, .bytes_out = (uint64_t)r->connection->sent,
        .upstream_us = upstream_us(r), .total_us = total_us(r),
        .prediction = prediction(&m->info, keep != PREDICTION_NONE, answer, sizeof answer),
        .computed = prediction(&m->computed, keep == PREDICTION_COMPUTED, before, sizeof before), 
        .detector = m->body != NULL ? watched_text(gate_body_watched(m->body), watched, sizeof watched) : (Str){ 0 },
        .instances = f != NULL && (row.n > 0 || f->cut) ? f->rows : 0, .features = row,
    });
}

ngx_int_t moat_log_phase(ngx_http_request_t *r)
{
    MoatMain    *main = main_of(r);
    MoatRequest *m = r != r->main ? NULL : loc_of(r)->mode == MOAT_ON ? moat_make(r) : moat_find(r);
    if (m == NULL || m->logged || main->spool_path.len == 0)
        return NGX_OK;
    const ngx_time_t *now = ngx_timeofday();
    m->logged = 1;
    settle(r, m);
    main->event.n = 0;
    put_event(r, m, &main->event);
    if (main->spool == NULL || main->event.bad ||
        !spool_append(main->spool, SPOOL_REQUEST, (int64_t)now->sec * 1000000000 + (int64_t)now->msec * 1000000,
                      buf_view(&main->event), NULL))
        main->lost++;
    return NGX_OK;
}

/* ---- the worker's clock */

static void open_spool(MoatMain *m, ngx_log_t *log)
{
    Err e = { 0 };
    m->spool = spool_open_free((char *)m->spool_path.data,
                               (SpoolOptions){ .cap_bytes = (uint64_t)SPOOL_CAP_MB << 20, .clock = clock_system() }, &e);
    if (m->spool == NULL)
        ngx_log_error(NGX_LOG_ALERT, log, 0, "moat: events cannot be kept and are dropped: %s", e.message);
}

static void tend(MoatMain *m, ngx_log_t *log)
{
    Err e = { 0 };
    if (m->spool == NULL && m->lost != m->told)
        open_spool(m, log);
    else if (m->spool != NULL && !spool_tend(m->spool, &e))
        ngx_log_error(NGX_LOG_ALERT, log, 0, "moat: the event spool: %s", e.message);
    if (m->lost != m->told)
        ngx_log_error(NGX_LOG_ALERT, log, 0, "moat: %uL events dropped", m->lost - m->told);
    m->told = m->lost;
}

static void tick(ngx_event_t *ev)
{
    ngx_connection_t *c = ev->data;
    MoatMain         *m = c->data;
    if (m->keys_path.len)
        moat_keys_poll(m, ev->log);
    if (m->spool_path.len && ++m->ticks % (1000 / TICK_MS) == 0)
        tend(m, ev->log);
    if (!ngx_exiting)
        ngx_add_timer(ev, TICK_MS);
}

ngx_int_t moat_worker_start(ngx_cycle_t *cycle)
{
    MoatMain *m = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_moat_module);
    if (m == NULL || (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE))
        return NGX_OK;
    random_bytes(m->id_key, sizeof m->id_key);
    if (m->spool_path.len)
        open_spool(m, cycle->log);
    m->nobody = (ngx_connection_t){ .fd = (ngx_socket_t)-1, .data = m };
    m->tick = (ngx_event_t){ .handler = tick, .data = &m->nobody, .log = cycle->log, .cancelable = 1 };
    ngx_add_timer(&m->tick, TICK_MS);
    return NGX_OK;
}

void moat_worker_stop(ngx_cycle_t *cycle)
{
    MoatMain *m = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_moat_module);
    if (m != NULL)
        spool_close(m->spool);
}

/* ---- variables */

typedef enum { VAR_REQUEST_ID, VAR_VERDICT, VAR_REASON, VAR_KEY_ID, VAR_POLICY } Var;

static Str variable(const MoatRequest *m, Var which)
{
    switch (which) {
    case VAR_REQUEST_ID: return (Str){ (char *)m->id, MOAT_ID };
    case VAR_VERDICT: return str(verdict_of(&m->v));
    case VAR_REASON:  return str(gate_reason_name(m->v.reason));
    case VAR_KEY_ID:  return str(m->v.key_id);
    case VAR_POLICY:  return m->ep ? m->ep->name : S("deny");
    }
    return (Str){ 0 };
}

static ngx_int_t get_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t which)
{
    MoatRequest *m = moat_find(r);
    Str          s = m != NULL ? variable(m, (Var)which) : (Str){ 0 };
    *v = (ngx_http_variable_value_t){ .not_found = s.n == 0, .valid = 1, .len = (unsigned)s.n, .data = (u_char *)s.p };
    return NGX_OK;
}

ngx_int_t moat_variables(ngx_conf_t *cf)
{
    static const struct { ngx_str_t name; Var which; } rows[] = {
        { ngx_string("moat_request_id"), VAR_REQUEST_ID },
        { ngx_string("moat_verdict"), VAR_VERDICT }, { ngx_string("moat_reason"), VAR_REASON },
        { ngx_string("moat_key_id"), VAR_KEY_ID },   { ngx_string("moat_policy"), VAR_POLICY },
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        ngx_http_variable_t *v = ngx_http_add_variable(cf, (ngx_str_t *)&rows[i].name, NGX_HTTP_VAR_NOCACHEABLE);
        if (v == NULL)
            return NGX_ERROR;
        v->get_handler = get_variable;
        v->data = rows[i].which;
    }
    return NGX_OK;
}
