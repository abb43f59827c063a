/* softmax.h - scores to probabilities. */
#ifndef SOFTMAX_H
#define SOFTMAX_H
#include "base/base.h"

/* Scores to probabilities in place; returns the log of the sum of exponentials.  The largest score is taken off
 * first, so nothing overflows and the largest probability never vanishes. */
double softmax_of(float *scores, size_t n);
size_t largest(const float *v, size_t n);              /* index; the first of equals */

#endif
