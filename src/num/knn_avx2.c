/* knn_avx2.c - built with -mavx2 -mfma; called only after knn.c has asked the processor. */
#include "num/knn_tile.h"
#include <immintrin.h>

/* Eight sums by name, so that they stay in registers. */
void knn_tile_avx2(const float *const x[static KNN_ROWS], const float *panel, size_t n, float *out, size_t stride)
{
    __m256 a0 = _mm256_setzero_ps(), a1 = a0, b0 = a0, b1 = a0, c0 = a0, c1 = a0, d0 = a0, d1 = a0;
    for (size_t f = 0; f < n; f++) {
        __m256 left = _mm256_loadu_ps(panel + f * KNN_PANEL), right = _mm256_loadu_ps(panel + f * KNN_PANEL + 8);
        __m256 a = _mm256_broadcast_ss(x[0] + f), b = _mm256_broadcast_ss(x[1] + f);
        __m256 c = _mm256_broadcast_ss(x[2] + f), d = _mm256_broadcast_ss(x[3] + f);
        a0 = _mm256_fmadd_ps(a, left, a0), a1 = _mm256_fmadd_ps(a, right, a1);
        b0 = _mm256_fmadd_ps(b, left, b0), b1 = _mm256_fmadd_ps(b, right, b1);
        c0 = _mm256_fmadd_ps(c, left, c0), c1 = _mm256_fmadd_ps(c, right, c1);
        d0 = _mm256_fmadd_ps(d, left, d0), d1 = _mm256_fmadd_ps(d, right, d1);
    }
    _mm256_storeu_ps(out, a0), _mm256_storeu_ps(out + 8, a1);
    _mm256_storeu_ps(out + stride, b0), _mm256_storeu_ps(out + stride + 8, b1);
    _mm256_storeu_ps(out + 2 * stride, c0), _mm256_storeu_ps(out + 2 * stride + 8, c1);
    _mm256_storeu_ps(out + 3 * stride, d0), _mm256_storeu_ps(out + 3 * stride + 8, d1);
}
