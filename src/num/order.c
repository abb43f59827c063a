/* order.c - see order.h. */
#include "num/order.h"
#include <math.h>

enum { RADIX_BITS = 11, RADIX = 1 << RADIX_BITS };

/* Doubles as integers of the same order. */
static uint64_t ordered(double v)
{
    uint64_t u;
    memcpy(&u, &v, sizeof u);
    return u >> 63 ? ~u : u | (uint64_t)1 << 63;
}

static double unordered(uint64_t u)
{
    double v;
    u = u >> 63 ? u ^ (uint64_t)1 << 63 : ~u;
    memcpy(&v, &u, sizeof v);
    return v;
}

double order_statistic(const double *v, size_t n, size_t k)
{
    uint64_t known = 0;                                /* the upper bits of the answer */
    for (int shift = 64, bits; shift > 0; shift -= bits) {
        size_t count[RADIX] = { 0 }, digit = 0;
        bits = shift < RADIX_BITS ? shift : RADIX_BITS;
        for (size_t i = 0; i < n; i++) {
            uint64_t u = ordered(v[i]);
            if (shift == 64 || u >> shift == known)
                count[u >> (shift - bits) & ((1u << bits) - 1)]++;
        }
        for (; k >= count[digit]; digit++)
            k -= count[digit];
        known = known << bits | digit;
    }
    return unordered(known);
}

double order_quantile(const double *v, size_t n, double q)
{
    double at = (double)(n - 1) * q, t = at - floor(at);
    size_t k = (size_t)at;
    double a = order_statistic(v, n, k), b = k + 1 < n ? order_statistic(v, n, k + 1) : a;
    return t < 0.5 ? a + (b - a) * t : b - (b - a) * (1 - t);
}
