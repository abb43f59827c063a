/* recent.c - see recent.h. */
#include "num/recent.h"
#include "base/rng.h"

size_t recent_size(uint32_t capacity)
{
    return sizeof(Recent) + (size_t)capacity * sizeof(RecentEntry);
}

Recent *recent_init(void *memory, uint32_t capacity)
{
    Recent *r = memory;
    assert(capacity > 0 && capacity <= RECENT_MAX);
    r->capacity = capacity;
    return r;
}

uint32_t recent_distance2(const int8_t *a, const int8_t *b)
{
    int32_t sum = 0;
    for (int i = 0; i < RECENT_DIM; i++) {
        int32_t d = a[i] - b[i];
        sum += d * d;
    }
    return (uint32_t)sum;
}

/* Which side of the plane; plane p's normal has the signs of one random word. */
static bool side(const int8_t *v, uint64_t signs)
{
    int32_t sum = 0;
    for (int i = 0; i < RECENT_DIM; i++)
        sum += signs >> i & 1 ? v[i] : -v[i];
    return sum > 0;
}

void recent_bands(const int8_t v[static RECENT_DIM], uint16_t band[static RECENT_BANDS])
{
    uint64_t state = 0x6d6f61742d6e6561;               /* the planes are the same everywhere */
    for (int b = 0; b < RECENT_BANDS; b++) {
        band[b] = 0;
        for (int i = 0; i < 16; i++)
            band[b] |= (uint16_t)(side(v, splitmix64(&state)) << i);
    }
}

/* A place is what it says only while its entry is older than the one that leads there, and still in that bucket. */
static const RecentEntry *follow(const Recent *r, uint32_t link, int b, uint16_t value, uint64_t before)
{
    if (link == 0 || link > r->capacity)
        return NULL;
    const RecentEntry *e = &r->entry[link - 1];
    return e->seq != 0 && e->seq < before && e->band[b] == value ? e : NULL;
}

static void walk(const Recent *r, const int8_t *v, int b, uint16_t value, uint64_t same, RecentNear *out)
{
    uint64_t before = UINT64_MAX;
    uint32_t link = r->head[b][value];
    for (int n = 0; n < RECENT_WALK; n++) {
        const RecentEntry *e = follow(r, link, b, value, before);
        if (e == NULL)
            return;
        uint32_t d = recent_distance2(v, e->v);
        if (e->same == same)
            out->same = true;
        else if (d < out->distance2)
            out->distance2 = d, out->place = (uint32_t)(e - r->entry);
        before = e->seq, link = e->link[b];
    }
}

RecentNear recent_nearest(const Recent *r, const int8_t v[static RECENT_DIM], const uint16_t band[static RECENT_BANDS], uint64_t same)
{
    RecentNear out = { .place = RECENT_NONE, .distance2 = UINT32_MAX };
    for (int b = 0; b < RECENT_BANDS; b++)
        walk(r, v, b, band[b], same, &out);
    return out;
}

uint32_t recent_add(Recent *r, const int8_t v[static RECENT_DIM], const uint16_t band[static RECENT_BANDS], uint64_t same, uint32_t root, uint32_t client)
{
    uint32_t     place = (uint32_t)(r->added % r->capacity);
    RecentEntry *e = &r->entry[place];
    *e = (RecentEntry){ .same = same, .seq = ++r->added, .root = root == RECENT_NONE ? place : root, .client = client };
    memcpy(e->v, v, RECENT_DIM);
    memcpy(e->band, band, sizeof e->band);
    for (int b = 0; b < RECENT_BANDS; b++) {
        e->link[b] = r->head[b][band[b]];
        r->head[b][band[b]] = place + 1;
    }
    return place;
}
