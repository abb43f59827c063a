#include "../test.h"
#include "base/file.h"
#include "base/rng.h"
#include "data/rowdiff.h"
#include "data/rows.h"
#include "format/idx.h"
#include "format/json.h"
#include "format/npy.h"
#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

/* Feeds in pieces of at most `cut` bytes. */
static bool sum_of(RowKind kind, Str file, size_t cut, RowSum *out, Err *e)
{
    Rows *r = rows_new(kind, file.n, (RowTap){ 0 });
    bool  ok = true;
    for (bool last = false; ok && !last;) {
        Str piece = { file.p, file.n < cut ? file.n : cut };
        file = str_from(file, piece.n);
        last = file.n == 0;
        ok = rows_feed(r, piece, last, e);
    }
    ok = ok && rows_sum(r, out, e);
    rows_free(r);
    return ok;
}

static Digest root_of(RowKind kind, Str file, uint64_t want_rows)
{
    RowSum s = { 0 };
    Err    e = { 0 };
    Digest first = { 0 };
    for (size_t cut = 1; cut < 200; cut = cut * 3 + 1) {
        CHECK_ROW(sum_of(kind, file, cut, &s, &e), e.message);
        CHECK(s.rows == want_rows && (cut == 1 || digest_eq(&first, &s.root)));
        first = s.root;
        row_sum_free(&s);
    }
    CHECK(sum_of(kind, file, SIZE_MAX, &s, &e) && digest_eq(&first, &s.root));
    row_sum_free(&s);
    return first;
}

static bool is_root(Digest got, const Str *records, size_t n)
{
    Digest leaf[64];
    for (size_t i = 0; i < n; i++)
        leaf[i] = merkle_leaf(records[i]);
    Digest want = merkle_root(leaf, n);
    return digest_eq(&got, &want);
}

/* The eight leaves of the public vectors hold no line end, so as lines of a text they have the published roots. */
TEST(data_rows, lines_have_the_published_roots)
{
    const char        *path = test_vectors("data/merkle_rfc6962.json");
    defer_arena Arena *a = arena_new(4 << 20);
    defer_buf Buf      text = { 0 };
    Str                json;
    if (path == NULL)
        return;
    CHECK(file_read(a, path, 1 << 20, &json, NULL));
    const Json *v = json_parse(a, json, JSON_STRICT, NULL), *leaves = json_get(v, "leaves"), *roots = json_get(v, "roots_by_size");
    for (size_t n = 0; n <= 8; n++) {
        Digest want, got = root_of(ROWS_LINES, buf_view(&text), n);
        CHECK(digest_parse(json_text(json_at(roots, n), S("")), &want) && digest_eq(&got, &want));
        hex_get(&text, json_text(json_at(leaves, n), S("")));
        buf_byte(&text, '\n');
    }
}

TEST(data_rows, csv_rows_are_their_fields_however_quoted)
{
    const Str want[] = { S("\1a\2b,"), S("\0\3x\"y"), S("\1""1\2\r\n") };
    CHECK(is_root(root_of(ROWS_CSV, S("p,q\na,\"b,\"\n,\"x\"\"y\"\n1,\"\r\n\"\n"), 3), want, 3));
    CHECK(is_root(root_of(ROWS_CSV, S("\"p\";q\r\n\"a\";\"b,\"\r\n\"\";\"x\"\"y\"\r\n1;\"\r\n\""), 3), want, 3));
}

TEST(data_rows, a_first_row_with_a_number_is_data)
{
    const Str want[] = { S("\1a\1""1"), S("\1b\1""2") };
    RowSum    s;
    Err       e = { 0 };
    CHECK(is_root(root_of(ROWS_CSV, S("a,1\nb,2\n"), 2), want, 2));
    CHECK(is_root(root_of(ROWS_CSV, S("name,size\na,1\nb,2\n"), 2), want, 2));
    CHECK(sum_of(ROWS_CSV, S("name,size\na,1\n"), 99, &s, &e));
    CHECK(str_is(buf_view(&s.header), "{\"format\":\"csv\",\"delimiter\":\",\",\"columns\":[\"name\",\"size\"]}"));
    row_sum_free(&s);
}

TEST(data_rows, lines_lose_their_ends_and_nothing_else)
{
    const Str want[] = { S("a"), S(""), S(" b\r"), S("c") };
    CHECK(is_root(root_of(ROWS_LINES, S("a\n\r\n b\r\r\nc"), 4), want, 4));
    CHECK(is_root(root_of(ROWS_LINES, S("a\r\n\n b\r\r\nc\n"), 4), want, 4));
}

static void put_npy(Buf *b, const char *descr, const char *order, Str data)
{
    char head[119];
    memset(head, ' ', sizeof head - 1);
    int n = snprintf(head, sizeof head, "{'descr': '%s', 'fortran_order': %s, 'shape': (3, 2), }", descr, order);
    head[n] = ' ', head[sizeof head - 2] = '\n';
    buf_put(b, "\x93NUMPY\1\0\x76\0", 10);
    buf_put(b, head, sizeof head - 1);
    buf_str(b, data);
}

static void gzip(Buf *b, Str s)
{
    z_stream z = { 0 };
    char     out[4096];
    CHECK(deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    z.next_in = (Bytef *)(uintptr_t)s.p, z.avail_in = (uInt)s.n, z.next_out = (Bytef *)out, z.avail_out = sizeof out;
    CHECK(deflate(&z, Z_FINISH) == Z_STREAM_END);
    buf_put(b, out, z.total_out);
    deflateEnd(&z);
}

/* One array of 3 rows of two 16-bit numbers, in every way it can be written. */
TEST(data_rows, the_same_numbers_have_the_same_root)
{
    const Str     want[] = { S("\2i2\1\0\2\0"), S("\2i2\3\0\4\0"), S("\2i2\5\0\6\1") };
    defer_buf Buf little = { 0 }, big = { 0 }, fortran = { 0 }, idx = { 0 }, gz = { 0 };
    put_npy(&little, "<i2", "False", S("\1\0\2\0\3\0\4\0\5\0\6\1"));
    put_npy(&big, ">i2", "False", S("\0\1\0\2\0\3\0\4\0\5\1\6"));
    put_npy(&fortran, "<i2", "True", S("\1\0\3\0\5\0\2\0\4\0\6\1"));
    buf_str(&idx, S("\0\0\x0b\2\0\0\0\3\0\0\0\2\0\1\0\2\0\3\0\4\0\5\1\6"));
    gzip(&gz, buf_view(&idx));
    CHECK(is_root(root_of(ROWS_NPY, buf_view(&little), 3), want, 3));
    CHECK(is_root(root_of(ROWS_NPY, buf_view(&big), 3), want, 3));
    CHECK(is_root(root_of(ROWS_NPY, buf_view(&fortran), 3), want, 3));
    CHECK(is_root(root_of(ROWS_IDX, buf_view(&idx), 3), want, 3));
    CHECK(is_root(root_of(ROWS_IDX, buf_view(&gz), 3), want, 3));
}

TEST(data_rows, what_is_cut_short_or_too_long_is_an_error)
{
    defer_buf Buf npy = { 0 };
    Str           idx = S("\0\0\x08\1\0\0\0\3abc");
    RowSum        s;
    put_npy(&npy, "<i2", "False", S("\1\0\2\0\3\0\4\0\5\0\6\1"));
    for (size_t n = 0; n < npy.n; n++) {
        Err e = { 0 };
        CHECK(!sum_of(ROWS_NPY, (Str){ npy.p, n }, 50, &s, &e) && e.message[0]);
    }
    for (size_t n = 0; n < idx.n; n++) {
        Err e = { 0 };
        CHECK(!sum_of(ROWS_IDX, (Str){ idx.p, n }, 2, &s, &e) && e.message[0]);
    }
    buf_byte(&npy, 0);
    Err e = { 0 };
    CHECK(!sum_of(ROWS_NPY, buf_view(&npy), 50, &s, &e) && !sum_of(ROWS_IDX, S("\0\0\x08\1\0\0\0\3abcd"), 99, &s, &e));
    CHECK(!sum_of(ROWS_CSV, S("a,b\n1,2\n1\n"), 3, &s, &e) && e.line == 3);
}

/* Chunk roots are aligned subtrees: the root follows from them alone, whatever the number of rows. */
TEST(data_rows, the_root_is_that_of_all_leaves)
{
    defer_arena Arena *a = arena_new(16 << 20);
    for (size_t n = ROWS_CHUNK - 1; n < 5 * ROWS_CHUNK; n += ROWS_CHUNK / 2 + 1) {
        defer_buf Buf text = { 0 };
        RowSum        s;
        Digest       *leaf = arena_get(a, n, sizeof *leaf);
        for (size_t i = 0; i < n; i++) {
            char line[32];
            int  len = snprintf(line, sizeof line, "%zu", i);
            leaf[i] = merkle_leaf((Str){ line, (size_t)len });
            buf_put(&text, line, (size_t)len), buf_byte(&text, '\n');
        }
        Digest want = merkle_root(leaf, n);
        CHECK(sum_of(ROWS_LINES, buf_view(&text), 1000, &s, NULL) && digest_eq(&s.root, &want) && s.rows == n);
        CHECK(s.roots.n / sizeof(Digest) == (n + ROWS_CHUNK - 1) / ROWS_CHUNK);
        row_sum_free(&s);
    }
}

TEST(data_rows, the_kind_is_declared_or_told_by_the_ending)
{
    static const struct { const char *declared, *path; RowKind want; } rows[] = {
        { "", "a.csv", ROWS_CSV }, { "", "a.npy", ROWS_NPY }, { "", "x-idx3-ubyte.gz", ROWS_IDX }, { "", "x-idx1-ubyte", ROWS_IDX },
        { "", "a.jsonl", ROWS_LINES }, { "", "a.png", ROWS_FILES }, { "", "csv", ROWS_FILES }, { "files", "a.csv", ROWS_FILES },
        { "csv", "a.dat", ROWS_CSV }, { "lines", "a.csv", ROWS_LINES },
    };
    for (size_t i = 0; i < len_of(rows); i++)
        CHECK_ROW(rows_kind(str(rows[i].declared), str(rows[i].path)) == rows[i].want, rows[i].path);
}

/* ---- differences */

typedef struct Lines {
    uint32_t v[2000];
    size_t   n;
} Lines;

static void edit(Lines *l, Rng *r)
{
    size_t at = (size_t)rng_below(r, l->n), count = 1 + (size_t)rng_below(r, 20);
    switch (rng_below(r, 3)) {
    case 0:
        for (size_t i = at; i < l->n && i < at + count; i++)
            l->v[i] = (uint32_t)rng_u64(r);
        break;
    case 1:
        count = count > l->n - at ? l->n - at : count;
        memmove(l->v + at, l->v + at + count, (l->n - at - count) * sizeof *l->v), l->n -= count;
        break;
    default:
        if (l->n + count > len_of(l->v))
            return;
        memmove(l->v + at + count, l->v + at, (l->n - at) * sizeof *l->v), l->n += count;
        for (size_t i = 0; i < count; i++)
            l->v[at + i] = (uint32_t)rng_u64(r);
    }
}

static void text_of(const Lines *l, Buf *b)
{
    b->n = 0;
    for (size_t i = 0; i < l->n; i++)
        buf_printf(b, "%u\n", l->v[i]);
}

/* The ranges turn one side into the other: everything outside them is equal, in order. */
static void check_script(const RowDiff *d, const Lines *was, const Lines *is)
{
    size_t i = 0, k = 0;
    CHECK(d->rows_before == was->n && d->rows_after == is->n && d->more == 0);
    for (size_t r = 0; r <= d->count; r++) {
        size_t end = r < d->count ? d->range[r].from : was->n;
        for (; i < end; i++, k++)
            CHECK(k < is->n && was->v[i] == is->v[k]);
        if (r < d->count) {
            CHECK(d->range[r].to == k);
            i += d->range[r].was, k += d->range[r].is;
        }
    }
    CHECK(i == was->n && k == is->n);
}

static TreeEntry store_text(Store *s, Str text, Digest *id)
{
    *id = sha256(text);
    CHECK(store_put(s, PACK_CHUNK, id, text, CODEC_RAW, text, NULL) && store_flush(s, NULL));
    return (TreeEntry){ .name = S("data"), .type = TREE_FILE, .size = text.n, .sha256 = *id, .chunk = id, .chunks = 1, .has_rows = true };
}

TEST(data_rows, a_difference_is_a_true_list_of_changes)
{
    defer_arena Arena *a = arena_new(1 << 20);
    Rng                r = rng_of(4);
    for (int round = 0; round < 60; round++) {
        static Lines   was, is;
        static RowDiff d;
        const char    *dir = test_dir();
        defer_buf Buf  old = { 0 }, now = { 0 };
        Digest         id;
        bool           ours;
        was.n = 1 + (size_t)rng_below(&r, 1500);
        for (size_t i = 0; i < was.n; i++)
            was.v[i] = (uint32_t)(round % 2 ? i : rng_below(&r, 5));
        is = was;
        for (int k = 0; k < round % 7 && is.n > 0; k++)
            edit(&is, &r);
        text_of(&was, &old), text_of(&is, &now);
        Store    *s = store_open(dir, NULL);
        TreeEntry v = store_text(s, buf_view(&old), &id);
        store_close(s);
        s = store_open(dir, NULL);
        char *path = arena_printf(a, "%s/now", dir);
        CHECK(file_replace(path, buf_view(&now), 0600, NULL));
        defer_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
        CHECK(row_diff(s, &v, ROWS_LINES, fd, now.n, &d, &ours, NULL));
        check_script(&d, &was, &is);
        store_close(s);
    }
}
