/* schema_check.c - what one node says of one value, and how a refusal is told. */
#include "gate/schema_run.h"

/* ---- the place of a fault */

static void path_put(char *path, uint16_t *n, Str s)
{
    if (*n > SCHEMA_POINTER - 4)                       /* space for "..." and the NUL */
        return;
    if (s.n > SCHEMA_POINTER - 4 - (size_t)*n) {
        memcpy(path + *n, "...", 4);
        *n = SCHEMA_POINTER;                           /* full: shown, and nothing is added */
        return;
    }
    memcpy(path + *n, s.p, s.n);
    *n = (uint16_t)(*n + s.n), path[*n] = '\0';
}

void path_key(char *path, uint16_t *n, Str key)
{
    path_put(path, n, S("/"));
    for (size_t i = 0, run; i < key.n; i += run) {
        for (run = 0; i + run < key.n && key.p[i + run] != '~' && key.p[i + run] != '/';)
            run++;
        path_put(path, n, (Str){ key.p + i, run });
        if (i + run < key.n)
            path_put(path, n, key.p[i + run] == '~' ? S("~0") : S("~1")), run++;
    }
}

void path_index(char *path, uint16_t *n, uint64_t i)
{
    char text[24];
    path_put(path, n, (Str){ text, (size_t)snprintf(text, sizeof text, "/%" PRIu64, i) });
}

bool task_fail(SchemaRun *r, Task *t, Place p, const char *keyword, const char *fmt, ...)
{
    SchemaFault *f = r->fault;
    uint16_t     n = r->path_n;
    va_list      ap;
    t->failed = true;
    if (!t->must)
        return true;
    f->keyword = keyword, f->at = p.at;
    memcpy(f->pointer, r->path, sizeof f->pointer);
    if (n < SCHEMA_POINTER)
        f->pointer[n] = '\0';
    if (p.array != NULL)
        path_index(f->pointer, &n, p.array->count - 1);
    va_start(ap, fmt);
    vsnprintf(f->why, sizeof f->why, fmt, ap);
    va_end(ap);
    return false;
}

/* ---- checks */

static const char *type_name(JsonType t)
{
    static const char *const names[] = { "null", "a boolean", "a boolean", "a number", "a string", "an array", "an object" };
    return names[t];
}

bool task_check_type(SchemaRun *r, Task *t, const JsonEvent *ev, const Decimal *number)
{
    const Node *n = &r->s->nodes[t->node];
    Place       p = { ev->at, array_around(r, ev->depth) };
    unsigned    is = 1u << ev->type;
    if (n->kind == NODE_FALSE)
        return task_fail(r, t, p, "false", "no value is allowed here");
    if (n->types == 0 || n->types & is)
        return true;
    if (ev->type == JSON_NUMBER && n->types & IS_INTEGER)
        return decimal_whole(number) || task_fail(r, t, p, "type", "a number with a fraction where a whole number belongs");
    return task_fail(r, t, p, "type", "%s is not allowed here", type_name(ev->type));
}

static bool check_number(SchemaRun *r, Task *t, const Node *n, Place p, const Decimal *d)
{
    if (n->minimum.text.p && decimal_cmp(d, &n->minimum.d) < 0 && !task_fail(r, t, p, "minimum", "less than %.*s", STR(n->minimum.text)))
        return false;
    if (n->maximum.text.p && decimal_cmp(d, &n->maximum.d) > 0 && !task_fail(r, t, p, "maximum", "more than %.*s", STR(n->maximum.text)))
        return false;
    if (n->above.text.p && decimal_cmp(d, &n->above.d) <= 0 && !task_fail(r, t, p, "exclusiveMinimum", "not above %.*s", STR(n->above.text)))
        return false;
    if (n->below.text.p && decimal_cmp(d, &n->below.d) >= 0 && !task_fail(r, t, p, "exclusiveMaximum", "not below %.*s", STR(n->below.text)))
        return false;
    return true;
}

static bool check_count(SchemaRun *r, Task *t, Place p, uint64_t count, uint64_t min, uint64_t max, const char *const words[static 3])
{
    if (count < min)
        return task_fail(r, t, p, words[0], "fewer than %" PRIu64 " %s", min, words[2]);
    if (count > max)
        return task_fail(r, t, p, words[1], "more than %" PRIu64 " %s", max, words[2]);
    return true;
}

static bool check_members(SchemaRun *r, Task *t, const Node *n, Place p, const Frame *f)
{
    static const char *const members[] = { "minProperties", "maxProperties", "members" };
    static const char *const elements[] = { "minItems", "maxItems", "elements" };
    if (f->type == JSON_ARRAY)
        return check_count(r, t, p, f->count, n->min_items, n->max_items, elements);
    if (t->missing > 0 && !task_fail(r, t, p, "required", "%u required %s missing", t->missing, t->missing == 1 ? "member is" : "members are"))
        return false;
    return check_count(r, t, p, f->count, n->min_properties, n->max_properties, members);
}

static size_t met(const SchemaRun *r, NodeList l)
{
    size_t k = 0;
    for (size_t i = 0; i < l.n; i++)
        k += bit(r->valid, l.id[i]);
    return k;
}

static bool check_combined(SchemaRun *r, Task *t, const Node *n, Place p)
{
    if (n->ref != NODE_NONE && !bit(r->valid, n->ref))
        return task_fail(r, t, p, "$ref", "not what the referenced schema allows");
    if (met(r, n->all) < n->all.n)
        return task_fail(r, t, p, "allOf", "not what all of the schemas allow");
    if (n->any.n > 0 && met(r, n->any) == 0)
        return task_fail(r, t, p, "anyOf", "not what any of the schemas allows");
    if (n->one.n > 0 && met(r, n->one) != 1)
        return task_fail(r, t, p, "oneOf", "%zu of the schemas allow it where exactly one must", met(r, n->one));
    if (n->not != NODE_NONE && bit(r->valid, n->not))
        return task_fail(r, t, p, "not", "what the schema excludes");
    return true;
}

bool task_check(SchemaRun *r, Task *t, Place p, const Frame *f, const Literal *value)
{
    static const char *const points[] = { "minLength", "maxLength", "characters" };
    const Node              *n = &r->s->nodes[t->node];
    bool                     go = true;
    if (n->among && !values_have(n->among, value))
        go = task_fail(r, t, p, "enum", "none of the %zu values", n->among->n);
    else if (n->exactly && !values_have(n->exactly, value))
        go = task_fail(r, t, p, "const", "not the one value");
    else if (value->type == JSON_NUMBER)
        go = check_number(r, t, n, p, &value->number);
    else if (value->type == JSON_STRING)
        go = check_count(r, t, p, r->points, n->min_length, n->max_length, points);
    else if (value->type == JSON_ARRAY || value->type == JSON_OBJECT)
        go = check_members(r, t, n, p, f);
    return go && (t->failed || check_combined(r, t, n, p));
}
