/* up.c - `moat up`: check, then model servers, gateway and anchoring, until somebody says stop.
 *
 * Nothing starts on a failed integrity check, and a reload that fails one changes nothing: what runs goes on.
 * SIGTERM and SIGINT end it, SIGHUP (or `moat up --reload`) reads moat.yaml again. */
#include "base/file.h"
#include "check/check.h"
#include "cli/cli.h"
#include "cli/gate_run.h"
#include "cli/serve_proc.h"
#include "cli/side_proc.h"
#include "report/report.h"
#include "watch/anchor.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ARENA = 1 << 30, GRACE_MS = 5000, RELOAD_WAIT_MS = 30000, STEP_MS = 100 };

static bool reload_flag;

/* ---- what runs beside the gateway, where the pipeline has something for it */

static bool has_sinks(const Pipeline *p)
{
    for (size_t i = 0; i < p->sink_count; i++)
        if (!str_is(p->sinks[i].kind, "alertmanager"))
            return true;
    return false;
}

static bool has_monitors(const Pipeline *p)
{
    for (size_t i = 0; i < p->monitor_count; i++)
        if (!str_is(p->monitors[i].kind, "clients"))
            return true;
    return false;
}

enum { SIDES = 2 };
static const struct { const char *verb, *name; bool (*wanted)(const Pipeline *p); } side_rows[SIDES] = {
    { "ship", "shipper", has_sinks }, { "run", "watcher", has_monitors },
};

typedef struct Up {
    Arena      *arena;                                 /* of the pipeline in force                     */
    Pipeline   *pipeline;
    Ledger     *ledger;
    Pool       *pool;
    Clock       clock;
    Anchor     *anchor;
    Servers     servers;
    GateProcess gate;
    Side        side[SIDES];
    uint64_t    generation;
    int         lock;
} Up;

static bool sides_start(Up *u, const Pipeline *p, Err *e)
{
    for (size_t i = 0; i < SIDES; i++) {
        u->side[i] = (Side){ .noun = "watch", .verb = side_rows[i].verb };
        if (side_rows[i].wanted(p) && !side_start(&u->side[i], p, u->clock, e))
            return false;
    }
    return true;
}

static void sides_stop(Up *u)
{
    for (size_t i = 0; i < SIDES; i++)
        side_stop(&u->side[i]);
}

/* The name of the one that ended; NULL when it was none of them. */
static const char *sides_reaped(Up *u, pid_t pid)
{
    for (size_t i = 0; i < SIDES; i++)
        if (side_reaped(&u->side[i], pid, u->clock))
            return side_rows[i].name;
    return NULL;
}

/* ---- the state that `moat up --reload` reads */

static bool state_write(const Up *u, bool ok, const char *message, Err *e)
{
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    json_open(&w, '{');
    json_key(&w, "pid"), json_put_i64(&w, getpid());
    json_key(&w, "generation"), json_put_u64(&w, u->generation);
    json_key(&w, "ok"), json_put_bool(&w, ok);
    json_key(&w, "message"), json_put_z(&w, message);
    json_key(&w, "gateway"), json_put_z(&w, u->gate.listen);
    json_close(&w, '}');
    buf_byte(&b, '\n');
    return file_replace(pipeline_state(u->pipeline, "run/up.json"), buf_view(&b), 0600, e);
}

typedef struct State {
    int64_t  pid;
    uint64_t generation;
    bool     ok;
    Str      message;
} State;

static bool state_read(Arena *a, const Pipeline *p, State *out)
{
    Str         text;
    const Json *v = file_read(a, pipeline_state(p, "run/up.json"), 1 << 16, &text, NULL) ? json_parse(a, text, JSON_STRICT, NULL) : NULL;
    *out = (State){ .ok = json_bool(json_get(v, "ok"), false), .message = json_text(json_get(v, "message"), S("")) };
    return json_i64(json_get(v, "pid"), &out->pid) && json_u64(json_get(v, "generation"), &out->generation);
}

/* Somebody holds the lock.  The pid in a state file alone may be of a process that has nothing to do with us. */
static bool is_up(const Pipeline *p)
{
    defer_fd int fd = open(pipeline_state(p, "run/up.lock"), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

/* One `moat up` for a pipeline: the lock dies with its holder. */
static bool take_lock(Up *u, Err *e)
{
    const char *path = pipeline_state(u->pipeline, "run/up.lock");
    u->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (u->lock < 0)
        return err_set(e, E_IO, "%s: %m", path);
    if (flock(u->lock, LOCK_EX | LOCK_NB) == 0)
        return true;
    err_set(e, E_DENIED, "%s is up already", u->pipeline->file);
    return err_hint(e, "moat up --reload takes over changes; stop it first to start anew");
}

/* ---- checks */

/* Prints what is wrong; true when everything that must hold does. */
static bool holds(const Up *u, const Pipeline *p, bool *judged, Err *e)
{
    CheckJob  job = { p, u->ledger, u->clock, u->pool };
    Findings *found = findings_new(p->arena);
    bool      unjudged = false;
    if (found == NULL || !check_integrity(p->arena, &job, found, &unjudged, e))
        return *judged = false;
    *judged = true;
    if (!unjudged && findings_at_or_above(found, SEV_MEDIUM) == 0)
        return true;
    findings_sort(found);
    findings_text(found, stderr, colour_on(stderr));
    return false;
}

/* ---- reload */

/* Everything is judged before anything changes.  The message is for whoever asked. */
static bool reload(Up *u, Err *e)
{
    bool   judged;
    Arena *a = arena_new(ARENA);
    if (a == NULL)
        return err_nomem(e);
    Pipeline *p = pipeline_load(a, u->pipeline->file, e);
    if (p == NULL || !holds(u, p, &judged, e)) {
        if (p != NULL && judged)
            err_set(e, E_DENIED, "the integrity check failed; what runs goes on unchanged");
        return arena_free(a), false;
    }
    bool gate_before = u->pipeline->endpoint_count > 0;
    if (p->endpoint_count > 0 && gate_before && !gate_reload(p, NULL, &u->gate, e))
        return arena_free(a), false;
    arena_free(u->arena);
    u->arena = a, u->pipeline = p;
    if (gate_before && p->endpoint_count == 0)
        gate_stop(&u->gate, GRACE_MS, NULL);
    if (!gate_before && p->endpoint_count > 0 && !gate_start(p, NULL, &u->gate, e))
        return false;
    sides_stop(u);                                     /* they go on where they were, with the new sinks and monitors */
    if (!sides_start(u, p, e))
        return false;
    return servers_reload(&u->servers, p, u->clock, e);
}

static void on_reload(Up *u)
{
    Err  e = { 0 };
    bool ok = reload(u, &e);
    u->generation++;
    if (!ok)
        die(&e);
    fprintf(stderr, "moat: %s\n", ok ? "reloaded" : "not reloaded");
    state_write(u, ok, ok ? "reloaded" : e.message, NULL);
}

static int ask_reload(const Pipeline *p, Arena *a)
{
    State before, after;
    Err   e = { 0 };
    if (!is_up(p) || !state_read(a, p, &before) || before.pid <= 0 || before.pid > INT32_MAX || kill((pid_t)before.pid, SIGHUP) != 0) {
        err_set(&e, E_IO, "%s is not up", p->file);
        err_hint(&e, "moat up");
        return die(&e);
    }
    for (int ms = 0; ms < RELOAD_WAIT_MS; ms += STEP_MS) {
        usleep(STEP_MS * 1000);
        if (!state_read(a, p, &after) || after.generation == before.generation)
            continue;
        if (!after.ok)
            return err_set(&e, E_DENIED, "not reloaded: %.*s", STR(after.message)), die(&e);
        puts("reloaded");
        return EXIT_CLEAN;
    }
    return err_set(&e, E_IO, "no answer from process %" PRId64 " in %d s", before.pid, RELOAD_WAIT_MS / 1000), die(&e);
}

/* ---- running */

static void reap(Up *u)
{
    int   status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        bool        gate = pid == u->gate.pid;
        const char *side = sides_reaped(u, pid);
        if (gate)
            u->gate.pid = 0;
        else if (side == NULL && !servers_reaped(&u->servers, pid, u->clock))
            continue;
        fprintf(stderr, "moat: the %s ended (%s %d); it is started again\n", gate ? "gateway" : side ? side : "model server",
                WIFSIGNALED(status) ? "signal" : "exit", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    }
}

/* Once a second: start what died, anchor what was seen.  Failures are said and tried again. */
static void tend(Up *u)
{
    Err      e = { 0 };
    uint64_t events;
    if (u->gate.pid == 0 && u->pipeline->endpoint_count > 0 && !gate_start(u->pipeline, NULL, &u->gate, &e))
        die(&e);
    if (!servers_tend(&u->servers, u->pipeline, u->clock, &e))
        die(&e);
    for (size_t i = 0; i < SIDES; i++)
        if (side_rows[i].wanted(u->pipeline) && !side_tend(&u->side[i], u->pipeline, u->clock, &e))
            die(&e);
    if (!anchor_run(u->anchor, u->ledger, u->clock, &events, &e))
        die(&e);
}

static void loop(Up *u, const sigset_t *signals)
{
    for (;;) {
        struct timespec second = { 1, 0 };
        int             sig = sigtimedwait(signals, NULL, &second);
        if (sig == SIGTERM || sig == SIGINT)
            return;
        if (sig == SIGHUP)
            on_reload(u);
        reap(u);
        if (sig < 0)
            tend(u);
    }
}

static bool anything_to_start(const Pipeline *p, Err *e)
{
    for (size_t i = 0; i < p->model_count; i++)
        if (p->models[i].serve.n > 0)
            return true;
    if (p->endpoint_count > 0)
        return true;
    err_set(e, E_USAGE, "%s declares nothing to start: no endpoint, and no model with serve:", p->file);
    return err_hint(e, "moat help config endpoints");
}

static void show(const Up *u, const Posture *v)
{
    check_text(v, stdout, colour_on(stdout));
    for (size_t i = 0; i < u->servers.n; i++)
        printf("model    %s on %s (reference server)\n", u->servers.v[i].name, u->servers.v[i].listen);
    if (u->pipeline->endpoint_count > 0)
        printf("gateway  http://%s\n", u->gate.listen);
    for (size_t i = 0; i < u->pipeline->sink_count; i++)
        printf("sink     %.*s (%.*s)\n", STR(u->pipeline->sinks[i].part.name), STR(u->pipeline->sinks[i].kind));
    for (size_t i = 0; i < u->pipeline->monitor_count; i++)
        printf("monitor  %.*s (%.*s)\n", STR(u->pipeline->monitors[i].part.name), STR(u->pipeline->monitors[i].kind));
    fflush(stdout);
}

static bool start(Up *u, Err *e)
{
    Posture  v;
    CheckJob job = { u->pipeline, u->ledger, u->clock, u->pool };
    u->anchor = anchor_open(pipeline_state(u->pipeline, "spool"), e);
    if (u->anchor == NULL || !servers_start(&u->servers, u->pipeline, u->clock, e))
        return false;
    if (u->pipeline->endpoint_count > 0 &&
        (!gate_start(u->pipeline, NULL, &u->gate, e) || !gate_record(u->pipeline, true, &u->gate, e)))
        return false;
    if (!sides_start(u, u->pipeline, e))
        return false;
    if (!check_run(u->arena, &job, &v, e) || !state_write(u, true, "up", e))
        return false;
    show(u, &v);
    return true;
}

static void stop(Up *u)
{
    uint64_t events;
    if (u->gate.pid > 0) {
        gate_stop(&u->gate, GRACE_MS, NULL);
        gate_record(u->pipeline, false, &u->gate, NULL);
    }
    servers_stop(&u->servers);
    sides_stop(u);
    if (u->anchor != NULL && u->ledger != NULL)
        anchor_run(u->anchor, u->ledger, u->clock, &events, NULL);
    if (u->lock >= 0 && u->pipeline != NULL)
        unlink(pipeline_state(u->pipeline, "run/up.json"));
}

static void up_drop(Up *u)
{
    anchor_close(u->anchor);
    ledger_close(u->ledger);
    pool_free(u->pool);
    arena_free(u->arena);
    if (u->lock >= 0)
        close(u->lock);
}

static int cmd_up(int argc, char **argv)
{
    __attribute__((cleanup(up_drop))) Up u = { .lock = -1, .clock = clock_system() };
    Err      e = { 0 };
    sigset_t signals;
    bool     judged;
    if (argc > 1)
        return usage("up takes one file: moat up [moat.yaml]");
    if (argc == 1)
        common.config = argv[0];
    u.arena = arena_new(ARENA), u.pool = pool_new(0);
    if (u.arena == NULL || u.pool == NULL)
        return err_nomem(&e), die(&e);
    u.pipeline = cli_pipeline(u.arena, &e);
    if (u.pipeline == NULL)
        return die(&e);
    if (reload_flag)
        return ask_reload(u.pipeline, u.arena);
    u.ledger = cli_ledger(u.pipeline, &e);
    if (u.ledger == NULL || !take_lock(&u, &e))
        return die(&e);
    if (!holds(&u, u.pipeline, &judged, &e))
        return judged ? fputs("moat: not started: the integrity check failed\n", stderr), EXIT_FINDINGS : die(&e);
    if (!anything_to_start(u.pipeline, &e))
        return die(&e);
    sigemptyset(&signals);
    for (size_t i = 0; i < 4; i++)
        sigaddset(&signals, (int[]){ SIGTERM, SIGINT, SIGHUP, SIGCHLD }[i]);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    if (!start(&u, &e))
        return stop(&u), die(&e);
    loop(&u, &signals);
    stop(&u);
    return fputs("moat: stopped\n", stderr), EXIT_CLEAN;
}

static const Opt up_opts[] = {
    { "reload", 'r', OPT_FLAG, &reload_flag, NULL, "tell the running one to read moat.yaml again" },
};
static const Cmd up_cmds[] = {
    { NULL, "[moat.yaml]", "check, then start model servers and gateway; runs until stopped",
      "Refuses to start when a model, the ledger or a policy fails its integrity check.\n"
      "SIGTERM or Ctrl-C stops it, `moat up --reload` takes over a changed moat.yaml.",
      up_opts, len_of(up_opts), cmd_up },
};
const Noun noun_up = { "up", "check the system, then run it behind the gateway", up_cmds, len_of(up_cmds) };
