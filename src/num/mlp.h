/* mlp.h - a stack of dense layers: p = softmax(W_n relu(... relu(W_1 u + b_1) ...) + b_n), u = (x - mean) / scale.
 *
 * With one layer this is softmax regression.  The one description of the model that the trainer writes and the server
 * reads: in a safetensors file it is F32 tensors and some metadata, named below; whoever has them can recompute every
 * answer by hand.  One layer is kind "softmax" with "weight" and "bias"; more are kind "mlp" with "layers.0.weight",
 * "layers.0.bias", "layers.1.weight" ...
 *
 * Rows are computed in blocks; work space comes from the caller, so one model serves many threads. */
#ifndef MLP_H
#define MLP_H
#include "num/kernel.h"

#define MLP_WEIGHT  "weight"                           /* [outputs, inputs]                    */
#define MLP_BIAS    "bias"                             /* [outputs]                            */
#define MLP_MEAN    "mean"                             /* [features], subtracted first         */
#define MLP_SCALE   "scale"                            /* [features], then divided by; never 0 */
#define MLP_VERSION "1"                                /* metadata "format_version"            */
#define MLP_CLASSES "classes"                          /* metadata: their names, a JSON array  */

enum { MLP_LAYERS_MAX = 5, MLP_WIDTH_MAX = 4096, MLP_CLASSES_MAX = 10000, MLP_FEATURES_MAX = 1 << 20, MLP_NAME = 32 };

typedef struct Dense {
    size_t in, out;
    float *weight, *bias;                              /* borrowed */
} Dense;

typedef struct Mlp {
    size_t features, classes, layers;
    Dense  layer[MLP_LAYERS_MAX];
    float *mean, *scale;                               /* borrowed */
} Mlp;

/* The metadata "kind", and a tensor's name: what is MLP_WEIGHT or MLP_BIAS. */
const char *mlp_kind(const Mlp *m);
void        mlp_tensor_name(const Mlp *m, size_t layer, const char *what, char out[static MLP_NAME]);

/* out = (in - mean) / scale, in float; `out` may be `in`. */
void mlp_prepare(const Mlp *m, const float *in, float *out);
/* out[rows * d->out]: W x + b. */
void dense_forward(const Dense *d, const Kernels *k, const float *const *x, size_t rows, float *out);
/* dx[rows * d->in] = g W, the gradient of the inputs from that of the outputs.  work: rows * (in + out) floats. */
void dense_backward(const Dense *d, const Kernels *k, const float *g, size_t rows, float *work, float *dx);
void relu(float *v, size_t n);
/* Floats of hidden outputs of one row. */
size_t mlp_hidden(const Mlp *m);
/* Probabilities of `rows` prepared rows, at most MLP_BLOCK of them, into out[rows * classes].  work: rows * mlp_hidden(). */
enum { MLP_BLOCK = 128 };
void mlp_predict(const Mlp *m, const Kernels *k, const float *const *x, size_t rows, float *work, float *out);

#endif
