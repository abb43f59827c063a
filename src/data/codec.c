/* codec.c - see codec.h. */
#include "data/codec.h"
#include "data/chunk.h"
#include <pthread.h>
#include <zstd.h>

enum { SAMPLE = 4 << 10, LEVEL = 1 };

typedef struct Ctx {
    struct Ctx *next;
    ZSTD_CCtx  *pack;
    ZSTD_DCtx  *unpack;
    char        frame[ZSTD_COMPRESSBOUND(CHUNK_MAX)];
} Ctx;

struct Codec {
    pthread_mutex_t lock;
    Ctx            *idle;                              /* as many as threads were ever inside at once */
};

static void ctx_free(Ctx *x)
{
    if (x == NULL)
        return;
    ZSTD_freeCCtx(x->pack);
    ZSTD_freeDCtx(x->unpack);
    free(x);
}

static Ctx *ctx_new(void)
{
    Ctx *x = malloc(sizeof *x);
    if (x == NULL)
        return NULL;
    x->pack = ZSTD_createCCtx(), x->unpack = ZSTD_createDCtx();
    if (x->pack != NULL && x->unpack != NULL)
        return x;
    return ctx_free(x), NULL;
}

static Ctx *ctx_take(Codec *c)
{
    pthread_mutex_lock(&c->lock);
    Ctx *x = c->idle;
    if (x != NULL)
        c->idle = x->next;
    pthread_mutex_unlock(&c->lock);
    return x != NULL ? x : ctx_new();
}

static void ctx_give(Codec *c, Ctx *x)
{
    pthread_mutex_lock(&c->lock);
    x->next = c->idle, c->idle = x;
    pthread_mutex_unlock(&c->lock);
}

Codec *codec_new(void)
{
    Codec *c = calloc(1, sizeof *c);
    if (c != NULL)
        pthread_mutex_init(&c->lock, NULL);
    return c;
}

void codec_free(Codec *c)
{
    if (c == NULL)
        return;
    for (Ctx *x = c->idle, *next; x != NULL; x = next)
        next = x->next, ctx_free(x);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

static bool pays(size_t stored, size_t raw) { return !ZSTD_isError(stored) && stored <= raw / 20 * 19; }

static bool probe(Ctx *x, Str raw)
{
    const size_t at[] = { 0, raw.n / 2, raw.n - SAMPLE };
    size_t       sum = 0;
    for (size_t i = 0; i < len_of(at); i++) {
        size_t n = ZSTD_compressCCtx(x->pack, x->frame, sizeof x->frame, raw.p + at[i], SAMPLE, LEVEL);
        sum += ZSTD_isError(n) ? SAMPLE : n;
    }
    return pays(sum, SAMPLE * len_of(at));
}

CodecKind codec_pack(Codec *c, Str raw, Buf *out)
{
    out->n = 0;
    Ctx *x = raw.n <= CHUNK_MAX ? ctx_take(c) : NULL;
    if (x == NULL)
        return CODEC_RAW;
    bool worth = raw.n <= 4 * SAMPLE || probe(x, raw);
    if (worth) {
        size_t n = ZSTD_compressCCtx(x->pack, x->frame, sizeof x->frame, raw.p, raw.n, LEVEL);
        worth = pays(n, raw.n);
        if (worth)
            buf_put(out, x->frame, n);
    }
    ctx_give(c, x);
    if (worth && !out->bad)
        return CODEC_ZSTD;
    return out->n = 0, CODEC_RAW;
}

static bool unpack_zstd(Codec *c, Str stored, void *raw, size_t n, Err *e)
{
    Ctx *x = ctx_take(c);
    if (x == NULL)
        return err_nomem(e);
    size_t got = ZSTD_decompressDCtx(x->unpack, raw, n, stored.p, stored.n);
    ctx_give(c, x);
    if (ZSTD_isError(got))
        return err_set(e, E_FORMAT, "zstd frame: %s", ZSTD_getErrorName(got));
    return got == n || err_set(e, E_FORMAT, "zstd frame: %zu bytes where %zu were said", got, n);
}

bool codec_unpack(Codec *c, CodecKind kind, Str stored, void *raw, size_t n, Err *e)
{
    if (kind == CODEC_ZSTD)
        return unpack_zstd(c, stored, raw, n, e);
    if (kind != CODEC_RAW)
        return err_set(e, E_FORMAT, "codec %d is not known", (int)kind);
    if (stored.n != n)
        return err_set(e, E_FORMAT, "%zu bytes where %zu were said", stored.n, n);
    if (n)
        memcpy(raw, stored.p, n);
    return true;
}
