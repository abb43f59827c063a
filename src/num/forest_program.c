/* forest_program.c - makes of a forest what forest_fast.c runs.
 *
 * Sixteen bits are enough.  All thresholds of a feature are sorted; the code of x is how many of them lie below x; and
 * x > threshold j exactly when its code is > j.  (x <= T[j]: those below x have smaller numbers than j, so the code is <= j.
 * x > T[j]: T[0] .. T[j] lie below, so it is > j.  NaN is coded as above all, for no `x <= t` holds.)  So nothing is
 * rounded: every row takes the ways it takes in forest_score.  Codes and numbers are stored minus 2^15, since the
 * processor compares signed.
 *
 * To count fast, the span of the thresholds is cut into even buckets.  A float's bucket never falls as the float rises,
 * so all thresholds in lower buckets lie below x, those in higher ones do not, and only its own bucket is searched.
 *
 * A tree becomes a list of steps, children before parents: each chooses for 64 rows between the answers of its sides.
 * Leaves that hold equal lengths are one number. */
#include "num/forest_parts.h"
#include <math.h>

enum {
    THRESHOLDS_MAX = 65535,                            /* of one feature                     */
    USED_MAX = 65535, SLOTS_MAX = 4096,                /* features with a cut; leaves + steps */
    BUCKETS_MAX = 1024
};

/* ---- thresholds */

static int by_size(const void *x, const void *y)
{
    float a = *(const float *)x, b = *(const float *)y;
    return (a > b) - (a < b);
}

static uint32_t distinct(float *v, uint32_t n)
{
    uint32_t kept = 0;
    qsort(v, n, sizeof *v, by_size);
    for (uint32_t i = 0; i < n; i++)
        if (kept == 0 || v[i] != v[kept - 1])
            v[kept++] = v[i];
    return kept;
}

/* Numbers the features that are cut, in their order; cuts[place] is how many. */
static bool find_used(const Forest *f, ForestProgram *p, uint32_t **place, uint32_t **cuts)
{
    uint32_t *count = arena_get(p->a, f->features, sizeof *count);
    *place = arena_get(p->a, f->features, sizeof **place);
    if (count == NULL || *place == NULL)
        return false;
    for (uint64_t i = 0; i < f->root[f->trees]; i++)
        if (f->node[i].feature != FOREST_LEAF)
            count[f->node[i].feature]++;
    for (uint32_t i = 0; i < f->features; i++)
        p->used += count[i] > 0;
    p->scale = arena_get(p->a, p->used, sizeof *p->scale);
    *cuts = arena_get(p->a, p->used, sizeof **cuts);
    if (p->scale == NULL || *cuts == NULL || p->used > USED_MAX)
        return false;
    for (uint32_t i = 0, k = 0; i < f->features; i++)
        if (count[i] > 0)
            p->scale[k].feature = i, (*cuts)[k] = count[i], (*place)[i] = k++;
    return true;
}

/* Where in the scale a threshold lies; forest_codes_avx2 does the same to x, in the same operations. */
static uint32_t bucket_of(const ForestScale *s, float v)
{
    float at = (v - s->low) * s->buckets_each;
    at = at > 0 ? at : 0;                              /* also where infinity met 0 */
    return (uint32_t)(at < s->last ? at : s->last);
}

static bool make_buckets(Arena *a, ForestScale *s)
{
    uint32_t buckets = 8, fullest = 0;
    while (buckets < BUCKETS_MAX && buckets < s->n)
        buckets *= 2;
    float width = s->threshold[s->n - 1] - s->threshold[0], each = (float)buckets / width;
    s->low = s->threshold[0], s->last = (float)(buckets - 1);
    s->buckets_each = isfinite(width) && isfinite(each) ? each : 0;
    if ((s->start = arena_get(a, buckets + 1, sizeof *s->start)) == NULL)
        return false;
    for (uint32_t i = 0; i < s->n; i++)
        s->start[bucket_of(s, s->threshold[i]) + 1]++;
    for (uint32_t i = 0; i < buckets; i++) {
        fullest = (uint32_t)s->start[i + 1] > fullest ? (uint32_t)s->start[i + 1] : fullest;
        s->start[i + 1] += s->start[i];
    }
    for (s->stride = 1; s->stride * 2 <= fullest; s->stride *= 2)
        ;
    return true;
}

/* A search may look as far as twice its first stride behind the last threshold: infinity stands there. */
static bool make_scale(Arena *a, ForestScale *s, float *cut, uint32_t cuts)
{
    s->n = distinct(cut, cuts);
    s->threshold = cut;
    if (s->n > THRESHOLDS_MAX || !make_buckets(a, s))
        return false;
    float *padded = arena_get(a, s->n + 2 * (size_t)s->stride, sizeof *padded);
    if (padded == NULL)
        return false;
    memcpy(padded, cut, s->n * sizeof *padded);
    for (uint32_t i = 0; i < 2 * s->stride; i++)
        padded[s->n + i] = INFINITY;
    s->threshold = padded;
    return true;
}

static bool make_scales(const Forest *f, ForestProgram *p, const uint32_t *place, const uint32_t *cuts)
{
    uint32_t *end = arena_get(p->a, p->used, sizeof *end), all = 0;
    float    *cut = arena_get(p->a, f->root[f->trees], sizeof *cut);
    if (end == NULL || cut == NULL)
        return false;
    for (uint32_t i = 0; i < p->used; all += cuts[i++])
        end[i] = all;
    for (uint64_t i = 0; i < f->root[f->trees]; i++)
        if (f->node[i].feature != FOREST_LEAF)
            cut[end[place[f->node[i].feature]]++] = f->node[i].threshold;
    for (uint32_t i = 0; i < p->used; i++)
        if (!make_scale(p->a, &p->scale[i], cut + end[i] - cuts[i], cuts[i]))
            return false;
    return true;
}

/* The number of a threshold that is there. */
static uint32_t rank_of(const ForestScale *s, float t)
{
    uint32_t low = 0, n = s->n;
    for (uint32_t half; n > 1; n -= half) {
        half = n / 2;
        low += s->threshold[low + half] <= t ? half : 0;
    }
    return low;
}

/* ---- steps */

/* The number of this tree's leaves with that length; SLOTS_MAX when there are too many. */
static uint32_t leaf_number(double *length, uint32_t *n, double v)
{
    for (uint32_t i = 0; i < *n; i++)
        if (length[i] == v)
            return i;
    if (*n == SLOTS_MAX)
        return SLOTS_MAX;
    length[*n] = v;
    return (*n)++;
}

typedef struct Making {                                /* scratch of one tree, by node */
    uint32_t height[2 * SLOTS_MAX + 1], slot[2 * SLOTS_MAX + 1], count[34];
    double   length[SLOTS_MAX];
} Making;

/* Heights, and how many cuts have each; leaves get their numbers. */
static bool look_at_tree(const ForestNode *tree, uint32_t nodes, Making *m, uint32_t *leaves)
{
    memset(m->count, 0, sizeof m->count);
    *leaves = 0;
    for (uint32_t i = nodes; i-- > 0;) {
        m->height[i] = 0;
        if (tree[i].feature == FOREST_LEAF) {
            if ((m->slot[i] = leaf_number(m->length, leaves, tree[i].length)) == SLOTS_MAX)
                return false;
            continue;
        }
        uint32_t l = m->height[i + 1], r = m->height[tree[i].right];
        m->height[i] = 1 + (l > r ? l : r);
        m->count[m->height[i]]++;
    }
    return true;
}

/* Cuts by height, the lowest first, take slots behind `leaves`. */
static void put_steps(const ForestProgram *p, const uint32_t *place, const ForestNode *tree, uint32_t nodes, Making *m, ForestStep *step)
{
    uint32_t next[34] = { 0 };
    for (uint32_t h = 2; h < len_of(next); h++)
        next[h] = next[h - 1] + m->count[h - 1];
    for (uint32_t i = nodes; i-- > 0;) {
        if (tree[i].feature == FOREST_LEAF)
            continue;
        uint32_t scale = place[tree[i].feature], at = next[m->height[i]]++;
        int32_t  rank = (int32_t)rank_of(&p->scale[scale], tree[i].threshold) - FOREST_BIAS;
        m->slot[i] = p->leaves + at;
        step[at] = (ForestStep){ (int16_t)rank, (uint16_t)scale, (uint16_t)m->slot[i + 1], (uint16_t)m->slot[tree[i].right] };
    }
}

static bool make_steps(const Forest *f, ForestProgram *p, const uint32_t *place)
{
    Making *m = arena_get(p->a, 1, sizeof *m);
    p->step_from = arena_get(p->a, (size_t)f->trees + 1, sizeof *p->step_from);
    p->step = arena_get(p->a, f->root[f->trees], sizeof *p->step);
    if (m == NULL || p->step == NULL || p->step_from == NULL)
        return false;
    for (uint32_t t = 0, leaves; t < f->trees; t++) {
        uint64_t nodes = f->root[t + 1] - f->root[t];
        if (nodes > len_of(m->slot) || !look_at_tree(f->node + f->root[t], (uint32_t)nodes, m, &leaves))
            return false;
        p->leaves = leaves > p->leaves ? leaves : p->leaves;
        p->steps = nodes / 2 > p->steps ? (uint32_t)nodes / 2 : p->steps;
    }
    p->length = arena_get(p->a, (size_t)f->trees * p->leaves, sizeof *p->length);
    if (p->length == NULL || p->leaves + p->steps > SLOTS_MAX)
        return false;
    for (uint32_t t = 0, leaves; t < f->trees; t++) {
        const ForestNode *tree = f->node + f->root[t];
        uint32_t          nodes = (uint32_t)(f->root[t + 1] - f->root[t]);
        look_at_tree(tree, nodes, m, &leaves);
        put_steps(p, place, tree, nodes, m, p->step + p->step_from[t]);
        memcpy(p->length + (size_t)t * p->leaves, m->length, leaves * sizeof *m->length);
        p->step_from[t + 1] = p->step_from[t] + nodes / 2;
    }
    return true;
}

bool forest_program(const Forest *f, ForestProgram *p)
{
    uint32_t *place, *cuts;
    return find_used(f, p, &place, &cuts) && make_scales(f, p, place, cuts) && make_steps(f, p, place);
}
