/* Any bytes as moat.yaml: a refusal says why and in which line; a pipeline that loads keeps what its header promises. */
#include "pipeline/pipeline.h"
#include <sys/mman.h>
#include <unistd.h>

static void check_edges(const Pipeline *p)
{
    size_t      n;
    const Edge *e = pipeline_edges(p, &n);
    for (size_t i = 0; i < n; i++) {
        const Part *from = pipeline_part(p, e[i].from), *to = pipeline_part(p, e[i].to);
        assert(from != NULL && to != NULL && from != to);
        assert(str_eq(from->id, e[i].from) && str_eq(to->id, e[i].to));
    }
}

static void check_endpoints(const Pipeline *p)
{
    for (size_t i = 0; i < p->endpoint_count; i++) {
        const Endpoint *x = &p->endpoints[i];
        assert(pipeline_endpoint(p, x->part.name) == x && pipeline_endpoint(p, x->part.id) != NULL);
        assert(x->route.n > 0 && x->route.p[0] == '/' && x->scope.n > 0 && x->methods.n > 0);
        assert(x->model.n == 0 || pipeline_model(p, x->model) != NULL);
        for (size_t k = 0; k < x->limit_count; k++)
            assert(x->limits[k].rate_num > 0 && x->limits[k].rate_ns > 0);
        for (size_t k = 0; k < i; k++)
            assert(!str_eq(p->endpoints[k].route, x->route));
    }
}

static void check_named(const Pipeline *p)
{
    for (size_t i = 0; i < p->waiver_count; i++)
        assert(named_text(&p->waivers[i], "owner").n > 0 && named_text(&p->waivers[i], "expires").n > 0);
    for (size_t i = 0; i < p->monitor_count; i++)
        assert(named_text(&p->monitors[i], "window").n > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    Err                e = { 0 };
    char               path[64];
    int                fd = memfd_create("moat.yaml", MFD_CLOEXEC);
    defer_arena Arena *a = arena_new(64 << 20);
    assert(fd >= 0 && a != NULL && write(fd, data, n) == (ssize_t)n);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    const Pipeline *p = pipeline_load(a, path, &e);
    close(fd);
    if (p == NULL) {
        assert(*e.message && (e.line > 0 || e.code != E_FORMAT));
        return 0;
    }
    assert(p->name.n > 0 && p->listen.n > 0 && p->workers > 0);
    check_edges(p);
    check_endpoints(p);
    check_named(p);
    return 0;
}
