/* slots.c - see slots.h.
 *
 * The rules that keep one subject in one slot (p: position in the subject's window):
 *   1. A new key enters as {key, PENDING | when | nonce}.  Nobody charges a pending slot.
 *   2. Whoever wants it live looks through the whole window after it became pending.  Another live slot of the key, or a
 *      pending one at a lower p, wins: the slot is given up.  A pending one at a higher p is thrown out.
 *   3. Only then it becomes {key, tat}, starting at the overflow slot's tat.
 * Of two that enter at once, the one that looks later sees the other, and both judge alike.  Whoever meets a
 * pending slot of its own key finishes the job itself, so nobody waits for a worker that was killed. */
#include "gate/slots.h"
#include "base/cas.h"
#include "base/rng.h"

typedef struct Slot {
    Pair             state;                            /* a: key (0 empty), b: tat or PENDING | time */
    _Atomic uint64_t allowed, limited;
    uint64_t         spare[4];                         /* a detector's level and its end come here   */
} Slot;

struct Slots {
    uint64_t         magic;
    uint32_t         n, buckets;
    uint64_t         secret[2];
    _Atomic uint64_t overflowed, claims;
    uint64_t         spare[2];
    Slot             slot[];                           /* n, then one overflow slot for each bucket */
};

static_assert(sizeof(Slot) == SLOT_SIZE && sizeof(Slots) == SLOT_SIZE, "one cache line each");

#define MAGIC   UINT64_C(0x31544f4c5354414f)
#define PENDING (UINT64_C(1) << 63)

/* Workers' clocks are cached and differ by a turn of their event loops; a slot is reused only when its tat has passed for
 * all of them.  A pending slot that nobody finished for as long belongs to a worker that died. */
enum { GRACE_NS = 1000000000 };
enum { WHEN_DROP = 20, NONCE_BITS = 23 };             /* milliseconds, about; 8 million claims before a nonce returns */
#define NOWHERE UINT32_MAX

static size_t bytes_of(size_t n) { return sizeof(Slots) + (n + n / SLOT_BUCKET) * sizeof(Slot); }

static size_t round_up(size_t n)
{
    size_t p = SLOT_BUCKET;
    while (p < n && p < (size_t)1 << 31)
        p *= 2;
    return p;
}

size_t slots_bytes(size_t n) { return bytes_of(round_up(n)); }

Slots *slots_init(void *memory, size_t bytes, const uint64_t secret[static 2])
{
    size_t n = SLOT_BUCKET;
    if ((uintptr_t)memory % SLOT_SIZE != 0 || bytes < bytes_of(n))
        return NULL;
    while (n < (size_t)1 << 31 && bytes_of(2 * n) <= bytes)
        n *= 2;
    Slots *s = memory;
    memset(s, 0, bytes_of(n));
    s->n = (uint32_t)n, s->buckets = (uint32_t)(n / SLOT_BUCKET);
    memcpy(s->secret, secret, sizeof s->secret);
    s->magic = MAGIC;
    return s;
}

Slots *slots_attach(void *memory, size_t bytes)
{
    Slots *s = memory;
    if ((uintptr_t)memory % SLOT_SIZE != 0 || bytes < sizeof *s || s->magic != MAGIC)
        return NULL;
    bool sane = s->n >= SLOT_BUCKET && (s->n & (s->n - 1)) == 0 && s->buckets == s->n / SLOT_BUCKET;
    return sane && bytes_of(s->n) <= bytes ? s : NULL;
}

uint64_t slots_key(const Slots *s, uint64_t limit_seed, Str subject)
{
    uint64_t secret[2] = { s->secret[0] ^ limit_seed, s->secret[1] };
    uint64_t key = siphash(secret, subject);
    return key ? key : 1;
}

static uint32_t at_window(const Slots *s, uint64_t key, uint32_t p) { return (uint32_t)(key + p) & (s->n - 1); }

static Slot *overflow_of(Slots *s, uint64_t key) { return &s->slot[s->n + at_window(s, key, 0) / SLOT_BUCKET]; }

/* Position of the key in its window with its tat, or NOWHERE. */
static uint32_t find(Slots *s, uint64_t key, uint64_t *tat)
{
    for (uint32_t p = 0; p < SLOT_WINDOW; p++) {
        Pair *c = &s->slot[at_window(s, key, p)].state;
        if (atomic_load(&c->a) != key)
            continue;
        *tat = atomic_load(&c->b);
        if (atomic_load(&c->a) == key)
            return p;
    }
    return NOWHERE;
}

/* Pending words never repeat: a helper that slept must not finish a later claim that it has not looked around for. */
static uint64_t pending_word(Slots *s, uint64_t now_ns)
{
    uint64_t nonce = atomic_fetch_add_explicit(&s->claims, 1, memory_order_relaxed);
    return PENDING | (now_ns >> WHEN_DROP << NONCE_BITS & ~PENDING) | (nonce & ((UINT64_C(1) << NONCE_BITS) - 1));
}

static uint64_t spent_at(uint64_t tat)
{
    return tat & PENDING ? (tat & ~PENDING) >> NONCE_BITS << WHEN_DROP : tat;
}

static bool reusable(uint64_t key, uint64_t tat, uint64_t now_ns)
{
    uint64_t at = spent_at(tat);
    return key == 0 || (at <= now_ns && now_ns - at >= GRACE_NS);
}

/* Takes an empty or spent slot of the window for the key, pending.  False: none, or somebody was faster (*raced). */
static bool claim(Slots *s, uint64_t key, uint64_t now_ns, bool *raced)
{
    *raced = false;
    for (uint32_t p = 0; p < SLOT_WINDOW; p++) {
        Slot    *slot = &s->slot[at_window(s, key, p)];
        uint64_t old_key = atomic_load(&slot->state.a), old_tat = atomic_load(&slot->state.b);
        if (!reusable(old_key, old_tat, now_ns))
            continue;
        if (pair_cas(&slot->state, old_key, old_tat, key, pending_word(s, now_ns))) {
            atomic_store_explicit(&slot->allowed, 0, memory_order_relaxed);
            atomic_store_explicit(&slot->limited, 0, memory_order_relaxed);
            return true;
        }
        return *raced = true, false;
    }
    return false;
}

/* Rule 2 for one other position: may the slot pending at `p` still become live? */
static bool yields(Slots *s, uint64_t key, uint32_t p, uint32_t other)
{
    Pair *c = &s->slot[at_window(s, key, other)].state;
    for (;;) {
        uint64_t tat = atomic_load(&c->b);
        if (atomic_load(&c->a) != key)
            return true;
        if (!(tat & PENDING) || other < p)
            return false;
        if (pair_cas(c, key, tat, 0, 0))
            return true;
    }
}

/* Makes the pending slot live or gives it up; either way the caller looks again. */
static void settle(Slots *s, uint64_t key, uint32_t p, uint64_t pending)
{
    Pair *mine = &s->slot[at_window(s, key, p)].state;
    for (uint32_t other = 0; other < SLOT_WINDOW; other++)
        if (other != p && !yields(s, key, p, other)) {
            pair_cas(mine, key, pending, 0, 0);
            return;
        }
    pair_cas(mine, key, pending, key, atomic_load(&overflow_of(s, key)->state.b));
}

static void count(Slot *slot, GcraResult r)
{
    atomic_fetch_add_explicit(r == GCRA_ALLOW ? &slot->allowed : &slot->limited, 1, memory_order_relaxed);
}

/* The window is full of live slots.  False: the key has got a slot meanwhile, so the charge was taken back. */
static bool charge_overflow(Slots *s, uint64_t key, Gcra g, uint64_t now_ns, uint64_t cost, SlotRef *ref, GcraAnswer *r)
{
    uint64_t tat;
    Slot    *slot = overflow_of(s, key);
    *r = gcra_charge(&slot->state.b, g, now_ns, cost);
    if (r->result == GCRA_ALLOW && find(s, key, &tat) != NOWHERE) {
        gcra_refund(&slot->state.b, g, cost);
        return false;
    }
    count(slot, r->result);
    atomic_fetch_add_explicit(&s->overflowed, 1, memory_order_relaxed);
    *ref = (SlotRef){ key, (uint32_t)(slot - s->slot), true };
    return true;
}

/* One charge on a live slot.  False: it changed under us. */
static bool charge_slot(Slot *slot, uint64_t key, uint64_t tat, Gcra g, uint64_t now_ns, uint64_t cost, GcraAnswer *r)
{
    *r = gcra_next(g, tat, now_ns, cost);
    if (r->result == GCRA_ALLOW && !pair_cas(&slot->state, key, tat, key, r->tat))
        return false;
    count(slot, r->result);
    return true;
}

GcraAnswer slots_charge(Slots *s, uint64_t key, Gcra g, uint64_t now_ns, uint64_t cost, SlotRef *ref)
{
    GcraAnswer r;
    uint64_t   tat;
    bool       raced;
    now_ns &= ~PENDING;
    for (;;) {
        uint32_t p = find(s, key, &tat);
        if (p == NOWHERE) {
            if (!claim(s, key, now_ns, &raced) && !raced && charge_overflow(s, key, g, now_ns, cost, ref, &r))
                return r;
        } else if (tat & PENDING) {
            settle(s, key, p, tat);
        } else if (charge_slot(&s->slot[at_window(s, key, p)], key, tat, g, now_ns, cost, &r)) {
            *ref = (SlotRef){ key, at_window(s, key, p), false };
            return r;
        }
    }
}

void slots_refund(Slots *s, const SlotRef *ref, Gcra g, uint64_t cost)
{
    Pair    *c = &s->slot[ref->slot].state;
    uint64_t tat, inc;
    if (ref->overflow) {
        gcra_refund(&c->b, g, cost);
        return;
    }
    if (__builtin_mul_overflow(cost, g.t_ns, &inc))
        return;
    do {
        tat = atomic_load(&c->b);
        if (atomic_load(&c->a) != ref->key || (tat & PENDING))
            return;                                    /* reused: the charge is gone with its slot */
    } while (!pair_cas(c, ref->key, tat, ref->key, tat > inc ? tat - inc : 0));
}

SlotsUse slots_use(const Slots *s, uint64_t now_ns)
{
    SlotsUse u = { .slots = s->n, .overflowed = atomic_load_explicit(&s->overflowed, memory_order_relaxed) };
    for (uint32_t i = 0; i < s->n; i++) {
        uint64_t tat = atomic_load_explicit(&s->slot[i].state.b, memory_order_relaxed);
        u.live += !(tat & PENDING) && tat > now_ns;
    }
    return u;
}
