/* safetensors: other people's files, then every way a header can lie, then the writer. */
#include "../test.h"
#include "base/file.h"
#include "format/safetensors.h"

static Str file_of(Buf *b, const char *header, size_t data)
{
    b->n = 0;
    buf_u64(b, strlen(header));
    buf_z(b, header);
    for (size_t i = 0; i < data; i++)
        buf_byte(b, (uint8_t)i);
    return buf_view(b);
}

static bool reads(Str file, Err *e)
{
    defer_arena Arena *a = arena_new(1 << 20);
    Safetensors s;
    *e = (Err){ 0 };
    return safetensors_read(a, file, &s, e);
}

TEST(safetensors, judges_the_fixtures_as_expected)
{
    static const struct { const char *path; size_t count, meta; } rows[] = {
        { "model/scan/hard/st_ok.safetensors", 1, 0 }, { "model/scan/hard/st_hdr_huge.safetensors", 0, 0 },
        { "model/scan/hard/st_size_mismatch.safetensors", 0, 0 },
        { "model/scan/modelaudit/samples__safetensors__safe_model.safetensors", 3, 8 },
        { "model/scan/modelaudit/samples__safetensors__script_injection.safetensors", 3, 3 },
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        const char *found = test_vectors(rows[i].path);
        if (found == NULL)
            skip();
        defer_arena Arena *a = arena_new(1 << 20);
        defer_map Map m;
        Safetensors s;
        Err  e = { 0 };
        CHECK(file_map(found, &m, &e));
        bool ok = safetensors_read(a, m.bytes, &s, &e);
        CHECK_ROW(ok == (rows[i].count > 0) && (ok || e.code == E_FORMAT), rows[i].path);
        if (!ok)
            continue;
        CHECK_ROW(s.count == rows[i].count && (s.metadata ? s.metadata->count : 0) == rows[i].meta, rows[i].path);
        const SafeTensor *t = safetensors_find(&s, "weights");
        CHECK(s.count == 1 || (t != NULL && t->type == SCALAR_F32 && t->dims == 2 && t->shape[0] == 768 && t->data.n == 786432));
        CHECK(safetensors_find(&s, "nobody") == NULL);
    }
}

#define T(type, shape, from, to) "{\"dtype\":\"" type "\",\"shape\":[" shape "],\"data_offsets\":[" #from "," #to "]}"

TEST(safetensors, accepts_only_headers_that_account_for_every_byte)
{
    static const struct { const char *header; size_t data; int ok; } rows[] = {
        { "{}", 0, 1 }, { "{}      ", 0, 1 }, { "{\"a\":" T("F32", "2", 0, 8) "}", 8, 1 }, { "{\"a\":" T("F32", "", 0, 4) "}", 4, 1 },
        { "{\"b\":" T("U8", "2", 2, 4) ",\"a\":" T("U8", "2", 0, 2) "}", 4, 1 }, { "{\"a\":" T("F4", "2", 0, 1) "}", 1, 1 },
        { "{\"a\":" T("F6_E2M3", "4", 0, 3) "}", 3, 1 }, { "{\"a\":" T("F8_E4M3", "3,0", 0, 0) ",\"b\":" T("C64", "1", 0, 8) "}", 8, 1 },
        { "{\"__metadata__\":{\"k\":\"v\"}}", 0, 1 }, { "{\"a\":" T("F32", "2", 0, 8) "}", 9, 0 }, { "{\"a\":" T("F32", "2", 0, 8) "}", 7, 0 },
        { "{\"a\":" T("F32", "2", 4, 12) "}", 12, 0 }, { "{\"a\":" T("U8", "2", 0, 2) ",\"b\":" T("U8", "2", 1, 3) "}", 3, 0 },
        { "{\"a\":" T("U8", "2", 0, 2) ",\"b\":" T("U8", "2", 0, 2) "}", 2, 0 }, { "{\"a\":" T("U8", "2", 0, 2) ",\"b\":" T("U8", "2", 3, 5) "}", 5, 0 },
        { "{\"a\":" T("U8", "2", 0, 2) ",\"a\":" T("U8", "2", 2, 4) "}", 4, 0 }, { "{\"a\":" T("U8", "3", 0, 2) "}", 2, 0 },
        { "{\"a\":" T("F4", "3", 0, 1) "}", 1, 0 }, { "{\"a\":" T("F4", "3", 0, 2) "}", 2, 0 }, { "{\"a\":" T("F99", "2", 0, 2) "}", 2, 0 },
        { "{\"a\":" T("U8", "2.0", 0, 2) "}", 2, 0 }, { "{\"a\":" T("U8", "-2", 0, 2) "}", 2, 0 }, { "{\"a\":" T("U8", "\"2\"", 0, 2) "}", 2, 0 },
        { "{\"a\":" T("U8", "2", 2, 0) "}", 2, 0 }, { "{\"a\":" T("U8", "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1", 0, 1) "}", 1, 0 },
        { "{\"a\":" T("F64", "4294967296,4294967296", 0, 0) "}", 0, 0 }, { "{\"a\":" T("U8", "2", 18446744073709551615, 1) "}", 2, 0 },
        { "{\"a\":{\"dtype\":\"U8\",\"shape\":[2]}}", 2, 0 }, { "{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}", 2, 0 },
        { "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2],\"x\":1}}", 2, 0 }, { "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,1,2]}}", 2, 0 },
        { "{\"a\":1}", 0, 0 }, { "{\"__metadata__\":{\"k\":1}}", 0, 0 }, { "{\"__metadata__\":[]}", 0, 0 }, { "{\"__metadata__\":{\"k\":\"v\",\"k\":\"w\"}}", 0, 0 },
        { "{\"__metadata__\":{},\"__metadata__\":{}}", 0, 0 }, { " {}", 0, 0 }, { "{}\n", 0, 0 }, { "[]", 0, 0 }, { "{} x", 0, 0 }, { "", 0, 0 }, { "{", 0, 0 },
        { "{\"\xFF\":" T("U8", "2", 0, 2) "}", 2, 0 }, { "{\"a\":" T("U8", "2", 0, 2) ",}", 2, 0 },
    };
    defer_buf Buf b = { 0 };
    for (size_t i = 0; i < len_of(rows); i++) {
        Err e;
        CHECK_ROW(reads(file_of(&b, rows[i].header, rows[i].data), &e) == rows[i].ok, rows[i].header);
        CHECK_ROW(rows[i].ok || (e.code == E_FORMAT && e.at > 0 && e.at <= b.n + 1), rows[i].header);
    }
}

TEST(safetensors, refuses_every_truncation_and_a_hostile_length)
{
    defer_buf Buf b = { 0 };
    Err e;
    CHECK(reads(file_of(&b, "{\"a\":" T("F32", "2", 0, 8) "}", 8), &e));
    for (size_t n = 0; n < b.n; n++)
        CHECK(!reads((Str){ b.p, n }, &e) && e.code == E_FORMAT);
    for (int i = 0; i < 8; i++) {
        b.p[i] ^= 0x40;
        CHECK(!reads(buf_view(&b), &e));
        b.p[i] ^= 0x40;
    }
}

TEST(safetensors, writes_the_bytes_the_reference_writes)
{
    static const char data[] = "0123456789abcdef";
    const SafeTensor t[] = {
        { .name = S("b"), .type = SCALAR_U8, .dims = 1, .shape = { 3 }, .data = { data, 3 } },
        { .name = S("z"), .type = SCALAR_F32, .dims = 2, .shape = { 1, 2 }, .data = { data, 8 } },
        { .name = S("a"), .type = SCALAR_U8, .dims = 0, .data = { data + 10, 1 } },
    };
    static const char header[] = "{\"__metadata__\":{\"format\":\"pt\"},\"z\":" T("F32", "1,2", 0, 8) ",\"a\":" T("U8", "", 8, 9) ",\"b\":" T("U8", "3", 9, 12) "}";
    const Str metadata[][2] = { { S("format"), S("pt") } };
    defer_buf Buf out = { 0 }, want = { 0 };
    Err e = { 0 };
    CHECK(safetensors_write(&out, t, 3, metadata, 1, &e));
    size_t padded = (strlen(header) + 7) / 8 * 8;
    buf_u64(&want, padded);
    buf_z(&want, header);
    while (want.n < 8 + padded)
        buf_byte(&want, ' ');
    buf_z(&want, "01234567a012");
    CHECK(str_eq(buf_view(&out), buf_view(&want)));
    CHECK(reads(buf_view(&out), &e));
}

TEST(safetensors, does_not_write_what_it_would_not_read)
{
    static const char data[8];
    SafeTensor t[2] = { { .name = S("a"), .type = SCALAR_U8, .dims = 1, .shape = { 8 }, .data = { data, 8 } } };
    const Str twice[][2] = { { S("k"), S("v") }, { S("k"), S("w") } };
    defer_buf Buf out = { 0 };
    Err e = { 0 };
    t[1] = t[0];
    CHECK(!safetensors_write(&out, t, 2, NULL, 0, &e) && strstr(e.message, "two tensors"));
    CHECK(!safetensors_write(&out, t, 1, twice, 2, &e) && strstr(e.message, "twice"));
    t[0].shape[0] = 7;
    CHECK(!safetensors_write(&out, t, 1, NULL, 0, &e));
    t[0].shape[0] = 8, t[0].name = S("__metadata__");
    CHECK(!safetensors_write(&out, t, 1, NULL, 0, &e));
    CHECK(safetensors_write(&out, NULL, 0, NULL, 0, &e) && out.n == 16 && reads(buf_view(&out), &e));
}
