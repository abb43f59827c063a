/* forest_avx2.c - built with -mavx2; called only after forest_fast.c has asked the processor.
 *
 * Evaluating every cut of a tree for 64 rows beats following one path a row: no branch to guess, no gather.  Each loop
 * over the four vectors of a block is written out: rolled, it costs as much as its work. */
#include "num/forest_parts.h"
#include <immintrin.h>

static inline __attribute__((always_inline)) __m256i choose(const __m256i *left, const __m256i *right, const __m256i *x, __m256i rank)
{
    return _mm256_blendv_epi8(*left, *right, _mm256_cmpgt_epi16(*x, rank));
}

void forest_run_avx2(const ForestStep *step, size_t steps, size_t leaves, const int16_t (*code)[FOREST_BLOCK],
                     int16_t (*slot)[FOREST_BLOCK], const double *length, double sum[static FOREST_BLOCK])
{
    const int16_t *answer = steps ? slot[leaves + steps - 1] : slot[0];
    for (size_t i = 0; i < steps; i++) {
        const __m256i *l = (const __m256i *)slot[step[i].left], *r = (const __m256i *)slot[step[i].right];
        const __m256i *x = (const __m256i *)code[step[i].scale], rank = _mm256_set1_epi16(step[i].rank);
        __m256i       *out = (__m256i *)slot[leaves + i];
        __m256i        a = choose(l, r, x, rank), b = choose(l + 1, r + 1, x + 1, rank);
        __m256i        c = choose(l + 2, r + 2, x + 2, rank), d = choose(l + 3, r + 3, x + 3, rank);
        out[0] = a, out[1] = b, out[2] = c, out[3] = d;
    }
    for (int r = 0; r < FOREST_BLOCK; r += 4) {
        double a = length[answer[r]], b = length[answer[r + 1]], c = length[answer[r + 2]], d = length[answer[r + 3]];
        sum[r] += a, sum[r + 1] += b, sum[r + 2] += c, sum[r + 3] += d;
    }
}

/* Codes of eight rows, as 32-bit integers.  The bucket is found as bucket_of does it: subtract, multiply, clamp, cut off;
 * maxps and minps give their second operand where the first is NaN. */
static inline __attribute__((always_inline)) __m256i codes_of(const ForestScale *s, __m256 x)
{
    __m256  at = _mm256_mul_ps(_mm256_sub_ps(x, _mm256_set1_ps(s->low)), _mm256_set1_ps(s->buckets_each));
    __m256i bucket = _mm256_cvttps_epi32(_mm256_min_ps(_mm256_max_ps(at, _mm256_setzero_ps()), _mm256_set1_ps(s->last)));
    __m256i found = _mm256_i32gather_epi32(s->start, bucket, 4);
    for (uint32_t stride = s->stride; stride > 0; stride /= 2) {
        __m256i by = _mm256_set1_epi32((int32_t)stride);
        __m256  t = _mm256_i32gather_ps(s->threshold + stride - 1, found, 4);
        __m256i less = _mm256_castps_si256(_mm256_cmp_ps(t, x, _CMP_LT_OQ));
        found = _mm256_add_epi32(found, _mm256_and_si256(less, by));
    }
    __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
    found = _mm256_blendv_epi8(found, _mm256_set1_epi32((int32_t)s->n), nan);
    return _mm256_sub_epi32(found, _mm256_set1_epi32(FOREST_BIAS));
}

void forest_codes_avx2(const ForestScale *s, const float *x, size_t cols, int16_t code[static FOREST_BLOCK])
{
    const float *from = x + s->feature;
    __m256i      row = _mm256_mullo_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32((int32_t)cols));
    for (size_t r = 0; r < FOREST_BLOCK; r += 16) {
        __m256i low = codes_of(s, _mm256_i32gather_ps(from + r * cols, row, 4));
        __m256i high = codes_of(s, _mm256_i32gather_ps(from + (r + 8) * cols, row, 4));
        __m256i both = _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xD8);
        _mm256_storeu_si256((__m256i *)(code + r), both);
    }
}
