/* request.c - an nginx request as gate/ wants to see it, and where we keep what we know about it. */
#include "nginx/module.h"
#include "base/rng.h"
#include <time.h>

/* Marks our pool cleanup, so that moat_find() knows it after an internal redirect has zeroed r->ctx. */
static void keep(void *data) { (void)data; }

MoatRequest *moat_find(ngx_http_request_t *r)
{
    MoatRequest *m = ngx_http_get_module_ctx(r->main, ngx_http_moat_module);
    if (m != NULL || !(r->main->internal || r->main->filter_finalize))
        return m;
    for (ngx_pool_cleanup_t *c = r->main->pool->cleanup; c != NULL; c = c->next) {
        if (c->handler == keep) {
            ngx_http_set_ctx(r->main, c->data, ngx_http_moat_module);
            return c->data;
        }
    }
    return NULL;
}

/* A count under the worker's key: as unique as nginx's $request_id, without asking OpenSSL for chance each time. */
static void make_id(MoatMain *main, char out[static MOAT_ID])
{
    uint64_t count = ++main->id_count << 1;
    for (size_t half = 0; half < 2; half++, count++) {
        uint64_t h = siphash(main->id_key, (Str){ (char *)&count, sizeof count });
        for (size_t i = 0; i < 16; i++)
            out[16 * half + i] = "0123456789abcdef"[h >> (60 - 4 * i) & 15];
    }
}

MoatRequest *moat_make(ngx_http_request_t *r)
{
    MoatRequest *m = moat_find(r);
    if (m != NULL)
        return m;
    ngx_pool_cleanup_t *c = ngx_pool_cleanup_add(r->main->pool, sizeof *m);
    if (c == NULL)
        return NULL;
    m = memset(c->data, 0, sizeof *m);
    c->handler = keep;
    make_id(main_of(r), m->id);
    m->ep = loc_of(r)->ep;
    m->uri_changes = r->main->uri_changes;
    ngx_http_set_ctx(r->main, m, ngx_http_moat_module);
    return m;
}

static unsigned credential_of(const ngx_table_elt_t *h)
{
    static const struct { Str name; unsigned bit; } names[] = {
        { S("authorization"), KEY_IN_AUTHORIZATION }, { S("x-api-key"), KEY_IN_X_API_KEY }, { S("api-key"), KEY_IN_API_KEY },
    };
    for (size_t i = 0; i < len_of(names); i++)
        if (h->key.len == names[i].name.n && memcmp(h->lowcase_key, names[i].name.p, h->key.len) == 0)
            return names[i].bit;
    return 0;
}

/* All occurrences are forwarded.  Which one the model server believes is unknown, so two are a list that nothing allows. */
static void read_once(const ngx_table_elt_t *h, Str *value) { *value = value->p == NULL ? str_of(h->value) : S(","); }

static void read_header(const ngx_table_elt_t *h, GateRequest *out)
{
    unsigned bit = credential_of(h);
    if (bit != 0) {
        if (out->credential_count < GATE_CREDENTIALS_MAX)
            out->credentials[out->credential_count] = (GateCredential){ bit, str_of(h->value) };
        out->credential_count++;
    }
    if (h->key.len == 16 && memcmp(h->lowcase_key, "content-encoding", 16) == 0)
        read_once(h, &out->content_encoding);
    if (h->key.len == 12 && memcmp(h->lowcase_key, "content-type", 12) == 0)
        read_once(h, &out->content_type);
}

static void read_headers(ngx_http_request_t *r, GateRequest *out)
{
    for (ngx_list_part_t *part = &r->headers_in.headers.part; part != NULL; part = part->next)
        for (ngx_uint_t i = 0; i < part->nelts; i++)
            read_header((ngx_table_elt_t *)part->elts + i, out);
}

static void read_address(ngx_http_request_t *r, GateRequest *out)
{
    const struct sockaddr *a = r->connection->sockaddr;
    if (a->sa_family == AF_INET) {
        memcpy(out->address, &((const struct sockaddr_in *)a)->sin_addr, 4);
        out->address_len = 4;
    } else if (a->sa_family == AF_INET6) {
        memcpy(out->address, &((const struct sockaddr_in6 *)a)->sin6_addr, 16);
        out->address_len = 16;
    }
}

static uint64_t monotonic_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

void moat_request(ngx_http_request_t *r, GateRequest *out)
{
    Str query;
    *out = (GateRequest){ .method = str_of(r->method_name), .path = str_of(r->uri), .now_s = ngx_time() };
    str_cut(str_of(r->unparsed_uri), '?', &out->raw_path, &query);
    out->query = str_of(r->args);
    /* HTTP/2 without a content-length sets `chunked` too. */
    out->content_length = r->headers_in.chunked ? -1 : ngx_max(r->headers_in.content_length_n, 0);
    out->now_ns = monotonic_ns();
#if (NGX_HTTP_SSL)
    out->tls = r->connection->ssl != NULL;
#endif
    read_headers(r, out);
    read_address(r, out);
}

/* Removes what `gone` names from the list that proxy modules copy.  The list is made anew and the old elements stay where
 * they are: nginx keeps pointers to them (headers_in.host and so on), and its loops do not stand an empty part. */
static bool remove_headers(ngx_http_request_t *r, bool (*gone)(const ngx_table_elt_t *h, unsigned arg), unsigned arg)
{
    ngx_list_t old = r->headers_in.headers;
    if (ngx_list_init(&r->headers_in.headers, r->pool, 24, sizeof(ngx_table_elt_t)) != NGX_OK) {
        r->headers_in.headers = old;
        return false;
    }
    for (ngx_list_part_t *part = &old.part; part != NULL; part = part->next) {
        for (ngx_uint_t i = 0; i < part->nelts; i++) {
            const ngx_table_elt_t *h = (ngx_table_elt_t *)part->elts + i;
            ngx_table_elt_t       *to = gone(h, arg) ? NULL : ngx_list_push(&r->headers_in.headers);
            if (to != NULL)
                *to = *h;
            else if (!gone(h, arg))
                return false;
        }
    }
    return true;
}

static bool is_credential(const ngx_table_elt_t *h, unsigned mask) { return (credential_of(h) & mask) != 0; }

bool moat_remove_credentials(ngx_http_request_t *r, unsigned key_headers)
{
    if (key_headers & KEY_IN_AUTHORIZATION)
        r->headers_in.authorization = NULL;
    return remove_headers(r, is_credential, key_headers);
}

static bool is_range(const ngx_table_elt_t *h, unsigned arg)
{
    (void)arg;
    return (h->key.len == 5 && memcmp(h->lowcase_key, "range", 5) == 0) ||
           (h->key.len == 8 && memcmp(h->lowcase_key, "if-range", 8) == 0);
}

bool moat_remove_ranges(ngx_http_request_t *r)
{
    if (r->headers_in.range == NULL && r->headers_in.if_range == NULL)
        return true;
    r->headers_in.range = r->headers_in.if_range = NULL;
    return remove_headers(r, is_range, 0);
}

ngx_table_elt_t *moat_add_header(ngx_http_request_t *r, const char *name, Str value)
{
    ngx_table_elt_t *h = value.n ? ngx_list_push(&r->headers_out.headers) : NULL;
    if (h == NULL)
        return NULL;
    *h = (ngx_table_elt_t){ .hash = 1, .key = ngx_of(str(name)) };
    h->value.data = ngx_pnalloc(r->pool, value.n);
    if (h->value.data == NULL)
        return h->hash = 0, NULL;
    memcpy(h->value.data, value.p, value.n);
    h->value.len = value.n;
    return h;
}
