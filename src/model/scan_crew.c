/* scan_crew.c - workers: started, heard, ended, replaced.
 *
 * A worker that dies or takes too long costs the file it was at, which becomes "unscannable (worker died: why)"; a new one takes the
 * rest of the batch. */
#include "model/scan_crew.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { FILE_SAYS_MAX = 256 << 20, ROWS_FIRST = 64 };

/* ---- rows and findings */

bool crew_grow(Arena *a, void *v, size_t n, size_t *cap, size_t size)
{
    size_t want = *cap ? 2 * *cap : ROWS_FIRST;
    void  *p = arena_get(a, want, size), **at = v;
    if (p == NULL)
        return false;
    if (n != 0)
        memcpy(p, *at, n * size);
    *at = p, *cap = want;
    return true;
}

void crew_row(Scanner *s, Str path, Str inner, Str format, ScanVerdict v, Str why)
{
    ScanSummary *m = s->s;
    if (m->n == s->row_cap && !crew_grow(s->a, &m->v, m->n, &s->row_cap, sizeof *m->v)) {
        s->full = true;
        return;
    }
    m->v[m->n++] = (ScanRow){ path, arena_str(s->a, inner), arena_str(s->a, format), arena_str(s->a, why), v };
    m->verdict = v > m->verdict ? v : m->verdict;
}

void crew_void(Scanner *s, Str path, const char *why)
{
    for (size_t i = s->s->n; i-- > 0;) {
        ScanRow *x = &s->s->v[i];
        if (x->path.p != path.p || x->inner.n != 0)
            continue;
        if (x->verdict < SCAN_UNSCANNABLE)
            x->verdict = SCAN_UNSCANNABLE, x->why = str(why);
        s->s->verdict = x->verdict > s->s->verdict ? x->verdict : s->s->verdict;
        return;
    }
    crew_row(s, path, (Str){ "", 0 }, S("unknown"), SCAN_UNSCANNABLE, str(why));
}

static void add_hit(Scanner *s, Job *j, unsigned rule, Severity severity, Str inner, uint64_t byte, Str message)
{
    Finding f = finding_of(&model_rules[rule], s->o.part, j->path);
    f.severity = severity, f.message = message;
    f.at = (Place){ .inner = inner, .byte = byte };
    s->full |= !finding_add(s->found, f);
    ScanVerdict v = severity == SEV_CRITICAL ? SCAN_MALICIOUS : severity >= SEV_MEDIUM ? SCAN_SUSPICIOUS : SCAN_CLEAN;
    j->worst = v > j->worst ? v : j->worst;
}

/* ---- what a worker says: no number in it is believed */

typedef struct Ear {
    Buf    b;
    size_t done;                                       /* jobs, from the first that this worker was given */
    bool   nonsense;
} Ear;

static Str text(Cur *c) { return cur_bytes(c, cur_u32(c)); }
static Str rest(Cur *c) { return cur_bytes(c, cur_left(c)); }

static bool hear_hit(Scanner *s, Job *j, Cur *c)
{
    uint32_t rule = cur_u32(c);
    uint8_t  severity = cur_u8(c);
    uint64_t byte = cur_u64(c);
    Str      inner = text(c), message = rest(c);
    if (c->bad || rule >= model_rules_len || severity >= SEVERITIES)
        return false;
    add_hit(s, j, rule, (Severity)severity, inner, byte, message);
    return true;
}

static bool hear_row(Scanner *s, Job *j, Cur *c)
{
    uint8_t verdict = cur_u8(c);
    Str     inner = text(c), format = text(c), why = rest(c);
    if (c->bad || verdict > SCAN_MALICIOUS)
        return false;
    crew_row(s, j->path, inner, format, (ScanVerdict)verdict, why);
    j->worst = verdict > j->worst ? (ScanVerdict)verdict : j->worst;
    return true;
}

static bool hear_frame(Scanner *s, Ear *ear, Job *first, size_t n, Str frame)
{
    Cur     c = cur_of(frame);
    uint8_t kind = cur_u8(&c);
    if (ear->done >= n)
        return false;
    Job *j = &first[ear->done];
    if ((j->said += frame.n) > FILE_SAYS_MAX)
        return false;
    if (kind == 'E')
        return ear->done++, true;
    return kind == 'H' ? hear_hit(s, j, &c) : kind == 'R' && hear_row(s, j, &c);
}

static void hear(Scanner *s, Ear *ear, Job *first, size_t n)
{
    size_t at = 0;
    while (!ear->nonsense && ear->b.n - at >= 4) {
        Cur      c = cur_of((Str){ ear->b.p + at, ear->b.n - at });
        uint32_t length = cur_u32(&c);
        if (length == 0 || length > BOX_FRAME_MAX)
            ear->nonsense = true;
        else if (cur_left(&c) < length)
            break;
        else
            ear->nonsense = !hear_frame(s, ear, first, n, cur_bytes(&c, length));
        at += 4 + (size_t)length;
    }
    if (ear->nonsense)
        return;
    memmove(ear->b.p, ear->b.p + at, ear->b.n - at);
    ear->b.n -= at;
}

/* ---- a worker */

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static pid_t start(Scanner *s, const Job *v, size_t n, int *from, Err *e)
{
    BoxFile files[CREW_BATCH];
    Box     box = { .seconds = s->o.seconds * (unsigned)n + 1, .at = s->at, .parent = getpid() };
    int     ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return err_set(e, E_IO, "a pipe to a worker: %m"), -1;
    for (size_t i = 0; i < n; i++) {
        files[i] = v[i].box;
        box.largest = v[i].box.size > box.largest ? v[i].box.size : box.largest;
    }
    box.out = ends[1], *s->at = 0;
    pid_t pid = fork();
    if (pid == 0) {
        if (!box_enter(&box, files, n, NULL))
            _exit(2);
        box_work(&box, files, n, s->o.deep);
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        err_set(e, E_IO, "starting a worker: %m");
    }
    *from = ends[0];
    return pid;
}

/* Until the worker closes its end, says nonsense, or is silent for too long about one file.  True when it is alive no more by itself. */
static bool listen_to(Scanner *s, Ear *ear, Job *first, size_t n, int from)
{
    int64_t  until = now_ms() + s->o.seconds * INT64_C(1000);
    uint32_t at = 0;
    for (ssize_t got; !ear->nonsense;) {
        struct pollfd p = { .fd = from, .events = POLLIN };
        if (*(volatile uint32_t *)s->at != at)
            at = *(volatile uint32_t *)s->at, until = now_ms() + s->o.seconds * INT64_C(1000);
        int64_t left = until - now_ms();
        if (left <= 0)
            return false;
        if (poll(&p, 1, (int)(left < 1000 ? left : 1000)) <= 0)
            continue;
        if ((got = read(from, s->chunk, CREW_CHUNK)) == 0)
            return true;
        if (got > 0)
            buf_put(&ear->b, s->chunk, (size_t)got), hear(s, ear, first, n);
        ear->nonsense |= ear->b.bad || (got < 0 && errno != EINTR);
    }
    return false;
}

static const char *why_died(Arena *a, int status, bool nonsense, bool alone, unsigned seconds)
{
    if (nonsense)
        return "worker died: it said what makes no sense";
    if (!alone)
        return arena_printf(a, "worker died: it took longer than %u s", seconds);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS)
        return "changed while it was read";
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
        return "worker died: it made a system call that is not allowed";
    if (WIFSIGNALED(status))
        return arena_printf(a, "worker died: %s", strsignal(WTERMSIG(status)));
    return WEXITSTATUS(status) == 2 ? "no worker could be shut in" : arena_printf(a, "worker died: it ended with %d", WEXITSTATUS(status));
}

/* The worker died at job `at`; what it found out about jobs before that and had not said yet is lost, so those are judged again. */
static size_t blame(Scanner *s, Job *first, size_t done, size_t at, const char *why, Err *e)
{
    ScanVerdict worst = first[at].worst > SCAN_UNSCANNABLE ? first[at].worst : SCAN_UNSCANNABLE;
    for (size_t n; done < at; done += n)
        if ((n = crew_run(s, first + done, at - done, e)) == 0)
            return done;
    crew_row(s, first[at].path, (Str){ "", 0 }, S("unknown"), worst, str(why ? why : ""));
    return at + 1;
}

/* The jobs [0, n): how many were dealt with. */
size_t crew_run(Scanner *s, Job *first, size_t n, Err *e)
{
    int   from, status = 0;
    Ear   ear = { 0 };
    pid_t pid = start(s, first, n, &from, e);
    if (pid < 0)
        return 0;
    bool alone = listen_to(s, &ear, first, n, from);
    if (!alone)
        kill(pid, SIGKILL);
    close(from);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    buf_free(&ear.b);
    if (ear.done == n && alone)
        return n;
    size_t at = *s->at;
    if (at < ear.done || at >= n || ear.nonsense)      /* a number from the box */
        at = ear.done < n ? ear.done : n - 1;
    return blame(s, first, ear.done < at ? ear.done : at, at, why_died(s->a, status, ear.nonsense, alone, s->o.seconds), e);
}
