/* data_exec.c - see data_exec.h. */
#include "cli/data_exec.h"
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* "{in}", "{in2}", "{out}" at the start of `rest`: its length and the path, or 0. */
static size_t placeholder(const char *rest, const ExecFiles *f, bool *named, const char **path)
{
    bool   is_out = strncmp(rest, "{out", 4) == 0;
    size_t word = is_out ? 4 : strncmp(rest, "{in", 3) == 0 ? 3 : 0, number = 0, n = word;
    if (word == 0)
        return 0;
    for (; rest[n] >= '0' && rest[n] <= '9' && number < 1000; n++)
        number = number * 10 + (size_t)(rest[n] - '0');
    number = n == word ? 1 : number;
    if (rest[n] != '}' || number == 0 || number > (is_out ? f->outs : f->ins))
        return 0;
    if (is_out)
        named[number - 1] = true;
    *path = is_out ? f->out[number - 1] : f->in[number - 1];
    return n + 1;
}

static char *put_names(Arena *a, const char *arg, const ExecFiles *f, bool *named)
{
    defer_buf Buf b = { 0 };
    const char   *path;
    while (*arg != '\0') {
        size_t n = placeholder(arg, f, named, &path);
        if (n > 0)
            buf_z(&b, path);
        else
            buf_byte(&b, (uint8_t)*arg), n = 1;
        arg += n;
    }
    Str all = b.bad ? (Str){ 0 } : arena_str(a, buf_view(&b));
    return (char *)(uintptr_t)all.p;
}

char **exec_args(Arena *a, char **argv, int argc, const ExecFiles *files, bool *named)
{
    char **out = arena_get(a, (size_t)argc + 1, sizeof *out);
    for (int i = 0; out != NULL && i < argc; i++) {
        out[i] = put_names(a, argv[i], files, named);
        if (out[i] == NULL)
            return NULL;
    }
    return out;
}

static bool runs(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

char *exec_find(Arena *a, const char *program)
{
    const char *path = getenv("PATH");
    Str         dir, rest = str(path != NULL ? path : "/usr/bin:/bin");
    if (strchr(program, '/') != NULL)
        return runs(program) ? arena_printf(a, "%s", program) : NULL;
    for (bool more = true; more;) {
        more = str_cut(rest, ':', &dir, &rest);
        char *full = arena_printf(a, "%.*s/%s", STR(dir.n ? dir : S(".")), program);
        if (full == NULL || runs(full))
            return full;
    }
    return NULL;
}

static void name_files(const ExecFiles *f)
{
    char name[32];
    for (size_t i = 0; i < f->ins; i++)
        snprintf(name, sizeof name, "MOAT_IN_%zu", i + 1), setenv(name, f->in[i], 1);
    for (size_t i = 0; i < f->outs; i++)
        snprintf(name, sizeof name, "MOAT_OUT_%zu", i + 1), setenv(name, f->out[i], 1);
}

static void child(char **argv, const ExecFiles *files, int out_fd, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(127);
    name_files(files);
    if (out_fd >= 0)
        dup2(out_fd, STDOUT_FILENO);
    execvp(argv[0], argv);
    dprintf(STDERR_FILENO, "moat: error: %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

bool exec_run(char **argv, const ExecFiles *files, int out_fd, int *code, Err *e)
{
    struct sigaction ours = { .sa_handler = SIG_IGN }, was_int, was_quit;
    int              status;
    pid_t            parent = getpid(), pid = fork();
    if (pid < 0)
        return err_set(e, E_IO, "%s: %m", argv[0]);
    if (pid == 0)
        child(argv, files, out_fd, parent);
    sigaction(SIGINT, &ours, &was_int), sigaction(SIGQUIT, &ours, &was_quit);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    sigaction(SIGINT, &was_int, NULL), sigaction(SIGQUIT, &was_quit, NULL);
    *code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return true;
}
