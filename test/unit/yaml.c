/* YAML into the JSON tree: the core schema, places, and everything two readers could take differently. */
#include "../test.h"
#include "format/yaml.h"

static Json *read_yaml(Arena *a, const char *text, Err *e)
{
    *e = (Err){ 0 };
    return yaml_parse(a, str(text), e);
}

TEST(yaml, reads_mappings_lists_and_scalars_with_their_places)
{
    defer_arena Arena *a = arena_new(1 << 20);
    Err   e;
    Json *v = read_yaml(a, "# \xC3\xA4\r\nname: \xC3\xBC" "ber\r\nlist:\r\n  - 1\r\n  - {a: 'x', b: [~, true]}\r\nempty:\r\n", &e);
    CHECK(v != NULL && v->type == JSON_OBJECT && v->count == 3 && v->line == 2 && v->at == 6);
    CHECK(str_is(v->first->key, "name") && str_is(v->first->text, "\xC3\xBC" "ber") && v->first->line == 2 && v->first->at == 12);
    const Json *list = v->first->next;
    CHECK(list->type == JSON_ARRAY && list->count == 2 && list->first->type == JSON_NUMBER && list->first->num == 1 && list->first->line == 4);
    const Json *map = list->first->next;
    CHECK(map->type == JSON_OBJECT && map->line == 5 && map->first->next->count == 2 && map->first->next->first->type == JSON_NULL);
    CHECK(map->first->next->first->next->type == JSON_TRUE && str_is(map->first->text, "x"));
    CHECK(list->next->type == JSON_NULL && list->next->line == 6);
}

TEST(yaml, resolves_plain_scalars_by_the_core_schema)
{
    static const struct { const char *in; JsonType type; const char *text; double num; } rows[] = {
        { "null", JSON_NULL, "", 0 }, { "~", JSON_NULL, "", 0 }, { "NULL", JSON_NULL, "", 0 }, { "nUll", JSON_STRING, "nUll", 0 },
        { "true", JSON_TRUE, "", 0 }, { "FALSE", JSON_FALSE, "", 0 }, { "tRUE", JSON_STRING, "tRUE", 0 },
        { "no", JSON_STRING, "no", 0 }, { "yes", JSON_STRING, "yes", 0 }, { "on", JSON_STRING, "on", 0 }, { "off", JSON_STRING, "off", 0 },
        { "y", JSON_STRING, "y", 0 }, { "12", JSON_NUMBER, "12", 12 }, { "-7", JSON_NUMBER, "-7", -7 }, { "+7", JSON_NUMBER, "7", 7 },
        { "0o17", JSON_NUMBER, "15", 15 }, { "0x1F", JSON_NUMBER, "31", 31 }, { "0xffffffffffffffff", JSON_NUMBER, "18446744073709551615", 0x1p64 },
        { "010", JSON_NUMBER, "10", 10 }, { "000", JSON_NUMBER, "0", 0 }, { "-0.50", JSON_NUMBER, "-0.50", -0.5 }, { ".5", JSON_NUMBER, "0.5", 0.5 },
        { "5.", JSON_NUMBER, "5.0", 5 }, { "1.e3", JSON_NUMBER, "1.0e3", 1000 }, { "-.5e-3", JSON_NUMBER, "-0.5e-3", -0.0005 },
        { "1e3", JSON_NUMBER, "1e3", 1000 }, { "00.5", JSON_NUMBER, "0.5", 0.5 }, { "0o18", JSON_STRING, "0o18", 0 }, { "0xg", JSON_STRING, "0xg", 0 },
        { "0x", JSON_STRING, "0x", 0 }, { "0b11", JSON_STRING, "0b11", 0 }, { "1_000", JSON_STRING, "1_000", 0 }, { "1:30", JSON_STRING, "1:30", 0 },
        { "2026-01-31", JSON_STRING, "2026-01-31", 0 }, { "1.2.3", JSON_STRING, "1.2.3", 0 }, { "'12'", JSON_STRING, "12", 0 },
        { "\"true\"", JSON_STRING, "true", 0 }, { "\"a\\u0000b\\n\"", JSON_STRING, "a", 0 }, { "''", JSON_STRING, "", 0 }, { "-", JSON_ARRAY, "", 0 },
        { ".", JSON_STRING, ".", 0 }, { "+", JSON_STRING, "+", 0 }, { "inf", JSON_STRING, "inf", 0 },
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        defer_arena Arena *a = arena_new(1 << 20);
        Err   e;
        Json *v = read_yaml(a, rows[i].in, &e);
        CHECK_ROW(v != NULL && v->type == rows[i].type && v->num == rows[i].num, rows[i].in);
        CHECK_ROW(v->text.p == NULL ? *rows[i].text == '\0' : strcmp(v->text.p, rows[i].text) == 0, rows[i].in);
    }
}

TEST(yaml, keeps_block_texts_and_long_keys)
{
    defer_arena Arena *a = arena_new(1 << 20);
    Err   e;
    Json *v = read_yaml(a, "a: |\n  one\n   two\n\nb: >-\n  x\n  y\n\"quoted key\": 1\n12: 2\n", &e);
    CHECK(v != NULL && str_is(v->first->text, "one\n two\n") && str_is(v->first->next->text, "x y"));
    CHECK(json_num(json_get(v, "quoted key"), 0) == 1 && json_num(json_get(v, "12"), 0) == 2);
}

TEST(yaml, refuses_what_readers_disagree_about_and_names_the_line)
{
    static const struct { const char *in; uint64_t line; const char *says; } rows[] = {
        { "a: 1\nb: 2\na: 3\n", 3, "'a' is here twice" }, { "{a: 1, 'a': 2}", 1, "twice" }, { "a: &x 1\n", 1, "anchors" },
        { "\na: *x\n", 2, "aliases" }, { "<<: {a: 1}\n", 1, "merge keys" }, { "a: !!str 1\n", 1, "tag 'tag:yaml.org,2002:str'" },
        { "a:\n  - !Ref x\n", 2, "tag '!Ref'" }, { "a: ! x\n", 1, "tag '!'" }, { "a: 1\n---\nb: 2\n", 3, "second document" },
        { "? [a]\n: 1\n", 1, "a key must be" }, { "? {a: 1}\n: 1\n", 1, "a key must be" }, { "a: .inf\n", 1, "infinity" },
        { "a: -.INF\n", 1, "infinity" }, { "a: .NaN\n", 1, "infinity" }, { "a: 0x10000000000000000\n", 1, "64 bits" },
        { "%YAML 1.1\n---\na: 1\n", 1, "YAML 1.1" }, { "%TAG ! tag:x,2000:\n---\na: 1\n", 1, "tag directives" },
        { "a: 1\n\tb: 2\n", 2, "" }, { "a:\n\t- 1\n", 2, "cannot start any token" }, { "a: [1, 2\nb: 3\n", 2, "" }, { "a: 'open\n", 2, "quoted scalar" },
        { "a: b: c\n", 1, "mapping values are not allowed" }, { "a: 1\nb: \xFF\n", 2, "0xFF" }, { "a: 1\n\nb: \x01\n", 3, "control characters" },
        { "a: \xED\xA0\x80\n", 1, "" }, { "a: 1\nb: x\xE2\x80\xA8y\n", 2, "line separator" }, { "x\xC2\x85y", 1, "line separator" },
        { "a: \"\\ud800\"\n", 1, "" }, { "- 1\nb: 2\n", 2, "" },
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        defer_arena Arena *a = arena_new(1 << 20);
        Err e;
        CHECK_ROW(read_yaml(a, rows[i].in, &e) == NULL, rows[i].in);
        CHECK_ROW(e.code == E_FORMAT && e.line == rows[i].line && strstr(e.message, rows[i].says), rows[i].in);
    }
}

TEST(yaml, accepts_a_byte_order_mark_and_version_1_2_and_nothing_at_all)
{
    static const char *const empty[] = { "", "\n", "# only a comment\n", "---\n", "---\n...\n", "\xEF\xBB\xBF" };
    defer_arena Arena *a = arena_new(1 << 20);
    Err   e;
    Json *v = read_yaml(a, "\xEF\xBB\xBF%YAML 1.2\n---\na: 1\n...\n", &e);
    CHECK(v != NULL && v->count == 1 && v->first->num == 1 && v->first->line == 3 && v->first->at == 20);
    for (size_t i = 0; i < len_of(empty); i++) {
        v = read_yaml(a, empty[i], &e);
        CHECK_ROW(v != NULL && v->type == JSON_OBJECT && v->count == 0, empty[i]);
    }
    v = read_yaml(a, "~", &e);
    CHECK(v != NULL && v->type == JSON_NULL);
    CHECK(yaml_parse(a, (Str){ "a: 1\0\n", 6 }, &e) == NULL && e.line == 1);
}

TEST(yaml, reads_several_documents_when_asked)
{
    defer_arena Arena *a = arena_new(1 << 20);
    Err   e = { 0 };
    Json *v = yaml_parse_all(a, S("a: 1\n---\n---\n- 2\n"), &e);
    CHECK(v != NULL && v->type == JSON_ARRAY && v->count == 3);
    CHECK(v->first->type == JSON_OBJECT && v->first->next->type == JSON_OBJECT && v->first->next->next->type == JSON_ARRAY);
    CHECK(v->first->next->next->line == 4);
    v = yaml_parse_all(a, S(""), &e);
    CHECK(v != NULL && v->count == 0);
}

TEST(yaml, finds_duplicates_among_many_keys)
{
    defer_arena Arena *a = arena_new(1 << 22);
    defer_buf Buf b = { 0 };
    Err e = { 0 };
    for (int i = 0; i < 1000; i++)
        buf_printf(&b, "k%d: %d\n", i, i);
    Json *v = yaml_parse(a, buf_view(&b), &e);
    CHECK(v != NULL && v->count == 1000);
    buf_z(&b, "k500: again\n");
    CHECK(yaml_parse(a, buf_view(&b), &e) == NULL && e.line == 1001 && strstr(e.message, "'k500'"));
}

TEST(yaml, stops_at_its_limits)
{
    defer_arena Arena *a = arena_new(64 << 20), *small = arena_new(4096 + sizeof(Json) * 100);
    defer_buf Buf deep = { 0 }, wide = { 0 };
    Err e = { 0 };
    for (int i = 0; i < YAML_DEPTH_MAX; i++)
        buf_z(&deep, "[");
    for (int i = 0; i < YAML_DEPTH_MAX; i++)
        buf_z(&deep, "]");
    CHECK(yaml_parse(a, buf_view(&deep), &e) != NULL);
    for (int i = 0; i < 100000; i++)
        buf_z(&deep, "\n[");
    CHECK(yaml_parse(a, str_from(buf_view(&deep), 2 * YAML_DEPTH_MAX), &e) == NULL && strstr(e.message, "nested deeper than 100"));
    CHECK(e.line == YAML_DEPTH_MAX + 2);
    for (int i = 0; i <= YAML_NODES_MAX; i++)
        buf_z(&wide, "- 1\n");
    CHECK(yaml_parse(a, buf_view(&wide), &e) == NULL && strstr(e.message, "more than 200000 values"));
    CHECK(yaml_parse(small, str_from(buf_view(&wide), wide.n - 4 * 1000), &e) == NULL && e.code == E_NOMEM);
    CHECK(yaml_parse(a, (Str){ wide.p, (size_t)YAML_BYTES_MAX + 1 }, &e) == NULL && e.code == E_LIMIT);
}
