/* transform.h - rows taken over as they are written: filter, sample, split.  What is kept is known, so the map is exact.
 *
 * The bytes of a row go to the output unchanged, quotes and line ends included; the first line of a CSV file with column names
 * goes to every output.  Same input, same seed, same bytes.  CSV and lines. */
#ifndef TRANSFORM_H
#define TRANSFORM_H
#include "data/predicate.h"
#include "data/rowset.h"

/* For each row of the input the number of the output it goes to, or NO_OUTPUT. */
enum { NO_OUTPUT = 0xFFFF, TRANSFORM_OUTPUTS = 16 };

/* `out` holds in->rows numbers.  Column "line" of a file of lines is the line. */
bool keep_where(const RowSet *in, Str condition, uint16_t *out, Err *e);
/* Exactly `rows` of them (E_USAGE when there are fewer), each set of rows as likely as any other. */
bool keep_sample(const RowSet *in, uint64_t rows, uint64_t seed, uint16_t *out, Err *e);
/* Each output gets its share, to the row; rows with the same value in column `by` (NULL: each for itself) stay together, and
 * then shares are met only as far as chance has it. */
bool keep_split(const RowSet *in, const double *share, size_t shares, const char *by, uint64_t seed, uint16_t *out, Err *e);

/* Writes the head of the file and the rows whose number is `which` to fd. */
bool transform_write(const char *path, const RowSet *in, const uint16_t *to, uint16_t which, int fd, Err *e);

#endif
