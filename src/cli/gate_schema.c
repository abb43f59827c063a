/* gate_schema.c - `moat gate schema check FILE...` and `moat gate schema test SCHEMA BODY...`. */
#include "base/file.h"
#include "cli/gate_cmds.h"
#include "gate/rules.h"
#include "gate/schema.h"

enum { SCHEMA_FILE_MAX = 16 << 20, BODY_MAX = 1 << 30, ARENA_MAX = 1 << 30 };

typedef struct Report {
    Arena    *a;
    Findings *findings;
    Buf       json;                                    /* the members of "results" */
    JsonOut   w;
    bool      unjudged;
} Report;

static bool report_begin(Report *r)
{
    Err e = { 0 };
    r->a = arena_new(ARENA_MAX);
    r->findings = r->a ? findings_new(r->a) : NULL;
    r->w = json_out(&r->json);
    json_open(&r->w, '[');
    return r->findings != NULL || (err_nomem(&e), die(&e), false);
}

static void report_free(Report *r)
{
    arena_free(r->a);
    buf_free(&r->json);
}
#define defer_report __attribute__((cleanup(report_free)))

static void report_finding(Report *r, size_t rule, const char *file, Place at, const char *message, const char *fix)
{
    Finding f = finding_of(&gate_rules[rule], S(""), str(file));
    f.at = at;
    f.message = str(message);
    if (*fix)
        f.fix = str(fix);
    if (!finding_add(r->findings, f))
        r->unjudged = true;
}

static int report_end(Report *r, const char *schema)
{
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    json_close(&r->w, ']');
    if (common.json) {
        json_begin(&w, schema, r->findings);
        json_key(&w, "results");
        json_put_raw(&w, buf_view(&r->json));
        b.bad |= r->json.bad;
        if (!json_finish(&w))
            return EXIT_BROKEN;
    } else
        findings_text(r->findings, stdout, colour_on(stdout));
    return exit_of(r->findings, SEV_HIGH, r->unjudged);
}

static void unreadable(Report *r, const char *file, const Err *e)
{
    die(e);
    r->unjudged = true;
    json_open(&r->w, '{');
    json_key(&r->w, "file"), json_put_z(&r->w, file);
    json_key(&r->w, "valid"), json_put_null(&r->w);
    json_key(&r->w, "error"), json_put_z(&r->w, e->message);
    json_close(&r->w, '}');
}

/* ---- check */

static void check_result(Report *r, const char *file, const Schema *s, const Err *e)
{
    json_open(&r->w, '{');
    json_key(&r->w, "file"), json_put_z(&r->w, file);
    json_key(&r->w, "valid"), json_put_bool(&r->w, s != NULL);
    if (s != NULL)
        json_key(&r->w, "state_bytes"), json_put_u64(&r->w, schema_state_size(s));
    else {
        json_key(&r->w, "byte"), json_put_u64(&r->w, e->at > 0 ? e->at - 1 : 0);
        json_key(&r->w, "line"), json_put_u64(&r->w, e->line);
        json_key(&r->w, "message"), json_put_z(&r->w, e->message);
    }
    json_close(&r->w, '}');
}

static void check_file(Report *r, const char *file)
{
    defer_arena Arena *a = arena_new(ARENA_MAX);
    Err                e = { 0 };
    Str                text;
    if (a == NULL || !file_read(a, file, SCHEMA_FILE_MAX, &text, &e)) {
        unreadable(r, file, &e);
        return;
    }
    const Schema *s = schema_compile(a, text, &e);
    check_result(r, file, s, &e);
    if (s == NULL)
        report_finding(r, GATE_RULE_SCHEMA, file, (Place){ .byte = e.at, .line = e.line }, e.message, e.hint);
    else if (!common.json)
        printf("%s: compiles; a request holds %zu bytes of state\n", file, schema_state_size(s));
}

static int check(int argc, char **argv)
{
    defer_report Report r = { 0 };
    if (argc == 0)
        return usage("which schema?  moat gate schema check FILE...");
    if (!report_begin(&r))
        return EXIT_BROKEN;
    for (int i = 0; i < argc; i++)
        check_file(&r, argv[i]);
    return report_end(&r, "moat.gate.schema.check/1");
}

/* ---- test */

static void test_result(Report *r, const char *file, const SchemaFault *f)
{
    json_open(&r->w, '{');
    json_key(&r->w, "file"), json_put_z(&r->w, file);
    json_key(&r->w, "valid"), json_put_bool(&r->w, f == NULL);
    json_key(&r->w, "at"), json_put_z(&r->w, f && f->keyword ? f->pointer : NULL);
    json_key(&r->w, "keyword"), json_put_z(&r->w, f ? f->keyword : NULL);
    if (f != NULL) {
        json_key(&r->w, "byte"), json_put_u64(&r->w, f->at);
        json_key(&r->w, "message"), json_put_z(&r->w, f->why);
    }
    json_close(&r->w, '}');
}

static void tell_fault(Report *r, const char *file, const SchemaFault *f)
{
    char message[SCHEMA_POINTER + SCHEMA_WHY + 64];
    if (f->keyword != NULL)
        snprintf(message, sizeof message, "%s at '%s': %s", f->keyword, f->pointer, f->why);
    else
        snprintf(message, sizeof message, "not strict JSON: %s", f->why);
    report_finding(r, GATE_RULE_BODY, file, (Place){ .byte = f->at + 1 }, message, "");
}

static void test_body(Report *r, const Schema *s, const char *file)
{
    defer_arena Arena *a = arena_new(ARENA_MAX + (size_t)BODY_MAX);
    Err                e = { 0 };
    Str                body;
    void              *memory = a ? arena_get(a, 1, schema_state_size(s)) : NULL;
    if (memory == NULL) {
        err_nomem(&e);
        unreadable(r, file, &e);
        return;
    }
    if (!file_read(a, file, BODY_MAX, &body, &e)) {
        unreadable(r, file, &e);
        return;
    }
    SchemaFault f = { 0 };
    SchemaRun  *run = schema_begin(s, memory);
    bool        ok = schema_feed(run, body, &f) && schema_end(run, &f);
    test_result(r, file, ok ? NULL : &f);
    if (!ok)
        tell_fault(r, file, &f);
    else if (!common.json)
        printf("%s: valid\n", file);
}

static int test(int argc, char **argv)
{
    defer_report Report r = { 0 };
    Err                 e = { 0 };
    Str                 text;
    if (argc < 2)
        return usage("which schema and body?  moat gate schema test SCHEMA BODY...");
    if (!report_begin(&r))
        return EXIT_BROKEN;
    if (!file_read(r.a, argv[0], SCHEMA_FILE_MAX, &text, &e))
        return die(&e);
    const Schema *s = schema_compile(r.a, text, &e);
    if (s == NULL) {
        err_in(&e, "%s", argv[0]);
        return die(&e);
    }
    for (int i = 1; i < argc; i++)
        test_body(&r, s, argv[i]);
    return report_end(&r, "moat.gate.schema.test/1");
}

int gate_schema(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } verbs[] = { { "check", check }, { "test", test } };
    for (size_t i = 0; i < len_of(verbs); i++)
        if (argc > 0 && strcmp(argv[0], verbs[i].name) == 0)
            return verbs[i].run(argc - 1, argv + 1);
    return usage("moat gate schema check FILE... | test SCHEMA BODY...");
}
