/* A row map of arbitrary bytes, its digest made right: what is read can be asked row by row, and written again says the same. */
#include "data/rowmap.h"

enum { ROWS = 1 << 16 };

static void check(const RowMap *m)
{
    uint32_t     *from = malloc((m->rows + 1) * sizeof *from), *again = malloc((m->rows + 1) * sizeof *again);
    uint8_t      *evidence = malloc(m->rows + 1), *evidence_again = malloc(m->rows + 1);
    defer_buf Buf b = { 0 };
    RowMap        back;
    Evidence      v;
    Err           e = { 0 };
    rowmap_read(m, from, evidence);
    for (uint64_t i = 0; i < m->rows; i += 1 + m->rows / 64) {
        uint32_t id = rowmap_at(m, i, &v);
        assert(id == from[i] && v == evidence[i] && (id == NOWHERE) == (v == EDGE_OPAQUE) && (id == NOWHERE || id < m->total));
    }
    bool wrote = rowmap_write(&b, m->input, m->inputs, from, evidence, m->rows, &e), read = wrote && rowmap_parse(buf_view(&b), &back, &e);
    assert(wrote && read);
    rowmap_read(&back, again, evidence_again);
    assert(memcmp(from, again, m->rows * sizeof *from) == 0 && memcmp(evidence, evidence_again, m->rows) == 0);
    free(from), free(again), free(evidence), free(evidence_again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    defer_buf Buf b = { 0 };
    RowMap        m;
    Err           e = { 0 };
    buf_put(&b, data, n);
    Digest sum = sha256(buf_view(&b));
    buf_put(&b, sum.b, sizeof sum.b);
    if (!rowmap_parse(buf_view(&b), &m, &e))
        assert(e.message[0] != '\0');
    else if (m.rows <= ROWS)
        check(&m);
    return 0;
}
