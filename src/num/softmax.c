/* softmax.c - see softmax.h. */
#include "num/softmax.h"
#include <math.h>

void softmax_prepare(const Softmax *m, const float *in, float *out)
{
    for (size_t f = 0; f < m->features; f++)
        out[f] = (in[f] - m->mean[f]) / m->scale[f];
}

size_t largest(const float *v, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (v[i] > v[best])
            best = i;
    return best;
}

double softmax_of(float *scores, size_t n)
{
    double top = scores[largest(scores, n)], sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += exp((double)scores[i] - top);
    double log_sum = top + log(sum);
    for (size_t i = 0; i < n; i++)
        scores[i] = (float)exp((double)scores[i] - log_sum);
    return log_sum;
}

void softmax_predict(const Softmax *m, const Kernels *k, const float *const *x, size_t rows, float *out)
{
    k->products(x, rows, m->features, m->weight, m->classes, out);
    for (size_t i = 0; i < rows; i++) {
        for (size_t c = 0; c < m->classes; c++)
            out[i * m->classes + c] += m->bias[c];
        softmax_of(out + i * m->classes, m->classes);
    }
}
