/* json.c - the tree of json.h, built from the push parser's events. */
#include "format/json.h"
#include "format/decimal.h"

typedef struct Build {
    Arena *arena;
    Err   *e;
    Str    text, key;
    Buf    pieces;                                    /* a string that comes in more than one */
    Json  *root, *last[JSON_DEPTH_GRAMMAR + 1], *open[JSON_DEPTH_GRAMMAR + 1];
    size_t counted;                                   /* lines are counted up to this byte */
    uint32_t line;
} Build;

static uint32_t line_at(Build *b, uint64_t at)
{
    for (; b->counted < at && b->counted < b->text.n; b->counted++)
        b->line += b->text.p[b->counted] == '\n';
    return b->line;
}

static bool copy(Build *b, Str s, Str *out)
{
    *out = arena_str(b->arena, s);
    return out->p != NULL || err_set(b->e, E_LIMIT, "the document is too large to keep in memory");
}

static Json *add(Build *b, const JsonEvent *ev)
{
    Json *v = arena_get(b->arena, 1, sizeof *v), *parent = ev->depth ? b->open[ev->depth - 1] : NULL;
    if (v == NULL)
        return err_set(b->e, E_LIMIT, "the document is too large to keep in memory"), NULL;
    *v = (Json){ .type = ev->type, .at = ev->at, .line = line_at(b, ev->at), .key = b->key };
    b->key = (Str){ "", 0 };
    if (parent == NULL)
        b->root = v;
    else if (parent->count++ == 0)
        parent->first = v;
    else
        b->last[ev->depth]->next = v;
    b->last[ev->depth] = v;
    return v;
}

static bool add_string(Build *b, const JsonEvent *ev)
{
    if (!ev->first || ev->more)
        buf_str(&b->pieces, ev->text);
    if (ev->more)
        return true;
    Json *v = add(b, ev);
    if (v == NULL || !copy(b, ev->first ? ev->text : buf_view(&b->pieces), &v->text))
        return false;
    b->pieces.n = 0;
    return !b->pieces.bad || err_nomem(b->e);
}

static bool add_value(Build *b, const JsonEvent *ev)
{
    if (ev->type == JSON_STRING)
        return add_string(b, ev);
    Json *v = add(b, ev);
    if (v == NULL || ev->type != JSON_NUMBER)
        return v != NULL;
    return copy(b, ev->text, &v->text) &&
           (number_f64(v->text, &v->num) || err_at(b->e, ev->at, "not a number the reader knows"));
}

static bool on_event(void *ctx, const JsonEvent *ev)
{
    Build *b = ctx;
    switch (ev->step) {
    case JSON_KEY:  return copy(b, ev->text, &b->key);
    case JSON_OPEN: return (b->open[ev->depth] = add(b, ev)) != NULL;
    case JSON_VALUE: return add_value(b, ev);
    default:        return true;
    }
}

Json *json_parse(Arena *a, Str text, JsonProfile profile, Err *e)
{
    Err      own = { 0 };
    JsonPush p;
    Build    b = { .arena = a, .e = e ? e : &own, .text = text, .key = { "", 0 }, .line = 1 };
    json_push_begin(&p, &(JsonPushConf){ .profile = profile, .fn = on_event, .ctx = &b, .grow = a });
    bool ok = json_push_feed(&p, text, b.e) && json_push_end(&p, b.e);
    buf_free(&b.pieces);
    if (ok)
        return b.root;
    if (b.e->at != 0) {
        b.line = 1, b.counted = 0;
        b.e->line = line_at(&b, b.e->at - 1);
    }
    return NULL;
}

const Json *json_get(const Json *object, const char *key)
{
    if (object == NULL || object->type != JSON_OBJECT)
        return NULL;
    for (const Json *v = object->first; v != NULL; v = v->next)
        if (str_is(v->key, key))
            return v;
    return NULL;
}

const Json *json_at(const Json *array, size_t i)
{
    if (array == NULL || (array->type != JSON_ARRAY && array->type != JSON_OBJECT))
        return NULL;
    const Json *v = array->first;
    while (v != NULL && i-- > 0)
        v = v->next;
    return v;
}

Str    json_text(const Json *v, Str fallback) { return v != NULL && v->type == JSON_STRING ? v->text : fallback; }
double json_num(const Json *v, double fallback) { return v != NULL && v->type == JSON_NUMBER ? v->num : fallback; }

bool json_bool(const Json *v, bool fallback)
{
    return v != NULL && (v->type == JSON_TRUE || v->type == JSON_FALSE) ? v->type == JSON_TRUE : fallback;
}

/* 1.0 and 1e3 are whole; the text decides, not the rounded double. */
static bool whole(const Json *v, bool *minus, uint64_t *size)
{
    Decimal d;
    return v != NULL && v->type == JSON_NUMBER && decimal_of(v->text, &d) && decimal_u64(&d, size) && (*minus = d.minus, true);
}

bool json_u64(const Json *v, uint64_t *out)
{
    bool     minus;
    uint64_t size;
    if (!whole(v, &minus, &size) || (minus && size != 0))
        return false;
    *out = size;
    return true;
}

bool json_i64(const Json *v, int64_t *out)
{
    bool     minus;
    uint64_t size;
    if (!whole(v, &minus, &size) || size > (uint64_t)INT64_MAX + minus)
        return false;
    *out = minus ? (int64_t)(0 - size) : (int64_t)size;
    return true;
}
