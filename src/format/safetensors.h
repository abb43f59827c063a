/* safetensors.h - tensors in one file: u64 header length, a JSON header, then the bytes of all tensors.
 *
 * Strict where readers differ: no duplicate names, offsets that tile the data exactly (no hole, no overlap, nothing
 * left over), shape times type equal to the bytes, metadata of strings only.  So there is one way to understand a file.
 *
 * Trusted: nothing. */
#ifndef SAFETENSORS_H
#define SAFETENSORS_H
#include "format/json.h"
#include "format/scalar.h"

enum { SAFETENSORS_HEADER_MAX = 100000000, SAFETENSORS_DIMS = 16 };

typedef struct SafeTensor {
    Str      name;
    Scalar   type;
    Str      type_name;                               /* "F32", as written                  */
    unsigned dims;
    uint64_t shape[SAFETENSORS_DIMS];
    uint64_t at;                                      /* byte of the file its data start at */
    Str      data;
} SafeTensor;

typedef struct Safetensors {
    SafeTensor *tensor;                               /* in the order of their data         */
    size_t      count;
    const Json *header;                               /* as written                         */
    const Json *metadata;                             /* object of strings; NULL: none      */
} Safetensors;

/* The tree lives in the arena, the data stay in `file`. */
bool safetensors_read(Arena *a, Str file, Safetensors *out, Err *e);
const SafeTensor *safetensors_find(const Safetensors *s, const char *name);

/* Deterministic: wide types first as in the reference, then by name; the header is padded with blanks to 8 bytes.
 * `metadata` is pairs name, value, written in that order; NULL and 0 for none.  False for duplicate names or data of
 * another size than shape times type; SCALAR_BOOL to SCALAR_F64 only. */
bool safetensors_write(Buf *out, const SafeTensor *tensor, size_t count, const Str (*metadata)[2], size_t pairs,
                       Err *e);

#endif
