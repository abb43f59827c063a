/* age_header.c - the header of an age file: lines of text, exact to the byte. */
#include "crypto/age_own.h"

enum { COLUMNS = 64, MAC_TEXT = 43 };

void base64_bare_put(Buf *b, Str bytes)
{
    base64_put(b, bytes);
    while (b->n > 0 && b->p[b->n - 1] == '=')
        b->n--;
}

bool base64_bare_get(Buf *b, Str text)
{
    defer_buf Buf padded = { 0 };
    if (memchr(text.p, '=', text.n) != NULL)
        return false;
    buf_str(&padded, text);
    while (padded.n % 4 != 0)
        buf_byte(&padded, '=');
    return !padded.bad && base64_get(b, buf_view(&padded));
}

/* ---- reading */

typedef struct Lines {
    Str      left;
    uint64_t line;
} Lines;

static bool next_line(Lines *l, Str *out)
{
    l->line++;
    return str_cut(l->left, '\n', out, &l->left);
}

static bool wrong(const Lines *l, Err *e, const char *what)
{
    return err_line(e, l->line, "age header: %s", what);
}

static bool read_args(Lines *l, Str line, Stanza *s, Err *e)
{
    for (bool more = true; more;) {
        if (s->arg_count == ARGS_MAX)
            return wrong(l, e, "too many arguments");
        Str *arg = &s->args[s->arg_count++];
        more = str_cut(line, ' ', arg, &line);
        for (size_t i = 0; i < arg->n; i++)
            if (arg->p[i] < 0x21 || arg->p[i] > 0x7E)
                return wrong(l, e, "argument with a character outside ASCII's visible ones");
        if (arg->n == 0)
            return wrong(l, e, "empty argument");
    }
    return true;
}

static bool read_body(Arena *a, Lines *l, Stanza *s, Err *e)
{
    defer_buf Buf text = { 0 }, body = { 0 };
    for (Str line = { .n = COLUMNS }; line.n == COLUMNS; buf_str(&text, line))
        if (!next_line(l, &line) || line.n > COLUMNS)
            return wrong(l, e, "body line of a stanza is missing or too long");
    if (!base64_bare_get(&body, buf_view(&text)))
        return wrong(l, e, "stanza is not canonical base64");
    s->body = arena_str(a, buf_view(&body));
    return s->body.p != NULL || err_nomem(e);
}

static bool read_mac(Lines *l, Str line, AgeHeader *out, Err *e)
{
    defer_buf Buf mac = { 0 };
    if (line.n != MAC_TEXT || !base64_bare_get(&mac, line) || mac.n != sizeof out->mac)
        return wrong(l, e, "authentication code is not 43 characters of canonical base64");
    memcpy(out->mac, mac.p, sizeof out->mac);
    return true;
}

bool header_parse(Arena *a, Str text, AgeHeader *out, Err *e)
{
    Lines l = { .left = str_from(text, sizeof AGE_VERSION - 1), .line = 1 };
    Str   line;
    *out = (AgeHeader){ .v = arena_get(a, STANZAS_MAX, sizeof *out->v) };
    if (out->v == NULL)
        return err_nomem(e);
    if (!str_starts(text, S(AGE_VERSION)))
        return wrong(&l, e, "unsupported version, expected age-encryption.org/v1");
    while (next_line(&l, &line) && str_starts(line, S("-> "))) {
        if (out->n == STANZAS_MAX)
            return wrong(&l, e, "too many stanzas");
        Stanza *s = &out->v[out->n++];
        if (!read_args(&l, str_from(line, 3), s, e) || !read_body(a, &l, s, e))
            return false;
    }
    if (!str_starts(line, S("--- ")))
        return wrong(&l, e, "expected a stanza (->) or the authentication code (---)");
    if (out->n == 0)
        return wrong(&l, e, "no recipient");
    out->covered = (Str){ text.p, (size_t)(line.p + 3 - text.p) };
    return read_mac(&l, str_from(line, 4), out, e);
}

/* ---- writing */

void header_stanza(Buf *b, const Str *args, size_t n, Str body)
{
    defer_buf Buf text = { 0 };
    buf_z(b, "->");
    for (size_t i = 0; i < n; i++)
        buf_byte(b, ' '), buf_str(b, args[i]);
    buf_byte(b, '\n');
    base64_bare_put(&text, body);
    b->bad |= text.bad;
    Str left = buf_view(&text);
    for (; left.n >= COLUMNS; left = str_from(left, COLUMNS))
        buf_put(b, left.p, COLUMNS), buf_byte(b, '\n');
    buf_str(b, left);
    buf_byte(b, '\n');
}

void header_mac(Str covered, const uint8_t file_key[static FILE_KEY], uint8_t out[static SHA256_SIZE])
{
    uint8_t key[AGE_KEY];
    hkdf((Str){ (const char *)file_key, FILE_KEY }, S(""), S("header"), key);
    Digest d = hmac_sha256((Str){ (char *)key, sizeof key }, covered);
    memcpy(out, d.b, sizeof d.b);
    wipe(key, sizeof key);
}

void header_end(Buf *b, const uint8_t file_key[static FILE_KEY])
{
    uint8_t mac[SHA256_SIZE];
    buf_z(b, "---");
    header_mac(buf_view(b), file_key, mac);
    buf_byte(b, ' ');
    base64_bare_put(b, (Str){ (char *)mac, sizeof mac });
    buf_byte(b, '\n');
}
