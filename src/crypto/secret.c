/* secret.c - see secret.h. */
#include "crypto/secret.h"
#include <openssl/crypto.h>

bool ct_eq(const void *a, const void *b, size_t n) { return CRYPTO_memcmp(a, b, n) == 0; }
void wipe(void *p, size_t n) { OPENSSL_cleanse(p, n); }
