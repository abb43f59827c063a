/* join.c - see join.h. */
#include "data/join.h"
#include "base/rng.h"

static bool same(Hash128 x, Hash128 y) { return x.a == y.a && x.b == y.b; }

static uint32_t slot_of(const Join *j, Hash128 h)
{
    uint32_t i = (uint32_t)((h.a ^ j->key) * 0x9E3779B97F4A7C15u >> 32) & j->mask;
    while (j->head[i] != NO_ROW && !same(j->hash[j->head[i]], h))
        i = (i + 1) & j->mask;
    return i;
}

bool join_begin(Join *j, const Hash128 *hash, uint32_t rows, Err *e)
{
    uint64_t slots = 16;
    while (slots < (uint64_t)rows + rows / 2)
        slots *= 2;
    *j = (Join){ .hash = hash, .rows = rows, .mask = (uint32_t)(slots - 1) };
    random_bytes(&j->key, sizeof j->key);
    j->head = malloc(slots * sizeof *j->head), j->take = malloc(slots * sizeof *j->take), j->next = malloc(((size_t)rows + 1) * sizeof *j->next);
    if (j->head == NULL || j->take == NULL || j->next == NULL)
        return err_nomem(e);
    memset(j->head, 0xFF, slots * sizeof *j->head);
    for (uint32_t i = rows; i-- > 0;) {
        uint32_t slot = slot_of(j, hash[i]);
        j->next[i] = j->head[slot], j->head[slot] = i;
    }
    memcpy(j->take, j->head, slots * sizeof *j->take);
    return true;
}

void join_free(Join *j)
{
    free(j->head), free(j->take), free(j->next);
    *j = (Join){ 0 };
}

uint32_t join_find(const Join *j, Hash128 h)
{
    uint32_t slot = slot_of(j, h);
    return j->head[slot] == NO_ROW ? NO_ROW : slot;
}

Hash128 *join_leaves(const RowSet *in, uint32_t inputs, uint64_t total, Err *e)
{
    Hash128 *h = malloc((total + 1) * sizeof *h);
    uint64_t at = 0;
    if (h == NULL)
        return err_nomem(e), NULL;
    for (uint32_t k = 0; k < inputs; at += in[k++].rows)
        if (in[k].rows)
            memcpy(h + at, rowset_leaf(&in[k]), in[k].rows * sizeof *h);
    return h;
}
