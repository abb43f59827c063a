#include "../test.h"
#include <pthread.h>
#include "base/clock.h"
#include "base/dict.h"
#include "base/file.h"
#include "base/pool.h"
#include "base/rng.h"
#include <dirent.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

TEST(err, context_reads_outside_in)
{
    Err e = { 0 };
    err_at(&e, 12, "length %d past end", 99);
    err_in(&e, "tensor '%s'", "wte");
    err_in(&e, "%s", "model.gguf");
    CHECK_STR(e.message, "model.gguf: tensor 'wte': length 99 past end");
    CHECK(e.at == 13);
}

TEST(arena, refuses_overflow_and_limit)
{
    defer_arena Arena *a = arena_new(100);
    CHECK(arena_get(a, SIZE_MAX, 2) == NULL);
    CHECK(arena_get(a, 1, SIZE_MAX) == NULL);
    CHECK(arena_get(a, 1, 101) == NULL);
    CHECK(arena_get(a, 1, 100) != NULL);
    CHECK(arena_get(a, 1, 1) == NULL);
}

TEST(arena, gives_zeroed_aligned_memory_of_every_size)
{
    defer_arena Arena *a = arena_new(64 << 20);
    for (size_t n = 1; n < 40000; n = n * 3 / 2 + 1) {
        unsigned char *p = arena_get(a, n, 1);
        CHECK(p != NULL && (uintptr_t)p % _Alignof(max_align_t) == 0);
        for (size_t i = 0; i < n; i++)
            CHECK(p[i] == 0);
        memset(p, 0xAA, n);
    }
}

TEST(cur, short_read_sticks)
{
    Cur c = cur_of(S("\1\0\0\0\2"));
    CHECK(cur_u32(&c) == 1);
    CHECK(cur_u32(&c) == 0 && c.bad);
    CHECK(cur_bytes(&c, 1).n == 0 && cur_left(&c) == 0);
}

TEST(cur, reads_both_byte_orders)
{
    Cur c = cur_of(S("\1\2\1\2\3\4\1\2\3\4\5\6\7\x8"));
    CHECK(cur_be16(&c) == 0x0102);
    CHECK(cur_u32(&c) == 0x04030201);
    CHECK(cur_be64(&c) == 0x0102030405060708);
}

TEST(str, utf8_is_rfc_3629)
{
    static const struct { const char *in; bool ok; } rows[] = {
        { "", true },          { "abc", true },          { "\xC3\xA9", true },      { "\xF0\x9F\x98\x80", true },
        { "\xC0\x80", false }, { "\xED\xA0\x80", false }, { "\xF4\x90\x80\x80", false }, { "\xE2\x82", false },
        { "\x80", false },     { "\xE0\x9F\xBF", false },
    };
    for (size_t i = 0; i < len_of(rows); i++)
        CHECK_ROW(str_utf8(str(rows[i].in)) == rows[i].ok, rows[i].in);
}

TEST(str, sizes_have_units)
{
    static const struct { const char *in; bool ok; uint64_t want; } rows[] = {
        { "100", true, 100 }, { "64KiB", true, 65536 }, { "10 MiB", true, 10485760 }, { "1G", true, 1000000000 },
        { "", false, 0 },     { "-1", false, 0 },       { "99999999999GiB", false, 0 }, { "1.5M", false, 0 },
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        uint64_t got = 0;
        CHECK_ROW(str_size(str(rows[i].in), &got) == rows[i].ok && (!rows[i].ok || got == rows[i].want), rows[i].in);
    }
}

TEST(dict, finds_what_was_put_in_the_order_it_came)
{
    defer_arena Arena *a = arena_new(16 << 20);
    Dict              *d = dict_new(a);
    static int         values[5000];
    for (int i = 0; i < 5000; i++)
        CHECK(dict_put(d, str(arena_printf(a, "key-%d", i)), &values[i]));
    CHECK(dict_put(d, S("key-7"), &values[0]));
    CHECK(dict_count(d) == 5000 && dict_get(d, S("key-7")) == &values[0] && dict_get(d, S("key-8")) == &values[8]);
    CHECK(dict_get(d, S("absent")) == NULL);
    CHECK(str_is(dict_items(d)[4999].key, "key-4999"));
}

/* splitmix64 from 1234567: reference output of the authors' C code (also in Rosetta Code's table).
 * xoshiro256** from the state 1, 2, 3, 4: the vector of the Rust crate rand_xoshiro's tests. */
TEST(rng, gives_the_published_numbers)
{
    uint64_t s = 1234567;
    CHECK(splitmix64(&s) == 6457827717110365317u && splitmix64(&s) == 3203168211198807973u);
    Rng r = { { 1, 2, 3, 4 } };
    static const uint64_t want[] = { 11520, 0, 1509978240, 1215971899390074240 };
    for (size_t i = 0; i < len_of(want); i++)
        CHECK(rng_u64(&r) == want[i]);
}

/* SipHash-2-4 with key 00..0f of 00..0e: appendix A of the paper. */
TEST(rng, siphash_is_the_papers)
{
    uint8_t raw[15];
    for (size_t i = 0; i < sizeof raw; i++)
        raw[i] = (uint8_t)i;
    const uint64_t key[2] = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };
    CHECK(siphash(key, (Str){ (char *)raw, 15 }) == 0xa129ca6149be45e5);
}

TEST(rng, below_is_even)
{
    Rng    r = rng_of(1);
    size_t hits[7] = { 0 };
    for (int i = 0; i < 70000; i++)
        hits[rng_below(&r, 7)]++;
    for (size_t i = 0; i < len_of(hits); i++)
        CHECK(hits[i] > 9600 && hits[i] < 10400);
}

static void square(void *arg, size_t i) { ((size_t *)arg)[i] = i * i; }

TEST(pool, results_land_in_their_slots)
{
    static size_t out[10000];
    for (unsigned threads = 1; threads <= 4; threads++) {
        Pool *p = pool_new(threads);
        for (int again = 0; again < 50; again++) {
            memset(out, 0, sizeof out);
            pool_each(p, len_of(out), square, out);
            for (size_t i = 0; i < len_of(out); i++)
                CHECK(out[i] == i * i);
        }
        pool_free(p);
    }
}

TEST(clock, reads_and_writes_rfc_3339)
{
    static const struct { const char *in; bool ok; const char *back; } rows[] = {
        { "2026-01-31T09:30:00.250Z", true, "2026-01-31T09:30:00.250Z" },
        { "2026-01-31T09:30:00+01:30", true, "2026-01-31T08:00:00.000Z" },
        { "2026-02-01", true, "2026-02-01T00:00:00.000Z" },
        { "2024-02-29T00:00:00Z", true, "2024-02-29T00:00:00.000Z" },
        { "2026-02-29T00:00:00Z", false, "" }, { "2026-13-01", false, "" }, { "yesterday", false, "" },
        { "2026-01-31T09:30:00", false, "" },  { "2026-01-31T", false, "" },
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        int64_t ns;
        char    text[TIME_TEXT];
        CHECK_ROW(time_parse(str(rows[i].in), &ns) == rows[i].ok, rows[i].in);
        if (rows[i].ok)
            time_text(ns, text), CHECK_STR(text, rows[i].back);
    }
}

static size_t entries(const char *dir)
{
    size_t n = 0;
    DIR   *d = opendir(dir);
    while (readdir(d) != NULL)
        n++;
    closedir(d);
    return n - 2;
}

TEST(file, replacing_is_all_or_nothing)
{
    defer_arena Arena *a = arena_new(1 << 20);
    const char        *dir = test_dir();
    char              *path = arena_printf(a, "%s/f", dir);
    Err                e = { 0 };
    Str                got;
    CHECK(file_replace(path, S("old"), 0600, &e));
    Replace r;
    CHECK(replace_begin(&r, path, 0644, &e) && file_write(r.fd, S("half"), path, &e));
    replace_abort(&r);
    CHECK(file_read(a, path, 100, &got, &e) && str_is(got, "old") && entries(dir) == 1);
    CHECK(file_replace(path, S("new"), 0644, &e));
    CHECK(file_read(a, path, 100, &got, &e) && str_is(got, "new") && entries(dir) == 1);
    CHECK(!file_read(a, path, 2, &got, &e) && e.code == E_LIMIT);
    CHECK(!file_create(path, S("x"), 0600, &e) && e.code == E_DENIED);
}

/* Without a writer an ordinary open() would wait for ever; the alarm would end the test. */
TEST(file, a_fifo_in_a_folder_is_refused_and_one_handed_over_is_read)
{
    defer_arena Arena *a = arena_new(1 << 20);
    char              *path = arena_printf(a, "%s/fifo", test_dir());
    Err                e = { 0 };
    Str                got;
    Map                map;
    int                ends[2];
    alarm(10);
    CHECK(mkfifo(path, 0600) == 0);
    CHECK(!file_read(a, path, 100, &got, &e) && e.code == E_IO && strstr(e.message, "FIFO"));
    CHECK(!file_map(path, &map, &e) && e.code == E_IO);
    CHECK(pipe(ends) == 0 && write(ends[1], "from a shell", 12) == 12 && close(ends[1]) == 0);
    CHECK(file_read(a, arena_printf(a, "/dev/fd/%d", ends[0]), 100, &got, &e) && str_is(got, "from a shell"));
    close(ends[0]);
    alarm(0);
}

/* A disk that fills up: RLIMIT_FSIZE makes write fail with EFBIG once SIGXFSZ is ignored. */
TEST(file, a_full_disk_leaves_the_old_content)
{
    defer_arena Arena *a = arena_new(8 << 20);
    const char        *dir = test_dir();
    char              *path = arena_printf(a, "%s/f", dir), *big = arena_get(a, 1 << 20, 1);
    Err                e = { 0 };
    Str                got;
    CHECK(file_replace(path, S("old"), 0600, &e));
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 4096, 4096 });
        _exit(file_replace(path, (Str){ big, 1 << 20 }, 0600, &e) ? 1 : 0);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    CHECK(file_read(a, path, 100, &got, &e) && str_is(got, "old") && entries(dir) == 1);
}

/* A worker that could be given a signal would end the process while its maker has it blocked to wait for it. */
TEST(pool, workers_take_no_signals)
{
    sigset_t mine, before, waiting;
    Pool    *p = pool_new(4);
    sigemptyset(&mine);
    sigaddset(&mine, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &mine, &before);
    int got = 0;
    CHECK(kill(getpid(), SIGUSR1) == 0 && sigpending(&waiting) == 0 && sigismember(&waiting, SIGUSR1) == 1);
    CHECK(sigwait(&mine, &got) == 0 && got == SIGUSR1);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pool_free(p);
}
