/* scan_box.c - see scan_box.h: the fences.  What the worker does inside is in scan_worker.c. */
#include "model/scan_box.h"
#include <errno.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* ---- descriptors */

static int by_number(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

static bool keep_only(const Box *b, const BoxFile *v, size_t n, Err *e)
{
    int  *keep = calloc(n + 1, sizeof *keep);
    bool  ok = keep != NULL;
    for (size_t i = 0; ok && i < n; i++)
        keep[i] = v[i].fd;
    if (ok) {
        int from = SANITIZED ? STDERR_FILENO + 1 : 0;  /* sanitizers report on stderr */
        keep[n] = b->out;
        qsort(keep, n + 1, sizeof *keep, by_number);
        for (size_t i = 0; i <= n && ok; from = keep[i] + 1, i++)
            ok = keep[i] <= from || syscall(SYS_close_range, from, keep[i] - 1, 0) == 0;
        ok = ok && syscall(SYS_close_range, from, ~0U, 0) == 0;
    }
    free(keep);
    return ok || err_set(e, E_IO, "closing the worker's descriptors: %m");
}

/* ---- limits */

static bool limit(int what, uint64_t value, Err *e)
{
    struct rlimit r = { value, value }, old;
    if (getrlimit((__rlimit_resource_t)what, &old) == 0 && old.rlim_max < r.rlim_max)
        r.rlim_cur = r.rlim_max = old.rlim_max;
    return setrlimit((__rlimit_resource_t)what, &r) == 0 || err_set(e, E_IO, "limiting the worker: %m");
}

static bool limit_all(const Box *b, Err *e)
{
    bool memory = SANITIZED || (limit(RLIMIT_AS, b->largest + 2 * (uint64_t)BOX_MEMORY, e) && limit(RLIMIT_DATA, BOX_MEMORY, e));
    return memory && limit(RLIMIT_CPU, b->seconds, e) && limit(RLIMIT_FSIZE, 0, e) && limit(RLIMIT_CORE, 0, e) && limit(RLIMIT_NPROC, 0, e) &&
           limit(RLIMIT_NOFILE, 0, e);
}

/* ---- Landlock: an empty rule set over every kind of access this kernel knows; kernels without it still have seccomp */

static bool landlock(Err *e)
{
    static const uint64_t all[] = { 0, (1 << 13) - 1, (1 << 14) - 1, (1 << 15) - 1 };
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1)
        return true;
    struct landlock_ruleset_attr attr = { .handled_access_fs = all[version < 3 ? version : 3] };
    int  fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr.handled_access_fs, 0);
    bool ok = fd >= 0 && syscall(SYS_landlock_restrict_self, fd, 0) == 0;
    if (fd >= 0)
        close(fd);
    return ok || err_set(e, E_IO, "shutting the worker off from files: %m");
}

/* ---- seccomp */

static const int calls[] = {
    SCMP_SYS(read), SCMP_SYS(pread64), SCMP_SYS(lseek), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(brk), SCMP_SYS(madvise), SCMP_SYS(futex),
    SCMP_SYS(clock_gettime), SCMP_SYS(getrandom), SCMP_SYS(rt_sigreturn), SCMP_SYS(exit), SCMP_SYS(exit_group),
};

/* What the sanitizers' runtimes need to watch and to report, and nothing else gets: no file, no socket, no process. */
static const int sanitizer_calls[] = {
    SCMP_SYS(sigaltstack), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(gettid), SCMP_SYS(getpid), SCMP_SYS(sched_yield),
    SCMP_SYS(readlink), SCMP_SYS(mprotect), SCMP_SYS(mmap), SCMP_SYS(write), SCMP_SYS(prctl), SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep),
};

static bool allow(scmp_filter_ctx f)
{
    bool ok = true;
    for (size_t i = 0; i < len_of(calls); i++)
        ok = ok && seccomp_rule_add(f, SCMP_ACT_ALLOW, calls[i], 0) == 0;
    for (size_t i = 0; SANITIZED && i < len_of(sanitizer_calls); i++)
        ok = ok && seccomp_rule_add(f, SCMP_ACT_ALLOW, sanitizer_calls[i], 0) == 0;
    return ok;
}

static bool allow_some(scmp_filter_ctx f, const Box *b)
{
    return SANITIZED || (seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) == 0 &&
                         seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) == 0 &&
                         seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(write), 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)b->out)) == 0);
}

static bool filter(const Box *b, Err *e)
{
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_KILL_PROCESS);
    bool            ok = f != NULL && allow(f) && allow_some(f, b) && seccomp_load(f) == 0;
    if (f != NULL && !ok)
        seccomp_release(f);                            /* a loaded filter's memory goes with the process */
    return ok || err_set(e, E_IO, "seccomp: no filter of system calls could be set");
}

/* glibc's qsort asks once how much memory the machine has, with a call that nobody needs in the box. */
static bool warm_up(Err *e)
{
    enum { ENOUGH = 1024 };                            /* more than it sorts on the stack */
    int *v = calloc(ENOUGH, sizeof *v);
    if (v == NULL)
        return err_nomem(e);
    qsort(v, ENOUGH, sizeof *v, by_number);
    free(v);
    return true;
}

bool box_enter(const Box *b, const BoxFile *v, size_t n, Err *e)
{
    static const int fatal[] = { SIGBUS, SIGSEGV, SIGILL, SIGFPE, SIGSYS, SIGXCPU, SIGPIPE, SIGTERM };
    for (size_t i = 0; i < len_of(fatal); i++)
        signal(fatal[i], SIG_DFL);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return err_set(e, E_IO, "giving up privileges: %m");
    if (getppid() != b->parent)                        /* it died before we asked to die with it */
        return err_set(e, E_IO, "the scan ended before its worker began");
    return warm_up(e) && keep_only(b, v, n, e) && landlock(e) && limit_all(b, e) && filter(b, e);
}
