/* match_columns.c - see match_columns.h. */
#include "data/match_columns.h"
#include "base/rng.h"
#include "data/join.h"
#include "format/json.h"

uint32_t match_input(const MatchAsk *ask, uint64_t id, uint64_t *row)
{
    uint32_t k = 0;
    for (; k + 1 < ask->inputs && id >= ask->in[k].rows; k++)
        id -= ask->in[k].rows;
    *row = id;
    return k;
}

/* More digits than a double holds for sure are compared as text. */
enum { DIGITS_MAX = 15, LITERAL_MAX = 40 };

static bool say_number(Str s, char text[static NUMBER_TEXT], size_t *n)
{
    size_t digits = 0;
    double v;
    if (s.n == 0 || s.n > LITERAL_MAX || s.p[0] > '9')
        return false;
    for (size_t i = 0; i < s.n; i++)
        digits += s.p[i] >= '0' && s.p[i] <= '9';
    if (digits > DIGITS_MAX + 2 || !number_f64(s, &v) || !(v - v == 0))
        return false;
    bool whole = memchr(s.p, '.', s.n) == NULL && memchr(s.p, 'e', s.n) == NULL && memchr(s.p, 'E', s.n) == NULL;
    if (whole && digits > DIGITS_MAX)
        return false;
    *n = number_text(v == 0 ? 0 : v, text);
    return true;
}

bool cells_equal(Str a, Str b)
{
    char   x[NUMBER_TEXT], y[NUMBER_TEXT];
    size_t n, m;
    if (str_eq(a, b))
        return true;
    return say_number(a, x, &n) && say_number(b, y, &m) && n == m && memcmp(x, y, n) == 0;
}

static void put_cell(Buf *b, Str s)
{
    char   text[NUMBER_TEXT];
    size_t n;
    if (say_number(s, text, &n))
        s = (Str){ text, n };
    buf_varint(b, s.n);
    buf_str(b, s);
}

size_t columns_split(const Columns *c, Str row, Str *field)
{
    size_t n = 0;
    for (; n < c->most && row_field(&row, &field[n]); n++)
        ;
    return n;
}

static Hash128 hash_of(const Columns *c, Str s) { return (Hash128){ siphash(c->key, s), siphash(c->key + 2, s) }; }

Hash128 columns_hash(Columns *c, Str row, uint32_t input, Wanted w)
{
    columns_split(c, row, c->field);
    c->scratch.n = 0;
    for (size_t i = 0; i < w.n; i++)
        put_cell(&c->scratch, c->field[input == NO_ROW ? w.column[i] : c->in[input * c->n + w.column[i]]]);
    return hash_of(c, buf_view(&c->scratch));
}

/* ---- renamed columns: one of the same values, in whatever order, when no row is lost */

static uint64_t column_sum(Columns *c, const RowSet *s, size_t column)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < s->rows; i++) {
        columns_split(c, rowset_row(s, i), c->field);
        c->scratch.n = 0;
        put_cell(&c->scratch, c->field[column]);
        sum += siphash(c->key, buf_view(&c->scratch));
    }
    return sum;
}

static bool taken(const Columns *c, size_t column)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->in[i] == column)
            return true;
    return false;
}

static void find_renamed(Columns *c, const RowSet *in, const RowSet *out)
{
    enum { PAIRS_MAX = 64 };
    for (size_t i = 0, tried = 0; i < c->n; i++) {
        uint64_t want = 0;
        bool     summed = false;
        for (size_t k = 0; k < in->columns && c->in[i] == NO_COLUMN && tried < PAIRS_MAX; k++) {
            if (taken(c, k))
                continue;
            if (!summed)
                want = column_sum(c, out, i), summed = true;
            tried++;
            if (column_sum(c, in, k) == want)
                c->in[i] = (uint32_t)k;
        }
    }
}

static uint32_t column_in(const RowSet *in, const RowSet *out, size_t column)
{
    if (out->column != NULL && in->column != NULL) {
        size_t found = rowset_column(out, out->column[column]) == SIZE_MAX ? SIZE_MAX : rowset_column(in, out->column[column]);
        return found == SIZE_MAX ? NO_COLUMN : (uint32_t)found;
    }
    return in->columns == out->columns ? (uint32_t)column : NO_COLUMN;
}

bool columns_begin(Columns *c, const RowSet *in, uint32_t inputs, const RowSet *out, Err *e)
{
    *c = (Columns){ .n = out->columns, .most = out->columns };
    for (uint32_t k = 0; k < inputs; k++) {
        if (in[k].columns == 0)
            c->n = 0;
        c->most = in[k].columns > c->most ? in[k].columns : c->most;
    }
    random_bytes(c->key, sizeof c->key);
    c->in = calloc(inputs * c->n + 1, sizeof *c->in);
    c->field = calloc(c->most + 1, sizeof *c->field), c->other = calloc(c->most + 1, sizeof *c->other);
    if (c->in == NULL || c->field == NULL || c->other == NULL)
        return err_nomem(e);
    for (uint32_t k = 0; k < inputs; k++)
        for (size_t i = 0; i < c->n; i++)
            c->in[k * c->n + i] = column_in(&in[k], out, i);
    if (inputs == 1 && c->n > 0 && in->rows == out->rows && in->column != NULL && out->column != NULL)
        find_renamed(c, in, out);
    return !c->scratch.bad || err_nomem(e);
}

void columns_free(Columns *c)
{
    free(c->in), free(c->field), free(c->other);
    buf_free(&c->scratch);
}
