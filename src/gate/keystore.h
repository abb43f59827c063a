/* keystore.h - the folder .moat/keys/ of a gateway's operator: pepper (0600), table.key and table.key.pub (the Ed25519 pair
 * that signs), keys.tbl (the table).  The table is the master copy: a change reads it, checks it, and replaces it
 * under a lock, with the next generation. */
#ifndef KEYSTORE_H
#define KEYSTORE_H
#include "base/clock.h"
#include "gate/key.h"

typedef struct KeyStore KeyStore;                      /* holds the folder's lock while it is open */

/* Opens DIR (made with 0700); `create` makes pepper and signing key when they are not there.  Owned: keystore_close(). */
KeyStore *keystore_open(const char *dir, bool create, Err *e);
void      keystore_close(KeyStore *s);                 /* NULL is fine; wipes */
static inline void keystore_drop(KeyStore **s) { keystore_close(*s); }
#define defer_keystore __attribute__((cleanup(keystore_drop)))

const KeyTable *keystore_table(const KeyStore *s);     /* as on disk; empty when there is none yet */

typedef struct KeyWish {                               /* a new key */
    Str      env, name, org_name;
    const Str *scopes;  size_t scope_count;            /* none: every scope ("*") */
    const Str *models;  size_t model_count;
    const Str *cidrs;   size_t cidr_count;
    int64_t  not_after;                                /* 0: none */
    uint32_t flags;
} KeyWish;
/* Makes a key; the token goes to `token` and is kept nowhere. */
bool keystore_new(KeyStore *s, Clock clock, const KeyWish *w, char token[static TOKEN_MAX], Err *e);
/* A second secret for the id; the old one stays valid until `old_until`.  A third live one is refused. */
bool keystore_rotate(KeyStore *s, Clock clock, Str id, int64_t old_until, char token[static TOKEN_MAX], Err *e);
/* Every secret of the id, from now on. */
bool keystore_revoke(KeyStore *s, Clock clock, Str id, Err *e);

/* For gateways: reads pepper and public key beside the table (DIR of PATH) once, at start, perhaps as root ... */
bool gate_keys_secret(const char *table_path, uint8_t pepper[static PEPPER_SIZE], Key **signer, Err *e);

#endif
