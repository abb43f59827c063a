/* forest.c - fitting; see forest.h.  Sources: the paper, and scikit-learn 1.2's behaviour. */
#include "num/forest_parts.h"
#include "base/rng.h"
#include <math.h>

/* A span below this, in float, counts as constant: scikit-learn's FEATURE_THRESHOLD. */
static const float least_span = 1e-7f;

typedef struct Growing {                               /* one tree */
    const float *x;
    size_t       cols;
    Rng          rng;
    unsigned     depth_max;
    uint32_t    *row;                                  /* the sample; a node holds a run of it           */
    uint32_t    *feature;                              /* those that may still vary stand first          */
    ForestNode  *node;
    uint32_t     nodes;
} Growing;

float forest_round_down(double t)
{
    float f = (float)t;
    return (double)f > t ? nextafterf(f, -INFINITY) : f;
}

unsigned forest_depth(uint32_t samples)
{
    unsigned bits = 1;
    while (bits < 31 && (uint32_t)1 << bits < samples)
        bits++;
    return bits;
}

/* ---- one tree */

static void span(const Growing *g, uint32_t from, uint32_t to, uint32_t feature, float *low, float *high)
{
    const float *x = g->x + feature;
    *low = *high = x[g->row[from] * g->cols];
    for (uint32_t i = from + 1; i < to; i++) {
        float v = x[g->row[i] * g->cols];
        *low = v < *low ? v : *low;
        *high = v > *high ? v : *high;
    }
}

/* A feature that varies in the node, uniform among those that do.  One that does not is out for the whole subtree. */
static bool draw_cut(Growing *g, uint32_t from, uint32_t to, size_t *live, ForestNode *out)
{
    while (*live > 0) {
        size_t   at = rng_below(&g->rng, *live);
        uint32_t feature = g->feature[at];
        float    low, high;
        span(g, from, to, feature, &low, &high);
        if (high > low + least_span) {
            double t = (double)low + rng_unit(&g->rng) * ((double)high - (double)low);
            out->feature = feature;
            out->threshold = forest_round_down(t < (double)high ? t : (double)low);
            return true;
        }
        g->feature[at] = g->feature[--*live], g->feature[*live] = feature;
    }
    return false;
}

static uint32_t part(Growing *g, uint32_t from, uint32_t to, const ForestNode *cut)
{
    const float *x = g->x + cut->feature;
    while (from < to) {
        uint32_t row = g->row[from];
        if (x[row * g->cols] <= cut->threshold)
            from++;
        else
            g->row[from] = g->row[--to], g->row[to] = row;
    }
    return from;
}

static void grow(Growing *g, uint32_t from, uint32_t to, unsigned depth, size_t live)
{
    uint32_t    at = g->nodes++;
    ForestNode *node = &g->node[at];
    node->n = to - from;
    if (node->n < 2 || depth == g->depth_max || !draw_cut(g, from, to, &live, node)) {
        node->feature = FOREST_LEAF;
        node->length = depth + forest_average(node->n);
        return;
    }
    uint32_t mid = part(g, from, to, node);
    grow(g, from, mid, depth + 1, live);
    node->right = g->nodes;
    grow(g, mid, to, depth + 1, live);
}

/* ---- the sample: Floyd's algorithm, with the drawn rows in an open table of at least twice their number */

typedef struct Drawn {
    uint32_t *slot;                                    /* row + 1; 0: free */
    size_t    mask;
} Drawn;

static bool draw_once(Drawn *d, uint32_t row)
{
    size_t at = (row * (size_t)0x9E3779B97F4A7C15 >> 20) & d->mask;
    for (; d->slot[at] != 0; at = (at + 1) & d->mask)
        if (d->slot[at] == row + 1)
            return false;
    d->slot[at] = row + 1;
    return true;
}

static void draw_sample(Growing *g, Drawn *d, uint32_t samples, size_t rows)
{
    memset(d->slot, 0, (d->mask + 1) * sizeof *d->slot);
    for (uint32_t i = 0; i < samples; i++) {
        uint32_t last = (uint32_t)(rows - samples + i), row = (uint32_t)rng_below(&g->rng, (uint64_t)last + 1);
        g->row[i] = draw_once(d, row) ? row : (draw_once(d, last), last);
    }
}

/* ---- all trees */

typedef struct Tree {
    ForestNode *node;                                  /* NULL: no memory */
    uint32_t    nodes;
} Tree;

typedef struct Fit {
    const float *x;
    size_t       rows;
    Forest      *f;
    Tree        *tree;
} Fit;

/* Each tree its own generator: the seed and the tree's number are mixed before they fill its state. */
static Rng tree_rng(uint64_t seed, size_t tree)
{
    uint64_t a = seed, b = splitmix64(&a) ^ (tree + 1) * 0xD1B54A32D192ED03;
    return rng_of(splitmix64(&b));
}

static void fit_tree(void *arg, size_t t)
{
    Fit      *fit = arg;
    uint32_t  samples = fit->f->samples, features = fit->f->features;
    size_t    slots = (size_t)2 << forest_depth(samples), nodes = (size_t)samples * 2;
    uint32_t *scratch = malloc((samples + features + slots) * sizeof *scratch);
    Growing   g = { fit->x, features, tree_rng(fit->f->seed, t), forest_depth(samples), scratch, scratch + samples, NULL, 0 };
    Drawn     d = { scratch + samples + features, slots - 1 };
    g.node = scratch ? malloc(nodes * sizeof *g.node) : NULL;
    if (g.node != NULL) {
        for (uint32_t i = 0; i < features; i++)
            g.feature[i] = i;
        draw_sample(&g, &d, samples, fit->rows);
        grow(&g, 0, samples, 0, features);
        ForestNode *less = realloc(g.node, g.nodes * sizeof *less);
        fit->tree[t] = (Tree){ less ? less : g.node, g.nodes };
    }
    free(scratch);
}

static bool join(Arena *a, const Tree *tree, Forest *f, Err *e)
{
    uint64_t nodes = 0;
    for (uint32_t t = 0; t < f->trees; t++) {
        if (tree[t].node == NULL)
            return err_nomem(e);
        nodes += tree[t].nodes;
    }
    if (nodes > FOREST_NODES_MAX)
        return err_set(e, E_LIMIT, "a forest of %" PRIu64 " nodes; the limit is %d", nodes, FOREST_NODES_MAX);
    f->node = arena_get(a, nodes, sizeof *f->node);
    f->root = arena_get(a, f->trees + 1, sizeof *f->root);
    if (f->node == NULL || f->root == NULL)
        return err_nomem(e);
    for (uint32_t t = 0; t < f->trees; t++) {
        memcpy(f->node + f->root[t], tree[t].node, tree[t].nodes * sizeof *f->node);
        f->root[t + 1] = f->root[t] + tree[t].nodes;
    }
    return true;
}

static bool plan(const ForestAsk *ask, size_t rows, size_t cols, Forest *f, Err *e)
{
    static const ForestAsk defaults = { 0 };
    ask = ask ? ask : &defaults;
    *f = (Forest){ .trees = ask->trees ? ask->trees : FOREST_TREES, .samples = ask->samples ? ask->samples : FOREST_SAMPLES,
                   .seed = ask->seed, .rows = rows, .offset = -0.5 };
    if (rows == 0 || cols == 0)
        return err_set(e, E_FORMAT, "has no %s", rows ? "columns" : "rows");
    if (rows > UINT32_MAX - 1)
        return err_set(e, E_LIMIT, "%zu rows; a forest takes at most %u", rows, UINT32_MAX - 1);
    if (cols > FOREST_FEATURES_MAX)
        return err_set(e, E_LIMIT, "%zu columns; a forest takes at most %d", cols, FOREST_FEATURES_MAX);
    if (f->trees > FOREST_TREES_MAX)
        return err_set(e, E_LIMIT, "%" PRIu32 " trees; the limit is %d", f->trees, FOREST_TREES_MAX);
    if (f->samples > rows)
        f->samples = (uint32_t)rows;
    if (f->samples > FOREST_SAMPLES_MAX)
        return err_set(e, E_LIMIT, "%" PRIu32 " samples a tree; the limit is %d", f->samples, FOREST_SAMPLES_MAX);
    f->features = (uint32_t)cols;
    f->typical = forest_typical(f);
    return true;
}

bool forest_fit(Arena *a, Pool *pool, const ForestAsk *ask, const float *x, size_t rows, size_t cols, Forest *out, Err *e)
{
    if (!plan(ask, rows, cols, out, e))
        return false;
    Fit fit = { x, rows, out, calloc(out->trees, sizeof *fit.tree) };
    if (fit.tree == NULL)
        return err_nomem(e);
    pool_each(pool, out->trees, fit_tree, &fit);
    bool ok = join(a, fit.tree, out, e);
    for (uint32_t t = 0; t < out->trees; t++)
        free(fit.tree[t].node);
    free(fit.tree);
    return ok;
}
