/* gate_limits.c - GCRA against the exact reference's traces; the shared slot table against the definition of the limit. */
#include "../test.h"
#include "base/file.h"
#include "base/rng.h"
#include "gate/slots.h"
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- gcra */

static uint64_t number(Str *row)
{
    uint64_t v = 0;
    Str      head;
    str_cut(*row, ',', &head, row);
    CHECK_ROW(str_u64(head, &v), head.p);
    return v;
}

static void check_step(Str row)
{
    const char *at = row.p;
    Str         trace, verdict;
    str_cut(row, ',', &trace, &row);
    uint64_t t = number(&row), burst = number(&row);
    number(&row);
    uint64_t now = number(&row), cost = number(&row), before = number(&row);
    str_cut(row, ',', &verdict, &row);
    uint64_t after = number(&row), retry = number(&row), remaining = number(&row);

    static const char *const names[] = { [GCRA_ALLOW] = "allow", [GCRA_DENY] = "deny", [GCRA_NEVER] = "never" };
    Gcra             g;
    _Atomic uint64_t tat = before;
    CHECK_ROW(gcra_of(&g, 1, t, burst), at);
    GcraAnswer r = gcra_charge(&tat, g, now, cost);
    CHECK_ROW(str_is(verdict, names[r.result]), at);
    CHECK_ROW(tat == after && r.tat == after, at);
    CHECK_ROW(r.retry_after_ns == retry, at);
    CHECK_ROW(r.result == GCRA_NEVER || r.remaining == remaining, at);
}

TEST(gcra, agrees_with_every_step_of_the_reference_traces)
{
    const char *path = test_vectors("gate/gcra/traces.csv");
    if (path == NULL)
        return;
    defer_arena Arena *a = arena_new(1 << 20);
    Err    e = { 0 };
    Str    rest, line;
    size_t steps = 0;
    CHECK(file_read(a, path, 1 << 20, &rest, &e));
    str_cut(rest, '\n', &line, &rest);
    while (rest.n > 0) {
        str_cut(rest, '\n', &line, &rest);
        check_step(str_trim(line));
        steps++;
    }
    CHECK(steps == 360);
}

TEST(gcra, means_by_rate_and_burst_what_nginx_means)
{
    Gcra             g;
    _Atomic uint64_t tat = 0;
    uint64_t         now = 50000000000;
    CHECK(gcra_of_nginx(&g, 1, 1000000000, 5));
    for (uint64_t i = 0; i < 6; i++) {                 /* rate=1r/s burst=5: six at once; paced without nodelay */
        GcraAnswer r = gcra_charge(&tat, g, now, 1);
        CHECK(r.result == GCRA_ALLOW && r.ahead_ns == i * 1000000000 && r.remaining == 5 - i);
    }
    GcraAnswer r = gcra_charge(&tat, g, now, 1);
    CHECK(r.result == GCRA_DENY && r.retry_after_ns == 1000000000);
    CHECK(gcra_charge(&tat, g, now + r.retry_after_ns, 1).result == GCRA_ALLOW);
}

TEST(gcra, rounds_the_interval_up_and_refuses_what_is_no_limit)
{
    Gcra g;
    CHECK(gcra_of(&g, 7, 1000000000, 1) && g.t_ns == 142857143);
    CHECK(!gcra_of(&g, 0, 1, 1) && !gcra_of(&g, 1, 0, 1) && !gcra_of(&g, 1, 1, 0));
    CHECK(!gcra_of(&g, 1, UINT64_MAX, 2) && !gcra_of(&g, 1, INT64_MAX, 2) && !gcra_of_nginx(&g, 1, 1, UINT64_MAX));
}

TEST(gcra, survives_the_ends_of_the_number_range)
{
    Gcra g = { 1000, 5000 };
    CHECK(gcra_next(g, UINT64_MAX, 0, 1).result == GCRA_DENY);
    CHECK(gcra_next(g, 0, UINT64_MAX, 1).result == GCRA_DENY);
    CHECK(gcra_next(g, 0, 0, UINT64_MAX).result == GCRA_NEVER);
    CHECK(gcra_next(g, 0, 0, 0).result == GCRA_ALLOW);
}

TEST(gcra, charges_all_limits_or_none)
{
    _Atomic uint64_t key = 0, org = 0;
    Gcra      wide = { 0 }, tight = { 0 };
    GcraAnswer answers[2];
    CHECK(gcra_of(&wide, 1, 1000, 100) && gcra_of(&tight, 1, 1000, 2));
    GcraLimit both[] = { { &key, wide }, { &org, tight } };
    CHECK(gcra_charge_all(both, 2, 5000, 1, answers) == 2 && gcra_charge_all(both, 2, 5000, 1, answers) == 2);
    CHECK(key == 7000 && org == 7000);
    CHECK(gcra_charge_all(both, 2, 5000, 1, answers) == 1 && answers[1].result == GCRA_DENY);
    CHECK(key == 7000 && org == 7000);
}

TEST(gcra, a_refund_never_goes_below_zero_and_a_late_charge_never_above_the_debt)
{
    _Atomic uint64_t tat = 500;
    Gcra g = { 1000, 5000 };
    gcra_refund(&tat, g, 1);
    CHECK(tat == 0);
    gcra_late(&tat, g, 10000, 3, 2000);
    CHECK(tat == 13000);
    gcra_late(&tat, g, 10000, 100, 2000);
    CHECK(tat == 17000);
    gcra_late(&tat, g, 10000, UINT64_MAX, UINT64_MAX);
    CHECK(tat == UINT64_MAX);
}

/* ---- slots: many workers, one truth
 *
 * Whatever the order, admitted requests must keep the limit's definition: those with times in any [a, b] number at
 * most (b - a + tau) / T.  Each worker logs what was admitted; the log is checked over all intervals at once. */

enum { LOG_MAX = 1 << 19, WORKERS = 4 };

typedef struct Shared {
    _Atomic uint64_t clock, logged, refused;
    struct { uint64_t now; uint32_t key; } log[LOG_MAX];
    _Alignas(64) char table[1 << 16];
} Shared;

typedef struct Load {
    Shared  *sh;
    Gcra     g;
    uint64_t step_ns;
    uint32_t keys, rounds, refund_each;
    uint64_t seed;                                     /* all workers ask for the same keys at about the same time */
} Load;

static const uint64_t secret[2] = { 1, 2 };

static Shared *shared_new(size_t slots)
{
    Shared *sh = mmap(NULL, sizeof *sh, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(sh != MAP_FAILED);
    sh->clock = 3600000000000;
    CHECK(slots_bytes(slots) <= sizeof sh->table && slots_init(sh->table, slots_bytes(slots), secret) != NULL);
    return sh;
}

static uint64_t key_of(uint32_t i)                     /* 16 neighbours share each window */
{
    return (uint64_t)(i + 1) << 32 | i / 16 * 16;
}

static void *work(void *arg)
{
    Load  *l = arg;
    Slots *s = slots_attach(l->sh->table, sizeof l->sh->table);
    Rng    rng = rng_of(l->seed);
    for (uint32_t i = 0; i < l->rounds; i++) {
        SlotRef    ref;
        uint64_t   now = atomic_fetch_add(&l->sh->clock, l->step_ns);
        uint32_t   key = (uint32_t)rng_below(&rng, l->keys);
        GcraAnswer r = slots_charge(s, key_of(key), l->g, now, 1, &ref);
        if (r.result != GCRA_ALLOW) {
            atomic_fetch_add(&l->sh->refused, 1);
            continue;
        }
        if (l->refund_each != 0 && i % l->refund_each == 0) {
            slots_refund(s, &ref, l->g, 1);
            continue;
        }
        uint64_t at = atomic_fetch_add(&l->sh->logged, 1);
        if (at < LOG_MAX)
            l->sh->log[at].now = now, l->sh->log[at].key = key;
    }
    return NULL;
}

static int by_key_and_time(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;                     /* { now, key } */
    uint32_t kx = (uint32_t)x[1], ky = (uint32_t)y[1];
    return kx != ky ? (kx > ky) - (kx < ky) : (x[0] > y[0]) - (x[0] < y[0]);
}

/* How many admitted requests are beyond the definition, over all keys. */
static uint64_t excess(Shared *sh, Gcra g)
{
    uint64_t worst = 0, n = sh->logged;
    CHECK(n <= LOG_MAX && sizeof sh->log[0] == 16);
    qsort(sh->log, n, sizeof sh->log[0], by_key_and_time);
    for (uint64_t i = 0, from = 0, start = 0; i < n; i++) {
        if (i == 0 || sh->log[i].key != sh->log[i - 1].key)
            from = i, start = sh->log[i].now;
        /* the fullest interval that ends here starts where the bucket was last empty */
        if (sh->log[i].now > start + (i - from) * g.t_ns)
            from = i, start = sh->log[i].now;
        uint64_t filled = start + (i - from + 1) * g.t_ns;
        if (filled > sh->log[i].now + g.tau_ns)
            worst += 1;
    }
    return worst;
}

static void run_threads(Load l)
{
    pthread_t t[WORKERS];
    Load      each[WORKERS];
    for (unsigned i = 0; i < WORKERS; i++) {
        each[i] = l;
        CHECK(pthread_create(&t[i], NULL, work, &each[i]) == 0);
    }
    for (unsigned i = 0; i < WORKERS; i++)
        pthread_join(t[i], NULL);
}

TEST(slots, admit_exactly_the_burst_when_time_stands_still)
{
    Shared *sh = shared_new(256);
    Load    l = { sh, { 1000000, 10000000 }, 0, 8, 2000, 0, 11 };
    run_threads(l);
    CHECK(sh->logged == 8 * 10 && excess(sh, l.g) == 0);
    CHECK(sh->refused == WORKERS * 2000 - 80);
    SlotsUse u = slots_use((Slots *)sh->table, sh->clock);
    CHECK(u.slots == 256 && u.live == 8 && u.overflowed == 0);
    munmap(sh, sizeof *sh);
}

TEST(slots, never_admit_more_than_the_limit_among_threads)
{
    static const Load rows[] = {
        { NULL, { 50000, 500000 }, 1000, 4, 60000, 0, 21 },              /* few keys, hot                        */
        { NULL, { 50000, 500000 }, 1000, 300, 60000, 0, 22 },            /* more keys than slots: overflow       */
        { NULL, { 200000000, 600000000 }, 3000000, 200, 60000, 0, 23 },  /* slots expire and are reused          */
        { NULL, { 200000000, 600000000 }, 3000000, 200, 60000, 3, 24 },  /* and a third of the charges goes back */
        { NULL, { 200000000, 600000000 }, 40000000, 16, 60000, 0, 25 },  /* one window, new keys all along       */
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        Load l = rows[i];
        l.sh = shared_new(64);
        run_threads(l);
        CHECK(l.sh->logged > 100 && l.sh->refused > 100);
        CHECK(excess(l.sh, l.g) == 0);
        munmap(l.sh, sizeof *l.sh);
    }
}

TEST(slots, never_admit_more_than_the_limit_among_processes)
{
    Shared *sh = shared_new(64);
    Load    l = { sh, { 200000000, 600000000 }, 3000000, 100, 20000, 0, 31 };
    pid_t   child = fork();
    if (child == 0) {
        l.seed = 77, work(&l);
        _exit(0);
    }
    int status = -1;
    work(&l);
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(sh->logged > 100 && excess(sh, l.g) == 0);
    munmap(sh, sizeof *sh);
}

TEST(slots, a_worker_killed_anywhere_leaves_no_stuck_slot)
{
    Shared *sh = shared_new(64);
    Load    l = { sh, { 200000000, 600000000 }, 3000000, 100, UINT32_MAX, 1, 41 };
    for (int i = 0; i < 20; i++) {
        pid_t child = fork();
        if (child == 0) {
            work(&l);
            _exit(0);
        }
        usleep((useconds_t)(500 + 137 * i));
        CHECK(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
    }
    uint64_t later = sh->clock + 10000000000;          /* all tat have passed: every key gets its whole burst again */
    Slots   *s = slots_attach(sh->table, sizeof sh->table);
    SlotRef  ref;
    for (uint32_t k = 0; k < 100; k += 16)
        for (int i = 0; i < 4; i++)
            CHECK((slots_charge(s, key_of(k), l.g, later, 1, &ref).result == GCRA_ALLOW) == (i < 3));
    munmap(sh, sizeof *sh);
}

TEST(slots, a_full_window_falls_back_to_less_never_more)
{
    Shared  *sh = shared_new(64);
    Slots   *s = (Slots *)sh->table;
    Gcra     g = { 1000000, 2000000 };
    uint64_t now = sh->clock;
    SlotRef  ref;
    for (uint32_t k = 0; k < 8; k++)
        CHECK(slots_charge(s, key_of(k), g, now, 1, &ref).result == GCRA_ALLOW && !ref.overflow);
    CHECK(slots_charge(s, key_of(8), g, now, 1, &ref).result == GCRA_ALLOW && ref.overflow);
    CHECK(slots_charge(s, key_of(9), g, now, 1, &ref).result == GCRA_ALLOW && ref.overflow);
    CHECK(slots_charge(s, key_of(10), g, now, 1, &ref).result == GCRA_DENY);       /* shared: less for all of them */
    slots_refund(s, &ref, g, 1);
    CHECK(slots_charge(s, key_of(10), g, now, 1, &ref).result == GCRA_ALLOW);
    CHECK(slots_use(s, now).overflowed == 4);
    munmap(sh, sizeof *sh);
}

TEST(slots, are_not_reused_before_the_slowest_clock_has_passed_them)
{
    Shared  *sh = shared_new(64);
    Slots   *s = (Slots *)sh->table;
    Gcra     g = { 1000000000, 1000000000 };
    uint64_t now = sh->clock, spent = now + 1000000000;
    SlotRef  ref;
    for (uint32_t k = 0; k < 8; k++)
        CHECK(slots_charge(s, key_of(k), g, now, 1, &ref).result == GCRA_ALLOW);
    CHECK(slots_charge(s, key_of(8), g, spent + 1000, 1, &ref).result == GCRA_ALLOW && ref.overflow);
    CHECK(slots_charge(s, key_of(0), g, spent - 1000, 1, &ref).result == GCRA_DENY);       /* a cached clock */
    CHECK(slots_charge(s, key_of(9), g, spent + 3000000000, 1, &ref).result == GCRA_ALLOW && !ref.overflow);
    munmap(sh, sizeof *sh);
}

TEST(slots, refuse_memory_that_is_not_theirs)
{
    static _Alignas(64) char m[1 << 14];
    memset(m, 0xab, sizeof m);
    CHECK(slots_attach(m, sizeof m) == NULL);
    CHECK(slots_init(m, 100, secret) == NULL && slots_init(m + 8, sizeof m - 8, secret) == NULL);
    CHECK(slots_init(m, sizeof m, secret) != NULL && slots_attach(m, sizeof m) != NULL);
    CHECK(slots_attach(m, 128) == NULL);
    Slots *s = slots_attach(m, sizeof m);
    CHECK(slots_key(s, 1, S("a")) != slots_key(s, 2, S("a")) && slots_key(s, 1, S("a")) != slots_key(s, 1, S("b")));
}
