/* npy.h - NumPy's .npy arrays, versions 1 to 3.
 *
 * The header is a Python literal; exactly {descr, fortran_order, shape} is read, in any order, and nothing is ever
 * evaluated.  Object arrays are pickles and refused with E_DENIED, and so are structured and text types, which have
 * no numbers to give.  The product of the shape must be the bytes that are there: nothing is allocated from a header.
 *
 * Trusted: nothing.  An Npy is a view: it lives as long as the bytes it was read from. */
#ifndef NPY_H
#define NPY_H
#include "format/scalar.h"

enum { NPY_DIMS = 32, NPY_HEADER_MAX = 64 << 10 };

typedef struct Npy {
    Scalar   type;
    bool     big_endian, fortran;
    unsigned dims;                                    /* 0 for a single number                       */
    uint64_t shape[NPY_DIMS];
    uint64_t count;                                   /* product of the shape                        */
    uint64_t rows, width;                             /* shape[0] (1 without one); elements in a row */
    char     descr[8];                                /* "<f4", as written                           */
    Str      data;                                    /* exactly count elements                      */
} Npy;

bool npy_read(Str file, Npy *out, Err *e);
/* The header alone, for readers that stream: `start` is the file's first NPY_START_MAX bytes, or all of it.  The data begin
 * at *data_at and are not looked at; out->data is empty. */
enum { NPY_START_MAX = NPY_HEADER_MAX + 12 };
bool npy_head(Str start, Npy *out, uint64_t *data_at, Err *e);
/* Element i of the array in C order, whatever order it is stored in. */
double npy_f64(const Npy *a, uint64_t i);
/* Row `row` (all elements with that first index) in C order: width floats, or width elements little-endian. */
void npy_row_f32(const Npy *a, uint64_t row, float *out);
void npy_row_bytes(const Npy *a, uint64_t row, void *out);

/* The writer: version 1, C order, little-endian.  Put the header, then the elements.  SCALAR_BOOL to SCALAR_F64, not BF16. */
void npy_header(Buf *out, Scalar type, const uint64_t *shape, unsigned dims);
void npy_write_f32(Buf *out, const float *v, uint64_t rows, uint64_t width);

#endif
