/* kernel_avx2.c - built with -mavx2 -mfma; called only after kernel.c has checked.
 *
 * Both kernels work in tiles whose sums stay in registers.  A tile at the edge repeats its last row or output and
 * writes the same value twice, and lanes past the end are masked, so there is one path for every size. */
#include "num/kernel.h"
#include <immintrin.h>

enum { LANES = 8, TILE_ROWS = 4, TILE_OUTS = 2, STRIP = 4, CHUNK = 512 };

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* The first `n` of eight lanes. */
static __m256i mask_of(size_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

static inline __attribute__((always_inline)) __m256 load(const float *p, size_t lanes)
{
    return lanes == LANES ? _mm256_loadu_ps(p) : _mm256_maskload_ps(p, mask_of(lanes));
}

static double lanes_sum(__m256 v)
{
    __m256d d = _mm256_add_pd(_mm256_cvtps_pd(_mm256_castps256_ps128(v)), _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1)));
    double  t[4];
    _mm256_storeu_pd(t, d);
    return (t[0] + t[1]) + (t[2] + t[3]);
}

typedef struct Tile {
    const float *x[TILE_ROWS], *w[TILE_OUTS];
    double       sum[TILE_ROWS][TILE_OUTS];
} Tile;

/* One step of `lanes` features at `f`. */
static inline __attribute__((always_inline)) void tile_step(const Tile *t, size_t f, size_t lanes,
                                                            __m256 acc[TILE_ROWS][TILE_OUTS])
{
    __m256 w[TILE_OUTS];
    for (int k = 0; k < TILE_OUTS; k++)
        w[k] = load(t->w[k] + f, lanes);
    for (int i = 0; i < TILE_ROWS; i++) {
        __m256 x = load(t->x[i] + f, lanes);
        for (int k = 0; k < TILE_OUTS; k++)
            acc[i][k] = _mm256_fmadd_ps(x, w[k], acc[i][k]);
    }
}

/* Adds features [from, to) in float, at most CHUNK of them, and the result to the tile's sums in double: the error
 * does not grow with the number of features. */
static void tile_chunk(Tile *t, size_t from, size_t to)
{
    __m256 acc[TILE_ROWS][TILE_OUTS];
    size_t f = from;
    for (int i = 0; i < TILE_ROWS; i++)
        for (int k = 0; k < TILE_OUTS; k++)
            acc[i][k] = _mm256_setzero_ps();
    for (; f + LANES <= to; f += LANES)
        tile_step(t, f, LANES, acc);
    if (f < to)
        tile_step(t, f, to - f, acc);
    for (int i = 0; i < TILE_ROWS; i++)
        for (int k = 0; k < TILE_OUTS; k++)
            t->sum[i][k] += lanes_sum(acc[i][k]);
}

static void tile(const float *const *x, size_t rows, size_t n, const float *w, size_t outs, float *out, size_t stride)
{
    Tile t = { 0 };
    for (size_t i = 0; i < TILE_ROWS; i++)
        t.x[i] = x[least(i, rows - 1)];
    for (size_t k = 0; k < TILE_OUTS; k++)
        t.w[k] = w + least(k, outs - 1) * n;
    for (size_t f = 0; f < n; f += CHUNK)
        tile_chunk(&t, f, least(f + CHUNK, n));
    for (size_t i = 0; i < least(TILE_ROWS, rows); i++)
        for (size_t k = 0; k < least(TILE_OUTS, outs); k++)
            out[i * stride + k] = (float)t.sum[i][k];
}

static void products(const float *const *x, size_t rows, size_t n, const float *w, size_t outs, float *out)
{
    for (size_t i = 0; i < rows; i += TILE_ROWS)
        for (size_t k = 0; k < outs; k += TILE_OUTS)
            tile(x + i, rows - i, n, w + k * n, outs - k, out + i * outs + k, outs);
}

/* STRIP * 8 features of two outputs over all rows. */
static void strip_wide(const float *const *x, size_t rows, size_t f, const float *g, size_t outs, const size_t k[2],
                       float *sum, size_t n)
{
    __m256 acc[TILE_OUTS][STRIP];
    for (int o = 0; o < TILE_OUTS; o++)
        for (int s = 0; s < STRIP; s++)
            acc[o][s] = _mm256_setzero_ps();
    for (size_t i = 0; i < rows; i++) {
        const float *xi = x[i] + f;
        __m256       g0 = _mm256_broadcast_ss(g + i * outs + k[0]), g1 = _mm256_broadcast_ss(g + i * outs + k[1]);
        for (int s = 0; s < STRIP; s++) {
            __m256 v = _mm256_loadu_ps(xi + s * LANES);
            acc[0][s] = _mm256_fmadd_ps(v, g0, acc[0][s]);
            acc[1][s] = _mm256_fmadd_ps(v, g1, acc[1][s]);
        }
    }
    for (int o = 0; o < TILE_OUTS; o++)
        for (int s = 0; s < STRIP; s++)
            _mm256_storeu_ps(sum + k[o] * n + f + (size_t)s * LANES, acc[o][s]);
}

/* What is left: up to eight features. */
static void strip_narrow(const float *const *x, size_t rows, size_t f, const float *g, size_t outs, const size_t k[2],
                         float *sum, size_t n)
{
    __m256i mask = mask_of(least(LANES, n - f));
    __m256  acc[TILE_OUTS] = { _mm256_setzero_ps(), _mm256_setzero_ps() };
    for (size_t i = 0; i < rows; i++) {
        __m256 v = _mm256_maskload_ps(x[i] + f, mask);
        for (int o = 0; o < TILE_OUTS; o++)
            acc[o] = _mm256_fmadd_ps(v, _mm256_broadcast_ss(g + i * outs + k[o]), acc[o]);
    }
    for (int o = 0; o < TILE_OUTS; o++)
        _mm256_maskstore_ps(sum + k[o] * n + f, mask, acc[o]);
}

static void gradient(const float *const *x, size_t rows, size_t n, const float *g, size_t outs, float *sum)
{
    for (size_t k = 0; k < outs; k += TILE_OUTS) {
        const size_t pair[2] = { k, least(k + 1, outs - 1) };
        size_t       f = 0;
        for (; f + STRIP * LANES <= n; f += STRIP * LANES)
            strip_wide(x, rows, f, g, outs, pair, sum, n);
        for (; f < n; f += LANES)
            strip_narrow(x, rows, f, g, outs, pair, sum, n);
    }
}

const Kernels kernels_avx2 = { "avx2", products, gradient };
