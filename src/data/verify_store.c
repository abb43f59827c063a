/* verify_store.c - every pack and every chunk that a version needs, read and hashed again. */
#include "data/verify.h"

enum { REPORT_MAX = 100 };

/* ---- what the tree needs: each object once, in the order it lies on the disk */

typedef struct Need {
    const Digest *id;
    PackType      type;
    size_t        pack;                                /* of the first copy; SIZE_MAX when there is none */
    uint64_t      offset;
    bool          bad;
} Need;

typedef struct Work {
    Verify     *v;
    Need       *need;
    size_t      needs;
    const Pack **pack;
    Err        *why;                                   /* one for each pack */
    size_t      packs;
} Work;

static int by_id(const void *a, const void *b) { return memcmp(((const Need *)a)->id, ((const Need *)b)->id, sizeof(Digest)); }

static int by_place(const void *pa, const void *pb)
{
    const Need *a = pa, *b = pb;
    int         c = (a->pack > b->pack) - (a->pack < b->pack);
    return c ? c : (a->offset > b->offset) - (a->offset < b->offset);
}

static bool is_zero(const Digest *d)
{
    static const Digest zero;
    return memcmp(d, &zero, sizeof zero) == 0;
}

static void unique(Work *w)
{
    size_t n = 0;
    if (w->needs == 0)
        return;
    qsort(w->need, w->needs, sizeof *w->need, by_id);
    for (size_t i = 1; i < w->needs; i++)
        if (by_id(&w->need[n], &w->need[i]) != 0)
            w->need[++n] = w->need[i];
    w->needs = n + 1;
    for (size_t i = 0; i < w->needs; i++)
        if (!store_locate(w->v->store, w->need[i].id, &w->need[i].pack, &w->need[i].offset))
            w->need[i].pack = SIZE_MAX;
    qsort(w->need, w->needs, sizeof *w->need, by_place);
}

static bool list_needs(Work *w, Err *e)
{
    const Tree *t = &w->v->tree;
    size_t      n = 0;
    for (const TreeEntry *v = t->entry; v < t->entry + t->count; v++)
        n += (size_t)v->chunks + 1;
    w->need = arena_get(w->v->arena, n + 1, sizeof *w->need);
    if (w->need == NULL)
        return err_nomem(e);
    for (const TreeEntry *v = t->entry; v < t->entry + t->count; v++) {
        for (uint32_t i = 0; i < v->chunks; i++)
            w->need[w->needs++] = (Need){ .id = &v->chunk[i], .type = PACK_CHUNK };
        if (v->has_rows && !is_zero(&v->roots))
            w->need[w->needs++] = (Need){ .id = &v->roots, .type = PACK_ROOTS };
    }
    unique(w);
    return true;
}

/* ---- reading */

static void check_need(void *arg, size_t i)
{
    Work         *w = arg;
    Need         *n = &w->need[i];
    defer_buf Buf raw = { 0 };
    Err           why = { 0 };
    n->bad = !store_read(w->v->store, n->id, n->type, &raw, &why);
}

static void check_pack(void *arg, size_t i)
{
    Work *w = arg;
    pack_check(w->pack[i], &w->why[i]);
}

/* The packs the needs lie in; needs are sorted by pack. */
static bool list_packs(Work *w, Err *e)
{
    size_t all = store_packs(w->v->store);
    w->pack = arena_get(w->v->arena, all + 1, sizeof *w->pack);
    w->why = arena_get(w->v->arena, all + 1, sizeof *w->why);
    if (w->pack == NULL || w->why == NULL)
        return err_nomem(e);
    for (size_t i = 0; i < w->needs; i++) {
        if (w->need[i].pack == SIZE_MAX)
            continue;
        const Pack *p = store_pack(w->v->store, w->need[i].pack);
        if (w->packs == 0 || w->pack[w->packs - 1] != p)
            w->pack[w->packs++] = p;
    }
    return true;
}

/* ---- telling */

static bool tell_packs(Work *w)
{
    Verify *v = w->v;
    for (size_t i = 0; i < store_damaged(v->store); i++) {
        const Damage *d = store_damage(v->store, i);
        if (!found_at(v->findings, &v->h, D_STORE, str(d->path), (Place){ .byte = d->why.at }, (Str){ 0 }, "%s", d->why.message))
            return false;
    }
    for (size_t i = 0; i < w->packs; i++)
        if (w->why[i].code != E_OK && !found_at(v->findings, &v->h, D_STORE, str(w->pack[i]->path), (Place){ .byte = w->why[i].at },
                                                (Str){ 0 }, "%s", w->why[i].message))
            return false;
    return true;
}

static int need_by_id(const void *key, const void *need) { return memcmp(key, ((const Need *)need)->id, sizeof(Digest)); }

static bool is_bad(const Work *w, const Digest *id)
{
    const Need *n = bsearch(id, w->need, w->needs, sizeof *n, need_by_id);
    return n != NULL && n->bad;
}

/* Which bytes of which file were lost first: the chunks before say where that is. */
static bool tell_file(Work *w, const TreeEntry *v)
{
    defer_buf Buf raw = { 0 };
    Verify       *job = w->v;
    Str           shown = member_shown(job->arena, &job->members, v->name);
    uint64_t      at = 0;
    uint32_t      lost = 0;
    Err           first = { 0 }, why;
    for (uint32_t i = 0; i < v->chunks; i++)
        if (is_bad(w, &v->chunk[i]) && !store_read(job->store, &v->chunk[i], PACK_CHUNK, &raw, &why))
            first = lost++ ? first : why;
        else if (lost == 0 && store_read(job->store, &v->chunk[i], PACK_CHUNK, &raw, &why))
            at += raw.n;
    if (lost > 0)
        return found_at(job->findings, &job->h, D_STORE, shown, (Place){ .byte = at + 1 }, (Str){ 0 },
                        "%u of its %u chunks cannot be brought back, the first from byte %" PRIu64 " on: %s", lost, v->chunks, at, first.message);
    return found(job->findings, &job->h, D_STORE, shown, "its row roots are damaged or missing");
}

static bool tell_files(Work *w)
{
    const Tree *t = &w->v->tree;
    size_t      told = 0;
    qsort(w->need, w->needs, sizeof *w->need, by_id);
    for (const TreeEntry *v = t->entry; v < t->entry + t->count && told < REPORT_MAX; v++) {
        bool bad = v->has_rows && !is_zero(&v->roots) && is_bad(w, &v->roots);
        for (uint32_t i = 0; i < v->chunks && !bad; i++)
            bad = is_bad(w, &v->chunk[i]);
        told += bad;
        if (bad && !tell_file(w, v))
            return false;
    }
    return true;
}

bool verify_store(Verify *v, Err *e)
{
    Work w = { .v = v };
    bool bad = false;
    if (!list_needs(&w, e) || !list_packs(&w, e))
        return false;
    pool_each(v->how->pool, w.packs, check_pack, &w);
    pool_each(v->how->pool, w.needs, check_need, &w);
    v->result->chunks = w.needs, v->result->packs = w.packs;
    for (size_t i = 0; i < w.needs; i++)
        bad |= w.need[i].bad;
    if (!tell_packs(&w) || (bad && !tell_files(&w)))
        return err_nomem(e);
    return true;
}
