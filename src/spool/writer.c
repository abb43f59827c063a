/* writer.c - the producer's side of spool.h. */
#include "base/file.h"
#include "base/rng.h"
#include "spool/frame.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Open {                                  /* one mapped segment */
    uint8_t *p;
    uint64_t number, size;
    int      fd;
} Open;

struct Spool {
    char         dir[512];
    int          lock;
    SpoolOptions o;
    uint8_t      producer[SPOOL_PRODUCER];
    Open         now, next;                            /* next.p NULL until prepared */
    uint64_t     at, seq, oldest, dropped, synced;
};

enum { SEGMENT_MIN = 64 << 10, FREE_TRIES = 1000 };

static void shut(Open *g)
{
    if (g->p != NULL)
        munmap(g->p, g->size), close(g->fd);
    *g = (Open){ .fd = -1 };
}

static bool map(Spool *s, Open *g, int fd, uint64_t number, uint64_t size, const char *path, Err *e)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void)s;
    if (p == MAP_FAILED)
        return err_set(e, E_IO, "%s: %m", path);
    *g = (Open){ p, number, size, fd };
    return true;
}

/* Every block is allocated before the first byte goes in: a full disk is an error here, never a SIGBUS in an append.
 * The header carries the first seq, so it is written when the segment comes into use. */
static bool make(Spool *s, Open *g, uint64_t number, Err *e)
{
    char path[600], name[SEGMENT_NAME];
    segment_name(number, name);
    snprintf(path, sizeof path, "%s/%s", s->dir, name);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_set(e, E_IO, "%s: %m", path);
    errno = posix_fallocate(fd, 0, (off_t)s->o.segment_bytes);
    if (errno == 0 && map(s, g, fd, number, s->o.segment_bytes, path, e))
        return dir_sync(path, e);
    err_set(e, E_IO, "%s: %m", path);
    close(fd);
    unlink(path);
    return false;
}

static void begin(Spool *s)
{
    Segment head = { .number = s->now.number, .first_seq = s->seq, .created_ns = clock_ns(s->o.clock) };
    memcpy(head.producer, s->producer, sizeof head.producer);
    segment_put(&head, s->now.p);
    s->at = SPOOL_HEADER, s->synced = 0;
}

static uint64_t first_seq(const char *path)
{
    defer_map Map m = { 0 };
    Segment       head;
    return file_map(path, &m, NULL) && segment_get(m.bytes, &head, NULL) ? head.first_seq : UINT64_MAX;
}

/* Removes the oldest segments above the cap; the frames in them count as dropped. */
static void trim(Spool *s)
{
    uint64_t keep = s->o.cap_bytes / s->o.segment_bytes;
    keep = keep < 2 ? 2 : keep;
    while (s->o.cap_bytes != 0 && s->now.number - s->oldest + 1 > keep) {
        char path[600], later[600], name[SEGMENT_NAME];
        segment_name(s->oldest, name);
        snprintf(path, sizeof path, "%s/%s", s->dir, name);
        segment_name(s->oldest + 1, name);
        snprintf(later, sizeof later, "%s/%s", s->dir, name);
        uint64_t from = first_seq(path), to = s->oldest + 1 == s->now.number ? s->seq : first_seq(later);
        if (from != UINT64_MAX && to != UINT64_MAX && to > from)
            s->dropped += to - from;
        unlink(path);
        s->oldest++;
    }
}

static bool roll(Spool *s, Err *e)
{
    Open fresh = { .fd = -1 };
    if (s->next.p != NULL)
        fresh = s->next, s->next = (Open){ .fd = -1 };
    else if (!make(s, &fresh, s->now.number + 1, e))
        return false;
    msync(s->now.p, s->now.size, MS_ASYNC);
    shut(&s->now);
    s->now = fresh;
    begin(s);
    trim(s);
    return true;
}

/* Walks the newest segment that has a header; returns where the next frame goes, or 0 when its tail is not clean. */
static uint64_t resume(Spool *s, Str file)
{
    Segment    head;
    SpoolFrame f;
    uint64_t   at = SPOOL_HEADER;
    bool       clean = true;
    if (!segment_get(file, &head, NULL))
        return 0;
    memcpy(s->producer, head.producer, sizeof s->producer);
    s->seq = head.first_seq > s->seq ? head.first_seq : s->seq;
    while (at < file.n) {
        FrameState state = frame_get(file, at, &f);
        if (state == FRAME_NONE && clean)
            break;
        if (state == FRAME_GOOD && f.seq >= s->seq)
            s->seq = f.seq + 1, at += frame_size(f.payload.n);
        else
            clean = false, at += 8;
    }
    return clean && at < file.n ? at : 0;
}

/* Goes on in the last segment when its tail is clean; otherwise in a fresh one behind it. */
static bool go_on(Spool *s, uint64_t lowest, uint64_t highest, Err *e)
{
    char path[600], name[SEGMENT_NAME];
    s->oldest = lowest;
    for (uint64_t n = highest + 1; n-- > lowest;) {
        segment_name(n, name);
        snprintf(path, sizeof path, "%s/%s", s->dir, name);
        int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        struct stat st;
        if (fd < 0 || fstat(fd, &st) != 0 || st.st_size < SEGMENT_MIN || !map(s, &s->now, fd, n, (uint64_t)st.st_size, path, e)) {
            if (fd >= 0)
                close(fd);
            continue;
        }
        s->at = resume(s, (Str){ (char *)s->now.p, s->now.size });
        if (s->at != 0 && n == highest)
            return true;
        bool known = s->seq > 0 || s->at != 0;
        shut(&s->now);
        if (known)
            break;                                     /* a prepared segment without a header lies above it */
    }
    if (!make(s, &s->now, highest + 1, e))
        return false;
    begin(s);
    return true;
}

static bool start(Spool *s, Err *e)
{
    uint64_t lowest, highest;
    random_bytes(s->producer, sizeof s->producer);     /* replaced by the one on disk if there is one */
    if (segments_in(s->dir, &lowest, &highest))
        return go_on(s, lowest, highest, e);
    s->oldest = 1;
    if (!make(s, &s->now, 1, e))
        return false;
    begin(s);
    return true;
}

Spool *spool_open(const char *dir, SpoolOptions o, Err *e)
{
    Spool *s = calloc(1, sizeof *s);
    char   path[600];
    if (s == NULL)
        return err_nomem(e), NULL;
    o.segment_bytes = o.segment_bytes == 0 ? SPOOL_SEGMENT_BYTES : o.segment_bytes;
    s->o = o, s->lock = s->now.fd = s->next.fd = -1;
    s->o.segment_bytes = (o.segment_bytes < SEGMENT_MIN ? SEGMENT_MIN : o.segment_bytes) & ~(uint64_t)4095;
    if (snprintf(s->dir, sizeof s->dir, "%s", dir) >= (int)sizeof s->dir) {
        err_set(e, E_IO, "%s: path too long", dir);
    } else if (dir_make(dir, 0700, e)) {
        snprintf(path, sizeof path, "%s/lock", dir);
        s->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (s->lock < 0)
            err_set(e, E_IO, "%s: %m", path);
        else if (flock(s->lock, LOCK_EX | LOCK_NB) != 0)
            err_set(e, E_DENIED, "%s: another writer holds this spool", dir);
        else if (start(s, e))
            return s;
    }
    spool_close(s);
    return NULL;
}

Spool *spool_open_free(const char *dir, SpoolOptions o, Err *e)
{
    char path[512];
    for (int i = 0; i < FREE_TRIES; i++) {
        if (snprintf(path, sizeof path, "%s.%d", dir, i) >= (int)sizeof path)
            return err_set(e, E_IO, "%s: path too long", dir), NULL;
        Err    mine = { 0 };
        Spool *s = spool_open(path, o, &mine);
        if (s != NULL || mine.code != E_DENIED) {
            if (s == NULL && e != NULL)
                *e = mine;
            return s;
        }
    }
    return err_set(e, E_DENIED, "%s: %d writers hold it already", dir, FREE_TRIES), NULL;
}

/* A segment that was prepared and never used holds no frame: it goes, so that restarts do not pile up empty files. */
void spool_close(Spool *s)
{
    if (s == NULL)
        return;
    if (s->next.p != NULL) {
        char path[600], name[SEGMENT_NAME];
        segment_name(s->next.number, name);
        snprintf(path, sizeof path, "%s/%s", s->dir, name);
        unlink(path);
    }
    if (s->now.p != NULL)
        msync(s->now.p, s->now.size, MS_SYNC);
    shut(&s->next);
    shut(&s->now);
    if (s->lock >= 0)
        close(s->lock);
    free(s);
}

bool spool_append(Spool *s, SpoolKind kind, int64_t time_ns, Str payload, uint64_t *seq)
{
    if (payload.n > SPOOL_PAYLOAD_MAX || frame_size(payload.n) > s->o.segment_bytes - SPOOL_HEADER)
        return s->dropped++, false;
    uint64_t size = frame_size(payload.n);
    if (size > s->now.size - s->at && !roll(s, NULL))
        return s->dropped++, false;
    frame_put(s->now.p + s->at, &(SpoolFrame){ (uint16_t)kind, 0, s->seq, time_ns, payload });
    frame_commit(s->now.p + s->at);
    s->at += size;
    if (seq != NULL)
        *seq = s->seq;
    s->seq++;
    return true;
}

bool spool_tend(Spool *s, Err *e)
{
    uint64_t from = s->synced & ~(uint64_t)4095;
    bool     ok = s->at == s->synced || msync(s->now.p + from, s->at - from, MS_SYNC) == 0;
    if (!ok)
        err_set(e, E_IO, "%s: %m", s->dir);
    else if ((s->at & ~(uint64_t)4095) > from)         /* the file keeps them; a worker must not look as if it leaked */
        madvise(s->now.p + from, (s->at & ~(uint64_t)4095) - from, MADV_DONTNEED);
    s->synced = s->at;
    if (s->next.p == NULL && s->at > s->now.size / 2)
        ok = make(s, &s->next, s->now.number + 1, e) && ok;
    return ok;
}

uint64_t spool_dropped(const Spool *s) { return s->dropped; }
