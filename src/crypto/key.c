/* key.c - see key.h.
 *
 * A public key is accepted only in the one DER spelling that its kind has (RFC 8410 s4, RFC 5480 s2): a fixed head and a
 * fixed length.  That leaves no room for explicit curve parameters, compressed points, negative zeros or trailing
 * bytes, so one key has one key id. */
#include "crypto/key.h"
#include "base/file.h"
#include "crypto/secret.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PEM_LIMIT = 4096, DER_MAX = 158, SIGNATURE_MAX = 141 };

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

static void bio_drop(BIO **b) { BIO_free_all(*b); }
#define defer_bio __attribute__((cleanup(bio_drop)))

/* E_CRYPTO with OpenSSL's own reason, whose queue is left empty. */
static bool err_openssl(Err *e, const char *what)
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

/* Takes pkey, also on failure. */
static Key *key_take(EVP_PKEY *pkey, bool has_private, Err *e)
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

/* What stands between the first BEGIN and its dashes, for a message; it is somebody's text, so only capitals count. */
static Str pem_label(Str pem)
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

Key *key_parse_public(Str pem, Err *e)
{
    defer_buf Buf der = { 0 };
    KeyKind       kind;
    Str           label = pem_label(pem);
    if (pem.n > PEM_LIMIT)
        return err_set(e, E_LIMIT, "public key: larger than %d bytes", PEM_LIMIT), NULL;
    if (!str_is(label, "PUBLIC KEY"))
        return err_set(e, E_FORMAT, "public key: %s%.*s", label.n ? "wants PUBLIC KEY and has " : "no PEM header", STR(label)), NULL;
    if (!pem_body(pem, &der))
        return err_set(e, E_FORMAT, "public key: not one well-formed PEM block"), NULL;
    if (!kind_of_der(buf_view(&der), &kind))
        return err_set(e, E_CRYPTO, "public key: not an Ed25519, P-256, P-384 or P-521 key in its usual encoding"), NULL;
    const uint8_t *at = (const uint8_t *)der.p;
    EVP_PKEY      *pkey = d2i_PUBKEY(NULL, &at, (long)der.n);
    if (pkey == NULL)
        return err_openssl(e, "public key"), NULL;
    Key *k = key_take(pkey, false, e);
    if (k == NULL)
        err_in(e, "public key");
    return k;
}

Key *key_load_public(const char *path, Err *e)
{
    defer_arena Arena *a = arena_new(4 * PEM_LIMIT);
    Str                pem;
    if (a == NULL)
        return err_nomem(e), NULL;
    if (!file_read(a, path, PEM_LIMIT, &pem, e))
        return NULL;
    Key *k = key_parse_public(pem, e);
    if (k == NULL)
        err_in(e, "%s", path);
    return k;
}

static const struct {
    const char *label, *what, *convert;                /* convert: the command in front of the file, or NULL */
} private_labels[] = {
    { "EC PRIVATE KEY", "an EC key in its old form", "openssl pkcs8 -topk8 -nocrypt -in" },
    { "ENCRYPTED PRIVATE KEY", "encrypted, and moat asks for no password", "openssl pkcs8 -in" },
    { "RSA PRIVATE KEY", "an RSA key, and only Ed25519, P-256, P-384 and P-521 are used", NULL },
    { "OPENSSH PRIVATE KEY", "a key of OpenSSH, and PKCS#8 is needed", NULL },
    { "PUBLIC KEY", "a public key where the private one is needed", NULL },
};

static bool wrong_label(Str label, const char *path, Err *e)
{
    for (size_t i = 0; i < len_of(private_labels); i++)
        if (str_is(label, private_labels[i].label)) {
            err_set(e, E_FORMAT, "%s", private_labels[i].what);
            return private_labels[i].convert ? err_hint(e, "%s %s -out NEW", private_labels[i].convert, path)
                                             : err_hint(e, "moat key new");
        }
    return err_set(e, E_FORMAT, "not a PKCS#8 private key (PEM with BEGIN PRIVATE KEY)");
}

/* Of a private key: its DER decoded, the two halves checked against each other. */
static EVP_PKEY *pkcs8_parse(const uint8_t *der, long n, Err *e)
{
    const uint8_t       *at = der;
    PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, n);
    EVP_PKEY            *pkey = info && at == der + n ? EVP_PKCS82PKEY(info) : NULL;
    PKCS8_PRIV_KEY_INFO_free(info);
    if (pkey == NULL)
        return err_openssl(e, "private key"), NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    /* A file whose public half belongs to another key would make us sign what nobody can verify, or worse. */
    bool ok = ctx != NULL && EVP_PKEY_pairwise_check(ctx) == 1;
    EVP_PKEY_CTX_free(ctx);
    if (ok)
        return pkey;
    EVP_PKEY_free(pkey);
    return err_openssl(e, "private key: its halves do not belong together"), NULL;
}

static Key *private_parse(Str pem, const char *path, Err *e)
{
    defer_bio BIO *in = BIO_new_mem_buf(pem.p, (int)pem.n);
    char          *name = NULL, *header = NULL;
    unsigned char *der = NULL;
    long           n = 0;
    EVP_PKEY      *pkey = NULL;
    Str            label = pem_label(pem);
    if (!str_is(label, "PRIVATE KEY"))
        return wrong_label(label, path, e), NULL;
    if (in == NULL || !PEM_read_bio_ex(in, &name, &header, &der, &n, PEM_FLAG_SECURE | PEM_FLAG_ONLY_B64))
        err_openssl(e, "private key");
    else
        pkey = pkcs8_parse(der, n, e);
    OPENSSL_secure_clear_free(der, (size_t)n);
    OPENSSL_secure_free(name);
    OPENSSL_secure_free(header);
    return pkey ? key_take(pkey, true, e) : NULL;
}

/* The whole file into `out`, which the caller wipes.  Refuses what others may read before reading a byte. */
static bool read_private(const char *path, char *out, size_t room, size_t *n, Err *e)
{
    defer_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat  st;
    if (fd < 0 && errno == ENOENT) {
        err_set(e, E_IO, "%s: there is no such key", path);
        return err_hint(e, "moat key new --out %s", path);
    }
    if (fd < 0 || fstat(fd, &st) != 0)
        return err_set(e, E_IO, "%s: %m", path);
    if (!S_ISREG(st.st_mode))
        return err_set(e, E_IO, "%s: not a regular file", path);
    if (st.st_mode & 077) {
        err_set(e, E_DENIED, "%s: a private key that others may reach (mode %04o)", path, st.st_mode & 07777);
        return err_hint(e, "chmod 600 %s", path);
    }
    for (ssize_t got; *n < room; *n += (size_t)got) {
        got = read(fd, out + *n, room - *n);
        if (got < 0 && errno == EINTR)
            got = 0;
        else if (got < 0)
            return err_set(e, E_IO, "%s: %m", path);
        else if (got == 0)
            return true;
    }
    return err_set(e, E_LIMIT, "%s: larger than a key can be (%zu bytes)", path, room - 1);
}

Key *key_load_private(const char *path, Err *e)
{
    char   pem[PEM_LIMIT + 1];
    size_t n = 0;
    Key   *k = NULL;
    if (read_private(path, pem, sizeof pem, &n, e)) {
        k = private_parse((Str){ pem, n }, path, e);
        if (k == NULL)
            err_in(e, "%s", path);
    }
    wipe(pem, sizeof pem);
    return k;
}

/* ---- writing */

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

static bool save_private(const Key *k, const char *path, Err *e)
{
    defer_bio BIO *b = BIO_new(BIO_s_secmem());        /* clears what it held */
    char          *p;
    if (b == NULL || !PEM_write_bio_PKCS8PrivateKey(b, k->pkey, NULL, NULL, 0, NULL, NULL))
        return err_openssl(e, path);
    long n = BIO_get_mem_data(b, &p);
    return file_create(path, (Str){ p, (size_t)n }, 0600, e);
}

bool key_save(const Key *k, const char *path, Err *e)
{
    char          pub[1024];
    defer_buf Buf pem = { 0 };
    if ((size_t)snprintf(pub, sizeof pub, "%s.pub", path) >= sizeof pub)
        return err_set(e, E_IO, "%s: path too long", path);
    if (!k->has_private)
        return err_set(e, E_CRYPTO, "%s: this key has no private half to save", path);
    if (!key_public_pem(k, &pem))
        return err_nomem(e);
    if (!save_private(k, path, e))
        return false;
    if (file_create(pub, buf_view(&pem), 0644, e))
        return true;
    unlink(path);                                      /* ours: made with O_EXCL just now */
    return false;
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
