/* cell.h - what table.c and matrix.c both ask of a CSV file: its rows one by one, its names, and what a cell is. */
#ifndef CELL_H
#define CELL_H
#include "format/csv.h"
#include "format/table.h"

/* Calls fn for each row until it returns false; false then, or with the reader's error.  A sniffed delimiter is put
 * into *o, so that the next pass need not. */
typedef bool RowFn(void *ctx, const CsvRow *row, Err *e);
bool cell_rows(Str csv, CsvOptions *o, RowFn *fn, void *ctx, Err *e);

bool cell_missing(Str s);                             /* empty, NA, nan, NaN                      */
bool cell_i64(Str s, int64_t *out);                   /* [+-]digits within 64 bits                */
bool cell_is_header(const CsvRow *first, HeaderMode mode);
/* The names of the columns: the row's fields, copied, or made of `prefix` and a number.  Duplicates are an error. */
bool cell_names(Arena *a, const CsvRow *first, bool header, char prefix, Str **out, Err *e);

#endif
