/* hash.c - see hash.h. */
#include "crypto/hash.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

enum { PIECE = 256 << 10 };

static const struct {
    const char *name;
    size_t      size;
    const EVP_MD *(*md)(void);
} kinds[] = {
    [HASH_SHA256] = { "sha256", 32, EVP_sha256 },
    [HASH_BLAKE2B] = { "blake2b", 64, EVP_blake2b512 },
};

const char *hash_name(HashKind k) { return kinds[k].name; }
size_t      hash_size(HashKind k) { return kinds[k].size; }

bool hash_parse(Str name, HashKind *out)
{
    for (size_t i = 0; i < len_of(kinds); i++)
        if (str_is(name, kinds[i].name))
            return *out = (HashKind)i, true;
    return false;
}

/* Feeds [from, to); false with errno. */
static bool feed(EVP_MD_CTX *ctx, int fd, uint64_t from, uint64_t to, char *piece, uint64_t *bytes)
{
    for (uint64_t at = from; at < to;) {
        size_t  want = to - at < PIECE ? (size_t)(to - at) : PIECE;
        ssize_t n = pread(fd, piece, want, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        if (n == 0)
            return errno = ENODATA, to == UINT64_MAX;
        if (EVP_DigestUpdate(ctx, piece, (size_t)n) != 1)
            return errno = EIO, false;
        at += (uint64_t)n, *bytes += (uint64_t)n;
    }
    return true;
}

bool hash_range(HashKind k, int fd, uint64_t from, uint64_t to, uint8_t out[static HASH_SIZE_MAX], uint64_t *bytes)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    char       *piece = malloc(PIECE);
    bool        ok = ctx != NULL && piece != NULL && EVP_DigestInit_ex(ctx, kinds[k].md(), NULL) == 1;
    *bytes = 0;
    if (!ok)
        errno = ENOMEM;
    else
        ok = feed(ctx, fd, from, to, piece, bytes) && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
    int why = errno;
    free(piece);
    EVP_MD_CTX_free(ctx);
    errno = why;
    return ok;
}
