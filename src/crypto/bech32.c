/* bech32.c - see bech32.h. */
#include "crypto/bech32.h"
#include <ctype.h>

static const char digits[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

enum { CHECKSUM = 6, DATA_MAX = 128 };                 /* values of five bits: keys have 52 */

static uint32_t polymod_step(uint32_t c, uint8_t v)
{
    static const uint32_t generator[5] = { 0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3 };
    uint32_t              top = c >> 25;
    c = (c & 0x1FFFFFF) << 5 ^ v;
    for (int i = 0; i < 5; i++)
        c ^= top >> i & 1 ? generator[i] : 0;
    return c;
}

static uint32_t polymod(Str hrp, const uint8_t *v, size_t n)
{
    uint32_t c = 1;
    for (size_t i = 0; i < hrp.n; i++)
        c = polymod_step(c, (uint8_t)hrp.p[i] >> 5);
    c = polymod_step(c, 0);
    for (size_t i = 0; i < hrp.n; i++)
        c = polymod_step(c, hrp.p[i] & 31);
    for (size_t i = 0; i < n; i++)
        c = polymod_step(c, v[i]);
    return c;
}

/* Bits regrouped from `from` to `to` a value; the last group is filled with zeros, or must be nothing but such filling. */
static bool regroup(const uint8_t *in, size_t n, int from, int to, bool fill, uint8_t *out, size_t *count)
{
    uint32_t bits = 0;
    int      have = 0;
    *count = 0;
    for (size_t i = 0; i < n; i++) {
        bits = (bits << from | in[i]) & 0xFFFFFF;
        for (have += from; have >= to; have -= to)
            out[(*count)++] = (uint8_t)(bits >> (have - to) & ((1u << to) - 1));
    }
    if (fill && have > 0)
        out[(*count)++] = (uint8_t)(bits << (to - have) & ((1u << to) - 1));
    return fill || (have < from && (bits & ((1u << have) - 1)) == 0);
}

void bech32_put(Buf *b, Str hrp, Str bytes, bool upper)
{
    uint8_t v[DATA_MAX + CHECKSUM] = { 0 };
    size_t  n, start = b->n;
    assert(bytes.n * 8 <= (size_t)DATA_MAX * 5);
    regroup((const uint8_t *)bytes.p, bytes.n, 8, 5, true, v, &n);
    uint32_t sum = polymod(hrp, v, n + CHECKSUM) ^ 1;
    for (int i = 0; i < CHECKSUM; i++)
        v[n++] = sum >> 5 * (CHECKSUM - 1 - i) & 31;
    buf_str(b, hrp);
    buf_byte(b, '1');
    for (size_t i = 0; i < n; i++)
        buf_byte(b, (uint8_t)digits[v[i]]);
    for (size_t i = start; upper && i < b->n; i++)
        b->p[i] = (char)toupper((unsigned char)b->p[i]);
}

static bool one_case(Str s)
{
    bool lower = false, upper = false;
    for (size_t i = 0; i < s.n; i++)
        lower |= islower((unsigned char)s.p[i]) != 0, upper |= isupper((unsigned char)s.p[i]) != 0;
    return !(lower && upper);
}

static bool has_prefix(Str text, Str hrp)
{
    if (text.n <= hrp.n || text.p[hrp.n] != '1')
        return false;
    for (size_t i = 0; i < hrp.n; i++)
        if (tolower((unsigned char)text.p[i]) != hrp.p[i])
            return false;
    return true;
}

bool bech32_get(Str text, Str hrp, uint8_t *out, size_t n)
{
    uint8_t v[DATA_MAX + CHECKSUM], bytes[DATA_MAX];
    size_t  count = 0, got;
    if (!one_case(text) || !has_prefix(text, hrp) || text.n - hrp.n - 1 > sizeof v)
        return false;
    for (Str s = str_from(text, hrp.n + 1); count < s.n; count++) {
        const char *at = memchr(digits, tolower((unsigned char)s.p[count]), sizeof digits - 1);
        if (at == NULL)
            return false;
        v[count] = (uint8_t)(at - digits);
    }
    if (count < CHECKSUM || polymod(hrp, v, count) != 1)
        return false;
    if (!regroup(v, count - CHECKSUM, 5, 8, false, bytes, &got) || got != n)
        return false;
    memcpy(out, bytes, n);
    return true;
}
