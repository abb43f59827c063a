/* data_trace.c - `moat data trace`: a row's way back to its sources. */
#include "cli/data_lineage.h"
#include "data/rules.h"

bool asked_open(Arena *a, Asked *q, Err *e)
{
    *q = (Asked){ .pipeline = cli_pipeline(a, e) };
    char *path = q->pipeline ? pipeline_state(q->pipeline, "ledger.db") : NULL;
    q->ledger = path ? ledger_open_read(path, e) : NULL;
    return q->ledger != NULL && lineage_load(a, q->pipeline, q->ledger, &q->g, e);
}

bool row_arg(const char *arg, Str *name, uint64_t *version, uint64_t *index)
{
    const char *colon = strrchr(arg, ':');
    uint64_t    row;
    if (colon == NULL || !str_u64(str(colon + 1), &row) || row == 0)
        return false;
    *index = row - 1;
    *name = (Str){ arg, (size_t)(colon - arg) };
    *version = 0;
    return name->n > 0 && (memchr(name->p, '@', name->n) == NULL || data_at(*name, name, version));
}

/* ---- which rows are meant */

static bool committed(Arena *a, const Asked *q, Str name, uint64_t version, TraceNode *out, Err *e)
{
    DataVersion head;
    if (!data_head(a, q->pipeline, name, &head, e))
        return false;
    if (head.version == 0)
        return err_set(e, E_USAGE, "%.*s: was never committed", STR(name)), err_hint(e, "moat data commit %.*s", STR(name));
    for (size_t i = 0; i < q->g.versions; i++) {
        const LineageVersion *v = &q->g.version[i];
        if (str_eq(v->name, name) && v->version == (version ? version : head.version)) {
            *out = (TraceNode){ .name = v->name, .kind = PLACE_DATASET, .root = v->root, .rows = v->rows, .version = v->version };
            return true;
        }
    }
    return err_set(e, E_USAGE, "%.*s: there is no version %" PRIu64, STR(name), version);
}

static bool named(Arena *a, const Asked *q, Str name, uint64_t version, TraceNode *out, Err *e)
{
    if (pipeline_dataset(q->pipeline, name) != NULL)
        return committed(a, q, name, version, out, e);
    for (size_t i = q->g.steps; i-- > 0;) {
        const Step *s = &q->g.step[i];
        if (s->kind == PLACE_FILE && str_eq(s->name, name))
            return *out = (TraceNode){ .name = s->name, .kind = s->kind, .root = s->root, .rows = s->rows }, true;
    }
    return err_set(e, E_USAGE, "'%.*s' is neither a dataset nor a file that a step has written", STR(name));
}

/* ---- saying it */

static void say_node(const TraceNode *v)
{
    defer_buf Buf b = { 0 };
    for (unsigned i = 0; i < v->depth; i++)
        buf_z(&b, "  ");
    buf_z(&b, v->depth ? "<- " : "");
    buf_clean(&b, v->uri.n ? v->uri : v->name);
    if (v->version)
        buf_printf(&b, "@%" PRIu64, v->version);
    if (v->row == ROW_UNKNOWN)
        buf_printf(&b, " any of %" PRIu64 " rows", v->rows);
    else
        buf_printf(&b, " row %" PRIu64 " of %" PRIu64, v->row + 1, v->rows);
    if (v->depth)
        buf_printf(&b, "  %s%s", evidence_name(v->edge), v->edge == EDGE_EXACT ? "" : v->edge == EDGE_OPAQUE ? " (unknown)" : " (inferred)");
    if (v->made_by)
        buf_printf(&b, "   made by %.*s, %.*s, %.*s", STR(v->made_by->verb), STR(v->made_by->time), STR(v->made_by->actor));
    else
        buf_z(&b, v->kind == PLACE_SOURCE ? "   source" : "   where it came from is not recorded");
    printf("%.*s\n", STR(buf_view(&b)));
    if (v->flaw)
        printf("     NOT PROVEN: %s\n", v->flaw);
}

static void put_node(JsonOut *w, const TraceNode *v)
{
    char hex[DIGEST_HEX];
    json_open(w, '{');
    json_member(w, "name", v->name);
    json_member(w, "kind", str(place_kind_name(v->kind)));
    json_key(w, "uri"), json_put_z(w, v->uri.n ? v->uri.p : NULL);
    json_member_u64(w, "version", v->version);
    digest_hex(&v->root, hex);
    json_member(w, "root", str(hex));
    json_key(w, "row");
    if (v->row == ROW_UNKNOWN)
        json_put_null(w);
    else
        json_put_u64(w, v->row + 1);
    json_member_u64(w, "rows", v->rows);
    json_member_u64(w, "depth", v->depth);
    json_key(w, "evidence"), json_put_z(w, v->depth ? evidence_name(v->edge) : NULL);
    json_key(w, "step"), json_put_z(w, v->made_by ? v->made_by->verb.p : NULL);
    if (v->made_by) {
        json_member(w, "time", v->made_by->time);
        json_member(w, "actor", v->made_by->actor);
        digest_hex(&v->made_by->statement, hex);
        json_member(w, "statement", str(hex));
        json_key(w, "proven"), json_put_bool(w, v->flaw == NULL);
    }
    json_close(w, '}');
}

static bool note_flaws(const Asked *q, const Trace *t, Findings *found)
{
    for (size_t i = 0; i < t->n; i++) {
        const TraceNode *v = &t->node[i];
        const Dataset   *d = v->flaw ? pipeline_dataset(q->pipeline, v->name) : NULL;
        Finding          f = finding_of(&data_rules[D_STEP], d ? d->part.id : S(""), v->name);
        f.message = str(v->flaw);
        if (v->flaw && !finding_add(found, f))
            return false;
    }
    return true;
}

static bool print_json(const Trace *t, const Findings *found)
{
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    json_begin(&w, "moat.data.trace/1", found);
    json_key(&w, "weakest"), json_put_z(&w, evidence_name(t->weakest));
    json_key(&w, "proven"), json_put_bool(&w, t->proven);
    json_key(&w, "steps"), json_open(&w, '[');
    for (size_t i = 0; i < t->n; i++)
        put_node(&w, &t->node[i]);
    json_close(&w, ']');
    return json_finish(&w);
}

int data_trace_cmd(int argc, char **argv)
{
    defer_arena Arena *a = arena_new(DATA_ARENA);
    Err                e = { 0 };
    Str                name;
    uint64_t           version, index;
    defer_asked Asked  q = { 0 };
    TraceNode          from;
    Trace              t;
    if (argc != 1 || !row_arg(argv[0], &name, &version, &index))
        return usage("moat data trace DATASET[@VERSION]:ROW, the first row is 1");
    if (!asked_open(a, &q, &e) || !named(a, &q, name, version, &from, &e))
        return die(&e);
    if (index >= from.rows)
        return usage("%.*s has %" PRIu64 " rows; there is no row %" PRIu64, STR(from.name), from.rows, index + 1);
    from.row = index;
    Findings *found = findings_new(a);
    if (!lineage_trace(&q.g, &from, &t, &e))
        return die(&e);
    if (found == NULL || !note_flaws(&q, &t, found))
        return err_nomem(&e), die(&e);
    if (common.json)
        return print_json(&t, found) ? exit_of(found, SEV_HIGH, false) : EXIT_BROKEN;
    for (size_t i = 0; i < t.n; i++)
        say_node(&t.node[i]);
    return exit_of(found, SEV_HIGH, false);
}
