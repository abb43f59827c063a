/* watch_ship.c - moat watch ship: events to the sinks, one thread each, until somebody says stop. */
#include "cli/watch_cmds.h"
#include "watch/ship.h"
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

enum { ARENA = 1 << 28, SINKS_MAX = 64, BACKLOG_MAX = 1000000 };

static const char *sink_name;
static bool        once_flag, explain_flag, dead_flag, metrics_flag;

const Opt watch_ship_opts[WATCH_SHIP_OPTS] = {
    { "sink", 's', OPT_TEXT, &sink_name, "NAME", "only this one; default: all that are declared" },
    { "once", 0, OPT_FLAG, &once_flag, NULL, "ship what is there, then end" },
    { "explain", 0, OPT_FLAG, &explain_flag, NULL, "say what each sink promises and how far it is; ship nothing" },
    { "dead-letter", 0, OPT_FLAG, &dead_flag, NULL, "ship the dead letters again, then end" },
    { "metrics", 0, OPT_FLAG, &metrics_flag, NULL, "print the counters for Prometheus (a textfile collector), then end" },
};

typedef struct Worker {
    ShipJob     job;
    Err         e;
    bool        ok, told, started;
    atomic_bool ended;
    pthread_t   thread;
} Worker;

typedef struct Crew {
    Worker      v[SINKS_MAX];
    size_t      n;
    atomic_bool stop;
} Crew;

static void say(void *ctx, const char *sink, const char *line)
{
    (void)ctx;
    defer_buf Buf b = { 0 };
    buf_printf(&b, "moat: sinks.%s: ", sink), buf_clean(&b, str(line)), buf_byte(&b, '\n');
    fwrite(b.p ? b.p : "", 1, b.n, stderr);            /* one call: lines of two threads do not mix */
}

static void *work(void *arg)
{
    Worker *w = arg;
    w->ok = ship_run(&w->job, &w->e);
    atomic_store(&w->ended, true);
    return NULL;
}

static bool choose(const Pipeline *p, const Named **v, size_t *n, Err *e)
{
    *n = 0;
    for (size_t i = 0; i < p->sink_count; i++) {
        if (sink_name != NULL ? !str_is(p->sinks[i].part.name, sink_name) : str_is(p->sinks[i].kind, "alertmanager"))
            continue;                                  /* that one is told by `moat watch run` */
        if (*n == SINKS_MAX)
            return err_set(e, E_LIMIT, "more than %d sinks", SINKS_MAX);
        v[(*n)++] = &p->sinks[i];
    }
    if (*n > 0)
        return true;
    if (sink_name != NULL)
        err_set(e, E_USAGE, "%s declares no sink '%s'", p->file, sink_name);
    else
        err_set(e, E_USAGE, "%s declares no sinks", p->file);
    return err_hint(e, "moat help config sinks");
}

/* ---- running */

static void crew_start(Crew *c, const Pipeline *p, const Named **sinks)
{
    for (size_t i = 0; i < c->n; i++) {
        Worker *w = &c->v[i];
        w->job = (ShipJob){ .pipeline = p, .sink = sinks[i], .clock = clock_system(), .once = once_flag || dead_flag, .dead_letter = dead_flag,
                            .stop = &c->stop, .say = say };
        w->started = pthread_create(&w->thread, NULL, work, w) == 0;
        if (w->started)
            continue;
        err_set(&w->e, E_IO, "sinks.%.*s: cannot start a thread", STR(sinks[i]->part.name));
        w->ended = true;
    }
}

/* Says what failed as soon as it did; true while somebody works. */
static bool crew_look(Crew *c)
{
    bool any = false;
    for (Worker *w = c->v; w < c->v + c->n; w++) {
        bool ended = atomic_load(&w->ended);
        if (ended && !w->ok && !w->told)
            die(&w->e), w->told = true;
        any = any || !ended;
    }
    return any;
}

static void crew_run(Crew *c, const sigset_t *signals)
{
    while (crew_look(c)) {
        struct timespec tenth = { 0, 100000000 };
        int             sig = sigtimedwait(signals, NULL, &tenth);
        if (sig == SIGTERM || sig == SIGINT)
            atomic_store(&c->stop, true);
    }
    for (Worker *w = c->v; w < c->v + c->n; w++)
        if (w->started)
            pthread_join(w->thread, NULL);
}

/* ---- results */

static void status_json(JsonOut *w, Str name, Str kind, const ShipStatus *s)
{
    static const char *const states[] = { "ok", "waiting", "stopped" };
    json_member(w, "name", name), json_member(w, "kind", kind), json_member(w, "state", str(states[s->state]));
    json_member_u64(w, "sent", s->sent), json_member_u64(w, "retried", s->retried);
    json_member_u64(w, "dead", s->dead), json_member_u64(w, "lost", s->lost);
    if (s->error[0] != '\0')
        json_member(w, "error", str(s->error));
}

static void begin_json(JsonOut *w)
{
    json_open(w, '{');
    json_member(w, "schema", S("moat.watch.ship/1"));
    json_key(w, "sinks"), json_open(w, '[');
}

static int report(const Crew *c)
{
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    int           code = EXIT_CLEAN;
    begin_json(&w);
    for (const Worker *k = c->v; k < c->v + c->n; k++) {
        json_open(&w, '{');
        status_json(&w, k->job.sink->part.name, k->job.sink->kind, &k->job.status);
        json_close(&w, '}');
        if (!k->ok)
            code = k->e.code == E_USAGE ? EXIT_USAGE : EXIT_BROKEN;
        if (!common.json && once_flag && k->ok)
            printf("sinks.%.*s: %" PRIu64 " events shipped, %" PRIu64 " dead, %" PRIu64 " lost\n", STR(k->job.sink->part.name), k->job.status.sent,
                   k->job.status.dead, k->job.status.lost);
    }
    json_close(&w, ']');
    return !common.json || json_finish(&w) ? code : EXIT_BROKEN;
}

/* Splunk acknowledges when it is asked to. */
static bool is_acknowledged(const SinkKind *k, const SinkConf *c) { return k->acknowledged && (c->ack || strcmp(k->name, "splunk") != 0); }

static void explain_text(const Named *n, const SinkKind *k, bool acknowledged, const ShipStatus *s, uint64_t backlog)
{
    printf("sinks.%.*s (%s): %s\n", STR(n->part.name), k->name, acknowledged ? "acknowledged" : "NOT ACKNOWLEDGED: events can be lost");
    printf("  %s\n", k->promise);
    printf("  shipped %" PRIu64 ", sent again %" PRIu64 ", dead letters %" PRIu64 ", gone before they were shipped %" PRIu64 ", waiting %" PRIu64 "%s\n",
           s->sent, s->retried, s->dead, s->lost, backlog, backlog == BACKLOG_MAX ? " or more" : "");
    defer_buf Buf b = { 0 };
    buf_clean(&b, str(s->error));
    if (s->error[0] != '\0')
        printf("  %s: %.*s\n", s->state == SHIP_STOPPED ? "stopped" : "waiting", STR(buf_view(&b)));
}

static int explain(Arena *a, const Pipeline *p, const Named **sinks, size_t n)
{
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    begin_json(&w);
    for (size_t i = 0; i < n; i++) {
        const SinkKind *kind;
        SinkConf        c;
        ShipStatus      s = { 0 };
        Err             e = { 0 };
        if (!ship_conf(a, p, sinks[i], &kind, &c, &e))
            return die(&e);
        ship_status(a, p, sinks[i]->part.name, &s);
        uint64_t backlog = ship_backlog(a, p, sinks[i]->part.name, BACKLOG_MAX);
        json_open(&w, '{');
        status_json(&w, sinks[i]->part.name, str(kind->name), &s);
        json_member_u64(&w, "backlog", backlog);
        json_key(&w, "acknowledged"), json_put_bool(&w, is_acknowledged(kind, &c));
        json_member(&w, "promise", str(kind->promise));
        json_close(&w, '}');
        if (!common.json)
            explain_text(sinks[i], kind, is_acknowledged(kind, &c), &s, backlog);
    }
    json_close(&w, ']');
    return !common.json || json_finish(&w) ? EXIT_CLEAN : EXIT_BROKEN;
}

static int metrics(Arena *a, const Pipeline *p)
{
    defer_buf Buf b = { 0 };
    ship_metrics(a, p, clock_system(), &b);
    return !b.bad && fwrite(b.p ? b.p : "", 1, b.n, stdout) == b.n && fflush(stdout) == 0 ? EXIT_CLEAN : EXIT_BROKEN;
}

int watch_ship_cmd(int argc, char **argv)
{
    (void)argv;
    Err                e = { 0 };
    size_t             n;
    sigset_t           signals;
    const Named       *sinks[SINKS_MAX];
    defer_arena Arena *a = arena_new(ARENA);
    if (argc > 0)
        return usage("watch ship takes no arguments: moat watch ship [--sink NAME]");
    if (a == NULL)
        return err_nomem(&e), die(&e);
    Pipeline *p = cli_pipeline(a, &e);
    if (p == NULL || !pipeline_state_make(p, &e) || !choose(p, sinks, &n, &e))
        return die(&e);
    if (metrics_flag)
        return metrics(a, p);
    if (explain_flag)
        return explain(a, p, sinks, n);
    Crew *c = arena_get(a, 1, sizeof *c);
    if (c == NULL)
        return err_nomem(&e), die(&e);
    sigemptyset(&signals);
    for (size_t i = 0; i < 3; i++)                     /* SIGPIPE: a write to a connection that ended is an error, not a death */
        sigaddset(&signals, (int[]){ SIGTERM, SIGINT, SIGPIPE }[i]);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    c->n = n;
    crew_start(c, p, sinks);
    crew_run(c, &signals);
    return report(c);
}
