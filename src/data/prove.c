/* prove.c - see prove.h. */
#include "data/prove.h"
#include "base/file.h"
#include "data/head.h"
#include "data/rows.h"
#include "data/stored.h"

typedef struct Chunk {                                 /* the rows around the one that is proved */
    uint64_t from, index;
    Digest   leaf[ROWS_CHUNK];
    uint32_t n;
    Buf      row;
    Rows    *reader;
    RowSum   sum;
} Chunk;

static void keep(void *ctx, uint64_t row, const Digest *leaf, const Str *parts, size_t n)
{
    Chunk *c = ctx;
    if (row >= c->from && row - c->from < ROWS_CHUNK)
        c->leaf[c->n++] = *leaf;
    for (size_t i = 0; row == c->index && i < n; i++)
        buf_str(&c->row, parts[i]);
}

static bool feed(void *ctx, Str piece, bool last, Err *e)
{
    Chunk *c = ctx;
    return rows_feed(c->reader, piece, last, e) && (!last || rows_sum(c->reader, &c->sum, e));
}

/* Ranges inside the chunk come from its leaves, all others are whole chunks. */
static void make_path(const Chunk *c, RowProof *out)
{
    MerkleRange   range[MERKLE_PROOF_MAX];
    const Digest *roots = (const Digest *)(const void *)c->sum.roots.p;
    out->len = merkle_path(c->sum.rows, c->index, range);
    for (size_t i = 0; i < out->len; i++) {
        uint64_t from = range[i].from, to = range[i].to, first = from / ROWS_CHUNK, end = (to + ROWS_CHUNK - 1) / ROWS_CHUNK;
        if (from >= c->from && to <= c->from + ROWS_CHUNK)
            out->path[i] = merkle_root(c->leaf + (from - c->from), (size_t)(to - from));
        else
            out->path[i] = merkle_root(roots + first, (size_t)(end - first));
    }
}

static bool prove(Arena *a, const History *h, const TreeEntry *v, RowKind kind, uint64_t index, Chunk *c, RowProof *out, Err *e)
{
    defer_store Store *store = store_open(h->objects, e);
    *c = (Chunk){ .from = index / ROWS_CHUNK * ROWS_CHUNK, .index = index };
    c->reader = store != NULL ? rows_new(kind, v->size, (RowTap){ .ctx = c, .row = keep }) : NULL;
    if (c->reader == NULL)
        return store != NULL ? err_nomem(e) : false;
    if (!stored_each(store, v, feed, c, e))
        return false;
    make_path(c, out);
    out->index = index, out->row = arena_str(a, buf_view(&c->row)), out->leaf = c->leaf[index - c->from];
    if (c->row.bad || out->row.p == NULL)
        return err_nomem(e);
    return merkle_inclusion_ok(&out->leaf, index, c->sum.rows, out->path, out->len, &out->version.root) ||
           err_set(e, E_FORMAT, "version %" PRIu64 ": its rows do not have the root that was signed", out->version.version);
}

bool data_prove(Arena *a, const Pipeline *p, Str dataset, uint64_t version, uint64_t index, const char *signer, RowProof *out, Err *e)
{
    History h;
    Head    head;
    Tree    tree;
    *out = (RowProof){ 0 };
    if (!history_of(a, p, dataset, &h, e) || !head_trusted(a, &h, signer, clock_system(), &head, e) ||
        !head_back(a, &h, &head, version ? version : head.version.version, &out->version, e) || !tree_load(a, h.objects, &out->version.tree, &tree, e))
        return false;
    const TreeEntry *v = tree_find(&tree, S("data"));
    if (v == NULL || v->type != TREE_FILE || !v->has_rows)
        return err_set(e, E_USAGE, "%.*s: is not one file of rows", STR(dataset));
    if (index >= v->rows)
        return err_set(e, E_USAGE, "%.*s: version %" PRIu64 " has %" PRIu64 " rows", STR(dataset), out->version.version, v->rows);
    char *path = object_path(a, h.objects, "statement", ".json", &out->version.statement);
    if (path == NULL || !file_read(a, path, ENVELOPE_BYTES_MAX, &out->envelope, e))
        return path != NULL ? false : err_nomem(e);
    Chunk *c = calloc(1, sizeof *c);
    bool   ok = c != NULL ? prove(a, &h, v, rows_kind(out->version.format, S("")), index, c, out, e) : err_nomem(e);
    if (c != NULL)
        rows_free(c->reader), row_sum_free(&c->sum), buf_free(&c->row);
    free(c);
    return ok;
}
