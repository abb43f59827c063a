/* idx.c - see idx.h. */
#include "format/idx.h"
#include <zlib.h>

/* Deflate cannot pack tighter than 1032 to 1; above LARGE bytes an honest array does not come near it. */
enum { RATIO_MAX = 200, LARGE = 64 << 20 };

/* ---- bytes in order, from the file itself or through inflate */

typedef struct Source {
    Cur      plain;
    bool     packed;
    z_stream z;
} Source;

static bool source_open(Source *s, Str file)
{
    *s = (Source){ .plain = cur_of(file), .packed = idx_is_gzip(file) };
    return !s->packed || inflateInit2(&s->z, 16 + MAX_WBITS) == Z_OK;
}

static void source_drop(Source *s)
{
    if (s->packed)
        inflateEnd(&s->z);
}

/* zlib counts in 32 bits: hand it what is next of the input and the output. */
static int inflate_step(Source *s, uint8_t *to, size_t n)
{
    enum { STEP = 1 << 30 };
    size_t in = cur_left(&s->plain);
    s->z.next_in = (Bytef *)(uintptr_t)(s->plain.p + s->plain.at);
    s->z.avail_in = (uInt)(in < STEP ? in : STEP);
    s->z.next_out = to;
    s->z.avail_out = (uInt)(n < STEP ? n : STEP);
    uInt had = s->z.avail_in;
    int  got = inflate(&s->z, Z_NO_FLUSH);
    cur_skip(&s->plain, had - s->z.avail_in);
    return got;
}

static bool source_read(Source *s, void *out, size_t n, Err *e)
{
    uint8_t *to = out;
    if (!s->packed) {
        Str got = cur_bytes(&s->plain, n);
        if (s->plain.bad)
            return err_at(e, s->plain.at, "idx is cut short");
        memcpy(out, got.p, n);
        return true;
    }
    while (n > 0) {
        int    got = inflate_step(s, to, n);
        size_t made = (size_t)(s->z.next_out - to);
        to += made, n -= made;
        if (n > 0 && (got != Z_OK || (made == 0 && cur_left(&s->plain) == 0)))
            return err_at(e, s->plain.at, got == Z_DATA_ERROR ? "the gzip data are damaged" : "idx is cut short");
    }
    return true;
}

/* Nothing may follow the array, and gzip's check sum must be right. */
static bool source_end(Source *s, Err *e)
{
    uint8_t extra;
    int     got = s->packed ? inflate_step(s, &extra, 1) : Z_STREAM_END;
    if (got == Z_DATA_ERROR)
        return err_at(e, s->plain.at, "the gzip data are damaged");
    if (s->packed && s->z.avail_out == 0)
        return err_at(e, s->plain.at, "bytes follow the array");
    if (got != Z_STREAM_END)
        return err_at(e, s->plain.at, "the gzip data are cut short");
    return cur_left(&s->plain) == 0 || err_at(e, s->plain.at, "bytes follow the array");
}

/* ---- the header */

static Scalar type_of(uint8_t code)
{
    static const Scalar types[] = { SCALAR_U8, SCALAR_I8, SCALAR_NONE, SCALAR_I16, SCALAR_I32, SCALAR_F32, SCALAR_F64 };
    return code >= 8 && code < 8 + len_of(types) ? types[code - 8] : SCALAR_NONE;
}

static bool set_sizes(Idx *a)
{
    a->rows = a->shape[0], a->width = 1;
    for (unsigned d = 1; d < a->dims; d++)
        if (__builtin_mul_overflow(a->width, a->shape[d], &a->width))
            return false;
    return !__builtin_mul_overflow(a->rows, a->width, &a->count);
}

static bool read_header(Source *s, Idx *a, Err *e)
{
    uint8_t head[4], size[4];
    if (!source_read(s, head, sizeof head, e))
        return false;
    a->type = type_of(head[2]), a->dims = head[3];
    if (head[0] != 0 || head[1] != 0 || a->type == SCALAR_NONE)
        return err_at(e, 0, "not an idx file");
    if (a->dims == 0 || a->dims > IDX_DIMS)
        return err_at(e, 3, "idx of %u dimensions; 1 to %d are read", a->dims, IDX_DIMS);
    for (unsigned d = 0; d < a->dims; d++) {
        if (!source_read(s, size, sizeof size, e))
            return false;
        a->shape[d] = (uint64_t)size[0] << 24 | (uint64_t)size[1] << 16 | (uint64_t)size[2] << 8 | size[3];
    }
    return set_sizes(a) || err_at(e, 4, "the sizes overflow 64 bits");
}

static bool read_data(Arena *arena, Source *s, Str file, Idx *a, Err *e)
{
    uint64_t bytes;
    if (__builtin_mul_overflow(a->count, scalar_bits(a->type) / 8, &bytes) || (!s->packed && bytes != cur_left(&s->plain)))
        return err_at(e, 4, "the sizes need other than the %zu bytes of data that are here", cur_left(&s->plain));
    if (!s->packed) {
        a->data = cur_bytes(&s->plain, bytes);
        return true;
    }
    if (bytes > LARGE && bytes / RATIO_MAX > file.n)
        return err_set(e, E_LIMIT, "%" PRIu64 " bytes out of %zu; more than %d to 1 is refused", bytes, file.n, RATIO_MAX);
    char *p = arena_get(arena, bytes, 1);
    if (p == NULL)
        return err_set(e, E_NOMEM, "%" PRIu64 " bytes of data do not fit in memory", bytes);
    a->data = (Str){ p, bytes };
    return source_read(s, p, bytes, e);
}

bool idx_read(Arena *a, Str file, Idx *out, Err *e)
{
    Source s;
    *out = (Idx){ 0 };
    if (!source_open(&s, file))
        return err_nomem(e);
    bool ok = read_header(&s, out, e) && read_data(a, &s, file, out, e) && source_end(&s, e);
    source_drop(&s);
    return ok;
}

bool idx_is_gzip(Str start) { return str_starts(start, S("\x1F\x8B")); }

bool idx_head(Str start, Idx *out, uint64_t *data_at, Err *e)
{
    Source   s = { .plain = cur_of(start) };
    uint64_t bytes;
    *out = (Idx){ 0 };
    if (!read_header(&s, out, e))
        return false;
    *data_at = s.plain.at;
    return !__builtin_mul_overflow(out->count, scalar_bits(out->type) / 8, &bytes) || err_at(e, 4, "the sizes overflow 64 bits");
}

double idx_f64(const Idx *a, uint64_t i)
{
    assert(i < a->count);
    return scalar_f64(a->type, true, a->data.p + i * (scalar_bits(a->type) / 8));
}

void idx_row_f32(const Idx *a, uint64_t row, float *out)
{
    size_t size = scalar_bits(a->type) / 8;
    assert(row < a->rows);
    scalar_f32s(a->type, true, a->data.p + row * a->width * size, a->width, size, out);
}
