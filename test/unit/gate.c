/* gate.c - the gateway's verdicts: a policy from a moat.yaml, requests against it, bodies in pieces, answers held back. */
#include "../test.h"
#include "base/file.h"
#include "crypto/secret.h"
#include "format/json.h"
#include "gate/gate.h"
#include "gate/media.h"

static const char yaml[] =
    "moat: 1\nname: test\n"
    "models:\n"
    "  scorer: { path: model.bin, serve: \"127.0.0.1:9001\" }\n"
    "endpoints:\n"
    "  score:\n"
    "    { route: /v1/models/scorer:predict, model: scorer, format: tf-serving, schema: schema.json, max_body: 1KiB,\n"
    "      key_headers: [authorization, x-api-key],\n"
    "      limits: [ { per: key, rate: 1r/s, burst: 5, nodelay: true }, { per: address, rate: 60r/m, burst: 2 } ],\n"
    "      output: { top_k: 1, round: 2 } }\n"
    "  open:\n"
    "    { route: /open/, model: scorer, keys: off, methods: [GET, POST] }\n"
    "  tree: { route: /open/deep/, model: scorer, format: kserve-v1, keys: off, output: { label_only: true } }\n";

typedef struct Bench {                                 /* everything a worker holds */
    Arena         *a;
    GatePolicySet *set;
    GateKeys       keys;
    Key           *signer;
    Buf            table, policy;
    char           token[TOKEN_MAX], other[TOKEN_MAX];
    GateEnv        env;
    _Alignas(64) char slots[1 << 14];
} Bench;

static void write_file(const char *dir, const char *name, const char *text)
{
    char path[512];
    Err  e = { 0 };
    snprintf(path, sizeof path, "%s/%s", dir, name);
    CHECK_ROW(file_replace(path, str(text), 0600, &e), e.message);
}

static void bench_keys(Bench *b)
{
    KeyRecord r[2] = { { .tags = S("\x04\x05score") }, { .tags = S("\x04\x05other") } };
    Err       e = { 0 };
    static const uint8_t secret[TOKEN_SECRET] = { 7 };
    static const char *const ids[] = { "aaaaaaaa", "bbbbbbbb" };
    char *tokens[] = { b->token, b->other };
    memset(b->keys.pepper, 9, PEPPER_SIZE);
    Str pepper = { (char *)b->keys.pepper, PEPPER_SIZE };
    for (int i = 0; i < 2; i++) {
        size_t n = token_write(S("live"), str(ids[i]), secret, tokens[i]);
        memcpy(r[i].id, ids[i], TOKEN_ID);
        Digest mac = hmac_sha256(pepper, (Str){ tokens[i], n });
        memcpy(r[i].mac, mac.b, sizeof mac.b);
    }
    b->signer = key_new(KEY_ED25519, &e);
    CHECK(b->signer != NULL && keytable_write(r, 2, 1, 1, pepper, b->signer, &b->table, &e));
    CHECK(keytable_open(&b->keys.table, buf_view(&b->table), b->signer, 0, &e));
}

static Bench *bench_new(void)
{
    Bench      *b = aligned_alloc(64, sizeof *b);
    const char *dir = test_dir();
    char        path[512];
    Err         e = { 0 };
    CHECK(b != NULL);
    memset(b, 0, sizeof *b);
    b->a = arena_new(64 << 20);
    write_file(dir, "moat.yaml", yaml);
    write_file(dir, "model.bin", "weights");
    write_file(dir, "schema.json", "{\"type\":\"object\",\"required\":[\"instances\"],\"properties\":{\"instances\":{\"type\":\"array\","
                                   "\"items\":{\"type\":\"number\",\"maximum\":10}}}}");
    snprintf(path, sizeof path, "%s/moat.yaml", dir);
    Pipeline *p = pipeline_load(b->a, path, &e);
    CHECK_ROW(p != NULL, e.message);
    CHECK_ROW(gate_policy_write(p, &b->policy, &e), e.message);
    b->set = gate_policy_load(b->a, buf_view(&b->policy), &e);
    CHECK_ROW(b->set != NULL, e.message);
    bench_keys(b);
    b->env = (GateEnv){ &b->keys, slots_init(b->slots, sizeof b->slots, (const uint64_t[]){ 1, 2 }) };
    return b;
}

static void bench_free(Bench *b)
{
    buf_free(&b->table), buf_free(&b->policy);
    key_free(b->signer);
    arena_free(b->a);
    free(b);
}

static GateRequest request(const Bench *b)
{
    static char bearer[TOKEN_MAX + 8];
    snprintf(bearer, sizeof bearer, "Bearer %s", b->token);
    return (GateRequest){
        .method = S("POST"), .raw_path = S("/v1/models/scorer:predict"), .path = S("/v1/models/scorer:predict"),
        .content_type = S("application/json"), .content_length = 20, .credentials = { { KEY_IN_AUTHORIZATION, str(bearer) } },
        .credential_count = 1, .address = { 127, 0, 0, 1 }, .address_len = 4, .now_ns = 1000000000000, .now_s = 1800000000,
    };
}

static GateReason head(const Bench *b, const GateRequest *r, GateVerdict *v)
{
    bool pass = gate_head(&b->env, gate_policy_route(b->set, r->path), r, v);
    CHECK(pass == (v->reason == GATE_OK) && pass == (v->status == 0));
    return v->reason;
}

/* ---- the policy */

TEST(policy, carries_what_moat_yaml_says)
{
    Bench *b = bench_new();
    const GateEndpoint *ep = gate_policy_find(b->set, S("score"));
    CHECK(b->set->count == 3 && ep != NULL && ep->schema != NULL && ep->format == FORMAT_TF && ep->max_body == 1024);
    CHECK(ep->keys_required && ep->key_headers == (KEY_IN_AUTHORIZATION | KEY_IN_X_API_KEY) && str_is(ep->scope, "score"));
    CHECK(ep->limit_count == 2 && ep->limits[0].quota == 6 && ep->limits[0].g.tau_ns == 6000000000 && ep->limits[0].nodelay);
    CHECK(ep->limits[1].g.t_ns == 1000000000 && !ep->limits[1].per_key && ep->limits[0].seed != ep->limits[1].seed);
    CHECK(ep->control.top_k == 1 && ep->control.round == 2 && ep->control.format == RESP_ROWS);
    CHECK(str_is(ep->upstream, "http://127.0.0.1:9001") && str_is(ep->model, "scorer"));
    Digest d = sha256(S("weights"));
    CHECK(ep->has_digest && digest_eq(&ep->model_digest, &d));
    CHECK(str_is(gate_policy_find(b->set, S("open"))->allow, "GET, POST"));
    CHECK(gate_policy_find(b->set, S("nothing")) == NULL);
    bench_free(b);
}

TEST(policy, routes_by_the_exact_path_then_the_longest_prefix)
{
    Bench *b = bench_new();
    CHECK(str_is(gate_policy_route(b->set, S("/open/x"))->name, "open"));
    CHECK(str_is(gate_policy_route(b->set, S("/open/deep/x"))->name, "tree"));
    CHECK(str_is(gate_policy_route(b->set, S("/v1/models/scorer:predict"))->name, "score"));
    CHECK(gate_policy_route(b->set, S("/v1/models/scorer:predictX")) == NULL && gate_policy_route(b->set, S("/open")) == NULL);
    bench_free(b);
}

static void check_edit(const Bench *b, const char *from, const char *to)
{
    defer_arena Arena *a = arena_new(16 << 20);
    defer_buf Buf edited = { 0 };
    Err  e = { 0 };
    char text[16384];
    snprintf(text, sizeof text, "%.*s", STR(buf_view(&b->policy)));
    char *at = strstr(text, from);
    CHECK_ROW(at != NULL, from);
    buf_put(&edited, text, (size_t)(at - text));
    buf_z(&edited, to);
    buf_z(&edited, at + strlen(from));
    CHECK_ROW(gate_policy_load(a, buf_view(&edited), &e) == NULL && *e.message, to);
}

TEST(policy, refuses_a_file_that_is_not_exactly_one)
{
    Bench *b = bench_new();
    static const char *const edits[][2] = {
        { "policy/1", "policy/2" }, { "\"max_body\": 1024", "\"max_body\": 0" }, { "\"max_body\": 1024", "\"max_body\": 1.5" },
        { "\"max_body\"", "\"max_bodies\"" }, { "\"keys\": \"required\"", "\"keys\": \"maybe\"" }, { "\"nodelay\": true", "\"nodelay\": 1" },
        { "\"per\": \"key\"", "\"per\": \"planet\"" }, { "\"rate_num\": 1,", "\"rate_num\": 0," }, { "\"burst\": 5", "\"burst\": -5" },
        { "\"burst\": 5", "\"burst\": 4294967296" }, { "\"round\": 2", "\"round\": 31" }, { "tf-serving", "tf" },
        { "application/json", "image/png" }, { "\"x-api-key\"", "\"cookie\"" }, { "\\\"type\\\"", "\\\"tipe\\\"" },
        { "\"/open/\"", "\"/open/deep/\"" }, { "\"name\": \"open\"", "\"name\": \"score\"" }, { "\"/open/\"", "\"open/\"" },
        { "\"/open/\"", "\"/o%70en/\"" }, { "\"POST\"", "\"post\"" }, { "\"top_k\": 1", "\"top_k\": \"1\"" },
        { "\"format\": \"kserve-v1\"", "\"format\": \"json\"" }, { "\"name\": \"test\",", "" }, { "\"upstream\"", "\"up\\u0000stream\"" },
    };
    for (size_t i = 0; i < len_of(edits); i++)
        check_edit(b, edits[i][0], edits[i][1]);
    for (size_t n = 0; n < b->policy.n - 1; n += 7) {
        defer_arena Arena *a = arena_new(16 << 20);
        CHECK(gate_policy_load(a, (Str){ b->policy.p, n }, NULL) == NULL);
    }
    bench_free(b);
}

/* ---- the head */

#define PATH(p) .raw_path = S(p), .path = S(p)

typedef struct Change {                                /* one thing different from the request that passes */
    const char *what;
    Str         method, raw_path, path, query, content_type, content_encoding;
    int64_t     content_length;
    bool        no_key;
    GateReason  want;
} Change;

static const Change changes[] = {
    { "nothing", .want = GATE_OK },
    { "raw path differs", .raw_path = S("/v1/x/../models/scorer:predict"), .want = GATE_PATH },
    { "escaped path", .raw_path = S("/v1/models/scorer%3Apredict"), .want = GATE_PATH },
    { "both with dots", PATH("/open/../v1/models/scorer:predict"), .want = GATE_PATH },
    { "double slash", PATH("//v1/models/scorer:predict"), .want = GATE_PATH },
    { "semicolon", PATH("/open/a;x=1"), .want = GATE_PATH },
    { "backslash", PATH("/open/a\\b"), .want = GATE_PATH },
    { "no slash", PATH("open"), .want = GATE_PATH },
    { "not ASCII", PATH("/open/\xc3\xa9"), .want = GATE_PATH },
    { "no such route", PATH("/v1/models/other:predict"), .want = GATE_ROUTE },
    { "other method", .method = S("GET"), .want = GATE_METHOD },
    { "method in lower case", .method = S("post"), .want = GATE_METHOD },
    { "no key", .no_key = true, .want = GATE_NO_KEY },
    { "key in the query", .query = S("k=moat_live_VYYZ0mMp_BVOw0ZQa1R36PhNebVNkB1wwCzZ_0k9bb1"), .want = GATE_KEY_IN_QUERY },
    { "other query", .query = S("k=1"), .want = GATE_OK },
    { "type with charset", .content_type = S("Application/JSON; Charset=UTF-8"), .want = GATE_OK },
    { "another charset", .content_type = S("application/json; charset=utf-7"), .want = GATE_TYPE },
    { "hidden charset", .content_type = S("application/json; x=1 ;charset = \"utf-16\""), .want = GATE_TYPE },
    { "other type", .content_type = S("text/plain"), .want = GATE_TYPE },
    { "no type", .content_type = S(" "), .want = GATE_TYPE },
    { "gzip", .content_encoding = S("gzip"), .want = GATE_ENCODING },
    { "identity", .content_encoding = S("Identity"), .want = GATE_OK },
    { "too long", .content_length = 1025, .want = GATE_TOO_LARGE },
    { "just fits", .content_length = 1024, .want = GATE_OK },
    { "length unknown", .content_length = -1, .want = GATE_OK },
    { "empty body", .content_length = INT64_MIN, .want = GATE_NO_BODY },
    { "explanation", PATH("/open/deep/m:explain"), .want = GATE_EXPLAIN },
    { "GET without a body", PATH("/open/status"), .method = S("GET"), .content_type = S(" "), .content_length = INT64_MIN,
      .want = GATE_OK },
    { "GET with a body", PATH("/open/status"), .method = S("GET"), .content_type = S("text/plain"), .want = GATE_TYPE },
};

static GateRequest changed(const Bench *b, const Change *c)
{
    GateRequest r = request(b);
    if (c->method.n) r.method = c->method;
    if (c->raw_path.n) r.raw_path = c->raw_path;
    if (c->path.n) r.path = c->path;
    if (c->query.n) r.query = c->query;
    if (c->content_type.n) r.content_type = c->content_type;
    if (c->content_encoding.n) r.content_encoding = c->content_encoding;
    if (c->content_length) r.content_length = c->content_length == INT64_MIN ? 0 : c->content_length;
    if (c->no_key) r.credential_count = 0;
    return r;
}

TEST(gate, lets_in_what_the_policy_lists_and_nothing_else)
{
    Bench *b = bench_new();
    for (size_t i = 0; i < len_of(changes); i++) {
        GateVerdict v;
        GateRequest r = changed(b, &changes[i]);
        r.now_ns += i * 100000000000;                  /* limits are another test */
        CHECK_ROW(head(b, &r, &v) == changes[i].want, changes[i].what);
        CHECK_ROW(v.status == gate_reason_status(changes[i].want), changes[i].what);
    }
    bench_free(b);
}

TEST(gate, takes_one_credential_from_the_headers_that_are_listed)
{
    Bench *b = bench_new();
    struct { const char *what; size_t n; GateCredential c[3]; GateReason want; } rows[] = {
        { "x-api-key", 1, { { KEY_IN_X_API_KEY, str(b->token) } }, GATE_OK },
        { "not listed", 1, { { KEY_IN_API_KEY, str(b->token) } }, GATE_NO_KEY },
        { "the same twice", 2, { { KEY_IN_X_API_KEY, str(b->token) }, { KEY_IN_X_API_KEY, str(b->token) } }, GATE_OK },
        { "two different", 2, { { KEY_IN_X_API_KEY, str(b->token) }, { KEY_IN_X_API_KEY, str(b->other) } }, GATE_KEY_TWICE },
        { "too many", GATE_CREDENTIALS_MAX + 1, { { KEY_IN_X_API_KEY, str(b->token) } }, GATE_KEY_TWICE },
        { "another key's scope", 1, { { KEY_IN_X_API_KEY, str(b->other) } }, GATE_KEY_SCOPE },
        { "basic", 1, { { KEY_IN_AUTHORIZATION, S("Basic Zm9vOmJhcg==") } }, GATE_KEY_SHAPE },
        { "bearer of nothing", 1, { { KEY_IN_AUTHORIZATION, S("Bearer ") } }, GATE_KEY_SHAPE },
        { "empty", 1, { { KEY_IN_AUTHORIZATION, S("") } }, GATE_NO_KEY },
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        GateVerdict v;
        GateRequest r = request(b);
        r.now_ns += i * 100000000000;
        memcpy(r.credentials, rows[i].c, sizeof rows[i].c);
        r.credential_count = rows[i].n;
        CHECK_ROW(head(b, &r, &v) == rows[i].want, rows[i].what);
    }
    GateRequest r = request(b);
    GateVerdict v;
    b->env.keys = NULL;
    CHECK(head(b, &r, &v) == GATE_KEYS_ABSENT && v.status == 503);
    bench_free(b);
}

TEST(gate, refuses_unknown_wrong_and_expired_keys_with_one_face)
{
    char        first[GATE_PROBLEM_MAX], text[GATE_PROBLEM_MAX];
    GateVerdict v = { .cost = 1 };
    static const GateReason alike[] = { GATE_NO_KEY, GATE_KEY_SHAPE, GATE_KEY_UNKNOWN, GATE_KEY_WRONG, GATE_KEY_EARLY,
                                        GATE_KEY_EXPIRED, GATE_KEY_REVOKED };
    gate_refuse(&v, GATE_NO_KEY);
    gate_problem(&v, first);
    for (size_t i = 0; i < len_of(alike); i++) {
        gate_refuse(&v, alike[i]);
        memcpy(v.key_id, "aaaaaaaa", 9);
        CHECK(v.status == 401 && gate_problem(&v, text) == strlen(text));
        CHECK_STR(text, first);
    }
}

TEST(gate, counts_by_key_and_by_address_and_charges_all_or_none)
{
    Bench      *b = bench_new();
    GateVerdict v;
    GateRequest r = request(b);
    char        text[GATE_RATE_TEXT];
    for (unsigned i = 0; i < 3; i++) {                 /* address: burst 2 and one in service, spread out */
        CHECK(head(b, &r, &v) == GATE_OK && v.delay_ns == i * 1000000000);
        CHECK(v.limit_count == 2 && v.limits[0].remaining == 5 - i && v.limits[1].remaining == 2 - i);
    }
    gate_ratelimit_policy(&v, text);
    CHECK_STR(text, "\"key\";q=6;w=6, \"address\";q=3;w=3");
    gate_ratelimit(&v, text);
    CHECK_STR(text, "\"key\";r=3;t=3, \"address\";r=0;t=3");
    CHECK(head(b, &r, &v) == GATE_LIMIT && v.retry_after_s == 1 && v.delay_ns == 0);
    CHECK(!v.limits[0].violated && v.limits[0].remaining == 3 && v.limits[1].violated);     /* the key's charge went back */
    r.address[3] = 2;
    for (unsigned i = 0; i < 3; i++)
        CHECK(head(b, &r, &v) == GATE_OK && v.limits[0].remaining == 2 - i);
    r.address[3] = 3;
    CHECK(head(b, &r, &v) == GATE_LIMIT && v.limit_count == 1 && v.limits[0].violated);
    r.now_ns += v.retry_after_s * 1000000000;
    CHECK(head(b, &r, &v) == GATE_OK);
    bench_free(b);
}

TEST(gate, an_ipv6_client_counts_as_its_network)
{
    Bench      *b = bench_new();
    GateVerdict v;
    GateRequest r = request(b);
    r.address_len = 16;
    for (uint8_t i = 0; i < 3; i++) {
        r.address[15] = i;
        CHECK(head(b, &r, &v) == GATE_OK);
    }
    r.address[15] = 77;
    CHECK(head(b, &r, &v) == GATE_LIMIT);
    r.address[7] = 1;
    CHECK(head(b, &r, &v) == GATE_OK);
    bench_free(b);
}

TEST(gate, a_refused_request_costs_nothing)
{
    Bench      *b = bench_new();
    GateVerdict v;
    GateRequest r = request(b), bad = r;
    bad.content_type = S("text/plain");
    for (int i = 0; i < 20; i++)
        CHECK(head(b, &bad, &v) == GATE_TYPE && v.limit_count == 0);
    CHECK(head(b, &r, &v) == GATE_OK && v.limits[0].remaining == 5);
    bench_free(b);
}

/* ---- the body */

static const struct { const char *body; GateReason want; const char *param; } bodies[] = {
    { "{\"instances\":[1,2.5]}", GATE_OK, "" },
    { "{\"instances\":[1,11]}", GATE_SCHEMA, "/instances/1" },
    { "{\"instances\":[1,\"secret\"]}", GATE_SCHEMA, "/instances/1" },
    { "{\"inputs\":[1]}", GATE_SCHEMA, "" },
    { "{\"instances\":[1,2.5]", GATE_JSON, NULL },
    { "{\"instances\":[NaN]}", GATE_JSON, NULL },
    { "{\"instances\":[1],\"instances\":[2]}", GATE_JSON, NULL },
    { "{\"instances\":[1]}x", GATE_JSON, NULL },
    { "", GATE_NO_BODY, "" },
};

static bool run_body(const GateEndpoint *ep, Str body, size_t cut, void *memory, GateVerdict *v)
{
    GateBody *b = gate_body_begin(ep, memory, v);
    return gate_body_feed(b, (Str){ body.p, cut }) && gate_body_feed(b, str_from(body, cut)) && gate_body_end(b);
}

TEST(gate, judges_a_body_alike_however_it_is_cut)
{
    Bench              *b = bench_new();
    const GateEndpoint *ep = gate_policy_find(b->set, S("score"));
    void               *memory = aligned_alloc(16, (gate_body_size(ep) + 15) & ~(size_t)15);
    char                text[GATE_PROBLEM_MAX];
    CHECK(memory != NULL);
    for (size_t i = 0; i < len_of(bodies); i++)
        for (size_t cut = 0; cut <= strlen(bodies[i].body); cut++) {
            GateVerdict v = { .cost = 1 };
            CHECK_ROW(run_body(ep, str(bodies[i].body), cut, memory, &v) == (bodies[i].want == GATE_OK), bodies[i].body);
            CHECK_ROW(v.reason == bodies[i].want, bodies[i].body);
            CHECK_ROW(bodies[i].param == NULL || strcmp(v.param, bodies[i].param) == 0, bodies[i].body);
            gate_problem(&v, text);
            CHECK_ROW(strstr(text, "secret") == NULL, text);
        }
    free(memory);
    bench_free(b);
}

TEST(gate, stops_at_the_size_the_policy_names)
{
    Bench              *b = bench_new();
    const GateEndpoint *ep = gate_policy_find(b->set, S("open"));
    void               *memory = aligned_alloc(16, (gate_body_size(ep) + 15) & ~(size_t)15);
    GateVerdict         v = { .cost = 1 };
    GateBody           *body = gate_body_begin(ep, memory, &v);
    static const char   blanks[4096] = { [0 ... 4095] = ' ' };
    CHECK(ep->max_body == 1 << 20);
    for (uint64_t n = 0; n < ep->max_body; n += sizeof blanks)
        CHECK(gate_body_feed(body, (Str){ blanks, sizeof blanks }));
    CHECK(gate_body_bytes(body) == ep->max_body && !gate_body_feed(body, S("1")) && v.reason == GATE_TOO_LARGE && v.status == 413);
    CHECK(!gate_body_feed(body, S("1")) && !gate_body_end(body) && v.reason == GATE_TOO_LARGE);
    free(memory);
    bench_free(b);
}

/* ---- the answer */

TEST(gate, holds_back_answers_it_must_control_and_only_those)
{
    Bench              *b = bench_new();
    const GateEndpoint *score = gate_policy_find(b->set, S("score")), *open = gate_policy_find(b->set, S("open"));
    static const struct { GateResponse r; GateResponseAction want; GateReason reason; } rows[] = {
        { { 200, S("application/json"), { 0 }, 100, false }, RESPONSE_HOLD, GATE_OK },
        { { 200, S("application/vnd.x+json"), { 0 }, -1, false }, RESPONSE_HOLD, GATE_OK },
        { { 200, S("text/event-stream"), { 0 }, -1, false }, RESPONSE_REFUSE, GATE_RESPONSE_TYPE },
        { { 200, S("application/octet-stream"), { 0 }, -1, false }, RESPONSE_REFUSE, GATE_RESPONSE_TYPE },
        { { 200, { 0 }, { 0 }, -1, false }, RESPONSE_REFUSE, GATE_RESPONSE_TYPE },
        { { 206, S("application/json"), { 0 }, -1, false }, RESPONSE_REFUSE, GATE_RESPONSE_TYPE },
        { { 200, S("application/json"), S("gzip"), -1, false }, RESPONSE_REFUSE, GATE_RESPONSE_ENCODING },
        { { 200, S("application/json"), { 0 }, RESP_MAX + 1, false }, RESPONSE_REFUSE, GATE_RESPONSE_SIZE },
        { { 200, S("application/json"), { 0 }, -1, true }, RESPONSE_PASS, GATE_OK },
        { { 404, S("text/html"), { 0 }, -1, false }, RESPONSE_PASS, GATE_OK },
        { { 304, { 0 }, { 0 }, -1, false }, RESPONSE_PASS, GATE_OK },
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        GateVerdict v = { 0 }, untouched = { 0 };
        CHECK(gate_response_begin(score, &rows[i].r, &v) == rows[i].want && v.reason == rows[i].reason);
        CHECK(gate_response_begin(open, &rows[i].r, &untouched) == RESPONSE_PASS && untouched.reason == GATE_OK);
    }
    bench_free(b);
}

TEST(gate, releases_a_controlled_answer_or_none)
{
    Bench              *b = bench_new();
    const GateEndpoint *ep = gate_policy_find(b->set, S("score"));
    GateVerdict         v = { 0 };
    RespInfo            info;
    defer_buf Buf out = { 0 };
    CHECK(gate_response_end(ep, S("{\"predictions\":[[0.123,0.877]]}"), &out, &info, &v));
    CHECK(str_is(buf_view(&out), "{\"predictions\":[[0.0,0.88]]}") && info.label == 1 && v.checks == CHECK_OUTPUT);
    CHECK(!gate_response_end(ep, S("{\"predictions\":[[0.123,0.8"), &out, &info, &v));
    CHECK(out.n == 0 && v.status == 502 && v.reason == GATE_RESPONSE_BODY);
    bench_free(b);
}

/* ---- texts */

TEST(gate, problem_bodies_are_json_whatever_the_client_named_its_members)
{
    char        text[GATE_PROBLEM_MAX];
    GateVerdict v = { .keyword = "maximum", .at = 12 };
    Err         e = { 0 };
    gate_refuse(&v, GATE_SCHEMA);
    for (unsigned c = 1; c < 256; c++) {
        memset(v.param, (int)c, sizeof v.param - 1);
        size_t n = gate_problem(&v, text);
        defer_arena Arena *a = arena_new(1 << 20);
        Json *j = json_parse(a, (Str){ text, n }, JSON_STRICT, &e);
        CHECK_ROW(j != NULL && json_get(j, "status")->num == 400 && json_get(j, "byte")->num == 11, text);
        CHECK(str_is(json_text(json_get(j, "keyword"), S("")), "maximum"));
    }
}

TEST(gate, every_reason_has_a_name_and_a_status_of_its_own_table_row)
{
    for (int r = 0; r < GATE_REASONS; r++) {
        CHECK(*gate_reason_name((GateReason)r) && (r == GATE_OK) == (gate_reason_status((GateReason)r) == 0));
        for (int k = 0; k < r; k++)
            CHECK_ROW(strcmp(gate_reason_name((GateReason)r), gate_reason_name((GateReason)k)) != 0, gate_reason_name((GateReason)r));
    }
}

TEST(gate, says_nothing_about_limits_to_those_it_does_not_know)
{
    char        text[GATE_RATE_TEXT];
    GateVerdict v = { .limit_count = 1, .limits = { { "key", 6, 6, 5, 1, false } } };
    CHECK(gate_ratelimit(&v, text) > 0 && gate_ratelimit_policy(&v, text) > 0);
    gate_refuse(&v, GATE_KEY_SCOPE);
    CHECK(gate_ratelimit(&v, text) == 0 && gate_ratelimit_policy(&v, text) == 0 && *text == '\0');
}
