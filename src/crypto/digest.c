/* digest.c - see digest.h.
 *
 * An algorithm is fetched once for the process (a fetch takes a lock and a search by name), a context once for a
 * thread: for the 65 bytes of a tree node, making a context costs as much as hashing.  A SHA-256 that cannot be had is not a
 * machine to go on with, so the functions that cannot fail abort instead of giving a wrong digest. */
#include "crypto/digest.h"
#include "crypto/secret.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t  ctx_slot;                        /* each thread's EVP_MD_CTX, freed when it ends */
static EVP_MD        *md256;

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void ctx_drop(void *ctx) { EVP_MD_CTX_free(ctx); }

/* The main thread does not run slot destructors on return from main. */
static void main_ctx_drop(void) { ctx_drop(pthread_getspecific(ctx_slot)), pthread_setspecific(ctx_slot, NULL); }

static void start(void)
{
    must(pthread_key_create(&ctx_slot, ctx_drop) == 0);
    md256 = EVP_MD_fetch(NULL, "SHA2-256", NULL);
    must(md256 != NULL);
    atexit(main_ctx_drop);
}

static EVP_MD_CTX *thread_ctx(void)
{
    pthread_once(&once, start);
    EVP_MD_CTX *ctx = pthread_getspecific(ctx_slot);
    if (ctx == NULL) {
        ctx = EVP_MD_CTX_new();
        must(ctx != NULL && pthread_setspecific(ctx_slot, ctx) == 0);
    }
    return ctx;
}

Digest sha256_of(const Str *parts, size_t n)
{
    EVP_MD_CTX *ctx = thread_ctx();
    Digest      d;
    must(EVP_DigestInit_ex2(ctx, md256, NULL));
    for (size_t i = 0; i < n; i++)
        must(EVP_DigestUpdate(ctx, parts[i].p, parts[i].n));
    must(EVP_DigestFinal_ex(ctx, d.b, NULL));
    return d;
}

Digest sha256(Str s) { return sha256_of(&s, 1); }
void   sha384(Str s, uint8_t out[static SHA384_SIZE]) { must(EVP_Q_digest(NULL, "SHA2-384", NULL, s.p, s.n, out, NULL)); }
void   sha512(Str s, uint8_t out[static SHA512_SIZE]) { must(EVP_Q_digest(NULL, "SHA2-512", NULL, s.p, s.n, out, NULL)); }

/* ---- streaming */

struct Sha256 {
    EVP_MD_CTX *ctx;
};

Sha256 *sha256_begin(void)
{
    pthread_once(&once, start);
    Sha256 *h = calloc(1, sizeof *h);
    if (h == NULL)
        return NULL;
    h->ctx = EVP_MD_CTX_new();
    if (h->ctx != NULL && EVP_DigestInit_ex2(h->ctx, md256, NULL))
        return h;
    EVP_MD_CTX_free(h->ctx);
    free(h);
    return NULL;
}

void sha256_add(Sha256 *h, Str s) { must(EVP_DigestUpdate(h->ctx, s.p, s.n)); }

Digest sha256_end(Sha256 *h)
{
    Digest d;
    must(EVP_DigestFinal_ex(h->ctx, d.b, NULL));
    EVP_MD_CTX_free(h->ctx);
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

/* RFC 2104 s2.  EVP_MAC spends ten times the hashing on fetches and parameters, and every gateway request pays it. */
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
