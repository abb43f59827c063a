/* Any bytes: what is accepted lies inside the file, says the same by rows as by elements, and survives the writer. */
#include "format/npy.h"

static bool same_or_nan(double a, double b) { return a == b || (a != a && b != b); }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    Str file = { (const char *)data, n };
    Npy a, b;
    Err e = { 0 };
    if (!npy_read(file, &a, &e)) {
        assert(e.at >= 1 && e.at <= n + 1 && e.message[0]);
        return 0;
    }
    size_t size = scalar_bits(a.type) / 8;
    assert(a.data.n == a.count * size && (a.data.n == 0 || (a.data.p >= file.p && a.data.p + a.data.n <= file.p + n)));
    if (a.rows > 1000)                                /* of no width, perhaps */
        return 0;
    Buf   out = { 0 };
    char *row = malloc((a.rows ? a.width : 0) * size + 1);   /* no rows may be of any width */
    npy_header(&out, a.type, a.shape, a.dims);
    for (uint64_t r = 0; a.width > 0 && r < a.rows; r++) {
        npy_row_bytes(&a, r, row);
        buf_put(&out, row, a.width * size);
    }
    assert(npy_read(buf_view(&out), &b, &e) && b.count == a.count && b.rows == a.rows && !b.fortran && !b.big_endian);
    for (uint64_t i = 0; i < a.count; i++)
        assert(same_or_nan(npy_f64(&a, i), npy_f64(&b, i)));
    free(row), buf_free(&out);
    return 0;
}
