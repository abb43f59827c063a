/* json_keys.c - see json_keys.h. */
#include "format/json_keys.h"
#include "base/rng.h"

/* A power of two, at most three quarters full. */
static uint32_t slots_for(uint32_t cap)
{
    uint32_t n = 32;
    while (n / 4 * 3 < cap)
        n *= 2;
    return n;
}

/* The slot that holds entry i, or where it would go; an entry's home also depends on nothing but its hash. */
static uint32_t slot_of(const JsonKeys *k, uint32_t i)
{
    uint32_t s = (uint32_t)k->hash[i] & (k->slots - 1);
    while (k->slot[s] != 0 && k->slot[s] != i + 1)
        s = (s + 1) & (k->slots - 1);
    return s;
}

/* Moves to arrays for `cap` keys; the index is cleared here. */
static void move_to(JsonKeys *k, uint64_t *hash, uint32_t *slot, uint32_t cap)
{
    memcpy(hash, k->hash, k->n * sizeof *hash);
    k->hash = hash, k->slot = slot, k->cap = cap, k->slots = slots_for(cap);
    memset(slot, 0, k->slots * sizeof *slot);
    for (uint32_t i = 0; i < k->n; i++)
        k->slot[slot_of(k, i)] = i + 1;
}

static bool grow_to(JsonKeys *k, uint32_t cap, Arena *grow)
{
    if (k->slot == NULL && k->room != NULL && k->room_keys > k->cap)
        return move_to(k, k->room, (uint32_t *)((uint64_t *)k->room + k->room_keys), k->room_keys), true;
    uint64_t *hash = grow ? arena_get(grow, cap, sizeof *hash) : NULL;
    uint32_t *slot = hash ? arena_get(grow, slots_for(cap), sizeof *slot) : NULL;
    if (slot != NULL)
        move_to(k, hash, slot, cap);
    return slot != NULL;
}

size_t keys_room(uint32_t n) { return n <= JSON_KEYS_SMALL ? 0 : n * sizeof(uint64_t) + slots_for(n) * sizeof(uint32_t); }

void keys_begin(JsonKeys *k, const uint64_t *hash_key, void *room, uint32_t room_keys)
{
    *k = (JsonKeys){ .cap = JSON_KEYS_SMALL, .room = room, .room_keys = room_keys };
    k->hash = k->small;
    if (hash_key != NULL)
        memcpy(k->key, hash_key, sizeof k->key);
    else
        random_bytes(k->key, sizeof k->key);
}

static bool seen(const JsonKeys *k, uint32_t mark, uint64_t h)
{
    if (k->n - mark <= JSON_KEYS_SMALL || k->slot == NULL) {
        for (uint32_t i = mark; i < k->n; i++)
            if (k->hash[i] == h)
                return true;
        return false;
    }
    for (uint32_t s = (uint32_t)h & (k->slots - 1); k->slot[s] != 0; s = (s + 1) & (k->slots - 1))
        if (k->slot[s] > mark && k->hash[k->slot[s] - 1] == h)
            return true;
    return false;
}

KeyVerdict keys_add(JsonKeys *k, uint32_t mark, Str key, Arena *grow)
{
    uint64_t h = siphash(k->key, key);
    if (seen(k, mark, h))
        return KEY_TWICE;
    if (k->n - mark >= JSON_KEYS_MAX || k->n >= JSON_KEYS_OPEN_MAX)
        return KEY_TOO_MANY;
    if (k->n == k->cap && !grow_to(k, k->cap * 4, grow))
        return KEY_NO_ROOM;
    k->hash[k->n] = h;
    if (k->slot != NULL)
        k->slot[slot_of(k, k->n)] = k->n + 1;
    k->n++;
    return KEY_NEW;
}

void keys_pop(JsonKeys *k, uint32_t mark)
{
    if (k->slot == NULL) {
        k->n = mark;
        return;
    }
    while (k->n > mark)
        k->n--, k->slot[slot_of(k, k->n)] = 0;
}
