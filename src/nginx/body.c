/* body.c - the request body on its way in: de-chunked, each byte once, HTTP/1 and HTTP/2 alike. */
#include "nginx/module.h"

static ngx_http_request_body_filter_pt next_filter;

static bool feed(MoatRequest *m, const ngx_buf_t *b)
{
    if (ngx_buf_special(b) || ngx_buf_size(b) == 0)
        return true;
    if (!ngx_buf_in_memory(b))                         /* bytes that cannot be seen cannot be let through */
        return gate_refuse(&m->v, GATE_INTERNAL);
    return gate_body_feed(m->body, (Str){ (char *)b->pos, (size_t)(b->last - b->pos) });
}

static ngx_int_t body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    MoatRequest *m = moat_find(r);
    if (m == NULL || m->body == NULL || m->v.status != 0)
        return next_filter(r, in);
    for (ngx_chain_t *c = in; c != NULL; c = c->next) {
        if (!feed(m, c->buf)) {
            r->keepalive = 0;                          /* what is left of the body must never be read as a request */
            return moat_refused(r, m);
        }
    }
    return next_filter(r, in);
}

void moat_body_hook(void)
{
    next_filter = ngx_http_top_request_body_filter;
    ngx_http_top_request_body_filter = body_filter;
}
