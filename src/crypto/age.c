/* age.c - seals and opens whole files: see age.h. */
#include "crypto/age_own.h"
#include "base/rng.h"
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const fault_names[AGE_FAULTS] = {
    [AGE_FINE] = "success", [AGE_NO_MATCH] = "no match", [AGE_BAD_HEADER] = "header failure", [AGE_BAD_HMAC] = "HMAC failure",
    [AGE_BAD_PAYLOAD] = "payload failure", [AGE_BAD_ARMOR] = "armor failure", [AGE_OTHER] = "error",
};

const char *age_fault_name(AgeFault f) { return fault_names[f]; }

static void payload_key(const uint8_t file_key[static FILE_KEY], const uint8_t nonce[static NONCE], uint8_t out[static AGE_KEY])
{
    hkdf((Str){ (const char *)file_key, FILE_KEY }, (Str){ (const char *)nonce, NONCE }, S("payload"), out);
}

/* ---- sealing */

static bool write_header(const AgeSeal *s, const uint8_t file_key[static FILE_KEY], Buf *b, Err *e)
{
    bool ok = true;
    buf_z(b, AGE_VERSION);
    for (size_t i = 0; ok && i < s->count; i++)
        ok = wrap_x25519(b, &s->recipients[i], file_key, e);
    if (s->count == 0)
        ok = wrap_passphrase(b, s->passphrase, s->work ? s->work : AGE_WORK, file_key, e);
    header_end(b, file_key);
    return ok && (!b->bad || err_nomem(e));
}

static bool seal_binary(const AgeSeal *s, int in, int out, Pool *pool, Err *e)
{
    uint8_t       file_key[FILE_KEY], nonce[NONCE], key[AGE_KEY];
    defer_buf Buf header = { 0 };
    Source        source = { .fd = in };
    random_bytes(file_key, sizeof file_key), random_bytes(nonce, sizeof nonce);
    payload_key(file_key, nonce, key);
    bool ok = write_header(s, file_key, &header, e);
    buf_put(&header, nonce, sizeof nonce);
    ok = ok && (!header.bad || err_nomem(e)) && file_write(out, buf_view(&header), "sealed file", e) && stream_seal(key, &source, out, pool, e);
    wipe(file_key, sizeof file_key), wipe(key, sizeof key);
    return ok;
}

static bool armor_fd(int binary, int out, Err *e)
{
    struct stat   st;
    defer_buf Buf text = { 0 };
    if (fstat(binary, &st) != 0 || st.st_size > ARMORED_MAX)
        return err_set(e, E_LIMIT, "too large for the ASCII form (%d MiB)", ARMORED_MAX >> 20);
    void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, binary, 0);
    if (p == MAP_FAILED)
        return err_set(e, E_IO, "mmap: %m");
    armor_put(&text, (Str){ p, (size_t)st.st_size });
    munmap(p, (size_t)st.st_size);
    return text.bad ? err_nomem(e) : file_write(out, buf_view(&text), "sealed file", e);
}

bool age_seal(const AgeSeal *s, int in, int out, Pool *pool, Err *e)
{
    if ((s->count == 0) == (s->passphrase.n == 0) || s->count > AGE_RECIPIENTS_MAX || s->work > AGE_WORK_MAX)
        return err_set(e, E_USAGE, "sealing wants 1 to %d recipients, or a passphrase alone", AGE_RECIPIENTS_MAX);
    if (!s->armor)
        return seal_binary(s, in, out, pool, e);
    defer_fd int fd = memfd_create("sealed", MFD_CLOEXEC);
    return fd < 0 ? err_set(e, E_IO, "memfd_create: %m") : seal_binary(s, in, fd, pool, e) && armor_fd(fd, out, e);
}

/* ---- opening */

enum { BLOCK = 4096 };

static bool read_more(Source *s, size_t n, size_t *got, Err *e)
{
    char block[BLOCK];
    if (!source_read(&(Source){ .fd = s->fd }, block, n < sizeof block ? n : sizeof block, got, e))
        return false;
    buf_put(&s->ahead, block, *got);
    return !s->ahead.bad || err_nomem(e);
}

/* Replaces the armored text that was begun by the bytes it stands for. */
static AgeFault unarmor(Source *s, Err *e)
{
    size_t got = 1;
    Buf    bytes = { 0 };
    while (got > 0) {
        if (s->ahead.n > ARMORED_MAX)
            return err_set(e, E_LIMIT, "armored file larger than %d MiB", ARMORED_MAX >> 20), AGE_BAD_ARMOR;
        if (!read_more(s, BLOCK, &got, e))
            return AGE_OTHER;
    }
    bool ok = armor_get(buf_view(&s->ahead), &bytes, e);
    buf_free(&s->ahead);
    s->ahead = bytes, s->fd = -1;
    return ok ? AGE_FINE : AGE_BAD_ARMOR;
}

/* Where the header ends: behind the line that starts with "---".  0: not yet. */
static size_t header_size(Str s)
{
    const char *mark = memmem(s.p, s.n, "\n--- ", 5);
    const char *end = mark ? memchr(mark + 1, '\n', (size_t)(s.p + s.n - mark - 1)) : NULL;
    return end ? (size_t)(end + 1 - s.p) : 0;
}

static AgeFault read_header(Source *s, size_t *size, Err *e)
{
    size_t got = 1;
    if (!read_more(s, BLOCK, &got, e))
        return AGE_OTHER;
    AgeFault f = armor_looks(buf_view(&s->ahead)) ? unarmor(s, e) : AGE_FINE;
    while (f == AGE_FINE && (*size = header_size(buf_view(&s->ahead))) == 0 && got > 0) {
        if (s->ahead.n > HEADER_MAX || !str_starts(buf_view(&s->ahead), (Str){ AGE_VERSION, s->ahead.n < sizeof AGE_VERSION - 1 ? s->ahead.n : sizeof AGE_VERSION - 1 }))
            break;
        if (s->fd < 0)
            break;
        f = read_more(s, BLOCK, &got, e) ? AGE_FINE : AGE_OTHER;
    }
    return f;
}

/* The file key, from a header that is right and authenticates. */
static AgeFault open_header(const AgeOpen *o, Str text, uint8_t file_key[static FILE_KEY], Err *e)
{
    AgeHeader          h;
    uint8_t            mac[SHA256_SIZE];
    defer_arena Arena *a = arena_new(16 << 20);
    if (a == NULL)
        return err_nomem(e), AGE_OTHER;
    if (!header_parse(a, text, &h, e) || !stanzas_formed(&h, e))
        return e->code == E_NOMEM ? AGE_OTHER : AGE_BAD_HEADER;
    AgeFault f = unwrap(&h, o, file_key, e);
    if (f != AGE_FINE)
        return f;
    header_mac(h.covered, file_key, mac);
    if (ct_eq(mac, h.mac, sizeof mac))
        return AGE_FINE;
    err_set(e, E_FORMAT, "age header: was changed after it was written (its authentication code is wrong)");
    return AGE_BAD_HMAC;
}

/* Header and nonce read, the payload key found; the source stands at the first chunk. */
static AgeFault begin(const AgeOpen *o, Source *s, uint8_t key[static AGE_KEY], uint64_t *payload_at, Err *e)
{
    size_t   size = 0, got;
    uint8_t  file_key[FILE_KEY], nonce[NONCE];
    AgeFault f = read_header(s, &size, e);
    if (f != AGE_FINE)
        return f;
    f = open_header(o, (Str){ s->ahead.p ? s->ahead.p : "", size ? size : s->ahead.n }, file_key, e);
    s->at = size;
    if (f == AGE_FINE && !source_read(s, nonce, sizeof nonce, &got, e))
        f = AGE_OTHER;
    else if (f == AGE_FINE && got != sizeof nonce)
        err_set(e, E_FORMAT, "age header: the file ends in the payload's nonce"), f = AGE_BAD_HEADER;
    if (f == AGE_FINE)
        payload_key(file_key, nonce, key);
    *payload_at = size + NONCE;
    wipe(file_key, sizeof file_key);
    return f;
}

AgeFault age_open(const AgeOpen *o, int in, int out, Pool *pool, Err *e)
{
    Source   s = { .fd = in };
    uint8_t  key[AGE_KEY];
    uint64_t at;
    AgeFault f = begin(o, &s, key, &at, e);
    if (f == AGE_FINE)
        f = stream_open(key, &s, out, pool, e);
    buf_free(&s.ahead);
    wipe(key, sizeof key);
    return f;
}

AgeFault age_open_range(const AgeOpen *o, int in, uint64_t from, uint64_t n, int out, Err *e)
{
    Source      s = { .fd = in };
    uint8_t     key[AGE_KEY];
    uint64_t    at;
    struct stat st;
    if (fstat(in, &st) != 0 || !S_ISREG(st.st_mode))
        return err_set(e, E_USAGE, "a range can only be read from a regular file"), AGE_OTHER;
    AgeFault f = begin(o, &s, key, &at, e);
    if (f == AGE_FINE && s.fd < 0)
        err_set(e, E_USAGE, "a range cannot be read from an armored file"), f = AGE_OTHER;
    if (f == AGE_FINE)
        f = stream_range(key, in, at, (uint64_t)st.st_size < at ? at : (uint64_t)st.st_size, from, n, out, e);
    buf_free(&s.ahead);
    wipe(key, sizeof key);
    return f;
}
