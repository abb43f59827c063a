/* columns.c - see columns.h. */
#include "watch/columns.h"
#include "format/cell.h"
#include "format/idx.h"
#include "format/npy.h"
#include <math.h>

const ColumnOf *columns_find(const Columns *c, Str name)
{
    for (size_t i = 0; i < c->count; i++)
        if (str_eq(c->v[i].name, name))
            return &c->v[i];
    return NULL;
}

bool column_is_missing(const ColumnOf *c, uint64_t row)
{
    return c->num != NULL ? isnan(c->num[row]) : cell_missing(c->text[row]);
}

static bool columns_new(Arena *a, uint64_t rows, uint64_t count, Columns *out, Err *e)
{
    if (count > COLUMNS_MAX)
        return err_set(e, E_LIMIT, "%" PRIu64 " columns; the limit is %d", count, COLUMNS_MAX);
    *out = (Columns){ rows, (size_t)count, arena_get(a, count ? count : 1, sizeof *out->v) };
    return out->v != NULL || err_nomem(e);
}

static bool numbers_new(Arena *a, Columns *c, Err *e)
{
    for (size_t i = 0; i < c->count; i++) {
        char *name = arena_printf(a, "c%zu", i);
        c->v[i] = (ColumnOf){ .name = str(name), .num = arena_get(a, c->rows, sizeof(double)) };
        if (name == NULL || c->v[i].num == NULL)
            return err_nomem(e);
    }
    return true;
}

/* ---- arrays */

static bool read_npy(Arena *a, Str file, Columns *out, Err *e)
{
    Npy n;
    if (!npy_read(file, &n, e) || !columns_new(a, n.rows, n.width, out, e) || !numbers_new(a, out, e))
        return false;
    for (uint64_t i = 0; i < n.count; i++)
        out->v[i % n.width].num[i / n.width] = npy_f64(&n, i);
    return true;
}

static bool read_idx(Arena *a, Str file, Columns *out, Err *e)
{
    Idx n;
    if (!idx_read(a, file, &n, e) || !columns_new(a, n.rows, n.width, out, e) || !numbers_new(a, out, e))
        return false;
    for (uint64_t i = 0; i < n.count; i++)
        out->v[i % n.width].num[i / n.width] = idx_f64(&n, i);
    return true;
}

/* ---- CSV */

static bool listed(Str name, const Str *texts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(texts[i], name))
            return true;
    return false;
}

static bool take_numbers(Arena *a, const Column *from, uint64_t rows, ColumnOf *to, Err *e)
{
    if (from->type == COLUMN_F64) {
        to->num = from->f64;
        return true;
    }
    to->num = arena_get(a, rows, sizeof *to->num);
    if (to->num == NULL)
        return err_nomem(e);
    for (uint64_t i = 0; i < rows; i++)
        to->num[i] = column_f64(from, i);
    return true;
}

static bool read_csv(Arena *a, Str file, const Str *texts, size_t text_count, Columns *out, Err *e)
{
    Table t, as_text = { 0 };
    if (!table_read(a, file, &(TableAsk){ .number = COLUMN_AUTO }, &t, e))
        return false;
    if (text_count > 0 && !table_read(a, file, &(TableAsk){ .number = COLUMN_TEXT, .delimiter = t.delimiter }, &as_text, e))
        return false;
    if (!columns_new(a, t.rows, t.count, out, e))
        return false;
    for (size_t i = 0; i < t.count; i++) {
        ColumnOf *c = &out->v[i];
        c->name = t.column[i].name;
        if (t.column[i].type == COLUMN_TEXT)
            c->text = t.column[i].text;
        else if (listed(c->name, texts, text_count))
            c->text = as_text.column[i].text;
        else if (!take_numbers(a, &t.column[i], t.rows, c, e))
            return false;
    }
    return true;
}

bool columns_read(Arena *a, Str file, const Str *texts, size_t text_count, Columns *out, Err *e)
{
    if (str_starts(file, S("\x93NUMPY")))
        return read_npy(a, file, out, e);
    if (idx_is_gzip(file) || str_starts(file, (Str){ "\0\0", 2 }))
        return read_idx(a, file, out, e);
    return read_csv(a, file, texts, text_count, out, e);
}
