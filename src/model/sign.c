/* sign.c - the disk, a statement about it, and a signed bundle around that; see model.h. */
#include "base/file.h"
#include "model/bundle.h"
#include "model/disk.h"
#include "model/model.h"
#include "model/statement.h"
#include <errno.h>

typedef struct Job {
    Arena           *a;
    Pool            *pool;
    const ModelSign *s;
    Disk            *d;
    Str              own;                              /* name of the signature file inside the folder; may be empty */
    Err             *e;
} Job;

/* ---- which files */

static bool ignore_ok(Str path)
{
    for (size_t i = 0; i < path.n; i++)
        if (strchr("*?[", path.p[i]) != NULL)
            return false;
    return resource_name_ok(path, false);
}

/* The paths that the statement will name as left out: the usual ones, the signature itself, and the caller's. */
static bool ignore_list(Job *j, Statement *out)
{
    const ModelSign *s = j->s;
    out->ignore = arena_get(j->a, disk_never_len + s->ignore_count + 1, sizeof *out->ignore);
    if (out->ignore == NULL)
        return err_nomem(j->e);
    if (!j->d->folder)
        return s->ignore_count == 0 || err_set(j->e, E_USAGE, "%s is one file; there is nothing in it to ignore", s->path);
    for (size_t i = 0; i < disk_never_len; i++)
        out->ignore[out->ignore_count++] = disk_never[i];
    if (j->own.n != 0)
        out->ignore[out->ignore_count++] = j->own;
    for (size_t i = 0; i < s->ignore_count; i++) {
        Str path = str(s->ignore[i]);
        if (path.n > 1 && path.p[path.n - 1] == '/')
            path.n--;
        if (!ignore_ok(path))
            return err_set(j->e, E_USAGE, "'%s' is no plain path inside the model (relative, no .., no wildcards)", s->ignore[i]);
        out->ignore[out->ignore_count++] = path;
    }
    return true;
}

static bool plain_files(const Job *j)
{
    static const char *const what[] = {
        [DISK_LINK] = "is a link, which is not signed", [DISK_OTHER] = "is neither a file nor a folder",
        [DISK_BAD_NAME] = "has a name that is not UTF-8, which cannot be signed",
    };
    for (size_t i = 0; i < j->d->n; i++) {
        const DiskFile *f = &j->d->v[i];
        if (f->kind == DISK_FILE)
            continue;
        err_set(j->e, E_DENIED, "%s/%.*s %s", j->s->path, STR(f->name), what[f->kind]);
        return f->kind == DISK_LINK ? err_hint(j->e, "put the file in its place, give --allow-symlinks, or --ignore %.*s", STR(f->name))
                                    : err_hint(j->e, "remove it, or --ignore it");
    }
    return j->d->n > 0 || err_set(j->e, E_DENIED, "%s: nothing to sign", j->s->path);
}

/* ---- digests */

static size_t shards_of(uint64_t bytes, uint64_t size) { return (size_t)(bytes / size + (bytes % size != 0)); }

/* One piece a file, or a piece every shard_size bytes; empty files have no shards. */
static Piece *pieces_of(Job *j, size_t *n)
{
    uint64_t size = j->s->shard_size;
    size_t   count = 0;
    for (size_t i = 0; i < j->d->n; i++)
        count += size ? shards_of(j->d->v[i].size, size) : 1;
    Piece *v = arena_get(j->a, count + 1, sizeof *v);
    *n = 0;
    for (size_t i = 0; v != NULL && i < j->d->n; i++) {
        const DiskFile *f = &j->d->v[i];
        Str             name = !j->d->folder && j->s->reference ? S(".") : f->name;
        if (size == 0)
            v[(*n)++] = (Piece){ .name = name, .to = UINT64_MAX };
        for (uint64_t at = 0; size != 0 && at < f->size; at += size)
            v[(*n)++] = (Piece){ .name = name, .from = at, .to = f->size - at < size ? f->size : at + size };
    }
    return v;
}

static bool pieces_ok(const Job *j, const Piece *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        errno = v[i].error;
        if (v[i].state == PIECE_UNREADABLE)
            return err_set(j->e, E_IO, "%s: '%.*s': %m", j->s->path, STR(v[i].name));
        if (v[i].state != PIECE_OK)
            return err_set(j->e, E_IO, "%s: '%.*s' changed while it was read", j->s->path, STR(v[i].name));
    }
    return n > 0 || err_set(j->e, E_DENIED, "%s: only empty files, and shards leave those out", j->s->path);
}

/* ---- the statement */

typedef struct Titled {
    Str      text;                                     /* as it will be written, shard numbers included */
    Resource r;
} Titled;

/* OMS orders resources by the bytes of their names; for shards the numbers are part of the name. */
static int by_text(const void *a, const void *b) { return str_cmp(((const Titled *)a)->text, ((const Titled *)b)->text); }

static bool resources_of(Job *j, const Piece *v, size_t n, Statement *out)
{
    Titled *order = arena_get(j->a, n, sizeof *order);
    out->v = arena_get(j->a, n, sizeof *out->v);
    if (order == NULL || out->v == NULL)
        return err_nomem(j->e);
    for (size_t i = 0; i < n; i++) {
        order[i] = (Titled){ v[i].name, { .name = v[i].name, .from = v[i].from, .to = v[i].to } };
        memcpy(order[i].r.digest, v[i].digest, sizeof v[i].digest);
        if (out->shard_size != 0)
            order[i].text = str(arena_printf(j->a, "%.*s:%" PRIu64 ":%" PRIu64, STR(v[i].name), v[i].from, v[i].to));
    }
    qsort(order, n, sizeof *order, by_text);
    for (size_t i = 0; i < n; i++)
        out->v[out->n++] = order[i].r;
    out->root = statement_root(out->hash, out->v, out->n);
    return true;
}

static bool statement_of(Job *j, Statement *out)
{
    const ModelSign *s = j->s;
    size_t           n;
    *out = (Statement){ .subject = j->d->name, .hash = s->blake2b ? HASH_BLAKE2B : HASH_SHA256, .allow_symlinks = s->allow_symlinks,
                        .shard_size = s->shard_size };
    if (!ignore_list(j, out) || !disk_list(j->a, j->d, &(DiskAsk){ out->ignore, out->ignore_count, s->allow_symlinks }, j->e))
        return false;
    if (!plain_files(j))
        return false;
    Piece *v = pieces_of(j, &n);
    if (v == NULL)
        return err_nomem(j->e);
    disk_digest(j->d, j->pool, out->hash, v, n);
    return pieces_ok(j, v, n) && resources_of(j, v, n, out);
}

/* ---- all of it */

static bool write_bundle(Job *j, const Statement *st, const char *path, const Key *key)
{
    defer_buf Buf payload = { 0 }, bundle = { 0 };
    statement_write(st, j->s->reference, &payload);
    if (payload.bad)
        return err_nomem(j->e);
    if (payload.n > STATEMENT_BYTES_MAX / 2)
        return err_set(j->e, E_LIMIT, "%s: too many files for one signature", j->s->path);
    return bundle_write(&bundle, buf_view(&payload), key, j->e) && file_replace(path, buf_view(&bundle), 0644, j->e);
}

static bool fill_verdict(Job *j, const Statement *st, const Key *key, ModelVerdict *v)
{
    *v = (ModelVerdict){ .has_digest = true, .digest = st->root, .files = j->d->n, .bytes = j->d->bytes };
    key_id(key, v->signer);
    size_t links = 0;
    for (size_t i = 0; i < j->d->n; i++)
        links += j->d->v[i].linked;
    if (links > 0)
        v->note = str(arena_printf(j->a, "%zu links were followed, wherever they lead", links));
    else if (key_kind(key) == KEY_ED25519)
        v->note = S("other OMS tools verify ECDSA keys only; an Ed25519 signature is for moat");
    if (j->d->folder)
        return true;
    if (st->hash == HASH_SHA256 && st->shard_size == 0)
        return memcpy(v->digest.b, st->v[0].digest, sizeof v->digest.b), true;
    Piece whole = { .name = j->d->name, .to = UINT64_MAX };
    disk_digest(j->d, NULL, HASH_SHA256, &whole, 1);
    memcpy(v->digest.b, whole.digest, sizeof v->digest.b);
    return pieces_ok(j, &whole, 1);
}

bool model_sign(Arena *a, Pool *pool, const ModelSign *s, const Key *key, ModelVerdict *v, Err *e)
{
    defer_disk Disk d = { 0 };
    Job             j = { .a = a, .pool = pool, .s = s, .d = &d, .e = e };
    Statement       st;
    const char     *path = s->signature ? s->signature : model_signature_path(a, s->path);
    *v = (ModelVerdict){ 0 };
    if (path == NULL)
        return err_nomem(e);
    if (!disk_open(a, s->path, &d, e))
        return false;
    j.own = disk_inside(a, &d, path);
    return statement_of(&j, &st) && write_bundle(&j, &st, path, key) && fill_verdict(&j, &st, key, v);
}
