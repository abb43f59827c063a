/* table.c - see table.h.  Two passes over the text: the first counts rows and finds what each column can be, the
 * second fills arrays of the right size. */
#include "format/table.h"
#include "format/cell.h"
#include "format/json.h"
#include <math.h>

typedef struct Kind {                                 /* of a column, as far as it was seen */
    bool text, fraction, number;
} Kind;

typedef struct Reading {
    Arena          *a;
    Str             csv;
    const TableAsk *ask;
    Table          *t;
    Kind           *kind;
    bool            header;
    uint64_t        row;
} Reading;

/* ---- first pass */

static bool begin(Reading *r, const CsvRow *row, Err *e)
{
    Str *name;
    r->header = cell_is_header(row, r->ask->header);
    r->t->count = row->count;
    r->t->column = arena_get(r->a, row->count, sizeof *r->t->column);
    r->kind = arena_get(r->a, row->count, sizeof *r->kind);
    if (r->t->column == NULL || r->kind == NULL)
        return err_nomem(e);
    if (!cell_names(r->a, row, r->header, 'c', &name, e))
        return false;
    for (size_t i = 0; i < row->count; i++)
        r->t->column[i].name = name[i];
    return true;
}

static void look(Kind *k, Column *c, Str cell)
{
    int64_t whole;
    double  v;
    c->missing += cell_missing(cell);
    if (k->text || cell_missing(cell))
        return;
    bool is_whole = !k->fraction && cell_i64(cell, &whole);
    k->fraction |= !is_whole;
    k->text |= !is_whole && !number_f64(cell, &v);
    k->number = true;
}

static bool look_at_row(void *ctx, const CsvRow *row, Err *e)
{
    Reading *r = ctx;
    if (row->index == 0 && !begin(r, row, e))
        return false;
    if (row->index == 0 && r->header)
        return true;
    for (size_t i = 0; i < row->count; i++)
        look(&r->kind[i], &r->t->column[i], row->field[i]);
    r->t->rows++;
    return true;
}

static ColumnType type_of(const Kind *k, const Column *c, ColumnType asked)
{
    if (k->text || !k->number || asked == COLUMN_TEXT)
        return COLUMN_TEXT;
    if (asked == COLUMN_F32 || asked == COLUMN_F64)
        return asked;
    return k->fraction || c->missing ? COLUMN_F64 : COLUMN_INT;
}

static bool make_columns(Reading *r, Err *e)
{
    static const size_t size[] = { [COLUMN_INT] = sizeof(int64_t), [COLUMN_F32] = sizeof(float), [COLUMN_F64] = sizeof(double),
                                   [COLUMN_TEXT] = sizeof(Str) };
    for (size_t i = 0; i < r->t->count; i++) {
        Column *c = &r->t->column[i];
        c->type = type_of(&r->kind[i], c, r->ask->number);
        void *p = arena_get(r->a, r->t->rows, size[c->type]);
        if (p == NULL)
            return err_nomem(e);
        if (c->type == COLUMN_TEXT)
            c->text = p;
        else if (c->type == COLUMN_F32)
            c->f32 = p;
        else if (c->type == COLUMN_F64)
            c->f64 = p;
        else
            c->i64 = p;
    }
    return true;
}

/* ---- second pass */

/* Fields that needed no unquoting are parts of the file and stay there. */
static bool keep_text(Reading *r, Str cell, Str *out)
{
    uintptr_t at = (uintptr_t)cell.p - (uintptr_t)r->csv.p;
    *out = at <= r->csv.n ? cell : arena_str(r->a, cell);
    return out->p != NULL;
}

static bool fill(Reading *r, Column *c, Str cell)
{
    switch (c->type) {
    case COLUMN_INT: return cell_i64(cell, &c->i64[r->row]);
    case COLUMN_F32: return number_f32(cell, &c->f32[r->row]) || (c->f32[r->row] = NAN, true);
    case COLUMN_F64: return number_f64(cell, &c->f64[r->row]) || (c->f64[r->row] = (double)NAN, true);
    default:         return keep_text(r, cell, &c->text[r->row]);
    }
}

static bool fill_row(void *ctx, const CsvRow *row, Err *e)
{
    Reading *r = ctx;
    if (row->index == 0 && r->header)
        return true;
    for (size_t i = 0; i < row->count; i++)
        if (!fill(r, &r->t->column[i], row->field[i]))
            return err_nomem(e);
    r->row++;
    return true;
}

bool table_read(Arena *a, Str csv, const TableAsk *ask, Table *out, Err *e)
{
    static const TableAsk as_it_comes = { 0 };
    Reading    r = { .a = a, .csv = csv, .ask = ask ? ask : &as_it_comes, .t = out };
    CsvOptions o = { r.ask->delimiter, r.ask->lenient };
    *out = (Table){ 0 };
    if (!cell_rows(csv, &o, look_at_row, &r, e) || !make_columns(&r, e))
        return false;
    out->delimiter = o.delimiter;
    return cell_rows(csv, &o, fill_row, &r, e);
}

const Column *table_column(const Table *t, Str name)
{
    for (size_t i = 0; i < t->count; i++)
        if (str_eq(t->column[i].name, name))
            return &t->column[i];
    return NULL;
}

double column_f64(const Column *c, uint64_t i)
{
    switch (c->type) {
    case COLUMN_INT: return (double)c->i64[i];
    case COLUMN_F32: return (double)c->f32[i];
    case COLUMN_F64: return c->f64[i];
    default:         return (double)NAN;
    }
}
