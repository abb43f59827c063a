/* dict.c - see dict.h.  Open addressing over an index table; the items lie side by side in order. */
#include "base/dict.h"
#include "base/rng.h"

struct Dict {
    Arena    *arena;
    DictItem *items;
    uint32_t *slots;                                   /* 1 + index into items; 0 is empty */
    size_t    count, cap;                              /* cap slots, at most half full     */
    uint64_t  key[2];
};

Dict *dict_new(Arena *a)
{
    Dict *d = arena_get(a, 1, sizeof *d);
    if (d != NULL) {
        d->arena = a;
        random_bytes(d->key, sizeof d->key);
    }
    return d;
}

static uint32_t *slot_of(const Dict *d, Str key)
{
    size_t i = (size_t)siphash(d->key, key) & (d->cap - 1);
    while (d->slots[i] != 0 && !str_eq(d->items[d->slots[i] - 1].key, key))
        i = (i + 1) & (d->cap - 1);
    return &d->slots[i];
}

void *dict_get(const Dict *d, Str key)
{
    uint32_t hit = d->cap ? *slot_of(d, key) : 0;
    return hit ? d->items[hit - 1].value : NULL;
}

static bool grow(Dict *d)
{
    size_t    cap = d->cap ? d->cap * 2 : 16;
    DictItem *items = arena_get(d->arena, cap / 2, sizeof *items);
    uint32_t *slots = arena_get(d->arena, cap, sizeof *slots);
    if (items == NULL || slots == NULL || cap > UINT32_MAX)
        return false;
    if (d->count)
        memcpy(items, d->items, d->count * sizeof *items);
    d->items = items, d->slots = slots, d->cap = cap;
    for (size_t i = 0; i < d->count; i++)
        *slot_of(d, items[i].key) = (uint32_t)i + 1;
    return true;
}

bool dict_put(Dict *d, Str key, void *value)
{
    if (d->count * 2 >= d->cap && !grow(d))
        return false;
    uint32_t *slot = slot_of(d, key);
    if (*slot == 0) {
        d->items[d->count] = (DictItem){ key, value };
        *slot = (uint32_t)++d->count;
    }
    d->items[*slot - 1].value = value;
    return true;
}

size_t          dict_count(const Dict *d) { return d->count; }
const DictItem *dict_items(const Dict *d) { return d->items; }
