/* schema.c - compiles a schema: nodes, the order in which they are decided, and how much a run will need at most. */
#include "gate/schema_node.h"
#include "base/rng.h"

enum { CHAIN_MAX = 256, STEPS_MAX = 1 << 20 };
#define UNBOUNDED UINT32_MAX

/* ---- steps: what must be decided on the same value before a node is */

typedef struct Order {
    Compile  *c;
    uint8_t  *state;                                   /* of a node: 0 new, 1 being ordered, 2 done */
    uint32_t *stamp, now;                              /* of a node: the list it was last put in ... */
    uint32_t *place;                                   /* ... and where                              */
    Step     *list;                                    /* the list being made: at most one step a node */
    size_t    total;
} Order;

static bool order_node(Order *o, uint16_t id, unsigned chain);

static void merge(Order *o, const Step *steps, uint32_t n, uint32_t *count, bool must)
{
    for (uint32_t i = 0; i < n; i++) {
        uint16_t id = steps[i].node;
        if (o->stamp[id] != o->now)
            o->stamp[id] = o->now, o->place[id] = *count, o->list[(*count)++] = (Step){ id, false };
        o->list[o->place[id]].must |= must && steps[i].must;
    }
}

typedef struct Edges {
    NodeList list;
    bool     must;
} Edges;

static size_t edges_of(Node *n, Edges out[static 5])
{
    size_t k = 0;
    if (n->ref != NODE_NONE)
        out[k++] = (Edges){ { &n->ref, 1 }, true };
    if (n->not != NODE_NONE)
        out[k++] = (Edges){ { &n->not, 1 }, false };
    out[k++] = (Edges){ n->all, true };
    out[k++] = (Edges){ n->any, n->any.n == 1 };
    out[k++] = (Edges){ n->one, n->one.n == 1 };
    return k;
}

static bool keep_steps(Order *o, Node *n, uint16_t id, uint32_t count)
{
    o->list[count++] = (Step){ id, true };
    n->steps = arena_get(o->c->arena, count, sizeof *n->steps);
    o->total += count;
    if (n->steps == NULL || o->total > STEPS_MAX)
        return err_set(o->c->e, E_LIMIT, "the schema is too large: its allOf, anyOf, oneOf, not and $ref multiply");
    memcpy(n->steps, o->list, count * sizeof *n->steps);
    n->step_count = count;
    o->state[id] = 2;
    return true;
}

static bool order_edges(Order *o, const Edges *edges, size_t k, unsigned chain)
{
    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j < edges[i].list.n; j++)
            if (!order_node(o, edges[i].list.id[j], chain + 1))
                return false;
    return true;
}

static bool order_node(Order *o, uint16_t id, unsigned chain)
{
    Node    *n = &o->c->s->nodes[id];
    Edges    edges[5];
    uint32_t count = 0;
    if (o->state[id] == 2)
        return true;
    if (o->state[id] == 1)
        return compile_bad(o->c, n->json, NULL, "this schema refers to itself on the same value and would never end");
    if (chain == CHAIN_MAX)
        return compile_bad(o->c, n->json, NULL, "more than %d schemas that refer to one another on the same value", CHAIN_MAX);
    o->state[id] = 1;
    size_t k = edges_of(n, edges);
    if (!order_edges(o, edges, k, chain))
        return false;
    o->now++;
    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j < edges[i].list.n; j++) {
            const Node *child = &o->c->s->nodes[edges[i].list.id[j]];
            merge(o, child->steps, child->step_count, &count, edges[i].must);
        }
    return keep_steps(o, n, id, count);
}

static bool order_all(Compile *c)
{
    size_t n = c->s->count;
    Order  o = { .c = c };
    o.state = arena_get(c->arena, n, 1);
    o.stamp = arena_get(c->arena, n, sizeof *o.stamp);
    o.place = arena_get(c->arena, n, sizeof *o.place);
    o.list = arena_get(c->arena, n + 1, sizeof *o.list);
    if (!o.state || !o.stamp || !o.place || !o.list)
        return err_set(c->e, E_LIMIT, "the schema is too large");
    for (size_t i = 0; i < n; i++)
        if (!order_node(&o, (uint16_t)i, 0))
            return false;
    return true;
}

/* ---- numbers that need no comparison: most bounds are coarse, most numbers short */

static bool no_more(const Bound *limit, const Decimal *than, bool strictly)
{
    return limit->text.p == NULL || decimal_cmp(&limit->d, than) < !strictly;
}

static bool no_less(const Bound *limit, const Decimal *than, bool strictly)
{
    return limit->text.p == NULL || decimal_cmp(&limit->d, than) > -!strictly;
}

/* All of [0, 10^n), or of (-10^n, 0], lies within the bounds. */
static bool safe(const Node *n, int digits, bool minus)
{
    char    text[16];
    Decimal far, zero;
    decimal_of((Str){ text, (size_t)snprintf(text, sizeof text, "%s1e%d", minus ? "-" : "", digits) }, &far);
    decimal_of(S("0"), &zero);
    if (minus)
        return no_less(&n->maximum, &zero, false) && no_less(&n->below, &zero, true) && no_more(&n->minimum, &far, false) &&
               no_more(&n->above, &far, false);
    return no_more(&n->minimum, &zero, false) && no_more(&n->above, &zero, true) && no_less(&n->maximum, &far, false) &&
           no_less(&n->below, &far, false);
}

static int16_t safe_digits(const Node *n, bool minus)
{
    int16_t digits = -1;
    while (digits < JSON_NUMBER_MAX && safe(n, digits + 1, minus))
        digits++;
    return digits;
}

static bool find_plain(Compile *c)
{
    for (uint32_t i = 0; i < c->s->count; i++) {
        Node *n = &c->s->nodes[i];
        n->plain = n->kind == NODE_RULES && n->step_count == 1 && n->among == NULL && n->exactly == NULL;
        n->safe[false] = safe_digits(n, false), n->safe[true] = safe_digits(n, true);
    }
    return true;
}

/* ---- how many tasks a run may hold: per depth, the nodes that can apply there */

static uint32_t largest_child(const Schema *s, const Node *n, uint8_t *reach)
{
    uint32_t most = 0;
    for (size_t i = 0; i < n->prop_count + n->prefix.n + 2; i++) {
        uint16_t id = i < n->prop_count ? n->props[i].node
                      : i < n->prop_count + n->prefix.n ? n->prefix.id[i - n->prop_count]
                      : i == n->prop_count + n->prefix.n ? n->additional : n->items;
        if (id == NODE_NONE)
            continue;
        for (uint32_t k = 0; k < s->nodes[id].step_count; k++)
            reach[s->nodes[id].steps[k].node] = 1;
        most = s->nodes[id].step_count > most ? s->nodes[id].step_count : most;
    }
    return most;
}

static bool count_tasks(Compile *c)
{
    Schema  *s = c->s;
    uint8_t *here = arena_get(c->arena, s->count, 1), *next = arena_get(c->arena, s->count, 1);
    uint64_t tasks = s->nodes[0].step_count, level = tasks;
    if (here == NULL || next == NULL)
        return err_set(c->e, E_LIMIT, "the schema is too large");
    for (uint32_t k = 0; k < s->nodes[0].step_count; k++)
        here[s->nodes[0].steps[k].node] = 1;
    for (s->frames = 0; level > 0 && s->frames <= JSON_DEPTH_STRICT; s->frames++) {
        uint64_t sum = 0, reached = 0;
        memset(next, 0, s->count);
        for (uint32_t i = 0; i < s->count; i++)
            sum += here[i] ? largest_child(s, &s->nodes[i], next) : 0;
        for (uint32_t i = 0; i < s->count; i++)
            here[i] = next[i], reached += next[i];
        level = sum < reached ? sum : reached;
        tasks += level;
    }
    if (tasks > SCHEMA_STATE_MAX / 16)
        return err_set(c->e, E_LIMIT, "the schema is too large: a body could need %" PRIu64 " checks at one time", tasks);
    s->tasks = (uint32_t)tasks;
    return true;
}

/* ---- how many keys can be open: few where objects are closed (additionalProperties: false), else SCHEMA_OPEN_KEYS */

typedef struct Keys {
    const Schema *s;
    uint32_t     *bound;                               /* of a node: 0 unknown, UNBOUNDED, or 1 + keys */
} Keys;

static uint32_t keys_below(Keys *k, uint16_t id, unsigned depth);

static uint32_t keys_in_object(Keys *k, const Node *n, unsigned depth)
{
    uint32_t most = 0;
    if (n->additional == NODE_NONE || k->s->nodes[n->additional].kind != NODE_FALSE)
        return UNBOUNDED;
    for (size_t i = 0; i < n->prop_count; i++) {
        uint32_t b = n->props[i].node == NODE_NONE ? 0 : keys_below(k, n->props[i].node, depth);
        most = b > most ? b : most;
    }
    return most == UNBOUNDED ? UNBOUNDED : most + (uint32_t)n->prop_count + 1;   /* one more: the key that is refused */
}

static uint32_t keys_in_array(Keys *k, const Node *n, unsigned depth)
{
    uint32_t most = n->items == NODE_NONE ? UNBOUNDED : keys_below(k, n->items, depth);
    for (size_t i = 0; i < n->prefix.n; i++) {
        uint32_t b = keys_below(k, n->prefix.id[i], depth);
        most = b > most ? b : most;
    }
    return most;
}

/* Of the nodes that must hold on a value, the strictest decides. */
static uint32_t keys_on_value(Keys *k, const Node *n, unsigned depth)
{
    uint32_t object = UNBOUNDED, array = UNBOUNDED;
    for (uint32_t i = 0; i < n->step_count; i++) {
        const Node *m = &k->s->nodes[n->steps[i].node];
        if (!n->steps[i].must)
            continue;
        uint32_t o = m->types != 0 && !(m->types & 1 << JSON_OBJECT) ? 0 : m->kind == NODE_FALSE ? 0 : keys_in_object(k, m, depth);
        uint32_t a = m->types != 0 && !(m->types & 1 << JSON_ARRAY) ? 0 : m->kind == NODE_FALSE ? 0 : keys_in_array(k, m, depth);
        object = o < object ? o : object, array = a < array ? a : array;
    }
    return object > array ? object : array;
}

static uint32_t keys_below(Keys *k, uint16_t id, unsigned depth)
{
    if (depth > JSON_DEPTH_STRICT || k->bound[id] == UNBOUNDED)
        return UNBOUNDED;
    if (k->bound[id] == 0) {
        k->bound[id] = UNBOUNDED;                      /* what comes back to itself has no bound */
        uint32_t b = keys_on_value(k, &k->s->nodes[id], depth + 1);
        k->bound[id] = b < SCHEMA_OPEN_KEYS ? b + 1 : UNBOUNDED;
    }
    return k->bound[id] == UNBOUNDED ? UNBOUNDED : k->bound[id] - 1;
}

static bool count_keys(Compile *c)
{
    Schema *s = c->s;
    Keys    k = { s, arena_get(c->arena, s->count, sizeof *k.bound) };
    if (k.bound == NULL)
        return err_set(c->e, E_LIMIT, "the schema is too large");
    uint32_t b = keys_below(&k, 0, 0);
    s->room_keys = b == UNBOUNDED ? SCHEMA_OPEN_KEYS : b;
    s->key_max = b == UNBOUNDED ? JSON_KEY_MAX : JSON_CARRY_SMALL;
    for (uint32_t i = 0; i < s->count; i++)
        for (size_t j = 0; j < s->nodes[i].prop_count; j++)
            if (s->nodes[i].props[j].name.n > s->key_max)
                s->key_max = s->nodes[i].props[j].name.n > JSON_KEY_MAX ? JSON_KEY_MAX : (uint32_t)s->nodes[i].props[j].name.n;
    return true;
}

/* ---- the whole */

static uint32_t count_schemas(const Json *v)
{
    uint32_t n = v->type == JSON_OBJECT || v->type == JSON_TRUE || v->type == JSON_FALSE;
    for (const Json *m = v->first; m != NULL; m = m->next)
        n += count_schemas(m);
    return n;
}

Schema *schema_compile(Arena *a, Str text, Err *e)
{
    Schema *s = arena_get(a, 1, sizeof *s);
    Compile c = { .arena = a, .s = s, .root = s ? json_parse(a, text, JSON_STRICT, e) : NULL, .e = e };
    if (s == NULL)
        return err_set(e, E_LIMIT, "the schema is too large"), NULL;
    if (c.root == NULL)
        return NULL;
    uint32_t schemas = count_schemas(c.root);
    c.capacity = schemas < SCHEMA_NODES_MAX ? schemas : SCHEMA_NODES_MAX;
    s->nodes = arena_get(a, c.capacity + 1, sizeof *s->nodes);
    if (s->nodes == NULL)
        return err_set(e, E_LIMIT, "the schema is too large"), NULL;
    random_bytes(s->key, sizeof s->key);
    bool ok = compile_node(&c, c.root, NULL) != NODE_NONE && compile_refs(&c) && order_all(&c) && find_plain(&c) && count_tasks(&c) && count_keys(&c);
    return ok ? s : NULL;
}
