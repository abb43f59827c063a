/* A token that parses is written back as the same text and is found inside any other; a token made from the input parses
 * and is found however it is surrounded and escaped. */
#include "gate/key.h"

static void check_parse(Str text)
{
    Token t;
    char  again[TOKEN_MAX];
    if (!token_parse(text, &t))
        return;
    if (token_write(t.env, t.id, t.secret, again) != text.n || memcmp(again, text.p, text.n) != 0 || !token_within(text))
        abort();
}

static void put_escaped(Buf *b, Str token, const uint8_t *choice, size_t n)
{
    for (size_t i = 0; i < token.n; i++)
        if (n > 0 && choice[i % n] & 1)
            buf_printf(b, choice[i % n] & 2 ? "%%%02x" : "%%%02X", token.p[i]);
        else
            buf_byte(b, (uint8_t)token.p[i]);
}

static void check_made(const uint8_t *data, size_t n)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    char  env[8], id[TOKEN_ID], text[TOKEN_MAX];
    Token t;
    defer_buf Buf query = { 0 };
    if (n < 1 + 8 + TOKEN_ID + TOKEN_SECRET)
        return;
    for (size_t i = 0; i < 8; i++)
        env[i] = (char)('a' + data[1 + i] % 26), id[i] = digits[data[9 + i] % 62];
    const uint8_t *secret = data + 17;
    size_t         len = token_write((Str){ env, 2 + data[0] % 7 }, (Str){ id, TOKEN_ID }, secret, text);
    if (len == 0 || !token_parse((Str){ text, len }, &t) || memcmp(t.secret, secret, TOKEN_SECRET) != 0)
        abort();
    const uint8_t *rest = secret + TOKEN_SECRET;
    size_t         left = n - (size_t)(rest - data);
    buf_put(&query, rest, left / 2);
    buf_byte(&query, '&');                             /* an open % before it would take its first letters */
    buf_byte(&query, '&');
    put_escaped(&query, (Str){ text, len }, rest, left);
    buf_put(&query, rest + left / 2, left - left / 2);
    if (!query.bad && !token_within(buf_view(&query)))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    check_parse((Str){ (const char *)data, n });
    token_within((Str){ (const char *)data, n });
    check_made(data, n);
    return 0;
}
