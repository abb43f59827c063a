/* Any bytes, their checksum made right for half of the inputs: what is accepted is a forest that fits in its tables, scores
 * any row the same in both ways, and is written back as the same bytes. */
#include "num/forest_parts.h"
#include <math.h>
#include <zlib.h>

enum { HEAD = 60, ROWS = 600 };

static void check_trees(const Forest *f)
{
    for (uint32_t t = 0; t < f->trees; t++) {
        const ForestNode *node = f->node + f->root[t];
        uint64_t          n = f->root[t + 1] - f->root[t];
        assert(n >= 1 && node->n == f->samples);
        for (uint64_t i = 0; i < n; i++)
            assert(node[i].feature == FOREST_LEAF || (node[i].feature < f->features && node[i].right > i + 1 && node[i].right < n));
    }
}

static void check_scores(Arena *a, const Forest *f)
{
    size_t  rows = f->features > 64 ? 3 : ROWS;
    float  *x = arena_get(a, rows * f->features, sizeof *x);
    double *score = arena_get(a, rows, sizeof *score), *share = arena_get(a, f->features, sizeof *share);
    if (x == NULL || score == NULL || share == NULL)
        return;
    for (size_t i = 0; i < rows * f->features; i++)
        x[i] = i % 7 == 6 ? NAN : (float)i - 20;
    forest_scores(f, NULL, x, rows, score);
    for (size_t i = 0; i < rows; i++) {
        double one = forest_score(f, x + i * f->features);
        assert(one > 0 && one <= 1 && memcmp(&one, &score[i], sizeof one) == 0);
    }
    forest_blame(f, x, share);
}

static void run(Str file)
{
    Arena *a = arena_new(64 << 20);
    Forest f;
    Err    e = { 0 };
    Buf    out = { 0 };
    if (forest_read(a, file, &f, &e)) {
        check_trees(&f), check_scores(a, &f);
        forest_write(&f, &out);
        assert(str_eq(buf_view(&out), file));
    } else
        assert(e.message[0] && e.at <= file.n + 1);
    buf_free(&out), arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    run((Str){ (const char *)data, n });
    if (n < HEAD + 4 || n > 1 << 20)
        return 0;
    uint8_t *copy = malloc(n);
    uint32_t crc = (uint32_t)crc32(0, data, (uInt)(n - 4));
    memcpy(copy, data, n - 4);
    memcpy(copy + n - 4, &crc, sizeof crc);
    run((Str){ (const char *)copy, n });
    free(copy);
    return 0;
}
