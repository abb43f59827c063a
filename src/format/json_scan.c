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

const char *scan_digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

const char *scan_plain(const char *p, const char *end)
{
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
