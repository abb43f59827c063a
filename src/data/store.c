/* store.c - see store.h. */
#include "data/store.h"
#include "base/file.h"
#include <dirent.h>
#include <errno.h>

static const uint32_t FRESH = UINT32_MAX;              /* put by us; `at` indexes Store.fresh */

typedef struct Slot {
    uint32_t pack, at;                                 /* pack: 1 + index, FRESH, or 0 for an empty slot */
} Slot;

struct Store {
    Arena      *arena;
    Codec      *codec;
    char       *dir;
    Pack       *packs;
    Damage     *damage;
    size_t      pack_count, damage_count, room;
    Slot       *slots;
    size_t      slot_count, used;                      /* slot_count: a power of two, at most half used */
    Buf         fresh;                                 /* Digest each */
    PackWriter  writer;
    uint64_t    written;
};

/* ---- the table: open addressing; copies of one id in several packs lie side by side */

static const Digest *slot_id(const Store *s, Slot v)
{
    return v.pack == FRESH ? (const Digest *)(const void *)s->fresh.p + v.at : &s->packs[v.pack - 1].ids[v.at];
}

static size_t slot_start(const Store *s, const Digest *id)
{
    uint64_t h;
    memcpy(&h, id->b, sizeof h);
    return (size_t)h & (s->slot_count - 1);
}

static void slot_put(Store *s, Slot v)
{
    size_t i = slot_start(s, slot_id(s, v));
    while (s->slots[i].pack != 0)
        i = (i + 1) & (s->slot_count - 1);
    s->slots[i] = v, s->used++;
}

static bool grow(Store *s, size_t more)
{
    size_t count = s->slot_count ? s->slot_count : 1024, old_count = s->slot_count;
    while (count / 2 < s->used + more)
        count *= 2;
    if (count == s->slot_count)
        return true;
    Slot *old = s->slots, *fresh = calloc(count, sizeof *fresh);
    if (fresh == NULL)
        return false;
    s->slots = fresh, s->slot_count = count, s->used = 0;
    for (size_t i = 0; i < old_count; i++)
        if (old[i].pack != 0)
            slot_put(s, old[i]);
    free(old);
    return true;
}

/* The next slot at or after *i with this id; false when there is none left. */
static bool slot_next(const Store *s, const Digest *id, size_t *i)
{
    if (s->slot_count == 0)
        return false;
    for (; s->slots[*i].pack != 0; *i = (*i + 1) & (s->slot_count - 1))
        if (memcmp(slot_id(s, s->slots[*i]), id, sizeof *id) == 0)
            return true;
    return false;
}

bool store_has(const Store *s, const Digest *id)
{
    size_t i = s->slot_count ? slot_start(s, id) : 0;
    return slot_next(s, id, &i);
}

/* ---- opening */

static bool add_pack(Store *s, const char *path, Err *e)
{
    Pack   p;
    Damage d = { path, { 0 } };
    if (!pack_open(s->arena, path, &p, &d.why)) {
        if (d.why.code == E_NOMEM)
            return *e = d.why, false;
        s->damage[s->damage_count++] = d;
        return true;
    }
    if (!grow(s, p.count))
        return err_nomem(e);
    s->packs[s->pack_count++] = p;
    for (size_t i = 0; i < p.count; i++)
        slot_put(s, (Slot){ (uint32_t)s->pack_count, (uint32_t)i });
    return true;
}

static int is_pack(const struct dirent *d)
{
    Str name = str(d->d_name);
    return str_starts(name, S("pack-")) && str_ends(name, S(".moatpack"));
}

/* In the order of their names, so that every reader takes the same copy first. */
static bool add_packs(Store *s, Err *e)
{
    struct dirent **list = NULL;
    int             n = scandir(s->dir, &list, is_pack, alphasort);
    bool            ok = n >= 0 || errno == ENOENT || err_set(e, E_IO, "%s: %m", s->dir);
    size_t          count = n > 0 ? (size_t)n : 0;
    s->packs = arena_get(s->arena, count + 1, sizeof *s->packs);
    s->damage = arena_get(s->arena, count + 1, sizeof *s->damage);
    if (s->packs == NULL || s->damage == NULL)
        ok = err_nomem(e);
    for (size_t i = 0; i < count; i++) {
        char *path = ok ? path_join(s->arena, s->dir, str(list[i]->d_name)) : NULL;
        if (ok)
            ok = path != NULL ? add_pack(s, path, e) : err_nomem(e);
        free(list[i]);
    }
    free(list);
    return ok;
}

Store *store_open(const char *dir, Err *e)
{
    Store *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_nomem(e), NULL;
    s->arena = arena_new(SIZE_MAX), s->codec = codec_new();
    s->dir = s->arena ? arena_printf(s->arena, "%s", dir) : NULL;
    s->writer = PACK_WRITER(s->dir);
    if (s->dir == NULL || s->codec == NULL)
        return err_nomem(e), store_close(s), NULL;
    if (!add_packs(s, e))
        return store_close(s), NULL;
    return s;
}

void store_close(Store *s)
{
    if (s == NULL)
        return;
    pack_abort(&s->writer);
    buf_free(&s->fresh);
    codec_free(s->codec);
    arena_free(s->arena);
    free(s->slots);
    free(s);
}

Codec        *store_codec(Store *s) { return s->codec; }
size_t        store_packs(const Store *s) { return s->pack_count; }
const Pack   *store_pack(const Store *s, size_t i) { return &s->packs[i]; }
size_t        store_damaged(const Store *s) { return s->damage_count; }
const Damage *store_damage(const Store *s, size_t i) { return &s->damage[i]; }
uint64_t      store_written(const Store *s) { return s->written; }

/* ---- reading */

bool store_locate(const Store *s, const Digest *id, size_t *pack, uint64_t *offset)
{
    size_t i = s->slot_count ? slot_start(s, id) : 0;
    for (; slot_next(s, id, &i); i = (i + 1) & (s->slot_count - 1)) {
        Slot v = s->slots[i];
        if (v.pack == FRESH)
            continue;
        *pack = v.pack - 1, *offset = s->packs[v.pack - 1].offsets[v.at];
        return true;
    }
    return false;
}

static bool read_copy(const Store *s, Slot v, PackType type, Buf *raw, Err *e)
{
    PackEntry entry;
    if (v.pack == FRESH)
        return err_set(e, E_IO, "%s: an object that is still being written", s->dir);
    const Pack *p = &s->packs[v.pack - 1];
    if (!pack_read(p, s->codec, v.at, &entry, raw, e))
        return false;
    return entry.type == type || err_at(e, p->offsets[v.at], "%s: pack entry: of another kind", p->path);
}

bool store_read(const Store *s, const Digest *id, PackType type, Buf *raw, Err *e)
{
    Err    first = { 0 };
    char   hex[DIGEST_HEX];
    size_t i = s->slot_count ? slot_start(s, id) : 0;
    for (; slot_next(s, id, &i); i = (i + 1) & (s->slot_count - 1)) {
        Err why = { 0 };
        if (read_copy(s, s->slots[i], type, raw, &why))
            return true;
        if (first.code == E_OK)
            first = why;
    }
    if (first.code != E_OK)
        return *e = first, false;
    digest_hex(id, hex);
    return err_set(e, E_FORMAT, "%s: no pack holds %s", s->dir, hex);
}

/* ---- writing */

bool store_put(Store *s, PackType type, const Digest *id, Str raw, CodecKind codec, Str stored, Err *e)
{
    Str       bytes = codec == CODEC_RAW ? raw : stored;
    PackEntry entry = { (uint8_t)type, (uint8_t)codec, (uint32_t)bytes.n, (uint32_t)raw.n, *id };
    if (raw.n > PACK_RAW_MAX)
        return err_set(e, E_LIMIT, "an object of %zu bytes; the limit is %d", raw.n, PACK_RAW_MAX);
    if (pack_full(&s->writer, entry.stored) && !store_flush(s, e))
        return false;
    if (!grow(s, 1))
        return err_nomem(e);
    if (!pack_add(&s->writer, &entry, bytes, e))
        return false;
    buf_put(&s->fresh, id, sizeof *id);
    if (s->fresh.bad)
        return err_nomem(e);
    slot_put(s, (Slot){ FRESH, (uint32_t)(s->fresh.n / sizeof *id - 1) });
    s->written += PACK_ENTRY + bytes.n;
    return true;
}

bool store_flush(Store *s, Err *e) { return pack_finish(&s->writer, s->arena, NULL, e); }

void store_forget(Store *s)
{
    if (s->slots != NULL)
        memset(s->slots, 0, s->slot_count * sizeof *s->slots);
    s->used = 0;
}

/* ---- objects in files of their own */

char *object_path(Arena *a, const char *dir, const char *kind, const char *ending, const Digest *id)
{
    char hex[DIGEST_HEX];
    digest_hex(id, hex);
    return arena_printf(a, "%s/%s/%s%s", dir, kind, hex, ending);
}

bool object_write(Arena *a, const char *dir, const char *kind, const char *ending, const Digest *id, Str bytes, Err *e)
{
    char *folder = arena_printf(a, "%s/%s", dir, kind), *path = object_path(a, dir, kind, ending, id);
    Str   old;
    Err   none = { 0 };
    if (folder == NULL || path == NULL)
        return err_nomem(e);
    if (!dir_make(folder, 0700, e))
        return false;
    if (file_exists(path) && file_read(a, path, bytes.n, &old, &none) && str_eq(old, bytes))
        return true;
    return file_replace(path, bytes, 0400, e);
}
