/* chunk.h - where to cut a file, so that an insertion moves no cut but the nearest (FastCDC, Xia et al. 2016).
 *
 * A gear hash runs over the bytes from CHUNK_MIN on; a chunk ends after a byte that leaves its top bits zero: 18 bits
 * before the wanted length and 14 behind it (normalised chunking), at CHUNK_MAX in any case.  The gear table comes from
 * splitmix64, state 1, and is part of the format: other cuts would store every chunk again. */
#ifndef CHUNK_H
#define CHUNK_H
#include "base/base.h"

enum { CHUNK_MIN = 16 << 10, CHUNK_WANTED = 64 << 10, CHUNK_MAX = 256 << 10 };

typedef struct Gear {
    uint64_t of[256];
} Gear;
Gear gear_of(uint64_t state);
static inline Gear gear_public(void) { return gear_of(1); }

/* The length of the first chunk of `s`, which must hold CHUNK_MAX bytes or be the end of the stream. */
size_t chunk_cut(const Gear *g, Str s);

#endif
