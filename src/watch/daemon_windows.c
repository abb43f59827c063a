/* daemon_windows.c - the windows that are open, in memory and in the state; see daemon.h. */
#include "watch/daemon_own.h"

int64_t window_start(const Monitor *m, int64_t time) { return time - (time % m->window_ns + m->window_ns) % m->window_ns; }

OpenWindow *window_find(Daemon *d, size_t monitor, int64_t start)
{
    for (OpenWindow *w = d->windows; w != NULL; w = w->next)
        if (w->monitor == monitor && w->w->start == start)
            return w;
    return NULL;
}

/* Each has an arena of its own, so that it is gone when it closes. */
OpenWindow *window_open(Daemon *d, size_t monitor, int64_t start, Err *e)
{
    Arena      *a = arena_new((size_t)64 << 20);
    OpenWindow *w = a ? arena_get(a, 1, sizeof *w) : NULL;
    if (w == NULL || (w->w = window_new(a, &d->monitors->v[monitor], start)) == NULL) {
        arena_free(a);
        return err_nomem(e), NULL;
    }
    w->arena = a, w->monitor = monitor, w->next = d->windows;
    return d->windows = w;
}

void window_close(Daemon *d, OpenWindow *w)
{
    for (OpenWindow **at = &d->windows; *at != NULL; at = &(*at)->next)
        if (*at == w) {
            *at = w->next;
            break;
        }
    arena_free(w->arena);
}

void windows_drop(Daemon *d)
{
    while (d->windows != NULL)
        window_close(d, d->windows);
}

static bool load_one(void *ctx, Str monitor, int64_t start, Str bytes, Err *e)
{
    Daemon *d = ctx;
    for (size_t i = 0; i < d->monitors->n; i++) {
        if (!str_eq(d->monitors->v[i].name, monitor))
            continue;
        OpenWindow *w = window_open(d, i, start, e);
        Err         why = { 0 };
        if (w == NULL)
            return false;
        if (window_get(&d->monitors->v[i], bytes, w->w, &why) && w->w->start == start)
            return true;
        fprintf(d->log, "moat: monitors.%.*s: an open window is dropped: %s\n", STR(monitor), why.message);
        return window_close(d, w), true;
    }
    return true;                                       /* of a monitor that is no longer declared */
}

bool windows_put(Daemon *d, Err *e)
{
    for (OpenWindow *w = d->windows; w != NULL; w = w->next) {
        defer_buf Buf  b = { 0 };
        const Monitor *m = &d->monitors->v[w->monitor];
        if (!w->changed)
            continue;
        if (!window_put(m, w->w, &b))
            return err_nomem(e);
        if (!state_window_set(d->state, m->name, w->w->start, buf_view(&b), e))
            return false;
        w->changed = false;
    }
    return true;
}

bool windows_load(Daemon *d, Err *e)
{
    windows_drop(d);
    return state_windows(d->state, load_one, d, e);
}
