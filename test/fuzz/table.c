/* Any bytes as CSV: every column has as many cells as there are rows, missing ones are counted, texts lie in the file or
 * are our own copies, and asking for text gives back what a number was read from. */
#include "format/json.h"
#include "format/table.h"
#include <math.h>

static void check_column(const Column *c, const Column *text, uint64_t rows)
{
    uint64_t missing = 0;
    assert(c->type != COLUMN_AUTO && text->type == COLUMN_TEXT && c->missing == text->missing && str_eq(c->name, text->name));
    for (uint64_t i = 0; i < rows; i++) {
        double v = (double)NAN;
        bool   number = number_f64(text->text[i], &v);
        missing += c->type != COLUMN_TEXT && !number;
        if (c->type == COLUMN_TEXT)
            assert(str_eq(c->text[i], text->text[i]));
        else
            assert(column_f64(c, i) == v || (isnan(v) && isnan(column_f64(c, i))));
    }
    assert(c->type == COLUMN_TEXT || missing == c->missing);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 1 || n > 4096)
        return 0;
    Arena   *a = arena_new(16 << 20);
    Str      csv = { (const char *)data + 1, n - 1 };
    TableAsk ask = { .header = data[0] % 3, .lenient = data[0] & 4 }, as_text = ask;
    Table    t, texts;
    Err      e = { 0 };
    as_text.number = COLUMN_TEXT;
    bool ok = table_read(a, csv, &ask, &t, &e);
    assert(ok == table_read(a, csv, &as_text, &texts, &e));
    if (ok) {
        assert(t.rows == texts.rows && t.count == texts.count);
        for (size_t i = 0; i < t.count; i++)
            check_column(&t.column[i], &texts.column[i], t.rows);
    } else {
        assert(e.message[0]);
    }
    arena_free(a);
    return 0;
}
