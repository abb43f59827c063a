/* cell.c - see cell.h. */
#include "format/cell.h"
#include "base/dict.h"
#include "format/json.h"

bool cell_rows(Str csv, CsvOptions *o, RowFn *fn, void *ctx, Err *e)
{
    defer_csv Csv *c = csv_new(o);
    CsvRow         row;
    CsvStep        got;
    if (c == NULL)
        return err_nomem(e);
    csv_feed(c, csv, true);
    while ((got = csv_next(c, &row, e)) == CSV_ROW)
        if (!fn(ctx, &row, e))
            return false;
    o->delimiter = csv_delimiter(c);
    return got == CSV_END;
}

bool cell_missing(Str s)
{
    return s.n == 0 || (s.n <= 3 && (str_is(s, "NA") || str_is(s, "nan") || str_is(s, "NaN")));
}

bool cell_i64(Str s, int64_t *out)
{
    bool     negative = s.n > 0 && s.p[0] == '-', sign = negative || (s.n > 0 && s.p[0] == '+');
    uint64_t v, limit = (uint64_t)INT64_MAX + negative;
    if (!str_u64(str_from(s, sign), &v) || v > limit)
        return false;
    *out = negative ? -(int64_t)(v / 2) - (int64_t)(v - v / 2) : (int64_t)v;
    return true;
}

bool cell_is_header(const CsvRow *first, HeaderMode mode)
{
    double v;
    for (size_t i = 0; i < first->count && mode == HEADER_AUTO; i++)
        if (number_f64(first->field[i], &v))
            return false;
    return mode != HEADER_NO;
}

bool cell_names(Arena *a, const CsvRow *first, bool header, char prefix, Str **out, Err *e)
{
    Str  *name = arena_get(a, first->count, sizeof *name);
    Dict *seen = dict_new(a);
    if (name == NULL || seen == NULL)
        return err_nomem(e);
    for (size_t i = 0; i < first->count; i++) {
        name[i] = header ? arena_str(a, first->field[i]) : str(arena_printf(a, "%c%zu", prefix, i));
        if (name[i].p == NULL)
            return err_nomem(e);
        if (dict_get(seen, name[i]) != NULL)
            return err_line(e, first->line, "two columns are named '%.*s'", (int)(name[i].n < 80 ? name[i].n : 80), name[i].p);
        if (!dict_put(seen, name[i], &name[i]))
            return err_nomem(e);
    }
    *out = name;
    return true;
}
