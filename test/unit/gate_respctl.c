/* gate_respctl.c - output control against the reference's cases, then what must hold for any answer. */
#include "../test.h"
#include "base/file.h"
#include "base/rng.h"
#include "format/json.h"
#include "gate/respctl.h"

static const char *apply(const RespPolicy *p, const char *body, Buf *out)
{
    Err e = { 0 };
    out->n = 0;
    if (!respctl_apply(p, str(body), out, NULL, &e))
        return "refused";
    buf_byte(out, '\0');
    return out->p;
}

/* ---- the vectors */

static bool policy_of(const Json *c, RespPolicy *p)    /* false: a kind of policy that endpoints do not have */
{
    static const struct { const char *name; RespFormat format; } formats[] = {
        { "tf", RESP_ROWS }, { "v1", RESP_ROWS }, { "v2", RESP_V2 }, { "openai", RESP_JSON } };
    *p = (RespPolicy){ .round = -1 };
    for (size_t i = 0; i < len_of(formats); i++)
        if (str_is(json_text(json_get(c, "format"), S("")), formats[i].name))
            p->format = formats[i].format;
    for (const Json *m = json_get(c, "policy")->first; m != NULL; m = m->next)
        if (str_is(m->key, "top_k"))
            p->top_k = (uint64_t)m->num;
        else if (str_is(m->key, "round"))
            p->round = (int32_t)m->num;
        else if (str_is(m->key, "label_only"))
            p->label_only = json_bool(m, false);
        else
            return false;
    return true;
}

TEST(respctl, answers_the_reference_cases_byte_for_byte)
{
    const char *path = test_vectors("gate/respctl/cases.json");
    if (path == NULL)
        return;
    defer_arena Arena *a = arena_new(16 << 20);
    defer_buf Buf out = { 0 };
    Err    e = { 0 };
    Str    text;
    size_t done = 0, skipped = 0;
    CHECK(file_read(a, path, 1 << 20, &text, &e));
    Json *all = json_parse(a, text, JSON_STRICT, &e);
    CHECK_ROW(all != NULL, e.message);
    for (const Json *c = all->first; c != NULL; c = c->next) {
        RespPolicy p;
        const char *name = json_get(c, "name")->text.p;
        if (!policy_of(c, &p)) {
            print_message("skipped: %s (a policy for chat completions)\n", name);
            skipped++;
            continue;
        }
        out.n = 0;
        CHECK_ROW(respctl_apply(&p, json_get(c, "input")->text, &out, NULL, &e), name);
        CHECK_ROW(str_eq(buf_view(&out), json_get(c, "output")->text), name);
        done++;
    }
    CHECK(done == 27 && skipped == 3);
}

/* ---- rows */

static const struct { const char *literal; unsigned decimals; const char *want; } roundings[] = {
    { "0.5", 0, "0.0" }, { "1.5", 0, "2.0" }, { "2.5", 0, "2.0" }, { "-1.5", 0, "-2.0" }, { "9.5", 0, "10.0" }, { "99.95", 1, "100.0" },
    { "0.05", 1, "0.0" }, { "0.15", 1, "0.2" }, { "0.25", 1, "0.2" }, { "0.2500000000000000000000001", 1, "0.3" },
    { "0.95", 1, "1.0" }, { "0.995", 2, "1.0" }, { "0.985", 2, "0.98" }, { "0.0049", 2, "0.0" }, { "0.0051", 2, "0.01" },
    { "1e2", 1, "100.0" }, { "1E-2", 1, "0.0" }, { "12345.678e-2", 2, "123.46" }, { "1.10", 5, "1.1" }, { "1e-400", 3, "0.0" },
    { "0e99999999999999999999", 3, "0.0" }, { "-0.0", 3, "0.0" }, { "-0e5", 3, "0.0" }, { "7", 1, "7" }, { "-7", 0, "-7" },
    { "123456789012345678901234567890.5", 0, "123456789012345678901234567890.0" }, { "0.6", 0, "1.0" }, { "-0.6", 0, "-1.0" },
    { "-1.5e308", 2, "-1.5e308" }, { "-0.02e200", 14, "-0.02e200" }, { "1.25e20", 1, "125000000000000000000.0" },
};

TEST(respctl, rounds_half_to_even_on_the_text)
{
    for (size_t i = 0; i < len_of(roundings); i++) {
        defer_buf Buf out = { 0 };
        CHECK_ROW(decimal_round(str(roundings[i].literal), roundings[i].decimals, &out), roundings[i].literal);
        buf_byte(&out, '\0');
        CHECK_STR(out.p, roundings[i].want);
    }
    defer_buf Buf out = { 0 };
    CHECK(!decimal_round(S("1e500"), 2, &out) && !decimal_round(S("abc"), 2, &out) && !decimal_round(S(""), 2, &out));
}

#define V2(shape, type, data) "{\"outputs\":[{\"name\":\"p\",\"shape\":" shape ",\"datatype\":\"" type "\",\"data\":" data "}]}"

static const struct { RespPolicy p; const char *in, *want; } rows[] = {
    /* what is not the format's answer is refused */
    { { RESP_ROWS, 1, -1, false }, "{\"error\":\"x\"}", "refused" },
    { { RESP_ROWS, 1, -1, false }, "[[0.1,0.2]]", "refused" },
    { { RESP_ROWS, 1, -1, false }, "{\"predictions\":[[0.1,0.2]", "refused" },
    { { RESP_ROWS, 1, -1, false }, "{\"predictions\":[[0.1,NaN]]}", "refused" },
    { { RESP_ROWS, 1, -1, false }, "{\"predictions\":[[1]],\"predictions\":[[0.1,0.9]]}", "refused" },
    { { RESP_ROWS, 1, -1, false }, "{\"predictions\":[[0.1,\"0.9\"]]}", "refused" },
    { { RESP_ROWS, 1, -1, false }, "{\"predictions\":[[0.1,null]]}", "refused" },
    { { RESP_ROWS, 1, -1, false }, "", "refused" },
    /* escapes in names and white space do not hide scores */
    { { RESP_ROWS, 1, -1, false }, "{\"pred\\u0069ctions\":[[0.1,0.2]]}", "{\"pred\\u0069ctions\":[[0.0,0.2]]}" },
    { { RESP_ROWS, 1, 1, false }, " { \"predictions\" : [ [ 0.11 , 0.22 ] ] } \n", " { \"predictions\" : [ [ 0.0 , 0.2 ] ] } \n" },
    { { RESP_ROWS, 0, 1, false }, "{\"a]\\\"\":\"[0.123\",\"predictions\":[0.123]}", "{\"a]\\\"\":\"[0.123\",\"predictions\":[0.1]}" },
    /* values apart by less than a double can tell */
    { { RESP_ROWS, 1, -1, false }, "{\"predictions\":[[0.50000000000000000001,0.50000000000000000002]]}",
      "{\"predictions\":[[0.0,0.50000000000000000002]]}" },
    { { RESP_ROWS, 1, -1, false }, "{\"predictions\":[[-1e-400,0]]}", "{\"predictions\":[[-1000000000.0,0]]}" },
    { { RESP_ROWS, 1, -1, false }, "{\"predictions\":[[-2e9,-3e9]]}", "refused" },
    { { RESP_ROWS, 0, -1, true }, "{\"predictions\":[[-2e9,-3e9]]}", "{\"predictions\":[[1.0,0.0]]}" },
    { { RESP_ROWS, 1, -1, false }, "{\"predictions\":[[],[[0.1,0.2],[0.4,0.3]]]}", "{\"predictions\":[[],[[0.0,0.2],[0.4,0.0]]]}" },
    { { RESP_ROWS, 2, 1, false }, "{\"result\":[[[\"a\",0.11],[\"b\",0.55],[\"c\",0.34]]]}", "{\"result\":[[[\"b\",0.6],[\"c\",0.3]]]}" },
    { { RESP_ROWS, 1, -1, false }, "{\"predictions\":[]}", "{\"predictions\":[]}" },
    /* KServe v2: any order of members, no lies about the shape, no way around */
    { { RESP_V2, 1, -1, false }, "{\"outputs\":[{\"data\":[0.1,0.9],\"datatype\":\"FP32\",\"name\":\"p\",\"shape\":[1,2]}]}",
      "{\"outputs\":[{\"data\":[0.0,0.9],\"datatype\":\"FP32\",\"name\":\"p\",\"shape\":[1,2]}]}" },
    { { RESP_V2, 1, -1, false }, V2("[1,3]", "FP32", "[0.1,0.9]"), "refused" },
    { { RESP_V2, 1, -1, false }, V2("[1,2]", "FP32", "[0.1,0.9,0.3]"), "refused" },
    { { RESP_V2, 1, -1, false }, V2("[18446744073709551615,3]", "FP32", "[0.1]"), "refused" },
    { { RESP_V2, 1, -1, false }, V2("[-1,2]", "FP32", "[0.1,0.2]"), "refused" },
    { { RESP_V2, 1, -1, false }, V2("[1,2]", "FP32", "[0.1,\"0.9\"]"), "refused" },
    { { RESP_V2, 1, -1, false }, V2("[1,2]", "FP32", "[[0.1,0.9]]"), V2("[1,2]", "FP32", "[0.0,0.9]") },
    { { RESP_V2, 1, -1, false }, V2("[1,2]", "FLOAT", "[0.1,0.9]"), "refused" },
    { { RESP_V2, 1, -1, false }, V2("[1,1]", "BYTES", "[\"0.93:1:cat\"]"), "refused" },
    { { RESP_V2, 1, -1, false }, V2("[1,1]", "BYTES", "[\"12:30:00\"]"), V2("[1,1]", "BYTES", "[\"12:30:00\"]") },
    { { RESP_V2, 1, -1, false }, V2("[1,1]", "INT64", "[\"0.93\"]"), "refused" },
    { { RESP_V2, 1, -1, false }, V2("[0,2]", "FP32", "[]"), V2("[0,2]", "FP32", "[]") },
    { { RESP_V2, 0, 1, false }, V2("[]", "FP32", "[0.55]"), V2("[]", "FP32", "[0.6]") },
    { { RESP_V2, 1, -1, false }, "{\"outputs\":[{\"name\":\"p\",\"shape\":[1,2],\"datatype\":\"FP32\"}]}", "refused" },
    { { RESP_V2, 1, -1, false }, "{\"outputs\":{}}", "refused" },
    { { RESP_V2, 1, -1, false }, "{\"outputs\":[1]}", "refused" },
    /* any other JSON */
    { { RESP_JSON, 0, 1, false }, "[0.123,{\"a\":-0.55,\"b\":[7,\"0.123\"]}]", "[0.1,{\"a\":-0.6,\"b\":[7,\"0.123\"]}]" },
    { { RESP_JSON, 0, 1, false }, "0.123", "0.1" },
};

TEST(respctl, refuses_what_it_cannot_read_and_follows_no_tricks)
{
    defer_buf Buf out = { 0 };
    for (size_t i = 0; i < len_of(rows); i++) {
        CHECK_ROW(strcmp(apply(&rows[i].p, rows[i].in, &out), rows[i].want) == 0, rows[i].in);
    }
}

TEST(respctl, notes_the_label_of_the_first_vector_as_released)
{
    defer_buf Buf out = { 0 };
    RespInfo   info;
    RespPolicy p = { RESP_ROWS, 2, 1, false };
    CHECK(respctl_apply(&p, S("{\"predictions\":[[0.11,0.22,0.67],[0.9,0.05,0.05]]}"), &out, &info, NULL));
    CHECK(info.has_label && info.label == 2 && info.score == 0.7 && info.vectors == 2 && info.numbers == 6);
}

/* ---- what must hold for any answer */

static void random_literal(Rng *r, Buf *b)
{
    static const char *const forms[] = { "%.3f", "%.1f", "%.17g", "%.2e", "%.0f" };
    double v = (rng_unit(r) - (rng_below(r, 4) == 0 ? 0.5 : 0)) * (rng_below(r, 8) == 0 ? 1e4 : 1);
    const char *form = forms[rng_below(r, len_of(forms))];
    char text[64];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(text, sizeof text, form, v);
#pragma GCC diagnostic pop
    buf_z(b, strcmp(text, "-0") == 0 ? "0" : text);
}

static void random_answer(Rng *r, Buf *b, bool v2)
{
    uint64_t rows_n = 1 + rng_below(r, 3), cols = 1 + rng_below(r, rng_below(r, 10) == 0 ? 200 : 6);
    b->n = 0;
    if (v2)
        buf_printf(b, "{\"outputs\":[{\"name\":\"p\",\"datatype\":\"FP32\",\"shape\":[%" PRIu64 ",%" PRIu64 "],\"data\":[", rows_n, cols);
    else
        buf_z(b, "{\"predictions\":[");
    for (uint64_t i = 0; i < rows_n; i++) {
        buf_z(b, v2 ? i ? "," : "" : i ? ",[" : "[");
        for (uint64_t k = 0; k < cols; k++) {
            if (k > 0)
                buf_byte(b, ',');
            random_literal(r, b);
        }
        if (!v2)
            buf_byte(b, ']');
    }
    buf_z(b, v2 ? "]}]}" : "]}");
}

static size_t shown(const Json *row)                   /* scores that are not fills */
{
    size_t n = 0;
    for (const Json *v = row->first; v != NULL; v = v->next)
        n += v->num != 0 && v->num != -1e9;
    return n;
}

/* The kept scores keep their order; each row shows at most k; numbers get no new digits. */
static void check_less(const RespPolicy *p, Str in, Str out)
{
    defer_arena Arena *a = arena_new(16 << 20);
    Err   e = { 0 };
    Json *x = json_parse(a, in, JSON_STRICT, &e), *y = json_parse(a, out, JSON_STRICT, &e);
    CHECK_ROW(x != NULL && y != NULL, out.p);
    if (p->format == RESP_V2)
        return;
    const Json *rx = x->first->first, *ry = y->first->first;
    for (; rx != NULL && ry != NULL; rx = rx->next, ry = ry->next) {
        CHECK(rx->count == ry->count);
        CHECK_ROW(!p->label_only || shown(ry) == 1, out.p);
        CHECK_ROW(p->top_k == 0 || shown(ry) <= p->top_k, out.p);
        for (const Json *ix = rx->first, *iy = ry->first; ix != NULL; ix = ix->next, iy = iy->next)
            for (const Json *kx = rx->first, *ky = ry->first; kx != NULL; kx = kx->next, ky = ky->next)
                CHECK_ROW(!(ix->num > kx->num) || iy->num >= ky->num, out.p);
    }
    CHECK(rx == NULL && ry == NULL);
}

TEST(respctl, is_idempotent_and_never_tells_more)
{
    Rng rng = rng_of(2026);
    defer_buf Buf in = { 0 }, once = { 0 }, twice = { 0 };
    for (int i = 0; i < 3000; i++) {
        RespPolicy p = { rng_below(&rng, 2) ? RESP_ROWS : RESP_V2, rng_below(&rng, 5), (int32_t)rng_below(&rng, 5) - 1,
                         rng_below(&rng, 4) == 0 };
        Err e = { 0 };
        random_answer(&rng, &in, p.format == RESP_V2);
        once.n = twice.n = 0;
        CHECK_ROW(respctl_apply(&p, buf_view(&in), &once, NULL, &e), e.message);
        CHECK_ROW(respctl_apply(&p, buf_view(&once), &twice, NULL, &e), e.message);
        buf_byte(&once, '\0'), once.n--;
        CHECK_ROW(str_eq(buf_view(&once), buf_view(&twice)), once.p);
        check_less(&p, buf_view(&in), buf_view(&once));
    }
}
