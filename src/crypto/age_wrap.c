/* age_wrap.c - the file key, wrapped for an X25519 recipient or a passphrase, and unwrapped again. */
#include "base/rng.h"
#include "crypto/age_own.h"
#include "crypto/key_own.h"
#include <openssl/kdf.h>

enum { SALT = 16 };
#define X25519_INFO "age-encryption.org/v1/X25519"
#define SCRYPT_SALT "age-encryption.org/v1/scrypt"

static const uint8_t zero_nonce[12];

static Str bytes(const uint8_t *p, size_t n) { return (Str){ (const char *)p, n }; }

/* RFC 5869 with SHA-256, 32 bytes out. */
void hkdf(Str ikm, Str salt, Str info, uint8_t out[static AGE_KEY])
{
    uint8_t expand[128];
    assert(info.n < sizeof expand);
    Digest key = hmac_sha256(salt, ikm);
    memcpy(expand, info.p, info.n);
    expand[info.n] = 1;
    Digest d = hmac_sha256(bytes(key.b, sizeof key.b), bytes(expand, info.n + 1));
    memcpy(out, d.b, AGE_KEY);
    wipe(&key, sizeof key), wipe(&d, sizeof d);
}

/* ---- X25519 */

static inline void pkey_drop(EVP_PKEY **k) { EVP_PKEY_free(*k); }
static inline void pkey_ctx_drop(EVP_PKEY_CTX **c) { EVP_PKEY_CTX_free(*c); }
#define defer_pkey __attribute__((cleanup(pkey_drop)))
#define defer_pkey_ctx __attribute__((cleanup(pkey_ctx_drop)))

static bool x25519_base(const uint8_t scalar[static AGE_KEY], uint8_t out[static AGE_KEY])
{
    size_t               n = AGE_KEY;
    defer_pkey EVP_PKEY *k = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, scalar, AGE_KEY);
    return k != NULL && EVP_PKEY_get_raw_public_key(k, out, &n) == 1;
}

/* False also when the shared secret would be all zeros, as RFC 7748 section 6.1 asks. */
static bool x25519(const uint8_t scalar[static AGE_KEY], const uint8_t point[static AGE_KEY], uint8_t out[static AGE_KEY])
{
    size_t                       n = AGE_KEY;
    defer_pkey EVP_PKEY         *ours = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, scalar, AGE_KEY);
    defer_pkey EVP_PKEY         *theirs = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, point, AGE_KEY);
    defer_pkey_ctx EVP_PKEY_CTX *c = ours ? EVP_PKEY_CTX_new(ours, NULL) : NULL;
    return c != NULL && theirs != NULL && EVP_PKEY_derive_init(c) == 1 && EVP_PKEY_derive_set_peer(c, theirs) == 1 &&
           EVP_PKEY_derive(c, out, &n) == 1 && n == AGE_KEY;
}

bool age_recipient_of(const AgeIdentity *id, AgeRecipient *out, Err *e)
{
    return x25519_base(id->scalar, out->point) || err_openssl(e, "X25519");
}

static void x25519_key(const uint8_t *shared, const uint8_t *share, const uint8_t *point, uint8_t out[static AGE_KEY])
{
    uint8_t salt[2 * AGE_KEY];
    memcpy(salt, share, AGE_KEY);
    memcpy(salt + AGE_KEY, point, AGE_KEY);
    hkdf(bytes(shared, AGE_KEY), bytes(salt, sizeof salt), S(X25519_INFO), out);
}

static bool seal_file_key(const uint8_t key[static AGE_KEY], const uint8_t *file_key, uint8_t out[static WRAPPED], Err *e)
{
    Aead *c = aead_new(key);
    bool  ok = c != NULL && aead_seal(c, zero_nonce, file_key, FILE_KEY, out);
    aead_free(c);
    return ok || err_openssl(e, "ChaCha20-Poly1305");
}

static bool open_file_key(const uint8_t key[static AGE_KEY], Str body, uint8_t file_key[static FILE_KEY])
{
    Aead *c = aead_new(key);
    bool  ok = c != NULL && aead_open(c, zero_nonce, (const uint8_t *)body.p, body.n, file_key);
    aead_free(c);
    return ok;
}

bool wrap_x25519(Buf *header, const AgeRecipient *r, const uint8_t file_key[static FILE_KEY], Err *e)
{
    uint8_t       e_scalar[AGE_KEY], share[AGE_KEY], shared[AGE_KEY], key[AGE_KEY], body[WRAPPED];
    defer_buf Buf text = { 0 };
    random_bytes(e_scalar, sizeof e_scalar);
    if (!x25519_base(e_scalar, share) || !x25519(e_scalar, r->point, shared))
        return err_openssl(e, "X25519 with this recipient");
    x25519_key(shared, share, r->point, key);
    bool ok = seal_file_key(key, file_key, body, e);
    base64_bare_put(&text, bytes(share, sizeof share));
    if (ok)
        header_stanza(header, (Str[]){ S("X25519"), buf_view(&text) }, 2, bytes(body, sizeof body));
    wipe(e_scalar, sizeof e_scalar), wipe(shared, sizeof shared), wipe(key, sizeof key);
    return ok;
}

/* ---- passphrase */

/* scrypt, RFC 7914: N = 2^work, r = 8, p = 1. */
static bool scrypt_key(Str passphrase, const uint8_t salt[static SALT], unsigned work, uint8_t out[static AGE_KEY])
{
    uint8_t  salted[sizeof SCRYPT_SALT - 1 + SALT];
    uint64_t n = UINT64_C(1) << work;
    memcpy(salted, SCRYPT_SALT, sizeof SCRYPT_SALT - 1);
    memcpy(salted + sizeof SCRYPT_SALT - 1, salt, SALT);
    return EVP_PBE_scrypt(passphrase.p, passphrase.n, salted, sizeof salted, n, 8, 1, n * 1024 + (1 << 20), out, AGE_KEY) == 1;
}

bool wrap_passphrase(Buf *header, Str passphrase, unsigned work, const uint8_t file_key[static FILE_KEY], Err *e)
{
    uint8_t       salt[SALT], key[AGE_KEY], body[WRAPPED];
    char          cost[8];
    defer_buf Buf text = { 0 };
    random_bytes(salt, sizeof salt);
    if (!scrypt_key(passphrase, salt, work, key))
        return err_openssl(e, "scrypt");
    bool ok = seal_file_key(key, file_key, body, e);
    base64_bare_put(&text, bytes(salt, sizeof salt));
    snprintf(cost, sizeof cost, "%u", work);
    if (ok)
        header_stanza(header, (Str[]){ S("scrypt"), buf_view(&text), str(cost) }, 3, bytes(body, sizeof body));
    wipe(key, sizeof key);
    return ok;
}

/* ---- opening */

static bool is_kind(const Stanza *s, const char *kind) { return str_is(s->args[0], kind); }

/* The argument decodes to exactly n bytes. */
static bool arg_bytes(Str arg, uint8_t *out, size_t n)
{
    defer_buf Buf b = { 0 };
    if (!base64_bare_get(&b, arg) || b.n != n)
        return false;
    memcpy(out, b.p, n);
    return true;
}

static bool arg_work(Str arg, unsigned *out)
{
    uint64_t v;
    if (arg.n == 0 || arg.p[0] == '0' || !str_u64(arg, &v) || v > AGE_WORK_MAX)
        return false;
    *out = (unsigned)v;
    return true;
}

static bool x25519_formed(const Stanza *s)
{
    uint8_t share[AGE_KEY];
    return s->arg_count == 2 && arg_bytes(s->args[1], share, sizeof share) && s->body.n == WRAPPED;
}

static bool scrypt_formed(const Stanza *s)
{
    uint8_t  salt[SALT];
    unsigned work;
    return s->arg_count == 3 && arg_bytes(s->args[1], salt, sizeof salt) && arg_work(s->args[2], &work) && s->body.n == WRAPPED;
}

bool stanzas_formed(const AgeHeader *h, Err *e)
{
    for (size_t i = 0; i < h->n; i++) {
        const Stanza *s = &h->v[i];
        if (is_kind(s, "X25519") && !x25519_formed(s))
            return err_set(e, E_FORMAT, "age header: recipient %zu: not an X25519 stanza's form", i + 1);
        if (is_kind(s, "scrypt") && !scrypt_formed(s))
            return err_set(e, E_FORMAT, "age header: recipient %zu: not a scrypt stanza's form, or its work factor is above %d", i + 1, AGE_WORK_MAX);
        if (is_kind(s, "scrypt") && h->n != 1)
            return err_set(e, E_FORMAT, "age header: a passphrase must be the only recipient");
    }
    return true;
}

static AgeFault try_x25519(const Stanza *s, const AgeIdentity *id, uint8_t file_key[static FILE_KEY], Err *e)
{
    uint8_t      share[AGE_KEY], shared[AGE_KEY], key[AGE_KEY];
    AgeRecipient self;
    if (!arg_bytes(s->args[1], share, sizeof share) || !age_recipient_of(id, &self, e))
        return AGE_OTHER;
    if (!x25519(id->scalar, share, shared))
        return err_set(e, E_FORMAT, "age header: X25519 share of low order"), AGE_BAD_HEADER;
    x25519_key(shared, share, self.point, key);
    bool ok = open_file_key(key, s->body, file_key);
    wipe(shared, sizeof shared), wipe(key, sizeof key);
    return ok ? AGE_FINE : AGE_NO_MATCH;
}

static AgeFault try_passphrase(const Stanza *s, Str passphrase, uint8_t file_key[static FILE_KEY], Err *e)
{
    uint8_t  salt[SALT], key[AGE_KEY];
    unsigned work;
    if (!arg_bytes(s->args[1], salt, sizeof salt) || !arg_work(s->args[2], &work))
        return AGE_OTHER;
    if (!scrypt_key(passphrase, salt, work, key))
        return err_openssl(e, "scrypt"), AGE_OTHER;
    bool ok = open_file_key(key, s->body, file_key);
    wipe(key, sizeof key);
    return ok ? AGE_FINE : AGE_NO_MATCH;
}

AgeFault unwrap(const AgeHeader *h, const AgeOpen *o, uint8_t file_key[static FILE_KEY], Err *e)
{
    AgeFault f = AGE_NO_MATCH;
    for (size_t i = 0; f == AGE_NO_MATCH && i < h->n; i++) {
        const Stanza *s = &h->v[i];
        for (size_t k = 0; f == AGE_NO_MATCH && is_kind(s, "X25519") && k < o->count; k++)
            f = try_x25519(s, &o->identities[k], file_key, e);
        if (f == AGE_NO_MATCH && is_kind(s, "scrypt") && o->passphrase.n > 0)
            f = try_passphrase(s, o->passphrase, file_key, e);
    }
    if (f == AGE_NO_MATCH)
        err_set(e, E_DENIED, "%s opens none of its %zu recipients", o->count ? "this identity" : "this passphrase", h->n);
    return f;
}
