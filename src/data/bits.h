/* bits.h - packed integers and rising sequences of them, for row maps (rowmap.h).
 *
 * Bits fill each byte from the least significant one.  A rising sequence of m numbers below u is kept as Elias and Fano did:
 * l = floor(log2(u/m)) low bits of each number packed, the rest in unary: bit (v >> l) + i is set for the i-th number v.
 * That is at most m (2 + log2(u/m)) bits, and the i-th number is found by counting bits.
 *
 * Not trusted: the bytes; every reader says how many there are, and what lies past the end reads as 0. */
#ifndef BITS_H
#define BITS_H
#include "base/base.h"

/* `width` <= 32 bits at bit `at`. */
uint64_t bits_get(Str s, uint64_t at, unsigned width);
/* Appends n numbers of `width` bits; value(ctx, i) is the i-th. */
void     bits_put(Buf *out, uint64_t n, unsigned width, uint64_t (*value)(const void *ctx, uint64_t i), const void *ctx);
uint64_t bits_bytes(uint64_t bits);                    /* that hold so many */
uint64_t bits_count(Str s);                            /* of ones           */
/* The position of the k-th one, counted from 0; UINT64_MAX when there are fewer. */
uint64_t bits_select(Str s, uint64_t k);
/* The first one at or after `at`; UINT64_MAX without. */
uint64_t bits_next(Str s, uint64_t at);

typedef struct Rising {                                /* borrows its bytes */
    uint64_t n, limit;
    unsigned low_bits;
    Str      low, high;
} Rising;
uint64_t rising_bytes(uint64_t n, uint64_t limit);
void     rising_put(Buf *out, uint64_t n, uint64_t limit, uint64_t (*value)(const void *ctx, uint64_t i), const void *ctx);
/* Takes its bytes from the cursor; false when they are not there.  Order and limits are the walker's to check. */
bool     rising_take(Cur *c, uint64_t n, uint64_t limit, Rising *out);
uint64_t rising_at(const Rising *r, uint64_t i);

typedef struct RisingWalk {
    const Rising *of;
    uint64_t      i, at;                               /* next number, next bit of high */
} RisingWalk;
/* The next number; UINT64_MAX when there is none. */
uint64_t rising_next(RisingWalk *w);

#endif
