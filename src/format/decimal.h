/* decimal.h - number literals compared as what they say, not as the nearest double: 0.1 is a tenth, 2^63+1 is odd.
 *
 * A Decimal points into its literal; nothing is converted.  Exponents saturate at 10^17: two numbers that only differ
 * beyond that (1e999999999999999999999 has 21 digits of exponent) compare as equal. */
#ifndef DECIMAL_H
#define DECIMAL_H
#include "base/base.h"

typedef struct Decimal {
    Str     digits;                                   /* first to last significant digit, maybe a point between; empty: zero */
    int64_t exponent;                                 /* of the first significant digit: 1 is 0, 0.05 is -2, 120 is 2  */
    int64_t last;                                     /* of the last one: a whole number has last >= 0                 */
    bool    minus;
} Decimal;

/* [+-]digits[.digits][e[+-]digits]; false when the literal is anything else.  Borrows the literal. */
bool decimal_of(Str literal, Decimal *out);
int  decimal_cmp(const Decimal *a, const Decimal *b); /* < 0, 0, > 0; -0 equals 0 */
static inline bool decimal_whole(const Decimal *d) { return d->digits.n == 0 || d->last >= 0; }
/* The size of a whole number below 2^64, without its sign. */
bool decimal_u64(const Decimal *d, uint64_t *out);
/* The i-th significant digit, 0 past the last. */
typedef struct DecimalDigits {
    Str    digits;
    size_t at;
} DecimalDigits;
int decimal_next(DecimalDigits *d);

#endif
