/* num - numbers without opinions: kernels over rows of floats, and the models that are made of them.
 *
 * A kernel exists twice: kernel.c is the truth, kernel_avx2.c is what runs where the processor can; the test holds
 * them together on random sizes, tails and unaligned starts.  kernels() asks the processor; call it once per job and
 * keep the pointer.  Nothing here reads files or knows what a number means; what is made lives in the caller's arena.
 *
 *     kernel.h   products and gradients of a linear layer        softmax.h  scores to probabilities
 *     mlp.h      stacks of dense layers                          forest.h   isolation forests
 *     knn.h      nearest rows                                    confident.h  wrong labels
 *     order.h    order statistics and quantiles              recent.h   which of the last vectors is nearest
 *     stats.h    two-sample tests                            special.h  special functions, fft.h the transform
 *
 * How to add one more: a pointer in Kernels, the plain loop, the fast one, a row in test/unit/num.c.
 * Trusted: the caller's sizes. */
#ifndef KERNEL_H
#define KERNEL_H
#include "base/base.h"

/* Rows come as pointers, so a shuffled batch is read where it lies. */
typedef struct Kernels {
    const char *name;
    /* out[i * outs + k] = sum over f of x[i][f] * w[k * n + f] */
    void (*products)(const float *const *x, size_t rows, size_t n, const float *w, size_t outs, float *out);
    /* sum[k * n + f] = sum over i of g[i * outs + k] * x[i][f]; the fast one adds up in float: keep rows <= 256 */
    void (*gradient)(const float *const *x, size_t rows, size_t n, const float *g, size_t outs, float *sum);
    /* Two rows to whole numbers side by side: to[f] = { x[f] * sx, y[f] * sy } rounded to even and cut to +-most, most at most
     * 1023; square: the sums of their squares.  Either may be NULL: zeros. */
    void (*whole)(const float *x, const float *y, size_t n, float sx, float sy, int most, int16_t (*to)[2], int64_t square[2]);
    /* The largest magnitude; INFINITY when one is not finite. */
    float (*most)(const float *x, size_t n);
    /* The gradient in whole numbers, exactly.  Rows come in pairs whose numbers lie side by side:
     * sum[k * n + f] = sum over p of a[p * stride + f][0] * b[p * outs + k][0] + a[..][1] * b[..][1], which must fit. */
    void (*exact)(const int16_t (*a)[2], size_t stride, size_t pairs, size_t n, const int16_t (*b)[2], size_t outs, int32_t *sum);
} Kernels;

extern const Kernels kernels_plain, kernels_avx2;
const Kernels *kernels(void);                          /* the best this machine can run */

#endif
