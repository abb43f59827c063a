/* table.h - what training, drift and outlier checks read: typed columns, or one float32 matrix with a label a row.
 *
 * A *Table* is a CSV file as columns, their types inferred or asked for.  A *Matrix* is the same for CSV, npy and IDX:
 * the format is told by the first bytes, gzip is inflated for IDX.
 *
 * Trusted: nothing.  All lives in the arena, whose limit bounds the job. */
#ifndef TABLE_H
#define TABLE_H
#include "base/base.h"

typedef enum { COLUMN_AUTO, COLUMN_INT, COLUMN_F32, COLUMN_F64, COLUMN_TEXT } ColumnType;
typedef enum { HEADER_AUTO, HEADER_YES, HEADER_NO } HeaderMode; /* auto: a first row without any number is one */

typedef struct Column {
    Str        name;                                  /* from the header, else "c0", "c1" ...       */
    ColumnType type;                                  /* never COLUMN_AUTO                          */
    uint64_t   missing;                               /* empty, "NA", "nan", "NaN": NaN             */
    union {
        int64_t *i64;
        float   *f32;
        double  *f64;
        Str     *text;
    };
} Column;

typedef struct Table {
    uint64_t rows;
    size_t   count;
    Column  *column;
    char     delimiter;
} Table;

typedef struct TableAsk {
    char       delimiter;                             /* 0: sniffed                                                     */
    HeaderMode header;
    bool       lenient;
    ColumnType number;                                /* F32, F64: what numbers become; AUTO: INT where all are whole and
                                                         none is missing, else F64; TEXT: all stays text                */
} TableAsk;

/* Text fields are borrowed from `csv` where they need no unquoting.  Duplicate names are an error. */
bool table_read(Arena *a, Str csv, const TableAsk *ask, Table *out, Err *e);
const Column *table_column(const Table *t, Str name); /* NULL when there is none */
/* Row i of a column as a number; NaN for text. */
double column_f64(const Column *c, uint64_t i);

typedef struct Matrix {
    uint64_t  rows, cols;
    float    *x;                                      /* rows * cols, row by row                                  */
    Str      *name;                                   /* cols names; "x0", "x1" ... where the format has none     */
    uint32_t *label;                                  /* one a row, an index into class; NULL without labels      */
    Str      *class;                                  /* distinct labels: numbers by value, texts by bytes        */
    size_t    classes;
    uint64_t  not_finite;                             /* cells that are NaN (empty fields too) or infinite ...    */
    uint64_t  bad_row, bad_col;                       /* ... and the first of them                                */
} Matrix;

typedef struct MatrixAsk {
    const char *label;                                /* CSV: the label column's name; npy, IDX: path of the labels' file;
                                                         NULL: no labels */
    char        delimiter;                            /* CSV: 0 is sniffed                                        */
    HeaderMode  header;
    const Str  *keep;                                 /* CSV: only these columns, in this order ...               */
    size_t      keeps;                                /* ... 0: all but the label                                 */
    const Str  *skip;                                 /* CSV: and but these                                       */
    size_t      skips;
    double      divide;                               /* every cell by this, e.g. 255 for images; 0: as it is     */
} MatrixAsk;

enum { MATRIX_CLASSES_MAX = 65536 };

/* Reads CSV, npy or IDX (plain or gzip) at `path`.  A label column is not part of x; a text in another column is an
 * error with line and name.  Errors name the file. */
bool matrix_read(Arena *a, const char *path, const MatrixAsk *ask, Matrix *out, Err *e);

#endif
