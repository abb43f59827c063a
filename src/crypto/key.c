/* key.c - see key.h.
 *
 * A public key is accepted only in the one DER spelling that its kind has (RFC 8410 s4, RFC 5480 s2): a fixed head and a
 * fixed length.  That leaves no room for explicit curve parameters, compressed points, negative zeros or trailing
 * bytes, so one key has one key id. */
#include "crypto/key_own.h"
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

enum { DER_MAX = 158, SIGNATURE_MAX = 141 };

struct Key {
    EVP_PKEY *pkey;
    KeyKind   kind;
    bool      has_private;
};

typedef struct KindRow {
    const char *name, *head;                           /* head: the DER before the key itself */
    size_t      head_len, der_len;
    const char *curve, *hash;                          /* NULL: the scheme brings its own     */
} KindRow;

static const KindRow kinds[] = {
    [KEY_ED25519] = { "ed25519", "\x30\x2A\x30\x05\x06\x03\x2B\x65\x70\x03\x21\x00", 12, 44, NULL, NULL },
    [KEY_P256] = { "p256", "\x30\x59\x30\x13\x06\x07\x2A\x86\x48\xCE\x3D\x02\x01\x06\x08\x2A\x86\x48\xCE\x3D\x03\x01\x07\x03\x42\x00\x04",
                   27, 91, "P-256", "SHA2-256" },
    [KEY_P384] = { "p384", "\x30\x76\x30\x10\x06\x07\x2A\x86\x48\xCE\x3D\x02\x01\x06\x05\x2B\x81\x04\x00\x22\x03\x62\x00\x04", 24, 120,
                   "P-384", "SHA2-384" },
    [KEY_P521] = { "p521", "\x30\x81\x9B\x30\x10\x06\x07\x2A\x86\x48\xCE\x3D\x02\x01\x06\x05\x2B\x81\x04\x00\x23\x03\x81\x86\x00\x04", 26, 158,
                   "P-521", "SHA2-512" },
};

const char *key_kind_name(KeyKind k) { return kinds[k].name; }

bool key_kind_parse(Str s, KeyKind *out)
{
    for (size_t i = 0; i < len_of(kinds); i++)
        if (str_is(s, kinds[i].name))
            return *out = (KeyKind)i, true;
    return false;
}

EVP_PKEY *key_openssl(const Key *k) { return k->pkey; }

bool err_openssl(Err *e, const char *what)
{
    const char *why = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return err_set(e, E_CRYPTO, "%s: %s", what, why ? why : "refused by OpenSSL");
}

/* ---- which keys we take */

static bool kind_of_der(Str der, KeyKind *out)
{
    for (size_t i = 0; i < len_of(kinds); i++)
        if (der.n == kinds[i].der_len && memcmp(der.p, kinds[i].head, kinds[i].head_len) == 0)
            return *out = (KeyKind)i, true;
    return false;
}

/* An Ed25519 point of small order verifies the same signature for many messages, and an encoding y >= p is a second name
 * for another key (RFC 8032 s5.1.3; Chalkias, Garillot, Nikolaenko 2020).  The low orders have y = 0, 1, p-1 and two more. */
static bool ed25519_point_ok(const uint8_t key[static 32])
{
    static const uint8_t order8[2][32] = {
        { 0x26, 0xE8, 0x95, 0x8F, 0xC2, 0xB2, 0x27, 0xB0, 0x45, 0xC3, 0xF4, 0x89, 0xF2, 0xEF, 0x98, 0xF0,
          0xD5, 0xDF, 0xAC, 0x05, 0xD3, 0xC6, 0x33, 0x39, 0xB1, 0x38, 0x02, 0x88, 0x6D, 0x53, 0xFC, 0x05 },
        { 0xC7, 0x17, 0x6A, 0x70, 0x3D, 0x4D, 0xD8, 0x4F, 0xBA, 0x3C, 0x0B, 0x76, 0x0D, 0x10, 0x67, 0x0F,
          0x2A, 0x20, 0x53, 0xFA, 0x2C, 0x39, 0xCC, 0xC6, 0x4E, 0xC7, 0xFD, 0x77, 0x92, 0xAC, 0x03, 0x7A },
    };
    uint8_t y[32], all = 0xFF, any = 0;
    memcpy(y, key, sizeof y);
    y[31] &= 0x7F;                                     /* without the sign of x */
    for (size_t i = 1; i < 31; i++)
        all &= y[i], any |= y[i];
    if (all == 0xFF && y[31] == 0x7F && y[0] >= 0xEC)  /* p-1 and everything from p = 2^255-19 on */
        return false;
    if (any == 0 && y[31] == 0 && y[0] <= 1)
        return false;
    return memcmp(y, order8[0], sizeof y) != 0 && memcmp(y, order8[1], sizeof y) != 0;
}

static bool der_of(EVP_PKEY *pkey, uint8_t out[static DER_MAX], size_t *n)
{
    int len = i2d_PUBKEY(pkey, NULL);
    if (len <= 0 || len > DER_MAX)
        return false;
    *n = (size_t)i2d_PUBKEY(pkey, &out);
    return true;
}

Key *key_take(EVP_PKEY *pkey, bool has_private, Err *e)
{
    uint8_t der[DER_MAX];
    size_t  n;
    Key    *k = calloc(1, sizeof *k);
    if (k == NULL) {
        EVP_PKEY_free(pkey);
        return err_nomem(e), NULL;
    }
    *k = (Key){ .pkey = pkey, .has_private = has_private };
    if (!der_of(pkey, der, &n) || !kind_of_der((Str){ (char *)der, n }, &k->kind))
        err_set(e, E_CRYPTO, "not an Ed25519, P-256, P-384 or P-521 key, and no other kind is used");
    else if (k->kind == KEY_ED25519 && !ed25519_point_ok(der + n - 32))
        err_set(e, E_CRYPTO, "a weak or second spelling of an Ed25519 public key");
    else
        return k;
    return key_free(k), NULL;
}

Key *key_new(KeyKind kind, Err *e)
{
    EVP_PKEY *pkey = kind == KEY_ED25519 ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
                                         : EVP_PKEY_Q_keygen(NULL, NULL, "EC", kinds[kind].curve);
    if (pkey == NULL)
        return err_openssl(e, "making a key"), NULL;
    return key_take(pkey, true, e);
}

void key_free(Key *k)
{
    if (k == NULL)
        return;
    EVP_PKEY_free(k->pkey);                            /* OpenSSL clears the private half */
    free(k);
}

/* ---- reading */

Str pem_label(Str pem)
{
    static const char begin[] = "-----BEGIN ";
    const char       *at = pem.n ? memmem(pem.p, pem.n, begin, strlen(begin)) : NULL;
    Str               s = at ? str_from(pem, (size_t)(at - pem.p) + strlen(begin)) : S("");
    size_t            n = 0;
    while (n < s.n && n < 40 && ((s.p[n] >= 'A' && s.p[n] <= 'Z') || s.p[n] == ' ' || (s.p[n] >= '0' && s.p[n] <= '9')))
        n++;
    return (Str){ s.p, n };
}

/* The base64 between header and footer: lines of text, nothing before, between or after. */
static bool pem_body(Str pem, Buf *der)
{
    static const char head[] = "-----BEGIN PUBLIC KEY-----\n", foot[] = "-----END PUBLIC KEY-----";
    defer_buf Buf     plain = { 0 }, joined = { 0 };
    for (size_t i = 0; i < pem.n; i++)
        if (pem.p[i] != '\r' || i + 1 == pem.n || pem.p[i + 1] != '\n')
            buf_byte(&plain, (uint8_t)pem.p[i]);
    Str s = str_trim(buf_view(&plain));
    if (!str_starts(s, str(head)) || !str_ends(s, str(foot)) || s.n < strlen(head) + strlen(foot))
        return false;
    s = (Str){ s.p + strlen(head), s.n - strlen(head) - strlen(foot) };
    for (Str line; s.n > 0;) {
        if (!str_cut(s, '\n', &line, &s) || line.n == 0 || line.n > 76)
            return false;
        buf_str(&joined, line);
    }
    return !plain.bad && !joined.bad && base64_get(der, buf_view(&joined));
}

Key *key_of_der(Str der, Err *e)
{
    KeyKind kind;
    if (!kind_of_der(der, &kind))
        return err_set(e, E_CRYPTO, "not an Ed25519, P-256, P-384 or P-521 key in its usual encoding"), NULL;
    const uint8_t *at = (const uint8_t *)der.p;
    EVP_PKEY      *pkey = d2i_PUBKEY(NULL, &at, (long)der.n);
    if (pkey == NULL)
        return err_openssl(e, "not a point on its curve"), NULL;
    return key_take(pkey, false, e);
}

Key *key_of_raw(const uint8_t raw[static 32], Err *e)
{
    uint8_t        der[44];
    const KindRow *row = &kinds[KEY_ED25519];
    memcpy(der, row->head, row->head_len);
    memcpy(der + row->head_len, raw, 32);
    return key_of_der((Str){ (char *)der, sizeof der }, e);
}

static Key *parse_public(Str pem, Err *e)
{
    defer_buf Buf der = { 0 };
    Str           label = pem_label(pem);
    if (pem.n > PEM_LIMIT)
        return err_set(e, E_LIMIT, "larger than %d bytes", PEM_LIMIT), NULL;
    if (!str_is(label, "PUBLIC KEY"))
        return err_set(e, E_FORMAT, "%s%.*s", label.n ? "wants PUBLIC KEY and has " : "no PEM header", STR(label)), NULL;
    if (!pem_body(pem, &der))
        return err_set(e, E_FORMAT, "not one well-formed PEM block"), NULL;
    return key_of_der(buf_view(&der), e);
}

Key *key_parse_public(Str pem, Err *e)
{
    Key *k = parse_public(pem, e);
    if (k == NULL)
        err_in(e, "public key");
    return k;
}

bool key_public_der(const Key *k, Buf *out)
{
    uint8_t der[DER_MAX];
    size_t  n;
    if (!der_of(k->pkey, der, &n))
        return ERR_clear_error(), false;
    buf_put(out, der, n);
    return !out->bad;
}

bool key_public_pem(const Key *k, Buf *out)
{
    defer_bio BIO *b = BIO_new(BIO_s_mem());
    char          *p;
    if (b == NULL || !PEM_write_bio_PUBKEY(b, k->pkey))
        return ERR_clear_error(), false;
    long n = BIO_get_mem_data(b, &p);
    buf_put(out, p, (size_t)n);
    return !out->bad;
}

/* ---- using */

KeyKind key_kind(const Key *k) { return k->kind; }
bool    key_has_private(const Key *k) { return k->has_private; }

void key_id(const Key *k, char out[static DIGEST_HEX])
{
    defer_buf Buf pem = { 0 };
    if (!key_public_pem(k, &pem))
        abort();                                       /* an id of half a key would match nothing, or the wrong one */
    Digest d = sha256(buf_view(&pem));
    digest_hex(&d, out);
}

bool key_public_raw(const Key *k, uint8_t out[static 32])
{
    size_t n = 32;
    return k->kind == KEY_ED25519 && EVP_PKEY_get_raw_public_key(k->pkey, out, &n) == 1 && n == 32;
}

bool key_sign(const Key *k, Str message, Buf *signature, Err *e)
{
    uint8_t out[SIGNATURE_MAX];
    size_t  n = sizeof out;
    if (!k->has_private)
        return err_set(e, E_CRYPTO, "signing needs the private key, and this is the public one");
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool        ok = ctx != NULL && EVP_DigestSignInit_ex(ctx, NULL, kinds[k->kind].hash, NULL, NULL, k->pkey, NULL) == 1 &&
              EVP_DigestSign(ctx, out, &n, (const uint8_t *)message.p, message.n) == 1;
    EVP_MD_CTX_free(ctx);
    if (!ok)
        return err_openssl(e, "signing");
    buf_put(signature, out, n);
    return !signature->bad || err_nomem(e);
}

/* OpenSSL refuses s >= L (RFC 8032 s5.1.7) and ECDSA signatures that are not DER to the last bit; (r, -s) stays
 * valid beside (r, s), as ECDSA has it, so a signature is never used as a name for what it signs. */
bool key_verify(const Key *k, Str message, Str signature)
{
    if (signature.n > SIGNATURE_MAX)
        return false;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool        ok = ctx != NULL && EVP_DigestVerifyInit_ex(ctx, NULL, kinds[k->kind].hash, NULL, NULL, k->pkey, NULL) == 1 &&
              EVP_DigestVerify(ctx, (const uint8_t *)signature.p, signature.n, (const uint8_t *)message.p, message.n) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return ok;
}
