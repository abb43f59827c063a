/* digest.c - see digest.h.
 *
 * SHA-256 goes through OpenSSL's low-level functions.  They are marked deprecated in favour of EVP, whose contexts cost as
 * much as hashing itself for the 65 bytes of a tree node: 0.14 us against 0.25 us, measured on one core with SHA-NI.
 * They need no memory and cannot fail. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/digest.h"
#include "base/file.h"
#include "crypto/secret.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <sys/stat.h>
#include <unistd.h>

Digest sha256_of(const Str *parts, size_t n)
{
    SHA256_CTX c;
    Digest     d;
    SHA256_Init(&c);
    for (size_t i = 0; i < n; i++)
        SHA256_Update(&c, parts[i].p, parts[i].n);
    SHA256_Final(d.b, &c);
    return d;
}

Digest sha256(Str s) { return sha256_of(&s, 1); }

/* A wrong digest is worse than none, and there is nobody to tell. */
static void digest_as(const char *name, Str s, uint8_t *out)
{
    if (!EVP_Q_digest(NULL, name, NULL, s.p, s.n, out, NULL))
        abort();
}

void sha384(Str s, uint8_t out[static SHA384_SIZE]) { digest_as("SHA2-384", s, out); }
void sha512(Str s, uint8_t out[static SHA512_SIZE]) { digest_as("SHA2-512", s, out); }

/* ---- streaming */

struct Sha256 {
    SHA256_CTX c;
};

Sha256 *sha256_begin(void)
{
    Sha256 *h = malloc(sizeof *h);
    if (h != NULL)
        SHA256_Init(&h->c);
    return h;
}

void sha256_add(Sha256 *h, Str s) { SHA256_Update(&h->c, s.p, s.n); }

Digest sha256_end(Sha256 *h)
{
    Digest d;
    SHA256_Final(d.b, &h->c);
    free(h);
    return d;
}

/* Feeds all of `fd`; false with errno set. */
static bool add_all(Sha256 *h, int fd, uint64_t *bytes)
{
    char piece[64 << 10];
    for (;;) {
        ssize_t n = read(fd, piece, sizeof piece);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0;
        sha256_add(h, (Str){ piece, (size_t)n });
        *bytes += (uint64_t)n;
    }
}

bool sha256_file(const char *path, Digest *out, uint64_t *bytes, Err *e)
{
    /* O_NONBLOCK: opening a FIFO must not wait for somebody to write into it. */
    defer_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat  st;
    uint64_t     n = 0;
    if (fd < 0 || fstat(fd, &st) != 0)
        return err_set(e, E_IO, "%s: %m", path);
    if (!S_ISREG(st.st_mode))
        return err_set(e, E_IO, "%s: not a regular file", path);
    posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    Sha256 *h = sha256_begin();
    if (h == NULL)
        return err_nomem(e);
    bool ok = add_all(h, fd, &n);
    if (!ok)
        err_set(e, E_IO, "%s: %m", path);
    *out = sha256_end(h);
    if (ok && bytes != NULL)
        *bytes = n;
    return ok;
}

/* RFC 2104 s2. */
Digest hmac_sha256(Str key, Str s)
{
    enum { BLOCK = 64 };
    uint8_t inner[BLOCK] = { 0 }, outer[BLOCK];
    Digest  d = { 0 };
    if (key.n > BLOCK) {
        d = sha256(key);
        memcpy(inner, d.b, sizeof d.b);
    } else if (key.n)
        memcpy(inner, key.p, key.n);
    for (size_t i = 0; i < BLOCK; i++)
        outer[i] = inner[i] ^ 0x5C, inner[i] ^= 0x36;
    d = sha256_of((Str[]){ { (char *)inner, BLOCK }, s }, 2);
    d = sha256_of((Str[]){ { (char *)outer, BLOCK }, { (char *)d.b, sizeof d.b } }, 2);
    wipe(inner, BLOCK), wipe(outer, BLOCK);
    return d;
}

bool digest_eq(const Digest *a, const Digest *b) { return ct_eq(a->b, b->b, sizeof a->b); }
