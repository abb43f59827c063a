/* Any bytes: the first two choose options and a cut; the rows must be the same in one piece, in pieces of that size and
 * byte by byte, and every field lies inside its row. */
#include "format/csv.h"

static uint64_t mixed(uint64_t h, uint64_t v) { return (h ^ v) * 0x9E3779B97F4A7C15u ^ h >> 29; }

static uint64_t traced(Str text, CsvOptions o, size_t piece)
{
    Csv     *c = csv_new(&o);
    CsvRow   row;
    CsvStep  got;
    Err      e = { 0 };
    size_t   at = 0, width = 0;
    uint64_t h = 1, rows = 0;
    while ((got = csv_next(c, &row, &e)) == CSV_ROW || got == CSV_MORE) {
        if (got == CSV_MORE) {
            size_t n = piece < text.n - at ? piece : text.n - at;
            csv_feed(c, (Str){ text.p + at, n }, at + n == text.n);
            at += n;
            continue;
        }
        assert(row.index == rows++ && row.at <= text.n && row.line >= 1 && (width == 0 || width == row.count));
        h = mixed(mixed(h, row.line), row.at), width = row.count;
        for (size_t i = 0; i < row.count; i++, h = mixed(h, 256))
            for (size_t k = 0; k < row.field[i].n; k++)
                h = mixed(h, (uint8_t)row.field[i].p[k]);
    }
    h = mixed(mixed(h, got), e.line);
    csv_free(c);
    return h;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char delimiters[] = { 0, ',', ';', '\t' };
    if (n < 2 || n > 4096)
        return 0;
    Str        text = { (const char *)data + 2, n - 2 };
    CsvOptions o = { delimiters[data[0] & 3], data[0] >> 2 & 1 };
    uint64_t   whole = traced(text, o, SIZE_MAX);
    assert(whole == traced(text, o, data[1] + 1u) && whole == traced(text, o, 1));
    return 0;
}
