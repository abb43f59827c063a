/* schema_words.c - the keywords of JSON Schema 2020-12: one row each, whether we check it or not. */
#include "gate/schema_node.h"

typedef enum {
    WORD_IGNORED, WORD_ROOT, WORD_REFUSED,             /* annotation; the same, but only at the root; not checked by us */
    WORD_COUNT, WORD_BOUND, WORD_SCHEMA, WORD_LIST, WORD_PROPERTIES, WORD_REQUIRED, WORD_TYPE, WORD_ENUM, WORD_CONST, WORD_REF,
    WORD_DEFS,
} WordKind;

typedef struct Word {
    const char *name;
    WordKind    kind;
    size_t      member;                                /* offsetof in Node */
} Word;

#define IN(m) offsetof(Node, m)
static const Word words[] = {
    { "type", WORD_TYPE },
    { "enum", WORD_ENUM },
    { "const", WORD_CONST },
    { "minimum", WORD_BOUND, IN(minimum) },
    { "maximum", WORD_BOUND, IN(maximum) },
    { "exclusiveMinimum", WORD_BOUND, IN(above) },
    { "exclusiveMaximum", WORD_BOUND, IN(below) },
    { "minLength", WORD_COUNT, IN(min_length) },
    { "maxLength", WORD_COUNT, IN(max_length) },
    { "minItems", WORD_COUNT, IN(min_items) },
    { "maxItems", WORD_COUNT, IN(max_items) },
    { "minProperties", WORD_COUNT, IN(min_properties) },
    { "maxProperties", WORD_COUNT, IN(max_properties) },
    { "properties", WORD_PROPERTIES },
    { "required", WORD_REQUIRED },
    { "additionalProperties", WORD_SCHEMA, IN(additional) },
    { "items", WORD_SCHEMA, IN(items) },
    { "prefixItems", WORD_LIST, IN(prefix) },
    { "allOf", WORD_LIST, IN(all) },
    { "anyOf", WORD_LIST, IN(any) },
    { "oneOf", WORD_LIST, IN(one) },
    { "not", WORD_SCHEMA, IN(not) },
    { "$ref", WORD_REF },
    { "$defs", WORD_DEFS },
    { "$schema", WORD_ROOT },
    { "$id", WORD_ROOT },
    { "title", WORD_IGNORED },
    { "description", WORD_IGNORED },
    { "default", WORD_IGNORED },
    { "examples", WORD_IGNORED },
    { "$comment", WORD_IGNORED },
    { "deprecated", WORD_IGNORED },
    { "readOnly", WORD_IGNORED },
    { "writeOnly", WORD_IGNORED },
    { "format", WORD_IGNORED },
    { "pattern", WORD_REFUSED },
    { "patternProperties", WORD_REFUSED },
    { "multipleOf", WORD_REFUSED },
    { "uniqueItems", WORD_REFUSED },
    { "contains", WORD_REFUSED },
    { "minContains", WORD_REFUSED },
    { "maxContains", WORD_REFUSED },
    { "if", WORD_REFUSED },
    { "then", WORD_REFUSED },
    { "else", WORD_REFUSED },
    { "dependentSchemas", WORD_REFUSED },
    { "dependentRequired", WORD_REFUSED },
    { "propertyNames", WORD_REFUSED },
    { "unevaluatedItems", WORD_REFUSED },
    { "unevaluatedProperties", WORD_REFUSED },
    { "contentEncoding", WORD_REFUSED },
    { "contentMediaType", WORD_REFUSED },
    { "contentSchema", WORD_REFUSED },
    { "$anchor", WORD_REFUSED },
    { "$dynamicRef", WORD_REFUSED },
    { "$dynamicAnchor", WORD_REFUSED },
    { "$vocabulary", WORD_REFUSED },
};

/* ---- errors name the place as a JSON Pointer */

static void put_path(Buf *b, const Path *p)
{
    if (p == NULL)
        return;
    put_path(b, p->up);
    buf_byte(b, '/');
    if (p->key.p == NULL)
        buf_printf(b, "%zu", p->index);
    for (size_t i = 0; p->key.p != NULL && i < p->key.n; i++) {
        if (p->key.p[i] == '~' || p->key.p[i] == '/')
            buf_z(b, p->key.p[i] == '~' ? "~0" : "~1");
        else
            buf_byte(b, (uint8_t)p->key.p[i]);
    }
}

bool compile_bad(Compile *c, const Json *v, const Path *path, const char *fmt, ...)
{
    char      what[200];
    va_list   ap;
    defer_buf Buf at = { 0 };
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    put_path(&at, path);
    err_at(c->e, v->at, "#%.*s: %s", at.n < 240 ? (int)at.n : 240, at.p ? at.p : "", what);
    if (c->e != NULL)
        c->e->line = v->line;
    return false;
}

static bool no_room(Compile *c) { return err_set(c->e, E_LIMIT, "the schema is too large"); }

/* ---- one reader for each kind of keyword: n is the node, w its row, v the keyword's value, path leads to v */

static bool read_count(Compile *c, Node *n, const Word *w, const Json *v, const Path *path)
{
    uint64_t *to = (uint64_t *)((char *)n + w->member);
    return json_u64(v, to) || compile_bad(c, v, path, "'%s' wants a whole number of at least 0", w->name);
}

static bool read_bound(Compile *c, Node *n, const Word *w, const Json *v, const Path *path)
{
    Bound *to = (Bound *)((char *)n + w->member);
    if (v->type != JSON_NUMBER || !decimal_of(v->text, &to->d))
        return compile_bad(c, v, path, "'%s' wants a number", w->name);
    to->text = v->text;
    return true;
}

static bool read_schema(Compile *c, Node *n, const Word *w, const Json *v, const Path *path)
{
    uint16_t *to = (uint16_t *)((char *)n + w->member);
    *to = compile_node(c, v, path);
    return *to != NODE_NONE;
}

static bool read_list(Compile *c, Node *n, const Word *w, const Json *v, const Path *path)
{
    NodeList *to = (NodeList *)((char *)n + w->member);
    if (v->type != JSON_ARRAY || v->count == 0)
        return compile_bad(c, v, path, "'%s' wants an array of at least one schema", w->name);
    to->id = arena_get(c->arena, v->count, sizeof *to->id);
    if (to->id == NULL)
        return no_room(c);
    for (const Json *item = v->first; item != NULL; item = item->next, to->n++) {
        to->id[to->n] = compile_node(c, item, &(Path){ path, { NULL, 0 }, to->n });
        if (to->id[to->n] == NODE_NONE)
            return false;
    }
    return true;
}

static Prop *prop_of(Node *n, Str name)
{
    for (size_t i = 0; i < n->prop_count; i++)
        if (str_eq(n->props[i].name, name))
            return &n->props[i];
    n->props[n->prop_count] = (Prop){ name, NODE_NONE, false };
    return &n->props[n->prop_count++];
}

/* `properties` and `required` share the list; whichever comes first makes room for both. */
static bool props_begin(Compile *c, Node *n)
{
    const Json *p = json_get(n->json, "properties"), *r = json_get(n->json, "required");
    if (n->props == NULL)
        n->props = arena_get(c->arena, (p ? p->count : 0) + (r ? r->count : 0) + 1, sizeof *n->props);
    return n->props != NULL || no_room(c);
}

static bool read_properties(Compile *c, Node *n, const Word *w, const Json *v, const Path *path)
{
    if (v->type != JSON_OBJECT)
        return compile_bad(c, v, path, "'%s' wants an object of schemas", w->name);
    if (!props_begin(c, n))
        return false;
    for (const Json *m = v->first; m != NULL; m = m->next) {
        uint16_t id = compile_node(c, m, &(Path){ path, m->key, 0 });
        if (id == NODE_NONE)
            return false;
        prop_of(n, m->key)->node = id;
    }
    return true;
}

static bool read_required(Compile *c, Node *n, const Word *w, const Json *v, const Path *path)
{
    if (v->type != JSON_ARRAY || v->count >= UINT16_MAX)
        return compile_bad(c, v, path, "'%s' wants an array of names", w->name);
    if (!props_begin(c, n))
        return false;
    for (const Json *m = v->first; m != NULL; m = m->next) {
        Prop *p = m->type == JSON_STRING ? prop_of(n, m->text) : NULL;
        if (p == NULL || p->required)
            return compile_bad(c, m, path, "'%s' wants names, each once", w->name);
        p->required = true, n->required++;
    }
    return true;
}

static bool add_type(Compile *c, Node *n, const Json *v, const Path *path)
{
    static const struct {
        const char *name;
        uint8_t     bits;
    } types[] = {
        { "null", 1 << JSON_NULL },     { "boolean", 1 << JSON_TRUE | 1 << JSON_FALSE }, { "number", IS_NUMBER }, { "integer", IS_INTEGER },
        { "string", 1 << JSON_STRING }, { "array", 1 << JSON_ARRAY },                   { "object", 1 << JSON_OBJECT },
    };
    for (size_t i = 0; i < len_of(types); i++)
        if (str_is(json_text(v, S("")), types[i].name))
            return n->types |= types[i].bits, true;
    return compile_bad(c, v, path, "'type' wants null, boolean, number, integer, string, array or object");
}

static bool read_type(Compile *c, Node *n, const Word *w, const Json *v, const Path *path)
{
    (void)w;
    if (v->type != JSON_ARRAY)
        return add_type(c, n, v, path);
    if (v->count == 0)
        return compile_bad(c, v, path, "'type' names no type");
    for (const Json *m = v->first; m != NULL; m = m->next)
        if (!add_type(c, n, m, path))
            return false;
    return true;
}

/* The longest string in a value sets how much of a body's string a run keeps to compare. */
static void note_texts(Schema *s, const Json *v)
{
    if (v->type == JSON_STRING && v->text.n > s->text_max)
        s->text_max = (uint32_t)v->text.n;
    for (const Json *m = v->first; m != NULL; m = m->next)
        note_texts(s, m);
}

static int by_value(const void *a, const void *b) { return literal_cmp(a, b); }

static bool read_values(Compile *c, Node *n, const Json *first, size_t count, const Values **to)
{
    Values *set = arena_get(c->arena, 1, sizeof *set);
    if (set == NULL || (set->v = arena_get(c->arena, count + 1, sizeof *set->v)) == NULL)
        return no_room(c);
    for (const Json *m = first; set->n < count; m = m->next) {
        set->v[set->n++] = literal_of(c->s->key, m);
        n->composite |= m->type == JSON_ARRAY || m->type == JSON_OBJECT;
        note_texts(c->s, m);
    }
    qsort(set->v, set->n, sizeof *set->v, by_value);
    c->s->composite |= n->composite;
    *to = set;
    return true;
}

static bool read_enum(Compile *c, Node *n, const Word *w, const Json *v, const Path *path)
{
    if (v->type != JSON_ARRAY)
        return compile_bad(c, v, path, "'%s' wants an array of values", w->name);
    return read_values(c, n, v->first, v->count, &n->among);
}

static bool read_const(Compile *c, Node *n, const Word *w, const Json *v, const Path *path)
{
    (void)w, (void)path;
    return read_values(c, n, v, 1, &n->exactly);
}

static bool read_defs(Compile *c, Node *n, const Word *w, const Json *v, const Path *path)
{
    (void)n;
    if (v->type != JSON_OBJECT)
        return compile_bad(c, v, path, "'%s' wants an object of schemas", w->name);
    for (const Json *m = v->first; m != NULL; m = m->next)
        if (compile_node(c, m, &(Path){ path, m->key, 0 }) == NODE_NONE)
            return false;
    return true;
}

/* $ref is resolved when all nodes are known. */
static bool read_ref(Compile *c, Node *n, const Word *w, const Json *v, const Path *path)
{
    (void)n;
    if (v->type != JSON_STRING || !str_starts(v->text, S("#")) || (v->text.n > 1 && v->text.p[1] != '/')) {
        compile_bad(c, v, path, "'%s' wants \"#\" or a JSON Pointer within this schema, \"#/$defs/...\"", w->name);
        return err_hint(c->e, "put the schema it means under $defs: nothing is fetched");
    }
    return true;
}

static bool read_root(Compile *c, Node *n, const Word *w, const Json *v, const Path *path)
{
    static const char draft[] = "https://json-schema.org/draft/2020-12/schema";
    Str               uri = json_text(v, S(""));
    if (n->json != c->root)
        return compile_bad(c, v, path, "'%s' is only understood at the root", w->name);
    if (v->type != JSON_STRING)
        return compile_bad(c, v, path, "'%s' wants a URI", w->name);
    if (str_is(str("$schema"), w->name) && !str_is(uri, draft) && !(str_starts(uri, str(draft)) && str_is(str_from(uri, sizeof draft - 1), "#"))) {
        compile_bad(c, v, path, "only JSON Schema 2020-12 is understood");
        return err_hint(c->e, "\"$schema\": \"%s\"", draft);
    }
    return true;
}

static bool read_nothing(Compile *c, Node *n, const Word *w, const Json *v, const Path *path)
{
    (void)c, (void)n, (void)w, (void)v, (void)path;
    return true;
}

static bool read_refused(Compile *c, Node *n, const Word *w, const Json *v, const Path *path)
{
    (void)n;
    compile_bad(c, v, path, "the keyword '%s' is not supported, and ignoring it would let through what it forbids", w->name);
    return err_hint(c->e, "take '%s' out of the schema", w->name);
}

/* ---- nodes */

static const Word *word_of(Str name)
{
    for (size_t i = 0; i < len_of(words); i++)
        if (str_is(name, words[i].name))
            return &words[i];
    return NULL;
}

static bool unknown(Compile *c, const Json *m, const Path *path)
{
    const char *names[len_of(words)], *guess;
    for (size_t i = 0; i < len_of(words); i++)
        names[i] = words[i].name;
    compile_bad(c, m, path, "'%.*s' is no keyword of JSON Schema 2020-12", m->key.n < 80 ? (int)m->key.n : 80, m->key.p);
    guess = str_is(m->key, "definitions") ? "$defs" : nearest_word(m->key, names, len_of(names));
    return guess != NULL ? err_hint(c->e, "did you mean '%s'?", guess) : err_hint(c->e, "take it out, or say it in '$comment'");
}

static int by_name(const void *a, const void *b) { return str_cmp(((const Prop *)a)->name, ((const Prop *)b)->name); }

static bool read_words(Compile *c, Node *n, const Json *v, const Path *path)
{
    static bool (*const read[])(Compile *, Node *, const Word *, const Json *, const Path *) = {
        [WORD_IGNORED] = read_nothing,   [WORD_ROOT] = read_root,           [WORD_REFUSED] = read_refused, [WORD_COUNT] = read_count,
        [WORD_BOUND] = read_bound,       [WORD_SCHEMA] = read_schema,       [WORD_LIST] = read_list,       [WORD_PROPERTIES] = read_properties,
        [WORD_REQUIRED] = read_required, [WORD_TYPE] = read_type,           [WORD_ENUM] = read_enum,       [WORD_CONST] = read_const,
        [WORD_REF] = read_ref,           [WORD_DEFS] = read_defs,
    };
    for (const Json *m = v->first; m != NULL; m = m->next) {
        Path        at = { path, m->key, 0 };
        const Word *w = word_of(m->key);
        if (w == NULL)
            return unknown(c, m, &at);
        if (!read[w->kind](c, n, w, m, &at))
            return false;
    }
    if (n->prop_count > 0)
        qsort(n->props, n->prop_count, sizeof *n->props, by_name);
    return true;
}

uint16_t compile_node(Compile *c, const Json *v, const Path *path)
{
    uint32_t id = c->s->count;
    Node    *n = &c->s->nodes[id];
    if (v->type != JSON_OBJECT && v->type != JSON_TRUE && v->type != JSON_FALSE)
        return compile_bad(c, v, path, "a schema is an object, true or false"), NODE_NONE;
    if (id == c->capacity)
        return no_room(c), NODE_NONE;
    c->s->count++;
    *n = (Node){
        .json = v, .kind = v->type == JSON_OBJECT ? NODE_RULES : v->type == JSON_TRUE ? NODE_TRUE : NODE_FALSE,
        .max_length = UINT64_MAX, .max_items = UINT64_MAX, .max_properties = UINT64_MAX,
        .additional = NODE_NONE, .items = NODE_NONE, .not = NODE_NONE, .ref = NODE_NONE,
    };
    return v->type != JSON_OBJECT || read_words(c, n, v, path) ? (uint16_t)id : (uint16_t)NODE_NONE;
}
