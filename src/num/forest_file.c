/* forest_file.c - the file of a forest.  Preorder alone says the shape of a tree, so a reader cannot be led in circles;
 * what a fit would never have written is refused, so a forest that was read can be scored with like any other. */
#include "num/forest_parts.h"
#include <math.h>
#include <zlib.h>

#define MAGIC S("moatfrst")
enum { VERSION = 1, HAS_NAMES = 1, HAS_FILL = 2, NODE_BYTES = 8, CRC_BYTES = 4 };

/* ---- writing */

static void put_f32(Buf *b, float v)
{
    uint32_t u;
    memcpy(&u, &v, sizeof u);
    buf_u32(b, u);
}

static void put_f64(Buf *b, double v)
{
    uint64_t u;
    memcpy(&u, &v, sizeof u);
    buf_u64(b, u);
}

static uint32_t crc_of(Str s) { return (uint32_t)crc32_z(0, (const Bytef *)s.p, s.n); }

static void put_columns(const Forest *f, Buf *out)
{
    for (uint32_t i = 0; f->name != NULL && i < f->features; i++)
        buf_u32(out, (uint32_t)f->name[i].n), buf_str(out, f->name[i]);
    for (uint32_t i = 0; f->fill != NULL && i < f->features; i++)
        put_f32(out, f->fill[i]);
}

static void put_tree(const ForestNode *node, uint32_t nodes, Buf *out)
{
    buf_u32(out, nodes);
    for (uint32_t i = 0; i < nodes; i++) {
        buf_u32(out, node[i].feature);
        if (node[i].feature == FOREST_LEAF)
            buf_u32(out, node[i].n);
        else
            put_f32(out, node[i].threshold);
    }
}

void forest_write(const Forest *f, Buf *out)
{
    size_t start = out->n;
    buf_str(out, MAGIC);
    buf_u32(out, VERSION);
    buf_u32(out, f->features), buf_u32(out, f->trees), buf_u32(out, f->samples);
    buf_u64(out, f->seed), buf_u64(out, f->rows);
    put_f64(out, f->contamination), put_f64(out, f->offset);
    buf_u32(out, (f->name ? HAS_NAMES : 0) | (f->fill ? HAS_FILL : 0));
    put_columns(f, out);
    for (uint32_t t = 0; t < f->trees; t++)
        put_tree(f->node + f->root[t], (uint32_t)(f->root[t + 1] - f->root[t]), out);
    buf_u32(out, crc_of(str_from(buf_view(out), start)));
}

/* ---- reading */

static float get_f32(Cur *c)
{
    uint32_t u = cur_u32(c);
    float    v;
    memcpy(&v, &u, sizeof v);
    return v;
}

static double get_f64(Cur *c)
{
    uint64_t u = cur_u64(c);
    double   v;
    memcpy(&v, &u, sizeof v);
    return v;
}

static bool read_head(Cur *c, Forest *f, uint32_t *flags, Err *e)
{
    Str      magic = cur_bytes(c, MAGIC.n);
    uint32_t version = cur_u32(c);
    f->features = cur_u32(c), f->trees = cur_u32(c), f->samples = cur_u32(c);
    f->seed = cur_u64(c), f->rows = cur_u64(c);
    f->contamination = get_f64(c), f->offset = get_f64(c);
    *flags = cur_u32(c);
    if (c->bad)
        return err_at(e, c->at, "the header is cut short");
    if (version != VERSION)
        return err_at(e, magic.n, "forest version %" PRIu32 "; this moat reads version %d", version, VERSION);
    if (f->features == 0 || f->features > FOREST_FEATURES_MAX || f->trees == 0 || f->trees > FOREST_TREES_MAX)
        return err_at(e, 12, "%" PRIu32 " trees over %" PRIu32 " features", f->trees, f->features);
    if (f->samples == 0 || f->samples > FOREST_SAMPLES_MAX || f->rows < f->samples)
        return err_at(e, 20, "%" PRIu32 " samples of %" PRIu64 " rows", f->samples, f->rows);
    if (!(f->contamination >= 0 && f->contamination <= 0.5) || !(f->offset >= -1 && f->offset <= 0))
        return err_at(e, 40, "contamination %g with offset %g", f->contamination, f->offset);
    f->typical = forest_typical(f);
    return *flags <= (HAS_NAMES | HAS_FILL) || err_at(e, 56, "unknown flags %" PRIu32, *flags);
}

static bool read_names(Arena *a, Cur *c, Forest *f, Err *e)
{
    if (cur_left(c) / 4 < f->features)
        return err_at(e, c->at, "the names are cut short");
    if ((f->name = arena_get(a, f->features, sizeof *f->name)) == NULL)
        return err_nomem(e);
    for (uint32_t i = 0; i < f->features; i++) {
        uint32_t n = cur_u32(c);
        Str      name = n <= FOREST_NAME_MAX ? cur_bytes(c, n) : (Str){ 0 };
        if (c->bad || n > FOREST_NAME_MAX)
            return err_at(e, c->at, "feature %" PRIu32 ": a name of %" PRIu32 " bytes", i, n);
        if ((f->name[i] = arena_str(a, name)).p == NULL)
            return err_nomem(e);
    }
    return true;
}

static bool read_fill(Arena *a, Cur *c, Forest *f, Err *e)
{
    if (cur_left(c) / 4 < f->features)
        return err_at(e, c->at, "the fill values are cut short");
    if ((f->fill = arena_get(a, f->features, sizeof *f->fill)) == NULL)
        return err_nomem(e);
    for (uint32_t i = 0; i < f->features; i++)
        if (!isfinite(f->fill[i] = get_f32(c)))
            return err_at(e, c->at - 4, "the fill value of feature %" PRIu32 " is not finite", i);
    return true;
}

/* One tree being read: open[d] is the cut at depth d whose right side is still to come. */
typedef struct Shape {
    Forest     *f;
    ForestNode *node;
    uint32_t    nodes, open[32];
    unsigned    depth, opens, depth_of[32];
} Shape;

static bool read_cut(Cur *c, Shape *s, uint32_t i, Err *e)
{
    ForestNode *node = &s->node[i];
    node->threshold = get_f32(c);
    if (node->feature >= s->f->features || !isfinite(node->threshold))
        return err_at(e, c->at - NODE_BYTES, "a cut of feature %" PRIu32 " at %g", node->feature, (double)node->threshold);
    if (s->depth == forest_depth(s->f->samples))
        return err_at(e, c->at - NODE_BYTES, "a tree deeper than %u", s->depth);
    s->open[s->opens] = i, s->depth_of[s->opens++] = s->depth++;
    return true;
}

/* After a leaf the innermost open cut gets its right side. */
static bool read_leaf(Cur *c, Shape *s, uint32_t i, Err *e)
{
    ForestNode *node = &s->node[i];
    node->n = cur_u32(c);
    if (node->n == 0 || node->n > s->f->samples)
        return err_at(e, c->at - 4, "a leaf of %" PRIu32 " samples", node->n);
    node->length = s->depth + forest_average(node->n);
    if (s->opens == 0)
        return i + 1 == s->nodes || err_at(e, c->at, "a tree goes on after its last leaf");
    s->node[s->open[--s->opens]].right = i + 1;
    s->depth = s->depth_of[s->opens] + 1;
    return i + 1 < s->nodes || err_at(e, c->at, "a tree ends before its last leaf");
}

/* Samples of a cut are those of its sides; children stand behind their parents. */
static bool add_up(Shape *s, uint64_t at, Err *e)
{
    for (uint32_t i = s->nodes; i-- > 0;) {
        ForestNode *node = &s->node[i];
        if (node->feature == FOREST_LEAF)
            continue;
        uint64_t n = (uint64_t)node[1].n + s->node[node->right].n;
        if (n > s->f->samples)
            return err_at(e, at, "a tree of more than %" PRIu32 " samples", s->f->samples);
        node->n = (uint32_t)n;
    }
    return s->node[0].n == s->f->samples || err_at(e, at, "a tree of %" PRIu32 " samples instead of %" PRIu32, s->node[0].n, s->f->samples);
}

static bool read_tree(Cur *c, Forest *f, uint32_t t, Err *e)
{
    uint64_t at = c->at;
    Shape    s = { .f = f, .node = f->node + f->root[t], .nodes = cur_u32(c) };
    if (c->bad || s.nodes == 0 || cur_left(c) / NODE_BYTES < s.nodes)
        return err_at(e, at, "tree %" PRIu32 " is cut short", t);
    f->root[t + 1] = f->root[t] + s.nodes;
    for (uint32_t i = 0; i < s.nodes; i++) {
        s.node[i].feature = cur_u32(c);
        if (s.node[i].feature == FOREST_LEAF ? !read_leaf(c, &s, i, e) : !read_cut(c, &s, i, e))
            return false;
    }
    return s.opens == 0 ? add_up(&s, at, e) : err_at(e, c->at, "tree %" PRIu32 " ends before its last leaf", t);
}

static bool read_trees(Arena *a, Cur *c, Forest *f, Err *e)
{
    size_t most = cur_left(c) / NODE_BYTES;            /* the rest of the file bounds the nodes */
    if (most < f->trees || most > FOREST_NODES_MAX)
        return err_at(e, c->at, "%zu bytes cannot be %" PRIu32 " trees", cur_left(c), f->trees);
    f->node = arena_get(a, most, sizeof *f->node);
    f->root = arena_get(a, f->trees + 1, sizeof *f->root);
    if (f->node == NULL || f->root == NULL)
        return err_nomem(e);
    for (uint32_t t = 0; t < f->trees; t++)
        if (!read_tree(c, f, t, e))
            return false;
    return cur_left(c) == 0 || err_at(e, c->at, "%zu bytes behind the last tree", cur_left(c));
}

bool forest_read(Arena *a, Str file, Forest *out, Err *e)
{
    uint32_t flags;
    *out = (Forest){ 0 };
    if (!str_starts(file, MAGIC))
        return err_at(e, 0, "is not a forest of moat data scan --save");
    if (file.n < MAGIC.n + CRC_BYTES)
        return err_at(e, file.n, "the header is cut short");
    Str body = { file.p, file.n - CRC_BYTES };
    Cur c = cur_of(body), end = cur_of(str_from(file, body.n));
    if (!read_head(&c, out, &flags, e))
        return false;
    if (cur_u32(&end) != crc_of(body))
        return err_at(e, body.n, "the checksum does not match: the file is damaged or cut short");
    if (flags & HAS_NAMES && !read_names(a, &c, out, e))
        return false;
    return (!(flags & HAS_FILL) || read_fill(a, &c, out, e)) && read_trees(a, &c, out, e);
}
