/* scan_worker.c - in the box: takes the files one after another and says on the pipe what it finds. */
#include "model/scan_box.h"
#include "model/scan_walk.h"
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SMALL = 256 << 10, INNER_MAX = 4096, MESSAGE_MAX = 2048, WRITE_AT = 32 << 10, HITS_MAX = 10000, DIED_WRITING = 3, DIED_MEMORY = 4 };

typedef struct Worker {
    int      out;
    Buf      b;
    char    *small;                                    /* room for small files */
    unsigned hits;
    bool     said;                                     /* something about this file has left already */
} Worker;

/* ---- the pipe */

static void flush(Worker *w)
{
    if (w->b.bad)
        _exit(DIED_MEMORY);
    for (size_t at = 0; at < w->b.n;) {
        ssize_t n = write(w->out, w->b.p + at, w->b.n - at);
        if (n < 0 && errno != EINTR)
            _exit(DIED_WRITING);
        at += n > 0 ? (size_t)n : 0;
    }
    w->b.n = 0, w->said = true;
}

static Str cut(Str s, size_t n) { return (Str){ s.p ? s.p : "", s.n < n ? s.n : n }; }

static void put_text(Buf *b, Str s)
{
    buf_u32(b, (uint32_t)s.n);
    buf_str(b, s);
}

/* The length goes in front once it is known. */
static size_t begin(Worker *w, char kind)
{
    size_t at = w->b.n;
    buf_u32(&w->b, 0);
    buf_byte(&w->b, (uint8_t)kind);
    return at;
}

static void end(Worker *w, size_t at)
{
    uint32_t n = (uint32_t)(w->b.n - at - 4);
    if (w->b.bad)
        _exit(DIED_MEMORY);
    for (unsigned i = 0; i < 4; i++)
        w->b.p[at + i] = (char)(n >> 8 * i);
}

/* A finding leaves at once: what comes after it may kill us. */
static void say_hit(void *ctx, const ScanHit *h)
{
    Worker *w = ctx;
    if (w->hits++ >= HITS_MAX)
        return;
    size_t at = begin(w, 'H');
    buf_u32(&w->b, h->rule);
    buf_byte(&w->b, (uint8_t)h->severity);
    buf_u64(&w->b, h->byte);
    put_text(&w->b, cut(h->inner, INNER_MAX));
    buf_str(&w->b, cut(h->message, MESSAGE_MAX));
    end(w, at);
    flush(w);
}

static void say_row(void *ctx, Str inner, const char *format, ScanVerdict v, Str why)
{
    Worker *w = ctx;
    size_t  at = begin(w, 'R');
    buf_byte(&w->b, (uint8_t)v);
    put_text(&w->b, cut(inner, INNER_MAX));
    put_text(&w->b, str(format));
    buf_str(&w->b, cut(why, MESSAGE_MAX));
    end(w, at);
    if (w->b.n > WRITE_AT)
        flush(w);
}

/* ---- a file's bytes */

static bool read_small(Worker *w, const BoxFile *f)
{
    for (uint64_t at = 0; at < f->size;) {
        ssize_t n = pread(f->fd, w->small + at, f->size - at, (off_t)at);
        if (n == 0 || (n < 0 && errno != EINTR))
            return false;
        at += n > 0 ? (size_t)n : 0;
    }
    return true;
}

static ScanVerdict judge_file(Worker *w, const BoxFile *f, bool deep)
{
    ScanOut     out = { w, say_hit, say_row };
    ScanVerdict v;
    if (f->size <= SMALL) {
        if (read_small(w, f))
            return scan_bytes((Str){ w->small, f->size }, f->name, deep, &out);
        say_row(w, S(""), "unknown", SCAN_UNSCANNABLE, S("changed while it was read, or cannot be read"));
        return SCAN_UNSCANNABLE;
    }
    char *p = mmap(NULL, f->size, PROT_READ, MAP_PRIVATE, f->fd, 0);
    if (p == MAP_FAILED) {
        say_row(w, S(""), "unknown", SCAN_UNSCANNABLE, S("cannot be mapped into memory"));
        return SCAN_UNSCANNABLE;
    }
    madvise(p, f->size, deep ? MADV_SEQUENTIAL : MADV_RANDOM);
    v = scan_bytes((Str){ p, f->size }, f->name, deep, &out);
    munmap(p, f->size);
    return v;
}

_Noreturn void box_work(const Box *b, const BoxFile *v, size_t n, bool deep)
{
    Worker w = { .out = b->out, .small = malloc(SMALL) };
    if (w.small == NULL)
        _exit(DIED_MEMORY);
    for (size_t i = 0; i < n; i++) {
        w.hits = 0;
        if (v[i].size > SMALL || w.b.n > WRITE_AT)
            flush(&w);
        *b->at = (uint32_t)i, w.said = false;
        ScanVerdict verdict = judge_file(&w, &v[i], deep);
        size_t      at = begin(&w, 'E');
        buf_byte(&w.b, (uint8_t)verdict);
        end(&w, at);
        if (w.said)                                    /* a file is judged again as a whole or not at all */
            flush(&w);
    }
    flush(&w);
    _exit(0);
}
