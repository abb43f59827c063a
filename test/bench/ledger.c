/* Appends a second to the ledger with every commit on disk, alone and in groups, beside the fsyncs that the disk can do;
 * and verification.  bench-ledger [FOLDER] [SECONDS] */
#include "base/clock.h"
#include "ledger/ledger.h"
#include <fcntl.h>
#include <unistd.h>

static double now(void) { return (double)clock_ns(clock_system()) * 1e-9; }

static void fail(const Err *e)
{
    fprintf(stderr, "bench-ledger: %s\n", e->message);
    exit(1);
}

static Ledger *fresh(const char *path)
{
    char side[1100];
    Err  e = { 0 };
    unlink(path);
    for (size_t i = 0; i < 2; i++) {
        snprintf(side, sizeof side, "%s-%s", path, i ? "shm" : "wal");
        unlink(side);
    }
    Ledger *l = ledger_open(path, &e);
    if (l == NULL)
        fail(&e);
    return l;
}

static void append(Ledger *l, uint64_t i)
{
    char body[160];
    Err  e = { 0 };
    snprintf(body, sizeof body, "{\"name\":\"train\",\"version\":%" PRIu64 ",\"root\":\"%064" PRIx64 "\",\"rows\":60000,\"bytes\":%" PRIu64 "}", i, i, i * 4096);
    if (!ledger_append(l, clock_system(), RECORD_DATA_COMMIT, S("uid:1000"), NULL, str(body), NULL, &e))
        fail(&e);
}

static double groups_of(const char *path, uint64_t group, double seconds)
{
    Ledger  *l = fresh(path);
    Err      e = { 0 };
    uint64_t n = 0;
    double   start = now(), end = start;
    for (; end - start < seconds; end = now()) {
        if (group > 1 && !ledger_begin(l, &e))
            fail(&e);
        for (uint64_t i = 0; i < group; i++)
            append(l, n++);
        if (group > 1 && !ledger_commit(l, &e))
            fail(&e);
    }
    ledger_close(l);
    return (double)n / (end - start);
}

/* What the disk itself allows: 4 KiB appended and fsynced, one after the other. */
static double fsyncs(const char *path, double seconds)
{
    char block[4096] = { 1 };
    int  fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    Err  e = { 0 };
    long n = 0;
    double start = now(), end = start;
    for (; end - start < seconds; end = now(), n++)
        if (write(fd, block, sizeof block) != sizeof block || fdatasync(fd) != 0) {
            err_set(&e, E_IO, "%s: %m", path);
            fail(&e);
        }
    close(fd);
    return (double)n / (end - start);
}

static double verified(const char *path, uint64_t records)
{
    Ledger     *l = fresh(path);
    Err         e = { 0 };
    LedgerState s;
    if (!ledger_begin(l, &e))
        fail(&e);
    for (uint64_t i = 0; i < records; i++)
        append(l, i);
    if (!ledger_commit(l, &e))
        fail(&e);
    double start = now();
    if (!ledger_verify(l, S(""), NULL, &s, &e))
        fail(&e);
    double took = now() - start;
    ledger_close(l);
    return (double)records / took;
}

int main(int argc, char **argv)
{
    char        path[1024];
    const char *dir = argc > 1 ? argv[1] : "build";
    double      seconds = argc > 2 ? strtod(argv[2], NULL) : 3;
    snprintf(path, sizeof path, "%s/bench-ledger.db", dir);
    double raw = fsyncs(path, seconds);
    printf("%-44s %12.0f /s\n", "4 KiB written and fdatasynced, alone", raw);
    for (uint64_t group = 1; group <= 1000; group *= 10) {
        double rate = groups_of(path, group, seconds);
        printf("ledger appends, %4" PRIu64 " in a transaction        %12.0f /s   %6.2f of the fsyncs\n", group, rate, rate / raw);
    }
    printf("%-44s %12.0f /s\n", "records verified, of 100000", verified(path, 100000));
    fresh(path);
    unlink(path);
    return 0;
}
