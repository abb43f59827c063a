#include "../test.h"
#include "base/rng.h"
#include "num/mlp.h"
#include "num/softmax.h"
#include <math.h>

enum { ROWS = 21, FEATURES = 1100, OUTS = 7 };
static float mem_x[ROWS * (FEATURES + 3) + 8], mem_w[OUTS * FEATURES + 8], mem_g[ROWS * OUTS];

static void fill(Rng *r, float *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        v[i] = (float)(rng_unit(r) * 4 - 2);
}

/* What the sum of magnitudes allows a float sum in two steps: far less than a wrong term would change. */
static bool close_to(double got, double want, double magnitude) { return fabs(got - want) <= 4e-6 * (magnitude + 1); }

/* One shape: pointers start at any of four bytes-unaligned places, and the guard behind the output must survive. */
static void agree(Rng *r, size_t rows, size_t n, size_t outs)
{
    static float want[OUTS * FEATURES + 1], got[OUTS * FEATURES + 1], p_want[ROWS * OUTS + 1], p_got[ROWS * OUTS + 1];
    const float *x[ROWS], *w = mem_w + rng_below(r, 8);
    for (size_t i = 0; i < rows; i++)
        x[i] = mem_x + i * (n + 3) + rng_below(r, 8);
    p_got[rows * outs] = got[outs * n] = 12345;
    kernels_plain.products(x, rows, n, w, outs, p_want);
    kernels()->products(x, rows, n, w, outs, p_got);
    for (size_t i = 0; i < rows * outs; i++)
        CHECK(close_to((double)p_got[i], (double)p_want[i], 4.0 * (double)n / 8));
    kernels_plain.gradient(x, rows, n, mem_g, outs, want);
    kernels()->gradient(x, rows, n, mem_g, outs, got);
    for (size_t i = 0; i < outs * n; i++)
        CHECK(close_to((double)got[i], (double)want[i], 4.0 * (double)rows));
    CHECK(p_got[rows * outs] == 12345 && got[outs * n] == 12345);
}

TEST(num, every_kernel_agrees_with_the_plain_one)
{
    Rng r = rng_of(1);
    fill(&r, mem_x, len_of(mem_x)), fill(&r, mem_w, len_of(mem_w)), fill(&r, mem_g, len_of(mem_g));
    for (size_t n = 0; n < 80; n++)
        agree(&r, 1 + n % ROWS, n, 1 + n % OUTS);
    for (int i = 0; i < 200; i++)
        agree(&r, 1 + rng_below(&r, ROWS), rng_below(&r, FEATURES + 1), 1 + rng_below(&r, OUTS));
}

/* Whole numbers have one right answer; sizes reach every strip and tail, starts are unaligned. */
TEST(num, the_whole_number_kernel_is_exact)
{
    enum { PAIRS = 64, N = 70, K = 9 };
    static int16_t a[PAIRS * N + 3][2], b[PAIRS * K + 3][2];
    static int32_t want[N * K + 1], got[N * K + 1];
    Rng            r = rng_of(3);
    for (size_t i = 0; i < len_of(a); i++)
        a[i][0] = (int16_t)(rng_below(&r, 2047) - 1023), a[i][1] = (int16_t)(rng_below(&r, 2047) - 1023);
    for (size_t i = 0; i < len_of(b); i++)
        b[i][0] = (int16_t)(rng_below(&r, 32767) - 16383), b[i][1] = (int16_t)(rng_below(&r, 32767) - 16383);
    for (int round = 0; round < 300; round++) {
        size_t stride = 1 + rng_below(&r, N), n = 1 + rng_below(&r, stride), pairs = rng_below(&r, PAIRS + 1), outs = 1 + rng_below(&r, K);
        size_t skip = rng_below(&r, 4);
        want[n * outs] = got[n * outs] = 12345;
        kernels_plain.exact((const int16_t(*)[2])a + skip, stride, pairs, n, (const int16_t(*)[2])b + skip, outs, want);
        kernels()->exact((const int16_t(*)[2])a + skip, stride, pairs, n, (const int16_t(*)[2])b + skip, outs, got);
        CHECK(memcmp(want, got, (n * outs + 1) * sizeof *got) == 0);
    }
}

TEST(num, rows_become_whole_numbers_the_same_way)
{
    enum { N = 20000 };
    static float   x[N + 8], y[N + 8];
    static int16_t want[N + 1][2], got[N + 1][2];
    Rng            r = rng_of(5);
    fill(&r, x, len_of(x)), fill(&r, y, len_of(y));
    for (size_t i = 0; i < 60; i++) {
        size_t       n = i < 40 ? i : rng_below(&r, N), at = rng_below(&r, 8);
        const float *a = i % 7 == 3 ? NULL : x + at, *b = i % 5 == 2 ? NULL : y + at;
        int64_t      s_want[2], s_got[2];
        got[n][0] = want[n][0] = 777;
        kernels_plain.whole(a, b, n, 300.5f, 700, 1023, want, s_want);
        kernels()->whole(a, b, n, 300.5f, 700, 1023, got, s_got);
        CHECK(memcmp(want, got, (n + 1) * sizeof *got) == 0 && s_want[0] == s_got[0] && s_want[1] == s_got[1]);
        CHECK(kernels_plain.most(x + at, n) == kernels()->most(x + at, n));
    }
    for (int bad = 0; bad < 3; bad++) {
        x[11] = bad == 0 ? INFINITY : bad == 1 ? -INFINITY : NAN;
        CHECK(isinf(kernels_plain.most(x, 13)) && isinf(kernels()->most(x, 13)) && isfinite(kernels()->most(x, 11)));
    }
}

TEST(num, a_kernel_gives_a_row_the_same_bits_wherever_it_stands)
{
    Rng          r = rng_of(2);
    const float *x[ROWS];
    float        together[ROWS * OUTS], alone[OUTS];
    fill(&r, mem_x, len_of(mem_x)), fill(&r, mem_w, len_of(mem_w));
    for (size_t i = 0; i < ROWS; i++)
        x[i] = mem_x + i * 333;
    kernels()->products(x, ROWS, 331, mem_w, OUTS, together);
    for (size_t i = 0; i < ROWS; i++) {
        kernels()->products(x + i, 1, 331, mem_w, OUTS, alone);
        CHECK(memcmp(alone, together + i * OUTS, sizeof alone) == 0);
    }
}

/* By hand: softmax(1, 2, 3) with forty-digit arithmetic; log-sum-exp(1, 2, 3) = 3.4076059644443803. */
TEST(num, softmax_is_stable)
{
    float  v[3] = { 1, 2, 3 }, big[3] = { 1000, 1001, 1002 }, far[2] = { -30000, 30000 };
    double lse = softmax_of(v, 3);
    CHECK(fabs(lse - 3.4076059644443803) < 1e-12);
    CHECK(fabsf(v[0] - 0.09003057317038046f) < 1e-8f && fabsf(v[2] - 0.6652409557748219f) < 1e-7f);
    CHECK(fabs(softmax_of(big, 3) - 1002.4076059644444) < 1e-9);
    CHECK(memcmp(v, big, sizeof v) == 0);
    CHECK(softmax_of(far, 2) == 30000 && far[0] == 0 && far[1] == 1);
}

TEST(num, predictions_use_mean_scale_and_bias)
{
    float        weight[] = { 1, 0, 0, 1 }, bias[] = { 0.5f, 0 }, mean[] = { 1, 2 }, scale[] = { 2, 4 }, p[2];
    Mlp          m = { 2, 2, 1, { { 2, 2, weight, bias } }, mean, scale };
    float        in[] = { 3, 2 }, x[2];
    const float *row = x;
    mlp_prepare(&m, in, x);
    CHECK(x[0] == 1 && x[1] == 0);
    mlp_predict(&m, kernels(), &row, 1, NULL, p);
    CHECK(fabsf(p[0] - 1 / (1 + expf(-1.5f))) < 1e-6f && fabsf(p[0] + p[1] - 1) < 1e-6f);
    CHECK(largest(p, 2) == 0);
}
