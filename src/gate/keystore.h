/* keystore.h - the folder .moat/keys/ of a gateway's operator: pepper (0600), table.key and table.key.pub (the Ed25519 pair
 * that signs), keys.tbl (the table).  The table is the master copy: a change reads it, checks it, changes it in memory,
 * and keystore_save() replaces it with the next generation, all under the folder's lock.
 *
 * Trusted: the folder's owner.  Not trusted: keys.tbl until its signature holds. */
#ifndef KEYSTORE_H
#define KEYSTORE_H
#include "base/clock.h"
#include "gate/key.h"

typedef struct KeyStore KeyStore;                      /* holds the folder's lock while it is open */

/* Opens DIR, waiting for the lock.  `create` makes the folder, pepper and signing key when there are none.
 * Owned: keystore_close(). */
KeyStore *keystore_open(const char *dir, bool create, Err *e);
void      keystore_close(KeyStore *s);                 /* NULL is fine; wipes; changes not saved are lost */
static inline void keystore_drop(KeyStore **s) { keystore_close(*s); }
#define defer_keystore __attribute__((cleanup(keystore_drop)))

/* All secrets, sorted by id; valid until the next change. */
const KeyRecord *keystore_records(const KeyStore *s, size_t *n);
uint64_t         keystore_generation(const KeyStore *s);

typedef struct KeyWish {                               /* a new key; texts borrowed for the call */
    Str        env, name, org;                         /* env: 2-8 of a-z */
    const Str *scopes, *models, *cidrs;
    size_t     scope_count, model_count, cidr_count;   /* no scope: every scope ("*"); no models, CIDRs: any */
    int64_t    not_after;                              /* 0: none */
} KeyWish;
/* Makes a key; the token goes to `token` and is kept nowhere. */
bool keystore_new(KeyStore *s, int64_t now_s, const KeyWish *w, char token[static TOKEN_MAX], Err *e);
/* A second secret for the id; the first stays valid until `old_until`.  A third live one is refused. */
bool keystore_rotate(KeyStore *s, int64_t now_s, Str id, int64_t old_until, char token[static TOKEN_MAX], Err *e);
/* Every secret of the id, from the next generation on. */
bool keystore_revoke(KeyStore *s, Str id, Err *e);
bool keystore_save(KeyStore *s, int64_t now_s, Err *e);

/* For gateways, once at start: pepper and public key from beside the table at `table_path`.  *signer is owned: key_free(). */
bool gate_keys_secret(const char *table_path, uint8_t pepper[static PEPPER_SIZE], Key **signer, Err *e);

#endif
