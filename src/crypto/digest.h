/* crypto - digests, keys, signatures, Merkle trees and checkpoints; the only place that names an algorithm.
 *
 * OpenSSL 3 does the arithmetic; we decide what is allowed.  One header each:
 *     digest.h   SHA-256/384/512, hex, base64, HMAC      key.h      Ed25519 and ECDSA keys, key files, signatures
 *     merkle.h   RFC 6962 tree, proofs                   note.h     C2SP signed notes and checkpoints
 *     secret.h   constant-time compare, wipe             age.h      files sealed for the holder of a key
 *
 * Trusted: OpenSSL, the key files' owner.  Not trusted: signatures, proofs, notes and public keys from others. */
#ifndef DIGEST_H
#define DIGEST_H
#include "base/base.h"

enum { SHA256_SIZE = 32, SHA384_SIZE = 48, SHA512_SIZE = 64, DIGEST_HEX = 2 * SHA256_SIZE + 1 };

typedef struct Digest {                               /* SHA-256, the digest of everything we name */
    uint8_t b[SHA256_SIZE];
} Digest;

Digest sha256(Str s);
Digest sha256_of(const Str *parts, size_t n);         /* of the parts one after the other */
void   sha384(Str s, uint8_t out[static SHA384_SIZE]);
void   sha512(Str s, uint8_t out[static SHA512_SIZE]);

/* Streaming.  Owned: sha256_end() frees it and gives the digest.  NULL only when out of memory. */
typedef struct Sha256 Sha256;
Sha256 *sha256_begin(void);
void    sha256_add(Sha256 *h, Str s);
Digest  sha256_end(Sha256 *h);

/* Of a regular file, read once; *bytes (may be NULL) is what was read. */
bool sha256_file(const char *path, Digest *out, uint64_t *bytes, Err *e);
Digest hmac_sha256(Str key, Str s);

bool digest_eq(const Digest *a, const Digest *b);
void digest_hex(const Digest *d, char out[static DIGEST_HEX]);      /* lower case, NUL-terminated */
bool digest_parse(Str hex, Digest *out);                            /* 64 hex digits, either case */

void hex_put(Buf *b, Str bytes);
bool hex_get(Buf *b, Str hex);                                      /* false on odd length or other bytes */
void base64_put(Buf *b, Str bytes);                                 /* RFC 4648 s4, padded, no line breaks */
bool base64_get(Buf *b, Str text);                                  /* exact and canonical: no blanks, padding required */

#endif
