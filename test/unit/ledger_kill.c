/* kill -9 at random moments: what was acknowledged is there.  MOAT_KILLS=1000 runs the long form.  This proves the process
 * dying, not the power failing: that part is the fsync before each acknowledgement. */
#include "../test.h"
#include "base/rng.h"
#include "ledger/ledger.h"
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef struct Ack {
    uint64_t seq, trial, i;
} Ack;

static bool append(Ledger *l, uint64_t trial, uint64_t i, uint64_t *seq)
{
    char body[80];
    snprintf(body, sizeof body, "{\"trial\":%" PRIu64 ",\"i\":%" PRIu64 "}", trial, i);
    return ledger_append(l, clock_system(), RECORD_CHECK, S("uid:1000"), NULL, str(body), seq, NULL);
}

static bool tell(int fd, const Ack *a, size_t n) { return write(fd, a, n * sizeof *a) == (ssize_t)(n * sizeof *a); }

/* Appends until killed, alone and in groups, and says what is safe only after it is. */
static void work(const char *path, uint64_t trial, int fd)
{
    Ledger *l = ledger_open(path, NULL);
    Rng     rng = rng_of(trial);
    bool    ok = l != NULL;
    for (uint64_t i = 0; ok;) {
        Ack    a[8];
        size_t n = 1 + (size_t)rng_below(&rng, len_of(a));
        ok = n == 1 || ledger_begin(l, NULL);
        for (size_t k = 0; k < n && ok; k++, i++) {
            a[k] = (Ack){ .trial = trial, .i = i };
            ok = append(l, trial, i, &a[k].seq);
        }
        ok = ok && (n == 1 || ledger_commit(l, NULL)) && tell(fd, a, n);
    }
    _exit(1);
}

static void sleep_us(uint64_t us)
{
    struct timespec t = { .tv_sec = (time_t)(us / 1000000), .tv_nsec = (long)(us % 1000000) * 1000 };
    nanosleep(&t, NULL);
}

static size_t kill_one(const char *path, uint64_t trial, uint64_t after_us, Ack *acks, size_t room)
{
    int    fds[2], status;
    size_t n = 0;
    CHECK(pipe(fds) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        close(fds[0]);
        work(path, trial, fds[1]);
    }
    close(fds[1]);
    sleep_us(after_us);
    CHECK(kill(child, SIGKILL) == 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status));
    for (ssize_t got; n < room && (got = read(fds[0], &acks[n], sizeof *acks)) == (ssize_t)sizeof *acks;)
        n++;
    close(fds[0]);
    return n;
}

static size_t lost_of(Ledger *l, const Ack *acks, size_t n)
{
    size_t lost = 0;
    for (size_t k = 0; k < n; k++) {
        defer_arena Arena *a = arena_new(1 << 20);
        Record             r;
        uint64_t           trial, i;
        bool               there = ledger_get(l, a, acks[k].seq, &r, NULL) && json_u64(json_get(r.body, "trial"), &trial) &&
                     json_u64(json_get(r.body, "i"), &i) && trial == acks[k].trial && i == acks[k].i;
        lost += !there;
    }
    return lost;
}

TEST(ledger_kill, nothing_that_was_acknowledged_is_lost)
{
    enum { ROOM = 4096, SAME_FILE = 20 };
    const char *want = getenv("MOAT_KILLS"), *path = NULL;
    size_t      kills = want ? (size_t)strtoul(want, NULL, 10) : 40, acked = 0, lost = 0, unsound = 0;
    Rng         rng = rng_of(9);
    static Ack  acks[ROOM];
    static char file[160];
    for (size_t i = 0; i < kills; i++) {
        if (i % SAME_FILE == 0) {                      /* also killed while it is being made, and while it recovers */
            snprintf(file, sizeof file, "%s/ledger.db", test_dir());
            path = file;
        }
        size_t n = kill_one(path, i, rng_below(&rng, 40000), acks, ROOM);
        Err    e = { 0 };
        LedgerState s;
        defer_ledger Ledger *l = ledger_open(path, &e);
        CHECK_ROW(l != NULL, e.message);
        acked += n, lost += lost_of(l, acks, n);
        unsound += !ledger_verify(l, S(""), NULL, &s, &e);
    }
    print_message("%zu kills, %zu records acknowledged, %zu lost, %zu ledgers unsound\n", kills, acked, lost, unsound);
    CHECK(lost == 0 && unsound == 0 && acked > kills);
}
