/* serve.c - see serve.h. */
#include "model/serve.h"
#include "base/file.h"
#include "model/kserve.h"
#include "model/scorer.h"
#include "net/http_server.h"
#include <stdatomic.h>

enum { MODEL_FILE_MAX = 1 << 30, GRACE_MS = 5000 };

struct ModelServer {
    Arena       *arena;                                /* the model */
    HttpServer  *http;
    Scorer       scorer;
    ServeOptions o;
    char         digest[DIGEST_HEX];
    /* requests: all but those for /metrics and /v2/health; the others count what became of predictions */
    atomic_uint_fast64_t requests, predictions, rows, refused;
};

/* ---- answers */

static void problem(void *ctx, int status, const char *message, Buf *body)
{
    JsonOut w = json_out(body);
    (void)ctx, (void)status;
    json_open(&w, '{');
    json_key(&w, "error"), json_put_z(&w, message);
    json_close(&w, '}');
    buf_byte(body, '\n');
}

static void fail(HttpReply *r, int status, const char *message)
{
    r->status = status;
    r->body.n = 0;
    problem(NULL, status, message, &r->body);
}

/* ---- predictions */

typedef bool ReadFn(Predict *p, Str body, Err *e);

/* A browser sends JSON across sites only after asking; text/plain it sends at once. */
static bool is_json(const HttpRequest *q)
{
    const char *type = http_header(q, "Content-Type");
    return type == NULL || strncasecmp(type, "application/json", strlen("application/json")) == 0;
}

static bool answer(ModelServer *s, const Predict *p, bool v2, HttpReply *r)
{
    size_t classes = s->scorer.m.classes;
    float *out = calloc(p->rows * classes, sizeof *out);
    bool   ok = out != NULL && scorer_predict(&s->scorer, predict_row(p, 0), p->rows, out);
    if (ok && v2)
        kserve_v2_write(&r->body, s->o.name, buf_view(&p->id), out, p->rows, classes);
    else if (ok)
        kserve_v1_write(&r->body, out, p->rows, classes);
    free(out);
    return ok;
}

static void predict(ModelServer *s, const HttpRequest *q, HttpReply *r, bool v2)
{
    Predict p = { .features = s->scorer.m.features, .max_rows = s->o.max_rows };
    Err     e = { 0 };
    char    message[600];
    if (!is_json(q))
        fail(r, 415, "the body must be application/json");
    else if (http_header(q, "Inference-Header-Content-Length") != NULL)
        fail(r, 400, "binary tensors are not supported; send data as JSON");
    else if (!(v2 ? kserve_v2_read : kserve_v1_read)(&p, q->body, &e)) {
        snprintf(message, sizeof message, e.at ? "%s (byte %" PRIu64 ")" : "%s", e.message, e.at - 1);
        fail(r, e.code == E_NOMEM ? 503 : 400, message);
    } else if (!answer(s, &p, v2, r))
        fail(r, 503, "out of memory");
    else
        atomic_fetch_add(&s->predictions, 1), atomic_fetch_add(&s->rows, p.rows);
    if (r->status != 0)
        atomic_fetch_add(&s->refused, 1);
    predict_free(&p);
}

static void predict_v1(ModelServer *s, const HttpRequest *q, HttpReply *r) { predict(s, q, r, false); }
static void predict_v2(ModelServer *s, const HttpRequest *q, HttpReply *r) { predict(s, q, r, true); }

/* ---- what the server says about itself */

static void put_tensor(JsonOut *w, const char *key, const char *name, size_t width)
{
    json_key(w, key), json_open(w, '['), json_open(w, '{');
    json_key(w, "name"), json_put_z(w, name);
    json_key(w, "datatype"), json_put_z(w, "FP32");
    json_key(w, "shape"), json_open(w, '[');
    json_put_i64(w, -1), json_put_u64(w, width);
    json_close(w, ']');
    json_close(w, '}'), json_close(w, ']');
}

static void put_classes(JsonOut *w, const Scorer *s)
{
    if (s->classes == NULL)
        return;
    json_key(w, "classes"), json_open(w, '[');
    for (size_t i = 0; i < s->m.classes; i++)
        json_put_str(w, s->classes[i]);
    json_close(w, ']');
}

/* KServe v1 reads name and ready, TensorFlow Serving's clients the version's status. */
static void model_v1(ModelServer *s, const HttpRequest *q, HttpReply *r)
{
    JsonOut w = json_out(&r->body);
    (void)q;
    json_open(&w, '{');
    json_key(&w, "name"), json_put_z(&w, s->o.name);
    json_key(&w, "ready"), json_put_bool(&w, true);
    json_key(&w, "model_version_status");
    json_put_raw(&w, S("[{\"version\":\"1\",\"state\":\"AVAILABLE\",\"status\":{\"error_code\":\"OK\",\"error_message\":\"\"}}]"));
    json_close(&w, '}');
}

static void model_v2(ModelServer *s, const HttpRequest *q, HttpReply *r)
{
    JsonOut w = json_out(&r->body);
    (void)q;
    json_open(&w, '{');
    json_key(&w, "name"), json_put_z(&w, s->o.name);
    json_key(&w, "versions"), json_put_raw(&w, S("[\"1\"]"));
    json_key(&w, "platform"), json_put_z(&w, s->scorer.m.layers == 1 ? "moat_softmax" : "moat_mlp");
    put_tensor(&w, "inputs", KSERVE_INPUT, s->scorer.m.features);
    put_tensor(&w, "outputs", KSERVE_OUTPUT, s->scorer.m.classes);
    json_key(&w, "sha256"), json_put_z(&w, s->digest);
    put_classes(&w, &s->scorer);
    json_close(&w, '}');
}

static void model_ready(ModelServer *s, const HttpRequest *q, HttpReply *r)
{
    JsonOut w = json_out(&r->body);
    (void)q;
    json_open(&w, '{');
    json_key(&w, "name"), json_put_z(&w, s->o.name);
    json_key(&w, "ready"), json_put_bool(&w, true);
    json_close(&w, '}');
}

static void server_v2(ModelServer *s, const HttpRequest *q, HttpReply *r)
{
    (void)s, (void)q;
    buf_z(&r->body, "{\"name\":\"moat\",\"version\":\"" MOAT_VERSION "\",\"extensions\":[]}\n");
}

static void live(ModelServer *s, const HttpRequest *q, HttpReply *r)
{
    (void)s, (void)q;
    buf_z(&r->body, "{\"live\":true}\n");
}

static void ready(ModelServer *s, const HttpRequest *q, HttpReply *r)
{
    (void)s, (void)q;
    buf_z(&r->body, "{\"ready\":true}\n");
}

static void counter(Buf *b, const char *name, const char *help, uint64_t v)
{
    buf_printf(b, "# HELP moat_server_%s %s\n# TYPE moat_server_%s counter\nmoat_server_%s %" PRIu64 "\n", name, help, name, name, v);
}

static void metrics(ModelServer *s, const HttpRequest *q, HttpReply *r)
{
    Buf *b = &r->body;
    (void)q;
    r->type = "text/plain; version=0.0.4";
    counter(b, "requests_total", "requests, without those for health and metrics", atomic_load(&s->requests));
    counter(b, "predictions_total", "prediction requests that were answered", atomic_load(&s->predictions));
    counter(b, "rows_total", "rows predicted", atomic_load(&s->rows));
    counter(b, "refused_total", "prediction requests that were refused", atomic_load(&s->refused));
    buf_printf(b, "# HELP moat_server_model_info the model that answers\n# TYPE moat_server_model_info gauge\n"
                  "moat_server_model_info{sha256=\"%s\"} 1\n", s->digest);
}

/* ---- routes */

typedef struct Route {
    const char *method, *path;                         /* '*' stands for the model's name */
    bool        counted;
    void (*run)(ModelServer *s, const HttpRequest *q, HttpReply *r);
} Route;

static const Route routes[] = {
    { "POST", "/v1/models/*:predict", true, predict_v1 },
    { "POST", "/v1/models/*/versions/1:predict", true, predict_v1 },
    { "POST", "/v2/models/*/infer", true, predict_v2 },
    { "POST", "/v2/models/*/versions/1/infer", true, predict_v2 },
    { "GET", "/v1/models/*", true, model_v1 },
    { "GET", "/v2/models/*", true, model_v2 },
    { "GET", "/v2/models/*/versions/1", true, model_v2 },
    { "GET", "/v2/models/*/ready", true, model_ready },
    { "GET", "/v2/models/*/versions/1/ready", true, model_ready },
    { "GET", "/v2", true, server_v2 },
    { "GET", "/v2/health/live", false, live },
    { "GET", "/v2/health/ready", false, ready },
    { "GET", "/metrics", false, metrics },
};

static bool path_is(const char *pattern, const char *name, const char *path)
{
    Str head, tail, p = str(path);
    if (!str_cut(str(pattern), '*', &head, &tail))
        return str_eq(head, p);
    size_t n = strlen(name);
    return p.n == head.n + n + tail.n && str_starts(p, head) && memcmp(p.p + head.n, name, n) == 0 && str_ends(p, tail);
}

static void handle(void *ctx, const HttpRequest *q, HttpReply *r)
{
    ModelServer *s = ctx;
    const Route *at_path = NULL;
    for (size_t i = 0; i < len_of(routes); i++) {
        if (!path_is(routes[i].path, s->o.name, q->path))
            continue;
        at_path = &routes[i];
        if (strcmp(q->method, routes[i].method) == 0) {
            if (routes[i].counted)
                atomic_fetch_add(&s->requests, 1);
            routes[i].run(s, q, r);
            return;
        }
    }
    atomic_fetch_add(&s->requests, 1);
    if (at_path == NULL) {
        fail(r, 404, "there is no such model or path here");
        return;
    }
    fail(r, 405, "another method is needed here");
    r->allow = at_path->method;
}

/* ---- start and stop */

/* The bytes that are loaded must be the bytes that were verified, whatever happened to the file in between. */
static bool load(ModelServer *s, const ModelCheck *c, const ModelVerdict *v, Err *e)
{
    defer_map Map file = { 0 };
    if (!v->bound) {
        err_set(e, E_DENIED, "%s: its signature is over BLAKE2b or shards, which does not fix the one digest that is served", c->path);
        return err_hint(e, "sign it with SHA-256 over the whole file, or give --sha256");
    }
    if (!file_map(c->path, &file, e))
        return false;
    if (file.bytes.n > MODEL_FILE_MAX)
        return err_set(e, E_LIMIT, "%s: larger than a model that is served here can be (%d bytes)", c->path, MODEL_FILE_MAX);
    Str copy = arena_str(s->arena, file.bytes);
    if (copy.p == NULL)
        return err_nomem(e);
    Digest now = sha256(copy);
    if (!digest_eq(&now, &v->digest))
        return err_set(e, E_DENIED, "%s: changed while it was verified", c->path);
    digest_hex(&now, s->digest);
    return scorer_load(s->arena, copy, &s->scorer, e) || err_in(e, "%s", c->path);
}

static bool listen_on(ModelServer *s, Err *e)
{
    s->http = http_server_start(&(HttpServerOptions){ .listen = s->o.listen, .max_body = s->o.max_body, .threads = s->o.threads,
                                                      .handle = handle, .problem = problem, .ctx = s }, e);
    return s->http != NULL;
}

ModelServer *model_serve_start(const ModelCheck *c, const ServeOptions *o, Findings *found, ModelVerdict *v, Err *e)
{
    ModelServer *s = calloc(1, sizeof *s);
    if (s == NULL || (s->arena = arena_new((size_t)3 << 30)) == NULL) {
        free(s);
        return err_nomem(e), NULL;
    }
    s->o = *o;
    s->o.max_body = o->max_body ? o->max_body : SERVE_BODY_MAX;
    s->o.max_rows = o->max_rows ? o->max_rows : SERVE_ROWS_MAX;
    if (model_verify(s->arena, NULL, c, found, v, e) && v->verified && load(s, c, v, e) && listen_on(s, e))
        return s;
    model_serve_stop(s);
    return NULL;
}

const char *model_serve_address(const ModelServer *s) { return http_server_address(s->http); }

void model_serve_stop(ModelServer *s)
{
    if (s == NULL)
        return;
    http_server_stop(s->http, GRACE_MS);
    arena_free(s->arena);
    free(s);
}
