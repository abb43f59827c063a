/* scorer.h - a softmax model out of the bytes of a safetensors file, ready to answer (num/softmax.h).
 *
 * Trusted: nothing; verify the bytes first, then load these very bytes. */
#ifndef SCORER_H
#define SCORER_H
#include "format/safetensors.h"
#include "num/softmax.h"

typedef struct Scorer {
    Softmax        m;
    const Kernels *kernels;
    Str           *classes;                            /* names; NULL when the file gives none */
} Scorer;

enum { SCORER_BLOCK = 64 };                            /* rows that are prepared at a time */

/* Copies out of `file`; all lives in the arena. */
bool scorer_load(Arena *a, Str file, Scorer *out, Err *e);
/* out[rows * classes].  May run on several threads at once.  False when out of memory. */
bool scorer_predict(const Scorer *s, const float *x, size_t rows, float *out);

#endif
