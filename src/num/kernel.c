/* kernel.c - the reference, and the one place that asks the processor what it can do. */
#include "num/kernel.h"

static void products(const float *const *x, size_t rows, size_t n, const float *w, size_t outs, float *out)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t k = 0; k < outs; k++) {
            double sum = 0;
            for (size_t f = 0; f < n; f++)
                sum += (double)x[i][f] * w[k * n + f];
            out[i * outs + k] = (float)sum;
        }
}

static void gradient(const float *const *x, size_t rows, size_t n, const float *g, size_t outs, float *sum)
{
    for (size_t k = 0; k < outs; k++)
        for (size_t f = 0; f < n; f++) {
            double s = 0;
            for (size_t i = 0; i < rows; i++)
                s += (double)g[i * outs + k] * x[i][f];
            sum[k * n + f] = (float)s;
        }
}

static void exact(const int16_t (*a)[2], size_t stride, size_t pairs, size_t n, const int16_t (*b)[2], size_t outs, int32_t *sum)
{
    for (size_t k = 0; k < outs; k++)
        for (size_t f = 0; f < n; f++) {
            int64_t s = 0;
            for (size_t p = 0; p < pairs; p++)
                s += a[p * stride + f][0] * b[p * outs + k][0] + a[p * stride + f][1] * b[p * outs + k][1];
            sum[k * n + f] = (int32_t)s;
        }
}

const Kernels kernels_plain = { "plain", products, gradient, exact };

const Kernels *kernels(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &kernels_avx2 : &kernels_plain;
}
