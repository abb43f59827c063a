/* restore.c - a version brought back, and the list of versions there are; see data.h. */
#include "base/file.h"
#include "data/publish.h"
#include "data/rebuild.h"
#include <unistd.h>

typedef struct Restore {
    Arena             *arena;
    const DataRestore *how;
    History            h;
    Head               head;
    Tree               tree;
    Store             *store;
    Rebuild            part[2];                        /* data, labels */
    size_t             parts;
    DataRestored      *result;
} Restore;

/* ---- where to */

static Str last_part(Str path)
{
    const char *slash = path.n ? memrchr(path.p, '/', path.n) : NULL;
    return slash ? str_from(path, (size_t)(slash - path.p) + 1) : path;
}

static bool add_part(Restore *r, Str top, Str shown, Err *e)
{
    const Pipeline *p = r->h.pipeline;
    Rebuild        *b = &r->part[r->parts++];
    *b = (Rebuild){ .arena = r->arena, .store = r->store, .tree = &r->tree, .top = top, REBUILD_NONE };
    if (r->how->to == NULL)
        return rebuild_open(b, p->dir, shown, e);
    return dir_make(r->how->to, 0777, e) && rebuild_open(b, r->how->to, last_part(shown), e);
}

static bool open_parts(Restore *r, Err *e)
{
    const Members *m = &r->h.members;
    bool           labels = tree_find(&r->tree, S("labels")) != NULL;
    if (labels && m->labels == NULL)
        return err_set(e, E_DENIED, "%.*s: the version has labels, and moat.yaml no longer says where they go", STR(r->h.name));
    if (labels && r->how->to != NULL && str_eq(last_part(m->data_shown), last_part(m->labels_shown)))
        return err_set(e, E_DENIED, "%.*s: data and labels are both called '%.*s'; one folder cannot hold them", STR(r->h.name),
                       STR(last_part(m->data_shown)));
    return add_part(r, S("data"), m->data_shown, e) && (!labels || add_part(r, S("labels"), m->labels_shown, e));
}

/* ---- reading the version, and writing it */

static bool load(Restore *r, Err *e)
{
    const DataVersion *v = &r->result->version;
    TreeSum            sum;
    if (!tree_load(r->arena, r->h.objects, &v->tree, &r->tree, e))
        return false;
    if (!tree_sum(&r->tree, &sum))
        return err_nomem(e);
    if (!digest_eq(&sum.root, &v->root) || sum.rows != v->rows || sum.bytes != v->bytes)
        return err_set(e, E_FORMAT, "%.*s: the statement of version %" PRIu64 " does not fit its tree", STR(r->h.name), v->version);
    r->store = store_open(r->h.objects, e);
    return r->store != NULL;
}

static const char *keep_name(Restore *r, const Rebuild *b)
{
    char time[TIME_TEXT];
    if (!r->how->keep)
        return NULL;
    time_text(clock_ns(r->how->clock), time);
    char *name = arena_printf(r->arena, "%s.replaced-%s", b->name, time);
    if (b == r->part && b->swapped && name != NULL)
        r->result->kept = str(name);
    return name;
}

static bool write_parts(Restore *r, Err *e)
{
    bool ok = true;
    for (size_t i = 0; ok && i < r->parts; i++)
        ok = rebuild_write(&r->part[i], e);
    for (size_t i = 0; ok && i < r->parts; i++)
        ok = rebuild_swap(&r->part[i], r->how->to != NULL, e);
    for (size_t i = 0; ok && i < r->parts; i++) {
        r->result->files += r->part[i].files;
        ok = rebuild_finish(&r->part[i], keep_name(r, &r->part[i]), e);
    }
    return ok;
}

/* ---- telling the ledger */

static bool record(Restore *r, Ledger *l, Err *e)
{
    const DataVersion *v = &r->result->version;
    defer_buf Buf      b = { 0 };
    JsonOut            w = json_out(&b);
    json_open(&w, '{');
    json_key(&w, "name"), json_put_str(&w, r->h.name);
    json_key(&w, "version"), json_put_u64(&w, v->version);
    version_put_digest(&w, "root", &v->root);
    version_put_digest(&w, "statement", &v->statement);
    json_key(&w, "path"), json_put_str(&w, r->how->to ? str(r->how->to) : r->h.members.data_shown);
    json_key(&w, "as_head"), json_put_bool(&w, r->how->as_head);
    json_key(&w, "reason"), json_put_str(&w, r->how->reason);
    json_close(&w, '}');
    if (b.bad)
        return err_nomem(e);
    return ledger_append(l, r->how->clock, RECORD_DATA_RESTORE, r->how->actor, &v->statement, buf_view(&b), NULL, e);
}

static Str header_text(Buf *b, const Json *header)
{
    JsonOut w = json_out(b);
    json_put_tree(&w, header);
    return buf_view(b);
}

/* The old tree under a new statement: history only grows. */
static bool publish_again(Restore *r, Ledger *l, const Key *key, Err *e)
{
    const DataVersion *old = &r->result->version;
    DataVersion       *v = &r->result->head;
    defer_buf Buf      header = { 0 }, labels = { 0 };
    const Json        *l_header = json_get(json_get(old->predicate, "labels"), "header");
    Publish p = { r->arena, &r->h, l, key, r->how->actor, { 0 }, { 0 }, r->how->clock };
    p.header = header_text(&header, json_get(old->predicate, "header"));
    if (old->has_labels && l_header != NULL)
        p.labels_header = header_text(&labels, l_header);
    if (header.bad || labels.bad)
        return err_nomem(e);
    *v = *old;
    v->reverts = old->version, v->reason = r->how->reason, v->expires_ns = 0;
    return publish(&p, &r->head, v, e);
}

static bool restore(Restore *r, Ledger *l, Err *e)
{
    const DataRestore *how = r->how;
    bool               first = false;
    if (!head_trusted(r->arena, &r->h, how->signer, how->clock, &r->head, e) ||
        !head_back(r->arena, &r->h, &r->head, how->version, &r->result->version, e))
        return false;
    r->result->head = r->head.version;
    if (how->as_head && how->version == r->head.version.version)
        return err_set(e, E_USAGE, "%.*s: version %" PRIu64 " is the head already", STR(r->h.name), how->version);
    defer_key Key *key = how->as_head ? publish_key(&r->h, how->key, &first, e) : NULL;
    if (how->as_head && key == NULL)
        return false;
    if (!load(r, e) || !open_parts(r, e) || !write_parts(r, e) || !record(r, l, e))
        return false;
    if (how->as_head)
        return publish_again(r, l, key, e);
    return r->head.ref_good || ref_write(r->h.head, r->head.version.version, &r->head.version.statement, e);
}

bool data_restore(Arena *a, const Pipeline *p, Ledger *l, const DataRestore *how, DataRestored *result, Err *e)
{
    Restore r = { .arena = a, .how = how, .result = result };
    *result = (DataRestored){ 0 };
    if (how->as_head && how->to != NULL)
        return err_set(e, E_USAGE, "a version restored into another folder is not the head of this one");
    if (!history_of(a, p, how->dataset, &r.h, e) || !history_make(&r.h, e))
        return false;
    defer_fd int lock = history_lock(&r.h, e);
    bool         ok = lock >= 0 && restore(&r, l, e);
    for (size_t i = 0; i < r.parts; i++)
        rebuild_close(&r.part[i]);
    store_close(r.store);
    return ok;
}

/* ---- log */

bool data_log(Arena *a, const Pipeline *p, Str dataset, const char *signer, DataVersion **out, size_t *n, Err *e)
{
    History h;
    Head    head;
    *out = NULL, *n = 0;
    if (!history_of(a, p, dataset, &h, e) || !head_trusted(a, &h, signer, clock_system(), &head, e))
        return false;
    uint64_t count = head.version.version;
    *out = arena_get(a, count + 1, sizeof **out);
    if (*out == NULL)
        return err_nomem(e);
    for (uint64_t i = 0; i < count; i++) {
        Head from = head;
        if (i > 0)
            from.version = (*out)[i - 1];
        if (!head_back(a, &h, &from, count - i, &(*out)[i], e))
            return false;
        ++*n;
    }
    return true;
}

bool data_at(Str arg, Str *name, uint64_t *version)
{
    Str number;
    *version = 0;
    return !str_cut(arg, '@', name, &number) || (str_u64(number, version) && *version > 0);
}
