/* bits.c - see bits.h. */
#include "data/bits.h"

uint64_t bits_bytes(uint64_t bits) { return bits / 8 + (bits % 8 != 0); }

/* Eight bytes from byte `at` on, zeros past the end. */
static uint64_t word_at(Str s, uint64_t at)
{
    uint64_t w = 0;
    if (at >= s.n)
        return 0;
    memcpy(&w, s.p + at, s.n - at < sizeof w ? s.n - at : sizeof w);
    return w;
}

uint64_t bits_get(Str s, uint64_t at, unsigned width)
{
    return word_at(s, at / 8) >> (at % 8) & ((1ull << width) - 1);
}

void bits_put(Buf *out, uint64_t n, unsigned width, uint64_t (*value)(const void *ctx, uint64_t i), const void *ctx)
{
    uint64_t word = 0;
    unsigned held = 0;
    for (uint64_t i = 0; i < n; i++) {
        word |= value(ctx, i) << held;                 /* held < 8, width <= 32 */
        for (held += width; held >= 8; held -= 8, word >>= 8)
            buf_byte(out, (uint8_t)word);
    }
    if (held > 0)
        buf_byte(out, (uint8_t)word);
}

uint64_t bits_count(Str s)
{
    uint64_t n = 0;
    for (uint64_t at = 0; at < s.n; at += 8)
        n += (uint64_t)__builtin_popcountll(word_at(s, at));
    return n;
}

uint64_t bits_select(Str s, uint64_t k)
{
    for (uint64_t at = 0; at < s.n; at += 8) {
        uint64_t w = word_at(s, at), ones = (uint64_t)__builtin_popcountll(w);
        if (k >= ones) {
            k -= ones;
            continue;
        }
        while (k-- > 0)
            w &= w - 1;
        return at * 8 + (uint64_t)__builtin_ctzll(w);
    }
    return UINT64_MAX;
}

uint64_t bits_next(Str s, uint64_t at)
{
    for (uint64_t byte = at / 8, skip = at % 8; byte < s.n; byte += 8, skip = 0) {
        uint64_t w = word_at(s, byte) >> skip << skip;
        if (w != 0)
            return byte * 8 + (uint64_t)__builtin_ctzll(w);
    }
    return UINT64_MAX;
}

/* ---- rising sequences */

static unsigned low_bits(uint64_t n, uint64_t limit)
{
    uint64_t ratio = n > 0 ? limit / n : 0;
    return ratio > 1 ? 63 - (unsigned)__builtin_clzll(ratio) : 0;
}

static uint64_t low_bytes(uint64_t n, unsigned low) { return bits_bytes(n * low); }
static uint64_t high_bytes(uint64_t n, uint64_t limit, unsigned low) { return bits_bytes(n + (limit >> low) + 1); }

uint64_t rising_bytes(uint64_t n, uint64_t limit)
{
    unsigned low = low_bits(n, limit);
    return low_bytes(n, low) + high_bytes(n, limit, low);
}

typedef struct Lows {
    uint64_t (*value)(const void *ctx, uint64_t i);
    const void *ctx;
    unsigned    low;
} Lows;

static uint64_t low_of(const void *ctx, uint64_t i)
{
    const Lows *l = ctx;
    return l->value(l->ctx, i) & ((1ull << l->low) - 1);
}

void rising_put(Buf *out, uint64_t n, uint64_t limit, uint64_t (*value)(const void *ctx, uint64_t i), const void *ctx)
{
    Lows     l = { value, ctx, low_bits(n, limit) };
    uint64_t bytes = high_bytes(n, limit, l.low), at = 0;
    uint8_t  byte = 0;
    bits_put(out, n, l.low, low_of, &l);
    for (uint64_t i = 0; i < n; i++) {
        uint64_t bit = (value(ctx, i) >> l.low) + i;
        for (; at < bit / 8; at++, byte = 0)
            buf_byte(out, byte);
        byte |= (uint8_t)(1u << bit % 8);
    }
    for (; at < bytes; at++, byte = 0)
        buf_byte(out, byte);
}

bool rising_take(Cur *c, uint64_t n, uint64_t limit, Rising *out)
{
    unsigned low = low_bits(n, limit);
    *out = (Rising){ .n = n, .limit = limit, .low_bits = low };
    out->low = cur_bytes(c, low_bytes(n, low));
    out->high = cur_bytes(c, high_bytes(n, limit, low));
    return !c->bad;
}

static uint64_t joined(const Rising *r, uint64_t i, uint64_t bit)
{
    return (bit - i) << r->low_bits | bits_get(r->low, i * r->low_bits, r->low_bits);
}

uint64_t rising_at(const Rising *r, uint64_t i)
{
    uint64_t bit = i < r->n ? bits_select(r->high, i) : UINT64_MAX;
    return bit == UINT64_MAX ? UINT64_MAX : joined(r, i, bit);
}

uint64_t rising_next(RisingWalk *w)
{
    uint64_t bit = w->i < w->of->n ? bits_next(w->of->high, w->at) : UINT64_MAX;
    if (bit == UINT64_MAX)
        return UINT64_MAX;
    w->at = bit + 1;
    return joined(w->of, w->i++, bit);
}
