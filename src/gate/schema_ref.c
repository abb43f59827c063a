/* schema_ref.c - $ref: a JSON Pointer in a URI fragment (RFC 6901 s6), resolved when all nodes are known. */
#include "gate/schema_node.h"

static int hex_of(char c) { return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1; }

static bool unpercent(Arena *a, Str s, Str *out)
{
    char  *to = arena_get(a, s.n + 1, 1);
    size_t n = 0;
    for (size_t i = 0; to != NULL && i < s.n; i++) {
        bool percent = s.p[i] == '%';
        if (percent && (s.n - i < 3 || hex_of(s.p[i + 1]) < 0 || hex_of(s.p[i + 2]) < 0))
            return false;
        to[n++] = percent ? (char)(hex_of(s.p[i + 1]) * 16 + hex_of(s.p[i + 2])) : s.p[i];
        i += percent ? 2 : 0;
    }
    *out = (Str){ to, n };
    return to != NULL;
}

static bool token_is(Str token, Str key)
{
    size_t k = 0;
    for (size_t i = 0; i < token.n; i++, k++) {
        char c = token.p[i];
        if (c == '~' && i + 1 < token.n && (token.p[i + 1] == '0' || token.p[i + 1] == '1'))
            c = token.p[++i] == '0' ? '~' : '/';
        if (k == key.n || key.p[k] != c)
            return false;
    }
    return k == key.n;
}

static const Json *step_to(const Json *v, Str token)
{
    uint64_t i;
    if (v->type == JSON_ARRAY)
        return str_u64(token, &i) && (token.n == 1 || token.p[0] != '0') ? json_at(v, i) : NULL;
    for (const Json *m = v->type == JSON_OBJECT ? v->first : NULL; m != NULL; m = m->next)
        if (token_is(token, m->key))
            return m;
    return NULL;
}

static const Json *pointed(Compile *c, Str pointer)
{
    const Json *v = c->root;
    Str         token, rest;
    if (!unpercent(c->arena, str_from(pointer, 1), &rest))
        return NULL;
    if (rest.n == 0)
        return v;
    for (bool more = str_cut(rest, '/', &token, &rest); more && v != NULL;) {
        more = str_cut(rest, '/', &token, &rest);
        v = step_to(v, token);
    }
    return v;
}

/* Nodes were made in the order of the text, so they are sorted by place. */
static uint16_t node_at(const Schema *s, const Json *v)
{
    size_t lo = 0, hi = s->count;
    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;
        if (s->nodes[mid].json->at <= v->at)
            lo = mid;
        else
            hi = mid;
    }
    return s->nodes[lo].json == v ? (uint16_t)lo : (uint16_t)NODE_NONE;
}

bool compile_refs(Compile *c)
{
    for (uint32_t i = 0; i < c->s->count; i++) {
        Node       *n = &c->s->nodes[i];
        const Json *ref = n->kind == NODE_RULES ? json_get(n->json, "$ref") : NULL, *to = ref ? pointed(c, ref->text) : NULL;
        if (ref == NULL)
            continue;
        n->ref = to ? node_at(c->s, to) : (uint16_t)NODE_NONE;
        if (n->ref == NODE_NONE)
            return compile_bad(c, ref, &(Path){ NULL, S("$ref"), 0 }, "\"%.*s\" leads to no schema", ref->text.n < 120 ? (int)ref->text.n : 120,
                               ref->text.p);
    }
    return true;
}
