/* privacy - models that say no more about their training data than they must.
 *
 * So far its first half: training with known data, known parameters and L2 regularisation, reproducible to the bit.
 * Softmax regression by mini-batch gradient descent with momentum; the loss is
 *
 *     mean over rows of -log p(label)  +  l2/2 * |W|^2          weights only, not biases
 *
 * so the L2 gradient is l2 * W.  A batch is cut into blocks of BLOCK rows whose gradients are added in block order:
 * the result is the same for any number of threads.  Rows are shuffled anew each epoch by the seeded generator of
 * base/rng.h.  The learning rate falls linearly to zero over the run.
 *
 * What is not here yet says so: --epsilon is an error, never ignored.
 *
 * Trusted: the caller.  Not trusted: the data, which may hold NaN, one class only or columns that never change. */
#ifndef PRIVACY_H
#define PRIVACY_H
#include "base/pool.h"
#include "format/table.h"
#include "num/softmax.h"

/* How columns are brought to one size before they are multiplied. */
typedef enum {
    SCALE_STANDARD,                                    /* (x - mean) / standard deviation, each column */
    SCALE_RANGE                                        /* x / largest magnitude anywhere: images       */
} ScaleKind;

typedef struct TrainOptions {
    double    l2, rate, momentum;
    uint64_t  epochs, batch, seed;
    ScaleKind scale;
} TrainOptions;

typedef struct Score {
    double   loss, accuracy;                           /* mean -log p(label); share of rows predicted right */
    uint64_t rows;
} Score;

/* Called after each epoch with the mean training loss; may be NULL. */
typedef void TrainStep(void *ctx, uint64_t epoch, uint64_t epochs, double loss);

/* Trains on `data`, whose rows are prepared in place.  E_FORMAT names the row and column of what cannot be learned
 * from.  The model lives in the arena. */
bool train_softmax(Arena *a, Pool *pool, Matrix *data, const TrainOptions *o, TrainStep *step, void *ctx, Softmax *out,
                   Score *score, Err *e);
/* Measures on rows that were not prepared yet (prepared in place).  Labels are matched by class name: a class the model
 * does not know is an error. */
bool measure_softmax(Arena *a, Pool *pool, const Softmax *m, const Str *class, Matrix *data, Score *out, Err *e);

/* The safetensors file: weight, bias, mean, scale and metadata (num/softmax.h), the class names as a JSON array.
 * `extra` is more metadata, pairs of name and value. */
bool softmax_write(Arena *a, const Softmax *m, const Str *class, const Str (*extra)[2], size_t extras, Buf *out, Err *e);

#endif
