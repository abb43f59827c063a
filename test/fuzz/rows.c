/* A file of any kind, fed whole and in pieces: the same rows and root, or an error both times. */
#include "data/rows.h"

static bool sum_of(RowKind kind, Str file, size_t cut, RowSum *out)
{
    Err   e = { 0 };
    Rows *r = rows_new(kind, file.n, (RowTap){ 0 });
    bool  ok = true;
    assert(r != NULL);
    for (bool last = false; ok && !last;) {
        Str piece = { file.p, file.n < cut ? file.n : cut };
        file = str_from(file, piece.n);
        last = file.n == 0;
        ok = rows_feed(r, piece, last, &e);
    }
    ok = ok && rows_sum(r, out, &e);
    assert(ok || e.message[0] != '\0');
    rows_free(r);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 2)
        return 0;
    RowKind kind = ROWS_CSV + data[0] % (ROW_KINDS - ROWS_CSV);
    Str     file = { (const char *)data + 2, n - 2 };
    RowSum  whole = { 0 }, pieces = { 0 };
    bool    a = sum_of(kind, file, SIZE_MAX, &whole), b = sum_of(kind, file, 1 + data[1], &pieces);
    assert(a == b);
    if (a)
        assert(whole.rows == pieces.rows && digest_eq(&whole.root, &pieces.root) && str_eq(buf_view(&whole.header), buf_view(&pieces.header)));
    row_sum_free(&whole), row_sum_free(&pieces);
    return 0;
}
