/* key_token.c - the text of an API key; see key.h. */
#include "gate/key.h"
#include "crypto/secret.h"
#include <zlib.h>

enum { ENV_MIN = 2, ENV_MAX = 8, SECRET_DIGITS = 27, CRC_DIGITS = 6, PREFIX = 5,
       AFTER_ENV = 1 + TOKEN_ID + 1 + SECRET_DIGITS + 1 + CRC_DIGITS,
       SHORTEST = PREFIX + ENV_MIN + AFTER_ENV, LONGEST = PREFIX + ENV_MAX + AFTER_ENV };

static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static int digit_value(char c)
{
    unsigned low = (unsigned)c - '0', up = (unsigned)c - 'A', small = (unsigned)c - 'a';
    return low < 10 ? (int)low : up < 26 ? (int)up + 10 : small < 26 ? (int)small + 36 : -1;
}

static bool is_base62(Str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (digit_value(s.p[i]) < 0)
            return false;
    return true;
}

static bool is_env(Str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 'a' || s.p[i] > 'z')
            return false;
    return s.n >= ENV_MIN && s.n <= ENV_MAX;
}

/* number = number * 62 + digit, in limbs of 32 bits, the lowest first; false when it leaves 160 bits. */
static bool secret_add(uint32_t number[static TOKEN_SECRET / 4], unsigned digit)
{
    uint64_t carry = digit;
    for (size_t i = 0; i < TOKEN_SECRET / 4; i++) {
        carry += number[i] * UINT64_C(62);
        number[i] = (uint32_t)carry;
        carry >>= 32;
    }
    return carry == 0;
}

static bool secret_parse(Str s, uint8_t out[static TOKEN_SECRET])
{
    uint32_t number[TOKEN_SECRET / 4] = { 0 };
    bool     fits = true;
    for (size_t i = 0; fits && i < s.n; i++)
        fits = secret_add(number, (unsigned)digit_value(s.p[i]));
    for (size_t i = 0; i < TOKEN_SECRET; i++)          /* big-endian */
        out[i] = (uint8_t)(number[(TOKEN_SECRET - 1 - i) / 4] >> 8 * ((TOKEN_SECRET - 1 - i) % 4));
    wipe(number, sizeof number);
    return fits;
}

static void secret_text(const uint8_t secret[static TOKEN_SECRET], char out[static SECRET_DIGITS])
{
    uint8_t n[TOKEN_SECRET];
    memcpy(n, secret, sizeof n);
    for (size_t i = SECRET_DIGITS; i-- > 0;) {
        unsigned rest = 0;
        for (size_t k = 0; k < sizeof n; k++) {
            rest = rest << 8 | n[k];
            n[k] = (uint8_t)(rest / 62), rest %= 62;
        }
        out[i] = digits[rest];
    }
    wipe(n, sizeof n);
}

static void crc_text(Str s, char out[static CRC_DIGITS])
{
    uint32_t crc = (uint32_t)crc32(0, (const Bytef *)s.p, (uInt)s.n);
    for (size_t i = CRC_DIGITS; i-- > 0; crc /= 62)
        out[i] = digits[crc % 62];
}

bool token_parse(Str text, Token *out)
{
    char crc[CRC_DIGITS];
    if (text.n < SHORTEST || text.n > LONGEST || !str_starts(text, S("moat_")))
        return false;
    size_t env = text.n - PREFIX - AFTER_ENV;
    Str    rest = str_from(text, PREFIX + env);        /* _id_secret_crc */
    Str    id = { rest.p + 1, TOKEN_ID }, secret = { id.p + TOKEN_ID + 1, SECRET_DIGITS };
    if (rest.p[0] != '_' || id.p[TOKEN_ID] != '_' || secret.p[SECRET_DIGITS] != '_')
        return false;
    out->env = (Str){ text.p + PREFIX, env }, out->id = id;
    if (!is_env(out->env) || !is_base62(id) || !is_base62(secret))
        return false;
    crc_text((Str){ text.p, text.n - CRC_DIGITS - 1 }, crc);
    return memcmp(crc, secret.p + SECRET_DIGITS + 1, CRC_DIGITS) == 0 && secret_parse(secret, out->secret);
}

size_t token_write(Str env, Str id, const uint8_t secret[static TOKEN_SECRET], char out[static TOKEN_MAX])
{
    if (!is_env(env) || id.n != TOKEN_ID || !is_base62(id))
        return 0;
    size_t n = (size_t)snprintf(out, TOKEN_MAX, "moat_%.*s_%.*s_", STR(env), STR(id));
    secret_text(secret, out + n);
    n += SECRET_DIGITS;
    out[n] = '_';
    crc_text((Str){ out, n }, out + n + 1);
    n += 1 + CRC_DIGITS;
    out[n] = '\0';
    return n;
}

/* ---- tokens where they should not be */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One character of percent-encoded text at *i, which moves on. */
static char decode_at(Str text, size_t *i)
{
    size_t at = (*i)++;
    if (text.p[at] != '%' || text.n - at < 3)
        return text.p[at];
    int high = hex_value(text.p[at + 1]), low = hex_value(text.p[at + 2]);
    if (high < 0 || low < 0)
        return '%';
    *i = at + 3;
    return (char)(high << 4 | low);
}

static bool token_at(Str text, size_t i)
{
    char   run[LONGEST];
    size_t n = 0;
    Token  t;
    bool   found = false;
    while (n < LONGEST && i < text.n) {
        char c = decode_at(text, &i);
        if (digit_value(c) < 0 && c != '_')
            break;
        if (n < PREFIX && c != "moat_"[n])
            return false;
        run[n++] = c;
    }
    for (size_t len = SHORTEST; len <= n && !found; len++)
        found = token_parse((Str){ run, len }, &t);
    wipe(run, sizeof run);
    wipe(&t, sizeof t);
    return found;
}

bool token_within(Str text)
{
    for (size_t i = 0; i < text.n; i++)
        if (token_at(text, i))
            return true;
    return false;
}
