/* csv_put.h - one line of CSV, so that csv.h reads the same fields back. */
#ifndef CSV_PUT_H
#define CSV_PUT_H
#include "base/base.h"

/* A field, quoted when it must be.  An empty one stands as nothing. */
void csv_put(Buf *b, Str field);
/* A line with commas and LF; one empty field alone is written as "". */
void csv_put_row(Buf *b, const Str *field, size_t n);

#endif
