/* CSV: other people's files first, then every cut of them, limits and both ways of finding marks. */
#include "../test.h"
#include "base/file.h"
#include "base/rng.h"
#include "format/csv.h"
#include "format/csv_marks.h"
#include "format/json.h"

/* All rows as [field][field]...\n, then the end or the error: two readings are the same when their traces are. */
static void traced(Str text, const CsvOptions *o, size_t piece, Buf *out)
{
    defer_csv Csv *c = csv_new(o);
    CsvRow         row;
    CsvStep        got;
    Err            e = { 0 };
    char          *window = NULL;                     /* the piece dies as soon as CSV_MORE was answered */
    size_t         at = 0;
    out->n = 0;
    while ((got = csv_next(c, &row, &e)) == CSV_ROW || got == CSV_MORE) {
        if (got == CSV_MORE) {
            size_t n = piece < text.n - at ? piece : text.n - at;
            free(window);
            window = malloc(n + 1);
            memcpy(window, text.p + at, n);
            at += n;
            csv_feed(c, (Str){ window, n }, at == text.n);
            continue;
        }
        buf_printf(out, "%" PRIu64 " line %" PRIu64 " at %" PRIu64 " ", row.index, row.line, row.at);
        for (size_t i = 0; i < row.count; i++)
            buf_z(out, "["), buf_str(out, row.field[i]), buf_z(out, "]");
        buf_z(out, "\n");
    }
    buf_printf(out, got == CSV_END ? "end" : "error line %" PRIu64 ": %s", e.line, e.message);
    CHECK(got == CSV_END || csv_next(c, &row, &e) == CSV_ERROR);
    free(window);
}

static bool same_however_cut(Str text, const CsvOptions *o)
{
    defer_buf Buf whole = { 0 }, cut = { 0 };
    traced(text, o, SIZE_MAX, &whole);
    for (size_t piece = 1; piece <= text.n && piece < 200; piece++) {
        traced(text, o, piece, &cut);
        if (!str_eq(buf_view(&whole), buf_view(&cut))) {
            print_error("pieces of %zu\n%.*s\n--- whole\n%.*s\n", piece, STR(buf_view(&cut)), STR(buf_view(&whole)));
            return false;
        }
    }
    return true;
}

/* ---- other people's vectors */

/* Reads to the end; true when there was no error and the rows are those of `want` (null: any). */
static bool rows_equal(Str text, const CsvOptions *o, const Json *want, Err *e)
{
    defer_csv Csv *c = csv_new(o);
    CsvRow         row;
    CsvStep        got;
    size_t         n = 0;
    bool           any = want == NULL || want->type == JSON_NULL, same = true;
    csv_feed(c, text, true);
    while ((got = csv_next(c, &row, e)) == CSV_ROW) {
        const Json *r = json_at(want, n++);
        same &= any || (r != NULL && r->count == row.count);
        for (size_t i = 0; !any && same && i < row.count; i++)
            same &= str_eq(json_at(r, i)->text, row.field[i]);
    }
    return got == CSV_END && (any || (same && n == want->count));
}

static void judge(const Json *v, const char *verdict_name, Str text, CsvOptions o)
{
    Str  verdict = json_text(json_get(v, verdict_name), S(""));
    Str  file = json_text(json_get(v, "file"), S(""));
    Err  e = { 0 };
    bool fine = rows_equal(text, &o, json_get(v, "rows"), &e);
    if (str_starts(verdict, S("error line "))) {
        uint64_t line;
        CHECK(str_u64(str_from(verdict, strlen("error line ")), &line));
        CHECK_ROW(!fine && e.code == E_FORMAT && e.line == line, file.p);
    } else {
        CHECK_ROW(fine, file.p);
    }
    CHECK_ROW(same_however_cut(text, &o), file.p);
}

TEST(csv, reads_the_vectors_as_expected_strictly_and_leniently_and_however_cut)
{
    const char *found = test_vectors("data/csv/expected.json");
    char        dir[1024];
    if (found == NULL)
        skip();
    snprintf(dir, sizeof dir, "%.*s", (int)(strlen(found) - strlen("/expected.json")), found);
    defer_arena Arena *a = arena_new(8 << 20);
    Str   text;
    Err   e = { 0 };
    CHECK(file_read(a, found, 1 << 20, &text, &e));
    const Json *all = json_parse(a, text, JSON_STRICT, &e);
    CHECK(all != NULL && all->count == 25);
    for (const Json *v = all->first; v != NULL; v = v->next) {
        CsvOptions o = { .delimiter = json_text(json_get(v, "delimiter"), S(",")).p[0] };
        CHECK(file_read(a, path_join(a, dir, json_get(v, "file")->text), 1 << 20, &text, &e));
        judge(v, "strict", text, o);
        judge(v, "strict", text, (CsvOptions){ 0 });
        judge(v, "lenient", text, (CsvOptions){ .delimiter = o.delimiter, .lenient = true });
    }
}

TEST(csv, says_where_and_why)
{
    static const struct { const char *in; uint64_t line; const char *says; } rows[] = {
        { "a,b\n\"1\n2\",x\"y\n", 3, "quote inside a bare field" }, { "a\n\"1\n2\"x\n", 3, "after a closing quote" },
        { "a,b\n\"1\n2\",\"x\"  \n", 3, "after a closing quote" }, { "a\n\"x\" \"y\"\n", 2, "after a closing quote" },
        { "a,b\r\n1,2\r\n\r\n", 3, "blank line" }, { "a,b\n1,2,3\n", 2, "3 fields, the first one has 2" },
        { "a,b\n1\n", 2, "1 field, the" }, { "a\n\"b\nc", 2, "still open" }, { "a\n\"b\"\"", 2, "still open" }, { "a\rb\n", 1, "carriage return" },
        { "a\n\"b\"\rc\n", 2, "carriage return" },
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        Err e = { 0 };
        CHECK_ROW(!rows_equal(str(rows[i].in), NULL, NULL, &e), rows[i].in);
        CHECK_ROW(e.line == rows[i].line && strstr(e.message, rows[i].says), rows[i].in);
        CHECK_ROW(same_however_cut(str(rows[i].in), NULL), rows[i].in);
    }
}

TEST(csv, sniffs_the_delimiter_that_cuts_the_rows_alike)
{
    static const struct { const char *in; char want; } rows[] = {
        { "a,b\n1,2\n", ',' }, { "a;b\n1,5;2,5\n", ';' }, { "a\tb,c\n1\t2\n", '\t' }, { "a|b|c\n1|2|3\n", '|' }, { "\"a;b;c\",d\n1,2\n", ',' },
        { "one\n2\n", ',' }, { "", ',' }, { "\xEF\xBB\xBFx;y", ';' }, { "a;b,c\n1;2\n3;4\n", ';' }, { "a b;c\r1;2\r", ';' },
        { "a,b;c\r\n1,2;3\r\n4,5;6,7\r\n", ';' },
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        defer_csv Csv *c = csv_new(NULL);
        CsvRow row;
        Err    e;
        CHECK(csv_delimiter(c) == 0);
        csv_feed(c, str(rows[i].in), true);
        csv_next(c, &row, &e);
        CHECK_ROW(csv_delimiter(c) == rows[i].want, rows[i].in);
    }
}

TEST(csv, keeps_views_of_a_whole_input_and_copies_only_doubled_quotes)
{
    defer_csv Csv *c = csv_new(NULL);
    CsvRow row;
    Err    e = { 0 };
    Str    text = S("ab,\"c d\",\"e\"\"f\",\"\"\"\"\n");
    csv_feed(c, text, true);
    CHECK(csv_next(c, &row, &e) == CSV_ROW && row.count == 4);
    CHECK(row.field[0].p == text.p && row.field[1].p == text.p + 4 && str_is(row.field[1], "c d"));
    CHECK(str_is(row.field[2], "e\"f") && str_is(row.field[3], "\""));
    CHECK(csv_next(c, &row, &e) == CSV_END);
}

TEST(csv, stops_at_a_row_without_end)
{
    static char    piece[1 << 20];
    defer_csv Csv *c = csv_new(NULL);
    CsvRow row;
    Err    e = { 0 };
    memset(piece, 'x', sizeof piece), piece[0] = '"';
    CsvStep got;
    size_t  fed = 0;
    for (; (got = csv_next(c, &row, &e)) == CSV_MORE && fed < 200; fed++, piece[0] = 'x')
        csv_feed(c, (Str){ piece, sizeof piece }, false);
    CHECK(got == CSV_ERROR && e.code == E_LIMIT && e.line == 1 && fed == 65);
}

TEST(csv, stops_at_too_many_fields)
{
    char *text = malloc(CSV_FIELDS_MAX + 1);
    memset(text, ',', CSV_FIELDS_MAX + 1);
    for (size_t n = CSV_FIELDS_MAX - 1; n <= CSV_FIELDS_MAX; n++) {
        defer_csv Csv *c = csv_new(&(CsvOptions){ .delimiter = ',' });
        CsvRow row;
        Err    e = { 0 };
        csv_feed(c, (Str){ text, n }, true);
        CsvStep got = csv_next(c, &row, &e);
        CHECK(n < CSV_FIELDS_MAX ? got == CSV_ROW && row.count == n + 1 : got == CSV_ERROR && e.code == E_LIMIT);
    }
    free(text);
}

static void random_csv(Rng *r, char *to, size_t n)
{
    static const char alphabet[] = "ab1,,,;\"\"\n\n\r\t";
    for (size_t i = 0; i < n; i++)
        to[i] = alphabet[rng_below(r, sizeof alphabet - 1)];
}

TEST(csv, reads_random_bytes_the_same_however_cut)
{
    Rng r = rng_of(7);
    for (int i = 0; i < 3000; i++) {
        char       text[64];
        size_t     n = rng_below(&r, sizeof text);
        CsvOptions o = { .delimiter = i % 2 ? ',' : 0, .lenient = i % 4 > 1 };
        random_csv(&r, text, n);
        CHECK(same_however_cut((Str){ text, n }, &o));
    }
}

TEST(csv, finds_the_same_marks_with_every_kernel)
{
    static uint32_t want[5000 + CSV_MARKS_SLACK], got[5000 + CSV_MARKS_SLACK];
    Rng       r = rng_of(8);
    CsvMarks *fast = csv_marks();
    for (int i = 0; i < 2000; i++) {
        char   text[5000];
        size_t start = rng_below(&r, 64), n = rng_below(&r, i < 1900 ? 300 : 4900);
        memset(text, i % 3 ? 'x' : '\0', sizeof text);
        random_csv(&r, text + start, i % 5 ? n : n / 7);
        size_t count = csv_marks_plain(text + start, n, ";,\t"[i % 3], want);
        CHECK(fast(text + start, n, ";,\t"[i % 3], got) == count);
        CHECK(memcmp(want, got, count * sizeof *want) == 0);
    }
}
