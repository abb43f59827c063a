#include "../test.h"
#include "base/file.h"
#include "format/json.h"
#include "gate/schema.h"
#include <dirent.h>

/* ---- running a body, whole or cut */

static bool run(const Schema *s, Str body, size_t piece, SchemaFault *f)
{
    void      *memory = malloc(schema_state_size(s));  /* exactly as much as it asked for */
    SchemaRun *r = schema_begin(s, memory);
    bool       ok = true;
    *f = (SchemaFault){ 0 };
    for (size_t at = 0, n; ok && at < body.n; at += n) {
        n = piece < body.n - at ? piece : body.n - at;
        ok = schema_feed(r, (Str){ body.p + at, n }, f);
    }
    ok = ok && schema_end(r, f);
    free(memory);
    return ok;
}

static bool same_fault(const SchemaFault *a, const SchemaFault *b)
{
    return a->at == b->at && a->keyword == b->keyword && strcmp(a->pointer, b->pointer) == 0 && strcmp(a->why, b->why) == 0;
}

/* The verdict of the whole body; every cut must give the same verdict and fault. */
static bool allows(const Schema *s, Str body, SchemaFault *f)
{
    SchemaFault cut;
    bool        ok = run(s, body, body.n, f);
    for (size_t piece = 1; piece <= 3; piece++)
        CHECK_ROW(run(s, body, piece, &cut) == ok && (ok || same_fault(f, &cut)), body.p);
    CHECK_ROW(ok || (f->at <= body.n && f->why[0] != '\0'), body.p);
    return ok;
}

static Schema *compiled(Arena *a, const char *text)
{
    Err     e = { 0 };
    Schema *s = schema_compile(a, str(text), &e);
    if (s == NULL)
        print_error("%s: %s\n", text, e.message);
    CHECK(s != NULL);
    return s;
}

/* ---- the official suite */

typedef struct Count {
    unsigned files, groups, refused, tests, right;
} Count;

static Str written(Arena *a, const Json *v)
{
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    json_put_tree(&w, v);
    return arena_str(a, buf_view(&b));
}

/* A group is refused for what it uses, and the message says what that is. */
static bool refused_for_cause(const Err *e)
{
    static const char *const causes[] = { "is not supported", "is no keyword of", "wants \"#\" or a JSON Pointer within", "is only understood at the root",
                                          "only JSON Schema 2020-12", "leads to no schema" };
    for (size_t i = 0; i < len_of(causes); i++)
        if (strstr(e->message, causes[i]) && e->message[0] == '#' && e->at > 0 && e->line > 0)
            return true;
    return false;
}

static void run_group(const Json *group, const char *file, Count *c)
{
    defer_arena Arena *a = arena_new(64 << 20);
    Err                e = { 0 };
    Schema            *s = schema_compile(a, written(a, json_get(group, "schema")), &e);
    c->groups++;
    if (s == NULL) {
        if (getenv("SCHEMA_REFUSED"))
            print_message("refused %s: %.*s: %s\n", file, STR(json_text(json_get(group, "description"), S(""))), e.message);
        CHECK_ROW(refused_for_cause(&e), e.message);
        c->refused++;
        return;
    }
    for (const Json *t = json_get(group, "tests")->first; t != NULL; t = t->next) {
        SchemaFault f;
        bool        want = json_bool(json_get(t, "valid"), false), got = allows(s, written(a, json_get(t, "data")), &f);
        if (got != want)
            print_error("%s: %.*s: %.*s: %s\n", file, STR(json_text(json_get(group, "description"), S(""))),
                        STR(json_text(json_get(t, "description"), S(""))), f.why);
        c->tests++;
        c->right += got == want;
    }
}

static void run_file(const char *path, const char *name, Count *c)
{
    defer_arena Arena *a = arena_new(64 << 20);
    Err                e = { 0 };
    Str                text;
    CHECK(file_read(a, path, 4 << 20, &text, &e));
    const Json *groups = json_parse(a, text, JSON_GRAMMAR, &e);
    CHECK_ROW(groups != NULL, path);
    for (const Json *g = groups->first; g != NULL; g = g->next)
        run_group(g, name, c);
    c->files++;
}

TEST(schema, is_right_wherever_the_official_suite_stays_in_the_core)
{
    const char *found = test_vectors("gate/json-schema/draft2020-12");
    char        dir[1024], path[2048];
    Count       c = { 0 };
    if (found == NULL)
        skip();
    snprintf(dir, sizeof dir, "%s", found);
    DIR *d = opendir(dir);
    for (struct dirent *f; (f = readdir(d)) != NULL;)
        if (strstr(f->d_name, ".json")) {
            snprintf(path, sizeof path, "%s/%s", dir, f->d_name);
            run_file(path, f->d_name, &c);
        }
    closedir(d);
    print_message("JSON Schema 2020-12 suite: %u files, %u groups; %u groups refused at compile time, %u tests run whole and cut, %u right\n",
                  c.files, c.groups, c.refused, c.tests, c.right);
    CHECK(c.files == 46 && c.groups == 383 && c.right == c.tests && c.tests > 600);
}

/* ---- what a model's endpoint asks for every day */

static const char everyday[] =
    "{\"$schema\": \"https://json-schema.org/draft/2020-12/schema\", \"type\": \"object\", \"additionalProperties\": false,\n"
    " \"required\": [\"values\", \"user_id\"], \"properties\": {\n"
    "  \"values\": {\"type\": \"array\", \"minItems\": 1, \"maxItems\": 1000, \"items\": {\"type\": \"number\", \"minimum\": -1000, \"maximum\": 1e3}},\n"
    "  \"user_id\": {\"type\": \"string\", \"minLength\": 1, \"maxLength\": 8}}}";

typedef struct Row {
    const char *body;
    const char *keyword;                               /* NULL: allowed; "": not strict JSON */
    const char *pointer;
    uint64_t    at;
} Row;

static void check_rows(const char *schema, const Row *rows, size_t n)
{
    defer_arena Arena *a = arena_new(8 << 20);
    const Schema      *s = compiled(a, schema);
    for (size_t i = 0; i < n; i++) {
        SchemaFault f;
        CHECK_ROW(allows(s, str(rows[i].body), &f) == (rows[i].keyword == NULL), rows[i].body);
        if (rows[i].keyword == NULL)
            continue;
        if (strcmp(f.keyword ? f.keyword : "", rows[i].keyword) || strcmp(f.pointer, rows[i].pointer) || f.at != rows[i].at)
            print_error("%s at %" PRIu64 " %s: %s\n", f.keyword ? f.keyword : "json", f.at, f.pointer, f.why);
        CHECK_ROW(strcmp(f.keyword ? f.keyword : "", rows[i].keyword) == 0 && f.at == rows[i].at, rows[i].body);
        CHECK_STR(f.pointer, rows[i].pointer);
    }
}

TEST(schema, an_everyday_body_meets_it_or_is_told_where_not)
{
    static const Row rows[] = {
        { "{\"values\":[1,2.5,-1e3,1000.0],\"user_id\":\"u-1\"}" },
        { " {\"user_id\" : \"\\u00e9\\ud83d\\ude00345678\" , \"values\" : [ 0 ] } " },
        { "{\"values\":[1,2.5,1000.01],\"user_id\":\"u\"}", "maximum", "/values/2", 17 },
        { "{\"values\":[-1000.00000000000000000001],\"user_id\":\"u\"}", "minimum", "/values/0", 11 },
        { "{\"values\":[1,\"2\"],\"user_id\":\"u\"}", "type", "/values/1", 13 },
        { "{\"values\":[1,[2]],\"user_id\":\"u\"}", "type", "/values/1", 13 },
        { "{\"values\":[],\"user_id\":\"u\"}", "minItems", "/values", 10 },
        { "{\"values\":[1],\"user_id\":\"\"}", "minLength", "/user_id", 24 },
        { "{\"values\":[1],\"user_id\":\"123456789\"}", "maxLength", "/user_id", 24 },
        { "{\"values\":[1],\"user_id\":7}", "type", "/user_id", 24 },
        { "{\"values\":[1]}", "required", "", 0 },
        { "{}", "required", "", 0 },
        { "[]", "type", "", 0 },
        { "{\"values\":[1],\"user_id\":\"u\",\"x/~y\":1}", "additionalProperties", "/x~1~0y", 28 },
        { "{\"values\":[1],\"user_id\":\"u\",\"values\":[1]}", "", "", 28 },
        { "{\"values\":[1],\"user_id\":\"u\"", "", "", 27 },
        { "{\"values\":[NaN]}", "", "", 11 },
        { "{\"values\":[1]}{}", "required", "", 0 },
        { "", "", "", 0 },
    };
    check_rows(everyday, rows, len_of(rows));
}

static Str floats(Arena *a, size_t n)
{
    defer_buf Buf b = { 0 };
    buf_z(&b, "{\"values\":[");
    for (size_t i = 0; i < n; i++)
        buf_printf(&b, "%s%.6f", i ? "," : "", (double)i / 3);
    buf_z(&b, "],\"user_id\":\"u\"}");
    return arena_str(a, buf_view(&b));
}

TEST(schema, counts_the_elements_before_it_has_read_them_all)
{
    defer_arena Arena *a = arena_new(8 << 20);
    const Schema      *s = compiled(a, everyday);
    SchemaFault        f;
    CHECK(allows(s, floats(a, 1), &f) && allows(s, floats(a, 1000), &f) && !allows(s, floats(a, 1001), &f));
    CHECK_STR(f.keyword, "maxItems");
    CHECK_STR(f.pointer, "/values");
    Str        body = floats(a, 2000);
    void      *memory = malloc(schema_state_size(s));
    SchemaRun *r = schema_begin(s, memory);
    CHECK(!schema_feed(r, (Str){ body.p, body.n / 2 + 1000 }, &f));
    free(memory);
}

/* Closed objects need no set of keys; 64 levels and any keys need more. */
TEST(schema, a_run_for_an_everyday_schema_is_small)
{
    defer_arena Arena *a = arena_new(8 << 20);
    size_t             closed = schema_state_size(compiled(a, everyday)), open = schema_state_size(compiled(a, "{}"));
    print_message("state of a run: %zu bytes for the everyday schema, %zu with open objects, %zu without a schema\n", closed, open,
                  schema_state_size(NULL));
    CHECK(closed <= 1600 && open <= 24 << 10 && schema_state_size(NULL) <= 24 << 10);
}

TEST(schema, without_a_schema_any_strict_json_passes)
{
    SchemaFault f;
    CHECK(allows(NULL, S("{\"a\":[1,{\"b\":null}]}"), &f) && allows(NULL, S(" 1"), &f));
    CHECK(!allows(NULL, S("{\"a\":1,\"\\u0061\":2}"), &f) && f.keyword == NULL && f.at == 7);
}

/* ---- details that other validators get wrong */

TEST(schema, numbers_are_decimals)
{
    static const Row integer[] = {
        { "1.0" }, { "1e2" }, { "100e-2" }, { "-0.0" }, { "9223372036854775807" }, { "1e300" },
        { "1.5", "type", "", 0 }, { "1e-1", "type", "", 0 }, { "\"1\"", "type", "", 0 }, { "true", "type", "", 0 },
        { "9007199254740993.5", "type", "", 0 },
    };
    check_rows("{\"type\": \"integer\"}", integer, len_of(integer));
    static const Row exact[] = {
        { "0.1" }, { "1e-1" }, { "0.10" }, { "0.1000000000000000055511151231257827", "maximum", "", 0 },
        { "0.09999999999999999999", "minimum", "", 0 },
    };
    check_rows("{\"minimum\": 0.1, \"maximum\": 0.1}", exact, len_of(exact));
    static const Row open[] = {
        { "9007199254740993" }, { "9007199254740992", "exclusiveMinimum", "", 0 }, { "9007199254740994", "exclusiveMaximum", "", 0 },
        { "\"not a number\"" },
    };
    check_rows("{\"exclusiveMinimum\": 9007199254740992, \"exclusiveMaximum\": 9007199254740994.0}", open, len_of(open));
}

/* Elements of a plain array of numbers take a short cut; it must decide as for a number that stands alone. */
TEST(schema, numbers_in_arrays_are_judged_as_those_alone)
{
    static const char *const words[] = { "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum" };
    static const char *const numbers[] = { "0",  "-0", "0.0", "-0.0", "0.5", "-0.5", "1", "-1", "9.99", "10", "-10", "10.01", "99", "100", "-100.5",
                                           "1e0", "1e2", "-1e-2", "1000", "999.9999999999999999999", "18446744073709551615", "0.1e3" };
    unsigned allowed = 0, refused = 0;
    for (size_t w = 0; w < len_of(words) + 1; w++)
        for (size_t b = 0; b < len_of(numbers); b++) {
            defer_arena Arena *a = arena_new(8 << 20);
            const char        *bounds = w < len_of(words) ? arena_printf(a, "{\"%s\": %s}", words[w], numbers[b])
                                                          : arena_printf(a, "{\"type\": \"integer\", \"maximum\": %s}", numbers[b]);
            const Schema      *alone = compiled(a, bounds), *each = compiled(a, arena_printf(a, "{\"items\": %s}", bounds));
            for (size_t i = 0; i < len_of(numbers); i++) {
                SchemaFault f;
                bool        ok = allows(alone, str(numbers[i]), &f);
                const char *array = arena_printf(a, "[%s, %s,  %s]                                                  ", numbers[i], numbers[i], numbers[i]);
                CHECK_ROW(allows(each, str(array), &f) == ok, arena_printf(a, "%s: %s", bounds, array));
                allowed += ok, refused += !ok;
            }
        }
    CHECK(allowed > 500 && refused > 500);
}

TEST(schema, enum_and_const_compare_values_not_spellings)
{
    static const Row rows[] = {
        { "{\"a\":[1,2],\"b\":\"x\"}" },
        { "{\"b\":\"\\u0078\", \"a\":[1.0,20e-1]}" },
        { "[]" }, { "1" }, { "1.0" }, { "\"one\"" }, { "\"\\u006fne\"" }, { "null" }, { "[[null],{}]" },
        { "{\"a\":[2,1],\"b\":\"x\"}", "enum", "", 0 },
        { "{\"a\":[1,2],\"b\":\"x\",\"c\":0}", "enum", "", 0 },
        { "{\"a\":[1,2]}", "enum", "", 0 },
        { "{\"a\":[1,2],\"b\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}", "enum", "", 0 },
        { "{}", "enum", "", 0 }, { "[[]]", "enum", "", 0 }, { "true", "enum", "", 0 }, { "\"1\"", "enum", "", 0 },
        { "\"ones\"", "enum", "", 0 }, { "\"on\"", "enum", "", 0 }, { "[[null],[]]", "enum", "", 0 }, { "[null,{}]", "enum", "", 0 },
        { "[[[[[[[[[[[[1]]]]]]]]]]]]", "enum", "", 0 },
    };
    check_rows("{\"enum\": [{\"a\":[1,2],\"b\":\"x\"}, [], 1, \"one\", null, [[null],{}]]}", rows, len_of(rows));
    static const Row inner[] = {
        { "[{\"k\":[[1]]},{\"k\":[[1]]}]" }, { "[{\"k\":[[2]]}]", "const", "/0/k", 6 }, { "[{\"k\":[[1],[1]]}]", "const", "/0/k", 6 },
    };
    check_rows("{\"items\": {\"properties\": {\"k\": {\"const\": [[1]]}}}}", inner, len_of(inner));
}

TEST(schema, combinators_decide_on_the_whole_value)
{
    static const Row rows[] = {
        { "{\"kind\":\"a\",\"v\":1}" }, { "{\"v\":\"s\",\"kind\":\"b\"}" },
        { "{\"v\":\"s\",\"kind\":\"a\"}", "oneOf", "", 0 }, { "{\"kind\":\"c\"}", "oneOf", "", 0 },
        { "{\"kind\":\"a\",\"v\":1,\"bad\":1}", "not", "", 0 },
    };
    check_rows("{\"oneOf\": [{\"properties\": {\"kind\": {\"const\": \"a\"}, \"v\": {\"type\": \"number\"}}},"
               "{\"properties\": {\"kind\": {\"const\": \"b\"}, \"v\": {\"type\": \"string\"}}}], \"not\": {\"required\": [\"bad\"]}}",
               rows, len_of(rows));
    static const Row tree[] = {
        { "{\"v\":1,\"next\":{\"v\":2,\"next\":{\"v\":3}}}" }, { "{\"v\":1,\"next\":{\"v\":2,\"next\":{\"v\":\"x\"}}}", "anyOf", "", 0 },
    };
    check_rows("{\"$defs\": {\"node\": {\"type\": \"object\", \"properties\": {\"v\": {\"type\": \"integer\"}, \"next\": {\"$ref\": \"#/$defs/node\"}}}},"
               "\"anyOf\": [{\"$ref\": \"#/$defs/node\"}, {\"type\": \"array\"}]}", tree, len_of(tree));
    static const Row must[] = {
        { "{\"v\":1,\"next\":{\"v\":2,\"next\":{\"v\":\"x\"}}}", "type", "/next/next/v", 33 }, { "{\"v\":1,\"next\":[]}", "type", "/next", 14 },
    };
    check_rows("{\"type\": \"object\", \"properties\": {\"v\": {\"type\": \"integer\"}, \"next\": {\"$ref\": \"#\"}}}", must, len_of(must));
}

/* One node, asked for by a branch that may fail and by the root that may not: it fails at once and says itself why. */
TEST(schema, a_shared_node_that_must_hold_names_its_own_keyword)
{
    static const Row rows[] = { { "{\"a\":1}" }, { "{\"a\":\"x\"}", "type", "/a", 5 } };
    check_rows("{\"anyOf\": [{\"properties\": {\"a\": {\"$ref\": \"#/$defs/n\"}}}, {}], \"properties\": {\"a\": {\"$ref\": \"#/$defs/n\"}},"
               "\"$defs\": {\"n\": {\"type\": \"number\"}}}", rows, len_of(rows));
}

TEST(schema, tuples_and_false_name_their_place)
{
    static const Row rows[] = {
        { "[1,\"a\"]" }, { "[1]" }, { "[1,2]", "type", "/1", 3 }, { "[1,\"a\",null]", "items", "/2", 7 },
    };
    check_rows("{\"prefixItems\": [{\"type\": \"number\"}, {\"type\": \"string\"}], \"items\": false}", rows, len_of(rows));
    static const Row no[] = { { "{\"a\":{\"secret\":1}}", "properties", "/a/secret", 6 }, { "{\"a\":{}}" } };
    check_rows("{\"properties\": {\"a\": {\"properties\": {\"secret\": false}}}}", no, len_of(no));
    static const Row never[] = { { "1", "false", "", 0 }, { "[]", "false", "", 0 } };
    check_rows("false", never, len_of(never));
    static const Row always[] = { { "1" }, { "[{\"a\":[]}]" } };
    check_rows("true", always, len_of(always));
}

TEST(schema, recursion_ends_where_json_depth_does)
{
    char body[200];
    for (size_t depth = 63; depth <= 65; depth++) {
        memset(body, '[', depth), memset(body + depth, ']', depth);
        defer_arena Arena *a = arena_new(8 << 20);
        SchemaFault        f;
        const Schema      *s = compiled(a, "{\"type\": \"array\", \"items\": {\"$ref\": \"#\"}}");
        CHECK(allows(s, (Str){ body, 2 * depth }, &f) == (depth <= 64));
        body[depth - 1] = '1', body[depth] = ' ';
        CHECK(!allows(s, (Str){ body, 2 * depth }, &f) && strcmp(f.keyword, "type") == 0);
    }
}

TEST(schema, a_long_pointer_is_cut_and_says_so)
{
    defer_arena Arena *a = arena_new(8 << 20);
    const Schema      *s = compiled(a, "{\"additionalProperties\": {\"additionalProperties\": {\"type\": \"null\"}}}");
    defer_buf Buf      b = { 0 };
    SchemaFault        f;
    buf_z(&b, "{\"short\":{\"ok\":null},\"");
    for (int i = 0; i < 400; i++)
        buf_byte(&b, 'k');
    buf_z(&b, "\":{\"x\":1}}");
    CHECK(!allows(s, buf_view(&b), &f));
    CHECK_STR(f.pointer, "/...");
    CHECK(!allows(s, S("{\"a\":{\"b\":null},\"c\":{\"d\":null,\"e\":0}}"), &f));
    CHECK_STR(f.pointer, "/c/e");
}

TEST(schema, open_objects_hold_a_thousand_keys)
{
    defer_arena Arena *a = arena_new(8 << 20);
    const Schema      *s = compiled(a, "{\"maxProperties\": 2000}");
    for (size_t n = 1024; n <= 1025; n++) {
        defer_buf Buf b = { 0 };
        SchemaFault   f;
        for (size_t i = 0; i < n; i++)
            buf_printf(&b, "%c\"%zu\":0", i ? ',' : '{', i);
        buf_byte(&b, '}');
        CHECK(allows(s, buf_view(&b), &f) == (n == 1024));
    }
}

/* ---- schemas that are refused */

TEST(schema, what_it_cannot_check_does_not_compile)
{
    static const struct { const char *text, *message, *hint; uint64_t line; } rows[] = {
        { "{\"type\": \"string\",\n \"pattern\": \"^a\"}", "#/pattern: the keyword 'pattern' is not supported", "pattern", 2 },
        { "{\"properties\": {\"a/b\": {\n\"uniqueItems\": true}}}", "#/properties/a~1b/uniqueItems: the keyword 'uniqueItems'", "uniqueItems", 2 },
        { "{\"allOf\": [{}, {\"if\": {}}]}", "#/allOf/1/if: ", "", 1 },
        { "{\"minimun\": 1}", "'minimun' is no keyword", "did you mean 'minimum'?", 1 },
        { "{\"definitions\": {}}", "'definitions' is no keyword", "did you mean '$defs'?", 1 },
        { "{\"x-internal\": 1}", "'x-internal' is no keyword", "$comment", 1 },
        { "{\"$defs\": {\"a\": {\"multipleOf\": 2}}}", "#/$defs/a/multipleOf", "", 1 },
        { "{\"$schema\": \"http://json-schema.org/draft-07/schema#\"}", "only JSON Schema 2020-12", "2020-12", 1 },
        { "{\"$ref\": \"other.json\"}", "wants \"#\" or a JSON Pointer", "$defs", 1 },
        { "{\"$ref\": \"#/$defs/absent\"}", "leads to no schema", "", 1 },
        { "{\"enum\": [{}], \"properties\": {\"a\": {\"$ref\": \"#/enum/0\"}}}", "leads to no schema", "", 1 },
        { "{\"$ref\": \"#\"}", "would never end", "", 1 },
        { "{\"$defs\": {\"a\": {\"anyOf\": [{\"$ref\": \"#/$defs/b\"}]}, \"b\": {\"not\": {\"$ref\": \"#/$defs/a\"}}}}", "would never end", "", 1 },
        { "{\"type\": \"float\"}", "'type' wants", "", 1 },
        { "{\"type\": []}", "names no type", "", 1 },
        { "{\"minItems\": -1}", "'minItems' wants a whole number", "", 1 },
        { "{\"minItems\": 1.5}", "'minItems' wants a whole number", "", 1 },
        { "{\"minimum\": \"1\"}", "'minimum' wants a number", "", 1 },
        { "{\"required\": [\"a\", \"a\"]}", "each once", "", 1 },
        { "{\"required\": \"a\"}", "wants an array of names", "", 1 },
        { "{\"items\": [{}]}", "#/items: a schema is an object, true or false", "", 1 },
        { "{\"anyOf\": []}", "at least one schema", "", 1 },
        { "{\"enum\": 1}", "wants an array of values", "", 1 },
        { "{\"properties\": []}", "wants an object of schemas", "", 1 },
        { "{\"$defs\": []}", "wants an object of schemas", "", 1 },
        { "{\"properties\": {\"a\": {\"$id\": \"x\"}}}", "only understood at the root", "", 1 },
        { "{\"type\": \"string\", \"type\": \"number\"}", "this key came before", "", 1 },
        { "3", "a schema is an object, true or false", "", 1 },
        { "", "the text ends", "", 1 },
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        defer_arena Arena *a = arena_new(8 << 20);
        Err                e = { 0 };
        CHECK_ROW(schema_compile(a, str(rows[i].text), &e) == NULL, rows[i].text);
        CHECK_ROW(strstr(e.message, rows[i].message) != NULL && strstr(e.hint, rows[i].hint) != NULL, e.message);
        CHECK_ROW(e.line == rows[i].line && e.at > 0, rows[i].text);
    }
}

TEST(schema, annotations_are_read_and_ignored)
{
    static const Row rows[] = { { "\"not a date\"" }, { "17", "type", "", 0 } };
    check_rows("{\"$schema\": \"https://json-schema.org/draft/2020-12/schema#\", \"$id\": \"https://x.example/s\", \"title\": 1, \"description\": \"\","
               "\"default\": 17, \"examples\": [1], \"$comment\": \"\", \"deprecated\": true, \"readOnly\": true, \"writeOnly\": true,"
               "\"format\": \"date\", \"type\": \"string\"}", rows, len_of(rows));
}

/* 20 levels of anyOf with two references each would be a million checks without sharing. */
TEST(schema, shared_nodes_are_checked_once)
{
    defer_arena Arena *a = arena_new(64 << 20);
    defer_buf Buf      b = { 0 };
    SchemaFault        f;
    buf_z(&b, "{\"$ref\":\"#/$defs/d0\",\"$defs\":{\"d20\":{\"type\":\"array\",\"items\":{\"$ref\":\"#\"}}");
    for (int i = 0; i < 20; i++)
        buf_printf(&b, ",\"d%d\":{\"anyOf\":[{\"$ref\":\"#/$defs/d%d\"},{\"allOf\":[{\"$ref\":\"#/$defs/d%d\"}]}]}", i, i + 1, i + 1);
    buf_z(&b, "}}");
    buf_byte(&b, 0);
    const Schema *s = compiled(a, b.p);
    CHECK(allows(s, S("[[[[[[[[[[[[]]]]]]]]]]]]"), &f) && !allows(s, S("[[[[[[[[[[[[1]]]]]]]]]]]]"), &f));
}

TEST(schema, a_schema_that_is_too_large_is_refused)
{
    defer_arena Arena *a = arena_new(64 << 20), *small = arena_new(2000);
    defer_buf Buf      b = { 0 };
    Err                e = { 0 };
    CHECK(schema_compile(small, str(everyday), &e) == NULL && e.code == E_LIMIT);
    buf_z(&b, "{\"properties\":{");
    for (int i = 0; i < SCHEMA_NODES_MAX; i++)
        buf_printf(&b, "%s\"p%d\":{}", i ? "," : "", i);
    buf_z(&b, "}}");
    CHECK(schema_compile(a, buf_view(&b), &e) == NULL && *e.message);
    b.n = 0;
    for (int i = 0; i < 300; i++)
        buf_printf(&b, "%s\"d%d\":{\"$ref\":\"#/$defs/d%d\"}", i ? "," : "{\"$defs\":{", i, i + 1);
    buf_z(&b, ",\"d300\":{}}}");
    CHECK(schema_compile(a, buf_view(&b), &e) == NULL && strstr(e.message, "more than 256 schemas"));
}
