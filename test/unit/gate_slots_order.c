/* gate_slots_order.c - the slot table under every kind of interleaving.
 *
 * Real threads rarely meet in the few nanoseconds that matter.  Here the table's own source is built once more with a turn
 * taken before each atomic step: three workers run one at a time and a seeded scheduler picks who takes the next
 * step.  The window is nearly full of slots that become reusable within the nanoseconds in which the workers' clocks
 * differ, so they disagree about what is free. */
#include "../test.h"
#include "base/cas.h"
#include "base/rng.h"
#include <pthread.h>
#include <semaphore.h>

static void turn(void);

#define gcra_of ordered_gcra_of
#define gcra_of_nginx ordered_gcra_of_nginx
#define gcra_next ordered_gcra_next
#define gcra_charge ordered_gcra_charge
#define gcra_refund ordered_gcra_refund
#define gcra_late ordered_gcra_late
#define gcra_charge_all ordered_gcra_charge_all
#define slots_bytes ordered_slots_bytes
#define slots_init ordered_slots_init
#define slots_attach ordered_slots_attach
#define slots_key ordered_slots_key
#define slots_charge ordered_slots_charge
#define slots_refund ordered_slots_refund
#define slots_use ordered_slots_use
#define pair_cas(...) (turn(), pair_cas(__VA_ARGS__))
#undef atomic_load
#define atomic_load(p) (turn(), atomic_load_explicit(p, memory_order_seq_cst))
#undef atomic_compare_exchange_weak
#define atomic_compare_exchange_weak(p, old, next) \
    (turn(), atomic_compare_exchange_strong_explicit(p, old, next, memory_order_seq_cst, memory_order_seq_cst))
#include "gate/gcra.c"
#include "gate/slots.c"

enum { ACTORS = 3, ASKS = 2, FULL = SLOT_WINDOW, SCHEDULES = 1000 };

typedef struct Actor {
    pthread_t thread;
    sem_t     go;
    bool      done;
    uint64_t  key[ASKS], now[ASKS];
    bool      allowed[ASKS];
} Actor;

static struct {                                        /* one schedule at a time */
    Actor  actor[ACTORS];
    sem_t  back;
    Slots *table;
    Gcra   g;
} stage;

static _Thread_local Actor *me;                        /* NULL outside a schedule: no turns */

static void turn(void)
{
    if (me == NULL)
        return;
    sem_post(&stage.back);
    sem_wait(&me->go);
}

static void *act(void *arg)
{
    SlotRef ref;
    me = arg;
    sem_wait(&me->go);
    for (int i = 0; i < ASKS; i++)
        me->allowed[i] = slots_charge(stage.table, me->key[i], stage.g, me->now[i], 1, &ref).result == GCRA_ALLOW;
    me->done = true;
    sem_post(&stage.back);
    return NULL;
}

/* Each step goes to an actor that is not done, mostly to the one that had the last. */
static void play(Rng *rng)
{
    size_t left = ACTORS, i = 0;
    for (size_t k = 0; k < ACTORS; k++)
        CHECK(pthread_create(&stage.actor[k].thread, NULL, act, &stage.actor[k]) == 0);
    while (left > 0) {
        if (stage.actor[i].done || rng_below(rng, 3) == 0)
            i = rng_below(rng, ACTORS);
        if (stage.actor[i].done)
            continue;
        sem_post(&stage.actor[i].go);
        sem_wait(&stage.back);
        left -= stage.actor[i].done;
    }
    for (size_t k = 0; k < ACTORS; k++)
        pthread_join(stage.actor[k].thread, NULL);
}

static uint64_t same_window(uint64_t i) { return (i + 1) << 32 | 5; }

/* Slots of others, and perhaps an old one of key 0, whose tat passed so long ago that they become reusable between now
 * and now + 4. */
static void fill_window(Rng *rng, uint64_t now)
{
    uint64_t n = FULL - rng_below(rng, 2), own = rng_below(rng, 2 * FULL);
    for (uint64_t i = 0; i < n; i++) {
        Slot *s = &stage.table->slot[5 + i];
        atomic_store(&s->state.a, same_window(i == own ? 0 : 100 + i));
        atomic_store(&s->state.b, rng_below(rng, 3) == 0 ? now + 1000 : now - GRACE_NS + rng_below(rng, 5));
    }
}

static void cast(Rng *rng, uint64_t now)
{
    for (size_t k = 0; k < ACTORS; k++) {
        Actor *a = &stage.actor[k];
        a->done = false;
        CHECK(sem_init(&a->go, 0, 0) == 0);
        for (int i = 0; i < ASKS; i++) {
            a->key[i] = same_window(rng_below(rng, 3) == 0);
            a->now[i] = now + rng_below(rng, 5);
        }
    }
}

static uint64_t admitted(uint64_t key)
{
    uint64_t n = 0;
    for (size_t k = 0; k < ACTORS; k++)
        for (int i = 0; i < ASKS; i++)
            n += stage.actor[k].allowed[i] && stage.actor[k].key[i] == key;
    return n;
}

static uint64_t live_slots(uint64_t key)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < stage.table->n; i++)
        n += atomic_load(&stage.table->slot[i].state.a) == key && !(atomic_load(&stage.table->slot[i].state.b) & PENDING);
    return n;
}

TEST(slots, never_admit_more_in_any_order_of_their_steps)
{
    static _Alignas(64) char memory[8192];
    char      row[64];
    uint64_t  full = 0;
    CHECK(sem_init(&stage.back, 0, 0) == 0);
    for (uint64_t seed = 0; seed < SCHEDULES; seed++) {
        Rng      rng = rng_of(seed);
        uint64_t now = 3600000000000, burst = 1 + rng_below(&rng, 2);
        snprintf(row, sizeof row, "schedule %" PRIu64, seed);
        stage.table = slots_init(memory, sizeof memory, (const uint64_t[]){ 1, 2 });
        CHECK(stage.table != NULL && gcra_of(&stage.g, 1, 10000000000, burst));
        fill_window(&rng, now);
        cast(&rng, now);
        play(&rng);
        for (uint64_t key = 0; key < 2; key++) {
            CHECK_ROW(admitted(same_window(key)) <= burst, row);
            CHECK_ROW(live_slots(same_window(key)) <= 1, row);
        }
        full += admitted(same_window(0)) == burst;
    }
    CHECK(full > SCHEDULES / 2);                       /* and the limit is used, not only kept */
}
