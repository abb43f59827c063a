/* scan.c - the parent of a scan: finds the files, opens them beneath their folder, has workers judge them in batches (scan_crew.c), and
 * takes the digest of what was judged from the same descriptors. */
#include "base/file.h"
#include "model/disk.h"
#include "model/scan_crew.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

const char *scanner_version(void) { return "moat " MOAT_VERSION; }

/* ---- digests, of the descriptors that were scanned */

/* What was hashed goes to `copy` too, unless that is -1. */
static bool hash_fd(char *chunk, int fd, uint64_t size, int copy, Digest *out)
{
    Sha256  *h = sha256_begin();
    uint64_t at = 0;
    for (ssize_t n; h != NULL && at < size; at += (uint64_t)n) {
        size_t want = size - at < CREW_CHUNK ? (size_t)(size - at) : CREW_CHUNK;
        if ((n = pread(fd, chunk, want, (off_t)at)) <= 0 || (copy >= 0 && write(copy, chunk, (size_t)n) != n))
            break;
        sha256_add(h, (Str){ chunk, (size_t)n });
    }
    if (h != NULL)
        *out = sha256_end(h);
    return h != NULL && at == size;
}

/* The worker gets a copy that nobody can write to: of exactly the bytes that were hashed. */
static bool bind_copy(Scanner *s, Job *j)
{
    int fd = j->box.size <= CREW_COPY_MAX ? memfd_create("moat", MFD_CLOEXEC | MFD_ALLOW_SEALING) : -1;
    if (fd < 0)
        return false;
    if (!hash_fd(s->chunk, j->fd, j->box.size, fd, &j->hash) || fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0)
        return close(fd), false;
    s->copied += j->box.size;
    j->box.fd = fd;
    return j->copied = true;
}

/* Who writes through a mapping moves no time stamp for a while.  So small files are judged as a copy; for large ones the kernel is asked
 * to let nobody write, which it refuses while somebody can; and where it does not do that, they are hashed before and after. */
static void bind_job(Scanner *s, Job *j)
{
    if (!j->digest || bind_copy(s, j))
        return;
    /* A writer who comes breaks the lease, which sends a signal; one that nobody hears. */
    j->leased = fcntl(j->fd, F_SETSIG, SIGURG) == 0 && fcntl(j->fd, F_SETLEASE, F_RDLCK) == 0;
    if (!j->leased && !hash_fd(s->chunk, j->fd, j->box.size, -1, &j->hash))
        j->hash = (Digest){ 0 };
}

static void unbind_job(Job *j)
{
    if (j->leased)
        fcntl(j->fd, F_SETLEASE, F_UNLCK);
    if (j->copied)
        close(j->box.fd);
    close(j->fd);
}

static void changed(Scanner *s, const Job *j)
{
    crew_void(s, j->path, "changed while it was read");
    s->undigested = true;
}

static void digest_job(Scanner *s, const Job *j)
{
    Digest d = j->hash;
    if (!j->digest)
        return;
    if ((s->digest_count == s->digest_cap && !crew_grow(s->a, &s->digests, s->digest_count, &s->digest_cap, sizeof *s->digests)) ||
        (!j->copied && !hash_fd(s->chunk, j->fd, j->box.size, -1, &d)))
        s->undigested = true;
    else if (j->leased ? fcntl(j->fd, F_GETLEASE) != F_RDLCK : !digest_eq(&d, &j->hash))
        changed(s, j);
    else
        memcpy(s->digests[s->digest_count++].digest, d.b, sizeof d.b);
}

/* Whoever writes into a file while it is judged gets no verdict for it. */
static void check_unchanged(Scanner *s, const Job *j)
{
    struct stat now;
    bool        same = fstat(j->fd, &now) == 0 && now.st_size == j->before.st_size && now.st_mtim.tv_sec == j->before.st_mtim.tv_sec &&
                now.st_mtim.tv_nsec == j->before.st_mtim.tv_nsec && now.st_ctim.tv_sec == j->before.st_ctim.tv_sec &&
                now.st_ctim.tv_nsec == j->before.st_ctim.tv_nsec;
    if (!same)
        changed(s, j);
}

/* ---- the batch */

static bool run_batch(Scanner *s, Err *e)
{
    size_t done = 0, n;
    for (; done < s->n; done += n)
        if ((n = crew_run(s, s->v + done, s->n - done, e)) == 0)
            break;
    for (size_t i = 0; i < s->n; i++) {
        if (i < done)
            digest_job(s, &s->v[i]), check_unchanged(s, &s->v[i]);
        unbind_job(&s->v[i]);
    }
    bool all = done == s->n;
    s->n = 0, s->copied = 0;
    return all && (!s->full || err_set(e, E_LIMIT, "too many members and findings for the memory allowed"));
}

static void cannot(Scanner *s, Str path, bool digest, const char *why)
{
    crew_row(s, path, (Str){ "", 0 }, S("unknown"), SCAN_UNSCANNABLE, str(why));
    s->undigested |= digest;
}

/* Takes fd. */
static bool add_file(Scanner *s, int fd, Str path, bool digest, Err *e)
{
    Job j = { .box = { .fd = fd, .name = path }, .fd = fd, .path = path, .digest = digest && s->o.digest };
    if (fd < 0 || fstat(fd, &j.before) != 0 || !S_ISREG(j.before.st_mode)) {
        cannot(s, path, digest, fd < 0 ? arena_printf(s->a, "%m") : "no plain file");
        if (fd >= 0)
            close(fd);
        return true;
    }
    j.box.size = (uint64_t)j.before.st_size;
    s->s->files++, s->s->bytes += j.box.size;
    bind_job(s, &j);
    s->v[s->n++] = j;
    return (s->n < CREW_BATCH && s->copied < CREW_COPY_MAX) || run_batch(s, e);
}

static const char *const kind_says[] = {
    [DISK_LINK] = "a symbolic link, which is not followed", [DISK_OTHER] = "no plain file", [DISK_BAD_NAME] = "a name that is not UTF-8",
};

static int open_beneath(int dir, const char *name)
{
    struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
                            .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
    return (int)syscall(SYS_openat2, dir, name, &how, sizeof how);
}

static bool counts(const Scanner *s, Str name)
{
    for (size_t i = 0; i < s->o.uncounted_count; i++)
        if (name_below(name, s->o.uncounted[i]))
            return false;
    return !disk_is_never(name);
}

/* Every file is judged, for what is loaded asks nobody whether it was signed; the digest is over the files that a signature covers. */
static bool add_folder(Scanner *s, Disk *d, Err *e)
{
    bool ok = disk_list(s->a, d, &(DiskAsk){ .all = true }, e);
    Str  signature = ok ? disk_inside(s->a, d, model_signature_path(s->a, d->path)) : (Str){ "", 0 };
    for (size_t i = 0; ok && i < d->n; i++) {
        const DiskFile *f = &d->v[i];
        const char     *path = path_join(s->a, d->path, f->name);
        bool            digest = !str_eq(f->name, signature) && counts(s, f->name);
        if (path == NULL)
            return err_nomem(e);
        if (f->kind == DISK_FILE)
            ok = add_file(s, open_beneath(d->fd, f->name.p), str(path), digest, e);
        else
            cannot(s, str(path), digest, kind_says[f->kind]);
    }
    return ok;
}

/* ---- the whole */

Scanner *scanner_open(Arena *a, const ScanOptions *o, Findings *found, ScanSummary *sum, Err *e)
{
    Scanner *s = calloc(1, sizeof *s);
    *sum = (ScanSummary){ 0 };
    if (s == NULL || (s->chunk = arena_get(a, 1, CREW_CHUNK)) == NULL) {
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
