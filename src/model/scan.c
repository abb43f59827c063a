/* scan.c - the parent of a scan: finds the files, opens them, hands them to workers in a box, and collects what those say.
 *
 * Files are taken in batches, a worker for each.  A worker that dies or takes too long costs the file it was at, which becomes
 * "unscannable (worker died: why)"; a new one takes the rest of the batch. */
#include "model/scan.h"
#include "base/file.h"
#include "model/disk.h"
#include "model/scan_box.h"
#include "model/statement.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 256, CHUNK = 256 << 10, FILE_SAYS_MAX = 256 << 20, ROWS_FIRST = 64 };

typedef struct Job {                                   /* a file of the batch */
    BoxFile     box;
    Str         path;
    struct stat before;
    uint64_t    said;                                  /* bytes on the pipe about it */
    ScanVerdict worst;
    bool        digest;                                /* counts for the model's digest */
} Job;

struct Scanner {
    Arena       *a;
    ScanOptions  o;
    Findings    *found;
    ScanSummary *s;
    size_t       row_cap, n;
    Job          v[BATCH];
    char        *chunk;
    uint32_t    *at;                                   /* shared with the worker: the job it is at     */
    Resource    *digests;
    size_t       digest_count, digest_cap;
    bool         folder, undigested, full;             /* full: no memory left for what was found */
};

const char *scanner_version(void) { return "moat " MOAT_VERSION; }

/* ---- rows and findings */

static bool grow(Arena *a, void *v, size_t n, size_t *cap, size_t size)
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

static void add_row(Scanner *s, Str path, Str inner, Str format, ScanVerdict v, Str why)
{
    ScanSummary *m = s->s;
    if (m->n == s->row_cap && !grow(s->a, &m->v, m->n, &s->row_cap, sizeof *m->v)) {
        s->full = true;
        return;
    }
    m->v[m->n++] = (ScanRow){ path, arena_str(s->a, inner), arena_str(s->a, format), arena_str(s->a, why), v };
    m->verdict = v > m->verdict ? v : m->verdict;
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
    add_row(s, j->path, inner, format, (ScanVerdict)verdict, why);
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
    BoxFile files[BATCH];
    Box     box = { .seconds = s->o.seconds * (unsigned)n + 1, .at = s->at };
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
        if ((got = read(from, s->chunk, CHUNK)) == 0)
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

static size_t run(Scanner *s, Job *first, size_t n, Err *e);

/* The worker died at job `at`; what it found out about jobs before that and had not said yet is lost, so those are judged again. */
static size_t blame(Scanner *s, Job *first, size_t done, size_t at, const char *why, Err *e)
{
    ScanVerdict worst = first[at].worst > SCAN_UNSCANNABLE ? first[at].worst : SCAN_UNSCANNABLE;
    for (size_t n; done < at; done += n)
        if ((n = run(s, first + done, at - done, e)) == 0)
            return done;
    add_row(s, first[at].path, (Str){ "", 0 }, S("unknown"), worst, str(why ? why : ""));
    return at + 1;
}

/* The jobs [0, n): how many were dealt with. */
static size_t run(Scanner *s, Job *first, size_t n, Err *e)
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

/* ---- digests, of the descriptors that were scanned */

static bool hash_fd(char *chunk, int fd, uint64_t size, Digest *out)
{
    Sha256  *h = sha256_begin();
    uint64_t at = 0;
    for (ssize_t n; h != NULL && at < size; at += (uint64_t)n) {
        if ((n = pread(fd, chunk, CHUNK, (off_t)at)) <= 0)
            break;
        sha256_add(h, (Str){ chunk, (size_t)n });
    }
    if (h != NULL)
        *out = sha256_end(h);
    return h != NULL && at == size;
}

static void digest_job(Scanner *s, const Job *j)
{
    Digest d;
    if (!j->digest)
        return;
    if ((s->digest_count == s->digest_cap && !grow(s->a, &s->digests, s->digest_count, &s->digest_cap, sizeof *s->digests)) ||
        !hash_fd(s->chunk, j->box.fd, j->box.size, &d))
        s->undigested = true;
    else
        memcpy(s->digests[s->digest_count++].digest, d.b, sizeof d.b);
}

/* Whoever writes into a file while it is judged gets no verdict for it. */
static void check_unchanged(Scanner *s, const Job *j)
{
    struct stat now;
    bool        same = fstat(j->box.fd, &now) == 0 && now.st_size == j->before.st_size && now.st_mtim.tv_sec == j->before.st_mtim.tv_sec &&
                now.st_mtim.tv_nsec == j->before.st_mtim.tv_nsec && now.st_ctim.tv_sec == j->before.st_ctim.tv_sec &&
                now.st_ctim.tv_nsec == j->before.st_ctim.tv_nsec;
    if (same)
        return;
    add_row(s, j->path, (Str){ "", 0 }, S("unknown"), SCAN_UNSCANNABLE, S("changed while it was read"));
    s->undigested = true;
}

/* ---- the batch */

static bool run_batch(Scanner *s, Err *e)
{
    size_t done = 0, n;
    for (; done < s->n; done += n)
        if ((n = run(s, s->v + done, s->n - done, e)) == 0)
            break;
    for (size_t i = 0; i < s->n; i++) {
        if (i < done)
            digest_job(s, &s->v[i]), check_unchanged(s, &s->v[i]);
        close(s->v[i].box.fd);
    }
    bool all = done == s->n;
    s->n = 0;
    return all && (!s->full || err_set(e, E_LIMIT, "too many members and findings for the memory allowed"));
}

static void cannot(Scanner *s, Str path, const char *why)
{
    add_row(s, path, (Str){ "", 0 }, S("unknown"), SCAN_UNSCANNABLE, str(why));
    s->undigested = true;
}

/* Takes fd. */
static bool add_file(Scanner *s, int fd, Str path, bool digest, Err *e)
{
    Job j = { .box = { .fd = fd, .name = path }, .path = path, .digest = digest && s->o.digest };
    if (fd < 0 || fstat(fd, &j.before) != 0 || !S_ISREG(j.before.st_mode)) {
        cannot(s, path, fd < 0 ? arena_printf(s->a, "%m") : "no plain file");
        if (fd >= 0)
            close(fd);
        return true;
    }
    j.box.size = (uint64_t)j.before.st_size;
    s->s->files++, s->s->bytes += j.box.size;
    s->v[s->n++] = j;
    return s->n < BATCH || run_batch(s, e);
}

static int open_beneath(int dir, const char *name)
{
    struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
                            .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
    return (int)syscall(SYS_openat2, dir, name, &how, sizeof how);
}

static bool add_folder(Scanner *s, Disk *d, Err *e)
{
    bool ok = disk_list(s->a, d, &(DiskAsk){ 0 }, e);
    Str  signature = ok ? disk_inside(s->a, d, model_signature_path(s->a, d->path)) : (Str){ "", 0 };
    for (size_t i = 0; ok && i < d->n; i++) {
        const DiskFile *f = &d->v[i];
        const char     *path = path_join(s->a, d->path, f->name);
        if (path == NULL)
            return err_nomem(e);
        if (f->kind != DISK_FILE)
            cannot(s, str(path), f->kind == DISK_LINK ? "a symbolic link, which is not followed" : f->kind == DISK_BAD_NAME ? "a name that is not UTF-8" :
                                                                                                                          "no plain file");
        else
            ok = add_file(s, open_beneath(d->fd, f->name.p), str(path), !str_eq(f->name, signature), e);
    }
    return ok;
}

/* ---- the whole */

Scanner *scanner_open(Arena *a, const ScanOptions *o, Findings *found, ScanSummary *sum, Err *e)
{
    Scanner *s = calloc(1, sizeof *s);
    *sum = (ScanSummary){ 0 };
    if (s == NULL || (s->chunk = arena_get(a, 1, CHUNK)) == NULL) {
        free(s);
        return err_nomem(e), NULL;
    }
    s->at = mmap(NULL, sizeof *s->at, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (s->at == MAP_FAILED) {
        free(s);
        return err_set(e, E_IO, "a page to share with workers: %m"), NULL;
    }
    s->a = a, s->o = *o, s->found = found, s->s = sum;
    s->o.seconds = o->seconds ? o->seconds : SCAN_SECONDS;
    return s;
}

bool scanner_add(Scanner *s, const char *path, Err *e)
{
    defer_disk Disk d = { 0 };
    if (!disk_open(s->a, path, &d, e))
        return false;
    s->folder = d.folder;
    if (d.folder)
        return add_folder(s, &d, e);
    int fd = fcntl(d.fd, F_DUPFD_CLOEXEC, 0);
    return add_file(s, fd, arena_str(s->a, str(path)), true, e);
}

static void put_digest(Scanner *s)
{
    s->s->has_digest = s->o.digest && !s->undigested && (s->folder || s->digest_count == 1);
    if (s->s->has_digest && s->folder)
        s->s->digest = statement_root(HASH_SHA256, s->digests, s->digest_count);
    else if (s->s->has_digest)
        memcpy(s->s->digest.b, s->digests[0].digest, sizeof s->s->digest.b);
}

bool scanner_close(Scanner *s, Err *e)
{
    bool ok = run_batch(s, e);
    if (ok)
        put_digest(s);
    munmap(s->at, sizeof *s->at);
    free(s);
    return ok;
}

bool model_scan(Arena *a, const char *path, const ScanOptions *o, Findings *found, ScanSummary *sum, Err *e)
{
    Err   second = { 0 };
    Scanner *s = scanner_open(a, o, found, sum, e);
    if (s == NULL)
        return false;
    bool added = scanner_add(s, path, e), ended = scanner_close(s, added ? e : &second);
    return added && ended;
}
