/* csv.h - CSV (RFC 4180) row by row, from a mapped file or from pieces cut anywhere.
 *
 *     Csv *c = csv_new(&(CsvOptions){ 0 });           one reader a file
 *     csv_feed(c, map.bytes, true);                   or piece by piece, the last one with true
 *     while ((got = csv_next(c, &row, &e)) == CSV_ROW)
 *         use(row.field[0], row.count);
 *
 * The rows, and the error if there is one, are the same whatever the cut.  Fields are unquoted bytes; spaces are data.
 * Strict by default: bytes after a closing quote, a quote inside a bare field, rows of another width than the first,
 * NUL, a lone CR and a quote still open at the end are errors with the physical line.  A blank line is a row only
 * where rows have one field.  The first row is a row like any other; names and types are table.h's business.
 *
 * Trusted: nothing.  Rows, fields and the sniffing window have named limits. */
#ifndef CSV_H
#define CSV_H
#include "base/base.h"

enum {
    CSV_ROW_MAX = 64 << 20,                           /* bytes in one row                                        */
    CSV_FIELDS_MAX = 1 << 20,                         /* fields in one row                                       */
    CSV_SNIFF = 64 << 10                              /* the delimiter is chosen from so many bytes at the start */
};

typedef struct CsvOptions {
    char delimiter;                                   /* ',' ';' '\t' or '|'; 0: the one that cuts the first rows alike */
    bool lenient;                                     /* blank lines, lone CRs and quotes in bare fields are fine       */
} CsvOptions;

typedef struct CsvRow {
    const Str *field;                                 /* borrowed until the next csv_next or csv_feed */
    size_t     count;
    uint64_t   index;                                 /* from 0; the header counts                    */
    uint64_t   line;                                  /* physical line it starts on, from 1           */
    uint64_t   at;                                    /* byte offset in the whole input               */
} CsvRow;

typedef enum { CSV_ROW, CSV_MORE, CSV_END, CSV_ERROR } CsvStep;

typedef struct Csv Csv;                               /* belongs to one thread at a time */
Csv *csv_new(const CsvOptions *o);                    /* owned: csv_free(); NULL when out of memory; o may be NULL */
void csv_free(Csv *c);                                /* NULL is fine */
static inline void csv_drop(Csv **c) { csv_free(*c); }
#define defer_csv __attribute__((cleanup(csv_drop)))

/* Hands over the next bytes; they must live until csv_next has answered CSV_MORE or CSV_END.  Only the first call, or
 * one after CSV_MORE.  A piece that is the whole input is never copied. */
void csv_feed(Csv *c, Str piece, bool last);

/* CSV_ROW fills *row.  CSV_MORE wants csv_feed.  CSV_ERROR sets *e and sticks. */
CsvStep csv_next(Csv *c, CsvRow *row, Err *e);

char csv_delimiter(const Csv *c);                     /* given or sniffed; 0 before the first row */

#endif
