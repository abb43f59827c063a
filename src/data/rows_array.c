/* rows_array.c - rows of npy and IDX arrays; see rows.h.
 *
 * Arrays in C order stream: a header, then rows of one length.  What cannot stream (Fortran order, gzip) is gathered whole,
 * up to WHOLE_MAX bytes.  Both formats give the same canonical rows, so the same numbers have the same root. */
#include "base/file.h"
#include "data/rows_reader.h"
#include "format/idx.h"
#include "format/json.h"
#include "format/npy.h"

enum { WHOLE_MAX = 1 << 30, TAG_MAX = 8 };
static const size_t ROW_BYTES_MAX = (size_t)1 << 30;

typedef struct Shape {                                 /* what both formats have to say */
    Scalar   type;
    bool     swap;
    unsigned dims;
    uint64_t shape[NPY_DIMS];
    uint64_t rows, row_bytes;
} Shape;

typedef struct ArrayRows {
    bool     is_npy, begun, whole;
    uint64_t bytes;                                    /* of the file */
    Shape    shape;
    uint64_t left;                                     /* rows that have not come */
    char     tag[TAG_MAX];                             /* varint length and name of the type */
    size_t   tag_n;
    Buf      start;                                    /* header, or the whole file */
    Buf      row;                                      /* the part of a row that has come */
} ArrayRows;

static void *array_open(uint64_t bytes, bool is_npy)
{
    ArrayRows *r = calloc(1, sizeof *r);
    if (r != NULL)
        r->bytes = bytes, r->is_npy = is_npy;
    return r;
}
static void *npy_rows_open(uint64_t bytes) { return array_open(bytes, true); }
static void *idx_rows_open(uint64_t bytes) { return array_open(bytes, false); }

static void array_close(void *self)
{
    ArrayRows *r = self;
    buf_free(&r->start), buf_free(&r->row);
    free(r);
}

/* ---- the type's name: as npy writes it, without the byte order */

static const char *type_name(Scalar t)
{
    static const char *const names[] = { [SCALAR_BOOL] = "b1", [SCALAR_U8] = "u1", [SCALAR_I8] = "i1", [SCALAR_U16] = "u2",
                                         [SCALAR_I16] = "i2", [SCALAR_U32] = "u4", [SCALAR_I32] = "i4", [SCALAR_U64] = "u8",
                                         [SCALAR_I64] = "i8", [SCALAR_F16] = "f2", [SCALAR_F32] = "f4", [SCALAR_F64] = "f8" };
    return (size_t)t < len_of(names) && names[t] != NULL ? names[t] : "?";
}

static bool set_shape(ArrayRows *r, Scalar type, bool big_endian, const uint64_t *shape, unsigned dims, uint64_t rows, uint64_t width, Err *e)
{
    Shape *s = &r->shape;
    *s = (Shape){ .type = type, .swap = big_endian && scalar_bits(type) > 8, .dims = dims, .rows = rows };
    memcpy(s->shape, shape, dims * sizeof *shape);
    if (__builtin_mul_overflow(width, scalar_bits(type) / 8, &s->row_bytes) || s->row_bytes > ROW_BYTES_MAX)
        return err_set(e, E_LIMIT, "a row of more than %zu bytes", ROW_BYTES_MAX);
    if (s->row_bytes == 0 && rows > 0)
        return err_set(e, E_FORMAT, "rows without any element");
    const char *name = type_name(type);
    r->tag_n = 1 + strlen(name);
    r->tag[0] = (char)strlen(name);
    memcpy(r->tag + 1, name, strlen(name));
    r->left = rows;
    return true;
}

static void put_row(ArrayRows *r, RowSink *to, Str bytes)
{
    row_put(to, (Str[]){ { r->tag, r->tag_n }, bytes }, 2);
}

/* ---- streaming */

static void swap_row(char *p, size_t n, size_t size)
{
    for (; n >= size; p += size, n -= size)
        for (size_t i = 0; i < size / 2; i++) {
            char c = p[i];
            p[i] = p[size - 1 - i], p[size - 1 - i] = c;
        }
}

static bool one_row(ArrayRows *r, RowSink *to, Str bytes, Err *e)
{
    if (r->left == 0)
        return err_set(e, E_FORMAT, "bytes follow the last of %" PRIu64 " rows", r->shape.rows);
    r->left--;
    if (!r->shape.swap)
        return put_row(r, to, bytes), true;
    if (bytes.p != r->row.p)
        r->row.n = 0, buf_str(&r->row, bytes);
    if (r->row.bad)
        return err_nomem(e);
    swap_row(r->row.p, r->row.n, scalar_bits(r->shape.type) / 8);
    return put_row(r, to, buf_view(&r->row)), true;
}

static bool feed_rows(ArrayRows *r, RowSink *to, Str piece, Err *e)
{
    size_t size = (size_t)r->shape.row_bytes;
    if (piece.n > 0 && size == 0)
        return err_set(e, E_FORMAT, "bytes follow an array of no rows");
    if (r->row.n > 0) {
        size_t want = size - r->row.n, n = piece.n < want ? piece.n : want;
        buf_put(&r->row, piece.p, n);
        piece = str_from(piece, n);
        if (r->row.bad)
            return err_nomem(e);
        if (r->row.n < size)
            return true;
        if (!one_row(r, to, buf_view(&r->row), e))
            return false;
        r->row.n = 0;
    }
    for (; piece.n >= size && piece.n > 0; piece = str_from(piece, size))
        if (!one_row(r, to, (Str){ piece.p, size }, e))
            return false;
    r->row.n = 0;
    buf_str(&r->row, piece);
    return !r->row.bad || err_nomem(e);
}

/* ---- gathered whole */

static bool all_npy_rows(ArrayRows *r, RowSink *to, const Npy *a, Err *e)
{
    char *row = malloc(r->shape.row_bytes + 1);
    if (row == NULL)
        return err_nomem(e);
    for (uint64_t i = 0; i < a->rows; i++) {
        npy_row_bytes(a, i, row);
        put_row(r, to, (Str){ row, (size_t)r->shape.row_bytes });
    }
    r->left = 0;
    free(row);
    return true;
}

static bool feed_whole(ArrayRows *r, RowSink *to, Err *e)
{
    defer_arena Arena *a = arena_new((size_t)4 << 30);
    Npy                npy;
    Idx                idx;
    if (a == NULL)
        return err_nomem(e);
    if (r->is_npy)
        return npy_read(buf_view(&r->start), &npy, e) && all_npy_rows(r, to, &npy, e);
    return idx_read(a, buf_view(&r->start), &idx, e) &&
           set_shape(r, idx.type, true, idx.shape, idx.dims, idx.rows, idx.width, e) && feed_rows(r, to, idx.data, e);
}

/* ---- the header */

static bool begin(ArrayRows *r, uint64_t *data_at, Err *e)
{
    Npy npy;
    Idx idx;
    Str start = buf_view(&r->start);
    r->begun = true;
    if (!r->is_npy) {
        r->whole = idx_is_gzip(start);
        return r->whole || (idx_head(start, &idx, data_at, e) &&
                            set_shape(r, idx.type, true, idx.shape, idx.dims, idx.rows, idx.width, e));
    }
    if (!npy_head(start, &npy, data_at, e))
        return false;
    r->whole = npy.fortran && npy.dims > 1;
    return set_shape(r, npy.type, npy.big_endian, npy.shape, npy.dims, npy.rows, npy.width, e);
}

/* Keeps bytes until the header can be read, or to the end when the array cannot stream.  *piece is what can be read as rows. */
static bool gather(ArrayRows *r, Str *piece, bool last, Err *e)
{
    size_t   enough = r->is_npy ? NPY_START_MAX : IDX_START_MAX;
    uint64_t at = 0;
    if (piece->n > WHOLE_MAX - r->start.n)
        return err_set(e, E_LIMIT, "%" PRIu64 " bytes in Fortran order or gzip; the limit is %d", r->bytes, WHOLE_MAX);
    buf_str(&r->start, *piece);
    *piece = S("");
    if (r->start.bad)
        return err_nomem(e);
    if (r->begun || (r->start.n < enough && !last))
        return true;
    if (!begin(r, &at, e))
        return false;
    if (!r->whole)
        *piece = str_from(buf_view(&r->start), (size_t)at);
    return true;
}

static bool array_feed(void *self, RowSink *to, Str piece, bool last, Err *e)
{
    ArrayRows *r = self;
    if ((!r->begun || r->whole) && !gather(r, &piece, last, e))
        return false;
    if (r->begun && !r->whole) {
        if (!feed_rows(r, to, piece, e))
            return false;
        buf_free(&r->start);
    }
    if (last && r->whole && !feed_whole(r, to, e))
        return false;
    return !last || (r->left == 0 && r->row.n == 0) ||
           err_set(e, E_FORMAT, "cut short: %" PRIu64 " of %" PRIu64 " rows are missing", r->left, r->shape.rows);
}

static void array_header(const void *self, Buf *json)
{
    const ArrayRows *r = self;
    JsonOut          w = json_out(json);
    json_open(&w, '{');
    json_key(&w, "format"), json_put_z(&w, r->is_npy ? "npy" : "idx");
    json_key(&w, "type"), json_put_z(&w, type_name(r->shape.type));
    json_key(&w, "shape");
    json_open(&w, '[');
    for (unsigned i = 1; i < r->shape.dims; i++)
        json_put_u64(&w, r->shape.shape[i]);
    json_close(&w, ']');
    json_close(&w, '}');
}

const RowReader npy_rows = { npy_rows_open, array_close, array_feed, array_header };
const RowReader idx_rows = { idx_rows_open, array_close, array_feed, array_header };
