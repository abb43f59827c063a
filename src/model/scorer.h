/* scorer.h - a softmax or MLP model out of the bytes of a safetensors file, ready to answer (num/mlp.h).
 *
 * Trusted: nothing; verify the bytes first, then load these very bytes. */
#ifndef SCORER_H
#define SCORER_H
#include "format/safetensors.h"
#include "num/mlp.h"

typedef struct Scorer {
    Mlp            m;
    const Kernels *kernels;
    Str           *classes;                            /* names; NULL when the file gives none */
} Scorer;

/* Copies out of `file`; all lives in the arena. */
bool scorer_load(Arena *a, Str file, Scorer *out, Err *e);
/* out[rows * classes].  May run on several threads at once.  False when out of memory. */
bool scorer_predict(const Scorer *s, const float *x, size_t rows, float *out);

#endif
