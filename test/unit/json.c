#include "../test.h"
#include "base/file.h"
#include "base/rng.h"
#include "format/decimal.h"
#include "format/json.h"
#include "format/json_scan.h"
#include <math.h>

/* ---- the events of a text as one line, so that two ways of cutting it can be compared */

typedef struct Trace {
    Buf  out;
    bool inside;
} Trace;

static bool trace(void *ctx, const JsonEvent *ev)
{
    Trace *t = ctx;
    if (ev->first || ev->step == JSON_OPEN || ev->step == JSON_CLOSE)
        buf_printf(&t->out, "%d.%d.%u@%" PRIu64 ":", (int)ev->step, (int)ev->type, ev->depth, ev->at);
    buf_str(&t->out, ev->text);
    if (!ev->more)
        buf_printf(&t->out, "@%" PRIu64 "\n", ev->end);
    CHECK(ev->first == !t->inside || ev->step == JSON_OPEN || ev->step == JSON_CLOSE);
    t->inside = ev->more;
    return true;
}

/* Feeds text[0, cut) and the rest; cut 0 means byte by byte.  The verdict's place ends the trace. */
static bool traced(Str text, JsonProfile profile, size_t cut, Trace *t)
{
    static const uint64_t key[2] = { 1, 2 };
    defer_arena Arena    *a = arena_new(JSON_PUSH_GROW);
    JsonPush              p;
    Err                   e = { 0 };
    bool                  ok = true;
    json_push_begin(&p, &(JsonPushConf){ .profile = profile, .fn = trace, .ctx = t, .grow = a, .hash_key = key });
    t->out.n = 0, t->inside = false;
    for (size_t at = 0, n; ok && at < text.n; at += n) {
        n = cut == 0 ? 1 : at == 0 ? cut : text.n - at;
        n = n < text.n - at ? n : text.n - at;
        ok = json_push_feed(&p, (Str){ text.p + at, n }, &e);
    }
    ok = ok && json_push_end(&p, &e);
    buf_printf(&t->out, "%d at %" PRIu64 " %s", ok, e.at, e.message);
    return ok;
}

static bool accepts(Str text, JsonProfile profile)
{
    defer_arena Arena *a = arena_new(64 << 20);
    Err                e = { 0 };
    bool               ok = json_parse(a, text, profile, &e) != NULL;
    CHECK(ok || (e.message[0] != '\0' && e.at > 0 && e.at <= text.n + 1 && e.line > 0));
    return ok;
}

static bool same_however_cut(Str text, JsonProfile profile)
{
    Trace whole = { 0 }, cut = { 0 };
    bool  same = true;
    bool  ok = traced(text, profile, text.n, &whole);
    for (size_t i = 0; same && i < text.n && i < 4096; i++) {
        same = traced(text, profile, i, &cut) == ok && str_eq(buf_view(&cut.out), buf_view(&whole.out));
        if (!same)
            print_error("cut at %zu\n  whole %.*s\n  cut   %.*s\n", i, STR(buf_view(&whole.out)), STR(buf_view(&cut.out)));
    }
    buf_free(&whole.out), buf_free(&cut.out);
    return same;
}

/* ---- other people's vectors */

typedef void EachFn(Str name, Str grammar, Str strict_mode, Str text);

static void each_vector(EachFn *fn)
{
    const char *found = test_vectors("gate/json/expected.csv");
    char        csv[1024], path[2048];
    if (found == NULL)
        skip();
    snprintf(csv, sizeof csv, "%s", found);
    defer_arena Arena *a = arena_new(64 << 20);
    Str                rows, line, name, grammar, strict_mode, text;
    Err                e = { 0 };
    size_t             n = 0;
    CHECK(file_read(a, csv, 1 << 20, &rows, &e));
    str_cut(rows, '\n', &line, &rows);
    while (rows.n > 0) {
        str_cut(rows, '\n', &line, &rows);
        str_cut(line, ',', &name, &line);
        str_cut(line, ',', &grammar, &line);
        str_cut(line, ',', &strict_mode, &line);
        snprintf(path, sizeof path, "%.*s/test_parsing/%.*s", (int)(strlen(csv) - strlen("/expected.csv")), csv, STR(name));
        CHECK(file_read(a, path, 1 << 20, &text, &e));
        fn(name, grammar, str_trim(strict_mode), text);
        n++;
    }
    CHECK(n == 318);
}

static unsigned yes, no, strict_right;

static void judge(Str name, Str grammar, Str strict_mode, Str text)
{
    bool accepted = accepts(text, JSON_GRAMMAR);
    if (!str_is(grammar, "either"))
        CHECK_ROW(accepted == str_is(grammar, "accept"), name.p);
    CHECK_ROW(accepts(text, JSON_STRICT) == str_is(strict_mode, "accept"), name.p);
    yes += str_starts(name, S("y_")) && accepted;
    no += str_starts(name, S("n_")) && !accepted;
    strict_right++;
}

TEST(json, decides_JSONTestSuite_as_expected)
{
    yes = no = strict_right = 0;
    each_vector(judge);
    print_message("JSONTestSuite: %u y_ accepted, %u n_ refused, strict right on %u\n", yes, no, strict_right);
    CHECK(yes == 95 && no == 188 && strict_right == 318);
}

static unsigned cuts;

static void cut_everywhere(Str name, Str grammar, Str strict_mode, Str text)
{
    (void)grammar, (void)strict_mode;
    if (text.n >= 4096)
        text.n = 4096;
    CHECK_ROW(same_however_cut(text, JSON_GRAMMAR) && same_however_cut(text, JSON_STRICT), name.p);
    cuts += (unsigned)(2 * text.n);
}

TEST(json, means_the_same_cut_at_every_byte)
{
    cuts = 0;
    each_vector(cut_everywhere);
    print_message("JSONTestSuite: %u ways of cutting gave the events of the whole\n", cuts);
}

/* ---- our own rows */

static const struct {
    const char *in;
    bool        grammar, strict;
} rows[] = {
    { "null", 1, 1 },
    { " [1 , 2.5e-3,\"\\u00e9\\n\" , {} ] ", 1, 1 },
    { "{\"a\":1,\"\\u0061\":2}", 1, 0 },
    { "{\"a\":{\"a\":1},\"b\":[{\"a\":1},{\"a\":1}]}", 1, 1 },
    { "{\"\":1,\"\":2}", 1, 0 },
    { "-9223372036854775808", 1, 1 },
    { "-9223372036854775809", 1, 0 },
    { "18446744073709551615", 1, 1 },
    { "18446744073709551616", 1, 0 },
    { "-0", 1, 1 },
    { "1e308", 1, 1 },
    { "1.7976931348623157e308", 1, 1 },
    { "1.7976931348623159e308", 1, 0 },
    { "-1e309", 1, 0 },
    { "0e999999999999", 1, 1 },
    { "1e-99999", 1, 1 },
    { "0.00000000000000000001e320", 1, 1 },
    { "\"\\ud83d\\ude00\"", 1, 1 },
    { "\"\\ud83d\"", 1, 0 },
    { "\"\\ud83d\\n\"", 1, 0 },
    { "\"\\ud83d\\ud83d\\ude00\"", 1, 0 },
    { "\"\\ude00\"", 1, 0 },
    { "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"", 1, 1 },
    { "\"\xC0\x80\"", 0, 0 },
    { "\"\xED\xA0\x80\"", 0, 0 },
    { "\"\xF4\x90\x80\x80\"", 0, 0 },
    { "\xEF\xBB\xBF{}", 0, 0 },
    { "NaN", 0, 0 },
    { "[-Infinity]", 0, 0 },
    { "[1,]", 0, 0 },
    { "{\"a\" 1}", 0, 0 },
    { "{'a':1}", 0, 0 },
    { "[1]//", 0, 0 },
    { "[1][2]", 0, 0 },
    { "01", 0, 0 },
    { "1.", 0, 0 },
    { "-", 0, 0 },
    { "1e+", 0, 0 },
    { "tru", 0, 0 },
    { "trux", 0, 0 },
    { "\"\t\"", 0, 0 },
    { "\"\\x\"", 0, 0 },
    { "\"\\u12g4\"", 0, 0 },
    { "\"open", 0, 0 },
    { "[}", 0, 0 },
    { "", 0, 0 },
    { "  ", 0, 0 },
};

TEST(json, knows_the_two_profiles)
{
    for (size_t i = 0; i < len_of(rows); i++) {
        CHECK_ROW(accepts(str(rows[i].in), JSON_GRAMMAR) == rows[i].grammar, rows[i].in);
        CHECK_ROW(accepts(str(rows[i].in), JSON_STRICT) == rows[i].strict, rows[i].in);
    }
}

TEST(json, means_the_same_cut_anywhere)
{
    for (size_t i = 0; i < len_of(rows); i++)
        CHECK_ROW(same_however_cut(str(rows[i].in), JSON_GRAMMAR) && same_however_cut(str(rows[i].in), JSON_STRICT),
                  rows[i].in);
}

static Str repeated(Arena *a, const char *head, const char *what, size_t times, const char *tail)
{
    Buf b = { 0 };
    buf_z(&b, head);
    for (size_t i = 0; i < times; i++)
        buf_z(&b, what);
    buf_z(&b, tail);
    Str s = arena_str(a, buf_view(&b));
    buf_free(&b);
    return s;
}

TEST(json, limits_depth_numbers_and_keys)
{
    defer_arena Arena *a = arena_new(64 << 20);
    CHECK(accepts(repeated(a, "", "[", 64, "]") , JSON_STRICT) == false);
    for (int more = 0; more < 2; more++) {
        size_t m = (size_t)more;
        Str    deep = repeated(a, "", "[", 64 + m, ""), close = repeated(a, "", "]", 64 + m, "");
        CHECK(accepts(str(arena_printf(a, "%s%s", deep.p, close.p)), JSON_STRICT) == !more);
        deep = repeated(a, "", "[", 512 + m, ""), close = repeated(a, "", "]", 512 + m, "");
        CHECK(accepts(str(arena_printf(a, "%s%s", deep.p, close.p)), JSON_GRAMMAR) == !more);
        CHECK(accepts(repeated(a, "0.", "3", 126 + m, ""), JSON_STRICT) == !more);
        CHECK(accepts(repeated(a, "0.", "3", 126 + m, ""), JSON_GRAMMAR));
        CHECK(accepts(repeated(a, "{\"", "k", 1024 + m, "\":1}"), JSON_STRICT) == !more);
        CHECK(accepts(repeated(a, "{\"", "\\u006b", 1024 + m, "\":1}"), JSON_STRICT) == !more);
        CHECK(accepts(repeated(a, "{\"", "k", 5000, "\":1}"), JSON_GRAMMAR));
    }
    CHECK(!accepts(repeated(a, "", "[", 100000, ""), JSON_GRAMMAR));
    CHECK(same_however_cut(repeated(a, "[0.", "3", 200, "]"), JSON_GRAMMAR));
    CHECK(same_however_cut(repeated(a, "[0.", "3", 200, "]"), JSON_STRICT));
    CHECK(same_however_cut(repeated(a, "{\"", "k", 2000, "\xFF\":1}"), JSON_STRICT));
    CHECK(same_however_cut(repeated(a, "{\"\\u006a", "k", 300, "\":1}"), JSON_STRICT));
}

static Str many_keys(Arena *a, size_t n, size_t depth, const char *last)
{
    Buf b = { 0 };
    for (size_t d = 0; d < depth; d++) {
        buf_byte(&b, '{');
        for (size_t i = 0; i < n; i++)
            buf_printf(&b, "\"key %zu\":%zu,", i, i);
        buf_z(&b, "\"in\":");
    }
    buf_z(&b, "{}");
    buf_z(&b, last);
    for (size_t d = 0; d < depth; d++)
        buf_byte(&b, '}');
    Str s = arena_str(a, buf_view(&b));
    buf_free(&b);
    return s;
}

TEST(json, finds_a_second_key_among_many)
{
    defer_arena Arena *a = arena_new(256 << 20);
    static const size_t counts[] = { 1, 14, 15, 16, 17, 63, 64, 65, 300, 4095 };
    for (size_t i = 0; i < len_of(counts); i++)
        for (size_t depth = 1; depth <= 3; depth++) {
            CHECK(accepts(many_keys(a, counts[i], depth, ""), JSON_STRICT));
            CHECK(!accepts(many_keys(a, counts[i], depth, ",\"key 0\":1"), JSON_STRICT));
            CHECK(!accepts(many_keys(a, counts[i], depth, ",\"in\":1"), JSON_STRICT));
        }
    CHECK(!accepts(many_keys(a, 4096, 1, ""), JSON_STRICT) && accepts(many_keys(a, 4096, 1, ""), JSON_GRAMMAR));
    CHECK(accepts(many_keys(a, 4000, 16, ""), JSON_STRICT) && !accepts(many_keys(a, 4000, 17, ""), JSON_STRICT));
    CHECK(same_however_cut(many_keys(a, 40, 2, ",\"key 1\":1"), JSON_STRICT));
}

/* Opening and closing objects of many keys again and again must leave nothing behind in the set. */
TEST(json, forgets_the_keys_of_closed_objects)
{
    defer_arena Arena *a = arena_new(64 << 20);
    Str                one = many_keys(a, 100, 2, "");
    Buf                b = { 0 };
    buf_byte(&b, '[');
    for (int i = 0; i < 800; i++)
        buf_str(&b, one), buf_byte(&b, ',');
    buf_z(&b, "0]");
    CHECK(accepts(buf_view(&b), JSON_STRICT));
    buf_free(&b);
}

TEST(json, works_without_memory_until_it_needs_some)
{
    JsonPush p;
    Err      e = { 0 };
    json_push_begin(&p, &(JsonPushConf){ .profile = JSON_STRICT });
    CHECK(json_push_feed(&p, S("{\"user_id\":\"u\",\"values\":[1,2,"), &e) && json_push_feed(&p, S("3]}"), &e) && json_push_end(&p, &e));
    defer_arena Arena *a = arena_new(1 << 20);
    json_push_begin(&p, &(JsonPushConf){ .profile = JSON_STRICT });
    CHECK(!json_push_feed(&p, many_keys(a, 16, 1, ""), &e) && e.code == E_LIMIT);
}

/* A gateway has a fixed block: as many keys as it was cut for and no more, and a long key cut in two. */
TEST(json, works_in_a_fixed_room)
{
    defer_arena Arena *a = arena_new(1 << 20);
    Str                long_key = repeated(a, "{\"", "k", 1024, "\":1}");
    for (uint32_t keys = 0; keys < 200; keys += 33) {
        uint64_t    *room = malloc(json_push_room(keys, 0));
        JsonPushConf conf = { .profile = JSON_STRICT, .room = room, .room_keys = keys };
        uint32_t     most = keys > JSON_KEYS_SMALL ? keys : JSON_KEYS_SMALL;
        JsonPush     p;
        Err          e = { 0 };
        json_push_begin(&p, &conf);
        CHECK(json_push_feed(&p, many_keys(a, most - 1, 1, ""), &e));
        json_push_begin(&p, &conf);
        CHECK(!json_push_feed(&p, many_keys(a, most, 1, ""), &e) && e.code == E_LIMIT);
        json_push_begin(&p, &conf);
        CHECK(json_push_feed(&p, (Str){ long_key.p, 700 }, &e) && json_push_feed(&p, str_from(long_key, 700), &e));
        free(room);
    }
}

TEST(json, caps_strings_when_asked)
{
    for (uint64_t max = 3; max <= 4; max++) {
        JsonPush p;
        Err      e = { 0 };
        json_push_begin(&p, &(JsonPushConf){ .profile = JSON_STRICT, .string_max = max });
        CHECK(json_push_feed(&p, S("{\"longer\":\"a\\nbc\"}"), &e) == (max == 4) && (max == 4 || e.at == 11));
    }
}

static bool stop_at_number(void *ctx, const JsonEvent *ev)
{
    *(uint64_t *)ctx = ev->at;
    return ev->type != JSON_NUMBER;
}

TEST(json, stops_when_the_reader_says_so)
{
    JsonPush p;
    Err      e = { 0 };
    uint64_t at = 0;
    json_push_begin(&p, &(JsonPushConf){ .profile = JSON_STRICT, .fn = stop_at_number, .ctx = &at });
    CHECK(!json_push_feed(&p, S("[true, 17, nonsense"), &e) && at == 7 && e.message[0] == '\0');
    CHECK(!json_push_feed(&p, S("]"), &e) && !json_push_end(&p, &e));
}

TEST(json, errors_name_byte_and_line)
{
    defer_arena Arena *a = arena_new(1 << 20);
    Err                e = { 0 };
    CHECK(json_parse(a, S("{\n \"a\": 1,\n \"a\": 2 }"), JSON_STRICT, &e) == NULL && e.at == 13 && e.line == 3);
    CHECK(json_parse(a, S("[1,\n2"), JSON_STRICT, &e) == NULL && e.at == 6 && e.line == 2);
    CHECK(json_parse(a, S("[1,\n?"), JSON_STRICT, &e) == NULL && e.at == 5 && e.line == 2);
    defer_arena Arena *small = arena_new(100);
    CHECK(json_parse(small, S("[[],[],[]]"), JSON_STRICT, &e) == NULL && e.code == E_LIMIT);
}

/* ---- the wide scans against their meaning, byte by byte */

static bool plain(uint8_t c) { return c >= 0x20 && c < 0x80 && c != '"' && c != '\\'; }
static bool digit(uint8_t c) { return c >= '0' && c <= '9'; }

static size_t run_of(const char *p, size_t n, bool (*in)(uint8_t))
{
    size_t i = 0;
    while (i < n && in((uint8_t)p[i]))
        i++;
    return i;
}

TEST(json, wide_scans_stop_where_plain_ones_do)
{
    Rng  rng = rng_of(3);
    char text[64];
    for (int round = 0; round < 200000; round++) {
        size_t n = rng_below(&rng, 41), at = rng_below(&rng, 8);
        char   fill = (char)(round % 2 ? '5' : 'a');
        memset(text, fill, sizeof text);
        for (unsigned k = 0; k < 3; k++)
            text[at + rng_below(&rng, 40)] = (char)(round < 100000 ? (int)rng_below(&rng, 256) : "/09:\"\\\x1f \x7f\x80\xff!#[]"[rng_below(&rng, 15)]);
        char *p = text + at, *exact = malloc(n ? n : 1);
        memcpy(exact, p, n);
        CHECK((size_t)(scan_digits(exact, exact + n) - exact) == run_of(p, n, digit));
        CHECK((size_t)(scan_plain(exact, exact + n) - exact) == run_of(p, n, plain));
        CHECK(scan_some_digits(p, 2) == run_of(p, 16, digit) && scan_some_digits(p, 3) == run_of(p, 24, digit));
        free(exact);
    }
}

TEST(json, wide_scans_know_utf8)
{
    for (uint32_t lead = 0x80; lead < 0x100; lead++)
        for (uint32_t second = 0; second < 0x100; second++)
            for (int tail = 0; tail < 4; tail++) {
                char   c[] = { (char)lead, (char)second, (char)(tail & 1 ? 0x80 : 'x'), (char)(tail & 2 ? 0xBF : 'x') };
                size_t n = scan_utf8(c, c + 4);
                CHECK(n == 0 || str_utf8((Str){ c, n }));
                for (size_t k = 2; k <= 4; k++)        /* the first k bytes are one character: it must be found */
                    if (str_utf8((Str){ c, k }) && !str_utf8((Str){ c, k - 1 }) && n != k)
                        CHECK(n != 0 && n < k);
                CHECK(n == 0 || scan_utf8(c, c + n - 1) == 0);
            }
}

/* ---- the tree */

TEST(json, the_tree_holds_what_the_text_says)
{
    defer_arena Arena *a = arena_new(1 << 20);
    Err                e = { 0 };
    const Json        *v = json_parse(a, S("{\"s\":\"\\u00e9\\n\\ud83d\\ude00x\",\n\"n\":[-1.50,1e3,18446744073709551615],\"t\":true,\"z\":null}"),
                                      JSON_STRICT, &e);
    uint64_t           u;
    int64_t            i;
    CHECK(v != NULL && v->type == JSON_OBJECT && v->count == 4);
    CHECK(str_is(json_text(json_get(v, "s"), S("")), "\xC3\xA9\n\xF0\x9F\x98\x80x"));
    const Json *n = json_get(v, "n");
    CHECK(n->count == 3 && n->line == 2 && n->at == 34 && json_num(json_at(n, 0), 0) == -1.5);
    CHECK(str_is(json_at(n, 0)->text, "-1.50") && json_at(n, 3) == NULL);
    CHECK(json_u64(json_at(n, 1), &u) && u == 1000 && json_u64(json_at(n, 2), &u) && u == UINT64_MAX);
    CHECK(!json_i64(json_at(n, 2), &i) && !json_u64(json_at(n, 0), &u) && !json_u64(NULL, &u));
    CHECK(json_bool(json_get(v, "t"), false) && json_get(v, "absent") == NULL && json_get(n, "x") == NULL);
    CHECK(json_get(v, "z")->type == JSON_NULL && json_num(json_get(v, "z"), 7) == 7);
}

TEST(json, whole_numbers_are_exact)
{
    static const struct { const char *in; bool u, i; uint64_t uv; int64_t iv; } n[] = {
        { "1.0", 1, 1, 1, 1 }, { "-1", 0, 1, 0, -1 }, { "-0.0", 1, 1, 0, 0 }, { "1.5", 0, 0, 0, 0 },
        { "120e-1", 1, 1, 12, 12 }, { "18446744073709551616", 0, 0, 0, 0 }, { "1.8446744073709551615e19", 1, 0, UINT64_MAX, 0 },
        { "-9223372036854775808", 0, 1, 0, INT64_MIN }, { "9223372036854775808", 1, 0, (uint64_t)1 << 63, 0 },
        { "9007199254740993", 1, 1, 9007199254740993, 9007199254740993 }, { "1e400", 0, 0, 0, 0 }, { "1e-400", 0, 0, 0, 0 },
    };
    for (size_t k = 0; k < len_of(n); k++) {
        defer_arena Arena *a = arena_new(1 << 20);
        Err                e = { 0 };
        const Json        *v = json_parse(a, str(n[k].in), JSON_GRAMMAR, &e);
        uint64_t           u = 0;
        int64_t            i = 0;
        CHECK_ROW(json_u64(v, &u) == n[k].u && u == n[k].uv, n[k].in);
        CHECK_ROW(json_i64(v, &i) == n[k].i && i == n[k].iv, n[k].in);
    }
}

TEST(decimal, compares_what_the_literals_say)
{
    static const struct { const char *a, *b; int want; } n[] = {
        { "1", "1.0", 0 }, { "1e2", "100", 0 }, { "0.1", "0.10000000000000000001", -1 }, { "-0", "0", 0 }, { "-1", "1", -1 },
        { "-2", "-1", -1 }, { "9007199254740993", "9007199254740992", 1 }, { "1e400", "1e401", -1 }, { "1e-400", "0", 1 },
        { "0.00120", "12e-4", 0 }, { "123.45", "12345e-2", 0 }, { "99", "100", -1 }, { "-1e-400", "0", -1 }, { "0e5", "-0.0", 0 },
        { "10.01", "10.1", -1 }, { "1.5", "15", -1 },
    };
    for (size_t i = 0; i < len_of(n); i++) {
        Decimal a, b;
        CHECK_ROW(decimal_of(str(n[i].a), &a) && decimal_of(str(n[i].b), &b), n[i].a);
        int ab = decimal_cmp(&a, &b), ba = decimal_cmp(&b, &a);
        CHECK_ROW((ab > 0) - (ab < 0) == n[i].want && (ba > 0) - (ba < 0) == -n[i].want, n[i].a);
    }
}

/* ---- the writer */

TEST(json, the_writer_sets_commas_and_escapes)
{
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    json_open(&w, '{');
    json_key(&w, "a\"b"), json_open(&w, '['), json_put_u64(&w, UINT64_MAX), json_put_i64(&w, -1), json_open(&w, '{'), json_close(&w, '}'),
        json_close(&w, ']');
    json_key(&w, "s"), json_put_str(&w, S("\n\x01\xC3\xA9\xFF\xE2\x82/"));
    json_key(&w, "z"), json_put_z(&w, NULL);
    json_key(&w, "f"), json_put_f64(&w, NAN);
    json_key(&w, "r"), json_put_raw(&w, S("[1]"));
    json_close(&w, '}');
    buf_byte(&b, 0);
    CHECK_STR(b.p, "{\"a\\\"b\":[18446744073709551615,-1,{}],\"s\":\"\\n\\u0001\xC3\xA9\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD/\",\"z\":null,"
                   "\"f\":null,\"r\":[1]}");
}

TEST(json, the_writer_can_be_pretty)
{
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    w.pretty = true;
    json_open(&w, '{');
    json_key(&w, "a"), json_open(&w, '['), json_put_bool(&w, true), json_put_null(&w), json_close(&w, ']');
    json_key(&w, "b"), json_open(&w, '{'), json_close(&w, '}');
    json_close(&w, '}');
    buf_byte(&b, 0);
    CHECK_STR(b.p, "{\n  \"a\": [\n    true,\n    null\n  ],\n  \"b\": {}\n}");
}

static void round_trip(Str name, Str grammar, Str strict_mode, Str text)
{
    (void)grammar, (void)strict_mode;
    defer_arena Arena *a = arena_new(64 << 20);
    defer_buf Buf      first = { 0 }, second = { 0 };
    const Json        *v = json_parse(a, text, JSON_GRAMMAR, NULL);
    if (v == NULL)
        return;
    JsonOut w = json_out(&first), again = json_out(&second);
    json_put_tree(&w, v);
    v = json_parse(a, buf_view(&first), JSON_GRAMMAR, NULL);
    CHECK_ROW(v != NULL, name.p);
    json_put_tree(&again, v);
    CHECK_ROW(str_eq(buf_view(&first), buf_view(&second)), name.p);
}

TEST(json, what_was_written_reads_back_the_same) { each_vector(round_trip); }
