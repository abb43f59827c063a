/* rowset.h - all rows of a file in memory: their canonical bytes (rows.h), the start of each leaf, the root, the columns.
 *
 * About the size of the file and 24 bytes a row; for comparing the rows of two files.  Rows are read once and never change.
 *
 * Not trusted: the file. */
#ifndef ROWSET_H
#define ROWSET_H
#include "data/members.h"
#include "data/rows.h"

typedef struct Hash128 {
    uint64_t a, b;
} Hash128;

typedef struct RowSet {
    RowKind  kind;
    uint64_t rows;
    RowSum   sum;                                      /* root, header       */
    Buf      bytes, ends;                              /* uint64_t each      */
    Buf      leaves;                                   /* Hash128 each: the first 16 bytes of the leaf */
    Str     *column;                                   /* names; NULL without a header */
    size_t   columns;                                  /* fields of a row; 0 where rows have none */
    Stamp    stamp;
} RowSet;

/* The regular file at `path`; E_IO when it changes while it is read.  Column names live in the arena.  Owned: rowset_free(),
 * also after a failure. */
bool rowset_read(Arena *a, const char *path, RowKind kind, RowSet *out, Err *e);
void rowset_free(RowSet *s);
#define defer_rowset __attribute__((cleanup(rowset_free)))

static inline const Hash128 *rowset_leaf(const RowSet *s) { return (const Hash128 *)(const void *)s->leaves.p; }
/* Canonical bytes of row i. */
static inline Str rowset_row(const RowSet *s, uint64_t i)
{
    const uint64_t *end = (const uint64_t *)(const void *)s->ends.p;
    uint64_t        from = i ? end[i - 1] : 0;
    return (Str){ s->bytes.p + from, end[i] - from };
}
/* Takes the next field off a canonical CSV row; false at its end. */
bool row_field(Str *row, Str *field);
/* The number of a column; SIZE_MAX when there is none, or two, of that name. */
size_t rowset_column(const RowSet *s, Str name);

#endif
