#include "../test.h"
#include "model/kserve.h"
#include "model/scorer.h"
#include "net/http_server.h"

static bool read_rows(const char *body, bool v2, Predict *p, Err *e)
{
    *p = (Predict){ .features = 2, .max_rows = 3 };
    return (v2 ? kserve_v2_read : kserve_v1_read)(p, str(body), e);
}

#define T(data, shape) "{\"inputs\":[{\"name\":\"i\",\"shape\":" shape ",\"datatype\":\"FP32\",\"data\":" data "}]}"

static const struct {
    bool        v2;
    const char *body;
    size_t      rows;                                  /* 0: refused, and ...            */
    const char *why;                                   /* ... this is in the message     */
} rows[] = {
    { false, "{\"instances\":[[1,2]]}", 1, "" },
    { false, "{\"signature_name\":\"s\",\"instances\":[[1,2],[3,4],[5,6]]}", 3, "" },
    { false, "{\"instances\":[[1,2],[3,4],[5,6],[7,8]]}", 0, "more than 3 rows" },
    { false, "{\"instances\":[[1]]}", 0, "1 numbers in a row; the model wants 2" },
    { false, "{\"instances\":[[1,2,3]]}", 0, "more than 2 numbers in a row" },
    { false, "{\"instances\":[[]]}", 0, "0 numbers in a row" },
    { false, "{\"instances\":[]}", 0, "missing or empty" },
    { false, "{}", 0, "missing or empty" },
    { false, "{\"instances\":[[1,\"2\"]]}", 0, "a number is expected" },
    { false, "{\"instances\":[[1,1e99]]}", 0, "does not fit" },
    { false, "{\"inputs\":[[1,2]]}", 0, "column form" },
    { false, "{\"instances\":[[1,2]],\"why\":1}", 0, "'why' is not a member" },
    { true, T("[1,2,3,4]", "[2,2]"), 2, "" },
    { true, T("[[1,2],[3,4]]", "[2,2]"), 2, "" },
    { true, "{\"inputs\":[{\"data\":[1,2],\"datatype\":\"UINT8\",\"shape\":[1,2],\"name\":\"\"}]}", 1, "" },
    { true, "{\"inputs\":[{\"data\":[1,2.5],\"datatype\":\"UINT8\",\"shape\":[1,2],\"name\":\"\"}]}", 0, "fractions" },
    { true, T("[1,2,3]", "[2,2]"), 0, "do not fill" },
    { true, T("[[1],[2,3,4]]", "[2,2]"), 0, "1 numbers in a row" },
    { true, T("[[1,2],3,4]", "[2,2]"), 0, "flat or one array a row" },
    { true, T("[1,2]", "[2]"), 0, "[rows, 2]" },
    { true, T("[1,2]", "[1,1,2]"), 0, "two dimensions" },
    { true, T("[1,2,3,4,5,6,7,8]", "[4,2]"), 0, "more than 3 rows" },
    { true, T("[]", "[0,2]"), 0, "[rows, 2]" },
    { true, "{\"inputs\":[]}", 0, "one input" },
    { true, "{\"instances\":[[1,2]]}", 0, "'instances' is not a member" },
};

TEST(kserve, requests_are_read_or_refused_with_a_reason)
{
    for (size_t i = 0; i < len_of(rows); i++) {
        Predict p;
        Err     e = { 0 };
        bool    ok = read_rows(rows[i].body, rows[i].v2, &p, &e);
        CHECK_ROW(ok == (rows[i].rows > 0) && (!ok || p.rows == rows[i].rows), rows[i].body);
        CHECK_ROW(ok || strstr(e.message, rows[i].why) != NULL, e.message);
        for (size_t k = 0; ok && k < p.rows * 2; k++)
            CHECK_ROW(i == 14 || predict_row(&p, 0)[k] == (float)(k + 1), rows[i].body);
        predict_free(&p);
    }
}

TEST(kserve, answers_are_shortest_floats)
{
    const float   p[] = { 0.1f, 0.9f, 1, 1e-7f };
    defer_buf Buf v1 = { 0 }, v2 = { 0 };
    kserve_v1_write(&v1, p, 2, 2);
    buf_byte(&v1, 0);
    CHECK_STR(v1.p, "{\"predictions\":[[0.1,0.9],[1,1e-7]]}\n");
    kserve_v2_write(&v2, "m", S("7"), p, 2, 2);
    buf_byte(&v2, 0);
    CHECK_STR(v2.p, "{\"model_name\":\"m\",\"model_version\":\"1\",\"id\":\"7\",\"outputs\":[{\"name\":\"probabilities\",\"shape\":[2,2],"
                    "\"datatype\":\"FP32\",\"data\":[0.1,0.9,1,1e-7]}]}\n");
}

TEST(scorer, every_cut_of_a_model_file_is_refused)
{
    defer_arena Arena *a = arena_new(64 << 20);
    float              w[] = { 1, 2, 3, 4 }, b[] = { 0, 0 }, mean[] = { 0, 0 }, scale[] = { 1, 1 };
    const Str          meta[][2] = { { S("kind"), S("softmax") }, { S("format_version"), S(MLP_VERSION) } };
    const SafeTensor   t[] = { { .name = S(MLP_WEIGHT), .type = SCALAR_F32, .dims = 2, .shape = { 2, 2 }, .data = { (char *)w, 16 } },
                               { .name = S(MLP_BIAS), .type = SCALAR_F32, .dims = 1, .shape = { 2 }, .data = { (char *)b, 8 } },
                               { .name = S(MLP_MEAN), .type = SCALAR_F32, .dims = 1, .shape = { 2 }, .data = { (char *)mean, 8 } },
                               { .name = S(MLP_SCALE), .type = SCALAR_F32, .dims = 1, .shape = { 2 }, .data = { (char *)scale, 8 } } };
    defer_buf Buf      file = { 0 };
    Scorer             s;
    Err                e = { 0 };
    CHECK_ROW(safetensors_write(&file, t, len_of(t), meta, 2, &e), e.message);
    for (size_t n = 0; n < file.n; n++)
        CHECK(!scorer_load(a, (Str){ file.p, n }, &s, &e));
    CHECK_ROW(scorer_load(a, buf_view(&file), &s, &e), e.message);
    float x[2 * 130] = { 0 }, p[2 * 130];
    x[258] = 1;                                        /* the last row, in its third block: scores 1 and 3 */
    CHECK(scorer_predict(&s, x, 130, p) && p[0] == 0.5f && p[259] > 0.88f && p[259] < 0.8809f);
}

TEST(http, addresses_are_host_and_port)
{
    static const struct { const char *in; bool ok; const char *host, *port; } a[] = {
        { "127.0.0.1:80", true, "127.0.0.1", "80" }, { "[::1]:0", true, "::1", "0" }, { "localhost:65535", true, "localhost", "65535" },
        { "::1:80", false, "", "" }, { ":80", false, "", "" }, { "h:65536", false, "", "" }, { "h:", false, "", "" }, { "h", false, "", "" },
        { "h:x", false, "", "" }, { "", false, "", "" }, { "[]:1", false, "", "" },
    };
    for (size_t i = 0; i < len_of(a); i++) {
        Str host, port;
        CHECK_ROW(http_address(str(a[i].in), &host, &port) == a[i].ok, a[i].in);
        if (a[i].ok)
            CHECK_ROW(str_is(host, a[i].host) && str_is(port, a[i].port), a[i].in);
    }
}
