/* side_proc.c - see side_proc.h. */
#include "cli/side_proc.h"
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STOP_MS = 5000, STEP_MS = 50, DEATHS_MAX = 6 };
static const int64_t second_ns = 1000000000;

static void child(const Side *s, const Pipeline *p)
{
    const char *argv[] = { "moat", s->noun, s->verb, "--config", p->file, NULL };
    sigset_t    none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);                  /* a killed `moat up` leaves nothing behind */
    execv("/proc/self/exe", (char *const *)(uintptr_t)argv);
    _exit(127);
}

bool side_start(Side *s, const Pipeline *p, Clock clock, Err *e)
{
    pid_t pid = fork();
    if (pid < 0)
        return err_set(e, E_IO, "%s %s: cannot start a process: %m", s->noun, s->verb);
    if (pid == 0)
        child(s, p);
    s->pid = pid, s->started_ns = clock_ns(clock);
    return true;
}

bool side_reaped(Side *s, pid_t pid, Clock clock)
{
    if (s->pid != pid)
        return false;
    bool soon = clock_ns(clock) - s->started_ns < 60 * second_ns;
    s->deaths = !soon ? 0 : s->deaths < DEATHS_MAX ? s->deaths + 1 : DEATHS_MAX;
    s->pid = 0;
    return true;
}

bool side_tend(Side *s, const Pipeline *p, Clock clock, Err *e)
{
    bool due = clock_ns(clock) - s->started_ns >= second_ns << s->deaths;
    return s->pid > 0 || !due || side_start(s, p, clock, e);
}

void side_stop(Side *s)
{
    if (s->pid <= 0)
        return;
    kill(s->pid, SIGTERM);
    pid_t gone = 0;
    for (int ms = 0; ms < STOP_MS && (gone = waitpid(s->pid, NULL, WNOHANG)) == 0; ms += STEP_MS)
        usleep(STEP_MS * 1000);
    if (gone == 0)
        kill(s->pid, SIGKILL), waitpid(s->pid, NULL, 0);
    s->pid = 0;
}
