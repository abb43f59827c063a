/* commit.c - a new golden version: see data.h for what it writes and in which order. */
#include "base/file.h"
#include "data/ingest.h"
#include "data/publish.h"
#include "data/rules.h"
#include "data/stamps.h"
#include "data/stored.h"
#include <unistd.h>

typedef struct Commit {
    Arena            *arena;
    const DataCommit *how;
    History           h;
    Members           members;
    Store            *store;
    Findings         *findings;
    int64_t           begun_ns;
    const TreeEntry **kept;                            /* for each member: its entry in the head, when it need not be read */
    const Json       *kept_header, *kept_labels;       /* what the head says of those                                    */
    bool              all_kept;
    IngestFile       *files;                           /* one for each member; folders and links leave theirs empty */
    Tree              tree;
    Buf               bytes;                           /* the tree object */
    Str               header, labels_header;
} Commit;

/* ---- files that look as they did at the last commit, and are in the store */

static bool in_store(const Commit *c, const TreeEntry *v)
{
    for (uint32_t i = 0; i < v->chunks; i++)
        if (!store_has(c->store, &v->chunk[i]))
            return false;
    return true;
}

static void keep_known(Commit *c, const Tree *old, const Stamps *s)
{
    c->all_kept = true;
    for (size_t i = 0; i < c->members.n; i++) {
        const Member    *m = &c->members.v[i];
        const TreeEntry *v = m->type == TREE_FILE && stamps_same(s, m) ? tree_find(old, m->name) : NULL;
        if (v != NULL && v->type == TREE_FILE && v->size == m->stamp.size && v->has_rows == (m->rows != ROWS_FILES) && in_store(c, v))
            c->kept[i] = v;
        c->all_kept &= m->type != TREE_FILE || c->kept[i] != NULL;
    }
}

/* The same kind of rows as before; what cannot be read of the old version is no reason not to make a new one. */
static bool find_known(Commit *c, const Head *head, Err *e)
{
    const DataVersion *old = &head->version;
    Stamps             s;
    Tree               tree;
    Err                none = { 0 };
    c->kept = arena_get(c->arena, c->members.n + 1, sizeof *c->kept);
    if (c->kept == NULL)
        return err_nomem(e);
    if (c->how->paranoid || c->how->rewrite || old->version == 0 || !str_is(old->format, rows_kind_name(c->members.kind)))
        return true;
    if (!stamps_read(c->arena, c->h.stamps, &s, e))
        return false;
    if (s.n == 0 || !digest_eq(&s.tree, &old->tree) || !tree_load(c->arena, c->h.objects, &old->tree, &tree, &none))
        return true;
    c->kept_header = json_get(old->predicate, "header"), c->kept_labels = json_get(json_get(old->predicate, "labels"), "header");
    keep_known(c, &tree, &s);
    return true;
}

static bool write_stamps(Commit *c, const Digest *tree, Err *e)
{
    defer_buf Buf b = { 0 };
    if (c->all_kept)
        return true;
    stamps_put(&b, c->begun_ns, tree, &c->members);
    return b.bad ? err_nomem(e) : file_replace(c->h.stamps, buf_view(&b), 0600, e);
}

/* ---- the files into the store */

static bool read_member(Commit *c, Ingest *g, const Member *m, IngestFile *f, Err *e)
{
    Stamp        before;
    defer_fd int fd = member_open(&c->members, m->name, &before, e);
    if (fd < 0)
        return false;
    f->rows = m->rows, f->expect = before.size;
    if (!stamp_eq(&before, &m->stamp))
        return err_set(e, E_IO, "changed while it was read; commit again");
    return ingest_file(g, f, fd, e);
}

static bool same_after(Commit *c, const Member *m, const IngestFile *f, Err *e)
{
    Stamp        after;
    defer_fd int fd = member_open(&c->members, m->name, &after, e);
    if (fd < 0)
        return false;
    return (stamp_eq(&after, &m->stamp) && f->bytes == m->stamp.size) || err_set(e, E_IO, "changed while it was read; commit again");
}

static bool rows_read(const IngestFile *f, const Member *m, Err *e)
{
    if (!f->failed)
        return true;
    if (f->why == NULL)
        return err_nomem(e);
    *e = *f->why;
    err_in(e, "does not read as %s", rows_kind_name(m->rows));
    return err_hint(e, "mend it, or declare `format: files` to keep it without reading its rows");
}

static bool each_file(Commit *c, bool (*fn)(Commit *, Ingest *, const Member *, IngestFile *, Err *), Ingest *g, Err *e)
{
    for (size_t i = 0; i < c->members.n; i++) {
        const Member *m = &c->members.v[i];
        if (m->type == TREE_FILE && c->kept[i] == NULL && !fn(c, g, m, &c->files[i], e))
            return err_in(e, "%.*s", STR(member_shown(c->arena, &c->members, m->name)));
    }
    return true;
}

static bool check_file(Commit *c, Ingest *g, const Member *m, IngestFile *f, Err *e)
{
    (void)g;
    return rows_read(f, m, e) && same_after(c, m, f, e);
}

static bool read_all(Commit *c, DataCommitted *result, Err *e)
{
    c->files = arena_get(c->arena, c->members.n + 1, sizeof *c->files);
    if (c->files == NULL)
        return err_nomem(e);
    defer_ingest Ingest *g = ingest_new(c->store, c->how->pool, e);
    if (g == NULL || !each_file(c, read_member, g, e) || !ingest_flush(g, e) || !each_file(c, check_file, g, e))
        return false;
    result->chunks = ingest_count(g).chunks, result->new_chunks = ingest_count(g).new_chunks;
    return true;
}

/* ---- the tree */

static bool put_roots(Commit *c, const Buf *roots, TreeEntry *v, Err *e)
{
    Str bytes = buf_view(roots);
    if (bytes.n <= sizeof(Digest))
        return true;                                   /* one chunk: its root is the file's */
    v->roots = sha256(bytes);
    return store_has(c->store, &v->roots) || store_put(c->store, PACK_ROOTS, &v->roots, bytes, CODEC_RAW, bytes, e);
}

static bool entry_of(Commit *c, const Member *m, const IngestFile *f, const TreeEntry *kept, TreeEntry *v, Err *e)
{
    if (kept != NULL) {
        *v = *kept;
        v->name = m->name, v->mode = m->mode;
        return true;
    }
    *v = (TreeEntry){ .name = m->name, .type = m->type, .mode = m->mode, .target = m->target, .size = m->target.n };
    if (m->type != TREE_FILE)
        return true;
    v->size = f->bytes, v->sha256 = f->sha256;
    v->chunk = (const Digest *)(const void *)f->chunks.p, v->chunks = (uint32_t)(f->chunks.n / sizeof(Digest));
    v->has_rows = m->rows != ROWS_FILES;
    v->rows = f->sum.rows, v->row_root = f->sum.root;
    if (!v->has_rows)
        v->row_root = (Digest){ { 0 } };
    return put_roots(c, &f->sum.roots, v, e);
}

/* How many folders above the dataset a link of this name and target climbs; more than none leads out. */
static bool leads_out(Str name, Str target)
{
    long depth = -1;
    Str  part, rest = name;
    if (target.p[0] == '/')
        return true;
    while (str_cut(rest, '/', &part, &rest))
        depth++;
    rest = target;
    for (bool more = true; more && depth >= 0;) {
        more = str_cut(rest, '/', &part, &rest);
        depth += str_is(part, "..") ? -1 : part.n > 0 && !str_is(part, ".");
    }
    return depth < 0;
}

static bool note_links(Commit *c)
{
    for (const TreeEntry *v = c->tree.entry; v < c->tree.entry + c->tree.count; v++)
        if (v->type == TREE_LINK && leads_out(v->name, v->target) &&
            !found(c->findings, &c->h, D_LINK, member_shown(c->arena, &c->members, v->name), "the link leads to %.*s", STR(v->target)))
            return false;
    return true;
}

static bool make_tree(Commit *c, Err *e)
{
    c->tree.entry = arena_get(c->arena, c->members.n + 1, sizeof *c->tree.entry);
    if (c->tree.entry == NULL)
        return err_nomem(e);
    for (; c->tree.count < c->members.n; c->tree.count++)
        if (!entry_of(c, &c->members.v[c->tree.count], &c->files[c->tree.count], c->kept[c->tree.count],
                      &c->tree.entry[c->tree.count], e))
            return false;
    tree_put(&c->bytes, &c->tree);
    return !c->bytes.bad || err_nomem(e);
}

/* ---- the version */

static Str header_of(Commit *c, Str name, const Json *kept)
{
    const TreeEntry *v = tree_find(&c->tree, name);
    size_t           i = v != NULL ? (size_t)(v - c->tree.entry) : 0;
    defer_buf Buf    b = { 0 };
    JsonOut          w = json_out(&b);
    if (v == NULL)
        return (Str){ 0 };
    if (c->kept[i] == NULL && v->has_rows)
        return buf_view(&c->files[i].sum.header);
    if (c->kept[i] == NULL || kept == NULL)
        return str(arena_printf(c->arena, "{\"format\":\"%s\"}", rows_kind_name(c->members.kind)));
    json_put_tree(&w, kept);
    return arena_str(c->arena, buf_view(&b));
}

static bool describe(Commit *c, DataVersion *v, Err *e)
{
    TreeSum sum;
    if (!tree_sum(&c->tree, &sum))
        return err_nomem(e);
    *v = (DataVersion){ .root = sum.root, .tree = sha256(buf_view(&c->bytes)), .rows = sum.rows, .bytes = sum.bytes, .files = sum.files,
                        .has_labels = sum.has_labels, .labels_root = sum.labels_root, .labels_rows = sum.labels_rows,
                        .reason = c->how->reason, .expires_ns = c->how->expires_ns, .format = str(rows_kind_name(c->members.kind)) };
    c->header = header_of(c, S("data"), c->kept_header), c->labels_header = header_of(c, S("labels"), c->kept_labels);
    if (sum.has_labels && sum.labels_rows != sum.rows &&
        !found(c->findings, &c->h, D_LABELS, c->members.labels_shown, "%" PRIu64 " labels for %" PRIu64 " rows", sum.labels_rows, sum.rows))
        return err_nomem(e);
    return note_links(c) || err_nomem(e);
}

/* Both sides pass through one writer, so equal values are equal text. */
static bool same_header(Commit *c, const DataVersion *old, Err *e)
{
    defer_buf Buf a = { 0 }, b = { 0 };
    Json         *v = json_parse(c->arena, c->header, JSON_STRICT, e);
    const Json   *was = json_get(old->predicate, "header");
    JsonOut       wa = json_out(&a), wb = json_out(&b);
    if (v == NULL || was == NULL)
        return false;
    json_put_tree(&wa, v), json_put_tree(&wb, was);
    return !a.bad && !b.bad && str_eq(buf_view(&a), buf_view(&b));
}

static bool is_unchanged(Commit *c, const Head *head, const DataVersion *v, Err *e)
{
    const DataVersion *old = &head->version;
    return old->version > 0 && digest_eq(&old->tree, &v->tree) && old->expires_ns == v->expires_ns && same_header(c, old, e);
}

static bool finish_unchanged(Commit *c, const Head *head, DataCommitted *result, Err *e)
{
    result->unchanged = true, result->version = head->version;
    if (!head->ref_good && !ref_write(c->h.head, head->version.version, &head->version.statement, e))
        return false;
    return write_stamps(c, &head->version.tree, e);
}

static bool commit(Commit *c, Ledger *l, DataCommitted *result, Err *e)
{
    const DataCommit *how = c->how;
    Head              head;
    if (!head_trusted(c->arena, &c->h, NULL, how->clock, &head, e))
        return false;
    defer_key Key *key = publish_key(&c->h, how->key, &result->pinned_now, e);
    if (key == NULL)
        return false;
    result->pinned_now |= head.pinned_now;
    c->begun_ns = clock_ns(clock_system());
    if (!members_list(c->arena, &c->members, e) || !find_known(c, &head, e) || !read_all(c, result, e) || !make_tree(c, e) ||
        !describe(c, &result->version, e) || !store_flush(c->store, e))
        return false;
    result->stored_bytes = store_written(c->store);
    if (!object_write(c->arena, c->h.objects, "tree", "", &result->version.tree, buf_view(&c->bytes), e))
        return false;
    if (is_unchanged(c, &head, &result->version, e))
        return finish_unchanged(c, &head, result, e);
    Publish p = { c->arena, &c->h, l, key, how->actor, c->header, c->labels_header, how->clock };
    return publish(&p, &head, &result->version, e) && write_stamps(c, &result->version.tree, e);
}

static void drop(Commit *c)
{
    for (size_t i = 0; c->files != NULL && i < c->members.n; i++)
        ingest_file_free(&c->files[i]);
    members_close(&c->members);
    store_close(c->store);
    buf_free(&c->bytes);
}

bool data_commit(Arena *a, const Pipeline *p, Ledger *l, const DataCommit *how, Findings *out, DataCommitted *result, Err *e)
{
    Commit c = { .arena = a, .how = how, .findings = out };
    *result = (DataCommitted){ 0 };
    if (!history_of(a, p, how->dataset, &c.h, e) || !history_make(&c.h, e))
        return false;
    c.members = c.h.members;
    defer_fd int lock = history_lock(&c.h, e);
    if (lock < 0)
        return false;
    pack_sweep(c.h.objects);
    c.store = store_open(c.h.objects, e);
    if (c.store != NULL && how->rewrite)
        store_forget(c.store);
    bool ok = c.store != NULL && commit(&c, l, result, e);
    drop(&c);
    return ok;
}
