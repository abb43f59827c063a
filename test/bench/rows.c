/* rows.c - what a row map costs: bits a row, time to ask for one row, time to open; and what a proof costs to verify.
 * `bench-rows [ROWS]`, ten million without. */
#include "base/rng.h"
#include "crypto/merkle.h"
#include "data/rowmap.h"
#include <time.h>

enum { ASKED = 2000, PROOFS = 2000, LEAVES = 1 << 16 };

/* Of this thread's CPU: what else the machine does is left out. */
static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(const char *what, const uint32_t *from, const uint8_t *evidence, uint64_t rows, uint64_t in_rows)
{
    static double took[ASKED];
    MapInput      in = { { { 1 } }, in_rows };
    defer_buf Buf b = { 0 };
    RowMap        m;
    Err           e = { 0 };
    Evidence      v;
    Rng           r = rng_of(3);
    if (!rowmap_write(&b, &in, 1, from, evidence, rows, &e))
        exit((fputs(e.message, stderr), 1));
    double start = now();
    if (!rowmap_parse(buf_view(&b), &m, &e))
        exit((fputs(e.message, stderr), 1));
    double opened = now() - start;
    for (size_t i = 0; i < ASKED; i++) {
        uint64_t row = rng_below(&r, rows);
        start = now();
        uint32_t id = rowmap_at(&m, row, &v);
        took[i] = now() - start;
        if (id != from[row])
            exit((fputs("wrong row\n", stderr), 1));
    }
    qsort(took, ASKED, sizeof *took, by_value);
    printf("%-22s %-7s %8.3f bits/in row %8.3f B/out row   check %8.1f ms   ask p50 %8.1f us  p99 %8.1f us\n", what, map_kind_name(m.kind),
           8.0 * (double)b.n / (double)in_rows, (double)b.n / (double)rows, 1e3 * opened, 1e6 * took[ASKED / 2], 1e6 * took[ASKED * 99 / 100]);
}

static void measure_filter(uint32_t *from, const uint8_t *evidence, uint64_t n, double kept)
{
    char     what[32];
    uint64_t rows = 0;
    Rng      r = rng_of(1);
    for (uint64_t i = 0; i < n; i++)
        if (rng_unit(&r) < kept)
            from[rows++] = (uint32_t)i;
    snprintf(what, sizeof what, "filter, %g kept", kept);
    measure(what, from, evidence, rows, n);
}

static void measure_proofs(void)
{
    static Digest leaf[LEAVES], path[PROOFS][MERKLE_PROOF_MAX];
    size_t        len[PROOFS], good = 0;
    for (size_t i = 0; i < LEAVES; i++)
        leaf[i] = sha256((Str){ (const char *)&i, sizeof i });
    Digest root = merkle_root(leaf, LEAVES);
    for (size_t i = 0; i < PROOFS; i++)
        len[i] = merkle_inclusion(leaf, LEAVES, i * 31, path[i]);
    double start = now();
    for (size_t i = 0; i < PROOFS; i++)
        good += merkle_inclusion_ok(&leaf[i * 31], i * 31, LEAVES, path[i], len[i], &root);
    double took = (now() - start) / PROOFS;
    printf("proof of 1 row of %d: %zu of %d verified, %.2f us each, %.2f us for a path of 30\n", LEAVES, good, PROOFS, 1e6 * took, 1e6 * took * 30 / 16);
}

int main(int argc, char **argv)
{
    uint64_t  n = 10000000;
    if (argc > 1 && (!str_u64(str(argv[1]), &n) || n == 0 || n > MAP_ROWS_MAX))
        return fputs("usage: bench-rows [ROWS]\n", stderr), 2;
    uint32_t *from = malloc(n * sizeof *from);
    uint8_t  *evidence = calloc(n, 1);
    Rng       r = rng_of(2);
    if (from == NULL || evidence == NULL)
        return fputs("out of memory\n", stderr), 3;
    static const double kept[] = { 0.01, 0.1, 0.5, 0.9, 0.99 };
    for (size_t i = 0; i < len_of(kept); i++)
        measure_filter(from, evidence, n, kept[i]);
    for (uint64_t i = 0; i < n; i++)
        from[i] = (uint32_t)i;
    rng_shuffle(&r, from, n);
    measure("shuffle", from, evidence, n, n);
    for (uint64_t i = 0; i < n; i++)
        evidence[i] = rng_below(&r, 10) == 0 ? EDGE_KEY : EDGE_EXACT;
    measure("shuffle, 10 % by key", from, evidence, n, n);
    measure_proofs();
    free(from), free(evidence);
}
