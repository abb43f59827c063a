/* cas.h - compare-and-swap of two words at once, for tables that several processes share.
 *
 * The pair is 16-byte aligned.  Words may also be read alone with atomic_load; only a pair_cas that succeeds proves that
 * both were seen together. */
#ifndef CAS_H
#define CAS_H
#include "base/base.h"
#include <stdatomic.h>

typedef struct Pair {
    _Alignas(16) _Atomic uint64_t a;
    _Atomic uint64_t b;
} Pair;

/* Full barrier.  True when the pair was {old_a, old_b} and now is {new_a, new_b}. */
bool pair_cas(Pair *p, uint64_t old_a, uint64_t old_b, uint64_t new_a, uint64_t new_b);

#endif
