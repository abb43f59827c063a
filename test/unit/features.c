#include "../test.h"
#include "base/rng.h"
#include "gate/features.h"
#include <math.h>

static const struct { FeaturesFormat format; const char *body, *want; uint64_t rows; } rows[] = {
    { FEATURES_ROWS, "{\"instances\":[[1, 2.50,-3e2],[4,5,6]]}", "[1,2.50,-3e2]", 2 },
    { FEATURES_ROWS, "{\"signature_name\":\"x\",\"instances\":[[[1,2],[3,4]]],\"more\":[9]}", "[[1,2],[3,4]]", 1 },
    { FEATURES_ROWS, "{\"instances\":[{\"age\":3,\"city\":\"M\\u00fcnchen \\\"\\n\",\"ok\":true,\"no\":null},{}]}",
      "{\"age\":3,\"city\":\"M\xc3\xbcnchen \\u0022\\u000a\",\"ok\":true,\"no\":null}", 2 },
    { FEATURES_ROWS, "{\"instances\":[7,8,9]}", "7", 3 },
    { FEATURES_ROWS, "{\"instances\":[]}", "", 0 },
    { FEATURES_ROWS, "{\"instances\":{\"a\":[1]}}", "", 0 },
    { FEATURES_ROWS, "{\"other\":[[1]]}", "", 0 },
    { FEATURES_V2, "{\"inputs\":[{\"name\":\"x\",\"shape\":[2,3],\"datatype\":\"FP32\",\"data\":[1,2,3,4,5,6]}]}", "[1,2,3]", 2 },
    { FEATURES_V2, "{\"inputs\":[{\"data\":[1,2,3,4,5,6],\"shape\":[2,3],\"name\":\"x\"}]}", "[1,2,3]", 2 },
    { FEATURES_V2, "{\"inputs\":[{\"name\":\"a[\",\"shape\":[2,2],\"data\":[[1,2],[3,4]]}],\"id\":\"7\"}", "[1,2]", 2 },
    { FEATURES_V2, "{\"inputs\":[{\"name\":\"x\",\"shape\":[4],\"data\":[1,2,3,4]}]}", "[1,2,3,4]", 1 },
    { FEATURES_V2, "{\"inputs\":[{\"name\":\"age\",\"shape\":[2],\"data\":[30,40]},{\"name\":\"in\\u0022\",\"shape\":[2,1],\"data\":[5,6]}]}",
      "{\"age\":[30],\"input2\":[5]}", 2 },
    { FEATURES_V2, "{\"inputs\":[{\"name\":\"x\",\"shape\":[1,1],\"datatype\":\"BYTES\",\"data\":[\"a\"]}]}", "", 0 },
    { FEATURES_V2, "{\"inputs\":[{\"name\":\"x\",\"shape\":[1,5],\"data\":[1,2]}]}", "", 1 },
    { FEATURES_V2, "{\"inputs\":[{\"name\":\"x\",\"shape\":[0,5],\"data\":[]}]}", "", 0 },
    { FEATURES_V2, "{\"inputs\":[{\"name\":\"x\",\"shape\":[4294967296,4294967296,4294967296],\"data\":[1]}]}", "", 4294967296 },
    { FEATURES_V2, "{\"inputs\":[{\"name\":\"x\",\"shape\":[1]}]}", "", 0 },
    { FEATURES_JSON, "[[1,2],[3]]", "[1,2]", 2 },
    { FEATURES_JSON, "[1,\"a\",[2]]", "[1,\"a\",[2]]", 1 },
    { FEATURES_JSON, "{\"a\":1,\"b\":[2,{\"c\":3}]}", "{\"a\":1,\"b\":[2,{\"c\":3}]}", 1 },
    { FEATURES_JSON, "[{\"a\":1},{\"a\":2}]", "{\"a\":1}", 2 },
    { FEATURES_JSON, "5", "5", 1 },
    { FEATURES_JSON, "[]", "", 0 },
};

static bool hear(void *ctx, const JsonEvent *ev)
{
    features_event(ctx, ev);
    return true;
}

static Str run(Features *f, FeaturesFormat format, Str body, size_t cut)
{
    JsonPush p;
    features_begin(f, format);
    json_push_begin(&p, &(JsonPushConf){ .profile = JSON_STRICT, .fn = hear, .ctx = f });
    CHECK(json_push_feed(&p, (Str){ body.p, cut }, NULL) && json_push_feed(&p, str_from(body, cut), NULL) && json_push_end(&p, NULL));
    return features_end(f);
}

static Features *room(void)
{
    Features *f = malloc(sizeof(Features));
    CHECK(f != NULL);
    return f;
}

TEST(features, are_the_first_row_of_each_format_however_it_is_cut)
{
    Features *f = room();
    for (size_t i = 0; i < len_of(rows); i++)
        for (size_t cut = 0; cut <= strlen(rows[i].body); cut++) {
            Str got = run(f, rows[i].format, str(rows[i].body), cut);
            CHECK_ROW(str_is(got, rows[i].want) && (f->rows == rows[i].rows), rows[i].body);
        }
    free(f);
}

TEST(features, that_do_not_fit_are_left_out_whole)
{
    Features *f = room();
    defer_buf Buf b = { 0 };
    buf_z(&b, "{\"instances\":[\"");
    for (size_t i = 0; i < FEATURES_TEXT; i++)
        buf_byte(&b, i % 2 ? 'x' : '"' - 1);
    buf_z(&b, "\"]}");
    CHECK(run(f, FEATURES_ROWS, buf_view(&b), 70).n == 0 && f->cut);
    free(f);
}
