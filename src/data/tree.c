/* tree.c - see tree.h. */
#include "crypto/merkle.h"
#include "data/tree.h"

enum { ENTRY_LEAST = 2 + 1 + 1 + 2 + 8, MODE = 0111 };

static const char *part_flaw(Str part)
{
    if (part.n == 0)
        return "has an empty part";
    if (str_is(part, "."))
        return "has the part '.'";
    if (str_is(part, ".."))
        return "leaves its folder";
    return part.n > TREE_PART_MAX ? "has a part that is too long" : NULL;
}

const char *tree_name_flaw(Str name)
{
    Str         part, rest = name;
    const char *flaw = NULL;
    if (name.n > TREE_NAME_MAX)
        return "is too long";
    if (name.n && name.p[0] == '/')
        return "is absolute";
    if (name.n && memchr(name.p, '\0', name.n))
        return "holds a NUL";
    for (bool more = true; more && flaw == NULL;) {
        more = str_cut(rest, '/', &part, &rest);
        flaw = part_flaw(part);
    }
    return flaw;
}

static int by_name(const void *a, const void *b) { return str_cmp(((const TreeEntry *)a)->name, ((const TreeEntry *)b)->name); }

void tree_sort(Tree *t)
{
    if (t->count)
        qsort(t->entry, t->count, sizeof *t->entry, by_name);
}

const TreeEntry *tree_find(const Tree *t, Str name)
{
    TreeEntry key = { .name = name };
    return t->count ? bsearch(&key, t->entry, t->count, sizeof key, by_name) : NULL;
}

/* ---- writing */

static void put_digest(Buf *b, const Digest *d) { buf_put(b, d->b, sizeof d->b); }

static void put_file(Buf *b, const TreeEntry *v)
{
    put_digest(b, &v->sha256);
    buf_byte(b, v->has_rows);
    buf_u64(b, v->rows);
    put_digest(b, &v->row_root);
    put_digest(b, &v->roots);
    buf_u32(b, v->chunks);
    buf_put(b, v->chunk, v->chunks * sizeof *v->chunk);
}

void tree_put(Buf *out, const Tree *t)
{
    buf_z(out, "MOATTR01");
    buf_u32(out, (uint32_t)t->count);
    for (const TreeEntry *v = t->entry; v < t->entry + t->count; v++) {
        buf_u16(out, (uint16_t)v->name.n);
        buf_str(out, v->name);
        buf_byte(out, (uint8_t)v->type);
        buf_u16(out, v->mode);
        buf_u64(out, v->size);
        if (v->type == TREE_FILE)
            put_file(out, v);
        else if (v->type == TREE_LINK)
            buf_u16(out, (uint16_t)v->target.n), buf_str(out, v->target);
    }
}

/* ---- reading */

static void get_digest(Cur *c, Digest *d)
{
    Str s = cur_bytes(c, sizeof d->b);
    if (s.n)
        memcpy(d->b, s.p, sizeof d->b);
}

static bool is_zero(const Digest *d)
{
    static const Digest zero;
    return memcmp(d, &zero, sizeof zero) == 0;
}

static bool get_file(Cur *c, TreeEntry *v, Err *e)
{
    get_digest(c, &v->sha256);
    uint8_t known = cur_u8(c);
    v->has_rows = known == 1;
    v->rows = cur_u64(c);
    get_digest(c, &v->row_root);
    get_digest(c, &v->roots);
    v->chunks = cur_u32(c);
    Str ids = cur_bytes(c, (uint64_t)v->chunks * sizeof *v->chunk);
    v->chunk = (const Digest *)(const void *)ids.p;
    if (c->bad)
        return err_at(e, c->at, "tree: cut short");
    if (known > 1 || (!v->has_rows && (v->rows != 0 || !is_zero(&v->row_root) || !is_zero(&v->roots))))
        return err_at(e, c->at, "tree: '%.*s': impossible rows", STR(v->name));
    if ((v->chunks == 0) != (v->size == 0) || v->chunks > v->size)
        return err_at(e, c->at, "tree: '%.*s': %" PRIu64 " bytes in %u chunks", STR(v->name), v->size, v->chunks);
    return true;
}

static bool get_link(Cur *c, TreeEntry *v, Err *e)
{
    v->target = cur_bytes(c, cur_u16(c));
    if (c->bad || v->target.n == 0 || v->target.n > TREE_NAME_MAX || v->size != v->target.n || v->mode != 0 ||
        memchr(v->target.p, '\0', v->target.n))
        return err_at(e, c->at, "tree: '%.*s': not a possible link", STR(v->name));
    return true;
}

static bool get_entry(Cur *c, TreeEntry *v, Err *e)
{
    uint64_t at = c->at;
    v->name = cur_bytes(c, cur_u16(c));
    v->type = cur_u8(c);
    v->mode = cur_u16(c);
    v->size = cur_u64(c);
    if (c->bad)
        return err_at(e, at, "tree: cut short");
    const char *flaw = tree_name_flaw(v->name);
    if (flaw != NULL)
        return err_at(e, at, "tree: the name '%.*s' %s", STR(v->name), flaw);
    if (v->mode & ~MODE)
        return err_at(e, at, "tree: '%.*s': impossible mode", STR(v->name));
    switch (v->type) {
    case TREE_FILE:   return get_file(c, v, e);
    case TREE_LINK:   return get_link(c, v, e);
    case TREE_FOLDER: return (v->size == 0 && v->mode == 0) || err_at(e, at, "tree: '%.*s': impossible folder", STR(v->name));
    }
    return err_at(e, at, "tree: '%.*s': of no known type", STR(v->name));
}

/* The entry stands behind all that sort before it; its folder must be one of those. */
static bool placed(const Tree *t, const TreeEntry *v, Err *e)
{
    const char *slash = v->name.n ? memrchr(v->name.p, '/', v->name.n) : NULL;
    if (t->count > 0 && str_cmp(t->entry[t->count - 1].name, v->name) >= 0)
        return err_set(e, E_FORMAT, "tree: '%.*s' is there twice or out of order", STR(v->name));
    if (slash == NULL && str_is(v->name, "labels"))
        return v->type == TREE_FILE || err_set(e, E_FORMAT, "tree: labels are not a file");
    if (slash == NULL)
        return (str_is(v->name, "data") && v->type != TREE_LINK) ||
               err_set(e, E_FORMAT, "tree: '%.*s' is neither data nor labels", STR(v->name));
    const TreeEntry *folder = tree_find(t, (Str){ v->name.p, (size_t)(slash - v->name.p) });
    return (folder != NULL && folder->type == TREE_FOLDER) ||
           err_set(e, E_FORMAT, "tree: '%.*s' lies in no folder", STR(v->name));
}

bool tree_parse(Arena *a, Str bytes, Tree *out, Err *e)
{
    Cur      c = cur_of(bytes);
    Str      magic = cur_bytes(&c, 8);
    uint32_t count = cur_u32(&c);
    *out = (Tree){ 0 };
    if (c.bad || !str_is(magic, "MOATTR01"))
        return err_at(e, 0, "not a tree object");
    if (count > TREE_ENTRIES_MAX || count > cur_left(&c) / ENTRY_LEAST)
        return err_at(e, 8, "tree: %u entries do not fit in it", count);
    out->entry = arena_get(a, (size_t)count + 1, sizeof *out->entry);
    if (out->entry == NULL)
        return err_nomem(e);
    for (uint32_t i = 0; i < count; i++) {
        TreeEntry v = { 0 };
        if (!get_entry(&c, &v, e) || !placed(out, &v, e))
            return false;
        out->entry[out->count++] = v;
    }
    if (cur_left(&c) != 0)
        return err_at(e, c.at, "tree: bytes behind the last entry");
    return tree_find(out, S("data")) != NULL || err_set(e, E_FORMAT, "tree: holds no data");
}

/* The record whose leaf stands for one member of a folder: name below the folder, mode, digest, rows if any. */
static void member_row(Buf *out, const TreeEntry *v)
{
    Str name = v->name.n > 5 ? str_from(v->name, 5) : v->name;
    buf_varint(out, name.n);
    buf_str(out, name);
    buf_byte(out, (uint8_t)v->type);
    buf_u16(out, v->mode);
    if (v->type == TREE_LINK) {
        buf_varint(out, v->target.n);
        buf_str(out, v->target);
    } else
        put_digest(out, &v->sha256);
    if (v->has_rows)
        buf_u64(out, v->rows), put_digest(out, &v->row_root);
}

static void sum_members(const Tree *t, TreeSum *out, Buf *row)
{
    MerkleTop top = { 0 };
    uint64_t  rows = 0;
    bool      any = false;
    for (const TreeEntry *v = t->entry; v < t->entry + t->count; v++) {
        if (v->type == TREE_FOLDER || str_is(v->name, "labels"))
            continue;
        row->n = 0;
        member_row(row, v);
        Digest leaf = merkle_leaf(buf_view(row));
        merkle_add(&top, &leaf);
        any |= v->has_rows, rows += v->rows;
    }
    out->rows = any ? rows : top.n;
    out->root = merkle_top(&top);
}

bool tree_sum(const Tree *t, TreeSum *out)
{
    defer_buf Buf    row = { 0 };
    const TreeEntry *data = tree_find(t, S("data")), *labels = tree_find(t, S("labels"));
    *out = (TreeSum){ .has_labels = labels != NULL };
    for (const TreeEntry *v = t->entry; v < t->entry + t->count; v++)
        if (v->type == TREE_FILE)
            out->bytes += v->size, out->files++;
    if (labels != NULL)
        out->labels_rows = labels->rows, out->labels_root = labels->row_root;
    if (data->type == TREE_FILE && data->has_rows)
        out->rows = data->rows, out->root = data->row_root;
    else
        sum_members(t, out, &row);
    return !row.bad;
}
