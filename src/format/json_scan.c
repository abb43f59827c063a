/* json_scan.c - see json_scan.h. */
#include "format/json_scan.h"
#include "format/json.h"
#include <math.h>

const char *scan_blanks(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    return p;
}

/* Equal to c. */
static inline uint64_t equal(uint64_t low, uint8_t c) { return scan_below(low ^ SCAN_EACH(c), 1); }

/* Quotes, backslashes, controls and non-ASCII bytes. */
static inline uint64_t no_plain(uint64_t x)
{
    uint64_t low = x & ~SCAN_TOPS;
    return (equal(low, '"') | equal(low, '\\') | scan_below(low, 0x20) | x) & SCAN_TOPS;
}

const char *scan_digits(const char *p, const char *end)
{
    for (; end - p >= 8; p += 8) {
        uint64_t mask = scan_no_digits(scan_load8(p));
        if (mask != 0)
            return p + scan_first(mask);
    }
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

const char *scan_plain(const char *p, const char *end)
{
    for (; end - p >= 8; p += 8) {
        uint64_t mask = no_plain(scan_load8(p));
        if (mask != 0)
            return p + scan_first(mask);
    }
    while (p < end && (uint8_t)*p >= 0x20 && (uint8_t)*p < 0x80 && *p != '"' && *p != '\\')
        p++;
    return p;
}

/* RFC 3629 s4: E0, ED, F0 and F4 narrow their second byte, against overlong forms, surrogates and beyond U+10FFFF. */
uint8_t scan_utf8_lead(uint8_t c, uint8_t *low, uint8_t *top)
{
    *low = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80;
    *top = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
    return c >= 0xC2 && c < 0xE0 ? 1 : c >= 0xE0 && c < 0xF0 ? 2 : c >= 0xF0 && c < 0xF5 ? 3 : 0;
}

size_t scan_utf8(const char *p, const char *end)
{
    uint8_t low, top, n = scan_utf8_lead((uint8_t)*p, &low, &top);
    if (n == 0 || end - p <= n || (uint8_t)p[1] < low || (uint8_t)p[1] > top)
        return 0;
    for (size_t i = 2; i <= n; i++)
        if (((uint8_t)p[i] & 0xC0) != 0x80)
            return 0;
    return (size_t)n + 1;
}

const char *scan_text(const char *p, const char *end)
{
    for (size_t n = 1; n != 0; p += n) {
        p = scan_plain(p, end);
        n = p < end && (uint8_t)*p >= 0x80 ? scan_utf8(p, end) : 0;
    }
    return p;
}

uint32_t scan_whole_digits(Str s)
{
    const char *p = s.p + (s.n > 0 && *s.p == '-');
    return s.n > 0 && *p == '0' ? 0 : (uint32_t)(scan_digits(p, s.p + s.n) - p);
}

bool scan_is_number(Str s)
{
    uint8_t state = N_START;
    for (size_t i = 0; i < s.n; i++)
        if ((state = number_next(state, s.p[i])) == 0)
            return false;
    return number_complete(state);
}

bool scan_integer_64(Str s)
{
    bool     minus = s.n > 0 && s.p[0] == '-';
    uint64_t v;
    return str_u64(minus ? str_from(s, 1) : s, &v) && (!minus || v <= (uint64_t)1 << 63);
}

/* Only from 10^308 on must the value itself be known: digits before the point plus the exponent bound it from above. */
bool scan_finite(Str s)
{
    int64_t exponent = 0, digits = 0;
    bool    minus = false, zero = true;
    size_t  i = s.n > 0 && s.p[0] == '-';
    double  value;
    for (bool point = false; i < s.n && (s.p[i] | 32) != 'e'; i++) {
        point |= s.p[i] == '.';
        digits += !point;
        zero &= s.p[i] == '0' || s.p[i] == '.';
    }
    for (i++; i < s.n; i++) {
        minus |= s.p[i] == '-';
        if (s.p[i] >= '0' && s.p[i] <= '9' && exponent < 100000)
            exponent = exponent * 10 + (s.p[i] - '0');
    }
    if (zero || digits - 1 + (minus ? -exponent : exponent) < 308)
        return true;
    return number_f64(s, &value) && isfinite(value);
}
