/* schema_run.c - a compiled schema over the events of a body; the header tells how. */
#include "gate/schema_node.h"

typedef struct Task {                                  /* one node on one open value */
    uint16_t node, asked;                              /* asked: the node that the member being read must meet */
    uint16_t missing;                                  /* required members that have not come */
    bool     failed, must;                             /* must: if it fails, so does the body */
} Task;

typedef struct Frame {                                 /* one open value */
    uint64_t at, count;                                /* its first byte; members so far */
    uint32_t tasks;                                    /* its first task */
    uint16_t path;                                     /* bytes of r->path that lead to it */
    uint8_t  type;
    bool     hashed, listed;                           /* listed: r->path has its index */
    const Node *each;                                  /* an array whose elements only must meet this plain node */
} Frame;

typedef struct Lane {                                  /* the hash of one open array or object */
    Hash128 parts, name;
} Lane;

struct SchemaRun {
    const Schema *s;
    Frame        *frames;
    Task         *tasks;
    uint64_t     *seen, *valid;                        /* a bit for each node: is on this value; met it */
    Lane         *lanes;
    char         *text;                                /* start of a string that comes in pieces, text_max + 1 bytes */
    SchemaFault  *fault;
    uint64_t      points, text_n;                      /* code points and bytes of the string so far */
    uint32_t      task_n, skip;                        /* skip: nothing applies inside the bracket of depth skip - 1 */
    uint16_t      path_n;
    char          path[SCHEMA_POINTER];                /* up to the member being read; elements of arrays excepted */
    JsonPush      push;
};

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

static void path_key(SchemaRun *r, Str key)
{
    path_put(r->path, &r->path_n, S("/"));
    for (size_t i = 0, run; i < key.n; i += run) {
        for (run = 0; i + run < key.n && key.p[i + run] != '~' && key.p[i + run] != '/';)
            run++;
        path_put(r->path, &r->path_n, (Str){ key.p + i, run });
        if (i + run < key.n)
            path_put(r->path, &r->path_n, key.p[i + run] == '~' ? S("~0") : S("~1")), run++;
    }
}

static void path_index(char *path, uint16_t *n, uint64_t i)
{
    char text[24];
    path_put(path, n, (Str){ text, (size_t)snprintf(text, sizeof text, "/%" PRIu64, i) });
}

typedef struct Place {                                 /* of the value or key being judged */
    uint64_t     at;
    const Frame *array;                                /* whose last element it is, when r->path does not say so yet */
} Place;

static bool fail(SchemaRun *r, Task *t, Place p, const char *keyword, const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* The task has failed; so has the body when it must not.  False: stop. */
static bool fail(SchemaRun *r, Task *t, Place p, const char *keyword, const char *fmt, ...)
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

/* ---- tasks */

static bool bit(const uint64_t *set, unsigned i) { return set[i / 64] >> i % 64 & 1; }
static void bit_set(uint64_t *set, unsigned i) { set[i / 64] |= (uint64_t)1 << i % 64; }
static void bit_clear(uint64_t *set, unsigned i) { set[i / 64] &= ~((uint64_t)1 << i % 64); }

static void add_task(SchemaRun *r, uint32_t first, uint16_t node, bool must)
{
    if (!bit(r->seen, node)) {
        bit_set(r->seen, node);
        r->tasks[r->task_n++] = (Task){ .node = node, .asked = NODE_NONE, .missing = r->s->nodes[node].required, .must = must };
        return;
    }
    for (uint32_t i = first; must && i < r->task_n; i++)
        if (r->tasks[i].node == node)
            r->tasks[i].must = true;
}

static void add_steps(SchemaRun *r, uint32_t first, uint16_t node, bool must)
{
    const Node *n = &r->s->nodes[node];
    for (uint32_t i = 0; i < n->step_count; i++)
        add_task(r, first, n->steps[i].node, must && n->steps[i].must);
}

/* The array around a value of this depth, if it is one. */
static Frame *array_around(const SchemaRun *r, unsigned depth)
{
    return depth > 0 && r->frames[depth - 1].type == JSON_ARRAY ? &r->frames[depth - 1] : NULL;
}

/* What each task around asks of the element that starts. */
static bool ask_element(SchemaRun *r, Frame *f, uint64_t at)
{
    Place    p = { at, f };
    uint64_t i = f->count++;
    r->path_n = f->path;
    for (uint32_t k = f->tasks; k < r->task_n; k++) {
        Task       *t = &r->tasks[k];
        const Node *n = &r->s->nodes[t->node];
        bool        prefix = i < n->prefix.n;
        t->asked = t->failed ? NODE_NONE : prefix ? n->prefix.id[i] : n->items;
        if (f->count > n->max_items && !t->failed && !fail(r, t, (Place){ f->at, NULL }, "maxItems", "more than %" PRIu64 " elements", n->max_items))
            return false;
        if (t->asked != NODE_NONE && r->s->nodes[t->asked].kind == NODE_FALSE &&
            !fail(r, t, p, prefix ? "prefixItems" : "items", "no element is allowed here"))
            return false;
    }
    return true;
}

static const Prop *prop_find(const Node *n, Str name)
{
    size_t lo = 0, hi = n->prop_count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int    c = str_cmp(n->props[mid].name, name);
        if (c == 0)
            return &n->props[mid];
        *(c < 0 ? &lo : &hi) = c < 0 ? mid + 1 : mid;
    }
    return NULL;
}

static bool on_key(SchemaRun *r, const JsonEvent *ev)
{
    Frame *f = &r->frames[ev->depth - 1];
    Place  p = { ev->at, NULL };
    f->count++;
    r->path_n = f->path;
    path_key(r, ev->text);
    if (f->hashed)
        r->lanes[ev->depth - 1].name = hash_key(r->s->key, ev->text);
    for (uint32_t k = f->tasks; k < r->task_n; k++) {
        Task       *t = &r->tasks[k];
        const Node *n = &r->s->nodes[t->node];
        const Prop *prop = t->failed ? NULL : prop_find(n, ev->text);
        bool        declared = prop != NULL && prop->node != NODE_NONE;
        t->asked = t->failed ? NODE_NONE : declared ? prop->node : n->additional;
        t->missing = (uint16_t)(t->missing - (prop != NULL && prop->required));
        if (f->count > n->max_properties && !t->failed && !fail(r, t, p, "maxProperties", "more than %" PRIu64 " members", n->max_properties))
            return false;
        if (t->asked != NODE_NONE && r->s->nodes[t->asked].kind == NODE_FALSE &&
            !fail(r, t, p, declared ? "properties" : "additionalProperties", "this member is not allowed"))
            return false;
    }
    return true;
}

/* ---- a value starts */

static bool begin_tasks(SchemaRun *r, const JsonEvent *ev)
{
    uint32_t first = r->task_n, around = ev->depth > 0 ? r->frames[ev->depth - 1].tasks : first;
    Frame   *array = array_around(r, ev->depth);
    if (array != NULL && !ask_element(r, array, ev->at))
        return false;
    if (ev->depth == 0)
        add_steps(r, first, 0, true);
    for (uint32_t k = around; k < first; k++)
        if (r->tasks[k].asked != NODE_NONE && !r->tasks[k].failed)
            add_steps(r, first, r->tasks[k].asked, r->tasks[k].must);
    for (uint32_t k = first; k < r->task_n; k++)
        bit_clear(r->seen, r->tasks[k].node);
    return true;
}

static const char *type_name(JsonType t)
{
    static const char *const names[] = { "null", "a boolean", "a boolean", "a number", "a string", "an array", "an object" };
    return names[t];
}

static bool check_type(SchemaRun *r, Task *t, const JsonEvent *ev, const Decimal *number)
{
    const Node *n = &r->s->nodes[t->node];
    Place       p = { ev->at, array_around(r, ev->depth) };
    unsigned    is = 1u << ev->type;
    if (n->kind == NODE_FALSE)
        return fail(r, t, p, "false", "no value is allowed here");
    if (n->types == 0 || n->types & is)
        return true;
    if (ev->type == JSON_NUMBER && n->types & IS_INTEGER)
        return decimal_whole(number) || fail(r, t, p, "type", "a number with a fraction where a whole number belongs");
    return fail(r, t, p, "type", "%s is not allowed here", type_name(ev->type));
}

static bool begin_value(SchemaRun *r, const JsonEvent *ev, const Decimal *number)
{
    uint32_t first = r->task_n;
    bool     hashed = ev->depth > 0 && r->frames[ev->depth - 1].hashed;
    if (!begin_tasks(r, ev))
        return false;
    r->points = 0, r->text_n = 0;
    for (uint32_t k = first; k < r->task_n; k++) {
        hashed |= r->s->nodes[r->tasks[k].node].composite;
        if (!check_type(r, &r->tasks[k], ev, number))
            return false;
    }
    if (first == r->task_n && !hashed) {
        r->skip = ev->depth + 1;
        return true;
    }
    r->frames[ev->depth] = (Frame){ .at = ev->at, .tasks = first, .path = r->path_n, .type = (uint8_t)ev->type, .hashed = hashed };
    return true;
}

/* ---- a value ends */

static bool check_number(SchemaRun *r, Task *t, const Node *n, Place p, const Decimal *d)
{
    if (n->minimum.text.p && decimal_cmp(d, &n->minimum.d) < 0 && !fail(r, t, p, "minimum", "less than %.*s", STR(n->minimum.text)))
        return false;
    if (n->maximum.text.p && decimal_cmp(d, &n->maximum.d) > 0 && !fail(r, t, p, "maximum", "more than %.*s", STR(n->maximum.text)))
        return false;
    if (n->above.text.p && decimal_cmp(d, &n->above.d) <= 0 && !fail(r, t, p, "exclusiveMinimum", "not above %.*s", STR(n->above.text)))
        return false;
    if (n->below.text.p && decimal_cmp(d, &n->below.d) >= 0 && !fail(r, t, p, "exclusiveMaximum", "not below %.*s", STR(n->below.text)))
        return false;
    return true;
}

static bool check_count(SchemaRun *r, Task *t, Place p, uint64_t count, uint64_t min, uint64_t max, const char *const words[static 3])
{
    if (count < min)
        return fail(r, t, p, words[0], "fewer than %" PRIu64 " %s", min, words[2]);
    if (count > max)
        return fail(r, t, p, words[1], "more than %" PRIu64 " %s", max, words[2]);
    return true;
}

static bool check_members(SchemaRun *r, Task *t, const Node *n, Place p, const Frame *f)
{
    static const char *const members[] = { "minProperties", "maxProperties", "members" };
    static const char *const elements[] = { "minItems", "maxItems", "elements" };
    if (f->type == JSON_ARRAY)
        return check_count(r, t, p, f->count, n->min_items, n->max_items, elements);
    if (t->missing > 0 && !fail(r, t, p, "required", "%u required %s missing", t->missing, t->missing == 1 ? "member is" : "members are"))
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
        return fail(r, t, p, "$ref", "not what the referenced schema allows");
    if (met(r, n->all) < n->all.n)
        return fail(r, t, p, "allOf", "not what all of the schemas allow");
    if (n->any.n > 0 && met(r, n->any) == 0)
        return fail(r, t, p, "anyOf", "not what any of the schemas allows");
    if (n->one.n > 0 && met(r, n->one) != 1)
        return fail(r, t, p, "oneOf", "%zu of the schemas allow it where exactly one must", met(r, n->one));
    if (n->not != NODE_NONE && bit(r->valid, n->not))
        return fail(r, t, p, "not", "what the schema excludes");
    return true;
}

static bool check_task(SchemaRun *r, Task *t, Place p, const Frame *f, const Literal *value)
{
    static const char *const points[] = { "minLength", "maxLength", "characters" };
    const Node              *n = &r->s->nodes[t->node];
    bool                     go = true;
    if (n->among && !values_have(n->among, value))
        go = fail(r, t, p, "enum", "none of the %zu values", n->among->n);
    else if (n->exactly && !values_have(n->exactly, value))
        go = fail(r, t, p, "const", "not the one value");
    else if (value->type == JSON_NUMBER)
        go = check_number(r, t, n, p, &value->number);
    else if (value->type == JSON_STRING)
        go = check_count(r, t, p, r->points, n->min_length, n->max_length, points);
    else if (value->type == JSON_ARRAY || value->type == JSON_OBJECT)
        go = check_members(r, t, n, p, f);
    return go && (t->failed || check_combined(r, t, n, p));
}

static void hash_into_parent(SchemaRun *r, unsigned depth, const Literal *value)
{
    Frame  *f = &r->frames[depth - 1];
    Lane   *lane = &r->lanes[depth - 1];
    Hash128 h = value->type == JSON_ARRAY || value->type == JSON_OBJECT ? value->hash
                : value->type == JSON_STRING && r->text_n > r->s->text_max ? hash_too_long(r->s->key)
                                                                          : hash_scalar(r->s->key, value);
    if (f->type == JSON_ARRAY)
        hash_item(r->s->key, &lane->parts, h);
    else
        hash_member(r->s->key, &lane->parts, lane->name, h);
}

static bool end_value(SchemaRun *r, unsigned depth, const Literal *value)
{
    Frame *f = &r->frames[depth];
    Place  p = { f->at, f->listed ? NULL : array_around(r, depth) };
    r->path_n = f->path;
    for (uint32_t k = f->tasks; k < r->task_n; k++) {
        Task *t = &r->tasks[k];
        if (!t->failed && !check_task(r, t, p, f, value))
            return false;
        if (!t->failed)
            bit_set(r->valid, t->node);
    }
    for (uint32_t k = depth > 0 ? r->frames[depth - 1].tasks : f->tasks; k < f->tasks; k++) {
        Task *t = &r->tasks[k];
        t->failed |= t->asked != NODE_NONE && !bit(r->valid, t->asked);
    }
    for (uint32_t k = f->tasks; k < r->task_n; k++)
        bit_clear(r->valid, r->tasks[k].node);
    r->task_n = f->tasks;
    if (depth > 0 && r->frames[depth - 1].hashed)
        hash_into_parent(r, depth, value);
    return true;
}

/* ---- events */

/* Keeps what a comparison may need of a string in pieces; a longer one equals no literal. */
static Str keep_text(SchemaRun *r, const JsonEvent *ev)
{
    size_t room = (size_t)r->s->text_max + 1, n = r->text_n < room ? room - r->text_n : 0;
    for (size_t i = 0; i < ev->text.n; i++)
        r->points += ((uint8_t)ev->text.p[i] & 0xC0) != 0x80;
    if (!ev->first || ev->more)
        memcpy(r->text + (room - n), ev->text.p, ev->text.n < n ? ev->text.n : n);
    r->text_n += ev->text.n;
    if (ev->first && !ev->more)
        return ev->text;
    return (Str){ r->text, r->text_n < room ? r->text_n : room };
}

/* A body is mostly numbers, and most of them are decided by their type and their digits before the point. */
static bool quick_number(SchemaRun *r, const JsonEvent *ev)
{
    Frame      *f = ev->depth > 0 ? &r->frames[ev->depth - 1] : NULL;
    const Node *n = f ? f->each : NULL;
    if (n == NULL || f->count >= r->s->nodes[r->tasks[f->tasks].node].max_items)
        return false;
    if (n->types != 0 && !(n->types & IS_NUMBER) && (!(n->types & IS_INTEGER) || ev->fraction))
        return false;
    if ((int64_t)ev->digits > (ev->text.p[0] == '-' ? n->safe_minus : n->safe_plus))
        return false;
    f->count++;
    return true;
}

static bool on_scalar(SchemaRun *r, const JsonEvent *ev)
{
    Literal v = { .type = ev->type };
    if (ev->type == JSON_NUMBER && quick_number(r, ev))
        return true;
    if (ev->type == JSON_NUMBER)
        decimal_of(ev->text, &v.number);
    if (ev->first && !begin_value(r, ev, &v.number))
        return false;
    if (r->skip != 0) {
        r->skip = ev->more ? r->skip : 0;
        return true;
    }
    if (ev->type == JSON_STRING)
        v.text = keep_text(r, ev);
    return ev->more || end_value(r, ev->depth, &v);
}

static const Node *each_of(const SchemaRun *r, const Frame *f)
{
    if (f->type != JSON_ARRAY || f->hashed || r->task_n != f->tasks + 1)
        return NULL;
    const Node *array = &r->s->nodes[r->tasks[f->tasks].node];
    if (array->prefix.n > 0 || array->items == NODE_NONE)
        return NULL;
    return r->s->nodes[array->items].plain ? &r->s->nodes[array->items] : NULL;
}

static bool on_open(SchemaRun *r, const JsonEvent *ev)
{
    if (!begin_value(r, ev, NULL))
        return false;
    Frame *f = &r->frames[ev->depth];
    if (r->skip != 0)
        return true;
    if (f->hashed)
        r->lanes[ev->depth] = (Lane){ 0 };
    f->each = each_of(r, f);
    if (array_around(r, ev->depth)) {
        path_index(r->path, &r->path_n, array_around(r, ev->depth)->count - 1);
        f->path = r->path_n, f->listed = true;
    }
    return true;
}

static bool on_close(SchemaRun *r, const JsonEvent *ev)
{
    Frame  *f = &r->frames[ev->depth];
    Literal v = { .type = ev->type };
    if (f->hashed)
        v.hash = hash_composite(r->s->key, ev->type, r->lanes[ev->depth].parts, f->count);
    return end_value(r, ev->depth, &v);
}

static bool on_event(void *ctx, const JsonEvent *ev)
{
    SchemaRun *r = ctx;
    if (r->skip != 0 && ev->depth + 1 >= r->skip) {
        bool over = ev->depth + 1 == r->skip && !ev->more && ev->step != JSON_OPEN;
        r->skip = over ? 0 : r->skip;
        return true;
    }
    switch (ev->step) {
    case JSON_KEY:   return on_key(r, ev);
    case JSON_OPEN:  return on_open(r, ev);
    case JSON_CLOSE: return on_close(r, ev);
    default:         return on_scalar(r, ev);
    }
}

/* ---- the public side */

/* Cuts the block into its parts, or only adds up when `memory` is NULL. */
static size_t lay_out(const Schema *s, SchemaRun *r, char *memory)
{
    size_t words = (s->count + 63) / 64, frames = s->composite ? JSON_DEPTH_STRICT + 1 : s->frames, at = 0;
    const struct {
        void  *to;
        size_t n;
    } parts[] = {
        { NULL, sizeof *r },
        { r ? &r->frames : NULL, frames * sizeof *r->frames },
        { r ? &r->tasks : NULL, s->tasks * sizeof *r->tasks },
        { r ? &r->seen : NULL, words * sizeof *r->seen },
        { r ? &r->valid : NULL, words * sizeof *r->valid },
        { r ? &r->lanes : NULL, s->composite ? frames * sizeof *r->lanes : 0 },
        { r ? &r->text : NULL, (size_t)s->text_max + 1 },
        { r ? &r->push.conf.room : NULL, json_push_room(s->room_keys, s->key_max) },
    };
    for (size_t i = 0; i < len_of(parts); i++) {
        if (parts[i].to != NULL)
            *(void **)parts[i].to = memory + at;
        at += (parts[i].n + 15) & ~(size_t)15;
    }
    return at;
}

static const Schema any_json = { .room_keys = SCHEMA_OPEN_KEYS, .key_max = JSON_KEY_MAX };

size_t schema_state_size(const Schema *s) { return lay_out(s ? s : &any_json, NULL, NULL); }

SchemaRun *schema_begin(const Schema *s, void *memory)
{
    SchemaRun *r = memory;
    *r = (SchemaRun){ .s = s ? s : &any_json };
    lay_out(r->s, r, memory);
    memset(r->seen, 0, (r->s->count + 63) / 64 * sizeof *r->seen);
    memset(r->valid, 0, (r->s->count + 63) / 64 * sizeof *r->valid);
    json_push_begin(&r->push, &(JsonPushConf){
        .profile = JSON_STRICT, .fn = s ? on_event : NULL, .ctx = r, .hash_key = s ? s->key : NULL,
        .key_max = r->s->key_max, .room = r->push.conf.room, .room_keys = r->s->room_keys,
    });
    return r;
}

/* What the parser refused; what a check refused is in *f already. */
static bool refuse(const Err *e, SchemaFault *f)
{
    if (e->code == E_OK)
        return false;
    *f = (SchemaFault){ .at = e->at > 0 ? e->at - 1 : 0 };
    snprintf(f->why, sizeof f->why, "%.*s", (int)sizeof f->why - 1, e->message);
    return false;
}

bool schema_feed(SchemaRun *r, Str bytes, SchemaFault *f)
{
    Err e = { 0 };
    r->fault = f;
    return json_push_feed(&r->push, bytes, &e) || refuse(&e, f);
}

bool schema_end(SchemaRun *r, SchemaFault *f)
{
    Err e = { 0 };
    r->fault = f;
    return json_push_end(&r->push, &e) || refuse(&e, f);
}
