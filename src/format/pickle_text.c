/* pickle_text.c - texts and numbers of a pickle as Python reads them. */
#include "format/pickle_own.h"

static bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static Str trim_python(Str s)
{
    while (s.n > 0 && is_blank(s.p[0]))
        s = str_from(s, 1);
    while (s.n > 0 && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

/* Digits of a base with single underscores between them, as Python's int() has it. */
static bool digits(Str s, unsigned base, uint64_t *out)
{
    uint64_t v = 0;
    bool     digit = false;
    for (size_t i = 0; i < s.n; i++) {
        char     c = s.p[i];
        unsigned d = c >= '0' && c <= '9' ? (unsigned)(c - '0') : (c | 32) >= 'a' && (c | 32) <= 'f' ? (unsigned)((c | 32) - 'a' + 10) : 99;
        if (c == '_' && digit) {
            digit = false;
            continue;
        }
        if (d >= base || __builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, d, &v))
            return false;
        digit = true;
    }
    *out = v;
    return digit;
}

static bool sign_of(Str *s)
{
    bool minus = s->n > 0 && s->p[0] == '-';
    if (s->n > 0 && (minus || s->p[0] == '+'))
        *s = str_from(*s, 1);
    return minus;
}

/* PyLong_FromString takes a C string: it ends at a NUL. */
static Str to_nul(Str s)
{
    const char *nul = memchr(s.p, 0, s.n);
    return nul ? (Str){ s.p, (size_t)(nul - s.p) } : s;
}

bool pickle_index(Str line, uint64_t *out)
{
    Str  s = trim_python(to_nul(line));
    bool minus = sign_of(&s);
    return digits(s, 10, out) && (!minus || *out == 0);
}

bool pickle_int(Str line, int64_t *out)
{
    Str  s = trim_python(to_nul(line));
    bool minus = sign_of(&s);
    if (str_ends(s, S("L")))
        s.n--;
    unsigned base = s.n > 2 && s.p[0] == '0' && (s.p[1] | 32) == 'x' ? 16 : s.n > 2 && s.p[0] == '0' && (s.p[1] | 32) == 'o' ? 8 :
                    s.n > 2 && s.p[0] == '0' && (s.p[1] | 32) == 'b' ? 2 : 10;
    uint64_t v;
    if (!digits(base == 10 ? s : str_from(s, 2), base, &v) || v > INT64_MAX)
        return false;
    *out = minus ? -(int64_t)v : (int64_t)v;
    return true;
}

int64_t pickle_long(Str bytes)
{
    uint64_t v = bytes.n && bytes.p[bytes.n - 1] < 0 ? UINT64_MAX : 0;
    for (size_t i = bytes.n; i-- > 0;)
        v = v << 8 | (uint8_t)bytes.p[i];
    return (int64_t)v;
}

/* ---- escapes */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* Up to `most` digits of base 8 or 16 from *at on; false without any. */
static bool number(Str s, size_t *at, unsigned most, int base, uint32_t *out)
{
    unsigned got = 0;
    uint32_t v = 0;
    for (; got < most && *at < s.n; got++, (*at)++) {
        int d = hex_digit(s.p[*at]);
        if (d < 0 || d >= base)
            break;
        v = v * (uint32_t)base + (uint32_t)d;
    }
    *out = v;
    return got > 0 && (base == 8 || got == most);
}

static size_t put_utf8(char *to, uint32_t c)
{
    if (c < 0x80)
        return to[0] = (char)c, 1;
    if (c < 0x800)
        return to[0] = (char)(0xC0 | c >> 6), to[1] = (char)(0x80 | (c & 63)), 2;
    if (c < 0x10000)
        return to[0] = (char)(0xE0 | c >> 12), to[1] = (char)(0x80 | (c >> 6 & 63)), to[2] = (char)(0x80 | (c & 63)), 3;
    to[0] = (char)(0xF0 | (c >> 18 & 7)), to[1] = (char)(0x80 | (c >> 12 & 63));
    return to[2] = (char)(0x80 | (c >> 6 & 63)), to[3] = (char)(0x80 | (c & 63)), 4;
}

/* What follows a backslash in a quoted text; false: the backslash stands for itself. */
static bool quoted_escape(Str s, size_t *at, uint32_t *c)
{
    static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
    const char       *known = s.p[*at] ? strchr(from, s.p[*at]) : NULL;
    if (known != NULL)
        return ++*at, *c = (uint8_t)to[known - from], true;
    if (s.p[*at] == 'x')
        return ++*at, number(s, at, 2, 16, c);
    if (!number(s, at, 3, 8, c))
        return false;
    *c &= 0xFF;
    return true;
}

static bool unicode_escape(Str s, size_t *at, uint32_t *c)
{
    unsigned most = s.p[*at] == 'u' ? 4 : s.p[*at] == 'U' ? 8 : 0;
    size_t   was = *at;
    ++*at;
    if (most != 0 && number(s, at, most, 16, c))
        return true;
    *at = was;
    return false;
}

/* One character or escape at *at into `to`; how many bytes it became. */
static size_t decode_one(Str s, size_t *at, bool quoted, char *to)
{
    uint32_t c;
    if (s.p[*at] != '\\' || *at + 1 >= s.n)
        return to[0] = s.p[(*at)++], 1;
    ++*at;
    if (quoted && s.p[*at] == '\n')
        return ++*at, 0;
    if (quoted ? quoted_escape(s, at, &c) : unicode_escape(s, at, &c))
        return put_utf8(to, c);
    return to[0] = '\\', 1;
}

Str pickle_decode(PickleValue v, Str raw, char *room, size_t size)
{
    size_t n = 0;
    if (!(v.form & (PF_QUOTED | PF_ESCAPED)) || memchr(raw.p, '\\', raw.n) == NULL)
        return raw;
    for (size_t at = 0; at < raw.n && n + 4 <= size;)
        n += decode_one(raw, &at, v.form & PF_QUOTED, room + n);
    return (Str){ room, n };
}

bool pickle_text(const Pickle *p, PickleValue v, char *room, size_t room_size, Str *out)
{
    if (v.kind != PV_STR && v.kind != PV_BYTES)
        return false;
    *out = pickle_decode(v, (Str){ p->in.p + v.at, v.n }, room, room_size);
    return true;
}
