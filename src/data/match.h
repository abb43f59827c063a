/* match - which input row each output row of an unknown program came from, found by looking at the rows alone.
 *
 * Four ways, the surest first, each for the rows that are left:
 *     exact        the same canonical bytes; the k-th of equal output rows takes the k-th of equal input rows
 *     key          the same values in the key columns: declared, or a column that is unique on both sides, that holds 99 % of
 *                  the output's values, and whose pairs agree in most other columns
 *     projection   the same values in all columns that both sides have, by name, or renamed (a whole column of the same
 *                  values); numbers compare by what they say: 1.50 is 1.5
 *     position     between two matched neighbours on each side that are as far apart in input and output; a guess
 * What is left is opaque: it may come from any input row.  Where several different input rows fit, none is chosen; the row
 * is opaque and counted as ambiguous, for a wrong edge is worse than none.
 *
 * Memory: both files, and about 60 bytes an input row.  How to add a way: a function beside the four in match_ways. */
#ifndef MATCH_H
#define MATCH_H
#include "data/rowmap.h"
#include "data/rowset.h"

enum { MATCH_ROWS_MAX = 1 << 30, MATCH_KEYS_MAX = 16 };

typedef struct MatchAsk {
    const RowSet      *in;                             /* `inputs` of them */
    uint32_t           inputs;
    const RowSet      *out;
    const char *const *key;                            /* columns that together name a row; 0: look for one */
    size_t             keys;
    bool               allow_position;                 /* rows by number when nothing else matched          */
} MatchAsk;

typedef struct Matched {
    uint64_t  rows;
    uint32_t *from;                                    /* as in rowmap.h */
    uint8_t  *evidence;
    uint64_t  count[EVIDENCES];
    uint64_t  modified, copies, ambiguous;             /* key edges with other values; exact rows beyond the input's copies */
    bool     *is_copy;
    uint64_t *changed;                                 /* for each output column: key edges where its value differs         */
    Str       key;                                     /* the column that was found; empty: declared or none                */
} Matched;

/* Owned: matched_free(), also after a failure; key is borrowed from the output's columns. */
bool match_rows(const MatchAsk *ask, Matched *out, Err *e);
void matched_free(Matched *m);
/* Whether output row i and its input row differ in output column c, both sides having it. */
bool match_differs(const MatchAsk *ask, const Matched *m, uint64_t i, size_t c);

/* What became of each input row, over all outputs of a step. */
typedef enum { FATE_DROPPED, FATE_DUPLICATE, FATE_USED, FATES } Fate;
/* `fate` holds all input rows; `used` says which some output names.  FATE_DUPLICATE: an equal row is used in its place. */
bool match_fates(const RowSet *in, uint32_t inputs, uint8_t *fate, uint64_t count[static FATES], Err *e);

#endif
