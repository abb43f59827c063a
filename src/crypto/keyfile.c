/* keyfile.c - keys as files: key.h's loading and saving. */
#include "base/file.h"
#include "crypto/key_own.h"
#include "crypto/secret.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <unistd.h>

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

static bool save_private(const Key *k, const char *path, Err *e)
{
    defer_bio BIO *b = BIO_new(BIO_s_secmem());        /* clears what it held */
    char          *p;
    if (b == NULL || !PEM_write_bio_PKCS8PrivateKey(b, key_openssl(k), NULL, NULL, 0, NULL, NULL))
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
    if (!key_has_private(k))
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
