/* gate.c - the request's head: path, route, method, key, content type, length, limits.  See gate.h; the body is in
 * body.c, the answer in response.c. */
#include "gate/gate.h"
#include "gate/media.h"

/* ---- what may be asked */

static bool check_route(const GateEndpoint *ep, const GateRequest *r, GateVerdict *v)
{
    v->checks |= CHECK_PATH;
    if (!path_is_plain(r->raw_path, r->path))
        return gate_refuse(v, GATE_PATH);
    v->checks |= CHECK_ROUTE;
    if (ep == NULL || !(str_eq(r->path, ep->route) || (ep->prefix && str_starts(r->path, ep->route))))
        return gate_refuse(v, GATE_ROUTE);
    v->checks |= CHECK_METHOD;
    for (size_t i = 0; i < ep->methods.n; i++)
        if (str_eq(ep->methods.v[i], r->method))
            return true;
    return gate_refuse(v, GATE_METHOD);
}

/* Explanations hold gradients: with them, scores can be computed back. */
static bool check_explain(const GateEndpoint *ep, const GateRequest *r, GateVerdict *v)
{
    bool rows = ep->format == FORMAT_TF || ep->format == FORMAT_V1;
    if (rows && respctl_on(&ep->control) && str_ends(r->path, S(":explain")))
        return gate_refuse(v, GATE_EXPLAIN);
    return true;
}

/* ---- who asks */

/* The one credential in the headers that the endpoint reads. */
static GateReason find_credential(const GateEndpoint *ep, const GateRequest *r, Str *token)
{
    bool found = false;
    *token = (Str){ 0 };
    if (r->credential_count > GATE_CREDENTIALS_MAX)
        return GATE_KEY_TWICE;
    for (size_t i = 0; i < r->credential_count; i++) {
        const GateCredential *c = &r->credentials[i];
        if (!(c->header & ep->key_headers) || str_trim(c->value).n == 0)
            continue;
        Str t = c->header == KEY_IN_AUTHORIZATION ? bearer_token(c->value) : str_trim(c->value);
        if (found && !str_eq(t, *token))
            return GATE_KEY_TWICE;
        found = true, *token = t;
    }
    return found ? GATE_OK : GATE_NO_KEY;
}

static bool check_key(const GateEnv *env, const GateEndpoint *ep, const GateRequest *r, KeyRecord *key, GateVerdict *v)
{
    Str    token;
    KeyUse use = { ep->scope, ep->model, gate_method(r->method), r->address, r->address_len, r->now_s };
    if (!ep->keys_required)
        return true;
    v->checks |= CHECK_KEY;
    if (token_within(r->query))
        return gate_refuse(v, GATE_KEY_IN_QUERY);
    GateReason reason = find_credential(ep, r, &token);
    if (reason != GATE_OK)
        return gate_refuse(v, reason);
    if (env->keys == NULL)
        return gate_refuse(v, GATE_KEYS_ABSENT);
    reason = gate_key_check(env->keys, token, &use, key);
    memcpy(v->key_id, key->id, sizeof v->key_id);
    v->org = key->org;
    return reason == GATE_OK || gate_refuse(v, reason);
}

/* ---- what comes along */

static bool must_have_body(Str method) { return str_is(method, "POST") || str_is(method, "PUT") || str_is(method, "PATCH"); }

bool gate_wants_body(const GateRequest *r) { return r->content_length != 0 || must_have_body(r->method); }

static bool check_body_headers(const GateEndpoint *ep, const GateRequest *r, GateVerdict *v)
{
    if (!gate_wants_body(r))
        return true;
    if (r->content_length == 0)
        return gate_refuse(v, GATE_NO_BODY);
    v->checks |= CHECK_TYPE;
    if (!media_listed(r->content_type, &ep->content_types))
        return gate_refuse(v, GATE_TYPE);
    if (!encoding_is_identity(r->content_encoding))
        return gate_refuse(v, GATE_ENCODING);
    v->checks |= CHECK_SIZE;
    if (r->content_length > 0 && (uint64_t)r->content_length > ep->max_body)
        return gate_refuse(v, GATE_TOO_LARGE);
    return true;
}

/* ---- how often */

typedef struct Charged {
    SlotRef ref;
    Gcra    g;
} Charged;

/* An IPv6 client owns a /64 at least; counting single addresses would count nothing. */
static Str limit_subject(const GateLimit *l, const GateRequest *r, const KeyRecord *key)
{
    if (l->per_key)
        return (Str){ key->id, TOKEN_ID };
    return (Str){ (const char *)r->address, r->address_len == 16 ? 8 : r->address_len };
}

static uint64_t whole_seconds(uint64_t ns) { return ns / 1000000000 + (ns % 1000000000 != 0); }

static void note_limit(GateVerdict *v, const GateLimit *l, Gcra g, const GcraAnswer *a)
{
    bool own = g.t_ns != l->g.t_ns || g.tau_ns != l->g.tau_ns;
    v->limits[v->limit_count++] = (GateLimitState){
        .name = l->name, .quota = own ? g.tau_ns / g.t_ns : l->quota, .window_s = own ? whole_seconds(g.tau_ns) : l->window_s,
        .remaining = a->remaining, .violated = a->result != GCRA_ALLOW,
        .reset_s = whole_seconds(a->result == GCRA_ALLOW ? a->reset_ns : a->retry_after_ns),
    };
}

static bool deny(const GateEnv *env, const Charged *charged, size_t n, const GcraAnswer *a, GateVerdict *v)
{
    for (size_t i = 0; i < n; i++) {
        slots_refund(env->slots, &charged[i].ref, charged[i].g, v->cost);
        v->limits[i].remaining += v->cost;
    }
    v->delay_ns = 0;
    if (a->result == GCRA_NEVER)
        return gate_refuse(v, GATE_COST);
    v->retry_after_s = whole_seconds(a->retry_after_ns);
    if (v->retry_after_s == 0)
        v->retry_after_s = 1;
    return gate_refuse(v, GATE_LIMIT);
}

/* All limits are charged or none. */
static bool check_limits(const GateEnv *env, const GateEndpoint *ep, const GateRequest *r, const KeyRecord *key, GateVerdict *v)
{
    Charged charged[GATE_LIMITS_MAX];
    bool    own = key->t_ns != 0 && key->tau_ns != 0;  /* the key's own rate, for the first limit per key */
    if (ep->limit_count == 0)
        return true;
    if (env->slots == NULL)
        return gate_refuse(v, GATE_INTERNAL);
    v->checks |= CHECK_LIMIT;
    for (size_t i = 0; i < ep->limit_count; i++) {
        const GateLimit *l = &ep->limits[i];
        charged[i].g = own && l->per_key ? (Gcra){ key->t_ns, key->tau_ns } : l->g;
        own &= !l->per_key;
        uint64_t   subject = slots_key(env->slots, l->seed, limit_subject(l, r, key));
        GcraAnswer a = slots_charge(env->slots, subject, charged[i].g, r->now_ns, v->cost, &charged[i].ref);
        note_limit(v, l, charged[i].g, &a);
        if (a.result != GCRA_ALLOW)
            return deny(env, charged, i, &a, v);
        if (!l->nodelay && a.ahead_ns > v->delay_ns)
            v->delay_ns = a.ahead_ns;
    }
    return true;
}

static bool is_recorded(const RecordPolicy *p, uint64_t chance)
{
    if (p->features != RECORD_SAMPLED)
        return p->features == RECORD_ALL;
    return (double)(chance >> 11) * 0x1p-53 < p->share;
}

bool gate_head(const GateEnv *env, const GateEndpoint *ep, const GateRequest *r, GateVerdict *v)
{
    KeyRecord key = { 0 };
    *v = (GateVerdict){ .cost = 1, .record = ep != NULL && is_recorded(&ep->record, r->chance) };
    return check_route(ep, r, v) && check_explain(ep, r, v) && check_key(env, ep, r, &key, v) && check_body_headers(ep, r, v) &&
           check_limits(env, ep, r, &key, v);
}
