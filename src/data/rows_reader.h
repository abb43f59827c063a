/* rows_reader.h - what a format's reader gives to rows.c: canonical rows, one after another, and what they mean. */
#ifndef ROWS_READER_H
#define ROWS_READER_H
#include "data/rows.h"

typedef struct RowSink RowSink;
void row_put(RowSink *s, const Str *parts, size_t n);  /* one row: the parts one after the other */

typedef struct RowReader {
    void *(*open)(uint64_t bytes);                     /* NULL only when out of memory */
    void (*close)(void *self);
    bool (*feed)(void *self, RowSink *to, Str piece, bool last, Err *e);
    void (*header)(const void *self, Buf *json);       /* after the last piece */
} RowReader;

extern const RowReader csv_rows, line_rows, npy_rows, idx_rows;

#endif
