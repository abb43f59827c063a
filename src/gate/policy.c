/* policy.c - reads the compiled policy; see policy.h.  policy_write.c writes it. */
#include "gate/policy.h"
#include "base/rng.h"
#include "gate/schema.h"

enum { SCHEMA_TEXT_MAX = 4 << 20, LIST_MAX = 64 };

/* ---- members of the file: an object may only have those listed */

typedef struct Reader {
    Arena *a;
    Err   *e;
    Str    name;                                       /* of the endpoint, for messages */
} Reader;

static bool bad(const Reader *r, const Json *at, const char *key, const char *what)
{
    return err_line(r->e, at ? at->line : 1, "policy: %.*s.%s: %s", STR(r->name), key, what);
}

static bool only(const Reader *r, const Json *object, const char *const *keys, size_t n, const char *where)
{
    if (object == NULL || object->type != JSON_OBJECT)
        return bad(r, object, where, "wants an object");
    for (const Json *m = object->first; m != NULL; m = m->next) {
        bool known = false;
        for (size_t i = 0; i < n; i++)
            known |= str_is(m->key, keys[i]);
        if (!known)
            return bad(r, m, where, "has a member that this version does not know");
    }
    return true;
}

static bool text(const Reader *r, const Json *object, const char *key, size_t max, Str *out)
{
    const Json *v = json_get(object, key);
    if (v == NULL || v->type != JSON_STRING || v->text.n > max || memchr(v->text.p, '\0', v->text.n) != NULL)
        return bad(r, v ? v : object, key, "wants a text");
    *out = v->text;
    return true;
}

static bool whole(const Reader *r, const Json *object, const char *key, uint64_t least, uint64_t most, uint64_t *out)
{
    const Json *v = json_get(object, key);
    if (!json_u64(v, out) || *out < least || *out > most)
        return bad(r, v ? v : object, key, "wants a whole number within its range");
    return true;
}

static bool truth(const Reader *r, const Json *object, const char *key, bool *out)
{
    const Json *v = json_get(object, key);
    if (v == NULL || (v->type != JSON_TRUE && v->type != JSON_FALSE))
        return bad(r, v ? v : object, key, "wants true or false");
    *out = v->type == JSON_TRUE;
    return true;
}

static bool texts(const Reader *r, const Json *object, const char *key, StrList *out)
{
    const Json *v = json_get(object, key);
    if (v == NULL || v->type != JSON_ARRAY || v->count == 0 || v->count > LIST_MAX)
        return bad(r, v ? v : object, key, "wants a list of texts");
    *out = (StrList){ arena_get(r->a, v->count, sizeof(Str)), 0 };
    if (out->v == NULL)
        return err_nomem(r->e);
    for (const Json *m = v->first; m != NULL; m = m->next) {
        if (m->type != JSON_STRING || m->text.n == 0 || m->text.n > 256)
            return bad(r, m, key, "wants a list of texts");
        out->v[out->n++] = m->text;
    }
    return true;
}

static bool choice(const Reader *r, const Json *object, const char *key, const char *const *names, size_t n, size_t *out)
{
    Str v;
    if (!text(r, object, key, 64, &v))
        return false;
    for (*out = 0; *out < n; ++*out)
        if (str_is(v, names[*out]))
            return true;
    return bad(r, json_get(object, key), key, "is none of its choices");
}

/* ---- limits */

static void name_limit(GateLimit *l, const GateEndpoint *ep, size_t i)
{
    size_t before = 0;
    for (size_t k = 0; k < i; k++)
        before += ep->limits[k].per_key == l->per_key;
    const char *per = l->per_key ? "key" : "address";
    if (before == 0)
        snprintf(l->name, sizeof l->name, "%s", per);
    else
        snprintf(l->name, sizeof l->name, "%s-%u", per, (unsigned)before % 100 + 1);
}

static uint64_t limit_seed(const GateEndpoint *ep, size_t i)
{
    return siphash((const uint64_t[]){ 0x6d6f6174, i }, ep->name);         /* only apart from others; the table has the secret */
}

static bool read_limit(const Reader *r, const Json *node, GateEndpoint *ep, size_t i)
{
    static const char *const keys[] = { "per", "rate_num", "rate_ns", "burst", "nodelay" };
    static const char *const pers[] = { "key", "address" };
    GateLimit *l = &ep->limits[i];
    uint64_t   num, ns, burst;
    size_t     per;
    if (!only(r, node, keys, len_of(keys), "limits") || !choice(r, node, "per", pers, len_of(pers), &per) ||
        !whole(r, node, "rate_num", 1, UINT32_MAX, &num) || !whole(r, node, "rate_ns", 1, INT64_MAX, &ns) ||
        !whole(r, node, "burst", 0, UINT32_MAX, &burst) || !truth(r, node, "nodelay", &l->nodelay))
        return false;
    if (!gcra_of_nginx(&l->g, num, ns, burst))
        return bad(r, node, "limits", "rate and burst overflow");
    l->per_key = per == 0;
    if (l->per_key && !ep->keys_required)
        return bad(r, node, "limits", "a limit per key where no key is required");
    name_limit(l, ep, i);
    l->seed = limit_seed(ep, i);
    l->quota = burst + 1;
    l->window_s = (l->g.tau_ns + 999999999) / 1000000000;
    return true;
}

static bool read_limits(const Reader *r, const Json *node, GateEndpoint *ep)
{
    const Json *list = json_get(node, "limits");
    if (list == NULL || list->type != JSON_ARRAY || list->count > GATE_LIMITS_MAX)
        return bad(r, list ? list : node, "limits", "wants a list of at most 8 limits");
    for (const Json *m = list->first; m != NULL; m = m->next, ep->limit_count++)
        if (!read_limit(r, m, ep, ep->limit_count))
            return false;
    return true;
}

/* ---- one endpoint */

static bool read_control(const Reader *r, const Json *node, GateEndpoint *ep)
{
    static const char *const keys[] = { "top_k", "round", "label_only" };
    static const RespFormat  formats[] = { [FORMAT_JSON] = RESP_JSON, [FORMAT_TF] = RESP_ROWS, [FORMAT_V1] = RESP_ROWS,
                                           [FORMAT_V2] = RESP_V2 };
    const Json *o = json_get(node, "output");
    int64_t     round;
    if (!only(r, o, keys, len_of(keys), "output") || !whole(r, o, "top_k", 0, UINT32_MAX, &ep->control.top_k) ||
        !truth(r, o, "label_only", &ep->control.label_only))
        return false;
    if (!json_i64(json_get(o, "round"), &round) || round < -1 || round > RESP_ROUND_MAX)
        return bad(r, o, "output.round", "wants -1 to 30 decimals");
    ep->control.round = (int32_t)round;
    ep->control.format = formats[ep->format];
    if (ep->format == FORMAT_JSON && (ep->control.top_k != 0 || ep->control.label_only))
        return bad(r, o, "output", "top_k and label_only need a format that says where the scores are");
    return true;
}

/* Policies of before this member record the answer and no features. */
static bool read_record(const Reader *r, const Json *node, GateEndpoint *ep)
{
    static const char *const keys[] = { "features", "share", "prediction" };
    static const char *const features[] = { "none", "sampled", "all" }, *const predictions[] = { "none", "released", "computed" };
    const Json *o = json_get(node, "record");
    size_t      which, answer;
    ep->record = (RecordPolicy){ .prediction = PREDICTION_RELEASED };
    if (o == NULL)
        return true;
    if (!only(r, o, keys, len_of(keys), "record") || !choice(r, o, "features", features, len_of(features), &which) ||
        !choice(r, o, "prediction", predictions, len_of(predictions), &answer))
        return false;
    double share = json_num(json_get(o, "share"), -1);
    if (!(share >= 0 && share <= 1))
        return bad(r, o, "record.share", "wants a share from 0 to 1");
    ep->record = (RecordPolicy){ (RecordFeatures)which, share, (RecordPrediction)answer };
    return true;
}

/* Policies of before this member have no detector. */
static bool read_detect(const Reader *r, const Json *node, GateEndpoint *ep)
{
    static const char *const keys[] = { "action", "file" }, *const actions[] = { "off", "record", "degrade", "block" };
    const Json *o = json_get(node, "detect");
    size_t      action;
    if (o == NULL)
        return true;
    if (!only(r, o, keys, len_of(keys), "detect") || !choice(r, o, "action", actions, len_of(actions), &action) ||
        !text(r, o, "file", 4096, &ep->detector_path))
        return false;
    ep->detect = (DetectAction)action;
    return true;
}

static bool read_headers(const Reader *r, const Json *node, GateEndpoint *ep)
{
    static const struct { const char *name; unsigned bit; } known[] = {
        { "authorization", KEY_IN_AUTHORIZATION }, { "x-api-key", KEY_IN_X_API_KEY }, { "api-key", KEY_IN_API_KEY } };
    StrList names;
    if (!texts(r, node, "key_headers", &names))
        return false;
    for (size_t i = 0; i < names.n; i++) {
        unsigned bit = 0;
        for (size_t k = 0; k < len_of(known); k++)
            if (str_is(names.v[i], known[k].name))
                bit = known[k].bit;
        if (bit == 0)
            return bad(r, node, "key_headers", "knows authorization, x-api-key and api-key");
        ep->key_headers |= bit;
    }
    return true;
}

static bool is_json_type(Str type)
{
    return str_is(type, "application/json") || str_ends(type, S("+json"));
}

static bool read_types(const Reader *r, const Json *node, GateEndpoint *ep)
{
    if (!texts(r, node, "content_types", &ep->content_types))
        return false;
    for (size_t i = 0; i < ep->content_types.n; i++) {
        Str t = ep->content_types.v[i];
        for (size_t k = 0; k < t.n; k++)
            if (t.p[k] <= ' ' || t.p[k] >= 0x7f || t.p[k] == ';' || t.p[k] == ',' || (t.p[k] >= 'A' && t.p[k] <= 'Z'))
                return bad(r, node, "content_types", "wants types like application/json, in lower case");
        if (!is_json_type(t))
            return bad(r, node, "content_types", "only JSON can be checked: application/json or .../...+json");
    }
    return true;
}

static bool read_methods(const Reader *r, const Json *node, GateEndpoint *ep)
{
    defer_buf Buf allow = { 0 };
    if (!texts(r, node, "methods", &ep->methods))
        return false;
    for (size_t i = 0; i < ep->methods.n; i++) {
        Str m = ep->methods.v[i];
        for (size_t k = 0; k < m.n; k++)
            if (m.p[k] < 'A' || m.p[k] > 'Z')
                return bad(r, node, "methods", "wants names like POST");
        buf_z(&allow, i ? ", " : "");
        buf_str(&allow, m);
    }
    ep->allow = arena_str(r->a, buf_view(&allow));
    return (!allow.bad && ep->allow.p != NULL) || err_nomem(r->e);
}

/* A route may only hold what a normal path holds: the rest of a request's path is compared with it byte by byte. */
static bool read_route(const Reader *r, const Json *node, GateEndpoint *ep)
{
    if (!text(r, node, "route", 1024, &ep->route))
        return false;
    if (ep->route.n == 0 || ep->route.p[0] != '/')
        return bad(r, node, "route", "wants a path that starts with /");
    for (size_t i = 0; i < ep->route.n; i++)
        if (ep->route.p[i] <= ' ' || ep->route.p[i] >= 0x7f || strchr("%\\;?#\"{}", ep->route.p[i]) != NULL)
            return bad(r, node, "route", "wants a plain path");
    ep->prefix = ep->route.p[ep->route.n - 1] == '/';
    return true;
}

static bool read_model(const Reader *r, const Json *node, GateEndpoint *ep)
{
    Str hex;
    if (!text(r, node, "model", 256, &ep->model) || !text(r, node, "upstream", 1024, &ep->upstream) ||
        !text(r, node, "model_sha256", 64, &hex))
        return false;
    ep->has_digest = hex.n > 0;
    if (ep->has_digest && !digest_parse(hex, &ep->model_digest))
        return bad(r, node, "model_sha256", "wants 64 hex digits or nothing");
    return true;
}

static bool read_schema(const Reader *r, const Json *node, GateEndpoint *ep)
{
    if (!text(r, node, "body_schema", SCHEMA_TEXT_MAX, &ep->schema_text))
        return false;
    if (ep->schema_text.n == 0)
        return true;
    ep->schema = schema_compile(r->a, ep->schema_text, r->e);
    return ep->schema != NULL || err_in(r->e, "policy: %.*s.body_schema", STR(r->name));
}

static bool read_endpoint(Reader *r, const Json *node, GateEndpoint *ep)
{
    static const char *const keys[] = { "name", "route", "methods", "format", "model", "model_sha256", "upstream", "content_types",
                                        "max_body", "keys", "key_headers", "scope", "limits", "output", "record", "detect", "body_schema" };
    static const char *const formats[] = { "json", "tf-serving", "kserve-v1", "kserve-v2" };
    static const char *const required[] = { "off", "required" };
    size_t format, keys_required;
    r->name = S("endpoints");
    if (!only(r, node, keys, len_of(keys), "members") || !text(r, node, "name", 256, &ep->name))
        return false;
    r->name = ep->name;
    if (!choice(r, node, "format", formats, len_of(formats), &format) ||
        !choice(r, node, "keys", required, len_of(required), &keys_required) ||
        !whole(r, node, "max_body", 1, GATE_BODY_MAX, &ep->max_body) || !text(r, node, "scope", 255, &ep->scope))
        return false;
    ep->format = (GateFormat)format;
    ep->keys_required = keys_required == 1;
    return read_route(r, node, ep) && read_methods(r, node, ep) && read_types(r, node, ep) && read_headers(r, node, ep) &&
           read_model(r, node, ep) && read_limits(r, node, ep) && read_control(r, node, ep) && read_record(r, node, ep) && read_detect(r, node, ep) && read_schema(r, node, ep);
}

/* ---- the set */

static bool check_unique(const Reader *r, const Json *node, const GatePolicySet *s, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (str_eq(s->endpoints[k].name, s->endpoints[i].name) || str_eq(s->endpoints[k].route, s->endpoints[i].route))
            return bad(r, node, "route", "name or route is taken by another endpoint");
    return true;
}

static bool read_set(Reader *r, const Json *root, GatePolicySet *s)
{
    static const char *const keys[] = { "schema", "name", "listen", "endpoints" };
    Str version;
    if (!only(r, root, keys, len_of(keys), "members") || !text(r, root, "schema", 64, &version))
        return false;
    if (!str_is(version, "moat.gate.policy/1"))
        return bad(r, root, "schema", "is of another version");
    const Json *list = json_get(root, "endpoints");
    if (!text(r, root, "name", 256, &s->name) || !text(r, root, "listen", 256, &s->listen))
        return false;
    if (list == NULL || list->type != JSON_ARRAY || list->count > GATE_ENDPOINTS_MAX)
        return bad(r, root, "endpoints", "wants a list of at most 4096 endpoints");
    s->endpoints = arena_get(r->a, list->count + 1, sizeof *s->endpoints);
    if (s->endpoints == NULL)
        return err_nomem(r->e);
    for (const Json *m = list->first; m != NULL; m = m->next, s->count++)
        if (!read_endpoint(r, m, &s->endpoints[s->count]) || !check_unique(r, m, s, s->count))
            return false;
    return true;
}

GatePolicySet *gate_policy_load(Arena *a, Str bytes, Err *e)
{
    Err            local = { 0 };
    Reader         r = { a, e ? e : &local, S("file") };
    GatePolicySet *s = arena_get(a, 1, sizeof *s);
    if (s == NULL)
        return err_nomem(r.e), NULL;
    if (bytes.n > POLICY_FILE_MAX)
        return err_set(r.e, E_LIMIT, "policy: longer than %d bytes", POLICY_FILE_MAX), NULL;
    Json *root = json_parse(a, bytes, JSON_STRICT, r.e);
    if (root == NULL)
        return err_in(r.e, "policy"), NULL;
    s->digest = sha256(bytes);
    return read_set(&r, root, s) ? s : NULL;
}

const GateEndpoint *gate_policy_find(const GatePolicySet *s, Str name)
{
    for (size_t i = 0; i < s->count; i++)
        if (str_eq(s->endpoints[i].name, name))
            return &s->endpoints[i];
    return NULL;
}

const GateEndpoint *gate_policy_route(const GatePolicySet *s, Str path)
{
    const GateEndpoint *best = NULL;
    for (size_t i = 0; i < s->count; i++) {
        const GateEndpoint *ep = &s->endpoints[i];
        if (str_eq(ep->route, path))
            return ep;
        if (ep->prefix && str_starts(path, ep->route) && (best == NULL || ep->route.n > best->route.n))
            best = ep;
    }
    return best;
}
