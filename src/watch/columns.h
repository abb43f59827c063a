/* columns.h - a CSV, npy or IDX file as columns of doubles or texts; the format is told by the first bytes. */
#ifndef COLUMNS_H
#define COLUMNS_H
#include "base/base.h"

typedef struct ColumnOf {
    Str     name;                                      /* of the header, or c0, c1 ...                   */
    double *num;                                       /* rows of them, NaN where missing; NULL: texts   */
    Str    *text;                                      /* also of a numeric column when it was asked for */
} ColumnOf;

typedef struct Columns {
    uint64_t  rows;
    size_t    count;
    ColumnOf *v;
} Columns;

enum { COLUMNS_MAX = 1 << 20 };

/* `texts`: columns that are categories even if they look like numbers.  Texts are borrowed from `file`, which lives as long
 * as the arena.  Errors do not name the file. */
bool            columns_read(Arena *a, Str file, const Str *texts, size_t text_count, Columns *out, Err *e);
const ColumnOf *columns_find(const Columns *c, Str name);
bool            column_is_missing(const ColumnOf *c, uint64_t row);

#endif
