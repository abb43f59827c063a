/* privacy - models that say no more about their training data than they must.
 *
 * Its first half: training with known data, known parameters, reproducible to the bit.  The model is a stack of dense
 * layers (num/mlp.h); the loss is
 *
 *     mean over rows of -log p(label)  +  l2/2 * |W|^2          weights only, not biases
 *
 * so the L2 gradient is l2 * W.  Descent is by mini-batches with momentum; the learning rate falls linearly to zero.  Rows
 * are shuffled anew each epoch by the seeded generator of base/rng.h.  Dropout keeps a hidden unit with probability 1 - p
 * and multiplies it by 1/(1-p), so that nothing is scaled afterwards.  A batch is cut into blocks whose gradients are added in
 * block order: the result is the same for any number of threads.
 *
 * With differential privacy (DP-SGD, Abadi et al. 2016), step.c and private.c do what the accountant assumes:
 *
 *     batch      each row is in with probability q = batch / rows, independently (Poisson); an empty batch is a step
 *     clipping   a row's gradient over all layers and biases together has a norm of at most C; its norm comes from
 *                norms of inputs and output gradients (ghost norms), as a dense layer's gradient is their outer product
 *     sum        of whole numbers: inputs and clipped output gradients are rounded to integers (the latter toward zero)
 *                before they are multiplied, and |row|^2 <= (C/unit)^2 is checked in integers, so the bound holds exactly
 *     noise      round(2^m N(0,1)) from the CSPRNG (noise.h), where 2^m units are sigma * C
 *     mean       divided by the expected batch size, never by the drawn one
 *
 * Nothing else may look at the data: columns are scaled by constants (SCALE_FIXED), and no loss or accuracy on the training
 * data is computed, because to tell it would be a release of its own.
 *
 *     train.c  options and the run        step.c     one batch through the layers     private.c  what is above
 *     noise.h  noise and the batch draw   file.c     the model as safetensors         measure.c  loss and accuracy
 *
 * Trusted: the caller.  Not trusted: the data, which may hold NaN, one class only or columns that never change. */
#ifndef PRIVACY_H
#define PRIVACY_H
#include "base/pool.h"
#include "format/table.h"
#include "num/mlp.h"

/* How columns are brought to one size before they are multiplied. */
typedef enum {
    SCALE_STANDARD,                                    /* (x - mean) / standard deviation, each column */
    SCALE_RANGE,                                       /* x / largest magnitude anywhere: images       */
    SCALE_FIXED                                        /* (x - low) / (high - low), known beforehand   */
} ScaleKind;

typedef struct TrainOptions {
    double    l2, rate, momentum, dropout;
    uint64_t  epochs, batch, seed;
    ScaleKind scale;
    double    low, high;                               /* SCALE_FIXED */
    size_t    hidden[MLP_LAYERS_MAX - 1], hiddens;     /* widths; none: softmax regression */
    double    clip, sigma;                             /* sigma > 0: differentially private, its noise is sigma * clip */
    bool      seeded;                                  /* noise from noise_seed, for tests: then nothing is private    */
    uint64_t  noise_seed;
} TrainOptions;

typedef struct Score {
    double   loss, accuracy;                           /* mean -log p(label); share of rows predicted right */
    uint64_t rows;
} Score;

/* What a private run did; the inputs of its accounting. */
typedef struct PrivateRun {
    double   rate, sigma;                              /* q; effective noise multiplier, never below the one asked for */
    uint64_t steps, dropped;                           /* dropped: gradients that were not finite                      */
    unsigned bits;                                     /* noise has 2^bits units                                       */
    double   law_error;                                /* adds to epsilon (noise.h)                                    */
} PrivateRun;

enum { TRAIN_BATCH_MAX = 1 << 16 };

/* Steps and sampling rate that `o` asks for on `rows` rows. */
uint64_t train_steps(const TrainOptions *o, uint64_t rows);
double   train_rate(const TrainOptions *o, uint64_t rows);

/* Called after each epoch (private: each step), with the mean training loss, or NAN when that is private; may be NULL. */
typedef void TrainStep(void *ctx, uint64_t epoch, uint64_t epochs, double loss);

/* Trains on `data`, whose rows are prepared in place.  E_FORMAT names the row and column of what cannot be learned
 * from.  The model lives in the arena.  Without privacy *score is on the training data; with it, rows is 0.  `run` may be
 * NULL without privacy. */
bool train_model(Arena *a, Pool *pool, Matrix *data, const TrainOptions *o, TrainStep *step, void *ctx, Mlp *out, Score *score,
                 PrivateRun *run, Err *e);
/* Measures on prepared rows whose classes are numbered as the model's. */
bool measure_prepared(Arena *a, Pool *pool, const Mlp *m, const Matrix *d, const uint32_t *truth, Score *out, Err *e);
/* Measures on rows that were not prepared yet (prepared in place).  Labels are matched by class name: a class the model
 * does not know is an error. */
bool measure_model(Arena *a, Pool *pool, const Mlp *m, const Str *class, Matrix *data, Score *out, Err *e);

/* The safetensors file: weights, biases, mean, scale and metadata (num/mlp.h), the class names as a JSON array.
 * `extra` is more metadata, pairs of name and value. */
bool model_write(Arena *a, const Mlp *m, const Str *class, const Str (*extra)[2], size_t extras, Buf *out, Err *e);

#endif
