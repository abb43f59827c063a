/* step.h - inside privacy/: one batch through the layers and back, and the sums of its gradients.
 *
 * A batch is worked off in waves of at most WAVE_ROWS rows, a wave in blocks of BLOCK.  Blocks go forward and back in
 * parallel; then pieces, each some input columns of one layer, add the outer products of all blocks in order.  Parameters of
 * a layer count row by row: out rows of in weights and a bias. */
#ifndef PRIVACY_STEP_H
#define PRIVACY_STEP_H
#include "crypto/stream.h"
#include "privacy/privacy.h"

enum { BLOCK = MLP_BLOCK, WAVE = 8, WAVE_ROWS = BLOCK * WAVE, PIECE = 128 };

typedef int16_t Pair[2];                               /* the numbers of two rows, for Kernels.exact */

typedef struct LayerWork {
    const float **row;                                 /* WAVE_ROWS inputs: rows of the data, or of `in`   */
    float        *in;                                  /* outputs of the layer before; NULL for the first */
    float        *g;                                   /* d loss / d score, WAVE_ROWS * out               */
    float        *velocity;
    double       *sum;                                 /* plain: of gradients                             */
    int64_t      *whole;                               /* private: the same in units                      */
    Pair         *a, *b;                               /* private: inputs and 1, clipped g; WAVE blocks   */
} LayerWork;

typedef struct Piece {
    size_t layer, from, n;                             /* columns [from, from + n) of in + 1 */
    void  *part;                                       /* out * n floats or int32            */
} Piece;

typedef struct PrivateWork {
    uint8_t  key[STREAM_KEY];
    unsigned bits;                                     /* noise is 2^bits units                */
    int64_t  radius;                                   /* most units of one row: floor(C/unit) */
    double   unit;
    uint32_t step;
    uint64_t dropped[WAVE];
} PrivateWork;

typedef struct Step {
    const TrainOptions *o;
    const Matrix       *data;
    const Kernels      *k;
    Mlp                *m;
    Pool               *pool;
    LayerWork           layer[MLP_LAYERS_MAX];
    Piece              *piece;
    size_t              pieces, outs;                  /* outs: of all layers */
    size_t              rows, blocks;                  /* of the wave         */
    uint32_t           *label;                         /* WAVE_ROWS           */
    float              *work;                          /* per block           */
    size_t              work_block;
    double              loss[WAVE];
    uint64_t            waves;                         /* counted over the run: the dropout's place */
    double              divisor, rate;                 /* of the update                             */
    PrivateWork         p;
} Step;

bool step_new(Arena *a, Pool *pool, const Matrix *data, const TrainOptions *o, Mlp *m, Step *s, Err *e);
/* Adds the gradients of these rows; returns their loss. */
double step_gather(Step *s, const uint32_t *row, size_t n);
/* One descent by sum / divisor; the sums are 0 afterwards. */
void step_descend(Step *s, double divisor, double rate);

/* private.c: sets unit, radius and key; NULL arena memory is E_NOMEM. */
bool private_new(Arena *a, Step *s, Err *e);
void private_end(Step *s);                             /* wipes the key */
/* Clips the rows of a block and writes them as whole numbers. */
void private_block(Step *s, size_t block, size_t rows);
/* The norm of a row's gradient over all layers: `squares` of its inputs (with 1 for the bias) and of g, a pair a layer. */
double ghost_norm(const double (*squares)[2], size_t layers);
/* Sum and noise of one row of parameters, in units. */
void private_sum(const Step *s, size_t layer, size_t out, double *to);

#endif
