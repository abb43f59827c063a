/* softmax.c - see softmax.h. */
#include "num/softmax.h"
#include <math.h>

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
