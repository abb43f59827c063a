/* slots.h - the table of limit states in memory that all workers share: fixed size, no lock, nothing to repair.
 *
 * A slot is one cache line.  Its key and tat change together, by one 16-byte compare-and-swap, so a worker that is
 * killed anywhere leaves nothing torn.  A subject is sought in a window of 8 slots; a slot whose tat has passed carries
 * no information and is reused without loss.  A new key enters in two steps (pending, then live) so that two
 * workers can never give one subject two slots.  When the whole window is live, the bucket's shared overflow slot takes
 * the charge: that admits less, never more, and is counted.
 *
 * The memory is the caller's (an nginx shared zone, a mapping, a test's array), 64-byte aligned, zeroed once. */
#ifndef SLOTS_H
#define SLOTS_H
#include "gate/gcra.h"

typedef struct Slots Slots;                            /* lives at the start of the caller's memory */

enum { SLOT_SIZE = 64, SLOT_WINDOW = 8, SLOT_BUCKET = 64 };

/* Bytes for `n` slots (rounded up to a power of two, at least 64). */
size_t slots_bytes(size_t n);
/* Formats fresh memory of `bytes`; as many slots as fit.  `secret` keys the hash of subjects (random_bytes at start).
 * NULL when it is too small or not aligned. */
Slots *slots_init(void *memory, size_t bytes, const uint64_t secret[static 2]);
/* Memory that slots_init() formatted, in this process or another; NULL when it is not that. */
Slots *slots_attach(void *memory, size_t bytes);

/* The table key of a subject: SipHash under the table's secret, never 0. */
uint64_t slots_key(const Slots *s, uint64_t limit_seed, Str subject);

typedef struct SlotRef {                               /* where a charge went, for the refund */
    uint64_t key;
    uint32_t slot;
    bool     overflow;
} SlotRef;
GcraAnswer slots_charge(Slots *s, uint64_t key, Gcra g, uint64_t now_ns, uint64_t cost, SlotRef *ref);
void       slots_refund(Slots *s, const SlotRef *ref, Gcra g, uint64_t cost);

typedef struct SlotsUse {
    uint64_t slots, live, overflowed;                  /* capacity; tat ahead of now; charges that fell back */
} SlotsUse;
SlotsUse slots_use(const Slots *s, uint64_t now_ns);   /* walks the table: for metrics, not per request */

#endif
