/* recent.h - the last N vectors, and which of them is nearest: an index for streams (locality-sensitive hashing, Charikar 2002).
 *
 * A vector is 64 signed bytes.  128 random hyperplanes give it a bit each; eight bands of sixteen bits are eight buckets, and
 * whoever shares a bucket is compared exactly, the newest first, at most RECENT_CANDIDATES in all.  Near ones share a bucket almost
 * surely, far ones may be missed: that is the bargain.  Everything lies in one block of the caller's memory, without pointers, so it
 * may be shared between processes or kept in a file; what is read from it is checked before it is an index.
 *
 * Trusted: the caller's lock.  Not trusted: the block's content. */
#ifndef RECENT_H
#define RECENT_H
#include "base/base.h"

enum { RECENT_DIM = 64, RECENT_BANDS = 8, RECENT_WALK = 32, RECENT_CANDIDATES = RECENT_BANDS * RECENT_WALK, RECENT_MAX = 1 << 20 };
#define RECENT_NONE UINT32_MAX

typedef struct RecentEntry {
    int8_t   v[RECENT_DIM];
    uint64_t same;                                     /* hash of what it was made of: equal means the very same        */
    uint64_t seq;                                      /* 1 + how many came before; 0: an empty place                   */
    uint32_t root, client;                             /* the caller's                                                   */
    uint32_t link[RECENT_BANDS];                       /* an earlier entry of the same bucket                            */
    uint16_t band[RECENT_BANDS];
} RecentEntry;

typedef struct Recent {
    uint64_t    added;
    uint32_t    capacity;
    uint32_t    head[RECENT_BANDS][1 << 16];           /* 1 + place; 0: nobody */
    RecentEntry entry[];
} Recent;

typedef struct RecentNear {
    uint32_t place;                                    /* RECENT_NONE: nobody was near enough to be looked at */
    uint32_t distance2;                                /* squared Euclidean                                   */
    bool     same;                                     /* the very same is among them; it is not the nearest then */
} RecentNear;

size_t  recent_size(uint32_t capacity);
/* Zeroed memory of that size. */
Recent *recent_init(void *memory, uint32_t capacity);
void    recent_bands(const int8_t v[static RECENT_DIM], uint16_t band[static RECENT_BANDS]);
/* The nearest of the others: entries with the same hash are retries and are stepped over. */
RecentNear recent_nearest(const Recent *r, const int8_t v[static RECENT_DIM], const uint16_t band[static RECENT_BANDS], uint64_t same);
/* Takes the place of the oldest; root RECENT_NONE: its own.  Returns its place. */
uint32_t recent_add(Recent *r, const int8_t v[static RECENT_DIM], const uint16_t band[static RECENT_BANDS], uint64_t same, uint32_t root, uint32_t client);
uint32_t recent_distance2(const int8_t *a, const int8_t *b);

#endif
