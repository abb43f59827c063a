#include "../test.h"
#include "base/file.h"
#include "posture/posture.h"

static Findings *judge(Arena *a, const char *text)
{
    Err       e = { 0 };
    char     *path = arena_printf(a, "%s/moat.yaml", test_dir());
    Findings *f = findings_new(a);
    CHECK(file_replace(path, str(text), 0600, &e));
    const Pipeline *p = pipeline_load(a, path, &e);
    CHECK_ROW(p != NULL, e.message);
    CHECK(exposure_judge(p, f));
    return f;
}

/* The rules a file raises, in the order of their ids: "E003 E004". */
static const char *rules_of(Arena *a, const Findings *f)
{
    defer_buf Buf b = { 0 };
    for (size_t r = 0; r < exposure_rules_len; r++)
        for (size_t i = 0; i < findings_count(f); i++)
            if (findings_at(f, i)->rule == &exposure_rules[r])
                buf_printf(&b, "%s%s", b.n ? " " : "", exposure_rules[r].id + 5);
    return arena_str(a, buf_view(&b)).p;
}

#define CLOSED "upstream: http://127.0.0.1:8501, schema: s.json, limits: [{ per: address, rate: 1r/s }], output: { top_k: 1 }"

TEST(exposure, raises_what_is_open_and_nothing_else)
{
    static const struct { const char *in, *want; } rows[] = {
        { "", "" },
        { "endpoints: { a: { route: /x, " CLOSED " } }", "" },
        { "endpoints: { a: { route: /x } }", "E003 E004 E005 E014" },
        { "endpoints: { a: { route: /x, keys: off, " CLOSED " } }", "E002" },
        { "gateway: { listen: \"0.0.0.0:80\" }\nendpoints: { a: { route: /x, keys: off, " CLOSED " } }", "E001" },
        { "gateway: { listen: \"127.example.org:80\" }\nendpoints: { a: { route: /x, keys: off, " CLOSED " } }", "E001" },
        { "gateway: { listen: \"[::1]:80\" }\nendpoints: { a: { route: /x, keys: off, " CLOSED " } }", "E002" },
        { "endpoints: { a: { route: /x, upstream: \"http://model:80\", schema: s, limits: [{ per: key, rate: 1r/s }], output: { round: 2 } } }",
          "E006" },
        { "endpoints: { a: { route: /x, upstream: \"https://model\", schema: s, limits: [{ per: key, rate: 1r/s }], output: { label_only: true } } }",
          "" },
        { "datasets: { d: { path: d, golden: true } }\nmodels: { m: { path: m, from: [d], signer: k.pub } }", "" },
        { "models: { m: { path: m } }", "E008 E009" },
        { "models: { m: { path: m, sha256: \"0000000000000000000000000000000000000000000000000000000000000000\" } }", "E009" },
        { "datasets: { d: { path: d, golden: true } }\nmodels: { m: { path: m, from: [d], signer: k, serve: \"0.0.0.0:1\" } }", "E007" },
        { "datasets: { d: { path: d } }", "" },
        { "datasets: { d: { path: d } }\nmodels: { m: { path: m, signer: k } }\ntrainings: { t: { data: d, model: m } }", "E010" },
        { "sources: { s: { uri: \"http://h/x\" } }", "E011" },
        { "sources: { s: { uri: \"http://localhost/x\" } }", "" },
        { "sources: { s: { uri: \"s3://b/x\" } }\ndatasets: { c: { path: c, from: [s], golden: true }, d: { path: d, from: [c], golden: true } }\n"
          "models: { m: { path: m, from: [d], signer: k } }", "E012" },
        { "sources: { s: { uri: \"s3://b/x\", trusted: true } }\ndatasets: { d: { path: d, from: [s], golden: true } }\n"
          "models: { m: { path: m, from: [d], signer: k } }", "" },
        { "sources: { s: { uri: \"postgresql://u:p@h/d\" } }", "E013" },
        { "sources: { s: { uri: \"postgresql://u@h/d\" } }", "" },
        { "sources: { s: { uri: \"https://h/d?X-Amz-Signature=1\" } }", "E013" },
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        defer_arena Arena *a = arena_new(8 << 20);
        const char        *got = rules_of(a, judge(a, arena_printf(a, "moat: 1\n%s\n", rows[i].in)));
        if (strcmp(got, rows[i].want) != 0)
            print_error("got %s, want %s\n", got, rows[i].want);
        CHECK_ROW(strcmp(got, rows[i].want) == 0, rows[i].in);
    }
}

TEST(exposure, a_password_is_in_no_finding)
{
    defer_arena Arena *a = arena_new(8 << 20);
    const Findings    *f = judge(a, "moat: 1\nsources: { s: { uri: \"http://u:hunter2@h/x\" } }\n");
    CHECK(findings_count(f) == 2);
    for (size_t i = 0; i < findings_count(f); i++) {
        const Finding *x = findings_at(f, i);
        CHECK(memmem(x->subject.p, x->subject.n, "hunter2", 7) == NULL && memmem(x->message.p, x->message.n, "hunter2", 7) == NULL);
    }
}

TEST(exposure, every_rule_has_its_texts_and_its_own_id)
{
    for (size_t i = 0; i < exposure_rules_len; i++) {
        const Rule *r = &exposure_rules[i];
        CHECK_ROW(r->id && *r->title && *r->why && *r->fix, r->id ? r->id : "a hole in the table");
        for (size_t k = 0; k < i; k++)
            CHECK_ROW(strcmp(r->id, exposure_rules[k].id) != 0, r->id);
    }
}
