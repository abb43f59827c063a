/* json_scan.h - runs of bytes inside JSON: blanks, digits, plain text; and what a number literal amounts to.
 *
 * These are where the time goes.  The plain loops are the truth; the wide steps beside them must stop at the same byte. */
#ifndef JSON_SCAN_H
#define JSON_SCAN_H
#include "base/base.h"

/* The first byte that is none of the run's, or `end`. */
const char *scan_blanks(const char *p, const char *end);
const char *scan_digits(const char *p, const char *end);
const char *scan_plain(const char *p, const char *end);   /* stops at a quote, backslash, control or non-ASCII byte */

/* Bytes that must follow the UTF-8 lead byte c, the first of them within [*low, *top]; 0 when c leads nothing. */
uint8_t scan_utf8_lead(uint8_t c, uint8_t *low, uint8_t *top);

/* Numbers (RFC 8259 s6): one state for each place between two bytes; 0 from number_next() when c does not belong. */
enum { N_START, N_MINUS, N_ZERO, N_INT, N_POINT, N_FRAC, N_E, N_SIGN, N_EXP };
static inline uint8_t number_next(uint8_t state, char c)
{
    bool digit = c >= '0' && c <= '9';
    switch (state) {
    case N_START: return c == '-' ? N_MINUS : c == '0' ? N_ZERO : digit ? N_INT : 0;
    case N_MINUS: return c == '0' ? N_ZERO : digit ? N_INT : 0;
    case N_INT:   if (digit) return N_INT; /* fall through */
    case N_ZERO:  return c == '.' ? N_POINT : (c | 32) == 'e' ? N_E : 0;
    case N_FRAC:  return digit ? N_FRAC : (c | 32) == 'e' ? N_E : 0;
    case N_POINT: return digit ? N_FRAC : 0;
    case N_E:     return digit ? N_EXP : c == '+' || c == '-' ? N_SIGN : 0;
    default:      return digit ? N_EXP : 0;
    }
}
static inline bool number_complete(uint8_t s) { return s == N_ZERO || s == N_INT || s == N_FRAC || s == N_EXP; }
bool scan_is_number(Str s);                                /* all of s is one number */

/* Of a JSON number: an integer literal lies in [-2^63, 2^64-1]; any literal is finite as a double. */
bool scan_integer_64(Str literal);
bool scan_finite(Str literal);

#endif
