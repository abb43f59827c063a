/* detect.c - each endpoint's detector: its model, read when the configuration is; its state, one zone that all workers share.
 *
 * The zone's mutex is nginx's own, which takes it back from a worker that died with it.  A reload keeps the state of an endpoint of
 * the same name; a restart begins anew. */
#include "nginx/module.h"
#include "base/rng.h"

enum { DETECTOR_MAX = 1 << 30 };

static ngx_int_t zone_init(ngx_shm_zone_t *zone, void *old)
{
    MoatDetector *d = zone->data;
    d->pool = (ngx_slab_pool_t *)zone->shm.addr;
    d->state = old != NULL ? ((MoatDetector *)old)->state : ngx_slab_alloc(d->pool, detect_state_size());
    if (d->state != NULL)
        return NGX_OK;
    ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0, "moat: the zone \"%V\" is too small for a detector", &zone->shm.name);
    return NGX_ERROR;
}

static bool make_zone(ngx_conf_t *cf, MoatDetector *d, Str endpoint, Err *e)
{
    ngx_str_t name = { endpoint.n + sizeof "moat_detect_" - 1, ngx_pnalloc(cf->pool, endpoint.n + sizeof "moat_detect_") };
    size_t    size = detect_state_size() + detect_state_size() / 32 + 32 * ngx_pagesize;   /* nginx keeps a record for each page */
    if (name.data == NULL)
        return err_nomem(e);
    ngx_sprintf(name.data, "moat_detect_%*s%Z", endpoint.n, endpoint.p);
    d->zone = ngx_shared_memory_add(cf, &name, ngx_align(size, ngx_pagesize), &ngx_http_moat_module);
    if (d->zone == NULL)
        return err_set(e, E_NOMEM, "no shared memory for the detector of %.*s", STR(endpoint));
    d->zone->init = zone_init;
    d->zone->data = d;
    return true;
}

static bool load(ngx_conf_t *cf, MoatMain *m, GateEndpoint *ep, MoatDetector *d, Err *e)
{
    Str   file;
    char *path = arena_printf(m->arena, "%.*s", STR(ep->detector_path));
    if (path == NULL)
        return err_nomem(e);
    if (!file_read(m->arena, path, DETECTOR_MAX, &file, e) || !detect_read(m->arena, file, &d->model, e))
        return err_in(e, "%.*s", STR(ep->name));
    ep->detector = &d->model;
    return make_zone(cf, d, ep->name, e);
}

bool moat_detectors_open(ngx_conf_t *cf, MoatMain *m, Err *e)
{
    m->detectors = ngx_pcalloc(cf->pool, (m->policy->count + 1) * sizeof *m->detectors);
    if (m->detectors == NULL)
        return err_nomem(e);
    for (size_t i = 0; i < m->policy->count; i++)
        if (m->policy->endpoints[i].detect != DETECT_OFF && !load(cf, m, &m->policy->endpoints[i], &m->detectors[i], e))
            return false;
    return true;
}

static void lock(void *ctx) { ngx_shmtx_lock(&((MoatDetector *)ctx)->pool->mutex); }
static void unlock(void *ctx) { ngx_shmtx_unlock(&((MoatDetector *)ctx)->pool->mutex); }

/* Whoever holds the key; without keys, the address. */
static uint64_t client_of(const MoatRequest *m, const GateRequest *q)
{
    static const uint64_t key[2] = { 0x636c69, 0x656e74 };
    return m->v.key_id[0] ? siphash(key, str(m->v.key_id)) : siphash(key, (Str){ (const char *)q->address, q->address_len });
}

void moat_watch(MoatMain *main, MoatRequest *m, const GateRequest *q)
{
    MoatDetector *d = &main->detectors[m->ep - main->policy->endpoints];
    if (m->ep->detector == NULL || d->state == NULL)
        return;
    Watchman w = { .model = &d->model, .state = d->state, .lock = lock, .unlock = unlock, .ctx = d, .client = client_of(m, q), .now_s = q->now_s };
    gate_body_watch(m->body, &w);
}
