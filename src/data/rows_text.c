/* rows_text.c - rows of CSV files and of text lines; see rows.h. */
#include "data/rows_reader.h"
#include "format/csv.h"
#include "format/json.h"

/* ---- csv: a first row without any number is the header, as in table.h */

typedef struct CsvRows {
    Csv   *csv;
    bool   begun, named;
    Buf    columns;                                    /* JSON array of the header's names; empty without a header */
    char  *row;
    size_t room;
} CsvRows;

static void *csv_open(uint64_t bytes)
{
    (void)bytes;
    CsvRows *r = calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    r->csv = csv_new(NULL);
    if (r->csv == NULL)
        free(r), r = NULL;
    return r;
}

static void csv_close(void *self)
{
    CsvRows *r = self;
    csv_free(r->csv);
    buf_free(&r->columns);
    free(r->row);
    free(r);
}

static bool is_header(const CsvRow *row)
{
    double v;
    for (size_t i = 0; i < row->count; i++)
        if (number_f64(str_trim(row->field[i]), &v))
            return false;
    return true;
}

static void keep_header(CsvRows *r, const CsvRow *row)
{
    JsonOut w = json_out(&r->columns);
    r->named = true;
    json_open(&w, '[');
    for (size_t i = 0; i < row->count; i++)
        json_put_str(&w, row->field[i]);
    json_close(&w, ']');
}

/* As buf_varint and buf_str would, in one allocation: half of the time of a commit was spent in them. */
static bool canonical(CsvRows *r, const CsvRow *row, Str *out)
{
    enum { VARINT_MAX = 10 };
    size_t need = row->count * VARINT_MAX;
    for (size_t i = 0; i < row->count; i++)
        need += row->field[i].n;
    if (need > r->room) {
        char *p = realloc(r->row, need);
        if (p == NULL)
            return false;
        r->row = p, r->room = need;
    }
    char *to = r->row;
    for (size_t i = 0; i < row->count; i++) {
        size_t n = row->field[i].n;
        for (; n >= 0x80; n >>= 7)
            *to++ = (char)(n | 0x80);
        *to++ = (char)n;
        memcpy(to, row->field[i].p, row->field[i].n);
        to += row->field[i].n;
    }
    *out = (Str){ r->row, (size_t)(to - r->row) };
    return true;
}

static bool csv_row(CsvRows *r, RowSink *to, const CsvRow *row, Err *e)
{
    Str bytes;
    if (!r->begun) {
        r->begun = true;
        if (is_header(row))
            return keep_header(r, row), true;
    }
    if (!canonical(r, row, &bytes))
        return err_nomem(e);
    row_put(to, &bytes, 1);
    return true;
}

static bool csv_rows_feed(void *self, RowSink *to, Str piece, bool last, Err *e)
{
    CsvRows *r = self;
    CsvRow   row;
    CsvStep  got;
    csv_feed(r->csv, piece, last);
    while ((got = csv_next(r->csv, &row, e)) == CSV_ROW)
        if (!csv_row(r, to, &row, e))
            return false;
    return got != CSV_ERROR;
}

static void csv_header(const void *self, Buf *json)
{
    const CsvRows *r = self;
    char           delimiter = csv_delimiter(r->csv);
    JsonOut        w = json_out(json);
    json_open(&w, '{');
    json_key(&w, "format");
    json_put_z(&w, "csv");
    json_key(&w, "delimiter");
    json_put_str(&w, (Str){ &delimiter, delimiter != 0 });
    json_key(&w, "columns");
    json_put_raw(&w, r->named ? buf_view(&r->columns) : S("null"));
    json_close(&w, '}');
    json->bad |= r->columns.bad;
}

const RowReader csv_rows = { csv_open, csv_close, csv_rows_feed, csv_header };

/* ---- lines: LF or CRLF; a last line without an end counts */

enum { LINE_MAX_BYTES = 64 << 20 };

typedef struct LineRows {
    uint64_t lines;
    Buf      carry;                                    /* the start of a line whose end has not come */
} LineRows;

static void *line_open(uint64_t bytes)
{
    (void)bytes;
    return calloc(1, sizeof(LineRows));
}

static void line_close(void *self)
{
    LineRows *r = self;
    buf_free(&r->carry);
    free(r);
}

static void put_line(LineRows *r, RowSink *to, Str line)
{
    if (r->carry.n) {
        buf_str(&r->carry, line);
        line = buf_view(&r->carry);
    }
    if (str_ends(line, S("\r")))
        line.n--;
    row_put(to, &line, 1);
    r->carry.n = 0, r->lines++;
}

static bool line_feed(void *self, RowSink *to, Str piece, bool last, Err *e)
{
    LineRows *r = self;
    Str       line, rest = piece;
    while (str_cut(rest, '\n', &line, &rest))
        put_line(r, to, line);
    if (line.n > LINE_MAX_BYTES - r->carry.n)
        return err_line(e, r->lines + 1, "a line of more than %d bytes", LINE_MAX_BYTES);
    if (last && line.n + r->carry.n > 0)
        put_line(r, to, line);
    else
        buf_str(&r->carry, line);
    return !r->carry.bad || err_nomem(e);
}

static void line_header(const void *self, Buf *json)
{
    (void)self;
    buf_z(json, "{\"format\":\"lines\"}");
}

const RowReader line_rows = { line_open, line_close, line_feed, line_header };
