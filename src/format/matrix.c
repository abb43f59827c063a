/* matrix.c - the float32 matrix of table.h, from CSV, npy or IDX, with labels turned into class numbers. */
#include "base/dict.h"
#include "base/file.h"
#include "format/cell.h"
#include "format/idx.h"
#include "format/json.h"
#include "format/npy.h"
#include <math.h>

/* ---- labels */

typedef struct Labels {
    Arena *a;
    Dict  *number;                                    /* text -> 1 + order of first sight */
    Str   *class;
    size_t n, cap;
} Labels;

static bool class_add(Labels *l, Str text, uint32_t *out, Err *e)
{
    if (l->n == MATRIX_CLASSES_MAX)
        return err_set(e, E_LIMIT, "more than %d different labels; is this a label?", MATRIX_CLASSES_MAX);
    if (l->n == l->cap) {
        Str *more = arena_get(l->a, l->cap = l->cap ? l->cap * 2 : 64, sizeof *more);
        if (more == NULL)
            return err_nomem(e);
        if (l->n > 0)
            memcpy(more, l->class, l->n * sizeof *more);
        l->class = more;
    }
    Str own = arena_str(l->a, text);
    *out = (uint32_t)l->n;
    l->class[l->n++] = own;
    return (own.p != NULL && dict_put(l->number, own, (void *)(uintptr_t)l->n)) || err_nomem(e);
}

static bool class_of(Labels *l, Str text, uint32_t *out, Err *e)
{
    if (l->number == NULL && (l->number = dict_new(l->a)) == NULL)
        return err_nomem(e);
    uintptr_t known = (uintptr_t)dict_get(l->number, text);
    if (known == 0)
        return class_add(l, text, out, e);
    *out = (uint32_t)(known - 1);
    return true;
}

typedef struct Rank {
    Str      text;
    double   value;
    uint32_t was;
} Rank;

static int by_value(const void *x, const void *y)
{
    const Rank *a = x, *b = y;
    return a->value != b->value ? (a->value < b->value ? -1 : 1) : str_cmp(a->text, b->text);
}

/* Classes in an order that does not depend on the rows': numbers by value, anything else by bytes. */
static bool sort_classes(Labels *l, Matrix *m, Err *e)
{
    Rank     *rank = arena_get(l->a, l->n, sizeof *rank);
    uint32_t *now = arena_get(l->a, l->n, sizeof *now);
    bool      numbers = true;
    if (rank == NULL || now == NULL)
        return err_nomem(e);
    for (size_t i = 0; i < l->n; i++) {
        rank[i] = (Rank){ l->class[i], 0, (uint32_t)i };
        numbers &= number_f64(l->class[i], &rank[i].value);
    }
    for (size_t i = 0; i < l->n && !numbers; i++)
        rank[i].value = 0;
    if (l->n > 0)
        qsort(rank, l->n, sizeof *rank, by_value);
    for (size_t i = 0; i < l->n; i++)
        l->class[i] = rank[i].text, now[rank[i].was] = (uint32_t)i;
    for (uint64_t i = 0; i < m->rows; i++)
        m->label[i] = now[m->label[i]];
    m->class = l->class, m->classes = l->n;
    return true;
}

/* ---- the matrix */

static bool matrix_make(Arena *a, Matrix *m, bool labels, Err *e)
{
    uint64_t cells;
    if (__builtin_mul_overflow(m->rows, m->cols, &cells) || (m->x = arena_get(a, cells, sizeof *m->x)) == NULL ||
        (labels && (m->label = arena_get(a, m->rows, sizeof *m->label)) == NULL))
        return err_set(e, E_NOMEM, "%" PRIu64 " rows of %" PRIu64 " columns do not fit in memory", m->rows, m->cols);
    return true;
}

static bool made_names(Arena *a, Matrix *m, Err *e)
{
    m->name = arena_get(a, m->cols, sizeof *m->name);
    for (uint64_t i = 0; m->name != NULL && i < m->cols; i++) {
        char *name = arena_printf(a, "x%" PRIu64, i);
        if (name == NULL)
            return err_nomem(e);
        m->name[i] = str(name);
    }
    return m->name != NULL || err_nomem(e);
}

static void finish(Matrix *m, double divide)
{
    for (uint64_t r = 0, i = 0; r < m->rows; r++)
        for (uint64_t c = 0; c < m->cols; c++, i++) {
            if (divide != 0)
                m->x[i] /= (float)divide;
            if (!isfinite(m->x[i]) && m->not_finite++ == 0)
                m->bad_row = r, m->bad_col = c;
        }
}

/* ---- CSV */

typedef struct Reading {
    Arena           *a;
    Str              csv;
    const MatrixAsk *ask;
    Matrix          *m;
    Labels           labels;
    Str             *name;                            /* of all columns of the file    */
    size_t           width, *from, label_at;          /* of it; where column i of x is */
    bool             header;
    uint64_t         rows, row;
} Reading;

static bool count_row(void *ctx, const CsvRow *row, Err *e)
{
    Reading *r = ctx;
    r->rows++;
    if (row->index > 0)
        return true;
    r->width = row->count;
    r->header = cell_is_header(row, r->ask->header);
    return cell_names(r->a, row, r->header, 'x', &r->name, e);
}

static bool find_column(const Reading *r, Str name, size_t *out, Err *e)
{
    for (*out = 0; *out < r->width; ++*out)
        if (str_eq(r->name[*out], name))
            return true;
    err_set(e, E_USAGE, "no column '%.*s'", STR(name));
    if (!r->header)
        return err_hint(e, "the file has no header; its columns are x0 to x%zu", r->width ? r->width - 1 : 0);
    const char **words = arena_get(r->a, r->width, sizeof *words);
    for (size_t i = 0; words != NULL && i < r->width; i++)
        words[i] = r->name[i].p;
    const char *near = words ? nearest_word(name, words, r->width) : NULL;
    return near ? err_hint(e, "did you mean '%s'?", near) : err_hint(e, "the first column is '%.*s'", STR(r->name[0]));
}

static void take(Reading *r, size_t at) { r->from[r->m->cols] = at, r->m->name[r->m->cols++] = r->name[at]; }

static bool room_for(Reading *r, size_t cols, Err *e)
{
    r->from = arena_get(r->a, cols, sizeof *r->from);
    r->m->name = arena_get(r->a, cols, sizeof *r->m->name);
    return (r->from != NULL && r->m->name != NULL) || err_nomem(e);
}

static bool take_named(Reading *r, Err *e)
{
    if (!room_for(r, r->ask->keeps, e))
        return false;
    for (size_t i = 0, at; i < r->ask->keeps; i++) {
        if (!find_column(r, r->ask->keep[i], &at, e))
            return false;
        if (at == r->label_at)
            return err_set(e, E_USAGE, "column '%s' cannot be label and feature", r->ask->label);
        take(r, at);
    }
    return true;
}

static bool take_others(Reading *r, Err *e)
{
    bool *skip = arena_get(r->a, r->width, sizeof *skip);
    if (skip == NULL)
        return err_nomem(e);
    if (!room_for(r, r->width, e))
        return false;
    for (size_t i = 0, at; i < r->ask->skips; i++) {
        if (!find_column(r, r->ask->skip[i], &at, e))
            return false;
        skip[at] = true;
    }
    for (size_t at = 0; at < r->width; at++)
        if (!skip[at] && at != r->label_at)
            take(r, at);
    return true;
}

/* Which columns of the file are the columns of x. */
static bool choose(Reading *r, Err *e)
{
    r->label_at = SIZE_MAX;
    if (r->ask->label != NULL && !find_column(r, str(r->ask->label), &r->label_at, e))
        return false;
    return r->ask->keeps ? take_named(r, e) : take_others(r, e);
}

static bool bad_cell(const Reading *r, const CsvRow *row, size_t at, const char *what, Err *e)
{
    Str cell = row->field[at], name = r->name[at];
    return err_line(e, row->line, "column '%.*s': '%.*s' %s", (int)(name.n < 60 ? name.n : 60), name.p, (int)(cell.n < 60 ? cell.n : 60),
                    cell.p, what);
}

static bool fill_row(void *ctx, const CsvRow *row, Err *e)
{
    Reading *r = ctx;
    float   *x = r->m->x + r->row * r->m->cols;
    if (row->index == 0 && r->header)
        return true;
    for (size_t i = 0; i < r->m->cols; i++) {
        Str  cell = row->field[r->from[i]];
        bool inside = (uintptr_t)cell.p - (uintptr_t)r->csv.p <= r->csv.n; /* not where doubled quotes were undone */
        if (number_f32_in(cell, inside ? r->csv.p + r->csv.n : cell.p + cell.n, &x[i]))
            continue;
        if (!cell_missing(cell))
            return bad_cell(r, row, r->from[i], "is no number", e);
        x[i] = NAN;
    }
    if (r->m->label != NULL && cell_missing(row->field[r->label_at]))
        return bad_cell(r, row, r->label_at, "is no label", e);
    return r->m->label == NULL || class_of(&r->labels, row->field[r->label_at], &r->m->label[r->row], e) ? (r->row++, true) : false;
}

static bool read_csv(Arena *a, Str text, const MatrixAsk *ask, Matrix *m, Err *e)
{
    Reading    r = { .a = a, .csv = text, .ask = ask, .m = m, .labels = { .a = a } };
    CsvOptions o = { .delimiter = ask->delimiter };
    if (!cell_rows(text, &o, count_row, &r, e))
        return false;
    if (r.rows == 0)
        return err_set(e, E_FORMAT, "is empty");
    m->rows = r.rows - r.header;
    return choose(&r, e) && matrix_make(a, m, ask->label != NULL, e) && cell_rows(text, &o, fill_row, &r, e) &&
           (ask->label == NULL || sort_classes(&r.labels, m, e));
}

/* ---- npy and IDX: one array of numbers */

typedef struct Array {
    bool     npy;
    Npy      n;
    Idx      i;
    uint64_t rows, width;
} Array;

static bool is_npy(Str file) { return str_starts(file, S("\x93NUMPY")); }
static bool is_idx(Str file) { return str_starts(file, S("\x1F\x8B")) || str_starts(file, S("\0\0")); }

static bool array_read(Arena *a, Str file, Array *out, Err *e)
{
    *out = (Array){ .npy = is_npy(file) };
    if (!out->npy && !is_idx(file))
        return err_set(e, E_FORMAT, "is neither npy nor IDX");
    if (out->npy ? !npy_read(file, &out->n, e) : !idx_read(a, file, &out->i, e))
        return false;
    out->rows = out->npy ? out->n.rows : out->i.rows;
    out->width = out->npy ? out->n.width : out->i.width;
    return true;
}

static void array_row(const Array *v, uint64_t row, float *out)
{
    if (v->npy)
        npy_row_f32(&v->n, row, out);
    else
        idx_row_f32(&v->i, row, out);
}

static bool label_array(Arena *a, Str file, Matrix *m, Err *e)
{
    Array  v;
    Labels l = { .a = a };
    char   text[NUMBER_TEXT];
    if (!array_read(a, file, &v, e))
        return false;
    if (v.rows != m->rows || v.width != 1)
        return err_set(e, E_FORMAT, "has %" PRIu64 " rows of %" PRIu64 "; %" PRIu64 " labels are needed", v.rows, v.width, m->rows);
    for (uint64_t i = 0; i < v.rows; i++) {
        double label = v.npy ? npy_f64(&v.n, i) : idx_f64(&v.i, i);
        if (!isfinite(label))
            return err_set(e, E_FORMAT, "the label of row %" PRIu64 " is not finite", i);
        if (!class_of(&l, (Str){ text, number_text(label, text) }, &m->label[i], e))
            return false;
    }
    return sort_classes(&l, m, e);
}

static bool read_labels(Arena *a, const char *path, Matrix *m, Err *e)
{
    defer_map Map file;
    return file_map(path, &file, e) && (label_array(a, file.bytes, m, e) || err_in(e, "%s", path));
}

static bool read_array(Arena *a, Str file, const MatrixAsk *ask, Matrix *m, Err *e)
{
    Array v;
    if (!array_read(a, file, &v, e))
        return false;
    m->rows = v.rows, m->cols = v.width;
    if (!matrix_make(a, m, ask->label != NULL, e) || !made_names(a, m, e))
        return false;
    for (uint64_t r = 0; m->cols > 0 && r < m->rows; r++)
        array_row(&v, r, m->x + r * m->cols);
    return true;
}

bool matrix_read(Arena *a, const char *path, const MatrixAsk *ask, Matrix *out, Err *e)
{
    static const MatrixAsk as_it_is = { 0 };
    defer_map Map          file;
    *out = (Matrix){ 0 };
    ask = ask ? ask : &as_it_is;
    if (!file_map(path, &file, e))
        return false;
    bool array = is_npy(file.bytes) || is_idx(file.bytes);
    if (array ? !read_array(a, file.bytes, ask, out, e) : !read_csv(a, file.bytes, ask, out, e))
        return err_in(e, "%s", path);
    if (array && ask->label != NULL && !read_labels(a, ask->label, out, e))
        return false;
    finish(out, ask->divide);
    return true;
}
