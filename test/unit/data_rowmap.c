#include "../test.h"
#include "base/rng.h"
#include "data/rowmap.h"

enum { MOST = 5000 };

typedef struct Edges {
    MapInput in[3];
    uint32_t inputs, from[MOST];
    uint8_t  evidence[MOST];
    uint64_t rows;
} Edges;

/* Writes, reads back, compares row by row and at once. */
static RowMap round_trip(Buf *b, const Edges *x)
{
    static uint32_t from[MOST];
    static uint8_t  evidence[MOST];
    RowMap          m = { 0 };
    Err             e = { 0 };
    Evidence        v;
    CHECK_ROW(rowmap_write(b, x->in, x->inputs, x->from, x->evidence, x->rows, &e), e.message);
    CHECK_ROW(rowmap_parse(buf_view(b), &m, &e), e.message);
    rowmap_read(&m, from, evidence);
    for (uint64_t i = 0; i < x->rows; i++) {
        unsigned want = x->from[i] == NOWHERE ? EDGE_OPAQUE : x->evidence[i];
        CHECK(from[i] == x->from[i] && evidence[i] == want);
        CHECK(rowmap_at(&m, i, &v) == from[i] && v == want);
    }
    return m;
}

static Edges edges_of(uint64_t rows_of_input) { return (Edges){ .in = { { { { 7 } }, rows_of_input } }, .inputs = 1 }; }

/* Each row with this chance. */
static void filter(Edges *x, double kept)
{
    Rng r = rng_of(5);
    for (uint32_t id = 0; id < x->in[0].rows; id++)
        if (rng_unit(&r) < kept)
            x->from[x->rows++] = id;
}

TEST(data_rowmap, an_identity_takes_a_few_bytes)
{
    defer_buf Buf b = { 0 };
    Edges         x = edges_of(MOST);
    filter(&x, 1);
    CHECK(round_trip(&b, &x).kind == MAP_RUNS && b.n < 120);
}

TEST(data_rowmap, a_filter_costs_at_most_a_bit_for_each_input_row)
{
    static const double kept[] = { 0, 0.001, 0.05, 0.3, 0.5, 0.7, 0.95, 0.999 };
    for (size_t i = 0; i < len_of(kept); i++) {
        defer_buf Buf b = { 0 };
        Edges         x = edges_of(MOST);
        filter(&x, kept[i]);
        RowMap m = round_trip(&b, &x);
        CHECK(m.rows == x.rows && b.n <= 120 + MOST / 8);
    }
}

TEST(data_rowmap, a_foreign_order_costs_the_bits_of_an_index)
{
    defer_buf Buf b = { 0 };
    Edges         x = edges_of(4000);
    Rng           r = rng_of(9);
    filter(&x, 1);
    rng_shuffle(&r, x.from, x.rows);
    CHECK(round_trip(&b, &x).kind == MAP_PERM && b.n <= 120 + 4000 * 12 / 8);
}

TEST(data_rowmap, keeps_unknown_rows_and_how_each_edge_is_known)
{
    Rng r = rng_of(11);
    for (int round = 0; round < 200; round++) {
        defer_buf Buf b = { 0 };
        Edges         x = { .in = { { { { 1 } }, 300 }, { { { 2 } }, 0 }, { { { 3 } }, 500 } }, .inputs = 3 };
        uint64_t      often = rng_below(&r, 6);
        x.rows = rng_below(&r, 1000);
        for (uint64_t i = 0; i < x.rows; i++) {
            bool known = rng_below(&r, 10) >= often, on = i > 0 && x.from[i - 1] != NOWHERE && x.from[i - 1] < 799 && rng_below(&r, 8) > 0;
            x.from[i] = !known ? NOWHERE : on ? x.from[i - 1] + 1 : (uint32_t)rng_below(&r, 800);
            x.evidence[i] = (uint8_t)(rng_below(&r, 20) ? 0 : rng_below(&r, EDGE_OPAQUE));
        }
        round_trip(&b, &x);
    }
}

TEST(data_rowmap, an_output_nobody_knows_costs_nothing_a_row)
{
    defer_buf Buf b = { 0 };
    Edges         x = edges_of(10);
    for (x.rows = 0; x.rows < MOST; x.rows++)
        x.from[x.rows] = NOWHERE;
    CHECK(round_trip(&b, &x).kind == MAP_OPAQUE && b.n < 120);
}

TEST(data_rowmap, an_index_names_the_input_and_the_row_in_it)
{
    defer_buf Buf b = { 0 };
    Edges         x = { .in = { { { { 1 } }, 3 }, { { { 2 } }, 0 }, { { { 3 } }, 5 } }, .inputs = 3, .from = { 7, 0 }, .rows = 2 };
    RowMap        m = round_trip(&b, &x);
    uint32_t      row = 7;
    CHECK(rowmap_input(&m, &row) == 2 && row == 4);
    row = 2;
    CHECK(rowmap_input(&m, &row) == 0 && row == 2);
}

TEST(data_rowmap, every_flipped_byte_and_every_cut_is_refused)
{
    defer_buf Buf b = { 0 };
    Edges         x = edges_of(900);
    RowMap        m;
    Err           e = { 0 };
    filter(&x, 0.5);
    round_trip(&b, &x);
    for (size_t i = 0; i < b.n; i++) {
        b.p[i] ^= 1;
        CHECK(!rowmap_parse(buf_view(&b), &m, &e));
        b.p[i] ^= 1;
        CHECK(!rowmap_parse((Str){ b.p, i }, &m, &e));
    }
}

/* With the digest made right, so that only the checks behind it stand in the way. */
static bool reads(Str head, uint8_t kind, uint64_t rows, uint64_t in_rows, Str payload)
{
    defer_buf Buf b = { 0 };
    RowMap        m;
    Err           e = { 0 };
    buf_str(&b, head), buf_byte(&b, kind), buf_u64(&b, rows), buf_u32(&b, 1);
    buf_put(&b, (Digest){ { 0 } }.b, 32), buf_u64(&b, in_rows);
    buf_u64(&b, payload.n), buf_str(&b, payload);
    Digest sum = sha256(buf_view(&b));
    buf_put(&b, sum.b, sizeof sum.b);
    bool ok = rowmap_parse(buf_view(&b), &m, &e);
    CHECK(ok || e.message[0] != '\0');
    return ok;
}

TEST(data_rowmap, refuses_what_no_writer_would_say)
{
    static const struct { const char *what; int ok; uint8_t kind; uint64_t rows, in_rows; Str payload; } rows[] = {
        { "two rows of a run", 1, 1, 2, 2, S("\0\1\x8" "\1\0\0\2") },
        { "a run past its input", 0, 1, 2, 1, S("\0\1\x8" "\1\0\0\2") },
        { "a run of input 2 of 1", 0, 1, 2, 2, S("\0\1\x8" "\1\2\0\2") },
        { "an empty run", 0, 1, 2, 2, S("\0\1\x8" "\2\0\0\0\0\0\2") },
        { "more runs than counted", 0, 1, 2, 2, S("\0\1\x8" "\1\0\0\1\0\0\1") },
        { "a start before the input", 0, 1, 2, 2, S("\0\1\x8" "\1\0\1\2") },
        { "evidence for one row of two", 0, 1, 2, 2, S("\0\1\x4" "\1\0\0\2") },
        { "evidence of no form", 0, 1, 2, 2, S("\2\1\x8" "\1\0\0\2") },
        { "bytes at the end", 0, 6, 2, 2, S("\0\1\x8" "\0") },
        { "opaque", 1, 6, 2, 2, S("\0\1\x8") },
        { "a kind to come", 0, 5, 2, 2, S("\0\1\x8") },
        { "a bitmap", 1, 2, 2, 3, S("\0\1\x8" "\0\5") },
        { "a bitmap of one row too many", 0, 2, 2, 3, S("\0\1\x8" "\0\7") },
        { "a bitmap with a bit past its rows", 0, 2, 2, 3, S("\0\1\x8" "\0\11") },
        { "a selection of more than there is", 0, 2, 4, 3, S("\0\1\x10" "\0\7") },
        { "a selection of no form", 0, 2, 2, 3, S("\0\1\x8" "\3\5") },
        { "kept rows that rise", 1, 2, 2, 3, S("\0\1\x8" "\1\x5") },
        { "kept rows that stay", 0, 2, 2, 3, S("\0\1\x8" "\1\x3") },
        { "an index", 1, 4, 1, 2, S("\0\1\x4" "\2\1") },
        { "an index past the inputs", 0, 4, 1, 2, S("\0\1\x4" "\2\3") },
        { "indexes of 33 bits", 0, 4, 1, 2, S("\0\1\x4" "\x21\0\0\0\0\0") },
        { "four thousand million rows", 0, 6, UINT32_MAX, 2, S("\0\1\xfc\xff\xff\xff\x3f") },
        { "as many input rows", 0, 6, 2, UINT32_MAX, S("\0\1\x8") },
        { "a varint without an end", 0, 1, 2, 2, S("\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff") },
    };
    for (size_t i = 0; i < len_of(rows); i++)
        CHECK_ROW(reads(S("MOATMAP1"), rows[i].kind, rows[i].rows, rows[i].in_rows, rows[i].payload) == rows[i].ok, rows[i].what);
    CHECK(!reads(S("MOATMAP2"), 6, 2, 2, S("\0\1\x8")));
}
