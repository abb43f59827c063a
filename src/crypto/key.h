/* key.h - signing keys of people and houses.
 *
 * A private key is PKCS#8 PEM in a file that only its owner may read: made with O_EXCL and 0600, and refused when
 * group or world could read it.  A public key is SubjectPublicKeyInfo PEM.  The key id is the lower-case hex SHA-256 of
 * that PEM text, as OpenSSF Model Signing writes it. */
#ifndef KEY_H
#define KEY_H
#include "crypto/digest.h"

typedef enum { KEY_ED25519, KEY_P256, KEY_P384, KEY_P521 } KeyKind;
typedef struct Key Key;                                /* may or may not hold the private half */

const char *key_kind_name(KeyKind k);                  /* "ed25519", "p256", "p384", "p521" */
bool        key_kind_parse(Str s, KeyKind *out);

Key *key_new(KeyKind kind, Err *e);                    /* fresh from the CSPRNG.  Owned: key_free() */
void key_free(Key *k);                                 /* NULL is fine; wipes */
static inline void key_drop(Key **k) { key_free(*k); }
#define defer_key __attribute__((cleanup(key_drop)))

/* Private: E_DENIED when others may read the file.  Public: PEM of either half's public part. */
Key *key_load_private(const char *path, Err *e);
Key *key_load_public(const char *path, Err *e);
Key *key_parse_public(Str pem, Err *e);
/* From the encodings that other formats carry: SubjectPublicKeyInfo DER; the 32 bytes of an Ed25519 key. */
Key *key_of_der(Str der, Err *e);
Key *key_of_raw(const uint8_t raw[static 32], Err *e);
/* Writes PATH (0600, never over an existing file) and PATH.pub (0644). */
bool key_save(const Key *k, const char *path, Err *e);

KeyKind key_kind(const Key *k);
bool    key_has_private(const Key *k);
bool    key_public_pem(const Key *k, Buf *out);        /* 64-column base64, header, footer, final newline */
bool    key_public_der(const Key *k, Buf *out);
void    key_id(const Key *k, char out[static DIGEST_HEX]);
bool    key_public_raw(const Key *k, uint8_t out[static 32]);   /* Ed25519 only */

/* Ed25519 over the bytes (RFC 8032); ECDSA with the curve's own hash (SHA-256, SHA-384, SHA-512), DER. */
bool key_sign(const Key *k, Str message, Buf *signature, Err *e);
bool key_verify(const Key *k, Str message, Str signature);

#endif
