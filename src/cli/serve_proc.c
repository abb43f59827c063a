/* serve_proc.c - see serve_proc.h. */
#include "cli/serve_proc.h"
#include "model/model.h"
#include "net/probe.h"
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READY_MS = 15000, STEP_MS = 50, STOP_MS = 5000, DEATHS_MAX = 5 };
static const int64_t soon_ns = 10000000000;

static void child(const Pipeline *p, const Server *s)
{
    const char *argv[] = { "moat", "model", "serve", "--config", p->file, "--", s->name, NULL };
    sigset_t    none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);                  /* a killed `moat up` leaves no server behind */
    execv("/proc/self/exe", (char *const *)(uintptr_t)argv);
    _exit(127);
}

static bool launch(Server *s, const Pipeline *p, Clock clock, Err *e)
{
    pid_t pid = fork();
    if (pid < 0)
        return err_set(e, E_IO, "models.%s: cannot start a process: %m", s->name);
    if (pid == 0)
        child(p, s);
    s->pid = pid, s->started_ns = clock_ns(clock);
    return true;
}

static void stop(Server *s)
{
    if (s->pid <= 0)
        return;
    kill(s->pid, SIGTERM);
    for (int ms = 0; ms < STOP_MS && waitpid(s->pid, NULL, WNOHANG) == 0; ms += STEP_MS)
        usleep(STEP_MS * 1000);
    if (kill(s->pid, 0) == 0 && waitpid(s->pid, NULL, WNOHANG) == 0)
        kill(s->pid, SIGKILL), waitpid(s->pid, NULL, 0);
    s->pid = 0;
}

static bool wait_ready(Server *s, Err *e)
{
    for (int ms = 0; ms < READY_MS; ms += STEP_MS) {
        if (net_answers(str(s->listen), STEP_MS))
            return true;
        if (waitpid(s->pid, NULL, WNOHANG) == s->pid) {
            s->pid = 0;
            return err_set(e, E_IO, "models.%s: its server ended before it answered on %s", s->name, s->listen);
        }
        usleep(STEP_MS * 1000);
    }
    return err_set(e, E_IO, "models.%s: its server does not answer on %s", s->name, s->listen);
}

static bool start_one(Servers *s, const Pipeline *p, const Model *m, Clock clock, Err *e)
{
    if (s->n == SERVERS_MAX)
        return err_set(e, E_LIMIT, "more than %d models to serve", SERVERS_MAX);
    Server             *v = &s->v[s->n];
    defer_arena Arena *a = arena_new(64 << 20);
    *v = (Server){ 0 };
    snprintf(v->name, sizeof v->name, "%.*s", STR(m->part.name));
    snprintf(v->listen, sizeof v->listen, "%.*s", STR(m->serve));
    if (net_answers(m->serve, STEP_MS)) {
        err_set(e, E_IO, "%.*s: %s is taken by another process", STR(m->part.id), v->listen);
        return err_hint(e, "stop it, or change serve: in %s, line %" PRIu64, p->file, m->part.line);
    }
    if (a == NULL || !model_digest(a, NULL, pipeline_path(p, m->path), &v->digest, e) || !launch(v, p, clock, e))
        return false;
    s->n++;
    return wait_ready(v, e);
}

bool servers_start(Servers *s, const Pipeline *p, Clock clock, Err *e)
{
    *s = (Servers){ 0 };
    for (size_t i = 0; i < p->model_count; i++)
        if (p->models[i].serve.n > 0 && !start_one(s, p, &p->models[i], clock, e))
            return servers_stop(s), false;
    return true;
}

/* True when the running server is what the pipeline now asks for. */
static bool same(const Server *v, const Pipeline *p)
{
    const Model        *m = pipeline_model(p, str(v->name));
    Digest              now;
    defer_arena Arena *a = arena_new(64 << 20);
    return a != NULL && m != NULL && v->pid > 0 && str_is(m->serve, v->listen) &&
           model_digest(a, NULL, pipeline_path(p, m->path), &now, NULL) && digest_eq(&now, &v->digest);
}

static bool running(const Servers *s, Str name)
{
    for (size_t i = 0; i < s->n; i++)
        if (str_is(name, s->v[i].name))
            return true;
    return false;
}

bool servers_reload(Servers *s, const Pipeline *p, Clock clock, Err *e)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->n; i++)
        if (same(&s->v[i], p))
            s->v[kept++] = s->v[i];
        else
            stop(&s->v[i]);
    s->n = kept;
    for (size_t i = 0; i < p->model_count; i++)
        if (p->models[i].serve.n > 0 && !running(s, p->models[i].part.name) && !start_one(s, p, &p->models[i], clock, e))
            return false;
    return true;
}

bool servers_reaped(Servers *s, pid_t pid, Clock clock)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->v[i].pid == pid) {
            Server *v = &s->v[i];
            v->deaths = clock_ns(clock) - v->started_ns < soon_ns ? v->deaths + 1 : 1;
            v->pid = 0;
            return true;
        }
    return false;
}

bool servers_tend(Servers *s, const Pipeline *p, Clock clock, Err *e)
{
    for (size_t i = 0; i < s->n; i++) {
        Server *v = &s->v[i];
        if (v->pid > 0 || v->deaths > DEATHS_MAX)
            continue;
        if (v->deaths == DEATHS_MAX) {
            v->deaths++;                               /* said once */
            return err_set(e, E_IO, "models.%s: its server keeps ending; not started again before a reload", v->name);
        }
        if (!launch(v, p, clock, e))
            return false;
    }
    return true;
}

void servers_stop(Servers *s)
{
    for (size_t i = 0; i < s->n; i++)
        stop(&s->v[i]);
    s->n = 0;
}
