/* rng.h - chance, of two kinds that must never be mixed up.
 *
 * `Rng` is the documented seeded generator: xoshiro256** 1.0 (Blackman, Vigna 2018), its four words
 * filled by splitmix64 from the seed.  Same seed, same numbers, on every machine.  For samples, shuffles, tests.
 * `random_bytes` is the operating system's CSPRNG (getrandom).  For keys, nonces and privacy noise. */
#ifndef RNG_H
#define RNG_H
#include "base/base.h"

typedef struct Rng {
    uint64_t s[4];
} Rng;

uint64_t splitmix64(uint64_t *state);                  /* next output; state advances            */
Rng      rng_of(uint64_t seed);
uint64_t rng_u64(Rng *r);
uint64_t rng_below(Rng *r, uint64_t n);                /* uniform in [0, n), unbiased; n > 0     */
double   rng_unit(Rng *r);                             /* uniform in [0, 1), 53 bits             */
void     rng_shuffle(Rng *r, uint32_t *v, size_t n);   /* Fisher-Yates from the end              */

/* Fills from getrandom(2).  A machine that cannot give randomness is not one to go on with: aborts. */
void random_bytes(void *p, size_t n);

/* SipHash-2-4 (Aumasson, Bernstein 2012) with a 128-bit key: for tables that strangers fill. */
uint64_t siphash(const uint64_t key[static 2], Str s);

#endif
