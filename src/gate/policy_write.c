/* policy_write.c - a pipeline's endpoints as the compiled policy; see policy.h. */
#include "base/file.h"
#include "format/json.h"
#include "gate/policy.h"
#include <sys/stat.h>

enum { SCHEMA_FILE_MAX = 4 << 20 };

static void put_list(JsonOut *w, const char *key, const StrList *l)
{
    json_key(w, key);
    json_open(w, '[');
    for (size_t i = 0; i < l->n; i++)
        json_put_str(w, l->v[i]);
    json_close(w, ']');
}

/* Names of headers and types mean the same in any case; the policy has them in one. */
static bool put_lower_list(JsonOut *w, const char *key, const StrList *l, Arena *a, Err *e)
{
    StrList low = { arena_get(a, l->n, sizeof(Str)), 0 };
    if (low.v == NULL && l->n > 0)
        return err_nomem(e);
    for (; low.n < l->n; low.n++) {
        char *copy = arena_get(a, l->v[low.n].n + 1, 1);
        if (copy == NULL)
            return err_nomem(e);
        for (size_t i = 0; i < l->v[low.n].n; i++) {
            char c = l->v[low.n].p[i];
            copy[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
        }
        low.v[low.n] = (Str){ copy, l->v[low.n].n };
    }
    put_list(w, key, &low);
    return true;
}

static void put_limits(JsonOut *w, const Endpoint *ep)
{
    json_key(w, "limits");
    json_open(w, '[');
    for (size_t i = 0; i < ep->limit_count; i++) {
        const Limit *l = &ep->limits[i];
        json_open(w, '{');
        json_member(w, "per", l->per);
        json_member_u64(w, "rate_num", l->rate_num);
        json_member_u64(w, "rate_ns", l->rate_ns);
        json_member_u64(w, "burst", l->burst);
        json_key(w, "nodelay");
        json_put_bool(w, l->nodelay);
        json_close(w, '}');
    }
    json_close(w, ']');
}

static void put_output(JsonOut *w, const Endpoint *ep)
{
    json_key(w, "output");
    json_open(w, '{');
    json_member_u64(w, "top_k", ep->top_k);
    json_key(w, "round");
    json_put_i64(w, ep->round);
    json_key(w, "label_only");
    json_put_bool(w, ep->label_only);
    json_close(w, '}');
}

static void put_record(JsonOut *w, const Endpoint *ep)
{
    json_key(w, "record");
    json_open(w, '{');
    json_member(w, "features", ep->record_features);
    json_key(w, "share");
    json_put_f64(w, ep->record_share);
    json_member(w, "prediction", ep->record_prediction);
    json_close(w, '}');
}

enum { DETECTOR_MAX = 1 << 30 };

/* The detector is there, reads, and was calibrated for the model that answers now. */
static bool detector_fits(const Pipeline *p, const Endpoint *ep, const char *path, Err *e)
{
    Str                file;
    DetectModel        m;
    Digest             now, any = { 0 };
    const Model       *model = pipeline_model(p, ep->model);
    const char        *model_path = model != NULL && model->path.n > 0 ? pipeline_path(p, model->path) : NULL;
    struct stat        st;
    bool               is_file = model_path != NULL && stat(model_path, &st) == 0 && S_ISREG(st.st_mode);
    defer_arena Arena *own = arena_new(DETECTOR_MAX);
    if (own == NULL)
        return err_nomem(e);
    if (!file_read(own, path, DETECTOR_MAX, &file, e) || !detect_read(own, file, &m, e))
        return false;
    if (digest_eq(&m.model, &any) || !is_file)
        return true;
    return sha256_file(model_path, &now, NULL, e) && (digest_eq(&now, &m.model) || err_set(e, E_DENIED, "%s was calibrated for another model", path));
}

static bool put_detect(JsonOut *w, const Pipeline *p, const Endpoint *ep, Arena *a, Err *e)
{
    bool  on = ep->detect_action.n > 0 && !str_is(ep->detect_action, "off");
    char *path = on ? pipeline_state(p, arena_printf(a, "detect/%.*s.detector", STR(ep->part.name))) : NULL, *full = NULL;
    if (on && (path == NULL || !detector_fits(p, ep, path, e) || (full = realpath(path, NULL)) == NULL)) {
        err_in(e, "%.*s.detect", STR(ep->part.id));
        return err_hint(e, "moat gate calibrate %.*s", STR(ep->part.name));
    }
    json_key(w, "detect");
    json_open(w, '{');
    json_member(w, "action", on ? ep->detect_action : S("off"));
    json_member(w, "file", str(full));
    json_close(w, '}');
    free(full);
    return true;
}

/* The digest of a model that is one file and is here; a folder, or a model that lives elsewhere, has none. */
static void put_model(JsonOut *w, const Pipeline *p, const Endpoint *ep)
{
    const Model *m = pipeline_model(p, ep->model);
    const char  *path = m != NULL && m->path.n > 0 ? pipeline_path(p, m->path) : NULL;
    char         hex[DIGEST_HEX] = "";
    struct stat  st;
    Digest       d;
    if (path != NULL && stat(path, &st) == 0 && S_ISREG(st.st_mode) && sha256_file(path, &d, NULL, NULL))
        digest_hex(&d, hex);
    json_member(w, "model", ep->model);
    json_member(w, "model_sha256", str(hex));
}

static bool put_upstream(JsonOut *w, const Pipeline *p, const Endpoint *ep, Arena *a, Err *e)
{
    const Model *m = pipeline_model(p, ep->model);
    Str          at = ep->upstream;
    if (at.n == 0 && m != NULL && m->serve.n > 0)
        at = str(arena_printf(a, "http://%.*s", STR(m->serve)));
    if (at.n == 0)
        return err_line(e, ep->part.line, "%.*s: no upstream, and no model that is served", STR(ep->part.id));
    json_member(w, "upstream", at);
    return true;
}

static bool put_schema(JsonOut *w, const Pipeline *p, const Endpoint *ep, Arena *a, Err *e)
{
    Str body = S("");
    if (ep->schema.n > 0) {
        const char *path = pipeline_path(p, ep->schema);
        if (path == NULL)
            return err_nomem(e);
        if (!file_read(a, path, SCHEMA_FILE_MAX, &body, e))
            return err_in(e, "%.*s.schema", STR(ep->part.id));
    }
    json_member(w, "body_schema", body);
    return true;
}

static bool put_endpoint(JsonOut *w, const Pipeline *p, const Endpoint *ep, Arena *a, Err *e)
{
    json_open(w, '{');
    json_member(w, "name", ep->part.name);
    json_member(w, "route", ep->route);
    put_list(w, "methods", &ep->methods);
    json_member(w, "format", ep->format);
    put_model(w, p, ep);
    if (!put_upstream(w, p, ep, a, e) || !put_lower_list(w, "content_types", &ep->content_types, a, e) ||
        !put_lower_list(w, "key_headers", &ep->key_headers, a, e))
        return false;
    json_member_u64(w, "max_body", ep->max_body);
    json_member(w, "keys", ep->keys);
    json_member(w, "scope", ep->scope.n ? ep->scope : ep->part.name);
    put_limits(w, ep);
    put_output(w, ep);
    put_record(w, ep);
    if (!put_detect(w, p, ep, a, e))
        return false;
    if (!put_schema(w, p, ep, a, e))
        return false;
    json_close(w, '}');
    return true;
}

bool gate_policy_write(const Pipeline *p, Buf *out, Err *e)
{
    defer_arena Arena *a = arena_new((size_t)1 << 30);
    JsonOut w = json_out(out);
    w.pretty = true;
    if (a == NULL)
        return err_nomem(e);
    json_open(&w, '{');
    json_member(&w, "schema", S("moat.gate.policy/1"));
    json_member(&w, "name", p->name);
    json_member(&w, "listen", p->listen);
    json_key(&w, "endpoints");
    json_open(&w, '[');
    for (size_t i = 0; i < p->endpoint_count; i++)
        if (!put_endpoint(&w, p, &p->endpoints[i], a, e))
            return err_in(e, "%s", p->file);
    json_close(&w, ']');
    json_close(&w, '}');
    buf_byte(out, '\n');
    if (out->bad)
        return err_nomem(e);
    return gate_policy_load(a, buf_view(out), e) != NULL || err_in(e, "%s", p->file);
}
