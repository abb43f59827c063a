/* rng.c - see rng.h. */
#include "base/rng.h"
#include <endian.h>
#include <errno.h>
#include <sys/random.h>

static uint64_t rotl(uint64_t x, unsigned k) { return x << k | x >> (64 - k); }

uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
}

Rng rng_of(uint64_t seed)
{
    Rng r;
    for (size_t i = 0; i < len_of(r.s); i++)
        r.s[i] = splitmix64(&seed);
    return r;
}

uint64_t rng_u64(Rng *r)
{
    uint64_t *s = r->s, result = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0], s[3] ^= s[1], s[1] ^= s[2], s[0] ^= s[3];
    s[2] ^= t, s[3] = rotl(s[3], 45);
    return result;
}

/* Lemire 2019: multiply, and reject the few products that would favour small results. */
uint64_t rng_below(Rng *r, uint64_t n)
{
    assert(n > 0);
    unsigned __int128 m = (unsigned __int128)rng_u64(r) * n;
    if ((uint64_t)m < n)
        for (uint64_t floor = -n % n; (uint64_t)m < floor;)
            m = (unsigned __int128)rng_u64(r) * n;
    return (uint64_t)(m >> 64);
}

double rng_unit(Rng *r) { return (double)(rng_u64(r) >> 11) * 0x1p-53; }

void rng_shuffle(Rng *r, uint32_t *v, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t   j = (size_t)rng_below(r, i);
        uint32_t t = v[i - 1];
        v[i - 1] = v[j], v[j] = t;
    }
}

void random_bytes(void *p, size_t n)
{
    for (uint8_t *at = p; n > 0;) {
        ssize_t got = getrandom(at, n, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            abort();
        at += got, n -= (size_t)got;
    }
}

static inline __attribute__((always_inline)) void sip_round(uint64_t v[static 4])
{
    v[0] += v[1], v[1] = rotl(v[1], 13) ^ v[0], v[0] = rotl(v[0], 32);
    v[2] += v[3], v[3] = rotl(v[3], 16) ^ v[2];
    v[0] += v[3], v[3] = rotl(v[3], 21) ^ v[0];
    v[2] += v[1], v[1] = rotl(v[1], 17) ^ v[2], v[2] = rotl(v[2], 32);
}

static inline __attribute__((always_inline)) void sip_word(uint64_t v[static 4], uint64_t m)
{
    v[3] ^= m;
    sip_round(v), sip_round(v);
    v[0] ^= m;
}

uint64_t siphash(const uint64_t key[static 2], Str s)
{
    uint64_t v[4] = { key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d, key[0] ^ 0x6c7967656e657261,
                      key[1] ^ 0x7465646279746573 };
    uint64_t last = (uint64_t)s.n << 56, word;
    size_t   at = 0;
    for (; s.n - at >= sizeof word; at += sizeof word) {
        memcpy(&word, s.p + at, sizeof word);
        sip_word(v, le64toh(word));
    }
    for (unsigned shift = 0; at < s.n; at++, shift += 8)
        last |= (uint64_t)(uint8_t)s.p[at] << shift;
    sip_word(v, last);
    v[2] ^= 0xFF;
    for (int i = 0; i < 4; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
