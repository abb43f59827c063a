/* npy.c - see npy.h; the format is NumPy's NEP 1 with the later versions 2 and 3. */
#include "format/npy.h"

/* ---- the header, a Python dict literal of three known keys */

typedef struct Header {
    Str    text;
    size_t at;                                        /* in text                 */
    size_t from;                                      /* of text within the file */
    Err   *e;
} Header;

static bool header_error(const Header *h, const char *what)
{
    return err_at(h->e, h->from + h->at, "npy header: %s", what);
}

static char peek(const Header *h) { return h->at < h->text.n ? h->text.p[h->at] : '\0'; }

static void skip_blanks(Header *h)
{
    while (peek(h) == ' ')
        h->at++;
}

static bool take(Header *h, char c)
{
    skip_blanks(h);
    if (peek(h) != c)
        return false;
    h->at++;
    return true;
}

/* A string without escapes: none of ours needs one. */
static bool quoted(Header *h, Str *out)
{
    skip_blanks(h);
    char quote = peek(h);
    if (quote != '\'' && quote != '"')
        return header_error(h, "a text in quotes is expected");
    size_t start = ++h->at;
    while (h->at < h->text.n && peek(h) != quote && peek(h) != '\\' && peek(h) != '\n')
        h->at++;
    *out = (Str){ h->text.p + start, h->at - start };
    return take(h, quote) || header_error(h, "a text does not end");
}

static bool word(Header *h, Str w)
{
    skip_blanks(h);
    if (!str_starts(str_from(h->text, h->at), w))
        return false;
    h->at += w.n;
    return true;
}

static bool whole_number(Header *h, uint64_t *out)
{
    skip_blanks(h);
    size_t start = h->at;
    while (peek(h) >= '0' && peek(h) <= '9')
        h->at++;
    return str_u64((Str){ h->text.p + start, h->at - start }, out) || header_error(h, "a size is no whole number of 64 bits");
}

/* "()", "(3,)", "(4, 6)"; "(3)" is no tuple. */
static bool read_shape(Header *h, Npy *a)
{
    bool comma = false;
    if (!take(h, '('))
        return header_error(h, "the shape is not a tuple");
    while (!take(h, ')')) {
        if (a->dims > 0 && !comma)
            return header_error(h, "the shape needs a comma");
        if (a->dims == NPY_DIMS)
            return header_error(h, "more than 32 dimensions");
        if (!whole_number(h, &a->shape[a->dims++]))
            return false;
        comma = take(h, ',');
    }
    return a->dims != 1 || comma || header_error(h, "the shape is not a tuple");
}

static bool read_order(Header *h, Npy *a)
{
    a->fortran = word(h, S("True"));
    return a->fortran || word(h, S("False")) || header_error(h, "fortran_order is neither True nor False");
}

static const struct {
    char   name[3];
    Scalar type;
} types[] = {
    { "b1", SCALAR_BOOL }, { "u1", SCALAR_U8 }, { "i1", SCALAR_I8 }, { "u2", SCALAR_U16 }, { "i2", SCALAR_I16 }, { "u4", SCALAR_U32 },
    { "i4", SCALAR_I32 }, { "u8", SCALAR_U64 }, { "i8", SCALAR_I64 }, { "f2", SCALAR_F16 }, { "f4", SCALAR_F32 }, { "f8", SCALAR_F64 },
};

/* A type that NumPy knows and we do not read; objects are pickles, wherever they hide. */
static bool refuse(Header *h, Str descr)
{
    bool object = memchr(descr.p, 'O', descr.n) != NULL;
    err_at(h->e, h->from + h->at, object ? "holds Python objects, which are a pickle" : "the type %.*s has no plain numbers",
           (int)(descr.n < 60 ? descr.n : 60), descr.p);
    if (h->e != NULL)
        h->e->code = E_DENIED;
    return err_hint(h->e, object ? "never load it; have its maker save plain numbers" : "save each field as an array of its own");
}

static bool set_type(Header *h, Str descr, Npy *a)
{
    char order = descr.n ? descr.p[0] : '\0';
    if (descr.n < 2 || !strchr("<>|=", order))
        return header_error(h, "the type is not one of NumPy's");
    for (size_t i = 0; i < len_of(types); i++)
        if (str_is(str_from(descr, 1), types[i].name))
            a->type = types[i].type;
    if (a->type == SCALAR_NONE)
        return refuse(h, descr);
    if (order == '|' && scalar_bits(a->type) > 8)
        return header_error(h, "the type has no byte order");
    a->big_endian = order == '>';
    memcpy(a->descr, descr.p, descr.n);
    return true;
}

static bool read_type(Header *h, Npy *a)
{
    Str descr;
    skip_blanks(h);
    if (peek(h) == '[' || peek(h) == '(')
        return refuse(h, str_from(h->text, h->at));
    return quoted(h, &descr) && set_type(h, descr, a);
}

static bool read_entry(Header *h, Npy *a, unsigned *seen)
{
    static const struct {
        const char *key;
        bool (*read)(Header *h, Npy *a);
    } rows[] = { { "descr", read_type }, { "fortran_order", read_order }, { "shape", read_shape } };
    Str key;
    if (!quoted(h, &key))
        return false;
    for (unsigned i = 0; i < len_of(rows); i++) {
        if (!str_is(key, rows[i].key))
            continue;
        if (*seen & 1u << i)
            return header_error(h, "a key is here twice");
        *seen |= 1u << i;
        return take(h, ':') ? rows[i].read(h, a) : header_error(h, "a colon is expected");
    }
    return header_error(h, "a key other than descr, fortran_order and shape");
}

static bool read_header(Header *h, Npy *a)
{
    unsigned seen = 0;
    bool     comma = true;
    if (!take(h, '{'))
        return header_error(h, "is not a dict");
    while (!take(h, '}')) {
        if (!comma)
            return header_error(h, "a comma is expected");
        if (!read_entry(h, a, &seen))
            return false;
        comma = take(h, ',');
    }
    if (seen != 7)
        return header_error(h, "descr, fortran_order or shape is missing");
    while (peek(h) == ' ' || peek(h) == '\n')
        h->at++;
    return h->at == h->text.n || header_error(h, "something follows the dict");
}

/* ---- the file */

static bool set_sizes(Npy *a)
{
    a->rows = a->dims ? a->shape[0] : 1, a->width = 1;
    for (unsigned d = 1; d < a->dims; d++)
        if (__builtin_mul_overflow(a->width, a->shape[d], &a->width))
            return false;
    return !__builtin_mul_overflow(a->rows, a->width, &a->count);
}

bool npy_head(Str start, Npy *out, uint64_t *data_at, Err *e)
{
    Cur c = cur_of(start);
    *out = (Npy){ 0 };
    if (!str_is(cur_bytes(&c, 6), "\x93NUMPY"))
        return err_at(e, 0, "not an npy file");
    uint8_t  major = cur_u8(&c), minor = cur_u8(&c);
    uint64_t length = major == 1 ? cur_u16(&c) : cur_u32(&c), bytes;
    if (!c.bad && (major < 1 || major > 3 || minor != 0))
        return err_at(e, 6, "npy version %d.%d; 1.0, 2.0 and 3.0 are read", major, minor);
    if (!c.bad && length > NPY_HEADER_MAX)
        return err_at(e, 8, "npy header of %" PRIu64 " bytes; the limit is %d", length, NPY_HEADER_MAX);
    size_t from = c.at;
    Header h = { cur_bytes(&c, length), 0, from, e };
    if (c.bad)
        return err_at(e, c.at, "npy header is cut short");
    if (!read_header(&h, out))
        return false;
    if (!set_sizes(out) || __builtin_mul_overflow(out->count, scalar_bits(out->type) / 8, &bytes))
        return header_error(&h, "the shape overflows 64 bits");
    *data_at = c.at;
    return true;
}

bool npy_read(Str file, Npy *out, Err *e)
{
    uint64_t at;
    if (!npy_head(file, out, &at, e))
        return false;
    uint64_t bytes = out->count * (scalar_bits(out->type) / 8);
    if (bytes != file.n - at)
        return err_at(e, at, "the shape needs %" PRIu64 " bytes of data, the file has %zu", bytes, file.n - (size_t)at);
    out->data = (Str){ file.p + at, bytes };
    return true;
}

/* ---- elements */

/* Where element i (in C order) lies: in Fortran order the first index moves fastest. */
static uint64_t stored_at(const Npy *a, uint64_t i)
{
    uint64_t at = 0;
    if (!a->fortran)
        return i;
    uint64_t stride = a->count;
    for (unsigned d = a->dims; d-- > 0; i /= a->shape[d]) {
        stride /= a->shape[d];
        at += i % a->shape[d] * stride;
    }
    return at;
}

double npy_f64(const Npy *a, uint64_t i)
{
    assert(i < a->count);
    return scalar_f64(a->type, a->big_endian, a->data.p + stored_at(a, i) * (scalar_bits(a->type) / 8));
}

/* A row is runs of equally spaced elements: one in C order, one for each place of the last index's vector otherwise. */
typedef struct Run {
    const char *p;
    size_t      n, stride;
} Run;

static Run run_at(const Npy *a, uint64_t row, uint64_t from)
{
    size_t size = scalar_bits(a->type) / 8;
    if (!a->fortran || a->dims < 2)
        return (Run){ a->data.p + row * a->width * size, a->width, size };
    uint64_t last = a->shape[a->dims - 1];
    return (Run){ a->data.p + stored_at(a, row * a->width + from) * size, last, a->count / last * size };
}

void npy_row_f32(const Npy *a, uint64_t row, float *out)
{
    assert(row < a->rows);
    for (uint64_t done = 0; done < a->width;) {
        Run r = run_at(a, row, done);
        scalar_f32s(a->type, a->big_endian, r.p, r.n, r.stride, out + done);
        done += r.n;
    }
}

void npy_row_bytes(const Npy *a, uint64_t row, void *out)
{
    size_t size = scalar_bits(a->type) / 8;
    char  *to = out;
    assert(row < a->rows);
    for (uint64_t done = 0; done < a->width;) {
        Run r = run_at(a, row, done);
        for (size_t i = 0; i < r.n; i++)
            for (size_t b = 0; b < size; b++)
                *to++ = r.p[i * r.stride + (a->big_endian ? size - 1 - b : b)];
        done += r.n;
    }
}

/* ---- the writer */

void npy_header(Buf *out, Scalar type, const uint64_t *shape, unsigned dims)
{
    defer_buf Buf h = { 0 };
    const char   *name = NULL;
    for (size_t i = 0; i < len_of(types); i++)
        if (types[i].type == type)
            name = types[i].name;
    assert(name != NULL && dims <= NPY_DIMS);
    buf_printf(&h, "{'descr': '%c%s', 'fortran_order': False, 'shape': (", scalar_bits(type) > 8 ? '<' : '|', name);
    for (unsigned d = 0; d < dims; d++)
        buf_printf(&h, d == 0 ? "%" PRIu64 "," : " %" PRIu64 ",", shape[d]);
    if (dims > 1)
        h.n--;                                        /* only a single size keeps its comma */
    buf_z(&h, "), }");
    while ((10 + h.n + 1) % 64 != 0)
        buf_byte(&h, ' ');
    buf_byte(&h, '\n');
    buf_put(out, "\x93NUMPY\1\0", 8);
    buf_u16(out, (uint16_t)h.n);
    buf_str(out, buf_view(&h));
    out->bad |= h.bad;
}

void npy_write_f32(Buf *out, const float *v, uint64_t rows, uint64_t width)
{
    npy_header(out, SCALAR_F32, (const uint64_t[]){ rows, width }, 2);
    for (uint64_t i = 0; i < rows * width; i++) {
        uint32_t bits;
        memcpy(&bits, &v[i], sizeof bits);
        buf_u32(out, bits);
    }
}
