/* json_scan.h - runs of bytes inside JSON: blanks, digits, plain text; and what a number literal amounts to.
 *
 * These are where the time goes.  The plain loops are the truth; the wide steps beside them must stop at the same byte. */
#ifndef JSON_SCAN_H
#define JSON_SCAN_H
#include "base/base.h"
#include <endian.h>

/* The first byte that is none of the run's, or `end`. */
const char *scan_blanks(const char *p, const char *end);
const char *scan_digits(const char *p, const char *end);
const char *scan_plain(const char *p, const char *end);   /* stops at a quote, backslash, control or non-ASCII byte */

/* The same, but also over characters of UTF-8 that are whole and well-formed (RFC 3629 s4). */
const char *scan_text(const char *p, const char *end);
size_t scan_utf8(const char *p, const char *end);          /* bytes of the one character at p; 0: none, or cut */
uint32_t scan_whole_digits(Str number);                    /* before the point; 0 for a lone 0 */

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

/* ---- eight bytes at a time, the first in the lowest bits; a mask has the top bit of each byte that matters */

#define SCAN_EACH(byte) (UINT64_C(0x0101010101010101) * (byte))
#define SCAN_TOPS SCAN_EACH(0x80)

static inline uint64_t scan_load8(const char *p)
{
    uint64_t x;
    memcpy(&x, p, sizeof x);
    return le64toh(x);
}

static inline size_t scan_first(uint64_t mask) { return (size_t)__builtin_ctzll(mask) / 8; }

/* Of bytes without their top bit: which are below n.  No borrow crosses a byte, as its top bit is set. */
static inline uint64_t scan_below(uint64_t low, uint8_t n) { return ~((low | SCAN_TOPS) - SCAN_EACH(n)); }

static inline uint64_t scan_no_digits(uint64_t x)
{
    uint64_t low = x & ~SCAN_TOPS, above = low + SCAN_EACH(0x7F - '9');
    return (scan_below(low, '0') | above | x) & SCAN_TOPS;
}

/* How many of the 8 * words bytes at p are digits before the first that is none. */
static inline size_t scan_some_digits(const char *p, size_t words)
{
    for (size_t i = 0; i < words; i++) {
        uint64_t mask = scan_no_digits(scan_load8(p + 8 * i));
        if (mask != 0)
            return 8 * i + scan_first(mask);
    }
    return 8 * words;
}

#endif
