/* noise.c - see noise.h. */
#include "privacy/noise.h"
#include <math.h>

/* exp(-y) as a coin, y >= 0.  The bounds 1 - y <= exp(-y) <= 1 - y + y^2/2 decide most throws without it. */
static bool coin(Stream *s, double y)
{
    double u = ((double)(stream_u64(s) >> 11) + 0.5) * 0x1p-53;
    if (u < 1 - y)
        return true;
    return u < 1 - y + y * y / 2 && u < exp(-y);
}

/* P(k) ~ exp(-k^2/2), k >= TAIL: k = TAIL + j has a factor exp(-4j) exp(-j^2/2) over the first. */
enum { TAIL = 4 };
#define EXP_4 UINT64_C(0x04b0556e084f3d1d)             /* exp(-4) 2^64 */
static uint64_t tail(Stream *s)
{
    for (;;) {
        uint64_t j = 0, i = 0;
        while (stream_u64(s) < EXP_4)
            j++;
        while (i < j * j && coin(s, 0.5))
            i++;
        if (i == j * j)
            return TAIL + j;
    }
}

static uint64_t whole_part(Stream *s)
{
    /* sum of exp(-i^2/2) over i <= k, divided by the sum over all, times 2^64 */
    static const uint64_t up_to[TAIL] = { 0x92025b19482ce72b, 0xea91798547a0ef93, 0xfe5415c6e9da4bae, 0xfff3523319908c11 };
    uint64_t u = stream_u64(s), k = 0;
    while (k < TAIL && u >= up_to[k])
        k++;
    return k < TAIL ? k : tail(s);
}

/* exp(-x (2k + x) / 2), in pieces that a coin of 53 bits can throw. */
static bool fits(Stream *s, double x, uint64_t k)
{
    if (k < TAIL)
        return coin(s, x * (2 * (double)k + x) / 2);
    for (uint64_t i = 0; i < k; i++)
        if (!coin(s, x))
            return false;
    return coin(s, x * x / 2);
}

int64_t noise_draw(Stream *s, unsigned m)
{
    for (;;) {
        uint64_t k = whole_part(s), bits = stream_u64(s), fraction = bits >> 1;
        if (!fits(s, ((double)(fraction >> 10) + 0.5) * 0x1p-53, k))
            continue;
        uint64_t size = (k << m) + (((fraction >> (62 - m)) + 1) >> 1);
        return bits & 1 ? -(int64_t)size : (int64_t)size;
    }
}

/* 16 bits of each row decide but for one in 65,536; that one reads 48 more from a stream of its own. */
size_t poisson_draw(const uint8_t key[static STREAM_KEY], uint32_t step, uint32_t rows, double q, uint32_t *out)
{
    Stream   first, ties;
    uint64_t bound = q >= 1 ? UINT64_MAX : (uint64_t)(q * 0x1p64), head = bound >> 48, word = 0;
    size_t   n = 0;
    stream_begin(&first, key, STREAM_SAMPLE, step, 0, STREAM_ROOM);
    stream_begin(&ties, key, STREAM_TIES, step, 0, 64);
    for (uint32_t i = 0; i < rows; i++) {
        word = i % 4 ? word >> 16 : stream_u64(&first);
        uint64_t mine = word & 0xFFFF;
        if (mine < head || (mine == head && (mine << 48 | stream_u64(&ties) >> 16) < bound) || q >= 1)
            out[n++] = i;
    }
    stream_end(&first), stream_end(&ties);
    return n;
}
