/* A schema and a body, drawn from the input: the run's verdict must be that of a plain tree-walking validator, and must
 * not depend on how the body is cut.  The reference below is written to be obviously right, not fast. */
#include "base/rng.h"
#include "format/decimal.h"
#include "format/json.h"
#include "gate/schema.h"

/* ---- the reference */

static bool equal(const Json *a, const Json *b);

static bool equal_members(const Json *a, const Json *b)
{
    for (const Json *m = a->first; m != NULL; m = m->next) {
        const Json *other = NULL;
        for (const Json *o = b->first; o != NULL; o = o->next)
            if (str_eq(o->key, m->key))
                other = o;
        if (other == NULL || !equal(m, other))
            return false;
    }
    return true;
}

static int compare(const Json *a, const Json *b)
{
    Decimal x, y;
    if (!decimal_of(a->text, &x) || !decimal_of(b->text, &y))
        abort();
    return decimal_cmp(&x, &y);
}

static bool equal(const Json *a, const Json *b)
{
    if (a->type != b->type || a->count != b->count)
        return false;
    if (a->type == JSON_NUMBER)
        return compare(a, b) == 0;
    if (a->type == JSON_OBJECT)
        return equal_members(a, b);
    for (const Json *x = a->first, *y = b->first; x != NULL; x = x->next, y = y->next)
        if (!equal(x, y))
            return false;
    return str_eq(a->text, b->text);
}

static bool has_type(const Json *v, Str name)
{
    static const char *const names[] = { "null", "boolean", "boolean", "number", "string", "array", "object" };
    Decimal                  d;
    if (str_is(name, "integer"))
        return v->type == JSON_NUMBER && decimal_of(v->text, &d) && decimal_whole(&d);
    return str_is(name, names[v->type]);
}

static uint64_t points(Str s)
{
    uint64_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((uint8_t)s.p[i] & 0xC0) != 0x80;
    return n;
}

static const Json *member(const Json *object, Str name)
{
    for (const Json *m = object && object->type == JSON_OBJECT ? object->first : NULL; m != NULL; m = m->next)
        if (str_eq(m->key, name))
            return m;
    return NULL;
}

static bool valid(const Json *root, const Json *s, const Json *v);

static bool count_in(const Json *s, const char *min, const char *max, uint64_t n)
{
    uint64_t limit;
    return !(json_u64(json_get(s, min), &limit) && n < limit) && !(json_u64(json_get(s, max), &limit) && n > limit);
}

static bool valid_number(const Json *s, const Json *v)
{
    const Json *b;
    return !((b = json_get(s, "minimum")) && compare(v, b) < 0) && !((b = json_get(s, "maximum")) && compare(v, b) > 0) &&
           !((b = json_get(s, "exclusiveMinimum")) && compare(v, b) <= 0) && !((b = json_get(s, "exclusiveMaximum")) && compare(v, b) >= 0);
}

static bool valid_object(const Json *root, const Json *s, const Json *v)
{
    const Json *names = json_get(s, "required"), *additional = json_get(s, "additionalProperties");
    for (const Json *r = names ? names->first : NULL; r != NULL; r = r->next)
        if (member(v, r->text) == NULL)
            return false;
    for (const Json *m = v->first; m != NULL; m = m->next) {
        const Json *p = member(json_get(s, "properties"), m->key);
        p = p ? p : additional;
        if (p != NULL && !valid(root, p, m))
            return false;
    }
    return count_in(s, "minProperties", "maxProperties", v->count);
}

static bool valid_array(const Json *root, const Json *s, const Json *v)
{
    size_t i = 0;
    for (const Json *m = v->first; m != NULL; m = m->next, i++) {
        const Json *p = json_at(json_get(s, "prefixItems"), i);
        p = p ? p : json_get(s, "items");
        if (p != NULL && !valid(root, p, m))
            return false;
    }
    return count_in(s, "minItems", "maxItems", v->count);
}

static size_t how_many(const Json *root, const Json *list, const Json *v)
{
    size_t n = 0;
    for (const Json *s = list ? list->first : NULL; s != NULL; s = s->next)
        n += valid(root, s, v);
    return n;
}

static bool valid_combined(const Json *root, const Json *s, const Json *v)
{
    const Json *l, *ref = json_get(s, "$ref");
    if (ref && !valid(root, str_is(ref->text, "#") ? root : member(json_get(root, "$defs"), str_from(ref->text, 8)), v))
        return false;
    if ((l = json_get(s, "allOf")) && how_many(root, l, v) != l->count)
        return false;
    if ((l = json_get(s, "anyOf")) && how_many(root, l, v) == 0)
        return false;
    if ((l = json_get(s, "oneOf")) && how_many(root, l, v) != 1)
        return false;
    return !((l = json_get(s, "not")) && valid(root, l, v));
}

static bool valid_type(const Json *type, const Json *v)
{
    if (type->type == JSON_STRING)
        return has_type(v, type->text);
    for (const Json *t = type->first; t != NULL; t = t->next)
        if (has_type(v, t->text))
            return true;
    return false;
}

static bool among(const Json *list, const Json *v)
{
    for (const Json *m = list->first; m != NULL; m = m->next)
        if (equal(m, v))
            return true;
    return false;
}

static bool valid(const Json *root, const Json *s, const Json *v)
{
    const Json *k;
    if (s->type != JSON_OBJECT)
        return s->type == JSON_TRUE;
    if (((k = json_get(s, "type")) && !valid_type(k, v)) || ((k = json_get(s, "enum")) && !among(k, v)) ||
        ((k = json_get(s, "const")) && !equal(k, v)))
        return false;
    if (v->type == JSON_NUMBER && !valid_number(s, v))
        return false;
    if (v->type == JSON_STRING && !count_in(s, "minLength", "maxLength", points(v->text)))
        return false;
    if ((v->type == JSON_OBJECT && !valid_object(root, s, v)) || (v->type == JSON_ARRAY && !valid_array(root, s, v)))
        return false;
    return valid_combined(root, s, v);
}

/* ---- drawing a schema and a body from bytes, small alphabets so that they meet */

typedef struct Draw {
    const uint8_t *p;
    size_t         n;
    Buf            out;
    int            room;                               /* how many more values may be written */
} Draw;

static unsigned draw(Draw *d, unsigned below)
{
    if (d->n == 0)
        return 0;
    d->n--;
    return *d->p++ % below;
}

static const char *pick(Draw *d, const char *const *words, size_t n) { return words[draw(d, (unsigned)n)]; }

static const char *key_of(Draw *d)
{
    static const char *const names[] = { "a", "b", "c", "__proto__", "\\u0061", "a/~b", "", "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk" };
    return pick(d, names, len_of(names));
}

static const char *scalar_of(Draw *d)
{
    static const char *const words[] = { "0",   "1",     "1.0",  "-1",   "2",      "10e-1", "0.5", "1e2", "-0", "1.00000000000000000001", "null", "true",
                                         "false", "\"\"", "\"a\"", "\"\\u0061\"", "\"ab\"", "\"\\ud83d\\ude00\"", "\"\xC3\xA9\"", "\"abcdefgh\"", "3", "100" };
    return pick(d, words, len_of(words));
}

static void value(Draw *d, int depth)
{
    unsigned kind = draw(d, 4), n = kind < 2 ? 0 : draw(d, 4);
    if (kind < 2 || depth > 6 || --d->room < 0) {
        buf_z(&d->out, scalar_of(d));
        return;
    }
    buf_byte(&d->out, kind == 2 ? '[' : '{');
    for (unsigned i = 0; i < n; i++) {
        buf_z(&d->out, i ? ", " : "");
        if (kind == 3)
            buf_printf(&d->out, "\"%s\":", key_of(d));
        value(d, depth + 1);
    }
    buf_byte(&d->out, kind == 2 ? ']' : '}');
}

static void schema(Draw *d, int depth);

static void list_of(Draw *d, int depth, void (*item)(Draw *, int))
{
    unsigned n = 1 + draw(d, 3);
    buf_byte(&d->out, '[');
    for (unsigned i = 0; i < n; i++) {
        buf_z(&d->out, i ? "," : "");
        item(d, depth + 1);
    }
    buf_byte(&d->out, ']');
}

static void name(Draw *d, int depth) { (void)depth, buf_printf(&d->out, "\"%s\"", key_of(d)); }

static void type_word(Draw *d, int depth)
{
    static const char *const types[] = { "null", "boolean", "number", "integer", "string", "array", "object" };
    (void)depth, buf_printf(&d->out, "\"%s\"", pick(d, types, len_of(types)));
}

static void named(Draw *d, int depth, const char *prefix, unsigned n)
{
    buf_byte(&d->out, '{');
    for (unsigned i = 0; i < n; i++) {
        if (prefix)
            buf_printf(&d->out, "%s\"%s%u\":", i ? "," : "", prefix, i);
        else
            buf_printf(&d->out, "%s\"%s\":", i ? "," : "", key_of(d));
        schema(d, depth + 1);
    }
    buf_byte(&d->out, '}');
}

static void keyword(Draw *d, int depth)
{
    static const char *const bounds[] = { "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum" };
    static const char *const counts[] = { "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties" };
    static const char *const lists[] = { "allOf", "anyOf", "oneOf", "prefixItems" };
    static const char *const ones[] = { "not", "items", "additionalProperties" };
    static const char *const numbers[] = { "0", "1", "-1", "0.5", "1.0", "2", "1e1", "1.00000000000000000001" };
    switch (draw(d, 10)) {
    case 0:  buf_z(&d->out, "\"type\":"), type_word(d, 0); break;
    case 1:  buf_printf(&d->out, "\"%s\":%s", pick(d, bounds, len_of(bounds)), pick(d, numbers, len_of(numbers))); break;
    case 2:  buf_printf(&d->out, "\"%s\":%u", pick(d, counts, len_of(counts)), draw(d, 4)); break;
    case 3:  buf_printf(&d->out, "\"%s\":", pick(d, lists, len_of(lists))), list_of(d, depth, schema); break;
    case 4:  buf_printf(&d->out, "\"%s\":", pick(d, ones, len_of(ones))), schema(d, depth + 1); break;
    case 5:  buf_z(&d->out, "\"properties\":"), named(d, depth, NULL, 1 + draw(d, 3)); break;
    case 6:  buf_z(&d->out, "\"required\":"), list_of(d, depth, name); break;
    case 7:  buf_z(&d->out, "\"enum\":"), list_of(d, 0, value); break;
    case 8:  buf_z(&d->out, "\"const\":"), value(d, 0); break;
    default: buf_printf(&d->out, "\"$ref\":\"%s\"", (const char *[]){ "#", "#/$defs/0", "#/$defs/1", "#/$defs/2" }[draw(d, 4)]); break;
    }
}

static void schema(Draw *d, int depth)
{
    unsigned kind = draw(d, 12), n = 1 + draw(d, 3);
    if (kind == 0 || depth > 5 || --d->room < 0) {
        buf_z(&d->out, draw(d, 2) ? "true" : "false");
        return;
    }
    buf_byte(&d->out, '{');
    if (depth == 0)
        buf_z(&d->out, "\"$defs\":"), named(d, 0, "", 3), buf_byte(&d->out, ',');
    for (unsigned i = 0; i < n; i++) {
        buf_z(&d->out, i ? "," : "");
        keyword(d, depth);
    }
    buf_byte(&d->out, '}');
}

/* ---- the two against each other */

static bool run(const Schema *s, Str body, size_t piece, SchemaFault *f)
{
    void      *memory = malloc(schema_state_size(s));
    bool       ok = true;
    memset(memory, 0xA5, schema_state_size(s));
    SchemaRun *r = schema_begin(s, memory);
    while (ok && body.n > 0) {
        size_t n = piece < body.n ? piece : body.n;
        ok = schema_feed(r, (Str){ body.p, n }, f);
        body = str_from(body, n);
    }
    ok = ok && schema_end(r, f);
    free(memory);
    return ok;
}

static bool differ(const SchemaFault *a, const SchemaFault *b)
{
    return a->at != b->at || a->keyword != b->keyword || strcmp(a->pointer, b->pointer) != 0 || strcmp(a->why, b->why) != 0;
}

static void judge(const Schema *s, const Json *root, Str body, Arena *a)
{
    SchemaFault whole = { 0 }, cut = { 0 };
    Err         e = { 0 };
    const Json *v = json_parse(a, body, JSON_STRICT, &e);
    bool        ok = run(s, body, body.n ? body.n : 1, &whole), want = v != NULL && valid(root, root, v);
    if (e.code == E_LIMIT)
        return;
    if (ok != want || (v != NULL && !ok && whole.keyword == NULL)) {
        fprintf(stderr, "body %.*s: run %d, reference %d (%s %s)\n", STR(body), ok, want, whole.keyword ? whole.keyword : "", whole.why);
        abort();
    }
    for (size_t piece = 1; piece <= 7; piece += 3)
        if (run(s, body, piece, &cut) != ok || (!ok && differ(&whole, &cut)))
            abort();
    if (!ok && whole.at > body.n)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Draw               d = { data, size, { 0 }, 60 };
    defer_arena Arena *a = arena_new(64 << 20);
    Err                e = { 0 };
    if (size > 0 && data[0] == 0xFF) {                 /* the rest is a schema as it stands: it compiles or says why */
        Schema *s = schema_compile(a, (Str){ (const char *)data + 1, size - 1 }, &e);
        if ((s == NULL) == (e.message[0] == '\0') || e.at > size)
            abort();
        return 0;
    }
    schema(&d, 0);
    Str text = arena_str(a, buf_view(&d.out));
    const Json *root = json_parse(a, text, JSON_STRICT, &e);
    Schema     *s = root ? schema_compile(a, text, &e) : NULL;
    for (int i = 0; s != NULL && i < 6; i++) {
        d.out.n = 0, d.room = 30;
        value(&d, 0);
        judge(s, root, buf_view(&d.out), a);
    }
    buf_free(&d.out);
    return 0;
}
