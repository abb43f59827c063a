/* csv_marks.h - where in a block the bytes are that CSV gives a meaning: the delimiter, quotes, CR, LF and NUL. */
#ifndef CSV_MARKS_H
#define CSV_MARKS_H
#include <stddef.h>
#include <stdint.h>

enum { CSV_MARKS_SLACK = 64 };                        /* `mark` has room for n + so many entries */

/* Offsets of the marks in p[0, n), ascending; returns how many. */
typedef size_t CsvMarks(const char *p, size_t n, char delimiter, uint32_t *mark);
CsvMarks  csv_marks_plain;                            /* the truth     */
CsvMarks  csv_marks_avx2;                             /* 32 bytes each */
CsvMarks *csv_marks(void);                            /* the fastest this processor can run */

#endif
