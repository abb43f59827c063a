/* npy_layout.c - see npy_layout.h. */
#include "format/npy_layout.h"

typedef struct Reader {
    Str      text;
    size_t   at, from;                                 /* from: of text within the file */
    unsigned depth;
    bool     objects;
    Err     *e;
} Reader;

static bool bad(const Reader *r, const char *what) { return err_at(r->e, r->from + r->at, "npy header: %s", what); }

static char peek(Reader *r)
{
    while (r->at < r->text.n && strchr(" \n", r->text.p[r->at]) != NULL && r->text.p[r->at] != '\0')
        r->at++;
    return r->at < r->text.n ? r->text.p[r->at] : '\0';
}

static bool take(Reader *r, char c)
{
    if (peek(r) != c)
        return false;
    r->at++;
    return true;
}

/* A text in quotes; a field's name may have escapes, which do not matter here. */
static bool quoted(Reader *r, Str *out)
{
    char quote = peek(r);
    if (quote != '\'' && quote != '"')
        return bad(r, "a text in quotes is expected");
    size_t start = ++r->at;
    while (r->at < r->text.n && r->text.p[r->at] != quote)
        r->at += r->text.p[r->at] == '\\' ? 2 : 1;
    if (r->at >= r->text.n)
        return bad(r, "a text does not end");
    *out = (Str){ r->text.p + start, r->at++ - start };
    return true;
}

static bool whole(Reader *r, uint64_t *out)
{
    peek(r);
    size_t start = r->at;
    while (r->at < r->text.n && r->text.p[r->at] >= '0' && r->text.p[r->at] <= '9')
        r->at++;
    return str_u64((Str){ r->text.p + start, r->at - start }, out) || bad(r, "a size is no whole number");
}

/* "(2, 3)", "()" or a lone "3": the product. */
static bool product(Reader *r, uint64_t *out)
{
    uint64_t one;
    *out = 1;
    if (!take(r, '('))
        return whole(r, out);
    while (!take(r, ')')) {
        if (!whole(r, &one))
            return false;
        if (__builtin_mul_overflow(*out, one, out))
            return bad(r, "the sizes overflow");
        if (!take(r, ',') && peek(r) != ')')
            return bad(r, "a size without a comma");
    }
    return true;
}

static Str leading_digits(Str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            s.n = i;
    return s;
}

/* "<f4", "|S10", "<U3", "<M8[ns]", "|O", "?". */
static bool code(Reader *r, Str s, uint64_t *item)
{
    while (s.n != 0 && strchr("<>|=", s.p[0]) != NULL)
        s = str_from(s, 1);
    Str      digits = leading_digits(str_from(s, 1));
    uint64_t n = 1;
    if (s.n == 0 || memchr("?bBhHiIlLqQefdguFDGcSUaVmMO", s.p[0], 27) == NULL || (digits.n != 0 && !str_u64(digits, &n)))
        return bad(r, "the type is not one of NumPy's");
    r->objects |= s.p[0] == 'O';
    if (s.p[0] == 'O' || (digits.n == 0 && memchr("?bBSUaV", s.p[0], 7) == NULL))
        n = 8;                                         /* one-letter codes without a size are not written by NumPy */
    return !__builtin_mul_overflow(n, (uint64_t)(s.p[0] == 'U' ? 4 : 1), item) || bad(r, "a size overflows");
}

static bool type(Reader *r, uint64_t *item);

/* ('name', type[, shape]); the name may be ('title', 'name'). */
static bool field(Reader *r, uint64_t *item)
{
    Str      name;
    uint64_t times = 1;
    if (!take(r, '('))
        return bad(r, "a field that is no tuple");
    if (take(r, '(')) {
        if (!quoted(r, &name) || !take(r, ',') || !quoted(r, &name) || !take(r, ')'))
            return bad(r, "a field's title is not understood");
    } else if (!quoted(r, &name)) {
        return false;
    }
    if (!take(r, ',') || !type(r, item))
        return bad(r, "a field without a type");
    if (take(r, ',') && peek(r) != ')' && !product(r, &times))
        return false;
    if (!take(r, ')') || __builtin_mul_overflow(*item, times, item))
        return bad(r, "a field does not end, or is too large");
    return true;
}

static bool fields(Reader *r, uint64_t *item)
{
    uint64_t one;
    *item = 0;
    while (!take(r, ']')) {
        if (!field(r, &one))
            return false;
        if (__builtin_add_overflow(*item, one, item))
            return bad(r, "a size overflows");
        if (!take(r, ',') && peek(r) != ']')
            return bad(r, "a field without a comma");
    }
    return true;
}

/* (type, shape) */
static bool subarray(Reader *r, uint64_t *item)
{
    uint64_t times;
    if (!type(r, item) || !take(r, ',') || !product(r, &times) || !(take(r, ','), take(r, ')')))
        return bad(r, "a subarray that is not understood");
    return !__builtin_mul_overflow(*item, times, item) || bad(r, "a size overflows");
}

static bool type(Reader *r, uint64_t *item)
{
    Str  s;
    bool ok;
    if (++r->depth > NPY_TYPE_DEPTH)
        return bad(r, "types nested too deep");
    if (take(r, '['))
        ok = fields(r, item);
    else if (take(r, '('))
        ok = subarray(r, item);
    else
        ok = quoted(r, &s) && code(r, s, item);
    r->depth--;
    return ok;
}

static bool truth(Reader *r)
{
    peek(r);
    for (const char *const *w = (const char *const[]){ "True", "False", NULL }; *w != NULL; w++)
        if (str_starts(str_from(r->text, r->at), str(*w))) {
            r->at += strlen(*w);
            return true;
        }
    return bad(r, "fortran_order is neither True nor False");
}

static bool dictionary(Reader *r, NpyLayout *out)
{
    Str      key;
    unsigned seen = 0, bit;
    if (!take(r, '{'))
        return bad(r, "is no dictionary");
    while (!take(r, '}')) {
        if (!quoted(r, &key) || !take(r, ':'))
            return bad(r, "a key is expected");
        bool ok = str_is(key, "descr") ? (bit = 1, type(r, &out->item)) : str_is(key, "shape") ? (bit = 2, product(r, &out->count)) :
                  str_is(key, "fortran_order") ? (bit = 4, truth(r)) : (bit = 0, bad(r, "an unknown key"));
        if (!ok)
            return false;
        if (seen & bit)
            return bad(r, "a key that is here twice");
        seen |= bit;
        if (!take(r, ',') && peek(r) != '}')
            return bad(r, "a comma is expected");
    }
    return seen == 7 || bad(r, "lacks descr, shape or fortran_order");
}

bool npy_layout(Str start, NpyLayout *out, Err *e)
{
    Cur c = cur_of(start);
    Str magic = cur_bytes(&c, 6);
    *out = (NpyLayout){ 0 };
    uint8_t major = cur_u8(&c);
    cur_u8(&c);
    uint64_t length = major == 1 ? cur_u16(&c) : cur_u32(&c);
    Reader   r = { .from = c.at, .text = cur_bytes(&c, length), .e = e };
    if (c.bad || !str_eq(magic, S("\x93NUMPY")) || major < 1 || major > 3)
        return err_at(e, 0, "npy: no header of version 1 to 3");
    out->data_at = c.at;
    if (!dictionary(&r, out))
        return false;
    out->objects = r.objects;
    return true;
}
