/* npy: NumPy's own files, then lies in the header, then our writer against NumPy's bytes. */
#include "../test.h"
#include "base/file.h"
#include "crypto/digest.h"
#include "format/json.h"
#include "format/npy.h"
#include <math.h>

static bool hashes_to(const Npy *a, Str want)
{
    defer_buf Buf b = { 0 };
    Digest        got, wanted;
    for (uint64_t i = 0; i < a->count; i++) {
        double   v = npy_f64(a, i);
        uint64_t bits;
        memcpy(&bits, &v, sizeof bits);
        buf_u64(&b, bits);
    }
    got = sha256(buf_view(&b));
    return digest_parse(want, &wanted) && digest_eq(&got, &wanted);
}

/* Rows must say the same as single elements. */
static bool rows_agree(const Npy *a)
{
    size_t size = scalar_bits(a->type) / 8;
    float *row = calloc(a->width + 1, sizeof *row);
    char  *raw = calloc(a->width + 1, size);
    bool   ok = true;
    for (uint64_t r = 0; r < a->rows && ok; r++) {
        npy_row_f32(a, r, row);
        npy_row_bytes(a, r, raw);
        for (uint64_t i = 0; i < a->width; i++) {
            double v = npy_f64(a, r * a->width + i), w = scalar_f64(a->type, false, raw + i * size);
            ok &= (row[i] == (float)v || isnan(v)) && (v == w || isnan(v));
        }
    }
    free(row), free(raw);
    return ok;
}

static bool same_shape(const Npy *a, const Json *shape)
{
    for (unsigned d = 0; d < a->dims; d++)
        if (json_num(json_at(shape, d), -1) != (double)a->shape[d])
            return false;
    return shape != NULL && a->dims == shape->count;
}

static void judge(const Json *v, Str file, const char *name)
{
    Str  verdict = json_get(v, "verdict")->text, hash = json_text(json_get(v, "sha256_as_c_order_f8le"), S(""));
    Npy  a;
    Err  e = { 0 };
    bool ok = npy_read(file, &a, &e);
    if (!str_is(verdict, "ok")) {
        bool refused = str_starts(verdict, S("refuse"));
        CHECK_ROW(!ok && e.code == (refused ? E_DENIED : E_FORMAT) && e.at > 0 && e.at <= file.n + 1, name);
        return;
    }
    CHECK_ROW(ok && same_shape(&a, json_get(v, "shape")), name);
    CHECK_ROW(str_is(json_get(v, "dtype")->text, a.descr) && a.fortran == json_bool(json_get(v, "fortran"), false), name);
    CHECK_ROW(hash.n == 0 || hashes_to(&a, hash), name);
    CHECK_ROW(rows_agree(&a), name);
}

TEST(npy, judges_the_vectors_as_expected)
{
    const char *found = test_vectors("data/npy/expected.json");
    char        dir[1024];
    unsigned    judged = 0;
    if (found == NULL)
        skip();
    snprintf(dir, sizeof dir, "%.*s", (int)(strlen(found) - strlen("/expected.json")), found);
    defer_arena Arena *a = arena_new(8 << 20);
    Str   text, file;
    Err   e = { 0 };
    CHECK(file_read(a, found, 1 << 20, &text, &e));
    const Json *all = json_parse(a, text, JSON_STRICT, &e);
    CHECK(all != NULL);
    for (const Json *v = all->first; v != NULL; v = v->next) {
        Str name = json_get(v, "file")->text;
        if (!str_ends(name, S(".npy")))
            continue;                                 /* npz is a zip of these */
        CHECK(file_read(a, path_join(a, dir, name), 1 << 20, &file, &e));
        judge(v, file, name.p);
        judged++;
    }
    CHECK(judged == 37);
}

TEST(npy, writes_what_numpy_writes)
{
    static const char *const names[] = { "v1_f4", "t_le_f8", "t_n_u1", "t_le_i8", "t_le_f2", "t_n_b1", "one_d", "three_d", "scalar", "zero_rows" };
    for (size_t i = 0; i < len_of(names); i++) {
        char path[100];
        snprintf(path, sizeof path, "data/npy/%s.npy", names[i]);
        const char *found = test_vectors(path);
        if (found == NULL)
            skip();
        defer_map Map m;
        defer_buf Buf out = { 0 };
        Npy a;
        Err e = { 0 };
        CHECK(file_map(found, &m, &e) && npy_read(m.bytes, &a, &e));
        npy_header(&out, a.type, a.shape, a.dims);
        buf_str(&out, a.data);
        CHECK_ROW(str_eq(buf_view(&out), m.bytes), names[i]);
    }
}

static Str made(Buf *b, const char *dict, const char *data, size_t n)
{
    b->n = 0;
    buf_put(b, "\x93NUMPY\1\0", 8);
    buf_u16(b, (uint16_t)strlen(dict));
    buf_z(b, dict);
    buf_put(b, data, n);
    return buf_view(b);
}

TEST(npy, reads_the_header_and_never_evaluates_it)
{
    static const struct { const char *dict; size_t bytes; enum ErrCode want; } rows[] = {
        { "{'descr':'<i2','fortran_order':False,'shape':(2,)}", 4, E_OK }, { "{\"shape\":( ), 'fortran_order' : True,'descr':\"|u1\",} \n", 1, E_OK },
        { "{'descr':'=f4','fortran_order':False,'shape':(1,1,1,)}", 4, E_OK }, { "{'descr':'<i2','fortran_order':False,'shape':(2)}", 4, E_FORMAT },
        { "{'descr':'<i2','fortran_order':False,'shape':(1 2)}", 4, E_FORMAT }, { "{'descr':'<i2','fortran_order':False,'shape':(,)}", 2, E_FORMAT },
        { "{'descr':'<i2','fortran_order':False,'shape':[2]}", 4, E_FORMAT }, { "{'descr':'<i2','fortran_order':0,'shape':(2,)}", 4, E_FORMAT },
        { "{'descr':'<i2','fortran_order':False,'shape':(2,)", 4, E_FORMAT }, { "{'descr':'<i2','fortran_order':False}", 4, E_FORMAT },
        { "{'descr':'<i2','descr':'<i2','fortran_order':False,'shape':(2,)}", 4, E_FORMAT }, { "{}", 0, E_FORMAT }, { "", 0, E_FORMAT },
        { "{'descr':'<i2','fortran_order':False,'shape':(2,)} x", 4, E_FORMAT }, { "{'descr':'<i2' 'fortran_order':False,'shape':(2,)}", 4, E_FORMAT },
        { "{'descr':'|i2','fortran_order':False,'shape':(2,)}", 4, E_FORMAT }, { "{'descr':'i2','fortran_order':False,'shape':(2,)}", 4, E_FORMAT },
        { "{'descr':'<i2','fortran_order':False,'shape':(-2,)}", 4, E_FORMAT }, { "{'descr':'<i2','fortran_order':False,'shape':(2L,)}", 4, E_FORMAT },
        { "{'descr':'<i2','fortran_order':False,'shape':(1+1,)}", 4, E_FORMAT }, { "{'descr':'\\x3ci2','fortran_order':False,'shape':(2,)}", 4, E_FORMAT },
        { "{'descr':'<i2','fortran_order':False,'shape':(18446744073709551616,)}", 4, E_FORMAT },
        { "{'descr':'<i2','fortran_order':False,'shape':(9223372036854775808,)}", 0, E_FORMAT },
        { "{'descr':'<i2','fortran_order':False,'shape':(0,4294967296,4294967296,4294967296)}", 0, E_FORMAT },
        { "{'descr':'<i2','fortran_order':True,'shape':(0,3)}", 0, E_OK }, { "{'descr':'<i2','fortran_order':True,'shape':(3,0)}", 0, E_OK },
        { "{'descr':'<c8','fortran_order':False,'shape':(1,)}", 8, E_DENIED }, { "{'descr':'<U1000000','fortran_order':False,'shape':(1,)}", 8, E_DENIED },
        { "{'descr':'|V8','fortran_order':False,'shape':(1,)}", 8, E_DENIED }, { "{'descr':'<M8[ns]','fortran_order':False,'shape':(1,)}", 8, E_DENIED },
        { "{'descr':'|O8','fortran_order':False,'shape':(1,)}", 8, E_DENIED }, { "{'descr':'<f16','fortran_order':False,'shape':(1,)}", 16, E_DENIED },
    };
    defer_buf Buf b = { 0 };
    for (size_t i = 0; i < len_of(rows); i++) {
        Npy  a;
        Err  e = { 0 };
        bool ok = npy_read(made(&b, rows[i].dict, "0123456789abcdef", rows[i].bytes), &a, &e);
        CHECK_ROW(ok == (rows[i].want == E_OK) && e.code == rows[i].want, rows[i].dict);
        if (ok)
            CHECK_ROW(rows_agree(&a), rows[i].dict);
    }
}

TEST(npy, refuses_every_truncation_and_every_byte_too_many)
{
    defer_buf Buf b = { 0 };
    Npy a;
    Err e = { 0 };
    npy_write_f32(&b, (const float[]){ 1, 2, 3, 4, 5, 6 }, 2, 3);
    CHECK(npy_read(buf_view(&b), &a, &e) && a.rows == 2 && a.width == 3 && npy_f64(&a, 5) == 6);
    for (size_t n = 0; n < b.n; n++)
        CHECK(!npy_read((Str){ b.p, n }, &a, &e) && e.code == E_FORMAT && e.at <= n + 1);
    buf_byte(&b, 0);
    CHECK(!npy_read(buf_view(&b), &a, &e));
}

TEST(npy, refuses_a_header_of_hostile_length)
{
    Npy a;
    Err e = { 0 };
    CHECK(!npy_read((Str){ "\x93NUMPY\2\0\xFF\xFF\xFF\xFF{}", 14 }, &a, &e) && strstr(e.message, "the limit is"));
}

TEST(scalar, reads_halves_and_brain_floats_like_their_standards)
{
    static const struct { uint16_t bits; double half, brain; } rows[] = {
        { 0x3C00, 1, 0x1p-7 }, { 0xC000, -2, -2 }, { 0x0001, 0x1p-24, 0x1p-133 }, { 0x03FF, 1023 * 0x1p-24, 0x1.fep-120 },
        { 0x7BFF, 65504, 0x1.fep120 }, { 0x7C00, INFINITY, 0x1p121 }, { 0x8000, -0.0, -0.0 }, { 0x3555, 0x1.554p-2, 0x1.aap-21 },
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        uint8_t big[2] = { (uint8_t)(rows[i].bits >> 8), (uint8_t)rows[i].bits }, little[2] = { big[1], big[0] };
        CHECK(scalar_f64(SCALAR_F16, true, big) == rows[i].half && scalar_f64(SCALAR_F16, false, little) == rows[i].half);
        CHECK(scalar_f64(SCALAR_BF16, true, big) == rows[i].brain);
    }
    CHECK(isnan(scalar_f64(SCALAR_F16, true, "\x7C\x01")) && isnan(scalar_f64(SCALAR_F16, true, "\xFE\x00")));
}

TEST(scalar, rounds_wide_integers_once)
{
    float    got;
    uint64_t v = ((uint64_t)1 << 62) + ((uint64_t)1 << 38) + 1;          /* through double it would be a tie */
    scalar_f32s(SCALAR_U64, false, &v, 1, 8, &got);
    CHECK(got == (float)v && got != (float)(double)v);
}
