/* gcra.h - exact rate limits: the generic cell rate algorithm on one u64, the theoretical arrival time `tat` (ns).
 *
 * T is the time one unit costs, tau how far tat may run ahead of now.  `now` is CLOCK_MONOTONIC in ns; a clock that
 * steps back is harmless.  gcra_next() is the arithmetic; gcra_charge() runs it on an atomic that the caller owns. */
#ifndef GCRA_H
#define GCRA_H
#include "base/base.h"
#include <stdatomic.h>

typedef struct Gcra {
    uint64_t t_ns;                                     /* per unit of cost, at least 1 */
    uint64_t tau_ns;
} Gcra;

typedef enum { GCRA_ALLOW, GCRA_DENY, GCRA_NEVER } GcraResult;

typedef struct GcraAnswer {
    GcraResult result;
    uint64_t   tat;                                    /* the new tat when allowed, else the old */
    uint64_t   retry_after_ns;                         /* denied: the same request passes then   */
    uint64_t   remaining;                              /* units that could still come now        */
    uint64_t   reset_ns;                               /* until the limit is as if never used    */
    uint64_t   ahead_ns;                               /* how far tat was ahead before: the delay that keeps the pace */
} GcraAnswer;

/* T = rate_ns / rate_num rounded up, tau = T * burst: exactly `burst` units may come at one instant.  False when
 * that is not a limit: a zero or an overflow. */
bool gcra_of(Gcra *g, uint64_t rate_num, uint64_t rate_ns, uint64_t burst);
/* What nginx's `rate=R burst=B` means: B counts the excess beyond the one in service, so tau = T * (B + 1). */
bool gcra_of_nginx(Gcra *g, uint64_t rate_num, uint64_t rate_ns, uint64_t burst);

GcraAnswer gcra_next(Gcra g, uint64_t tat, uint64_t now_ns, uint64_t cost);
GcraAnswer gcra_charge(_Atomic uint64_t *tat, Gcra g, uint64_t now_ns, uint64_t cost);
/* Takes `cost` back; tat never goes below 0. */
void gcra_refund(_Atomic uint64_t *tat, Gcra g, uint64_t cost);
/* Charges after the fact: tat may pass now + tau, up to now + tau + debt_max_ns. */
void gcra_late(_Atomic uint64_t *tat, Gcra g, uint64_t now_ns, uint64_t cost, uint64_t debt_max_ns);

/* Several limits at once: all are charged or none.  Returns the index of the one that refused (its answer is in
 * answers[i]), or n when all allowed. */
typedef struct GcraLimit {
    _Atomic uint64_t *tat;
    Gcra              g;
} GcraLimit;
size_t gcra_charge_all(const GcraLimit *limits, size_t n, uint64_t now_ns, uint64_t cost, GcraAnswer *answers);

#endif
