/* lineage_uses.c - the way forward: what a source is in; see lineage.h. */
#include "data/lineage.h"

typedef struct Forward {
    const Lineage *g;
    Uses          *out;
    size_t         room;
    Err           *e;
} Forward;

const Reach *uses_of(const Uses *u, const Digest *root)
{
    for (size_t i = 0; i < u->n; i++)
        if (digest_eq(&u->reach[i].root, root))
            return u->reach[i].certain + u->reach[i].possible > 0 ? &u->reach[i] : NULL;
    return NULL;
}

/* The entry of a root, made when it is not there. */
static Reach *entry(Forward *f, const Digest *root, uint64_t rows)
{
    Uses *u = f->out;
    for (size_t i = 0; i < u->n; i++)
        if (digest_eq(&u->reach[i].root, root))
            return u->reach[i].rows == rows ? &u->reach[i] : NULL;
    if (u->n == f->room)
        return NULL;
    Reach *r = &u->reach[u->n];
    *r = (Reach){ .root = *root, .rows = rows, .bit = arena_get(f->g->arena, rows / 8 + 1, 1), .maybe = arena_get(f->g->arena, rows / 8 + 1, 1) };
    if (r->bit == NULL || r->maybe == NULL)
        return NULL;
    u->n++;
    return r;
}

static bool has(const uint8_t *bits, uint64_t i) { return bits[i / 8] >> i % 8 & 1; }
static void set(uint8_t *bits, uint64_t i) { bits[i / 8] |= (uint8_t)(1u << i % 8); }

/* Certain beats possible. */
static void reach_row(Reach *r, uint64_t i, bool certain)
{
    if (!has(r->bit, i)) {
        set(r->bit, i);
        if (certain)
            r->certain++;
        else
            set(r->maybe, i), r->possible++;
    } else if (certain && has(r->maybe, i)) {
        r->maybe[i / 8] &= (uint8_t)~(1u << i % 8);
        r->certain++, r->possible--;
    }
}

/* ---- where it begins */

static bool mark(Forward *f, const Digest *root, uint64_t rows, RowSpan span)
{
    Reach   *r = entry(f, root, rows);
    uint64_t to = span.to == 0 || span.to > rows ? rows : span.to;
    if (r == NULL)
        return err_set(f->e, E_FORMAT, "the ledger gives one root two numbers of rows, or memory is out");
    for (uint64_t i = span.from; i < to; i++)
        reach_row(r, i, true);
    f->out->matched++;
    return true;
}

/* "sources.lake" and "lake" are the source of that name. */
static bool is_named(Str asked, const StepInput *in)
{
    Str plain = str_starts(asked, S("sources.")) || str_starts(asked, S("datasets.")) ? str_from(asked, str_starts(asked, S("sources.")) ? 8 : 9) : asked;
    return str_eq(plain, in->name) || str_eq(asked, in->name) || (in->uri.n && str_eq(asked, in->uri));
}

static bool begin(Forward *f, Str source, RowSpan span)
{
    const Lineage *g = f->g;
    for (size_t i = 0; i < g->steps; i++)
        for (uint32_t k = 0; k < g->step[i].inputs; k++)
            if (is_named(source, &g->step[i].in[k]) && !mark(f, &g->step[i].in[k].root, g->step[i].in[k].rows, span))
                return false;
    for (size_t i = 0; i < g->versions; i++)
        if (is_named(source, &(StepInput){ .name = g->version[i].name }) && !mark(f, &g->version[i].root, g->version[i].rows, span))
            return false;
    if (f->out->matched > 0)
        return true;
    err_set(f->e, E_USAGE, "no step of the ledger has read '%.*s', and no version is called so", STR(source));
    return err_hint(f->e, "moat data import %.*s DATASET records where rows come from", STR(source));
}

/* ---- through one step */

typedef struct Sets {                                  /* what is reached of a step's inputs */
    const Reach *in[MAP_INPUTS_MAX];
    uint64_t     first[MAP_INPUTS_MAX + 1];
    bool         any;
} Sets;

static bool hit(const Sets *s, uint32_t inputs, uint32_t id, bool *certain)
{
    uint32_t k = 0;
    while (k + 1 < inputs && id >= s->first[k + 1])
        k++;
    if (s->in[k] == NULL || !has(s->in[k]->bit, id - s->first[k]))
        return false;
    *certain = !has(s->in[k]->maybe, id - s->first[k]);
    return true;
}

static void carry(const RowMap *m, const Sets *s, const uint32_t *from, const uint8_t *evidence, Reach *to)
{
    for (uint64_t i = 0; i < m->rows; i++) {
        bool certain = false;
        if (from[i] != NOWHERE && !hit(s, m->inputs, from[i], &certain))
            continue;
        if (evidence[i] > to->weakest)
            to->weakest = (Evidence)evidence[i];
        reach_row(to, i, certain);
    }
}

static Reach *opened(Forward *f, const Step *s)
{
    Reach *to = entry(f, &s->root, s->rows);
    if (to == NULL)
        err_set(f->e, E_FORMAT, "ledger record %" PRIu64 ": another number of rows under a root that is known", s->seq);
    return to;
}

/* A map that cannot be read leaves every row possible. */
static bool through(Forward *f, const Step *s, const Sets *sets)
{
    defer_arena Arena *a = arena_new((size_t)32 << 30);
    RowMap             m;
    Err                why = { 0 };
    Reach             *to = opened(f, s);
    if (a == NULL || to == NULL)
        return a != NULL ? false : err_nomem(f->e);
    f->out->proven &= step_check(a, f->g->pipeline, s, &why);
    if (!step_map(a, f->g->pipeline, s, &m, &why)) {
        f->out->proven = false, to->weakest = EDGE_OPAQUE;
        for (uint64_t i = 0; i < s->rows; i++)
            reach_row(to, i, false);
        return true;
    }
    uint32_t *from = arena_get(a, m.rows + 1, sizeof *from);
    uint8_t  *evidence = arena_get(a, m.rows + 1, 1);
    if (from == NULL || evidence == NULL)
        return err_nomem(f->e);
    rowmap_read(&m, from, evidence);
    carry(&m, sets, from, evidence, to);
    return true;
}

bool lineage_uses(const Lineage *g, Str source, RowSpan span, Uses *out, Err *e)
{
    Forward f = { .g = g, .out = out, .e = e };
    *out = (Uses){ .proven = true };
    for (size_t i = 0; i < g->steps; i++)
        f.room += 1 + g->step[i].inputs;
    f.room += g->versions;
    out->reach = arena_get(g->arena, f.room + 1, sizeof *out->reach);
    if (out->reach == NULL)
        return err_nomem(e);
    if (!begin(&f, source, span))
        return false;
    for (size_t i = 0; i < g->steps; i++) {
        const Step *s = &g->step[i];
        Sets        sets = { 0 };
        for (uint32_t k = 0; k < s->inputs; k++) {
            sets.in[k] = uses_of(out, &s->in[k].root);
            sets.first[k + 1] = sets.first[k] + s->in[k].rows;
            sets.any |= sets.in[k] != NULL;
        }
        if (sets.any && !through(&f, s, &sets))
            return false;
    }
    return true;
}
