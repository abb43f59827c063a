/* softmax.h - multinomial logistic regression: p = softmax(W (x - mean) / scale + b).
 *
 * The one description of the model that the trainer writes and the server reads.  In a safetensors file it is four F32
 * tensors and some metadata, named below; whoever has W, b, mean and scale can recompute every answer by hand. */
#ifndef SOFTMAX_H
#define SOFTMAX_H
#include "num/kernel.h"

#define SOFTMAX_WEIGHT  "weight"                       /* [classes, features]                  */
#define SOFTMAX_BIAS    "bias"                         /* [classes]                            */
#define SOFTMAX_MEAN    "mean"                         /* [features], subtracted first         */
#define SOFTMAX_SCALE   "scale"                        /* [features], then divided by; never 0 */
#define SOFTMAX_KIND    "softmax"                      /* metadata "kind"                      */
#define SOFTMAX_VERSION "1"                            /* metadata "format_version"            */
#define SOFTMAX_CLASSES "classes"                      /* metadata: their names, a JSON array  */

enum { SOFTMAX_CLASSES_MAX = 10000, SOFTMAX_FEATURES_MAX = 1 << 20 };

typedef struct Softmax {
    size_t features, classes;
    float *weight, *bias, *mean, *scale;               /* borrowed */
} Softmax;

/* out = (in - mean) / scale, in float; `out` may be `in`. */
void softmax_prepare(const Softmax *m, const float *in, float *out);
/* Probabilities of `rows` prepared rows into out[rows * classes]. */
void softmax_predict(const Softmax *m, const Kernels *k, const float *const *x, size_t rows, float *out);
/* Scores to probabilities in place; returns the log of the sum of exponentials.  The largest score is taken off
 * first, so nothing overflows and the largest probability never vanishes. */
double softmax_of(float *scores, size_t n);
size_t largest(const float *v, size_t n);              /* index; the first of equals */

#endif
