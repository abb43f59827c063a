/* watch_run.c - `moat watch run`: the daemon until somebody says stop, and /metrics beside it. */
#include "base/file.h"
#include "cli/watch_cmds.h"
#include "net/http_server.h"
#include "watch/alertmanager.h"
#include "watch/metrics.h"
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

static bool        once;
static const char *listen_on;

const Opt watch_run_opts[WATCH_RUN_OPTS] = {
    { "once", 0, OPT_FLAG, &once, NULL, "judge what there is and end; exit 1 while an alert is firing" },
    { "listen", 'l', OPT_TEXT, &listen_on, "ADDR", "serve /metrics on HOST:PORT; default: watch.metrics of moat.yaml" },
};

#define ARENA ((size_t)16 << 30)                       /* a limit, not a size: references live in it */
enum { TURN_MS = 500, RETRY_MS = 2000 };

/* ---- /metrics: a text that the loop replaces and the server's threads copy */

typedef struct Page {
    pthread_mutex_t lock;
    Buf             text;
} Page;

static void answer(void *ctx, const HttpRequest *q, HttpReply *r)
{
    Page *page = ctx;
    bool  found = strcmp(q->path, "/metrics") == 0, get = strcmp(q->method, "GET") == 0 || strcmp(q->method, "HEAD") == 0;
    r->status = !found ? 404 : get ? 200 : 405;
    r->type = "text/plain; version=0.0.4; charset=utf-8";
    r->allow = "GET, HEAD";
    if (r->status != 200) {
        buf_z(&r->body, found ? "GET only\n" : "see /metrics\n");
        return;
    }
    pthread_mutex_lock(&page->lock);
    buf_str(&r->body, buf_view(&page->text));
    pthread_mutex_unlock(&page->lock);
}

static bool page_turn(Page *page, const Monitors *m, State *s, Err *e)
{
    Buf fresh = { 0 };
    if (!metrics_text(m, s, &fresh, e))
        return buf_free(&fresh), false;
    pthread_mutex_lock(&page->lock);
    buf_free(&page->text);
    page->text = fresh;
    pthread_mutex_unlock(&page->lock);
    return true;
}

/* ---- the loop */

typedef struct Run {
    const Pipeline *p;
    Monitors        m;
    Daemon         *d;
    HttpClient     *http;
    HttpServer     *server;
    Page            page;
    Clock           clock;
    int64_t         sent_ns;                           /* when Alertmanager last had everything */
    bool            unsent;
    char            said[480];                         /* the last failure, so that it is not said each half second */
} Run;

static void complain(Run *r, Err *e)
{
    if (strcmp(r->said, e->message) != 0)
        die(e);
    snprintf(r->said, sizeof r->said, "%s", e->message);
}

static void tell(Run *r, bool changed)
{
    Err     e = { 0 };
    int64_t now = clock_ns(r->clock), wait = (r->unsent ? RETRY_MS : ALERTMANAGER_REPEAT_S * 1000) * (int64_t)1000000;
    if (!changed && now - r->sent_ns < wait)
        return;
    r->sent_ns = now;
    r->unsent = !alertmanager_send(r->http, r->p, &r->m, daemon_state(r->d), now, &e);
    if (r->unsent)
        complain(r, &e);
}

/* Everything that can be read now. */
static bool turn(Run *r)
{
    DaemonTurn t = { 0 };
    Err        e = { 0 };
    bool       changed = false;
    do {
        if (!daemon_turn(r->d, &t, &e))
            return complain(r, &e), false;
        changed |= t.alerts > 0;
    } while (!t.drained);
    r->said[0] = '\0';
    if (r->server != NULL && !page_turn(&r->page, &r->m, daemon_state(r->d), &e))
        complain(r, &e);
    tell(r, changed);
    return true;
}

static int loop(Run *r)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM), sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    for (;;) {
        struct timespec step = { TURN_MS / 1000, TURN_MS % 1000 * 1000000 };
        turn(r);
        if (sigtimedwait(&signals, NULL, &step) > 0)
            return EXIT_CLEAN;
    }
}

/* ---- what --once prints */

typedef struct Shown {
    JsonOut *w;
    bool     json;
} Shown;

static bool show_result(void *ctx, const Result *r, Err *e)
{
    Shown *s = ctx;
    char   start[TIME_TEXT];
    (void)e;
    time_text(r->start, start);
    if (!s->json) {
        defer_buf Buf b = { 0 };
        buf_clean(&b, r->monitor);
        printf("%-24.*s %s  %s%.4g%s\n", STR(buf_view(&b)), start, isnan(r->value) ? "unknown " : "", r->value, r->breach ? "  beyond" : "");
        return true;
    }
    json_open(s->w, '{');
    json_member(s->w, "monitor", r->monitor);
    json_member(s->w, "start", str(start));
    json_key(s->w, "value"), json_put_f64(s->w, r->value);
    json_key(s->w, "breach"), json_put_bool(s->w, r->breach);
    json_key(s->w, "details"), json_put_raw(s->w, r->json);
    json_close(s->w, '}');
    return true;
}

static bool add_firing(Run *r, Findings *found, Arena *a)
{
    for (size_t i = 0; i < r->m.n; i++) {
        const Monitor *m = &r->m.v[i];
        AlertEvent     ev;
        if (!alert_firing(a, daemon_state(r->d), m, &ev, NULL))
            continue;
        Finding f = finding_of(&watch_rules[m->metric->rule], m->endpoint, m->id);
        f.message = ev.message;
        if (!finding_add(found, f))
            return false;
    }
    return true;
}

static void put_counters(JsonOut *w, const DaemonCounters *c)
{
    const struct { const char *name; int64_t v; } rows[] = {
        { "events", c->events }, { "late", c->late }, { "labels", c->labels }, { "matched", c->matched }, { "unmatched", c->unmatched },
        { "strange", c->strange }, { "corrupt_bytes", c->corrupt_bytes }, { "lost_frames", c->lost_frames },
    };
    for (size_t i = 0; i < len_of(rows); i++)
        json_key(w, rows[i].name), json_put_i64(w, rows[i].v);
}

static int report(Run *r, Arena *a)
{
    defer_buf Buf  b = { 0 };
    JsonOut        w = json_out(&b);
    Err            e = { 0 };
    DaemonCounters c;
    Findings      *found = findings_new(a);
    if (found == NULL || !add_firing(r, found, a))
        return err_nomem(&e), die(&e);
    if (!daemon_counters(daemon_state(r->d), &c, &e))
        return die(&e);
    json_begin(&w, "moat.watch.run/1", found);
    put_counters(&w, &c);
    json_key(&w, "windows");
    json_open(&w, '[');
    if (!state_results(daemon_state(r->d), S(""), 0, show_result, &(Shown){ &w, common.json }, &e))
        return die(&e);
    json_close(&w, ']');
    if (common.json && !json_finish(&w))
        return EXIT_BROKEN;
    if (!common.json)
        findings_text(found, stdout, colour_on(stdout));
    return exit_of(found, SEV_HIGH, false);
}

/* ---- */

static bool start(Run *r, Err *e)
{
    const char *at = listen_on != NULL ? listen_on : r->p->metrics.n > 0 ? r->p->metrics.p : NULL;
    r->d = daemon_open(r->p, &r->m, r->clock, stderr, e);
    r->http = r->d != NULL ? http_client_new(e) : NULL;
    if (r->http == NULL)
        return false;
    if (at == NULL || once)
        return true;
    defer_arena Arena *a = arena_new(1 << 16);
    const char        *address = a ? arena_printf(a, "%.*s", STR(listen_on ? str(at) : r->p->metrics)) : NULL;
    if (address == NULL)
        return err_nomem(e);
    r->server = http_server_start(&(HttpServerOptions){ .listen = address, .threads = 1, .connections = 64, .handle = answer, .ctx = &r->page }, e);
    if (r->server != NULL)
        fprintf(stderr, "moat: metrics on http://%s/metrics\n", http_server_address(r->server));
    return r->server != NULL;
}

static void run_drop(Run *r)
{
    if (r->server != NULL)
        http_server_stop(r->server, 1000);
    http_client_free(r->http);
    daemon_close(r->d);
    buf_free(&r->page.text);
    pthread_mutex_destroy(&r->page.lock);
}

int watch_run_cmd(int argc, char **argv)
{
    defer_arena Arena *a = arena_new(ARENA);
    __attribute__((cleanup(run_drop))) Run r = { .clock = clock_system(), .page = { .lock = PTHREAD_MUTEX_INITIALIZER } };
    Err e = { 0 };
    (void)argv;
    if (argc > 0)
        return usage("moat watch run [--once] [--listen ADDR]");
    if (a == NULL)
        return err_nomem(&e), die(&e);
    r.p = cli_pipeline(a, &e);
    if (r.p == NULL || !pipeline_state_make(r.p, &e) || !monitors_load(a, r.p, &r.m, &e))
        return die(&e);
    fwrite(r.m.notes.p, 1, r.m.notes.n, stderr);
    if (r.m.n == 0) {
        err_set(&e, E_USAGE, "%s declares no monitor that can be judged", r.p->file);
        err_hint(&e, "moat help config monitors");
        return die(&e);
    }
    if (!start(&r, &e))
        return die(&e);
    if (!once)
        return loop(&r);
    return turn(&r) ? report(&r, a) : EXIT_BROKEN;
}
