/* keep.c - see keep.h. */
#include "data/keep.h"
#include "base/file.h"
#include "format/cell.h"
#include "format/idx.h"
#include "format/npy.h"

enum { PIECE = 1 << 20 };

typedef struct Writing {
    const Keep *k;
    Replace     file;
    Buf         out;                                   /* up to PIECE and a row */
    Str         csv;
    uint64_t    row, at, begin;                        /* CSV: rows seen, and the last one's start */
    bool        header;
} Writing;

static bool flush(Writing *w, size_t most, Err *e)
{
    if (w->out.bad)
        return err_nomem(e);
    if (w->out.n <= most)
        return true;
    bool ok = file_write(w->file.fd, buf_view(&w->out), w->file.path, e);
    w->out.n = 0;
    return ok;
}

static bool wrong_count(const Writing *w, uint64_t rows, Err *e)
{
    return err_set(e, E_FORMAT, "has %" PRIu64 " rows; %" PRIu64 " were judged", rows, w->k->rows);
}

/* ---- CSV: a row reaches to the next one's start */

static bool put_before(Writing *w, uint64_t end, Err *e)
{
    bool stays = w->row == 0 || w->k->row[w->row - 1];  /* what stands before the first row stays */
    if (stays)
        buf_put(&w->out, w->csv.p + w->begin, end - w->begin);
    w->begin = end;
    return flush(w, PIECE, e);
}

static bool csv_row(void *ctx, const CsvRow *row, Err *e)
{
    Writing *w = ctx;
    if (row->index == 0 && cell_is_header(row, HEADER_AUTO))
        return true;
    if (w->row > w->k->rows || !put_before(w, row->at, e))
        return w->row > w->k->rows ? wrong_count(w, w->row, e) : false;
    w->row++;
    return true;
}

static bool put_csv(Writing *w, Err *e)
{
    CsvOptions o = { 0 };
    if (!cell_rows(w->csv, &o, csv_row, w, e))
        return false;
    return w->row == w->k->rows ? put_before(w, w->csv.n, e) : wrong_count(w, w->row, e);
}

/* ---- arrays */

static uint64_t kept(const Keep *k)
{
    uint64_t n = 0;
    for (uint64_t i = 0; i < k->rows; i++)
        n += k->row[i];
    return n;
}

static bool put_npy(Arena *a, Writing *w, Str file, Err *e)
{
    Npy n;
    if (!npy_read(file, &n, e))
        return false;
    if (n.rows != w->k->rows || n.dims == 0)
        return wrong_count(w, n.rows, e);
    size_t bytes = n.width * (scalar_bits(n.type) / 8);
    void  *row = arena_get(a, bytes, 1);
    if (row == NULL)
        return err_nomem(e);
    uint64_t shape[NPY_DIMS];
    memcpy(shape, n.shape, sizeof shape);
    shape[0] = kept(w->k);
    npy_header(&w->out, n.type, shape, n.dims);
    for (uint64_t i = 0; i < n.rows; i++) {
        if (!w->k->row[i])
            continue;
        npy_row_bytes(&n, i, row);
        buf_put(&w->out, row, bytes);
        if (!flush(w, PIECE, e))
            return false;
    }
    return true;
}

static void put_idx_head(const Idx *x, uint64_t rows, Buf *out)
{
    static const uint8_t code[] = { [SCALAR_U8] = 0x08, [SCALAR_I8] = 0x09, [SCALAR_I16] = 0x0B, [SCALAR_I32] = 0x0C, [SCALAR_F32] = 0x0D, [SCALAR_F64] = 0x0E };
    buf_u16(out, 0), buf_byte(out, code[x->type]), buf_byte(out, (uint8_t)x->dims);
    for (unsigned d = 0; d < x->dims; d++)
        buf_u32(out, __builtin_bswap32((uint32_t)(d ? x->shape[d] : rows)));
}

static bool put_idx(Arena *a, Writing *w, Str file, Err *e)
{
    Idx x;
    if (!idx_read(a, file, &x, e))
        return false;
    if (x.rows != w->k->rows)
        return wrong_count(w, x.rows, e);
    size_t bytes = x.width * (scalar_bits(x.type) / 8);
    put_idx_head(&x, kept(w->k), &w->out);
    for (uint64_t i = 0; i < x.rows; i++) {
        if (w->k->row[i])
            buf_put(&w->out, x.data.p + i * bytes, bytes);
        if (!flush(w, PIECE, e))
            return false;
    }
    return true;
}

static bool put_file(Arena *a, Writing *w, Str file, Err *e)
{
    if (str_starts(file, S("\x93NUMPY")))
        return put_npy(a, w, file, e);
    if (idx_is_gzip(file) || str_starts(file, S("\0\0")))
        return put_idx(a, w, file, e);
    w->csv = file;
    return put_csv(w, e);
}

bool keep_rows(Arena *a, const char *from, const Keep *k, const char *to, Err *e)
{
    defer_map Map file;
    Writing       w = { .k = k };
    if (!file_map(from, &file, e) || !replace_begin(&w.file, to, 0644, e))
        return false;
    bool ok = put_file(a, &w, file.bytes, e) || err_in(e, "%s", from);
    ok = ok && flush(&w, 0, e) && replace_commit(&w.file, e);
    replace_abort(&w.file);
    buf_free(&w.out);
    return ok;
}
