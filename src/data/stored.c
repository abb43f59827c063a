/* stored.c - see stored.h. */
#include "data/stored.h"
#include "base/file.h"

bool tree_load(Arena *a, const char *objects, const Digest *id, Tree *out, Err *e)
{
    Str   bytes;
    char *path = object_path(a, objects, "tree", "", id);
    if (path == NULL)
        return err_nomem(e);
    if (!file_read(a, path, TREE_BYTES_MAX, &bytes, e))
        return false;
    Digest got = sha256(bytes);
    if (!digest_eq(&got, id))
        return err_set(e, E_FORMAT, "%s: tree: its bytes do not have the digest in its name", path);
    return tree_parse(a, bytes, out, e) || err_in(e, "%s", path);
}

bool stored_each(const Store *s, const TreeEntry *v, StoredFn *fn, void *ctx, Err *e)
{
    defer_buf Buf raw = { 0 };
    uint64_t      done = 0;
    if (v->chunks == 0)
        return fn(ctx, S(""), true, e);
    for (uint32_t i = 0; i < v->chunks; i++) {
        if (!store_read(s, &v->chunk[i], PACK_CHUNK, &raw, e))
            return false;
        done += raw.n;
        bool last = i + 1 == v->chunks;
        if (done > v->size || (last && done != v->size))
            return err_set(e, E_FORMAT, "its chunks do not make up %" PRIu64 " bytes", v->size);
        if (!fn(ctx, buf_view(&raw), last, e))
            return false;
    }
    return true;
}
