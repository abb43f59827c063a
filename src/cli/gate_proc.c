/* gate_proc.c - starting, changing and ending the nginx behind gate_run.h. */
#include "base/file.h"
#include "cli/cli.h"
#include "cli/gate_conf.h"
#include "cli/gate_run.h"
#include "cli/gate_workers.h"
#include "gate/keystore.h"
#include "gate/policy.h"
#include "net/probe.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STEP_MS = 20, READY_MS = 15000, SAID_MAX = 16384 };
static const char module_name[] = "ngx_http_moat_module.so";

/* ---- finding things */

static bool find_nginx(char out[static PATH_MAX], Err *e)
{
    Str         dir, rest = str(getenv("PATH"));
    static const char *const more[] = { "/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/usr/bin" };
    while (rest.n > 0) {
        str_cut(rest, ':', &dir, &rest);
        if (dir.n != 0 && snprintf(out, PATH_MAX, "%.*s/nginx", STR(dir)) < PATH_MAX && access(out, X_OK) == 0)
            return true;
    }
    for (size_t i = 0; i < len_of(more); i++)
        if (snprintf(out, PATH_MAX, "%s/nginx", more[i]) > 0 && access(out, X_OK) == 0)
            return true;
    err_set(e, E_IO, "nginx is not installed");
    return err_hint(e, "apt-get install nginx");
}

/* Beside our own binary (a build folder), else in ../lib/moat/ (installed). */
static bool find_module(char out[static PATH_MAX], Err *e)
{
    char    self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0)
        return err_set(e, E_IO, "/proc/self/exe: %m");
    self[n] = '\0';
    *strrchr(self, '/') = '\0';
    if (snprintf(out, PATH_MAX, "%s/%s", self, module_name) < PATH_MAX && access(out, R_OK) == 0)
        return true;
    if (snprintf(out, PATH_MAX, "%s/../lib/moat/%s", self, module_name) < PATH_MAX && access(out, R_OK) == 0)
        return true;
    err_set(e, E_IO, "the nginx module %s is neither in %s nor in %s/../lib/moat", module_name, self, self);
    return err_hint(e, "make all, or make install");
}

typedef struct Paths {
    char nginx[PATH_MAX], module[PATH_MAX], state[PATH_MAX];
    char run[PATH_MAX];                                /* STATE/run/gate */
} Paths;

static bool find_paths(const Pipeline *p, Paths *out, Err *e)
{
    char temp[PATH_MAX + 8];
    if (!pipeline_state_make(p, e))
        return false;
    if (realpath(p->state, out->state) == NULL)
        return err_set(e, E_IO, "%s: %m", p->state);
    if (snprintf(out->run, sizeof out->run, "%s/run/gate", out->state) > PATH_MAX - 64)
        return err_set(e, E_LIMIT, "%s: the path is too long", out->state);
    snprintf(temp, sizeof temp, "%s/temp", out->run);
    return find_nginx(out->nginx, e) && find_module(out->module, e) && dir_make(temp, 0700, e);
}

/* ---- nginx -t */

static void run_nginx(const Paths *at, const char *conf, bool test)
{
    const char *argv[] = { at->nginx, "-p", at->run, "-c", conf, "-g", "daemon off;", test ? "-t" : NULL, NULL };
    sigset_t    none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);                  /* a killed moat leaves no gateway behind */
    if (chdir(at->run) == 0)
        execv(at->nginx, (char *const *)(uintptr_t)argv);
    _exit(127);
}

/* The first line nginx called an emergency, without its time and place in our generated file. */
static Str emergency(Str said)
{
    Str line, mark = S("[emerg] ");
    while (said.n > 0) {
        str_cut(said, '\n', &line, &said);
        const char *at = memmem(line.p, line.n, mark.p, mark.n);
        if (at == NULL)
            continue;
        line = str_from(line, (size_t)(at - line.p) + mark.n);
        const char *pid = memmem(line.p, line.n, ": ", 2);
        return pid != NULL && pid - line.p < 16 && strspn(line.p, "0123456789#") == (size_t)(pid - line.p)
                   ? str_from(line, (size_t)(pid - line.p) + 2) : line;
    }
    return S("it did not say why");
}

static bool explain(Str said, Err *e)
{
    static const struct { const char *sign, *hint; } rows[] = {
        { "is not binary compatible", "make clean all: the module was built for another nginx" },
        { "instead of", "make clean all: the module was built for another nginx" },
        { "host not found in upstream", "check the `upstream` of the endpoint in moat.yaml" },
        { "Permission denied", "check who owns .moat/, and use a port from 1024 on unless you are root" },
    };
    Str why = emergency(said);
    err_set(e, E_IO, "nginx refuses the configuration: %.*s", STR(why));
    for (size_t i = 0; i < len_of(rows); i++)
        if (memmem(why.p, why.n, rows[i].sign, strlen(rows[i].sign)) != NULL)
            return err_hint(e, "%s", rows[i].hint);
    return false;
}

static bool test_conf(const Paths *at, const char *conf, Err *e)
{
    char    said[SAID_MAX];
    size_t  n = 0;
    ssize_t got;
    int     ends[2], status;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return err_set(e, E_IO, "pipe: %m");
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDERR_FILENO);
        dup2(ends[1], STDOUT_FILENO);
        run_nginx(at, conf, true);
    }
    close(ends[1]);
    while ((got = read(ends[0], said + n, sizeof said - n)) > 0 || (got < 0 && errno == EINTR))
        n += got > 0 ? (size_t)got : 0;
    close(ends[0]);
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return err_set(e, E_IO, "%s: cannot be run: %m", at->nginx);
    return (WIFEXITED(status) && WEXITSTATUS(status) == 0) || explain((Str){ said, n }, e);
}

/* ---- the configuration */

static void remove_old_policies(const char *run, const char *keep)
{
    char path[PATH_MAX + 300];
    DIR *d = opendir(run);
    for (struct dirent *f; d != NULL && (f = readdir(d)) != NULL;) {
        if (strncmp(f->d_name, "policy-", 7) != 0 || strcmp(f->d_name, keep) == 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", run, f->d_name);
        unlink(path);
    }
    if (d != NULL)
        closedir(d);
}

/* The policy's file is named after its digest, so the one in force is never written over. */
static bool write_policy(const Pipeline *p, const Paths *at, char name[static 64], Digest *digest, Err *e)
{
    defer_buf Buf b = { 0 };
    char          path[PATH_MAX + 64], hex[DIGEST_HEX];
    if (!gate_policy_write(p, &b, e))
        return false;
    *digest = sha256(buf_view(&b));
    digest_hex(digest, hex);
    snprintf(name, 64, "policy-%.16s.json", hex);
    snprintf(path, sizeof path, "%s/%s", at->run, name);
    return file_replace(path, buf_view(&b), 0600, e);
}

static bool write_text(const Pipeline *p, const Paths *at, const char *listen, const char *policy, const char *conf, Err *e)
{
    defer_buf Buf b = { 0 };
    char          policy_path[PATH_MAX + 64], keys[PATH_MAX + 64], spool[PATH_MAX + 64];
    snprintf(policy_path, sizeof policy_path, "%s/%s", at->run, policy);
    snprintf(keys, sizeof keys, "%s/keys/keys.tbl", at->state);
    snprintf(spool, sizeof spool, "%s/spool/gate", at->state);
    return gate_conf_text(&(GateConf){ p, listen, at->module, policy_path, keys, spool }, &b, e) &&
           file_replace(conf, buf_view(&b), 0600, e);
}

/* Pepper and signing key must be there before nginx can check keys; the table itself may come later. */
static bool make_keystore(const Paths *at, Err *e)
{
    char dir[PATH_MAX + 8];
    snprintf(dir, sizeof dir, "%s/keys", at->state);
    defer_keystore KeyStore *s = keystore_open(dir, true, e);
    return s != NULL;
}

/* `nginx -t` listens for a moment, where clients could mistake it for the gateway: it gets a socket of its own. */
static bool write_conf(const Pipeline *p, const Paths *at, const char *listen, Digest *policy, Err *e)
{
    char conf[PATH_MAX + 32], candidate[PATH_MAX + 32], name[64];
    snprintf(conf, sizeof conf, "%s/nginx.conf", at->run);
    snprintf(candidate, sizeof candidate, "%s/nginx.conf.new", at->run);
    if (p->endpoint_count == 0)
        return err_set(e, E_USAGE, "%s declares no endpoints: there is nothing to guard", p->file),
               err_hint(e, "moat help config endpoints");
    if (!make_keystore(at, e) || !write_policy(p, at, name, policy, e) ||
        !write_text(p, at, "unix:test.sock", name, candidate, e) || !test_conf(at, candidate, e) ||
        !write_text(p, at, listen, name, conf, e))
        return false;
    unlink(candidate);
    remove_old_policies(at->run, name);
    return true;
}

static const char *address_of(const Pipeline *p, const char *listen, char out[static 128])
{
    if (listen != NULL)
        snprintf(out, 128, "%s", listen);
    else
        snprintf(out, 128, "%.*s", STR(p->listen));
    return out;
}

bool gate_write_conf(const Pipeline *p, const char *listen, Digest *policy, Err *e)
{
    Paths  at;
    Digest mine;
    char   address[128];
    return find_paths(p, &at, e) && write_conf(p, &at, address_of(p, listen, address), policy ? policy : &mine, e);
}

/* ---- start, reload, stop */

static bool try_bind(const struct addrinfo *a)
{
    int one = 1, fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    bool ok = bind(fd, a->ai_addr, a->ai_addrlen) == 0;      /* no listen(): a client could mistake us for nginx */
    int  why = errno;
    close(fd);
    return errno = why, ok;
}

/* nginx would try five times and then say it in its own words. */
static bool address_free(const char *address, Err *e)
{
    char             host[128];
    struct addrinfo *list = NULL, want = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
    snprintf(host, sizeof host, "%s", address);
    char *colon = strrchr(host, ':');
    if (colon == NULL)
        return err_set(e, E_USAGE, "'%s' is no address to listen on", address), err_hint(e, "--listen 127.0.0.1:8080");
    *colon = '\0';
    size_t n = strlen(host);
    char  *name = n > 2 && *host == '[' && host[n - 1] == ']' ? (host[n - 1] = '\0', host + 1) : host;
    int    rc = getaddrinfo(name, colon + 1, &want, &list);
    if (rc != 0)
        return err_set(e, E_USAGE, "'%s' is no address to listen on: %s", address, gai_strerror(rc)),
               err_hint(e, "--listen 127.0.0.1:8080");
    bool ok = try_bind(list);
    int  why = errno;
    freeaddrinfo(list);
    errno = why;
    return ok || (err_set(e, E_IO, "cannot listen on %s: %m", address),
                  err_hint(e, why == EADDRINUSE ? "stop what listens there, or: moat gate run --listen 127.0.0.1:8081"
                                                : "choose another address: moat gate run --listen 127.0.0.1:8080"));
}

/* One gateway for a run folder; the lock goes with the process that holds it. */
static bool take_folder(const Paths *at, GateProcess *g, Err *e)
{
    char path[PATH_MAX + 8];
    if (g->lock > 0)
        return true;
    snprintf(path, sizeof path, "%s/lock", at->run);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_set(e, E_IO, "%s: %m", path);
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return g->lock = fd, true;
    close(fd);
    err_set(e, E_DENIED, "another gateway runs in %s", at->run);
    return err_hint(e, "stop it first, or send it SIGHUP to take over changes");
}

static void leave_folder(GateProcess *g)
{
    if (g->lock > 0)
        close(g->lock);
    g->lock = 0;
}

static bool wait_ready(GateProcess *g, Err *e)
{
    for (int ms = 0; ms < READY_MS; ms += STEP_MS) {
        if (waitpid(g->pid, NULL, WNOHANG) == g->pid) {
            g->pid = 0;
            return err_set(e, E_IO, "nginx ended before it answered on %s; its last words are above", g->listen);
        }
        if (net_answers(str(g->listen), STEP_MS))
            return true;
        usleep(STEP_MS * 1000);
    }
    return err_set(e, E_IO, "nginx does not answer on %s", g->listen);
}

static bool launch(const Paths *at, GateProcess *g, Err *e)
{
    g->pid = fork();
    if (g->pid < 0)
        return g->pid = 0, err_set(e, E_IO, "cannot start a process: %m");
    if (g->pid == 0) {
        char conf[PATH_MAX + 16];
        snprintf(conf, sizeof conf, "%s/nginx.conf", at->run);
        run_nginx(at, conf, false);
    }
    return wait_ready(g, e);
}

bool gate_start(const Pipeline *p, const char *listen, GateProcess *g, Err *e)
{
    Paths at;
    address_of(p, listen, g->listen);
    if (!find_paths(p, &at, e) || !take_folder(&at, g, e))
        return false;
    if (address_free(g->listen, e) && write_conf(p, &at, g->listen, &g->policy, e) && launch(&at, g, e))
        return true;
    gate_stop(g, 0, NULL);
    return false;
}

bool gate_reload(const Pipeline *p, const char *listen, GateProcess *g, Err *e)
{
    Paths  at;
    Digest policy;
    char   address[128];
    if (strcmp(address_of(p, listen, address), g->listen) != 0 && !address_free(address, e))
        return false;
    if (!find_paths(p, &at, e) || !write_conf(p, &at, address, &policy, e))
        return false;
    GateWorkers before = gate_workers(g->pid);
    if (g->pid <= 0 || kill(g->pid, SIGHUP) != 0)
        return err_set(e, E_IO, "the gateway is not running");
    g->policy = policy;
    memcpy(g->listen, address, sizeof g->listen);
    return gate_taken_over(g->pid, &before) ||
           err_set(e, E_IO, "nginx has not taken the new configuration over yet; its log says why");
}

static bool gone(pid_t pid, unsigned ms)
{
    for (unsigned t = 0; waitpid(pid, NULL, WNOHANG) == 0; t += STEP_MS) {
        if (t >= ms)
            return false;
        usleep(STEP_MS * 1000);
    }
    return true;
}

bool gate_stop(GateProcess *g, unsigned grace_ms, Err *e)
{
    bool ended = g->pid <= 0;
    for (size_t i = 0; !ended && i < 3; i++) {
        kill(g->pid, (int[]){ SIGQUIT, SIGTERM, SIGKILL }[i]);
        ended = gone(g->pid, i == 0 ? grace_ms : 2000);
    }
    leave_folder(g);
    if (!ended)
        return err_set(e, E_IO, "nginx (process %d) does not end", (int)g->pid);
    g->pid = 0;
    return true;
}

bool gate_record(const Pipeline *p, bool start, const GateProcess *g, Err *e)
{
    char                who[32], hex[DIGEST_HEX];
    defer_buf Buf       b = { 0 };
    JsonOut             w = json_out(&b);
    defer_ledger Ledger *l = cli_ledger(p, e);
    digest_hex(&g->policy, hex);
    json_open(&w, '{');
    json_key(&w, "listen"), json_put_z(&w, g->listen);
    json_key(&w, "policy"), json_put_z(&w, hex);
    json_key(&w, "endpoints"), json_open(&w, '[');
    for (size_t i = 0; i < p->endpoint_count; i++)
        json_put_str(&w, p->endpoints[i].part.name);
    json_close(&w, ']');
    json_close(&w, '}');
    return l != NULL && ledger_append(l, clock_system(), start ? RECORD_GATE_START : RECORD_GATE_STOP, actor_text(who), &g->policy,
                                      buf_view(&b), NULL, e);
}
