/* key_own.h - what key.c and keyfile.c share; nobody else needs it. */
#ifndef KEY_OWN_H
#define KEY_OWN_H
#include "crypto/key.h"
#include <openssl/evp.h>

enum { PEM_LIMIT = 4096 };

/* A Key of one of the three kinds, or NULL.  Takes pkey, also on failure. */
Key      *key_take(EVP_PKEY *pkey, bool has_private, Err *e);
EVP_PKEY *key_openssl(const Key *k);                   /* borrowed */
/* The word between BEGIN and its dashes, for a message; only what could be such a word. */
Str pem_label(Str pem);
/* E_CRYPTO with OpenSSL's own reason, whose queue is left empty. */
bool err_openssl(Err *e, const char *what);

static inline void bio_drop(BIO **b) { BIO_free_all(*b); }
#define defer_bio __attribute__((cleanup(bio_drop)))

#endif
