/* age.c - any bytes as a sealed file, read whole and by range: neither may let out more than verified, and when the whole opens, every
 * range of it is a piece of the whole. */
#include "base/file.h"
#include "crypto/age.h"
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char identity[] = "AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0";

static int fd_of(const void *p, size_t n)
{
    int fd = memfd_create("f", 0);
    if (fd < 0 || !file_write(fd, (Str){ p, n }, "f", NULL))
        abort();
    lseek(fd, 0, SEEK_SET);
    return fd;
}

static Str whole_of(Arena *a, int fd)
{
    off_t n = lseek(fd, 0, SEEK_END);
    char *p = arena_get(a, (size_t)n + 1, 1);
    if (p == NULL || pread(fd, p, (size_t)n, 0) != n)
        abort();
    return (Str){ p, (size_t)n };
}

static void range(Arena *a, const AgeOpen *o, int in, Str whole, uint64_t from, uint64_t n)
{
    Err e = { 0 };
    int out = memfd_create("r", 0);
    lseek(in, 0, SEEK_SET);
    AgeFault f = age_open_range(o, in, from, n, out, &e);
    Str      got = whole_of(a, out), want = str_from(whole, from);
    want.n = want.n < n ? want.n : n;
    if (f == AGE_FINE && !str_eq(got, want))
        abort();
    close(out);
}

/* With a passphrase the fuzzer would only find out how slow scrypt is. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AgeIdentity id;
    Err         e = { 0 };
    Arena      *a = arena_new(64 << 20);
    if (!age_identity_parse(str(identity), &id, &e) || size < 4)
        return arena_free(a), 0;
    AgeOpen  o = { .identities = &id, .count = 1 };
    int      in = fd_of(data + 4, size - 4), out = memfd_create("o", 0);
    AgeFault f = age_open(&o, in, out, NULL, &e);
    if ((f == AGE_FINE) != (e.code == E_OK))
        abort();
    Str whole = whole_of(a, out);
    if (f == AGE_FINE)
        range(a, &o, in, whole, data[0] | data[1] << 8, data[2] | data[3] << 8);
    close(in), close(out);
    arena_free(a);
    return 0;
}
