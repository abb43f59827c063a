/* transform.c - see transform.h. */
#include "data/transform.h"
#include "base/file.h"
#include "base/rng.h"
#include "format/cell.h"
#include <math.h>

/* ---- which rows */

typedef struct Cells {
    const Str *name;
    Str       *cell;
    size_t     n;
} Cells;

static bool cells_of(Arena *a, const RowSet *in, Cells *c, Err *e)
{
    static const Str line = { "line", 4 };
    c->n = in->kind == ROWS_CSV ? in->columns : 1;
    c->cell = arena_get(a, c->n + 1, sizeof *c->cell);
    c->name = in->kind == ROWS_LINES ? &line : in->column;
    if (c->name == NULL)
        return err_set(e, E_USAGE, "the file does not name its columns"), err_hint(e, "put a line of column names before the first row");
    return c->cell != NULL || err_nomem(e);
}

static const Str *cells_at(const RowSet *in, const Cells *c, uint64_t i)
{
    Str row = rowset_row(in, i);
    if (in->kind == ROWS_LINES)
        c->cell[0] = row;
    for (size_t k = 0; in->kind == ROWS_CSV && k < c->n && row_field(&row, &c->cell[k]); k++)
        ;
    return c->cell;
}

bool keep_where(const RowSet *in, Str condition, uint16_t *out, Err *e)
{
    defer_arena Arena *a = arena_new(64 << 20);
    Cells              c;
    if (a == NULL)
        return err_nomem(e);
    if (!cells_of(a, in, &c, e))
        return false;
    const Predicate *p = predicate_parse(a, condition, c.name, c.n, e);
    for (uint64_t i = 0; p != NULL && i < in->rows; i++)
        out[i] = predicate_holds(p, cells_at(in, &c, i)) ? 0 : NO_OUTPUT;
    return p != NULL;
}

/* Row i is kept when one of the rows still wanted falls on it among those still left (Fan, Muller, Rezucha 1962). */
bool keep_sample(const RowSet *in, uint64_t rows, uint64_t seed, uint16_t *out, Err *e)
{
    Rng r = rng_of(seed);
    if (rows > in->rows)
        return err_set(e, E_USAGE, "%" PRIu64 " rows are wanted; there are %" PRIu64, rows, in->rows);
    for (uint64_t i = 0; i < in->rows; i++) {
        bool kept = rng_below(&r, in->rows - i) < rows;
        out[i] = kept ? 0 : NO_OUTPUT;
        rows -= kept;
    }
    return true;
}

static void split_together(const RowSet *in, const Cells *c, size_t column, const double *share, size_t shares, uint64_t seed, uint16_t *out)
{
    uint64_t state = seed, key[2] = { splitmix64(&state), splitmix64(&state) };
    for (uint64_t i = 0; i < in->rows; i++) {
        double   at = (double)(siphash(key, cells_at(in, c, i)[column]) >> 11) * 0x1p-53;
        uint16_t k = 0;
        for (; k + 1u < shares && at >= share[k]; k++)
            at -= share[k];
        out[i] = k;
    }
}

static bool split_each(const RowSet *in, const double *share, size_t shares, uint64_t seed, uint16_t *out, Err *e)
{
    uint32_t *order = malloc((in->rows + 1) * sizeof *order);
    Rng       r = rng_of(seed);
    double    sum = 0;
    uint64_t  at = 0;
    if (order == NULL)
        return err_nomem(e);
    for (uint64_t i = 0; i < in->rows; i++)
        order[i] = (uint32_t)i;
    rng_shuffle(&r, order, in->rows);
    for (size_t k = 0; k < shares; k++) {
        sum += share[k];
        uint64_t end = k + 1 == shares ? in->rows : (uint64_t)llround(sum * (double)in->rows);
        for (; at < end && at < in->rows; at++)
            out[order[at]] = (uint16_t)k;
    }
    free(order);
    return true;
}

bool keep_split(const RowSet *in, const double *share, size_t shares, const char *by, uint64_t seed, uint16_t *out, Err *e)
{
    defer_arena Arena *a = arena_new(64 << 20);
    Cells              c;
    if (in->rows > UINT32_MAX)
        return err_set(e, E_LIMIT, "more than %u rows", UINT32_MAX);
    if (by == NULL)
        return split_each(in, share, shares, seed, out, e);
    if (a == NULL)
        return err_nomem(e);
    if (!cells_of(a, in, &c, e))
        return false;
    size_t column = rowset_column(in, str(by));
    if (column == SIZE_MAX)
        return err_set(e, E_USAGE, "there is no one column '%s'", by);
    split_together(in, &c, column, share, shares, seed, out);
    return true;
}

/* ---- writing */

typedef struct Writer {
    Str             all;
    const uint16_t *to;
    uint16_t        which;
    int             fd;
    uint64_t        rows, row, start;                  /* of the file; next row's number; where the row before begins */
    bool            open, named;                       /* a row has begun; the first is the header */
    uint64_t        from, until;                       /* bytes to write, not written yet */
} Writer;

static bool flush(Writer *w, Err *e)
{
    Str piece = { w->all.p + w->from, w->until - w->from };
    w->from = w->until;
    return piece.n == 0 || file_write(w->fd, piece, "output", e);
}

/* Rows that follow each other are written at once. */
static bool put(Writer *w, uint64_t from, uint64_t until, Err *e)
{
    if (from != w->until) {
        if (!flush(w, e))
            return false;
        w->from = from;
    }
    w->until = until;
    return true;
}

/* The row that began at w->start ends at `at`. */
static bool end_row(Writer *w, uint64_t at, Err *e)
{
    if (!w->open)
        return true;
    if (w->named)
        return w->named = false, put(w, 0, at, e);
    if (w->row >= w->rows)
        return err_set(e, E_IO, "changed while it was read");
    bool kept = w->to[w->row++] == w->which;
    return !kept || put(w, w->start, at, e);
}

static bool csv_row(void *ctx, const CsvRow *row, Err *e)
{
    Writer *w = ctx;
    if (!end_row(w, row->at, e))
        return false;
    w->open = true, w->start = row->at;
    return true;
}

static bool write_lines(Writer *w, Err *e)
{
    for (uint64_t at = 0; at < w->all.n;) {
        const char *end = memchr(w->all.p + at, '\n', w->all.n - at);
        uint64_t    next = end ? (uint64_t)(end - w->all.p) + 1 : w->all.n;
        w->open = true, w->start = at;
        if (!end_row(w, next, e))
            return false;
        at = next;
    }
    return true;
}

bool transform_write(const char *path, const RowSet *in, const uint16_t *to, uint16_t which, int fd, Err *e)
{
    CsvOptions    o = { 0 };
    defer_map Map m = { 0 };
    if (!file_map(path, &m, e))
        return false;
    Writer w = { .all = m.bytes, .to = to, .which = which, .fd = fd, .rows = in->rows, .named = in->kind == ROWS_CSV && in->column != NULL };
    bool   ok = in->kind == ROWS_CSV ? cell_rows(m.bytes, &o, csv_row, &w, e) && end_row(&w, m.bytes.n, e) : write_lines(&w, e);
    if (!ok || !flush(&w, e))
        return err_in(e, "%s", path);
    return w.row == in->rows || err_set(e, E_IO, "%s: changed while it was read", path);
}
