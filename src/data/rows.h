/* rows.h - the rows of a file, each as bytes that do not depend on how the file was written, under one Merkle root.
 *
 *     csv     each field after unquoting: varint length, bytes            (the header is bound beside the root)
 *     lines   the line without its end                                    (text, JSON lines)
 *     npy     varint length of the type's name ("f4"), name, the row in C order, little-endian
 *     idx     the same
 *
 * A chunk of 4096 rows is an aligned subtree of RFC 6962's tree, so the root follows from the chunk roots alone and they are
 * all that is kept: 32 bytes for 4096 rows say where a change is, and prove a row after hashing its chunk again.
 *
 * Bytes are fed in any pieces; the sum does not depend on the cut.  How to add a format: a reader in rows_*.c, a row
 * in the table of rows.c.  Trusted: nothing; a file that does not parse is an error with its place. */
#ifndef ROWS_H
#define ROWS_H
#include "crypto/merkle.h"

enum { ROWS_CHUNK = 4096 };
typedef enum { ROWS_FILES, ROWS_CSV, ROWS_LINES, ROWS_NPY, ROWS_IDX, ROW_KINDS } RowKind;

/* As declared ("csv"), or by the ending of the path when that is empty; ROWS_FILES when nothing says more. */
RowKind     rows_kind(Str declared, Str path);
const char *rows_kind_name(RowKind k);

/* Told of each row, in order: its leaf, for finding out which rows changed, and its bytes, for finding out from what. */
typedef struct RowTap {
    void (*leaf)(void *ctx, uint64_t row, const Digest *leaf);
    void *ctx;
    void (*row)(void *ctx, uint64_t row, const Digest *leaf, const Str *parts, size_t n);   /* parts are borrowed until it returns */
} RowTap;

typedef struct RowSum {
    uint64_t rows;
    Digest   root;
    Buf      roots;                                    /* Digest for each chunk                       */
    Buf      header;                                   /* JSON object: what the rows mean; see rows.c */
} RowSum;
void row_sum_free(RowSum *s);

typedef struct Rows Rows;                              /* belongs to one thread at a time */
/* `kind` is not ROWS_FILES.  `bytes` is the size of the file.  Owned: rows_free().  NULL only when out of memory. */
Rows *rows_new(RowKind kind, uint64_t bytes, RowTap tap);
void  rows_free(Rows *r);                              /* NULL is fine */
/* The next piece; it is borrowed until the call returns. */
bool rows_feed(Rows *r, Str piece, bool last, Err *e);
/* After the last piece.  Owned: row_sum_free(). */
bool rows_sum(Rows *r, RowSum *out, Err *e);

#endif
