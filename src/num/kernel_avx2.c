/* kernel_avx2.c - built with -mavx2 -mfma; called only after kernel.c has checked.
 *
 * Both kernels work in tiles whose sums stay in registers.  A tile at the edge repeats its last row or output and
 * writes the same value twice, and lanes past the end are masked, so there is one path for every size. */
#include "num/kernel.h"
#include <immintrin.h>
#include <math.h>

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

/* The sums of a tile by name: an array of them would live in memory. */
typedef struct Sums {
    __m256 a0, a1, b0, b1, c0, c1, d0, d1;
} Sums;

/* One step of `lanes` features at `f`. */
static inline __attribute__((always_inline)) void tile_step(const Tile *t, size_t f, size_t lanes, Sums *s)
{
    __m256 w0 = load(t->w[0] + f, lanes), w1 = load(t->w[1] + f, lanes);
    __m256 a = load(t->x[0] + f, lanes), b = load(t->x[1] + f, lanes);
    __m256 c = load(t->x[2] + f, lanes), d = load(t->x[3] + f, lanes);
    s->a0 = _mm256_fmadd_ps(a, w0, s->a0), s->a1 = _mm256_fmadd_ps(a, w1, s->a1);
    s->b0 = _mm256_fmadd_ps(b, w0, s->b0), s->b1 = _mm256_fmadd_ps(b, w1, s->b1);
    s->c0 = _mm256_fmadd_ps(c, w0, s->c0), s->c1 = _mm256_fmadd_ps(c, w1, s->c1);
    s->d0 = _mm256_fmadd_ps(d, w0, s->d0), s->d1 = _mm256_fmadd_ps(d, w1, s->d1);
}

/* Adds features [from, to) in float, at most CHUNK of them, and the result to the tile's sums in double: the error
 * does not grow with the number of features. */
static void tile_chunk(Tile *t, size_t from, size_t to)
{
    Sums   s = { 0 };
    size_t f = from;
    for (; f + LANES <= to; f += LANES)
        tile_step(t, f, LANES, &s);
    if (f < to)
        tile_step(t, f, to - f, &s);
    t->sum[0][0] += lanes_sum(s.a0), t->sum[0][1] += lanes_sum(s.a1);
    t->sum[1][0] += lanes_sum(s.b0), t->sum[1][1] += lanes_sum(s.b1);
    t->sum[2][0] += lanes_sum(s.c0), t->sum[2][1] += lanes_sum(s.c1);
    t->sum[3][0] += lanes_sum(s.d0), t->sum[3][1] += lanes_sum(s.d1);
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
    enum { NEAR = 8 };                                 /* outputs whose weights stay in the nearest cache for all rows */
    for (size_t from = 0; from < outs; from += NEAR)
        for (size_t i = 0; i < rows; i += TILE_ROWS)
            for (size_t k = from; k < least(from + NEAR, outs); k += TILE_OUTS)
                tile(x + i, rows - i, n, w + k * n, outs - k, out + i * outs + k, outs);
}

/* STRIP * 8 features of two outputs over all rows. */
static void strip_wide(const float *const *x, size_t rows, size_t f, const float *g, size_t outs, const size_t k[2],
                       float *sum, size_t n)
{
    Sums s = { 0 };
    for (size_t i = 0; i < rows; i++) {
        const float *p = x[i] + f;
        __m256       g0 = _mm256_broadcast_ss(g + i * outs + k[0]), g1 = _mm256_broadcast_ss(g + i * outs + k[1]);
        __m256       a = _mm256_loadu_ps(p), b = _mm256_loadu_ps(p + LANES);
        __m256       c = _mm256_loadu_ps(p + 2 * LANES), d = _mm256_loadu_ps(p + 3 * LANES);
        s.a0 = _mm256_fmadd_ps(a, g0, s.a0), s.a1 = _mm256_fmadd_ps(a, g1, s.a1);
        s.b0 = _mm256_fmadd_ps(b, g0, s.b0), s.b1 = _mm256_fmadd_ps(b, g1, s.b1);
        s.c0 = _mm256_fmadd_ps(c, g0, s.c0), s.c1 = _mm256_fmadd_ps(c, g1, s.c1);
        s.d0 = _mm256_fmadd_ps(d, g0, s.d0), s.d1 = _mm256_fmadd_ps(d, g1, s.d1);
    }
    float *to0 = sum + k[0] * n + f, *to1 = sum + k[1] * n + f;
    _mm256_storeu_ps(to0, s.a0), _mm256_storeu_ps(to0 + LANES, s.b0);
    _mm256_storeu_ps(to0 + 2 * LANES, s.c0), _mm256_storeu_ps(to0 + 3 * LANES, s.d0);
    _mm256_storeu_ps(to1, s.a1), _mm256_storeu_ps(to1 + LANES, s.b1);
    _mm256_storeu_ps(to1 + 2 * LANES, s.c1), _mm256_storeu_ps(to1 + 3 * LANES, s.d1);
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

/* Features outside, outputs inside: the columns of all rows stay in the nearest cache until every output has seen them. */
static void gradient(const float *const *x, size_t rows, size_t n, const float *g, size_t outs, float *sum)
{
    for (size_t f = 0, step; f < n; f += step) {
        bool wide = n - f >= STRIP * LANES;
        step = wide ? STRIP * LANES : LANES;
        for (size_t k = 0; k < outs; k += TILE_OUTS)
            (wide ? strip_wide : strip_narrow)(x, rows, f, g, outs, (const size_t[2]){ k, least(k + 1, outs - 1) }, sum, n);
    }
}

/* ---- whole numbers: pairs of int16 multiply and add into int32 in one instruction */

static __m256i row_whole(const float *x, size_t lanes, __m256 scale, __m256 edge)
{
    __m256 v = _mm256_mul_ps(load(x, lanes), scale);
    return _mm256_cvtps_epi32(_mm256_max_ps(_mm256_min_ps(v, edge), _mm256_sub_ps(_mm256_setzero_ps(), edge)));
}

static int64_t whole_sum(__m256i v)
{
    int32_t t[LANES];
    int64_t sum = 0;
    _mm256_storeu_si256((void *)t, v);
    for (int i = 0; i < LANES; i++)
        sum += t[i];
    return sum;
}

/* A lane's squares add up to less than 2^31 in WHOLE_CHUNK numbers. */
enum { WHOLE_CHUNK = 8192 };
static void whole(const float *x, const float *y, size_t n, float sx, float sy, int top, int16_t (*to)[2], int64_t square[2])
{
    __m256 scale_x = _mm256_set1_ps(sx), scale_y = _mm256_set1_ps(sy), edge = _mm256_set1_ps((float)top);
    square[0] = square[1] = 0;
    for (size_t from = 0; from < n; from += WHOLE_CHUNK) {
        __m256i xx = _mm256_setzero_si256(), yy = _mm256_setzero_si256();
        for (size_t f = from; f < least(n, from + WHOLE_CHUNK); f += LANES) {
            size_t  lanes = least(LANES, n - f);
            __m256i a = x ? row_whole(x + f, lanes, scale_x, edge) : _mm256_setzero_si256();
            __m256i b = y ? row_whole(y + f, lanes, scale_y, edge) : _mm256_setzero_si256();
            __m256i pair = _mm256_or_si256(_mm256_and_si256(a, _mm256_set1_epi32(0xFFFF)), _mm256_slli_epi32(b, 16));
            _mm256_maskstore_epi32((int *)(void *)(to + f), mask_of(lanes), pair);
            xx = _mm256_add_epi32(xx, _mm256_mullo_epi32(a, a)), yy = _mm256_add_epi32(yy, _mm256_mullo_epi32(b, b));
        }
        square[0] += whole_sum(xx), square[1] += whole_sum(yy);
    }
}

static float most(const float *x, size_t n)
{
    __m256 top = _mm256_setzero_ps(), any = _mm256_setzero_ps(), sign = _mm256_set1_ps(-0.0f);
    float  t[LANES], u[LANES], best = 0, odd = 0;
    for (size_t f = 0; f < n; f += LANES) {
        __m256 v = load(x + f, least(LANES, n - f));
        top = _mm256_max_ps(_mm256_andnot_ps(sign, v), top);
        any = _mm256_add_ps(any, _mm256_mul_ps(v, _mm256_setzero_ps()));
    }
    _mm256_storeu_ps(t, top), _mm256_storeu_ps(u, any);
    for (int i = 0; i < LANES; i++)
        best = t[i] > best ? t[i] : best, odd += u[i];
    return odd == 0 ? best : INFINITY;
}

typedef struct Pairs {
    const int16_t (*a)[2], (*b)[2];
    size_t stride, pairs, outs;
} Pairs;

static __m256i both(const Pairs *q, size_t p, size_t k)
{
    int32_t v;
    memcpy(&v, q->b[p * q->outs + k], sizeof v);
    return _mm256_set1_epi32(v);
}

static inline __attribute__((always_inline)) __m256i pairs_at(const Pairs *q, size_t p, size_t f)
{
    return _mm256_loadu_si256((const void *)(q->a + p * q->stride + f));
}

typedef struct Whole {
    __m256i a0, a1, b0, b1, c0, c1, d0, d1;
} Whole;

static inline __attribute__((always_inline)) void whole_add(__m256i *sum, __m256i x, __m256i w)
{
    *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(x, w));
}

static void whole_put(int32_t *to, __m256i first, __m256i second)
{
    _mm256_storeu_si256((void *)to, first);
    _mm256_storeu_si256((void *)(to + LANES), second);
}

/* Two strips of 8 numbers for four outputs; the last outputs may be one and the same. */
static void exact_wide(const Pairs *q, size_t f, const size_t k[4], int32_t *sum, size_t n)
{
    __m256i zero = _mm256_setzero_si256();
    Whole   s = { zero, zero, zero, zero, zero, zero, zero, zero };
    for (size_t p = 0; p < q->pairs; p++) {
        __m256i x = pairs_at(q, p, f), y = pairs_at(q, p, f + LANES), w = both(q, p, k[0]);
        whole_add(&s.a0, x, w), whole_add(&s.a1, y, w), w = both(q, p, k[1]);
        whole_add(&s.b0, x, w), whole_add(&s.b1, y, w), w = both(q, p, k[2]);
        whole_add(&s.c0, x, w), whole_add(&s.c1, y, w), w = both(q, p, k[3]);
        whole_add(&s.d0, x, w), whole_add(&s.d1, y, w);
    }
    whole_put(sum + k[0] * n + f, s.a0, s.a1), whole_put(sum + k[1] * n + f, s.b0, s.b1);
    whole_put(sum + k[2] * n + f, s.c0, s.c1), whole_put(sum + k[3] * n + f, s.d0, s.d1);
}

static void exact_narrow(const Pairs *q, size_t f, const size_t k[4], int32_t *sum, size_t n)
{
    __m256i mask = mask_of(least(LANES, n - f)), zero = _mm256_setzero_si256();
    Whole   s = { .a0 = zero, .b0 = zero, .c0 = zero, .d0 = zero };
    for (size_t p = 0; p < q->pairs; p++) {
        __m256i x = _mm256_maskload_epi32((const int *)(const void *)(q->a + p * q->stride + f), mask);
        whole_add(&s.a0, x, both(q, p, k[0])), whole_add(&s.b0, x, both(q, p, k[1]));
        whole_add(&s.c0, x, both(q, p, k[2])), whole_add(&s.d0, x, both(q, p, k[3]));
    }
    _mm256_maskstore_epi32((int *)(sum + k[0] * n + f), mask, s.a0), _mm256_maskstore_epi32((int *)(sum + k[1] * n + f), mask, s.b0);
    _mm256_maskstore_epi32((int *)(sum + k[2] * n + f), mask, s.c0), _mm256_maskstore_epi32((int *)(sum + k[3] * n + f), mask, s.d0);
}

static void exact(const int16_t (*a)[2], size_t stride, size_t pairs, size_t n, const int16_t (*b)[2], size_t outs, int32_t *sum)
{
    Pairs q = { a, b, stride, pairs, outs };
    for (size_t f = 0, step; f < n; f += step) {
        bool wide = n - f >= (size_t)2 * LANES;
        step = wide ? 2 * LANES : LANES;
        for (size_t k = 0; k < outs; k += 4) {
            size_t at[4] = { k, least(k + 1, outs - 1), least(k + 2, outs - 1), least(k + 3, outs - 1) };
            (wide ? exact_wide : exact_narrow)(&q, f, at, sum, n);
        }
    }
}

const Kernels kernels_avx2 = { "avx2", products, gradient, whole, most, exact };
