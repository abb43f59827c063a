/* unpack.h - compressed bytes to plain ones, up to a limit, keeping what came out before anything went wrong.
 *
 * The libraries decode; here are the limits and the ends.  A stream that is cut or corrupt still gives what a reader would have
 * seen of it, because whoever loads it sees that too.  Several members in a row (gzip, bzip2, xz, zstd) are one text.
 *
 * Trusted: zlib, libbz2, liblzma and libzstd, within the memory they are allowed.  Not trusted: the bytes. */
#ifndef UNPACK_H
#define UNPACK_H
#include "base/base.h"

typedef enum {
    UNPACK_DEFLATE, UNPACK_ZLIB, UNPACK_GZIP, UNPACK_BZIP2, UNPACK_XZ, UNPACK_LZMA,
    UNPACK_ZIP_LZMA,                                   /* method 14: properties in front, the end not always marked */
    UNPACK_ZSTD
} UnpackKind;

typedef enum {
    UNPACK_DONE,
    UNPACK_CUT,                                        /* the input ended first                         */
    UNPACK_CORRUPT,
    UNPACK_LIMIT,                                      /* there is more than `limit` bytes of it        */
    UNPACK_MEMORY                                      /* wants more memory than UNPACK_MEMORY_MAX      */
} UnpackEnd;

enum { UNPACK_MEMORY_MAX = 128 << 20 };                /* of a decoder: dictionaries and windows        */

/* Appends at most `limit` plain bytes to *out; *used (may be NULL) is what was read of `in`.  Out of memory sets out->bad and says
 * UNPACK_LIMIT. */
UnpackEnd unpack(UnpackKind kind, Str in, uint64_t limit, Buf *out, uint64_t *used);

#endif
