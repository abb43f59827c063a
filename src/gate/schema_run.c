/* schema_run.c - a compiled schema over the events of a body; schema.h tells how. */
#include "gate/schema_run.h"

/* ---- tasks */

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

/* What the task asks of the element that starts: the one with index f->count - 1. */
static bool ask_element(SchemaRun *r, Task *t, const Frame *f, uint64_t at)
{
    const Node *n = &r->s->nodes[t->node];
    bool        prefix = f->count <= n->prefix.n;
    t->asked = prefix ? n->prefix.id[f->count - 1] : n->items;
    if (f->count > n->max_items)
        return task_fail(r, t, (Place){ f->at, NULL }, "maxItems", "more than %" PRIu64 " elements", n->max_items);
    if (t->asked != NODE_NONE && r->s->nodes[t->asked].kind == NODE_FALSE)
        return task_fail(r, t, (Place){ at, f }, prefix ? "prefixItems" : "items", "no element is allowed here");
    return true;
}

static bool on_element(SchemaRun *r, Frame *f, uint64_t at)
{
    f->count++;
    r->path_n = f->path;
    for (uint32_t k = f->tasks; k < r->task_n; k++)
        if (!r->tasks[k].failed && !ask_element(r, &r->tasks[k], f, at))
            return false;
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

/* What the task asks of the member that this key starts. */
static bool ask_member(SchemaRun *r, Task *t, const Frame *f, const JsonEvent *ev)
{
    const Node *n = &r->s->nodes[t->node];
    const Prop *prop = prop_find(n, ev->text);
    bool        declared = prop != NULL && prop->node != NODE_NONE;
    Place       p = { ev->at, NULL };
    t->asked = declared ? prop->node : n->additional;
    t->missing = (uint16_t)(t->missing - (prop != NULL && prop->required));
    if (f->count > n->max_properties)
        return task_fail(r, t, p, "maxProperties", "more than %" PRIu64 " members", n->max_properties);
    if (t->asked != NODE_NONE && r->s->nodes[t->asked].kind == NODE_FALSE)
        return task_fail(r, t, p, declared ? "properties" : "additionalProperties", "this member is not allowed");
    return true;
}

static bool on_key(SchemaRun *r, const JsonEvent *ev)
{
    Frame *f = &r->frames[ev->depth - 1];
    f->count++;
    r->path_n = f->path;
    path_key(r->path, &r->path_n, ev->text);
    if (f->hashed)
        r->lanes[ev->depth - 1].name = hash_key(r->s->key, ev->text);
    for (uint32_t k = f->tasks; k < r->task_n; k++)
        if (!r->tasks[k].failed && !ask_member(r, &r->tasks[k], f, ev))
            return false;
    return true;
}

/* ---- a value starts */

static bool begin_tasks(SchemaRun *r, const JsonEvent *ev)
{
    uint32_t first = r->task_n, around = ev->depth > 0 ? r->frames[ev->depth - 1].tasks : first;
    Frame   *array = array_around(r, ev->depth);
    if (array != NULL && !on_element(r, array, ev->at))
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

static bool begin_value(SchemaRun *r, const JsonEvent *ev, const Decimal *number)
{
    uint32_t first = r->task_n;
    bool     hashed = ev->depth > 0 && r->frames[ev->depth - 1].hashed;
    if (!begin_tasks(r, ev))
        return false;
    r->points = 0, r->text_n = 0;
    for (uint32_t k = first; k < r->task_n; k++) {
        hashed |= r->s->nodes[r->tasks[k].node].composite;
        if (!task_check_type(r, &r->tasks[k], ev, number))
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
        if (!t->failed && !task_check(r, t, p, f, value))
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
static inline bool quick_number(SchemaRun *r, const JsonEvent *ev)
{
    Frame      *f = &r->frames[ev->depth - 1];
    const Node *n = f->each;
    if (n == NULL || f->count >= f->most || (int64_t)ev->digits > n->safe[ev->text.p[0] == '-'])
        return false;
    if (n->types != 0 && !(n->types & IS_NUMBER) && (!(n->types & IS_INTEGER) || ev->fraction))
        return false;
    f->count++;
    return true;
}

static bool on_scalar(SchemaRun *r, const JsonEvent *ev)
{
    Literal v = { .type = ev->type };
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

/* Whether the elements of this array can be quick, and how many. */
static void expect_numbers(const SchemaRun *r, Frame *f)
{
    if (f->type != JSON_ARRAY || f->hashed || r->task_n != f->tasks + 1)
        return;
    const Node *array = &r->s->nodes[r->tasks[f->tasks].node];
    if (array->prefix.n > 0 || array->items == NODE_NONE || !r->s->nodes[array->items].plain)
        return;
    f->each = &r->s->nodes[array->items];
    f->most = array->max_items;
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
    expect_numbers(r, f);
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

/* Apart from on_event(), so that the quick way there saves no registers. */
__attribute__((noinline)) static bool on_step(SchemaRun *r, const JsonEvent *ev)
{
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

static bool on_event(void *ctx, const JsonEvent *ev)
{
    SchemaRun *r = ctx;
    if (ev->type == JSON_NUMBER && r->skip == 0 && ev->depth > 0 && quick_number(r, ev))
        return true;
    return on_step(r, ev);
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

static bool on_event_heard(void *ctx, const JsonEvent *ev)
{
    SchemaRun *r = ctx;
    r->listen(r->listen_ctx, ev);
    return r->s == &any_json || on_event(r, ev);
}

void schema_listen(SchemaRun *r, JsonFn *fn, void *ctx)
{
    r->listen = fn, r->listen_ctx = ctx;
    r->push.conf.fn = on_event_heard;
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
