/* hash.h - a digest of all or a piece of an open file, by an algorithm that a signature names.
 *
 * The descriptor stays with the caller, so what was hashed is what was opened, whatever happens to the name meanwhile. */
#ifndef HASH_H
#define HASH_H
#include "crypto/digest.h"

typedef enum { HASH_SHA256, HASH_BLAKE2B } HashKind;
enum { HASH_SIZE_MAX = 64 };

const char *hash_name(HashKind k);                     /* "sha256", "blake2b" (64 bytes), as OMS writes them */
size_t      hash_size(HashKind k);
bool        hash_parse(Str name, HashKind *out);

/* Bytes [from, to) of a regular file, or up to its end when `to` is UINT64_MAX; *bytes is what was read.  False with errno:
 * ENODATA when the file ends before `to`. */
bool hash_range(HashKind k, int fd, uint64_t from, uint64_t to, uint8_t out[static HASH_SIZE_MAX], uint64_t *bytes);

#endif
