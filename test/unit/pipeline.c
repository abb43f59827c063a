#include "../test.h"
#include "base/file.h"
#include "pipeline/pipeline.h"
#include <unistd.h>

static Pipeline *load(Arena *a, const char *text, Err *e)
{
    char *path = arena_printf(a, "%s/moat.yaml", test_dir());
    *e = (Err){ 0 };
    if (!file_replace(path, str(text), 0644, e))
        return NULL;
    Pipeline *p = pipeline_load(a, path, e);
    /* the message begins with the path, which differs from run to run */
    char *rest = p ? NULL : strstr(e->message, "moat.yaml: ");
    if (rest != NULL)
        memmove(e->message, rest, strlen(rest) + 1);
    return p;
}

static const char full[] =
    "moat: 1\n"
    "name: churn\n"
    "gateway: { listen: \"0.0.0.0:9000\", workers: 2 }\n"
    "sources:\n"
    "  lake: { uri: \"s3://lake/train/\", trusted: true }\n"
    "  crm: { uri: \"postgresql://crm.internal/customers\" }\n"
    "datasets:\n"
    "  train: { path: data/train.csv, labels: churned, from: [lake, crm], golden: true, readers: [ml], writers: [etl] }\n"
    "  test: { path: data/test.csv, from: [train] }\n"
    "trainings:\n"
    "  fit: { data: train, test: test, model: scorer, epochs: 3, rate: 0.5 }\n"
    "models:\n"
    "  scorer: { path: model/scorer.safetensors, from: [train], serve: \"127.0.0.1:8501\", labels: [0, \"stays\"] }\n"
    "endpoints:\n"
    "  score:\n"
    "    route: /v1/score\n"
    "    model: scorer\n"
    "    upstream: http://127.0.0.1:8501/\n"
    "    max_body: 64KiB\n"
    "    limits:\n"
    "      - { per: key, rate: 10r/s, burst: 20, nodelay: true }\n"
    "      - { per: address, rate: 30r/m }\n"
    "    output: { top_k: 1, round: 3 }\n"
    "identities:\n"
    "  ml: { kind: group }\n"
    "  etl:\n"
    "infrastructure:\n"
    "  cluster: { path: infra/main.tf, kind: eks, resource: aws_eks_cluster.main, hosts: [scorer] }\n"
    "sinks: { siem: { kind: splunk, uri: \"https://siem:8088\" } }\n"
    "monitors: { drift: { kind: drift, endpoint: score, reference: train, sinks: [siem] } }\n"
    "waivers:\n"
    "  w1: { rule: MOAT-M001, owner: ann, expires: 2026-12-31, reason: \"replaced in May\" }\n";

TEST(pipeline, loads_every_section)
{
    defer_arena Arena *a = arena_new(8 << 20);
    Err                e;
    Pipeline          *p = load(a, full, &e);
    CHECK_ROW(p != NULL, e.message);
    CHECK(str_is(p->name, "churn") && str_is(p->listen, "0.0.0.0:9000") && p->workers == 2);
    CHECK(p->source_count == 2 && str_is(p->sources[0].kind, "s3") && p->sources[0].trusted);
    CHECK(str_is(p->sources[1].kind, "sql") && !p->sources[1].trusted && str_is(p->sources[1].part.id, "sources.crm"));
    const Dataset *d = pipeline_dataset(p, S("train"));
    CHECK(d != NULL && d->golden && d->from.n == 2 && str_is(d->from.v[1], "crm") && str_is(d->labels, "churned"));
    const Training *t = pipeline_training(p, S("fit"));
    CHECK(t != NULL && t->epochs == 3 && t->rate == 0.5 && t->l2 == 0.0001 && str_is(t->kind, "softmax") && t->batch == 256);
    const Model *m = pipeline_model(p, S("models.scorer"));
    CHECK(m != NULL && m->labels.n == 2 && str_is(m->labels.v[0], "0") && m->signer.n == 0);
    const Endpoint *s = pipeline_endpoint(p, S("score"));
    CHECK(s != NULL && s->max_body == 65536 && s->top_k == 1 && s->round == 3 && !s->label_only);
    CHECK(str_is(s->upstream, "http://127.0.0.1:8501") && str_is(s->scope, "score") && str_is(s->keys, "required"));
    CHECK(s->methods.n == 1 && str_is(s->methods.v[0], "POST") && str_is(s->key_headers.v[0], "authorization"));
    CHECK(s->limit_count == 2 && s->limits[0].rate_num == 10 && s->limits[0].rate_ns == 1000000000 && s->limits[0].nodelay);
    CHECK(s->limits[1].burst == 0 && s->limits[1].rate_ns == 60000000000 && str_is(s->limits[1].per, "address"));
    CHECK(p->identity_count == 2 && str_is(p->identities[0].kind, "group") && str_is(p->identities[1].kind, "user"));
    CHECK(str_is(named_text(&p->infrastructure[0], "resource"), "aws_eks_cluster.main"));
    CHECK(str_is(named_text(&p->monitors[0], "window"), "1h") && str_is(named_text(&p->waivers[0], "owner"), "ann"));
    CHECK(named_text(&p->waivers[0], "subject").n == 0);
    CHECK(pipeline_model(p, S("train")) == NULL && pipeline_model(p, S("datasets.train")) == NULL);
    CHECK(pipeline_part(p, S("sinks.siem")) != NULL && pipeline_part(p, S("siem")) == NULL);
}

static bool has_edge(const Pipeline *p, const char *from, const char *to)
{
    size_t      n;
    const Edge *e = pipeline_edges(p, &n);
    for (size_t i = 0; i < n; i++)
        if (str_is(e[i].from, from) && str_is(e[i].to, to))
            return true;
    return false;
}

TEST(pipeline, edges_point_the_way_data_flows)
{
    static const struct { const char *from, *to; } rows[] = {
        { "sources.lake", "datasets.train" },    { "sources.crm", "datasets.train" },   { "datasets.train", "datasets.test" },
        { "datasets.train", "identities.ml" },   { "identities.etl", "datasets.train" }, { "datasets.train", "trainings.fit" },
        { "datasets.test", "trainings.fit" },    { "trainings.fit", "models.scorer" },  { "datasets.train", "models.scorer" },
        { "models.scorer", "endpoints.score" },  { "infrastructure.cluster", "models.scorer" },
        { "endpoints.score", "monitors.drift" }, { "datasets.train", "monitors.drift" }, { "monitors.drift", "sinks.siem" },
    };
    defer_arena Arena *a = arena_new(8 << 20);
    Err                e;
    Pipeline          *p = load(a, full, &e);
    size_t             n;
    CHECK(p != NULL);
    pipeline_edges(p, &n);
    CHECK(n == len_of(rows));
    for (size_t i = 0; i < len_of(rows); i++)
        CHECK_ROW(has_edge(p, rows[i].from, rows[i].to), rows[i].from);
}

TEST(pipeline, an_error_has_its_line_and_says_what_was_expected)
{
    static const struct { const char *in; uint64_t line; const char *want, *hint; } rows[] = {
        { "name: x\n", 1, "'moat' is missing: version of this file's format: 1", "" },
        { "moat: 2\n", 1, "moat: this is moat " MOAT_VERSION ", which reads version 1 of the file", "" },
        { "- moat\n", 1, "wants a mapping that starts with 'moat: 1', not a list", "" },
        { "moat: 1\nmodel: {}\n", 2, "unknown key 'model'", "did you mean 'models'?" },
        { "moat: 1\nmodels:\n  a:\n    pth: x\n", 4, "models.a: unknown key 'pth'", "did you mean 'path'?" },
        { "moat: 1\nmodels:\n  a: {}\n", 3, "models.a: 'path' is missing: file or folder", "" },
        { "moat: 1\nmodels:\n  a: { path: [x] }\n", 3, "models.a.path: wants a path, not a list", "" },
        { "moat: 1\nmodels:\n  a: { path: true }\n", 3, "models.a.path: wants a path, not true or false",
          "put quotes around it if it is meant as text" },
        { "moat: 1\nmodels: [a]\n", 2, "models: wants a mapping of names to parts, not a list", "" },
        { "moat: 1\nmodels:\n  a b: { path: x }\n", 3, "models: 'a b' is not a name: 1 to 64 of A-Z a-z 0-9 . _ -", "" },
        { "moat: 1\nmodels:\n  a: { path: x, sha256: 12ab }\n", 3, "models.a.sha256: wants 64 hex digits, not '12ab'", "" },
        { "moat: 1\nmodels:\n  a: { path: x, serve: localhost }\n", 3,
          "models.a.serve: wants an address like 127.0.0.1:8080, not 'localhost'", "" },
        { "moat: 1\ngateway: { listen: \"0.0.0.0:70000\" }\n", 2,
          "gateway.listen: wants an address like 127.0.0.1:8080, not '0.0.0.0:70000'", "" },
        { "moat: 1\nmodels:\n  a:\n    path: x\n    from: [nope]\n", 5, "models.a.from: no part 'nope' in datasets", "" },
        { "moat: 1\nsources:\n  s: { uri: x }\ndatasets:\n  s: { path: x }\n  d:\n    path: y\n    from: [s]\n", 8,
          "datasets.d.from: 's' may mean sources.s or datasets.s; write it in full", "" },
        { "moat: 1\nendpoints:\n  a: { route: /x }\n  b: { route: /x }\n", 4,
          "endpoints.b: route /x is taken by endpoints.a in line 3", "" },
        { "moat: 1\nendpoints:\n  a: { route: /x/../y }\n", 3,
          "endpoints.a.route: wants a path like /v1/predict, without . .. // ? or %, not '/x/../y'", "" },
        { "moat: 1\nendpoints:\n  a: { route: /x, keys: none }\n", 3, "endpoints.a.keys: 'none' is not one of required, off", "" },
        { "moat: 1\nendpoints:\n  a: { route: /x, output: { topk: 1 } }\n", 3, "endpoints.a.output: unknown key 'topk'",
          "did you mean 'top_k'?" },
        { "moat: 1\nendpoints:\n  a: { route: /x, limits: [{ per: key, rate: 1/s }] }\n", 3,
          "endpoints.a.limits.rate: wants a rate like 1r/s or 30r/m, not '1/s'", "" },
        { "moat: 1\nendpoints:\n  a: { route: /x, limits: { per: key } }\n", 3,
          "endpoints.a.limits: wants a list of limits like {per: key, rate: 1r/s}, not a mapping", "" },
        { "moat: 1\nendpoints:\n  a: { route: /x, keys: off, limits: [{ per: key, rate: 1r/s }] }\n", 3,
          "endpoints.a.limits: a limit per key needs 'keys: required'", "" },
        { "moat: 1\nendpoints:\n  a: { route: /x, methods: [post] }\n", 3,
          "endpoints.a.methods: 'post' is not one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS", "" },
        { "moat: 1\nsources:\n  a: { uri: \"s3://b\", kind: http }\n", 3,
          "sources.a: kind is http but the address is one of kind s3", "" },
        { "moat: 1\ndatasets:\n  a: { path: x, from: [b] }\n  b: { path: y, from: [a] }\n", 4,
          "datasets.b.from: datasets.a is made of itself this way", "" },
        { "moat: 1\ndatasets:\n  a: { path: \"x\\ty\" }\n", 3, NULL, "" },
        { "moat: 1\nwaivers:\n  a: { rule: R, owner: o, reason: r, expires: soon }\n", 3,
          "waivers.a.expires: wants a date like 2026-12-31, not 'soon'", "" },
        { "moat: 1\nsinks:\n  a: { kind: splunk }\n", 3, "sinks.a: a sink of kind splunk needs 'uri'", "" },
        { "moat: 1\ntrainings:\n  t: { data: d, model: m }\n", 3, "trainings.t.data: no part 'd' in datasets", "" },
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        defer_arena Arena *a = arena_new(8 << 20);
        Err                e;
        CHECK_ROW(load(a, rows[i].in, &e) == NULL, rows[i].in);
        CHECK_ROW(e.line == rows[i].line, e.message);
        if (rows[i].want != NULL) {
            CHECK_STR(strncmp(e.message, "moat.yaml: ", 11) == 0 ? e.message + 11 : e.message, rows[i].want);
            CHECK_STR(e.hint, rows[i].hint);
        }
    }
}

TEST(pipeline, json_is_read_like_yaml)
{
    defer_arena Arena *a = arena_new(8 << 20);
    Err                e;
    Pipeline          *p = load(a, "{\"moat\": 1, \"models\": {\"a\": {\"path\": \"m.onnx\"}}}", &e);
    CHECK_ROW(p != NULL, e.message);
    CHECK(p->model_count == 1 && str_is(p->models[0].path, "m.onnx"));
    CHECK(load(a, "{\"moat\": 1, \"moat\": 1}", &e) == NULL);
}

TEST(pipeline, paths_start_at_the_files_folder)
{
    defer_arena Arena *a = arena_new(8 << 20);
    Err                e = { 0 };
    const char        *dir = test_dir();
    char              *path = arena_printf(a, "%s/moat.yaml", dir);
    CHECK(file_replace(path, S("moat: 1\nname: x\n"), 0644, &e));
    Pipeline *p = pipeline_load(a, path, &e);
    CHECK_ROW(p != NULL, e.message);
    CHECK_STR(pipeline_path(p, S("a/b")), arena_printf(a, "%s/a/b", dir));
    CHECK_STR(pipeline_path(p, S("/a/b")), "/a/b");
    CHECK(pipeline_state_make(p, &e) && pipeline_state_make(p, &e));
    CHECK(file_exists(pipeline_state(p, "keys")));
    CHECK_STR(pipeline_state(p, "ledger.db"), arena_printf(a, "%s/.moat/ledger.db", dir));
}

TEST(pipeline, a_missing_or_huge_file_is_an_error)
{
    defer_arena Arena *a = arena_new(16 << 20);
    Err                e = { 0 };
    char              *path = arena_printf(a, "%s/moat.yaml", test_dir()), *big = arena_get(a, 5 << 20, 1);
    CHECK(pipeline_load(a, path, &e) == NULL && e.code == E_IO);
    memset(big, '#', 5 << 20);
    CHECK(file_replace(path, (Str){ big, 5 << 20 }, 0644, &e));
    CHECK(pipeline_load(a, path, &e) == NULL && e.code == E_LIMIT);
}

/* Every row must be reachable by the loader, and its default readable by its own reader. */
TEST(pipeline, the_key_table_agrees_with_itself)
{
    for (size_t i = 0; i < key_table_len; i++) {
        const KeyRow *r = &key_table[i];
        CHECK_ROW(r->help && *r->help && r->trade && *r->trade, r->key);
        CHECK_ROW((r->type == KEY_CHOICE || r->type == KEY_REF) <= (r->choices != NULL), r->key);
        for (size_t k = 0; k < i; k++)
            CHECK_ROW(strcmp(r->section, key_table[k].section) || strcmp(r->key, key_table[k].key), r->key);
        /* rows of one section lie together: schema.c and help.c count on it */
        for (size_t k = 0; k + 1 < i; k++)
            CHECK_ROW(strcmp(r->section, key_table[k].section) || !strcmp(r->section, key_table[k + 1].section), r->key);
    }
}

TEST(pipeline, help_knows_every_key_and_guesses_at_others)
{
    for (size_t i = 0; i < key_table_len; i++) {
        defer_buf Buf b = { 0 };
        char          topic[96];
        Err           e = { 0 };
        snprintf(topic, sizeof topic, "%s%s%s", key_table[i].section, *key_table[i].section ? "." : "", key_table[i].key);
        CHECK_ROW(pipeline_help(str(topic), &b, &e) && b.n > 0, topic);
    }
    defer_buf Buf b = { 0 };
    Err           e = { 0 };
    CHECK(!pipeline_help(S("modles"), &b, &e) && e.code == E_USAGE);
    CHECK_STR(e.hint, "moat help config models");
}

TEST(pipeline, the_schema_is_json_and_names_every_key)
{
    defer_arena Arena *a = arena_new(8 << 20);
    defer_buf Buf      b = { 0 };
    Err                e = { 0 };
    CHECK(pipeline_schema(&b));
    const Json *root = json_parse(a, buf_view(&b), JSON_STRICT, &e);
    CHECK_ROW(root != NULL, e.message);
    for (size_t i = 0; i < key_table_len; i++) {
        const char *s = key_table[i].section;
        const Json *def = *s ? json_get(json_get(root, "$defs"), s) : root;
        CHECK_ROW(json_get(json_get(def, "properties"), key_table[i].key) != NULL, key_table[i].key);
    }
}
