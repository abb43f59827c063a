/* bench-scan_pickle FILE [TIMES]: how fast one pickle is followed, and judged.  test/bench/scan_pickle.py compares with Python. */
#include "base/file.h"
#include "format/pickle.h"
#include "model/scan.h"
#include <sys/resource.h>
#include <time.h>

static double cpu(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Memory that is ours, without the mapped file. */
static long anonymous_kib(void)
{
    long  kib = 0;
    char  line[200];
    FILE *f = fopen("/proc/self/status", "re");
    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        sscanf(line, "RssAnon: %ld", &kib);
    if (f != NULL)
        fclose(f);
    return kib;
}

typedef struct Peak { long kib; } Peak;

static void no_fact(void *ctx, Pickle *p, PickleFact *f)
{
    Peak *peak = ctx;
    (void)p;
    if (f->kind == PICKLE_STOP)
        peak->kib = anonymous_kib();
}

static void no_hit(void *ctx, const ScanHit *h) { (void)ctx, (void)h; }

int main(int argc, char **argv)
{
    Map      m;
    Err      e = { 0 };
    Peak     peak = { 0 };
    unsigned times = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 1;
    if (argc < 2 || !file_map(argv[1], &m, &e))
        return fprintf(stderr, "%s\n", e.message), 1;
    double    start = cpu();
    uint64_t  opcodes = 0, end = 0;
    for (unsigned i = 0; i < times; i++) {
        Pickle *p = pickle_new(m.bytes, NULL, 0, no_fact, &peak);
        pickle_run(p, 0);
        opcodes += pickle_opcodes(p);
        pickle_free(p);
    }
    double followed = cpu() - start;
    start = cpu();
    for (unsigned i = 0; i < times; i++) {
        Arena *a = arena_new(64 << 20);
        scan_pickle(a, &(ScanPickle){ .bytes = m.bytes }, &(ScanOut){ NULL, no_hit, NULL }, &end);
        arena_free(a);
    }
    printf("{\"opcodes\": %" PRIu64 ", \"follow_s\": %.6f, \"judge_s\": %.6f, \"anonymous_kib\": %ld}\n", opcodes, followed, cpu() - start, peak.kib);
    file_unmap(&m);
    return 0;
}
