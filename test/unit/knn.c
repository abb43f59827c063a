#include "../test.h"
#include "base/rng.h"
#include "num/knn.h"
#include "num/knn_tile.h"
#include <math.h>

enum { ROWS = 700, COLS = 37, K = 10 };

typedef struct Pair {
    double   distance;
    uint32_t row;
} Pair;

static int by_distance(const void *x, const void *y)
{
    const Pair *a = x, *b = y;
    return a->distance != b->distance ? (a->distance > b->distance ? 1 : -1) : (a->row > b->row) - (a->row < b->row);
}

/* All pairs, one by one. */
static void slowly(const float *x, size_t rows, size_t cols, size_t row, size_t k, uint32_t *near)
{
    static Pair pair[ROWS];
    size_t n = 0;
    for (size_t j = 0; j < rows; j++) {
        double sum = 0;
        for (size_t c = 0; c < cols; c++)
            sum += pow((double)x[row * cols + c] - (double)x[j * cols + c], 2);
        if (j != row)
            pair[n++] = (Pair){ sum, (uint32_t)j };
    }
    qsort(pair, n, sizeof *pair, by_distance);
    for (size_t j = 0; j < k; j++)
        near[j] = pair[j].row;
}

static void check(size_t rows, size_t cols, size_t k, int kind)
{
    static float    x[ROWS * COLS];
    static uint32_t near[ROWS * K], again[ROWS * K];
    Rng   r = rng_of(rows * 1000 + cols);
    Pool *two = pool_new(2);
    for (size_t i = 0; i < rows * cols; i++)             /* whole numbers tie often; the others lie far from zero */
        x[i] = kind ? (float)rng_below(&r, 4) : (float)(1000 + rng_unit(&r));
    CHECK(knn_others(NULL, x, rows, cols, k, near, NULL) && knn_others(two, x, rows, cols, k, again, NULL));
    CHECK(memcmp(near, again, rows * k * sizeof *near) == 0);
    for (size_t i = 0; i < rows; i++) {
        uint32_t want[K];
        slowly(x, rows, cols, i, k, want);
        if (kind == 0)
            CHECK(memcmp(want, near + i * k, k * sizeof *want) == 0);
        for (size_t j = 0; j < k && kind; j++) {          /* candidates may leave out equals, not nearer ones */
            double a = 0, b = 0;
            for (size_t c = 0; c < cols; c++)
                a += pow((double)x[i * cols + c] - (double)x[want[j] * cols + c], 2), b += pow((double)x[i * cols + c] - (double)x[near[i * k + j] * cols + c], 2);
            CHECK(a == b && near[i * k + j] != i);
        }
    }
    pool_free(two);
}

TEST(knn, neighbours_are_those_of_all_pairs)
{
    check(2, 1, 1, 0), check(11, 3, 10, 0), check(64, 5, 3, 0), check(ROWS, COLS, K, 0);
    check(65, 2, 10, 1), check(ROWS, 5, K, 1), check(513, 12, 7, 1);
}

TEST(knn, the_fast_tile_agrees_with_the_plain_one)
{
    static float x[KNN_ROWS][100], panel[100 * KNN_PANEL];
    Rng r = rng_of(1);
    for (size_t n = 0; n <= 100; n += 1 + n / 5) {
        float want[KNN_ROWS * 20] = { 0 }, got[KNN_ROWS * 20] = { 0 };
        const float *row[KNN_ROWS] = { x[3], x[0], x[2], x[0] };
        for (size_t i = 0; i < KNN_ROWS * 100; i++)
            x[i / 100][i % 100] = (float)(rng_unit(&r) - 0.5);
        for (size_t i = 0; i < len_of(panel); i++)
            panel[i] = (float)(rng_unit(&r) - 0.5);
        knn_tile_plain(row, panel, n, want, 20);
        if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
            knn_tile_avx2(row, panel, n, got, 20);
        else
            skip();
        for (size_t i = 0; i < len_of(want); i++)
            CHECK(fabsf(want[i] - got[i]) <= 1e-5f);
    }
}
