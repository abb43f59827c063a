/* conf.c - directives, the policy they load, the memory workers share, and where the module hooks in. */
#include "nginx/module.h"
#include "base/rng.h"

enum { POLICY_ARENA = 1 << 30 };

/* The one place where our errors become nginx's. */
static char *refuse_conf(ngx_conf_t *cf, const Err *e)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "moat: %s%s%s", e->message, *e->hint ? "; try: " : "", e->hint);
    return NGX_CONF_ERROR;
}

/* ---- shared memory: one table of limit states, kept over reloads of the same size */

static Slots *zone_memory(ngx_slab_pool_t *pool)
{
    uint64_t secret[2];
    size_t   bytes = pool->pfree * ngx_pagesize;
    void    *memory = ngx_slab_alloc(pool, bytes);     /* fresh from mmap: zeroed, page-aligned */
    random_bytes(secret, sizeof secret);
    return memory ? slots_init(memory, bytes, secret) : NULL;
}

static ngx_int_t zone_init(ngx_shm_zone_t *zone, void *old)
{
    MoatMain        *m = zone->data;
    ngx_slab_pool_t *pool = (ngx_slab_pool_t *)zone->shm.addr;
    m->slots = old != NULL ? ((MoatMain *)old)->slots : zone_memory(pool);
    if (m->slots != NULL)
        return NGX_OK;
    ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0, "moat: the zone \"%V\" is too small to hold limits", &zone->shm.name);
    return NGX_ERROR;
}

static char *set_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    MoatMain  *m = conf;
    ngx_str_t *v = cf->args->elts;
    ssize_t    size = ngx_parse_size(&v[2]);
    if (m->zone != NULL)
        return "is duplicate";
    if (size < (ssize_t)(8 * ngx_pagesize))
        return "wants a name and a size of at least 32k";
    m->zone = ngx_shared_memory_add(cf, &v[1], (size_t)size, cmd->post);
    if (m->zone == NULL)
        return NGX_CONF_ERROR;
    if (m->zone->data != NULL)
        return "names a zone that is in use";
    m->zone->init = zone_init;
    m->zone->data = m;
    return NGX_CONF_OK;
}

/* ---- locations */

static char *set_moat(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    MoatLoc   *l = conf;
    ngx_str_t *v = cf->args->elts;
    (void)cmd;
    if (l->mode != NGX_CONF_UNSET_UINT)
        return "is duplicate";
    l->mode = str_is(str_of(v[1]), "off") ? MOAT_OFF : MOAT_ON;
    if (!str_is(str_of(v[1]), "off") && !str_is(str_of(v[1]), "deny"))
        l->name = v[1];
    return NGX_CONF_OK;
}

static char *bind_endpoint(ngx_conf_t *cf, const MoatMain *m, MoatLoc *l)
{
    Err e = { 0 };
    l->ep = m->policy ? gate_policy_find(m->policy, str_of(l->name)) : NULL;
    if (m->policy == NULL)
        err_set(&e, E_USAGE, "`moat %.*s` needs moat_policy_file", (int)l->name.len, l->name.data);
    else if (l->ep == NULL)
        err_set(&e, E_USAGE, "the policy has no endpoint \"%.*s\"", (int)l->name.len, l->name.data);
    else if (l->ep->keys_required && m->keys_path.len == 0)
        err_set(&e, E_USAGE, "endpoint \"%.*s\" requires keys: set moat_keys", (int)l->name.len, l->name.data);
    else if (l->ep->limit_count != 0 && m->zone == NULL)
        err_set(&e, E_USAGE, "endpoint \"%.*s\" has limits: set moat_zone", (int)l->name.len, l->name.data);
    return e.code == E_OK ? NGX_CONF_OK : refuse_conf(cf, &e);
}

static void *make_loc(ngx_conf_t *cf)
{
    MoatLoc *l = ngx_pcalloc(cf->pool, sizeof *l);
    if (l != NULL)
        l->mode = NGX_CONF_UNSET_UINT;
    return l;
}

static char *merge_loc(ngx_conf_t *cf, void *parent, void *child)
{
    MoatLoc *above = parent, *l = child;
    if (l->mode == NGX_CONF_UNSET_UINT) {
        *l = *above;
        if (l->mode == NGX_CONF_UNSET_UINT)
            l->mode = MOAT_OFF;
        return NGX_CONF_OK;
    }
    return l->name.len ? bind_endpoint(cf, ngx_http_conf_get_module_main_conf(cf, ngx_http_moat_module), l) : NGX_CONF_OK;
}

/* ---- the http block */

static void drop_main(void *data)
{
    MoatMain *m = data;
    moat_keys_close(m);
    buf_free(&m->event);
    buf_free(&m->answer);
    arena_free(m->arena);
}

static void *make_main(ngx_conf_t *cf)
{
    ngx_pool_cleanup_t *c = ngx_pool_cleanup_add(cf->pool, sizeof(MoatMain));
    if (c == NULL)
        return NULL;
    c->handler = drop_main;
    return memset(c->data, 0, sizeof(MoatMain));
}

static bool load_policy(MoatMain *m, Err *e)
{
    Str         bytes;
    const char *path = (char *)m->policy_path.data;
    m->arena = arena_new(POLICY_ARENA);
    if (m->arena == NULL)
        return err_nomem(e);
    if (!file_read(m->arena, path, POLICY_FILE_MAX, &bytes, e))
        return false;
    m->policy = gate_policy_load(m->arena, bytes, e);
    return m->policy != NULL || err_in(e, "%s", path);
}

static char *init_main(ngx_conf_t *cf, void *conf)
{
    MoatMain  *m = conf;
    Err        e = { 0 };
    ngx_str_t *paths[] = { &m->policy_path, &m->keys_path, &m->spool_path };
    for (size_t i = 0; i < len_of(paths); i++)
        if (paths[i]->len && ngx_conf_full_name(cf->cycle, paths[i], 0) != NGX_OK)
            return NGX_CONF_ERROR;
    if (m->policy_path.len && !load_policy(m, &e))
        return refuse_conf(cf, &e);
    if (m->policy != NULL && !moat_detectors_open(cf, m, &e))
        return refuse_conf(cf, &e);
    if (m->keys_path.len && !moat_keys_open(m, &e))
        return refuse_conf(cf, &e);
    moat_keys_poll(m, cf->log);
    return NGX_CONF_OK;
}

static ngx_int_t hook_phase(ngx_conf_t *cf, ngx_http_phases phase, ngx_http_handler_pt handler)
{
    ngx_http_core_main_conf_t *core = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    ngx_http_handler_pt       *h = ngx_array_push(&core->phases[phase].handlers);
    if (h == NULL)
        return NGX_ERROR;
    *h = handler;
    return NGX_OK;
}

static ngx_int_t hook(ngx_conf_t *cf)
{
    moat_body_hook();
    moat_response_hook();
    if (hook_phase(cf, NGX_HTTP_PREACCESS_PHASE, moat_head_phase) != NGX_OK ||
        hook_phase(cf, NGX_HTTP_PRECONTENT_PHASE, moat_body_phase) != NGX_OK)
        return NGX_ERROR;
    return hook_phase(cf, NGX_HTTP_LOG_PHASE, moat_log_phase);
}

#define PATH_DIRECTIVE(name, field)                                                                          \
    { ngx_string(name), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1, ngx_conf_set_str_slot, NGX_HTTP_MAIN_CONF_OFFSET,     \
      offsetof(MoatMain, field), NULL }

static ngx_command_t commands[] = {
    PATH_DIRECTIVE("moat_policy_file", policy_path),
    PATH_DIRECTIVE("moat_keys", keys_path),
    PATH_DIRECTIVE("moat_spool", spool_path),
    { ngx_string("moat_zone"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE2, set_zone, NGX_HTTP_MAIN_CONF_OFFSET, 0, &ngx_http_moat_module },
    { ngx_string("moat"), NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF | NGX_CONF_TAKE1, set_moat, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },
    ngx_null_command,
};

static ngx_http_module_t context = {
    .preconfiguration = moat_variables,
    .postconfiguration = hook,
    .create_main_conf = make_main,
    .init_main_conf = init_main,
    .create_loc_conf = make_loc,
    .merge_loc_conf = merge_loc,
};

ngx_module_t ngx_http_moat_module = {
    NGX_MODULE_V1,
    .ctx = &context,
    .commands = commands,
    .type = NGX_HTTP_MODULE,
    .init_process = moat_worker_start,
    .exit_process = moat_worker_stop,
    NGX_MODULE_V1_PADDING,
};

/* What nginx looks for in a dynamic module.  Filters run from the bottom of the order upwards: ours sees an answer
 * before gzip does. */
#define EXPORT __attribute__((visibility("default")))
EXPORT ngx_module_t *ngx_modules[] = { &ngx_http_moat_module, NULL };
EXPORT char *ngx_module_names[] = { "ngx_http_moat_module", NULL };
EXPORT char *ngx_module_order[] = {
    "ngx_http_chunked_filter_module", "ngx_http_v2_filter_module",
    "ngx_http_range_header_filter_module", "ngx_http_gzip_filter_module",
    "ngx_http_moat_module",
    "ngx_http_postpone_filter_module", "ngx_http_ssi_filter_module",
    "ngx_http_charset_filter_module", "ngx_http_sub_filter_module",
    "ngx_http_addition_filter_module", "ngx_http_gunzip_filter_module",
    "ngx_http_userid_filter_module", "ngx_http_headers_filter_module",
    "ngx_http_copy_filter_module", NULL,
};
