/* keep.h - a file's rows without some of them: the bytes that were there, nothing printed anew.
 *
 * CSV rows are copied with their line ends, a header stays; npy and IDX keep their type and order of bytes, npy in C order.
 * Trusted: nothing; rows are counted again and must be as many as were judged. */
#ifndef DATA_KEEP_H
#define DATA_KEEP_H
#include "base/base.h"

typedef struct Keep {
    const bool *row;                                   /* rows: which stay */
    uint64_t    rows;
} Keep;

/* Replaces `to` at once with the rows of the CSV, npy or IDX file `from` (gzip is inflated) that stay. */
bool keep_rows(Arena *a, const char *from, const Keep *k, const char *to, Err *e);

#endif
