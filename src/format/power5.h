/* power5.h - 5^q as 128-bit fractions, for reading and writing decimal numbers.
 *
 * power5[q - POWER5_LEAST] is 5^q scaled by a power of two so that the top bit is set (10^q differs from it only in
 * the exponent).  Cut towards zero, but rounded up for -27 <= q < 0; exact for 0 <= q <= 55. */
#ifndef POWER5_H
#define POWER5_H
#include <stdint.h>

enum { POWER5_LEAST = -342, POWER5_MOST = 324 };
typedef struct Power5 {
    uint64_t hi, lo;
} Power5;
extern const Power5 power5[POWER5_MOST - POWER5_LEAST + 1];

#endif
