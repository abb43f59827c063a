/* Any bytes, and the same bytes packed: views stay inside the file, sizes are what the header says, both read alike. */
#include "format/idx.h"
#include <zlib.h>

static size_t pack(const uint8_t *data, size_t n, uint8_t *to, size_t cap)
{
    z_stream z = { 0 };
    assert(deflateInit2(&z, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    z.next_in = (Bytef *)(uintptr_t)data, z.avail_in = (uInt)n, z.next_out = to, z.avail_out = (uInt)cap;
    assert(deflate(&z, Z_FINISH) == Z_STREAM_END);
    deflateEnd(&z);
    return cap - z.avail_out;
}

static bool read_one(Str file, Idx *v, Arena *a)
{
    Err  e = { 0 };
    bool ok = idx_read(a, file, v, &e);
    assert(ok || (e.message[0] && e.at <= file.n + 1));
    if (!ok)
        return false;
    assert(v->data.n == v->count * (scalar_bits(v->type) / 8) && v->rows * v->width == v->count);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static uint8_t gz[1 << 16];
    Idx    plain, inflated;
    Str    file = { (const char *)data, n };
    Arena *a = arena_new(16 << 20);
    bool   ok = read_one(file, &plain, a);
    if (n > 1 && data[0] == 0 && n < 40000) {
        assert(!ok || plain.data.n == 0 || (plain.data.p > file.p && plain.data.p + plain.data.n == file.p + n));
        bool same = read_one((Str){ (char *)gz, pack(data, n, gz, sizeof gz) }, &inflated, a);
        assert(same == ok);
        for (uint64_t i = 0; ok && i < plain.count; i++) {
            double x = idx_f64(&plain, i), y = idx_f64(&inflated, i);
            assert(x == y || (x != x && y != y));
        }
    }
    arena_free(a);
    return 0;
}
