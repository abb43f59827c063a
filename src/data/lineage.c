/* lineage.c - the graph and the way back; see lineage.h. */
#include "data/lineage.h"

typedef struct Load {
    Lineage *g;
    Buf      steps, versions, trainings, uses;
    Err     *e;
} Load;

static Str keep(Load *l, Str s) { return s.n ? arena_str(l->g->arena, s) : s; }

static bool add_step(Load *l, const Record *r)
{
    Step s;
    if (!step_parse(r, &s, l->e))
        return false;
    s.verb = keep(l, s.verb), s.name = keep(l, s.name), s.time = keep(l, s.time), s.actor = keep(l, s.actor);
    for (uint32_t i = 0; i < s.inputs; i++)
        s.in[i].name = keep(l, s.in[i].name), s.in[i].uri = keep(l, s.in[i].uri);
    buf_put(&l->steps, &s, sizeof s);
    return true;
}

static Str text(Load *l, const Record *r, const char *key) { return keep(l, json_text(json_get(r->body, key), S(""))); }

static bool add_version(Load *l, const Record *r)
{
    LineageVersion v = { .name = text(l, r, "name"), .time = keep(l, r->time), .seq = r->seq, .newest = true };
    if (!json_u64(json_get(r->body, "version"), &v.version) || !json_u64(json_get(r->body, "rows"), &v.rows) ||
        !digest_parse(json_text(json_get(r->body, "root"), S("")), &v.root))
        return err_set(l->e, E_FORMAT, "ledger record %" PRIu64 ": not a commit of a dataset", r->seq);
    buf_put(&l->versions, &v, sizeof v);
    return true;
}

/* Trainings on files that were never committed have no root, and nothing can be said of them. */
static bool add_training(Load *l, const Record *r)
{
    LineageTraining t = { .name = text(l, r, "name"), .data = text(l, r, "data"), .model = text(l, r, "model"), .time = keep(l, r->time), .seq = r->seq };
    if (!digest_parse(json_text(json_get(r->body, "data_root"), S("")), &t.root))
        return true;
    json_u64(json_get(r->body, "data_version"), &t.version);
    t.has_digest = digest_parse(r->subject, &t.digest);
    buf_put(&l->trainings, &t, sizeof t);
    return true;
}

static bool add_use(Load *l, const Record *r)
{
    LineageUse u = { .kind = keep(l, r->kind), .name = text(l, r, "name"), .path = text(l, r, "path"), .seq = r->seq };
    if (digest_parse(r->subject, &u.digest))
        buf_put(&l->uses, &u, sizeof u);
    return true;
}

static bool add(void *ctx, const Record *r)
{
    static const struct {
        RecordKind kind;
        bool (*fn)(Load *l, const Record *r);
    } readers[] = { { RECORD_DATA_STEP, add_step }, { RECORD_DATA_COMMIT, add_version }, { RECORD_TRAINING, add_training },
                    { RECORD_MODEL_SIGN, add_use }, { RECORD_MODEL_DEPLOY, add_use } };
    for (size_t i = 0; i < len_of(readers); i++)
        if (str_is(r->kind, record_table[readers[i].kind].name))
            return readers[i].fn(ctx, r);
    return true;
}

static void *settle(Arena *a, const Buf *b, size_t size, size_t *n)
{
    *n = b->n / size;
    void *p = arena_get(a, *n + 1, size);
    if (p != NULL && b->n > 0)
        memcpy(p, b->p, b->n);
    return p;
}

static void mark_newest(Lineage *g)
{
    for (size_t i = 0; i < g->versions; i++)
        for (size_t k = i + 1; k < g->versions && g->version[i].newest; k++)
            g->version[i].newest = !str_eq(g->version[i].name, g->version[k].name);
}

bool lineage_load(Arena *a, const Pipeline *p, Ledger *ledger, Lineage *out, Err *e)
{
    Load l = { .g = out, .e = e };
    Err  before = *e;
    *out = (Lineage){ .arena = a, .pipeline = p };
    bool ok = ledger_each(ledger, 0, add, &l, e) && e->code == before.code;
    out->step = settle(a, &l.steps, sizeof *out->step, &out->steps);
    out->version = settle(a, &l.versions, sizeof *out->version, &out->versions);
    out->training = settle(a, &l.trainings, sizeof *out->training, &out->trainings);
    out->use = settle(a, &l.uses, sizeof *out->use, &out->uses);
    if (ok && (l.steps.bad || l.versions.bad || l.trainings.bad || l.uses.bad || !out->step || !out->version || !out->training || !out->use))
        ok = err_nomem(e);
    buf_free(&l.steps), buf_free(&l.versions), buf_free(&l.trainings), buf_free(&l.uses);
    if (ok)
        mark_newest(out);
    return ok;
}

/* ---- backwards */

typedef struct Back {
    const Lineage *g;
    Buf            nodes;                              /* TraceNode each */
    uint8_t       *whole;                              /* by step: its inputs are in the answer as a whole */
    Trace         *out;
    Err           *e;
} Back;

static bool reads(const Step *s, const TraceNode *v)
{
    for (uint32_t i = 0; i < s->inputs; i++)
        if (s->in[i].kind == v->kind && str_eq(s->in[i].name, v->name) && digest_eq(&s->in[i].root, &v->root))
            return true;
    return false;
}

/* A step's output is the version that was committed next, or the one that stood there when nothing had changed. */
static bool made_version(const Lineage *g, const Step *s, uint64_t version)
{
    const LineageVersion *next = NULL, *last = NULL;
    for (size_t i = 0; i < g->versions && next == NULL; i++)
        if (str_eq(g->version[i].name, s->name))
            *(g->version[i].seq > s->seq ? &next : &last) = &g->version[i];
    return (next && next->version == version) || (last && last->version == version);
}

/* The newest step that wrote this place: of equal rows elsewhere it says nothing.  A place that a step read was there before. */
static const Step *maker(const Lineage *g, const TraceNode *v, uint64_t before)
{
    for (size_t i = g->steps; i-- > 0;) {
        const Step *s = &g->step[i];
        if (s->seq < before && s->kind == v->kind && str_eq(s->name, v->name) && digest_eq(&s->root, &v->root) && !reads(s, v) &&
            (v->version == 0 || made_version(g, s, v->version)))
            return s;
    }
    return NULL;
}

static const char *doubt(Back *b, const Step *s)
{
    Err why = { 0 };
    if (step_check(b->g->arena, b->g->pipeline, s, &why))
        return NULL;
    return arena_printf(b->g->arena, "%s", why.message);
}

static bool go(Back *b, TraceNode node, uint64_t before);

static bool go_input(Back *b, const TraceNode *child, uint32_t k, uint64_t row, Evidence edge)
{
    const Step      *s = child->made_by;
    const StepInput *in = &s->in[k];
    TraceNode        node = { .name = in->name, .uri = in->uri, .kind = in->kind, .root = in->root, .row = row, .rows = in->rows,
                              .version = in->version, .edge = edge, .depth = child->depth + 1 };
    return go(b, node, s->seq);
}

/* Any row of any input. */
static bool go_all(Back *b, const TraceNode *child)
{
    size_t at = (size_t)(child->made_by - b->g->step);
    if (b->whole[at])
        return true;
    b->whole[at] = 1;
    for (uint32_t k = 0; k < child->made_by->inputs; k++)
        if (!go_input(b, child, k, ROW_UNKNOWN, EDGE_OPAQUE))
            return false;
    return true;
}

static bool go_back(Back *b, TraceNode *child)
{
    defer_arena Arena *a = arena_new((size_t)32 << 30);
    RowMap             m;
    Evidence           edge;
    Err                why = { 0 };
    if (a == NULL)
        return err_nomem(b->e);
    if (child->row == ROW_UNKNOWN)
        return go_all(b, child);
    if (!step_map(a, b->g->pipeline, child->made_by, &m, &why)) {
        TraceNode *last = &((TraceNode *)(void *)b->nodes.p)[b->nodes.n / sizeof *last - 1];
        last->flaw = arena_printf(b->g->arena, "%s", why.message);
        b->out->proven = false;
        return go_all(b, child);
    }
    if (child->row >= m.rows)
        return err_set(b->e, E_USAGE, "'%.*s' has %" PRIu64 " rows; there is no row %" PRIu64, STR(child->name), m.rows, child->row + 1);
    uint32_t row = rowmap_at(&m, child->row, &edge);
    if (row == NOWHERE)
        return go_all(b, child);
    uint32_t k = rowmap_input(&m, &row);
    return go_input(b, child, k, row, edge);
}

static bool go(Back *b, TraceNode node, uint64_t before)
{
    if (b->nodes.n / sizeof node >= TRACE_MAX || node.depth >= 1000)
        return err_set(b->e, E_LIMIT, "a lineage of more than %d steps", TRACE_MAX);
    node.made_by = node.kind == PLACE_SOURCE ? NULL : maker(b->g, &node, before);
    node.flaw = node.made_by ? doubt(b, node.made_by) : NULL;
    b->out->proven &= node.flaw == NULL;
    if (node.edge > b->out->weakest)
        b->out->weakest = node.edge;
    buf_put(&b->nodes, &node, sizeof node);
    if (b->nodes.bad)
        return err_nomem(b->e);
    return node.made_by == NULL || go_back(b, &node);
}

bool lineage_trace(const Lineage *g, const TraceNode *from, Trace *out, Err *e)
{
    Back b = { .g = g, .out = out, .e = e, .whole = arena_get(g->arena, g->steps + 1, 1) };
    *out = (Trace){ .proven = true };
    bool ok = (b.whole != NULL || err_nomem(e)) && go(&b, *from, UINT64_MAX);
    out->node = settle(g->arena, &b.nodes, sizeof *out->node, &out->n);
    buf_free(&b.nodes);
    return ok && (out->node != NULL || err_nomem(e));
}
