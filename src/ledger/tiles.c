/* tiles.c - see tiles.h. */
#include "ledger/tiles.h"
#include "base/file.h"
#include "ledger/own.h"

enum { WIDTH = 256, LEVELS = 8, NAME_MAX_BYTES = 1024 };   /* 256^8 leaves are more than there can be */

typedef struct Level {
    Digest   hash[WIDTH];
    size_t   n;
    uint64_t tile;                                     /* the number of the one being filled */
} Level;

typedef struct Tiles {
    Level       level[LEVELS];
    Buf         entries;
    uint64_t    next, size;
    const char *dir;
    Err        *e;
    bool        failed;
} Tiles;

void tile_number(Buf *b, uint64_t n)
{
    if (n >= 1000) {
        uint64_t high = n / 1000, unit = 1;
        while (high / unit >= 1000)
            unit *= 1000;
        for (; unit > 0; unit /= 1000)
            buf_printf(b, "x%03" PRIu64 "/", high / unit % 1000);
    }
    buf_printf(b, "%03" PRIu64, n % 1000);
}

static bool path_of(const Tiles *t, const char *kind, uint64_t n, size_t width, char out[static NAME_MAX_BYTES])
{
    defer_buf Buf b = { 0 };
    buf_printf(&b, "%s/tile/%s/", t->dir, kind);
    tile_number(&b, n);
    if (width < WIDTH)
        buf_printf(&b, ".p/%zu", width);
    if (b.bad || b.n >= NAME_MAX_BYTES)
        return err_set(t->e, E_IO, "%s: path too long", t->dir);
    memcpy(out, b.p, b.n);
    out[b.n] = '\0';
    return true;
}

static bool same_as_file(const char *path, Str bytes, Err *e)
{
    defer_map Map m = { 0 };
    if (!file_map(path, &m, e))
        return false;
    if (str_eq(m.bytes, bytes))
        return true;
    err_set(e, E_FORMAT, "%s: belongs to another history than this ledger's", path);
    return err_hint(e, "export into an empty folder, and find out how the two came apart");
}

static bool put_tile(Tiles *t, const char *kind, uint64_t n, size_t width, Str bytes)
{
    char path[NAME_MAX_BYTES], dir[NAME_MAX_BYTES];
    if (!path_of(t, kind, n, width, path))
        return false;
    if (file_exists(path))
        return same_as_file(path, bytes, t->e);
    snprintf(dir, sizeof dir, "%.*s", (int)(strrchr(path, '/') - path), path);
    return dir_make(dir, 0755, t->e) && file_replace(path, bytes, 0644, t->e);
}

static bool put_level(Tiles *t, size_t level)
{
    Level *v = &t->level[level];
    char   kind[8];
    snprintf(kind, sizeof kind, "%zu", level);
    return put_tile(t, kind, v->tile, v->n, (Str){ (const char *)v->hash, v->n * sizeof v->hash[0] });
}

/* A tile that is full gives one hash to the level above. */
static bool add_hash(Tiles *t, Digest d)
{
    for (size_t i = 0; i < LEVELS; i++) {
        Level *v = &t->level[i];
        v->hash[v->n++] = d;
        if (v->n < WIDTH)
            return true;
        if (!put_level(t, i))
            return false;
        d = merkle_root(v->hash, WIDTH);
        v->n = 0, v->tile++;
    }
    return true;
}

static bool put_entries(Tiles *t, uint64_t n, size_t width)
{
    bool ok = t->entries.bad ? err_nomem(t->e) : put_tile(t, "entries", n, width, buf_view(&t->entries));
    t->entries.n = 0;
    return ok;
}

static bool add_row(void *ctx, const Row *r)
{
    Tiles *t = ctx;
    if (r->seq != t->next || r->seq >= t->size || r->bytes.n > RECORD_LIMIT)
        return false;
    t->next++;
    buf_byte(&t->entries, (uint8_t)(r->bytes.n >> 8));
    buf_byte(&t->entries, (uint8_t)r->bytes.n);
    buf_str(&t->entries, r->bytes);
    bool ok = t->next % WIDTH != 0 || put_entries(t, t->next / WIDTH - 1, WIDTH);
    t->failed = !(ok && add_hash(t, merkle_leaf(r->bytes)));
    return !t->failed;
}

/* What is not full yet; an empty tile is none. */
static bool put_partial(Tiles *t)
{
    if (t->size % WIDTH != 0 && !put_entries(t, t->size / WIDTH, (size_t)(t->size % WIDTH)))
        return false;
    for (size_t i = 0; i < LEVELS; i++)
        if (t->level[i].n > 0 && !put_level(t, i))
            return false;
    return true;
}

bool ledger_tiles(Ledger *l, uint64_t size, const char *dir, Err *e)
{
    Tiles *t = calloc(1, sizeof *t);
    if (t == NULL)
        return err_nomem(e);
    t->size = size, t->dir = dir, t->e = e;
    bool ok = ledger_rows(l, 0, add_row, t, e) && !t->failed;
    if (ok && t->next < size)
        ok = err_set(e, E_FORMAT, "%s: record %" PRIu64 " is missing", l->db.path, t->next);
    ok = ok && put_partial(t);
    buf_free(&t->entries);
    free(t);
    return ok;
}
