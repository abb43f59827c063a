/* match_columns.h - columns of output and inputs side by side, and hashes over some of them. */
#ifndef MATCH_COLUMNS_H
#define MATCH_COLUMNS_H
#include "data/match.h"

#define NO_COLUMN UINT32_MAX

/* Which input a row of all inputs lies in, and its number there. */
uint32_t match_input(const MatchAsk *ask, uint64_t id, uint64_t *row);

typedef struct Columns {
    size_t    n;                                       /* of the output; 0: rows without fields               */
    uint32_t *in;                                      /* [input * n + column]: its number there or NO_COLUMN */
    uint64_t  key[4];                                  /* of the hashes */
    size_t    most;                                    /* columns of the widest side */
    Str      *field, *other;                           /* room for one row each      */
    Buf       scratch;
} Columns;

/* Owned: columns_free(), also after a failure. */
bool columns_begin(Columns *c, const RowSet *in, uint32_t inputs, const RowSet *out, Err *e);
void columns_free(Columns *c);

/* Columns of the output that are wanted; which of a row's fields they are is `in`'s business. */
typedef struct Wanted {
    const uint32_t *column;                            /* output columns, rising */
    size_t          n;
} Wanted;
/* Of an output row (input NO_ROW), or of a row of an input that has all wanted columns. */
Hash128 columns_hash(Columns *c, Str row, uint32_t input, Wanted w);
/* All fields of a row, borrowed; false when it has more than c->most. */
size_t columns_split(const Columns *c, Str row, Str *field);
bool   cells_equal(Str a, Str b);                      /* the same text, or numbers that say the same */

#endif
