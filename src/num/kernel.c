/* kernel.c - the reference, and the one place that asks the processor what it can do. */
#include "num/kernel.h"
#include <math.h>

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

static int cut(float v, int most)
{
    float edge = (float)most;
    return (int)lrintf(v > edge ? edge : v < -edge ? -edge : v);
}

static void whole(const float *x, const float *y, size_t n, float sx, float sy, int most, int16_t (*to)[2], int64_t square[2])
{
    square[0] = square[1] = 0;
    for (size_t f = 0; f < n; f++) {
        int a = x ? cut(x[f] * sx, most) : 0, b = y ? cut(y[f] * sy, most) : 0;
        to[f][0] = (int16_t)a, to[f][1] = (int16_t)b;
        square[0] += a * a, square[1] += b * b;
    }
}

static float most(const float *x, size_t n)
{
    float top = 0, any = 0;
    for (size_t f = 0; f < n; f++) {
        top = fabsf(x[f]) > top ? fabsf(x[f]) : top;
        any += x[f] * 0;                               /* NaN as soon as one is not finite */
    }
    return any == 0 ? top : INFINITY;
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

const Kernels kernels_plain = { "plain", products, gradient, whole, most, exact };

const Kernels *kernels(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &kernels_avx2 : &kernels_plain;
}
