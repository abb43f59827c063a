/* gate_run.c - `moat gate run`: the gateway in the foreground until somebody says stop. */
#include "cli/gate_run.h"
#include "cli/cli.h"
#include "cli/gate_cmds.h"
#include <signal.h>
#include <sys/wait.h>

enum { ARENA = 256 << 20, GRACE_MS = 10000 };

static const char *listen_on;
static bool        check_only;

const Opt gate_run_opts[GATE_RUN_OPTS] = {
    { "listen", 'l', OPT_TEXT, &listen_on, "ADDR", "listen on HOST:PORT; default: gateway.listen of moat.yaml" },
    { "check", 0, OPT_FLAG, &check_only, NULL, "write and test the configuration, start nothing" },
};

static void show(const Pipeline *p, const GateProcess *g)
{
    defer_buf Buf b = { 0 };
    char          hex[DIGEST_HEX];
    JsonOut       w = json_out(&b);
    Findings     *none = findings_new(p->arena);
    if (none == NULL)
        return;
    digest_hex(&g->policy, hex);
    json_begin(&w, "moat.gate.run/1", none);
    json_key(&w, "listen"), json_put_z(&w, g->listen);
    json_key(&w, "policy"), json_put_z(&w, hex);
    json_key(&w, "pid"), json_put_i64(&w, g->pid);
    json_key(&w, "endpoints"), json_open(&w, '[');
    for (size_t i = 0; i < p->endpoint_count; i++)
        json_put_str(&w, p->endpoints[i].part.name);
    json_close(&w, ']');
    if (common.json) {
        json_finish(&w);
        return;
    }
    for (size_t i = 0; i < p->endpoint_count; i++)
        printf("%-20.*s http://%s%.*s\n", STR(p->endpoints[i].part.name), g->listen, STR(p->endpoints[i].route));
    fflush(stdout);
}

/* moat.yaml once more.  The pipeline in force lives in *a until the new one is. */
static void reload(Arena **a, Pipeline **p, GateProcess *g)
{
    Err       e = { 0 };
    Arena    *fresh = arena_new(ARENA);
    Pipeline *next = fresh ? pipeline_load(fresh, (*p)->file, &e) : NULL;
    if (next != NULL && gate_reload(next, listen_on, g, &e)) {
        arena_free(*a);
        *a = fresh, *p = next;
        if (!gate_record(next, true, g, &e))
            die(&e);
        fputs("moat: reloaded\n", stderr);
        return;
    }
    if (fresh == NULL)
        err_nomem(&e);
    die(&e);
    fputs("moat: not reloaded; the gateway goes on as it was\n", stderr);
    arena_free(fresh);
}

static bool ended(GateProcess *g, int *status)
{
    if (waitpid(g->pid, status, WNOHANG) != g->pid)
        return false;
    g->pid = 0;
    return true;
}

/* Until TERM, INT, or the end of nginx; returns the exit code. */
static int watch(Arena **a, Pipeline **p, GateProcess *g, const sigset_t *signals)
{
    int status = 0;
    for (int sig; !ended(g, &status);) {
        sig = sigwaitinfo(signals, NULL);
        if (sig == SIGTERM || sig == SIGINT)
            return EXIT_CLEAN;
        if (sig == SIGHUP)
            reload(a, p, g);
    }
    fprintf(stderr, "moat: error: nginx ended by itself (%s %d)\n", WIFSIGNALED(status) ? "signal" : "exit",
            WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    return EXIT_BROKEN;
}

static int check(const Pipeline *p)
{
    Err         e = { 0 };
    GateProcess g = { 0 };
    snprintf(g.listen, sizeof g.listen, "%.*s", STR(listen_on ? str(listen_on) : p->listen));
    if (!gate_write_conf(p, listen_on, &g.policy, &e))
        return die(&e);
    return show(p, &g), EXIT_CLEAN;
}

static int serve(Arena **a, Pipeline **p)
{
    Err         e = { 0 };
    GateProcess g = { 0 };
    sigset_t    signals;
    sigemptyset(&signals);
    for (size_t i = 0; i < 4; i++)
        sigaddset(&signals, (int[]){ SIGTERM, SIGINT, SIGHUP, SIGCHLD }[i]);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    if (!gate_start(*p, listen_on, &g, &e))
        return die(&e);
    if (!gate_record(*p, true, &g, &e))
        return gate_stop(&g, 0, NULL), die(&e);
    show(*p, &g);
    int code = watch(a, p, &g, &signals);
    if (!gate_stop(&g, GRACE_MS, &e) || !gate_record(*p, false, &g, &e))
        return die(&e);
    return code;
}

int gate_run(int argc, char **argv)
{
    Err       e = { 0 };
    Arena    *a = arena_new(ARENA);
    Pipeline *p = a ? cli_pipeline(a, &e) : NULL;
    (void)argv;
    int code = argc > 0 ? usage("gate run takes no arguments: moat gate run [--listen ADDR]")
               : a == NULL ? (err_nomem(&e), die(&e)) : p == NULL ? die(&e) : check_only ? check(p) : serve(&a, &p);
    arena_free(a);
    return code;
}
