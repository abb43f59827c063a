/* crc32c.c - slicing by eight (Kounavis, Berry 2008). */
#include "spool/spool.h"
#include <pthread.h>

enum { POLY = 0x82F63B78 };                            /* 0x1EDC6F41 reflected */
static uint32_t       table[8][256];
static pthread_once_t made = PTHREAD_ONCE_INIT;

static void make(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++)
            c = c & 1 ? c >> 1 ^ (uint32_t)POLY : c >> 1;
        table[0][i] = c;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (int t = 1; t < 8; t++)
            table[t][i] = table[t - 1][i] >> 8 ^ table[0][table[t - 1][i] & 0xFF];
}

uint32_t crc32c(uint32_t crc, Str s)
{
    const uint8_t *p = (const uint8_t *)s.p;
    size_t         n = s.n;
    pthread_once(&made, make);
    crc = ~crc;
    for (; n >= 8; p += 8, n -= 8) {
        uint64_t v;
        memcpy(&v, p, 8);
        v ^= crc;
        crc = 0;
#pragma GCC unroll 8
        for (int t = 0; t < 8; t++)
            crc ^= table[7 - t][v >> 8 * t & 0xFF];
    }
    for (; n > 0; p++, n--)
        crc = crc >> 8 ^ table[0][(crc ^ *p) & 0xFF];
    return ~crc;
}
