/* IDX: the real Fashion-MNIST files, then lies in the header and in the gzip around it. */
#include "../test.h"
#include "base/file.h"
#include "format/idx.h"
#include <zlib.h>

static void packed(Buf *out, Str in)
{
    z_stream z = { 0 };
    char     room[1 << 17];
    CHECK(deflateInit2(&z, 9, Z_DEFLATED, 31, 9, Z_DEFAULT_STRATEGY) == Z_OK);
    z.next_in = (Bytef *)(uintptr_t)in.p, z.avail_in = (uInt)in.n;
    z.next_out = (Bytef *)room, z.avail_out = sizeof room;
    CHECK(deflate(&z, Z_FINISH) == Z_STREAM_END);
    out->n = 0;
    buf_put(out, room, sizeof room - z.avail_out);
    deflateEnd(&z);
}

static bool reads(Str file, Idx *out, Err *e)
{
    static char  values[1 << 10];
    defer_arena Arena *a = arena_new(1 << 20);
    *e = (Err){ 0 };
    if (!idx_read(a, file, out, e))
        return false;
    memcpy(values, out->data.p, out->data.n < sizeof values ? out->data.n : sizeof values);
    out->data.p = values;                             /* outlives the arena */
    return true;
}

TEST(idx, reads_fashion_mnist)
{
    static const char images[] = "/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz";
    static const char labels[] = "/usr/share/datasets/fashion-mnist/train-labels-idx1-ubyte.gz";
    if (!file_exists(images))
        skip();                                        /* leaves by a long jump: nothing may be owned yet */
    defer_arena Arena *a = arena_new(64 << 20);
    unsigned count[10] = { 0 };
    Map x, y;
    Idx v;
    Err e = { 0 };
    CHECK(file_map(labels, &y, &e) && idx_read(a, y.bytes, &v, &e));
    CHECK(v.type == SCALAR_U8 && v.dims == 1 && v.rows == 60000 && v.width == 1);
    for (uint64_t i = 0; i < v.count; i++)
        count[(int)idx_f64(&v, i)]++;
    for (int i = 0; i < 10; i++)
        CHECK(count[i] == 6000);
    CHECK(idx_f64(&v, 0) == 9 && idx_f64(&v, 1) == 0 && idx_f64(&v, 59999) == 5);
    CHECK(file_map(images, &x, &e) && idx_read(a, x.bytes, &v, &e));
    CHECK(v.dims == 3 && v.rows == 60000 && v.width == 784 && v.shape[1] == 28 && v.count == 47040000);
    float row[784];
    double sum = 0;
    for (uint64_t i = 0; i < v.rows; i++) {
        idx_row_f32(&v, i, row);
        for (int k = 0; k < 784; k++)
            sum += (double)row[k];
    }
    CHECK(sum / 47040000 > 72.940 && sum / 47040000 < 72.941); /* the published mean, .2860 of 255 */
    file_unmap(&x), file_unmap(&y);
}

TEST(idx, reads_every_type_big_endian_plain_and_packed)
{
    static const struct { const char *file; size_t n; Scalar type; double first, last; } rows[] = {
        { "\0\0\x08\1\0\0\0\2\x01\xFF", 10, SCALAR_U8, 1, 255 }, { "\0\0\x09\1\0\0\0\2\x01\xFF", 10, SCALAR_I8, 1, -1 },
        { "\0\0\x0B\1\0\0\0\2\1\2\xFF\xFE", 12, SCALAR_I16, 258, -2 }, { "\0\0\x0C\1\0\0\0\1\1\2\3\4", 12, SCALAR_I32, 16909060, 16909060 },
        { "\0\0\x0D\2\0\0\0\1\0\0\0\1\x3F\xC0\0\0", 16, SCALAR_F32, 1.5, 1.5 },
        { "\0\0\x0E\1\0\0\0\1\xC0\x04\0\0\0\0\0\0", 16, SCALAR_F64, -2.5, -2.5 },
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        defer_buf Buf gz = { 0 };
        Str file = { rows[i].file, rows[i].n };
        packed(&gz, file);
        for (int k = 0; k < 2; k++) {
            Idx   v;
            Err   e;
            float row;
            CHECK(reads(k ? buf_view(&gz) : file, &v, &e) && v.type == rows[i].type);
            CHECK(idx_f64(&v, 0) == rows[i].first && idx_f64(&v, v.count - 1) == rows[i].last);
            idx_row_f32(&v, 0, &row);
            CHECK(row == (float)rows[i].first);
        }
    }
}

TEST(idx, refuses_what_is_cut_too_long_or_no_idx)
{
    static const char good[] = "\0\0\x08\2\0\0\0\2\0\0\0\3abcdef";
    defer_buf Buf gz = { 0 }, more = { 0 };
    Idx v;
    Err e;
    Str file = { good, sizeof good - 1 };
    packed(&gz, file);
    CHECK(reads(file, &v, &e) && reads(buf_view(&gz), &v, &e) && v.rows == 2 && v.width == 3);
    for (size_t n = 0; n < file.n; n++)
        CHECK(!reads((Str){ good, n }, &v, &e) && e.code == E_FORMAT);
    for (size_t n = 0; n < gz.n; n++)
        CHECK(!reads((Str){ gz.p, n }, &v, &e) && e.code == E_FORMAT);
    CHECK(!reads((Str){ good, sizeof good }, &v, &e));
    buf_byte(&gz, 0);
    CHECK(!reads(buf_view(&gz), &v, &e) && strstr(e.message, "bytes follow"));
    packed(&more, (Str){ good, sizeof good });
    CHECK(!reads(buf_view(&more), &v, &e) && strstr(e.message, "bytes follow"));
    CHECK(!reads((Str){ "\0\0\x0A\1\0\0\0\1x", 9 }, &v, &e) && !reads((Str){ "\0\1\x08\1\0\0\0\1x", 9 }, &v, &e));
    CHECK(!reads((Str){ "\0\0\x08\0x", 5 }, &v, &e) && !reads((Str){ "\0\0\x08\x09", 4 }, &v, &e));
}

TEST(idx, notices_every_damaged_byte_of_a_gzip_file)
{
    static const char good[] = "\0\0\x08\2\0\0\0\2\0\0\0\3abcdef";
    defer_buf Buf gz = { 0 };
    Idx v;
    Err e;
    packed(&gz, (Str){ good, sizeof good - 1 });
    for (size_t i = 10; i < gz.n; i++) {              /* gzip's own ten bytes hold a time that nobody checks */
        gz.p[i] ^= 0x10;
        CHECK(!reads(buf_view(&gz), &v, &e));
        gz.p[i] ^= 0x10;
    }
}

TEST(idx, does_not_believe_a_header_that_asks_for_more_than_there_can_be)
{
    defer_arena Arena *a = arena_new(SIZE_MAX);
    defer_buf Buf gz = { 0 };
    Idx v;
    Err e = { 0 };
    CHECK(!idx_read(a, (Str){ "\0\0\x08\2\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFFx", 13 }, &v, &e) && e.code == E_FORMAT);
    CHECK(!idx_read(a, (Str){ "\0\0\x0E\3\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 16 }, &v, &e) && e.code == E_FORMAT);
    packed(&gz, (Str){ "\0\0\x08\2\0\1\0\0\0\1\0\0xxxx", 16 });
    CHECK(!idx_read(a, buf_view(&gz), &v, &e) && e.code == E_LIMIT);
    defer_arena Arena *small = arena_new(100);
    packed(&gz, (Str){ "\0\0\x08\1\0\0\1\0xxxx", 12 });
    CHECK(!idx_read(small, buf_view(&gz), &v, &e) && e.code == E_NOMEM);
}
