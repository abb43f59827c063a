/* pickle_heap.c - what the machine remembers: memo, contents of small tuples, kept keys, names of globals. */
#include "format/pickle_own.h"

void pickle_over(Pickle *p, const char *what)
{
    if (!p->over)
        p->hear(p->ctx, p, &(PickleFact){ .kind = PICKLE_LIMIT, .at = p->at, .text = str(what) });
    p->over = true;
}

/* Room for `more` bytes of memory in all? */
static bool fits(Pickle *p, size_t more, const char *what)
{
    if (more <= PICKLE_MEMORY_MAX && p->bytes <= PICKLE_MEMORY_MAX - more) {
        p->bytes += more;
        return true;
    }
    pickle_over(p, what);
    return false;
}

/* Doubles *(T **)array. */
bool pickle_grow(Pickle *p, void *array, size_t *cap, size_t size, const char *what)
{
    size_t add = *cap ? *cap : 256;
    void  *old, *grown;
    if (!fits(p, add * size, what))
        return false;
    memcpy(&old, array, sizeof old);
    grown = realloc(old, (*cap + add) * size);
    if (grown == NULL) {
        pickle_over(p, "memory");
        return false;
    }
    memcpy(array, &grown, sizeof grown);
    *cap += add;
    return true;
}

/* ---- memo: tables of pages of slots, so that a slot far out costs a page and not everything before it */

enum { EMPTY = PV_OPAQUE + 1 };                        /* the kind of a slot that was never written */

static void *fresh(Pickle *p, size_t size)
{
    void *made = fits(p, size, "memo") ? malloc(size) : NULL;
    if (made == NULL)
        pickle_over(p, "memo");
    return made;
}

static PickleValue **memo_table(Pickle *p, size_t top)
{
    PickleValue **table = p->memo[top];
    if (table != NULL || (table = fresh(p, MEMO_PAGE * sizeof *table)) == NULL)
        return table;
    memset(table, 0, MEMO_PAGE * sizeof *table);
    p->memo[top] = table;
    p->memo_tops = top >= p->memo_tops ? top + 1 : p->memo_tops;
    return table;
}

static PickleValue *memo_page(Pickle *p, uint64_t slot)
{
    PickleValue **table = memo_table(p, slot >> 2 * MEMO_BITS);
    size_t        i = slot >> MEMO_BITS & (MEMO_PAGE - 1);
    if (table == NULL || table[i] != NULL)
        return table ? table[i] : NULL;
    table[i] = fresh(p, MEMO_PAGE * sizeof **table);
    for (size_t k = 0; table[i] != NULL && k < MEMO_PAGE; k++)
        table[i][k].kind = EMPTY;
    return table[i];
}

bool memo_put(Pickle *p, uint64_t slot, PickleValue v)
{
    PickleValue *at = slot <= UINT32_MAX ? memo_page(p, slot) : NULL;
    if (at == NULL)
        return false;
    at += slot % MEMO_PAGE;
    p->memo_count += at->kind == EMPTY;
    *at = v;
    return true;
}

PickleValue *memo_get(const Pickle *p, uint64_t slot)
{
    PickleValue **table = slot <= UINT32_MAX ? p->memo[slot >> 2 * MEMO_BITS] : NULL;
    PickleValue  *page = table ? table[slot >> MEMO_BITS & (MEMO_PAGE - 1)] : NULL;
    if (page == NULL || page[slot % MEMO_PAGE].kind == EMPTY)
        return NULL;
    return &page[slot % MEMO_PAGE];
}

static void table_clear(Pickle *p, PickleValue **table)
{
    for (size_t i = 0; i < MEMO_PAGE; i++)
        if (table[i] != NULL)
            free(table[i]), p->bytes -= MEMO_PAGE * sizeof **table;
    free(table);
    p->bytes -= MEMO_PAGE * sizeof *table;
}

void memo_clear(Pickle *p)
{
    for (size_t i = 0; i < p->memo_tops; i++) {
        if (p->memo[i] != NULL)
            table_clear(p, p->memo[i]);
        p->memo[i] = NULL;
    }
    p->memo_tops = p->memo_count = 0;
}

/* ---- contents of tuples, in one array that is swept by copying what is still reachable (Cheney's algorithm: no recursion) */

enum { MOVED = EMPTY + 1 };
typedef struct Sweep {
    PickleValue *old, *fresh;
    size_t       n;
} Sweep;

static void sweep_value(Sweep *s, PickleValue *v)
{
    if (v->kind != PV_TUPLE || !(v->form & PF_KEPT))
        return;
    PickleValue *from = &s->old[v->at];
    if (from->kind != MOVED) {
        memcpy(&s->fresh[s->n], from, v->n * sizeof *from);
        *from = (PickleValue){ .kind = MOVED, .at = s->n };
        s->n += v->n;
    }
    v->at = from->at;
}

static void sweep_roots(Pickle *p, Sweep *s)
{
    for (size_t i = 0; i < p->n; i++)
        sweep_value(s, &p->stack[i]);
    for (size_t i = 0; i < p->memo_tops << MEMO_BITS; i++) {
        PickleValue **table = p->memo[i >> MEMO_BITS], *page = table ? table[i & (MEMO_PAGE - 1)] : NULL;
        for (size_t k = 0; page != NULL && k < MEMO_PAGE; k++)
            sweep_value(s, &page[k]);
    }
    for (size_t i = 0; p->kept != NULL && i < KEPT_SLOTS; i++)
        for (size_t k = 0; p->kept[i].dict && k < p->keep_count; k++)
            if (p->kept[i].have >> k & 1)
                sweep_value(s, &p->kept[i].value[k]);
}

/* Keeps what is live; afterwards at least half of the array is free. */
static bool sweep(Pickle *p)
{
    size_t cap = p->cells_cap ? p->cells_cap : 1024;
    Sweep  s = { .old = p->cells, .fresh = malloc(cap * sizeof *s.fresh) };
    if (s.fresh == NULL)
        return pickle_over(p, "memory"), false;
    if (p->cells == NULL)
        p->bytes += cap * sizeof *s.fresh;
    sweep_roots(p, &s);
    for (size_t i = 0; i < s.n; i++)
        sweep_value(&s, &s.fresh[i]);
    free(p->cells);
    p->cells = s.fresh, p->cells_n = s.n, p->cells_cap = cap;
    return s.n <= cap / 2 || pickle_grow(p, &p->cells, &p->cells_cap, sizeof *p->cells, "tuples");
}

static unsigned nesting(const PickleValue *v, size_t n)
{
    unsigned deepest = 0;
    for (size_t i = 0; i < n; i++)
        if (v[i].kind == PV_TUPLE && (v[i].form & 7u) >= deepest)
            deepest = (v[i].form & 7u) + 1;
    return deepest;
}

/* The values may lie on the stack: they are copied before anything moves. */
PickleValue tuple_of(Pickle *p, const PickleValue *v, size_t n)
{
    PickleValue t = { .kind = PV_TUPLE, .n = n > UINT32_MAX ? UINT32_MAX : (uint32_t)n };
    unsigned    deep = nesting(v, n);
    t.form = (uint8_t)(deep > PICKLE_NESTING ? PICKLE_NESTING : deep);
    if (n == 0 || n > PICKLE_ARGS || deep > PICKLE_NESTING)
        return t;
    PickleValue hold[PICKLE_ARGS];
    if (p->cells_n + n > p->cells_cap && !sweep(p))
        return t;
    memcpy(hold, v, n * sizeof *v);
    memcpy(&p->cells[p->cells_n], hold, n * sizeof *hold);
    t.form |= PF_KEPT, t.at = p->cells_n;
    p->cells_n += n;
    return t;
}

/* ---- values of dictionaries under the keys that were asked for */

static PickleKept *kept_slot(const Pickle *p, uint64_t dict)
{
    uint64_t i = (dict + 1) * 0x9E3779B97F4A7C15u >> 50;
    while (p->kept[i].dict != 0 && p->kept[i].dict != dict + 1)
        i = (i + 1) % KEPT_SLOTS;
    return &p->kept[i];
}

static PickleKept *kept_make(Pickle *p, uint64_t dict)
{
    if (p->kept == NULL && (p->kept = calloc(KEPT_SLOTS, sizeof *p->kept)) == NULL)
        return NULL;
    PickleKept *k = kept_slot(p, dict);
    if (k->dict == 0 && p->kept_count >= KEPT_SLOTS / 2)
        return NULL;
    p->kept_count += k->dict == 0;
    k->dict = dict + 1;
    return k;
}

void kept_set(Pickle *p, PickleValue dict, PickleValue key, PickleValue value)
{
    char room[64];
    Str  name;
    if (key.kind != PV_STR || key.n > sizeof room || !pickle_text(p, key, room, sizeof room, &name))
        return;
    for (size_t i = 0; i < p->keep_count; i++) {
        PickleKept *k = str_eq(name, p->keep[i]) ? kept_make(p, dict.at) : NULL;
        if (k != NULL)
            k->value[i] = value, k->have |= 1u << i;
    }
}

/* Deletes by moving later entries of the chain forward, so that no search ends early. */
void kept_drop(Pickle *p, PickleValue dict)
{
    PickleKept *k = p->kept ? kept_slot(p, dict.at) : NULL;
    if (k == NULL || k->dict == 0)
        return;
    *k = (PickleKept){ 0 }, p->kept_count--;
    for (size_t i = (size_t)(k - p->kept + 1) % KEPT_SLOTS; p->kept[i].dict != 0; i = (i + 1) % KEPT_SLOTS) {
        PickleKept moved = p->kept[i];
        p->kept[i] = (PickleKept){ 0 };
        *kept_slot(p, moved.dict - 1) = moved;
    }
}

bool pickle_member(const Pickle *p, PickleValue dict, size_t key, PickleValue *out)
{
    if (dict.kind != PV_DICT || p->kept == NULL || key >= p->keep_count)
        return false;
    const PickleKept *k = kept_slot(p, dict.at);
    if (k->dict == 0 || !(k->have >> key & 1))
        return false;
    *out = k->value[key];
    return true;
}

/* ---- names */

static PickleGlobal *global_make(Pickle *p, Str key, size_t split)
{
    PickleGlobal *g = arena_get(p->arena, 1, sizeof *g);
    Str           own = g ? arena_str(p->arena, key) : (Str){ 0 };
    if (own.p == NULL || p->globals_count >= PICKLE_GLOBALS_MAX || !dict_put(p->names, own, g)
        || (p->globals_count == p->globals_cap && !pickle_grow(p, &p->globals, &p->globals_cap, sizeof *p->globals, "names")))
        return pickle_over(p, "names of globals"), NULL;
    g->module = (Str){ own.p, split }, g->name = str_from(own, split + 1);
    g->at = p->at, g->number = (uint32_t)p->globals_count;
    p->globals[p->globals_count++] = g;
    return g;
}

/* The one with these names.  NULL past a limit. */
PickleGlobal *global_of(Pickle *p, Str module, Str name)
{
    char key[2 * PICKLE_NAME_MAX + 1];
    if (module.n > PICKLE_NAME_MAX)
        module.n = PICKLE_NAME_MAX;
    if (name.n > PICKLE_NAME_MAX)
        name.n = PICKLE_NAME_MAX;
    memcpy(key, module.p, module.n);
    key[module.n] = '\n';
    memcpy(key + module.n + 1, name.p, name.n);
    Str           whole = { key, module.n + 1 + name.n };
    PickleGlobal *g = dict_get(p->names, whole);
    if (g != NULL && g->module.n == module.n)
        return g;
    return global_make(p, whole, module.n);
}
