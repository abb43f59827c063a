/* stream.h - secret random numbers with an address: ChaCha20 (RFC 8439) as a generator.
 *
 * One 256-bit key a run, one nonce (purpose, step, place) for each piece of work; so pieces that run on different threads
 * never share a stream, and their numbers do not depend on who ran first.  A piece has 256 GiB.
 *
 * Trusted: the key: from random_bytes(), used for one run and wiped.  The same key and nonce give the same numbers. */
#ifndef STREAM_H
#define STREAM_H
#include "base/base.h"

enum { STREAM_KEY = 32, STREAM_ROOM = 4096 };

typedef struct Stream {
    void    *cipher;                                   /* OpenSSL's */
    size_t   at, filled;
    uint64_t word[STREAM_ROOM / 8];
} Stream;

/* Numbers of one piece of work.  `room` bytes are made at a time, 64 to STREAM_ROOM; then stream_end(), which wipes.  Aborts
 * when OpenSSL cannot: there is no noise to go on with. */
void     stream_begin(Stream *s, const uint8_t key[static STREAM_KEY], uint32_t purpose, uint32_t step, uint32_t place, size_t room);
void     stream_end(Stream *s);
void     stream_more(Stream *s);                       /* the next bytes; stream_u64() calls it */
static inline uint64_t stream_u64(Stream *s)
{
    if (s->at == s->filled)
        stream_more(s);
    return s->word[s->at++];
}

#endif
