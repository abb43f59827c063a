/* text.c - bytes as text: hex and base64 of digest.h. */
#include "crypto/digest.h"

static const char hex_digits[] = "0123456789abcdef";

static void hex_write(char *out, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[2 * i] = hex_digits[p[i] >> 4], out[2 * i + 1] = hex_digits[p[i] & 15];
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool hex_read(Str hex, uint8_t *out)
{
    if (hex.n % 2)
        return false;
    for (size_t i = 0; i < hex.n; i += 2) {
        int hi = hex_value(hex.p[i]), lo = hex_value(hex.p[i + 1]);
        if (hi < 0 || lo < 0)
            return false;
        out[i / 2] = (uint8_t)(hi << 4 | lo);
    }
    return true;
}

void digest_hex(const Digest *d, char out[static DIGEST_HEX])
{
    hex_write(out, d->b, sizeof d->b);
    out[DIGEST_HEX - 1] = '\0';
}

bool digest_parse(Str hex, Digest *out)
{
    Digest d;
    if (hex.n != 2 * sizeof d.b || !hex_read(hex, d.b))
        return false;
    *out = d;
    return true;
}

void hex_put(Buf *b, Str bytes)
{
    char pair[2];
    for (size_t i = 0; i < bytes.n; i++) {
        hex_write(pair, (const uint8_t *)bytes.p + i, 1);
        buf_put(b, pair, sizeof pair);
    }
}

bool hex_get(Buf *b, Str hex)
{
    size_t  before = b->n;
    uint8_t byte;
    if (hex.n % 2)
        return false;
    for (size_t i = 0; i < hex.n; i += 2) {
        if (!hex_read((Str){ hex.p + i, 2 }, &byte))
            return b->n = before, false;
        buf_byte(b, byte);
    }
    return !b->bad;
}

/* ---- base64, RFC 4648 s4 */

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_put(Buf *b, Str bytes)
{
    const uint8_t *p = (const uint8_t *)bytes.p;
    for (size_t i = 0; i < bytes.n; i += 3) {
        size_t   left = bytes.n - i;
        uint32_t v = (uint32_t)p[i] << 16 | (left > 1 ? (uint32_t)p[i + 1] << 8 : 0) | (left > 2 ? p[i + 2] : 0);
        char     out[4] = { base64_digits[v >> 18], base64_digits[v >> 12 & 63], left > 1 ? base64_digits[v >> 6 & 63] : '=',
                            left > 2 ? base64_digits[v & 63] : '=' };
        buf_put(b, out, sizeof out);
    }
}

static int base64_value(char c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

/* Four characters to `left` bytes; the bits that padding throws away must be zero, or one value had many spellings. */
static bool base64_quad(const char *q, size_t pad, uint8_t out[static 3])
{
    uint32_t v = 0;
    for (size_t i = 0; i < 4; i++) {
        int d = i >= 4 - pad ? 0 : base64_value(q[i]);
        if (d < 0)
            return false;
        v = v << 6 | (uint32_t)d;
    }
    out[0] = (uint8_t)(v >> 16), out[1] = (uint8_t)(v >> 8), out[2] = (uint8_t)v;
    return pad == 0 || (pad == 1 ? out[2] == 0 : out[1] == 0 && out[2] == 0);
}

bool base64_get(Buf *b, Str text)
{
    size_t before = b->n;
    if (text.n % 4)
        return false;
    for (size_t i = 0; i < text.n; i += 4) {
        const char *q = text.p + i;
        uint8_t     out[3];
        bool        last = i + 4 == text.n;
        size_t      pad = last && q[3] == '=' ? 1 + (q[2] == '=') : 0;
        if (!base64_quad(q, pad, out))
            return b->n = before, false;
        buf_put(b, out, 3 - pad);
    }
    return !b->bad;
}
