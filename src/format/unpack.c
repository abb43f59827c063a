/* unpack.c - see unpack.h.  Each codec is begin, step and end over the same small state. */
#include "format/unpack.h"
#include <bzlib.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

enum { CHUNK = 32 << 10, FEED_MAX = 1 << 30, ZSTD_WINDOW_LOG = 27 };

typedef enum { STEP_MORE, STEP_END, STEP_BAD, STEP_MEMORY } Step;

typedef struct State {
    UnpackKind     kind;
    const uint8_t *in;
    size_t         in_n;
    uint8_t       *out;
    size_t         out_n;
    z_stream       z;
    bz_stream      bz;
    lzma_stream    xz;
    ZSTD_DStream  *zstd;
} State;

/* The libraries count in 32 bits: they get at most FEED_MAX a step.  These two book what a step took and gave. */
static unsigned feed(const State *s) { return (unsigned)(s->in_n < FEED_MAX ? s->in_n : FEED_MAX); }

static void book(State *s, size_t took, size_t gave)
{
    s->in += took, s->in_n -= took;
    s->out += gave, s->out_n -= gave;
}

/* ---- zlib */

static Step z_begin(State *s)
{
    int bits = s->kind == UNPACK_DEFLATE ? -MAX_WBITS : s->kind == UNPACK_GZIP ? MAX_WBITS + 16 : MAX_WBITS;
    return inflateInit2(&s->z, bits) == Z_OK ? STEP_MORE : STEP_MEMORY;
}

/* Readers skip zeros between members, which is how tapes and Python's gzip have it. */
static bool another_gzip(State *s)
{
    if (s->kind != UNPACK_GZIP)
        return false;
    while (s->in_n != 0 && s->in[0] == 0)
        s->in++, s->in_n--;
    return s->in_n >= 2 && s->in[0] == 0x1f && s->in[1] == 0x8b;
}

static Step z_step(State *s)
{
    unsigned in = feed(s), out = (unsigned)s->out_n;
    s->z.next_in = (uint8_t *)(uintptr_t)s->in, s->z.avail_in = in;
    s->z.next_out = s->out, s->z.avail_out = out;
    int r = inflate(&s->z, Z_NO_FLUSH);
    book(s, in - s->z.avail_in, out - s->z.avail_out);
    if (r == Z_STREAM_END && another_gzip(s))
        return inflateReset(&s->z) == Z_OK ? STEP_MORE : STEP_BAD;
    return r == Z_STREAM_END ? STEP_END : r == Z_OK || r == Z_BUF_ERROR ? STEP_MORE : r == Z_MEM_ERROR ? STEP_MEMORY : STEP_BAD;
}

static void z_end(State *s) { inflateEnd(&s->z); }

/* ---- libbz2 */

static Step bz_begin(State *s) { return BZ2_bzDecompressInit(&s->bz, 0, 0) == BZ_OK ? STEP_MORE : STEP_MEMORY; }

static Step bz_next(State *s)
{
    if (s->in_n < 4 || memcmp(s->in, "BZh", 3) != 0)
        return STEP_END;
    BZ2_bzDecompressEnd(&s->bz);
    memset(&s->bz, 0, sizeof s->bz);
    return bz_begin(s);
}

static Step bz_step(State *s)
{
    unsigned in = feed(s), out = (unsigned)s->out_n;
    s->bz.next_in = (char *)(uintptr_t)s->in, s->bz.avail_in = in;
    s->bz.next_out = (char *)s->out, s->bz.avail_out = out;
    int r = BZ2_bzDecompress(&s->bz);
    book(s, in - s->bz.avail_in, out - s->bz.avail_out);
    return r == BZ_STREAM_END ? bz_next(s) : r == BZ_OK ? STEP_MORE : r == BZ_MEM_ERROR ? STEP_MEMORY : STEP_BAD;
}

static void bz_end(State *s) { BZ2_bzDecompressEnd(&s->bz); }

/* ---- liblzma */

static Step xz_status(lzma_ret r)
{
    return r == LZMA_OK || r == LZMA_BUF_ERROR ? STEP_MORE : r == LZMA_STREAM_END ? STEP_END :
           r == LZMA_MEM_ERROR || r == LZMA_MEMLIMIT_ERROR ? STEP_MEMORY : STEP_BAD;
}

/* APPNOTE 5.8.8: version of the SDK, length of the properties, the five bytes of them, then raw LZMA. */
static Step zip_lzma_begin(State *s)
{
    lzma_filter f[2] = { { LZMA_FILTER_LZMA1, NULL }, { LZMA_VLI_UNKNOWN, NULL } };
    if (s->in_n < 9 || s->in[2] != 5 || s->in[3] != 0 || lzma_properties_decode(&f[0], NULL, s->in + 4, 5) != LZMA_OK)
        return STEP_BAD;
    uint64_t need = lzma_raw_decoder_memusage(f);
    Step     r = need == UINT64_MAX ? STEP_BAD : need > UNPACK_MEMORY_MAX ? STEP_MEMORY : xz_status(lzma_raw_decoder(&s->xz, f));
    free(f[0].options);
    s->in += 9, s->in_n -= 9;
    return r;
}

static Step xz_begin(State *s)
{
    s->xz = (lzma_stream)LZMA_STREAM_INIT;
    if (s->kind == UNPACK_ZIP_LZMA)
        return zip_lzma_begin(s);
    return xz_status(s->kind == UNPACK_XZ ? lzma_stream_decoder(&s->xz, UNPACK_MEMORY_MAX, LZMA_CONCATENATED)
                                          : lzma_alone_decoder(&s->xz, UNPACK_MEMORY_MAX));
}

static Step xz_step(State *s)
{
    unsigned in = feed(s);
    size_t   out = s->out_n;
    s->xz.next_in = s->in, s->xz.avail_in = in;
    s->xz.next_out = s->out, s->xz.avail_out = out;
    /* "Finish" only when all of the input is there: a concatenated stream knows no end otherwise. */
    lzma_ret r = lzma_code(&s->xz, s->kind == UNPACK_XZ && in == s->in_n ? LZMA_FINISH : LZMA_RUN);
    book(s, in - s->xz.avail_in, out - s->xz.avail_out);
    return xz_status(r);
}

static void xz_end(State *s) { lzma_end(&s->xz); }

/* ---- libzstd */

static Step zstd_begin(State *s)
{
    s->zstd = ZSTD_createDStream();
    if (s->zstd == NULL || ZSTD_isError(ZSTD_DCtx_setParameter(s->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG)))
        return STEP_MEMORY;
    return STEP_MORE;
}

static bool another_frame(const State *s)
{
    return s->in_n >= 4 && (memcmp(s->in, "\x28\xb5\x2f\xfd", 4) == 0 || ((s->in[0] & 0xf0) == 0x50 && memcmp(s->in + 1, "\x2a\x4d\x18", 3) == 0));
}

static Step zstd_step(State *s)
{
    ZSTD_inBuffer  in = { s->in, s->in_n, 0 };
    ZSTD_outBuffer out = { s->out, s->out_n, 0 };
    size_t         r = ZSTD_decompressStream(s->zstd, &out, &in);
    book(s, in.pos, out.pos);
    if (ZSTD_isError(r))
        return ZSTD_getErrorCode(r) == ZSTD_error_frameParameter_windowTooLarge || ZSTD_getErrorCode(r) == ZSTD_error_memory_allocation
               ? STEP_MEMORY : STEP_BAD;
    return r == 0 && !another_frame(s) ? STEP_END : STEP_MORE;
}

static void zstd_end(State *s) { ZSTD_freeDStream(s->zstd); }

/* ---- one loop for all */

static const struct Codec {
    Step (*begin)(State *s);
    Step (*step)(State *s);
    void (*end)(State *s);
} codecs[] = {
    [UNPACK_DEFLATE] = { z_begin, z_step, z_end },   [UNPACK_ZLIB] = { z_begin, z_step, z_end },
    [UNPACK_GZIP] = { z_begin, z_step, z_end },      [UNPACK_BZIP2] = { bz_begin, bz_step, bz_end },
    [UNPACK_XZ] = { xz_begin, xz_step, xz_end },     [UNPACK_LZMA] = { xz_begin, xz_step, xz_end },
    [UNPACK_ZIP_LZMA] = { xz_begin, xz_step, xz_end }, [UNPACK_ZSTD] = { zstd_begin, zstd_step, zstd_end },
};

static UnpackEnd run(const struct Codec *c, State *s, uint64_t limit, Buf *out)
{
    uint8_t  chunk[CHUNK];
    uint64_t total = 0;
    for (;;) {
        size_t before = s->in_n;
        s->out = chunk, s->out_n = CHUNK;
        Step   r = c->step(s);
        size_t gave = CHUNK - s->out_n, room = limit - total < gave ? (size_t)(limit - total) : gave;
        buf_put(out, chunk, room);
        total += room;
        if (room < gave || out->bad)
            return UNPACK_LIMIT;
        if (r != STEP_MORE)
            return r == STEP_END ? UNPACK_DONE : r == STEP_MEMORY ? UNPACK_MEMORY : UNPACK_CORRUPT;
        if (gave == 0 && s->in_n == before)
            return UNPACK_CUT;
    }
}

UnpackEnd unpack(UnpackKind kind, Str in, uint64_t limit, Buf *out, uint64_t *used)
{
    const struct Codec *c = &codecs[kind];
    State               s = { .kind = kind, .in = (const uint8_t *)in.p, .in_n = in.n };
    Step                r = c->begin(&s);
    UnpackEnd           end = r == STEP_MORE ? run(c, &s, limit, out) : r == STEP_MEMORY ? UNPACK_MEMORY : UNPACK_CORRUPT;
    if (used != NULL)
        *used = in.n - s.in_n;
    c->end(&s);
    return end;
}
