/* stamps.c - see stamps.h. */
#include "data/stamps.h"
#include "base/file.h"

enum { STAMPS_BYTES_MAX = 1 << 30, ENTRY_LEAST = 2 + 5 * 8 };
static const int64_t YOUNG_NS = 2000000000;

void stamps_put(Buf *out, int64_t time_ns, const Digest *tree, const Members *m)
{
    uint32_t files = 0;
    for (size_t i = 0; i < m->n; i++)
        files += m->v[i].type == TREE_FILE;
    buf_z(out, "MOATST01");
    buf_u64(out, (uint64_t)time_ns);
    buf_put(out, tree->b, sizeof tree->b);
    buf_u32(out, files);
    for (const Member *v = m->v; v < m->v + m->n; v++) {
        if (v->type != TREE_FILE)
            continue;
        buf_u16(out, (uint16_t)v->name.n);
        buf_str(out, v->name);
        buf_u64(out, v->stamp.dev), buf_u64(out, v->stamp.ino), buf_u64(out, v->stamp.size);
        buf_u64(out, (uint64_t)v->stamp.mtime_ns), buf_u64(out, (uint64_t)v->stamp.ctime_ns);
    }
}

static Member get_entry(Cur *c)
{
    Member v = { .type = TREE_FILE };
    v.name = cur_bytes(c, cur_u16(c));
    v.stamp.dev = cur_u64(c), v.stamp.ino = cur_u64(c), v.stamp.size = cur_u64(c);
    v.stamp.mtime_ns = (int64_t)cur_u64(c), v.stamp.ctime_ns = (int64_t)cur_u64(c);
    return v;
}

bool stamps_parse(Arena *a, Str bytes, Stamps *out)
{
    Cur c = cur_of(bytes);
    *out = (Stamps){ 0 };
    if (!str_is(cur_bytes(&c, 8), "MOATST01"))
        return false;
    out->time_ns = (int64_t)cur_u64(&c);
    Str      tree = cur_bytes(&c, sizeof out->tree.b);
    uint32_t files = cur_u32(&c);
    if (c.bad || files > cur_left(&c) / ENTRY_LEAST)
        return false;
    memcpy(out->tree.b, tree.p, tree.n);
    out->v = arena_get(a, (size_t)files + 1, sizeof *out->v);
    for (; out->v != NULL && out->n < files; out->n++) {
        out->v[out->n] = get_entry(&c);
        if (c.bad || (out->n > 0 && str_cmp(out->v[out->n - 1].name, out->v[out->n].name) >= 0))
            return false;
    }
    return out->v != NULL && cur_left(&c) == 0;
}

bool stamps_read(Arena *a, const char *path, Stamps *out, Err *e)
{
    Str bytes;
    Err why = { 0 };
    *out = (Stamps){ 0 };
    if (!file_read(a, path, STAMPS_BYTES_MAX, &bytes, &why))
        return why.code != E_NOMEM || (*e = why, false);
    if (!stamps_parse(a, bytes, out))
        *out = (Stamps){ 0 };
    return true;
}

static int by_name(const void *a, const void *b) { return str_cmp(((const Member *)a)->name, ((const Member *)b)->name); }

bool stamps_same(const Stamps *s, const Member *m)
{
    const Member *v = s->n ? bsearch(m, s->v, s->n, sizeof *v, by_name) : NULL;
    int64_t       newest = m->stamp.mtime_ns > m->stamp.ctime_ns ? m->stamp.mtime_ns : m->stamp.ctime_ns;
    return v != NULL && stamp_eq(&v->stamp, &m->stamp) && s->time_ns > newest && s->time_ns - newest > YOUNG_NS;
}
