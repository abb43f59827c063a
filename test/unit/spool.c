#include "../test.h"
#include "base/file.h"
#include "base/rng.h"
#include "spool/spool.h"
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static int64_t             now = 1700000000000000000;
static const SpoolOptions *small(void)
{
    static SpoolOptions o = { .segment_bytes = 64 << 10 };
    o.clock = clock_fixed(&now);
    return &o;
}

static Str payload(uint64_t i, char out[static 200])
{
    int n = snprintf(out, 200, "event %" PRIu64 " %.*s", i, (int)(i * 7 % 90),
                     "..........................................................................................");
    return (Str){ out, (size_t)n };
}

static void append(Spool *s, uint64_t from, uint64_t to)
{
    char text[200];
    for (uint64_t i = from; i < to; i++)
        CHECK(spool_append(s, SPOOL_REQUEST, now, payload(i, text), NULL));
}

/* Reads from `from` to the end and checks that frame seq carries payload seq; returns how many. */
static uint64_t read_all(const char *dir, SpoolCursor from, SpoolGaps *gaps)
{
    Err          e = { 0 };
    SpoolReader *r = spool_reader_open(dir, from, &e);
    SpoolFrame   f;
    char         text[200];
    uint64_t     n = 0;
    CHECK(r != NULL);
    for (; spool_next(r, &f, &e) == SPOOL_FRAME_READ; n++)
        CHECK(str_eq(f.payload, payload(f.seq, text)) && f.kind == SPOOL_REQUEST && f.time_ns == now);
    CHECK(e.code == E_OK);
    *gaps = spool_gaps(r);
    spool_reader_close(r);
    return n;
}

TEST(spool, crc32c_is_castagnoli)
{
    char zeros[32] = { 0 };
    CHECK(crc32c(0, S("123456789")) == 0xE3069283);
    CHECK(crc32c(0, (Str){ zeros, 32 }) == 0x8A9136AA);
    CHECK(crc32c(crc32c(0, S("1234567")), S("89")) == 0xE3069283);
}

TEST(spool, what_went_in_comes_out_over_segments_and_restarts)
{
    const char *dir = test_dir();
    Err         e = { 0 };
    SpoolGaps   gaps;
    for (uint64_t part = 0; part < 10; part++) {
        Spool *s = spool_open(dir, *small(), &e);
        CHECK(s != NULL);
        append(s, part * 500, part * 500 + 500);
        CHECK(spool_tend(s, &e));
        spool_close(s);
    }
    CHECK(read_all(dir, (SpoolCursor){ 0 }, &gaps) == 5000 && gaps.frames == 0 && gaps.bytes == 0);
}

TEST(spool, a_cursor_goes_on_where_it_stopped)
{
    const char  *dir = test_dir();
    Err          e = { 0 };
    Spool       *s = spool_open(dir, *small(), &e);
    SpoolCursor  at = { 0 };
    SpoolFrame   f;
    uint64_t     seen = 0;
    for (uint64_t i = 0; i < 3000; i += 100) {
        append(s, i, i + 100);
        SpoolReader *r = spool_reader_open(dir, at, &e);
        for (; spool_next(r, &f, &e) == SPOOL_FRAME_READ; seen++)
            CHECK(f.seq == seen);
        at = spool_tell(r);
        spool_reader_close(r);
        CHECK(seen == i + 100);
    }
    spool_close(s);
}

TEST(spool, has_one_writer)
{
    const char *dir = test_dir();
    Err         e = { 0 };
    char        base[256];
    Spool      *s = spool_open(dir, *small(), &e);
    CHECK(s != NULL && spool_open(dir, *small(), &e) == NULL && e.code == E_DENIED);
    spool_close(s);
    snprintf(base, sizeof base, "%s/w", dir);
    Spool *a = spool_open_free(base, *small(), &e), *b = spool_open_free(base, *small(), &e);
    CHECK(a != NULL && b != NULL);
    spool_close(a);
    spool_close(b);
}

static char *first_segment(Arena *a, const char *dir) { return arena_printf(a, "%s/0000000001.seg", dir); }

TEST(spool, damage_anywhere_costs_only_the_frames_it_hit)
{
    defer_arena Arena *a = arena_new(64 << 20);
    const char        *dir = test_dir();
    Err                e = { 0 };
    SpoolGaps          gaps;
    Rng                rng = rng_of(7);
    Spool             *s = spool_open(dir, *small(), &e);
    append(s, 0, 400);
    spool_close(s);
    Str file;
    CHECK(file_read(a, first_segment(a, dir), 1 << 20, &file, &e));
    for (int trial = 0; trial < 60; trial++) {
        char *copy = (char *)(uintptr_t)arena_str(a, file).p;
        size_t at = 64 + (size_t)rng_below(&rng, 30000), len = 1 + (size_t)rng_below(&rng, 300);
        for (size_t i = 0; i < len; i++)
            copy[at + i] ^= (char)(1 + rng_below(&rng, 255));
        CHECK(file_replace(first_segment(a, dir), (Str){ copy, file.n }, 0600, &e));
        uint64_t n = read_all(dir, (SpoolCursor){ 0 }, &gaps);
        CHECK(n >= 400 - len / 32 - 3 && n < 400);
        CHECK(n + gaps.frames >= 399);
    }
    /* The writer goes on behind the damage, in a segment of its own, and readers find both sides of it. */
    s = spool_open(dir, *small(), &e);
    CHECK(s != NULL);
    append(s, 400, 500);
    spool_close(s);
    uint64_t n = read_all(dir, (SpoolCursor){ 0 }, &gaps);
    CHECK(n + gaps.frames == 500 && gaps.bytes > 0);
}

TEST(spool, kill_9_loses_nothing_that_was_appended)
{
    Rng                rng = rng_of(9);
    uint64_t           total = 0;
    SpoolGaps          gaps;
    const char        *dir = test_dir();
    for (int trial = 0; trial < 40; trial++) {
        int fds[2];
        CHECK(pipe(fds) == 0);
        pid_t pid = fork();
        if (pid == 0) {
            Err    e = { 0 };
            char   text[200];
            Spool *s = spool_open(dir, *small(), &e);
            for (uint64_t i = total;; i++)
                if (s == NULL || !spool_append(s, SPOOL_REQUEST, now, payload(i, text), NULL) || write(fds[1], &i, 8) != 8)
                    _exit(1);
        }
        close(fds[1]);
        usleep((useconds_t)rng_below(&rng, 4000));
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        uint64_t acked = total, v;
        while (read(fds[0], &v, 8) == 8)
            acked = v + 1;
        close(fds[0]);
        uint64_t n = read_all(dir, (SpoolCursor){ 0 }, &gaps);
        CHECK(n >= acked && n <= acked + 1 && gaps.frames == 0);
        total = n;
    }
    CHECK(total > 40);
}

TEST(spool, the_cap_drops_the_oldest_and_says_so)
{
    const char  *dir = test_dir();
    Err          e = { 0 };
    SpoolGaps    gaps;
    SpoolOptions o = *small();
    o.cap_bytes = 3 * o.segment_bytes;
    Spool *s = spool_open(dir, o, &e);
    append(s, 0, 10000);
    uint64_t dropped = spool_dropped(s), n = read_all(dir, (SpoolCursor){ 0 }, &gaps);
    CHECK(dropped > 0 && n + dropped == 10000 && gaps.frames == dropped);
    spool_close(s);
}

/* RLIMIT_FSIZE stands in for a full disk: preallocation fails with EFBIG, the frame is counted, nobody crashes. */
TEST(spool, a_full_disk_drops_and_counts)
{
    const char *dir = test_dir();
    pid_t       pid = fork();
    if (pid == 0) {
        Err    e = { 0 };
        char   text[200];
        Spool *s = spool_open(dir, *small(), &e);
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 4096, 4096 });
        uint64_t ok = 0;
        for (uint64_t i = 0; i < 5000; i++)
            ok += spool_append(s, SPOOL_REQUEST, now, payload(i, text), NULL);
        bool right = ok > 0 && ok < 5000 && spool_dropped(s) == 5000 - ok;
        _exit(right ? 0 : 1);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

/* Two segments ahead of the reader: the next one need not be looked at to know that there is more. */
TEST(spool, a_reader_far_behind_finds_its_way)
{
    const char  *dir = test_dir();
    Err          e = { 0 };
    SpoolFrame   f;
    Spool       *s = spool_open(dir, *small(), &e);
    SpoolReader *r = spool_reader_open(dir, (SpoolCursor){ 0 }, &e);
    uint64_t     n = 0;
    append(s, 0, 10);
    CHECK(spool_next(r, &f, &e) == SPOOL_FRAME_READ);
    append(s, 10, 5000);
    for (n = 1; spool_next(r, &f, &e) == SPOOL_FRAME_READ; n++)
        CHECK(f.seq == n);
    CHECK(n == 5000);
    spool_reader_close(r);
    spool_close(s);
}

/* A frame that is being written looks torn until its commit word stands, and good ones may stand behind it by the next look. */
TEST(spool, a_reader_at_the_writers_heels_skips_nothing)
{
    enum { FRAMES = 200000 };
    char  dir[] = "/tmp/spool.XXXXXX", command[64];
    Err   e = { 0 };
    CHECK(mkdtemp(dir) != NULL);
    SpoolOptions o = { .segment_bytes = 4 << 20, .clock = clock_system() };
    Spool       *s = spool_open(dir, o, &e);
    CHECK(s != NULL);
    pid_t child = fork();
    if (child == 0) {
        for (uint64_t i = 0; i < FRAMES; i++) {
            char text[200];
            spool_append(s, SPOOL_REQUEST, 1, payload(i, text), NULL);
            spool_tend(s, NULL);
        }
        _exit(0);
    }
    SpoolReader *r = spool_reader_open(dir, (SpoolCursor){ 0 }, &e);
    SpoolFrame   f;
    uint64_t     n = 0;
    for (int status, done = 0; n < FRAMES;) {
        SpoolRead got = spool_next(r, &f, &e);
        n += got == SPOOL_FRAME_READ;
        if (got == SPOOL_END && done)
            break;
        done |= got == SPOOL_END && waitpid(child, &status, WNOHANG) == child;
    }
    SpoolGaps gaps = spool_gaps(r);
    CHECK(n + gaps.frames >= FRAMES - 1 && gaps.bytes == 0 && gaps.frames == 0);
    spool_reader_close(r);
    spool_close(s);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    CHECK(system(command) == 0);
}
