/* rows.c - see rows.h. */
#include "data/rows.h"
#include "data/rows_reader.h"

static const struct {
    const char      *name;
    const RowReader *reader;
    const char      *endings;                          /* blank-separated, with a blank at both sides */
} kinds[ROW_KINDS] = {
    [ROWS_FILES] = { "files", NULL, "" },
    [ROWS_CSV] = { "csv", &csv_rows, " .csv .tsv " },
    [ROWS_LINES] = { "lines", &line_rows, " .txt .jsonl .ndjson " },
    [ROWS_NPY] = { "npy", &npy_rows, " .npy " },
    [ROWS_IDX] = { "idx", &idx_rows, " -ubyte -ubyte.gz .idx .idx.gz " },
};

const char *rows_kind_name(RowKind k) { return kinds[k].name; }

static bool ends_like(Str path, const char *endings)
{
    Str ending, rest = str(endings);
    for (bool more = true; more;) {
        more = str_cut(rest, ' ', &ending, &rest);
        if (ending.n && str_ends(path, ending))
            return true;
    }
    return false;
}

RowKind rows_kind(Str declared, Str path)
{
    for (int k = 0; k < ROW_KINDS; k++)
        if (declared.n ? str_is(declared, kinds[k].name) : ends_like(path, kinds[k].endings))
            return (RowKind)k;
    return ROWS_FILES;
}

/* ---- from rows to roots */

struct RowSink {
    RowTap   tap;
    uint64_t rows;
    Buf      leaves;                                   /* Digest each, of the chunk being filled */
    Buf      roots;
};

static void end_chunk(RowSink *s)
{
    Digest root = merkle_root((const Digest *)(const void *)s->leaves.p, s->leaves.n / sizeof root);
    buf_put(&s->roots, root.b, sizeof root.b);
    s->leaves.n = 0;
}

void row_put(RowSink *s, const Str *parts, size_t n)
{
    enum { PARTS = 64 };
    Str row[PARTS + 1] = { S("\0") };                  /* merkle.h's leaf: H(0x00 || row) */
    assert(n <= PARTS);
    memcpy(row + 1, parts, n * sizeof *parts);
    Digest leaf = sha256_of(row, n + 1);
    buf_put(&s->leaves, leaf.b, sizeof leaf.b);
    if (s->tap.leaf != NULL)
        s->tap.leaf(s->tap.ctx, s->rows, &leaf);
    if (s->tap.row != NULL)
        s->tap.row(s->tap.ctx, s->rows, &leaf, parts, n);
    s->rows++;
    if (s->leaves.n == ROWS_CHUNK * sizeof leaf)
        end_chunk(s);
}

struct Rows {
    const RowReader *reader;
    void            *self;
    RowSink          sink;
};

Rows *rows_new(RowKind kind, uint64_t bytes, RowTap tap)
{
    Rows *r = calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    r->reader = kinds[kind].reader;
    r->sink.tap = tap;
    r->self = r->reader->open(bytes);
    if (r->self == NULL)
        return rows_free(r), NULL;
    return r;
}

void rows_free(Rows *r)
{
    if (r == NULL)
        return;
    if (r->self != NULL)
        r->reader->close(r->self);
    buf_free(&r->sink.leaves), buf_free(&r->sink.roots);
    free(r);
}

bool rows_feed(Rows *r, Str piece, bool last, Err *e) { return r->reader->feed(r->self, &r->sink, piece, last, e); }

bool rows_sum(Rows *r, RowSum *out, Err *e)
{
    RowSink *s = &r->sink;
    *out = (RowSum){ .rows = s->rows };
    bool bad = s->leaves.bad;
    if (s->leaves.n > 0)
        end_chunk(s);
    r->reader->header(r->self, &out->header);
    if (bad || s->roots.bad || out->header.bad)
        return row_sum_free(out), err_nomem(e);
    out->root = merkle_root((const Digest *)(const void *)s->roots.p, s->roots.n / sizeof(Digest));
    out->roots = s->roots, s->roots = (Buf){ 0 };
    return true;
}

void row_sum_free(RowSum *s)
{
    buf_free(&s->roots);
    buf_free(&s->header);
}
