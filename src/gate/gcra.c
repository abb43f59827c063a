/* gcra.c - see gcra.h. */
#include "gate/gcra.h"

static uint64_t over(uint64_t a, uint64_t b) { return a > b ? a - b : 0; }

bool gcra_of(Gcra *g, uint64_t rate_num, uint64_t rate_ns, uint64_t burst)
{
    if (rate_num == 0 || rate_ns == 0 || burst == 0)
        return false;
    g->t_ns = rate_ns / rate_num + (rate_ns % rate_num != 0);
    return !__builtin_mul_overflow(g->t_ns, burst, &g->tau_ns) && g->tau_ns <= INT64_MAX;
}

bool gcra_of_nginx(Gcra *g, uint64_t rate_num, uint64_t rate_ns, uint64_t burst)
{
    return burst != UINT64_MAX && gcra_of(g, rate_num, rate_ns, burst + 1);
}

GcraAnswer gcra_next(Gcra g, uint64_t tat, uint64_t now_ns, uint64_t cost)
{
    uint64_t   inc, next, ahead = over(tat, now_ns);
    GcraAnswer r = { .result = GCRA_NEVER, .tat = tat, .ahead_ns = ahead, .reset_ns = ahead };
    if (__builtin_mul_overflow(cost, g.t_ns, &inc) || inc > g.tau_ns)
        return r;
    if (__builtin_add_overflow(ahead, inc, &next))
        next = UINT64_MAX;
    if (next > g.tau_ns || now_ns > UINT64_MAX - next) {
        r.result = GCRA_DENY;
        r.retry_after_ns = over(next, g.tau_ns);
        r.remaining = over(g.tau_ns, ahead) / g.t_ns;
        return r;
    }
    r.result = GCRA_ALLOW;
    r.tat = now_ns + next;
    r.remaining = (g.tau_ns - next) / g.t_ns;
    r.reset_ns = next;
    return r;
}

GcraAnswer gcra_charge(_Atomic uint64_t *tat, Gcra g, uint64_t now_ns, uint64_t cost)
{
    uint64_t old = atomic_load(tat);
    for (;;) {
        GcraAnswer r = gcra_next(g, old, now_ns, cost);
        if (r.result != GCRA_ALLOW || atomic_compare_exchange_weak(tat, &old, r.tat))
            return r;
    }
}

void gcra_refund(_Atomic uint64_t *tat, Gcra g, uint64_t cost)
{
    uint64_t inc, old = atomic_load(tat);
    if (__builtin_mul_overflow(cost, g.t_ns, &inc))
        return;                                        /* was never charged */
    while (!atomic_compare_exchange_weak(tat, &old, over(old, inc)))
        ;
}

void gcra_late(_Atomic uint64_t *tat, Gcra g, uint64_t now_ns, uint64_t cost, uint64_t debt_max_ns)
{
    uint64_t inc, next, cap, old = atomic_load(tat);
    if (__builtin_mul_overflow(cost, g.t_ns, &inc))
        inc = UINT64_MAX;
    if (__builtin_add_overflow(now_ns, g.tau_ns, &cap) || __builtin_add_overflow(cap, debt_max_ns, &cap))
        cap = UINT64_MAX;
    do {
        uint64_t base = old > now_ns ? old : now_ns;
        if (__builtin_add_overflow(base, inc, &next) || next > cap)
            next = old > cap ? old : cap;
    } while (!atomic_compare_exchange_weak(tat, &old, next));
}

size_t gcra_charge_all(const GcraLimit *limits, size_t n, uint64_t now_ns, uint64_t cost, GcraAnswer *answers)
{
    for (size_t i = 0; i < n; i++) {
        answers[i] = gcra_charge(limits[i].tat, limits[i].g, now_ns, cost);
        if (answers[i].result == GCRA_ALLOW)
            continue;
        for (size_t k = 0; k < i; k++)
            gcra_refund(limits[k].tat, limits[k].g, cost);
        return i;
    }
    return n;
}
