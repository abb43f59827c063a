/* idx.h - the IDX arrays of MNIST and its kin, plain or in gzip.
 *
 * Two zero bytes, a type, the number of dimensions, then big-endian sizes and elements.  A gzip file is inflated into
 * the arena; how far is known from the 4 + 4 * dims bytes of header alone, so a bomb stops there.
 *
 * Trusted: nothing. */
#ifndef IDX_H
#define IDX_H
#include "format/scalar.h"

enum { IDX_DIMS = 8 };

typedef struct Idx {
    Scalar   type;                                    /* U8, I8, I16, I32, F32 or F64; always big-endian */
    unsigned dims;                                    /* at least 1                                      */
    uint64_t shape[IDX_DIMS];
    uint64_t count, rows, width;                      /* product; shape[0]; elements in a row            */
    Str      data;                                    /* exactly count elements                          */
} Idx;

/* A plain file is viewed, a gzip file is inflated into the arena (whose limit holds). */
bool idx_read(Arena *a, Str file, Idx *out, Err *e);
/* The header alone of a plain file, for readers that stream: `start` is its first IDX_START_MAX bytes, or all of it.  The
 * data begin at *data_at and are not looked at; out->data is empty. */
enum { IDX_START_MAX = 4 + 4 * IDX_DIMS };
bool idx_head(Str start, Idx *out, uint64_t *data_at, Err *e);
bool idx_is_gzip(Str start);

double idx_f64(const Idx *a, uint64_t i);
void   idx_row_f32(const Idx *a, uint64_t row, float *out);

#endif
