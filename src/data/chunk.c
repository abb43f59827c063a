/* chunk.c - see chunk.h. */
#include "data/chunk.h"
#include "base/rng.h"

static const uint64_t MASK_SHORT = 0xffffc00000000000, MASK_LONG = 0xfffc000000000000;

Gear gear_of(uint64_t state)
{
    Gear g;
    for (size_t i = 0; i < len_of(g.of); i++)
        g.of[i] = splitmix64(&state);
    return g;
}

/* Runs *h over p[*at, end); true where a cut follows the byte before *at. */
static bool run(const Gear *g, const uint8_t *p, size_t *at, size_t end, uint64_t mask, uint64_t *h)
{
    uint64_t v = *h;
    for (size_t i = *at; i < end; i++) {
        v = (v << 1) + g->of[p[i]];
        if ((v & mask) == 0)
            return *at = i + 1, true;
    }
    *at = end, *h = v;
    return false;
}

size_t chunk_cut(const Gear *g, Str s)
{
    size_t   end = s.n < CHUNK_MAX ? s.n : CHUNK_MAX, mid = end < CHUNK_WANTED ? end : CHUNK_WANTED;
    size_t   at = CHUNK_MIN;
    uint64_t h = 0;
    if (end <= CHUNK_MIN)
        return end;
    if (!run(g, (const uint8_t *)s.p, &at, mid, MASK_SHORT, &h))
        run(g, (const uint8_t *)s.p, &at, end, MASK_LONG, &h);
    return at;
}
