/* age_stream.c - the payload of an age file: 64 KiB chunks, each sealed on its own, the last one marked. */
#include "crypto/age_own.h"
#include <errno.h>
#include <openssl/evp.h>
#include <unistd.h>

enum { BATCH = 64, AEAD_NONCE = 12 };                  /* 4 MiB at once */

/* ---- ChaCha20-Poly1305, RFC 8439 */

struct Aead {
    EVP_CIPHER *cipher;
    uint8_t     key[AGE_KEY];
};

Aead *aead_new(const uint8_t key[static AGE_KEY])
{
    Aead *c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    memcpy(c->key, key, sizeof c->key);
    c->cipher = EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305", NULL);
    if (c->cipher == NULL)
        aead_free(c), c = NULL;
    return c;
}

void aead_free(Aead *c)
{
    if (c == NULL)
        return;
    EVP_CIPHER_free(c->cipher);
    wipe(c, sizeof *c);
    free(c);
}

static inline void cipher_drop(EVP_CIPHER_CTX **x) { EVP_CIPHER_CTX_free(*x); }
#define defer_cipher __attribute__((cleanup(cipher_drop)))

bool aead_seal(const Aead *c, const uint8_t *nonce, const uint8_t *in, size_t n, uint8_t *out)
{
    int                          len;
    defer_cipher EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new();
    return x != NULL && n <= CHUNK && EVP_EncryptInit_ex2(x, c->cipher, c->key, nonce, NULL) == 1 &&
           EVP_EncryptUpdate(x, out, &len, in, (int)n) == 1 && EVP_EncryptFinal_ex(x, out + n, &len) == 1 &&
           EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_AEAD_GET_TAG, TAG, out + n) == 1;
}

bool aead_open(const Aead *c, const uint8_t *nonce, const uint8_t *in, size_t n, uint8_t *out)
{
    int                          len;
    uint8_t                      tag[TAG];
    defer_cipher EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new();
    if (x == NULL || n < TAG || n > SEALED_CHUNK)
        return false;
    memcpy(tag, in + n - TAG, TAG);
    return EVP_DecryptInit_ex2(x, c->cipher, c->key, nonce, NULL) == 1 && EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_AEAD_SET_TAG, TAG, tag) == 1 &&
           EVP_DecryptUpdate(x, out, &len, in, (int)(n - TAG)) == 1 && EVP_DecryptFinal_ex(x, out + (n - TAG), &len) == 1;
}

/* 11 bytes of big-endian number, 1 of whether it is the last. */
static void chunk_nonce(uint64_t number, bool last, uint8_t out[static AEAD_NONCE])
{
    memset(out, 0, 3);
    for (int i = 0; i < 8; i++)
        out[3 + i] = (uint8_t)(number >> 8 * (7 - i));
    out[11] = last;
}

/* ---- reading ahead */

bool source_read(Source *s, void *to, size_t n, size_t *got, Err *e)
{
    char  *at = to;
    size_t ready = s->ahead.n - s->at < n ? s->ahead.n - s->at : n;
    if (ready > 0)
        memcpy(at, s->ahead.p + s->at, ready);
    s->at += ready;
    *got = ready;
    while (s->fd >= 0 && *got < n) {
        ssize_t r = read(s->fd, at + *got, n - *got);
        if (r < 0 && errno != EINTR)
            return err_set(e, E_IO, "reading: %m");
        if (r == 0)
            break;
        *got += r > 0 ? (size_t)r : 0;
    }
    return true;
}

/* ---- a batch of chunks, on all threads */

typedef struct Batch {
    const Aead *aead;
    uint8_t    *plain, *sealed;                        /* chunk i at i * CHUNK, i * SEALED_CHUNK */
    size_t      bytes, chunks;                         /* of what is read: plain when sealing, sealed when opening */
    uint64_t    first;
    bool        last;                                  /* the batch holds the last chunk */
    bool        ok[BATCH];
} Batch;

static size_t piece(const Batch *b, size_t i, size_t size) { return b->bytes - i * size < size ? b->bytes - i * size : size; }

static void seal_one(void *arg, size_t i)
{
    Batch  *b = arg;
    uint8_t nonce[AEAD_NONCE];
    chunk_nonce(b->first + i, b->last && i + 1 == b->chunks, nonce);
    b->ok[i] = aead_seal(b->aead, nonce, b->plain + i * CHUNK, piece(b, i, CHUNK), b->sealed + i * SEALED_CHUNK);
}

static void open_one(void *arg, size_t i)
{
    Batch  *b = arg;
    uint8_t nonce[AEAD_NONCE];
    chunk_nonce(b->first + i, b->last && i + 1 == b->chunks, nonce);
    b->ok[i] = aead_open(b->aead, nonce, b->sealed + i * SEALED_CHUNK, piece(b, i, SEALED_CHUNK), b->plain + i * CHUNK);
}

static bool batch_begin(Batch *b, const uint8_t *key, Err *e)
{
    *b = (Batch){ .aead = aead_new(key), .plain = malloc((size_t)(BATCH + 1) * CHUNK), .sealed = malloc((size_t)(BATCH + 1) * SEALED_CHUNK) };
    return (b->aead && b->plain && b->sealed) || err_nomem(e);
}

static void batch_end(Batch *b)
{
    if (b->plain != NULL)
        wipe(b->plain, (size_t)(BATCH + 1) * CHUNK);
    aead_free((Aead *)b->aead), free(b->plain), free(b->sealed);
}

/* Fills the side that is read up to one chunk more than a batch, so that we know whether the batch's last is the last. */
static bool fill(Batch *b, Source *in, uint8_t *side, size_t size, size_t *carried, Err *e)
{
    size_t got;
    if (!source_read(in, side + *carried, (BATCH + 1) * size - *carried, &got, e))
        return false;
    got += *carried;
    b->last = got <= BATCH * size;
    b->bytes = b->last ? got : BATCH * size;
    b->chunks = (b->bytes + size - 1) / size;
    *carried = got - b->bytes;
    return true;
}

static bool write_sealed(Batch *b, int out, Err *e)
{
    for (size_t i = 0; i < b->chunks; i++)
        if (!b->ok[i])
            return err_set(e, E_CRYPTO, "ChaCha20-Poly1305 failed");
    return file_write(out, (Str){ (char *)b->sealed, b->bytes + b->chunks * TAG }, "sealed file", e);
}

bool stream_seal(const uint8_t key[static AGE_KEY], Source *in, int out, Pool *pool, Err *e)
{
    Batch  b;
    size_t carried = 0;
    bool   ok = batch_begin(&b, key, e);
    for (bool first = true; ok && !b.last; first = false) {
        ok = fill(&b, in, b.plain, CHUNK, &carried, e);
        b.chunks += ok && first && b.bytes == 0;       /* nothing at all is one empty chunk */
        if (ok)
            pool_each(pool, b.chunks, seal_one, &b);
        ok = ok && write_sealed(&b, out, e);
        memmove(b.plain, b.plain + b.bytes, carried);
        b.first += b.chunks;
    }
    batch_end(&b);
    return ok;
}

static AgeFault payload_fault(Err *e, uint64_t chunk, const char *what)
{
    err_set(e, E_FORMAT, "chunk %" PRIu64 ": %s", chunk + 1, what);
    return AGE_BAD_PAYLOAD;
}

/* Releases chunks up to the first that did not verify. */
static AgeFault write_opened(Batch *b, int out, Err *e)
{
    size_t good = 0;
    while (good < b->chunks && b->ok[good])
        good++;
    size_t   tail = good > 0 ? piece(b, good - 1, SEALED_CHUNK) - TAG : 0;
    uint64_t empty = good > 0 && tail == 0 && b->first + good > 1;
    size_t   n = good > 0 ? (good - 1) * CHUNK + tail : 0;
    if (!file_write(out, (Str){ (char *)b->plain, n }, "opened file", e))
        return AGE_OTHER;
    if (good < b->chunks)
        return payload_fault(e, b->first + good, "does not verify: changed, cut off, or not the last one");
    return empty ? payload_fault(e, b->first + good - 1, "the last one is empty") : AGE_FINE;
}

AgeFault stream_open(const uint8_t key[static AGE_KEY], Source *in, int out, Pool *pool, Err *e)
{
    Batch    b;
    size_t   carried = 0;
    AgeFault f = batch_begin(&b, key, e) ? AGE_FINE : AGE_OTHER;
    while (f == AGE_FINE && !b.last) {
        if (!fill(&b, in, b.sealed, SEALED_CHUNK, &carried, e)) {
            f = AGE_OTHER;
            break;
        }
        pool_each(pool, b.chunks, open_one, &b);
        f = b.bytes == 0 ? payload_fault(e, b.first, "missing") : write_opened(&b, out, e);
        memmove(b.sealed, b.sealed + b.bytes, carried);
        b.first += b.chunks;
    }
    batch_end(&b);
    return f;
}

/* ---- a range */

typedef struct Range {
    Batch    b;
    int      fd;
    uint64_t at, size, chunks;                         /* of the payload in the file */
} Range;

static AgeFault range_chunk(Range *r, uint64_t number, size_t *n, Err *e)
{
    uint64_t from = number * SEALED_CHUNK, left = r->size - from;
    size_t   want = left < SEALED_CHUNK ? (size_t)left : SEALED_CHUNK;
    ssize_t  got = pread(r->fd, r->b.sealed, want, (off_t)(r->at + from));
    if (got < 0)
        return err_set(e, E_IO, "reading: %m"), AGE_OTHER;
    r->b.first = number, r->b.chunks = 1, r->b.bytes = (size_t)got, r->b.last = number + 1 == r->chunks;
    open_one(&r->b, 0);
    if ((size_t)got != want || !r->b.ok[0])
        return payload_fault(e, number, "does not verify: changed, or cut off");
    *n = want - TAG;
    return AGE_FINE;
}

static AgeFault range_run(Range *r, uint64_t from, uint64_t n, int out, Err *e)
{
    size_t   len;
    AgeFault f = range_chunk(r, r->chunks - 1, &len, e);
    if (f != AGE_FINE)
        return f;
    uint64_t size = (r->chunks - 1) * CHUNK + len, to = n < size && from < size - n ? from + n : size;
    if (len == 0 && r->chunks > 1)
        return payload_fault(e, r->chunks - 1, "the last one is empty");
    for (uint64_t at = from; f == AGE_FINE && at < to; at = (at / CHUNK + 1) * CHUNK) {
        f = range_chunk(r, at / CHUNK, &len, e);
        size_t skip = at % CHUNK, end = to - (at - skip) < len ? (size_t)(to - (at - skip)) : len;
        if (f == AGE_FINE && !file_write(out, (Str){ (char *)r->b.plain + skip, end - skip }, "opened file", e))
            f = AGE_OTHER;
    }
    return f;
}

AgeFault stream_range(const uint8_t key[static AGE_KEY], int fd, uint64_t at, uint64_t end, uint64_t from, uint64_t n, int out, Err *e)
{
    Range r = { .fd = fd, .at = at, .size = end - at };
    r.chunks = (r.size + SEALED_CHUNK - 1) / SEALED_CHUNK;
    if (r.size < TAG)
        return payload_fault(e, 0, "missing");
    AgeFault f = batch_begin(&r.b, key, e) ? range_run(&r, from, n, out, e) : AGE_OTHER;
    batch_end(&r.b);
    return f;
}
