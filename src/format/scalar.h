/* scalar.h - the element types of npy, IDX and safetensors, and one element of each as a double. */
#ifndef SCALAR_H
#define SCALAR_H
#include "base/base.h"

typedef enum {
    SCALAR_NONE, SCALAR_BOOL, SCALAR_U8, SCALAR_I8, SCALAR_U16, SCALAR_I16, SCALAR_U32, SCALAR_I32, SCALAR_U64, SCALAR_I64,
    SCALAR_F16, SCALAR_BF16, SCALAR_F32, SCALAR_F64,
    SCALAR_C64, SCALAR_F4, SCALAR_F6, SCALAR_F8        /* safetensors only; scalar_f64 does not read them */
} Scalar;

unsigned scalar_bits(Scalar t);                       /* of one element; 0 for SCALAR_NONE */
/* One element as a double; 64-bit integers past 2^53 round.  `p` needs no alignment. */
double scalar_f64(Scalar t, bool big_endian, const void *p);
/* n elements that lie `stride` bytes apart, as float32, rounded once.  The plain copy is a memcpy. */
void scalar_f32s(Scalar t, bool big_endian, const void *p, size_t n, size_t stride, float *out);

#endif
