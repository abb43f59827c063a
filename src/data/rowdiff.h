/* rowdiff.h - what changed in a file since it was stored: which rows, or, where there are none, which bytes.
 *
 * Both sides are read again as rows.  What is equal at the start and at the end is taken off; between, each difference ends
 * where a few rows go on alike, looked for near by first.  That need not be the shortest list of changes, but it is a true
 * one.  Above ROWDIFF_ROWS rows only the 4096-row chunk roots are compared, and ranges are whole chunks. */
#ifndef ROWDIFF_H
#define ROWDIFF_H
#include "data/rows.h"
#include "data/stored.h"

enum { ROWDIFF_ROWS = 16 << 20, ROWDIFF_RANGES = 1000 };

typedef struct RowRange {
    uint64_t from, to;                                 /* row `from` (0-based) as it was is row `to` now */
    uint64_t was, is;                                  /* so many rows became so many                    */
} RowRange;

typedef struct RowDiff {
    uint64_t rows_before, rows_after;
    RowRange range[ROWDIFF_RANGES];
    size_t   count;                                    /* 0: the same rows, written otherwise         */
    uint64_t more;                                     /* ranges that did not fit                     */
    uint64_t changed;                                  /* rows in all ranges, the larger side of each */
    bool     chunks;                                   /* ranges are whole chunks                     */
} RowDiff;

/* `fd` is the file as it is, read from its start.  False: a side could not be read; *ours tells that it was the file. */
bool row_diff(const Store *s, const TreeEntry *was, RowKind kind, int fd, uint64_t bytes, RowDiff *out, bool *ours, Err *e);

typedef struct ByteDiff {
    uint64_t before, after;                            /* sizes                                        */
    uint64_t first, last;                              /* offsets of differing bytes in the common part */
    bool     differs;                                  /* in the common part                           */
} ByteDiff;
bool byte_diff(const Store *s, const TreeEntry *was, int fd, uint64_t bytes, ByteDiff *out, Err *e);

#endif
