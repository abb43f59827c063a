/* data_uses.c - `moat data who-uses` and `revoke`: what a source is in, and what to do when it must go. */
#include "cli/data_lineage.h"

static const char *rows_opt;
static bool        plan_opt;

#define ROWS_OPT { "rows", 0, OPT_TEXT, &rows_opt, "A-B", "only these rows of the source, counted from 1" }
const Opt data_who_uses_opts[DATA_WHO_USES_OPTS] = { ROWS_OPT };
const Opt data_revoke_opts[DATA_REVOKE_OPTS] = { ROWS_OPT, { "plan", 0, OPT_FLAG, &plan_opt, NULL, "print what to do, change nothing" } };

static bool parse_rows(RowSpan *out)
{
    Str      from, to;
    uint64_t a, b;
    *out = (RowSpan){ 0 };
    if (rows_opt == NULL)
        return true;
    bool span = str_cut(str(rows_opt), '-', &from, &to);
    if (!str_u64(from, &a) || a == 0 || (span && !str_u64(to, &b)))
        return false;
    *out = (RowSpan){ a - 1, span ? b : a };
    return out->to > out->from;
}

/* A file counts as current while the newest step that wrote it made this root. */
static bool is_current_file(const Lineage *g, size_t at)
{
    for (size_t i = at + 1; i < g->steps; i++)
        if (g->step[i].kind == PLACE_FILE && str_eq(g->step[i].name, g->step[at].name))
            return false;
    return g->step[at].kind == PLACE_FILE;
}

static const Step *last_step(const Lineage *g, const Digest *root)
{
    for (size_t i = g->steps; i-- > 0;)
        if (digest_eq(&g->step[i].root, root))
            return &g->step[i];
    return NULL;
}

/* The endpoints of a model, and whether these very bytes were signed or deployed. */
static bool was(const Lineage *g, const LineageTraining *t, RecordKind kind)
{
    for (size_t i = 0; t->has_digest && i < g->uses; i++)
        if (str_is(g->use[i].kind, record_table[kind].name) && digest_eq(&g->use[i].digest, &t->digest))
            return true;
    return false;
}

/* ---- who-uses as text */

static void say_rows(const Reach *r)
{
    printf("%" PRIu64 " of %" PRIu64 " rows", r->certain + r->possible, r->rows);
    if (r->possible)
        printf(", %" PRIu64 " of them possibly", r->possible);
    printf("  (%s)\n", evidence_name(r->weakest));
}

static void say_uses(const Lineage *g, const Uses *u)
{
    const Reach *r;
    for (size_t i = 0; i < g->versions; i++)
        if ((r = uses_of(u, &g->version[i].root)) != NULL) {
            printf("dataset  %.*s@%" PRIu64 "%s  ", STR(g->version[i].name), g->version[i].version, g->version[i].newest ? " (newest)" : "");
            say_rows(r);
        }
    for (size_t i = 0; i < g->steps; i++)
        if (is_current_file(g, i) && (r = uses_of(u, &g->step[i].root)) != NULL) {
            printf("file     %.*s  ", STR(g->step[i].name));
            say_rows(r);
        }
    for (size_t i = 0; i < g->trainings; i++) {
        const LineageTraining *t = &g->training[i];
        if ((r = uses_of(u, &t->root)) == NULL)
            continue;
        printf("model    %.*s, trained %.*s on %.*s%s%s: ", STR(t->model), STR(t->time), STR(t->data), was(g, t, RECORD_MODEL_SIGN) ? ", signed" : "",
               was(g, t, RECORD_MODEL_DEPLOY) ? ", deployed" : "");
        say_rows(r);
    }
}

/* ---- as JSON */

static void put_reach(JsonOut *w, const Reach *r)
{
    char hex[DIGEST_HEX];
    digest_hex(&r->root, hex);
    json_member(w, "root", str(hex));
    json_member_u64(w, "rows", r->rows);
    json_member_u64(w, "certain", r->certain);
    json_member_u64(w, "possible", r->possible);
    json_member(w, "weakest", str(evidence_name(r->weakest)));
}

static void put_datasets(JsonOut *w, const Lineage *g, const Uses *u)
{
    const Reach *r;
    json_key(w, "datasets"), json_open(w, '[');
    for (size_t i = 0; i < g->versions; i++) {
        if ((r = uses_of(u, &g->version[i].root)) == NULL)
            continue;
        json_open(w, '{');
        json_member(w, "name", g->version[i].name);
        json_member_u64(w, "version", g->version[i].version);
        json_key(w, "newest"), json_put_bool(w, g->version[i].newest);
        put_reach(w, r);
        json_close(w, '}');
    }
    json_close(w, ']');
}

static void put_files(JsonOut *w, const Lineage *g, const Uses *u)
{
    const Reach *r;
    json_key(w, "files"), json_open(w, '[');
    for (size_t i = 0; i < g->steps; i++) {
        if (!is_current_file(g, i) || (r = uses_of(u, &g->step[i].root)) == NULL)
            continue;
        json_open(w, '{');
        json_member(w, "name", g->step[i].name);
        put_reach(w, r);
        json_close(w, '}');
    }
    json_close(w, ']');
}

static void put_models(JsonOut *w, const Lineage *g, const Uses *u)
{
    const Reach *r;
    char         hex[DIGEST_HEX];
    json_key(w, "models"), json_open(w, '[');
    for (size_t i = 0; i < g->trainings; i++) {
        const LineageTraining *t = &g->training[i];
        if ((r = uses_of(u, &t->root)) == NULL)
            continue;
        digest_hex(&t->digest, hex);
        json_open(w, '{');
        json_member(w, "model", t->model);
        json_key(w, "digest"), json_put_z(w, t->has_digest ? hex : NULL);
        json_member(w, "training", t->name);
        json_member(w, "data", t->data);
        json_member_u64(w, "data_version", t->version);
        json_key(w, "signed"), json_put_bool(w, was(g, t, RECORD_MODEL_SIGN));
        json_key(w, "deployed"), json_put_bool(w, was(g, t, RECORD_MODEL_DEPLOY));
        put_reach(w, r);
        json_close(w, '}');
    }
    json_close(w, ']');
}

/* ---- the plan: in the order of the steps, so that each is done on data that is clean already */

typedef struct Plan {
    Arena *arena;
    Buf    actions;                                    /* Action each */
} Plan;
typedef struct Action {
    const char *what;                                  /* "rebuild", "retrain", "sign", "reload" */
    Str         target;
    char       *how;
} Action;

static void add(Plan *p, const char *what, Str target, char *how)
{
    const Action *v = (const Action *)(const void *)p->actions.p;
    for (size_t i = 0; i < p->actions.n / sizeof *v; i++)
        if (strcmp(v[i].what, what) == 0 && str_eq(v[i].target, target))
            return;
    Action x = { what, target, how };
    p->actions.bad |= how == NULL;
    buf_put(&p->actions, &x, sizeof x);
}

static char *rebuilding(Plan *p, const Lineage *g, const LineageVersion *v, const Reach *r)
{
    const Step *s = last_step(g, &v->root);
    const char *all = r->certain + r->possible == r->rows ? "all " : "";
    if (s == NULL)
        return arena_printf(p->arena, "take %s%" PRIu64 " rows out, then moat data commit %.*s", all, r->certain + r->possible, STR(v->name));
    if (str_is(s->verb, "import"))
        return arena_printf(p->arena, "take %s%" PRIu64 " rows out at %.*s, or import from elsewhere: moat data import SOURCE %.*s", all,
                            r->certain + r->possible, STR(s->in[0].uri.n ? s->in[0].uri : s->in[0].name), STR(v->name));
    return arena_printf(p->arena, "run moat data %.*s again: %s%" PRIu64 " of its rows are affected", STR(s->verb), all, r->certain + r->possible);
}

static void plan_model(Plan *p, const Pipeline *pipe, const Lineage *g, const LineageTraining *t)
{
    const Model *m = pipeline_model(pipe, t->model);
    add(p, "retrain", t->model, t->name.n ? arena_printf(p->arena, "moat privacy train %.*s", STR(t->name))
                                          : arena_printf(p->arena, "moat privacy train --data %.*s", STR(t->data)));
    if (was(g, t, RECORD_MODEL_SIGN))
        add(p, "sign", t->model, arena_printf(p->arena, "moat model sign %.*s", STR(m ? m->path : t->model)));
    for (size_t i = 0; i < pipe->endpoint_count; i++)
        if (str_eq(pipe->endpoints[i].model, t->model))
            add(p, "reload", pipe->endpoints[i].part.id, arena_printf(p->arena, "stop serving the old model; moat up when the new one is signed"));
}

static bool make_plan(Plan *p, const Pipeline *pipe, const Lineage *g, const Uses *u)
{
    const Reach *r;
    for (size_t i = 0; i < g->versions; i++)
        if (g->version[i].newest && (r = uses_of(u, &g->version[i].root)) != NULL)
            add(p, "rebuild", g->version[i].name, rebuilding(p, g, &g->version[i], r));
    for (size_t i = 0; i < g->trainings; i++)
        if (uses_of(u, &g->training[i].root) != NULL)
            plan_model(p, pipe, g, &g->training[i]);
    return !p->actions.bad;
}

static void put_plan(JsonOut *w, const Plan *p)
{
    const Action *v = (const Action *)(const void *)p->actions.p;
    json_key(w, "plan"), json_open(w, '[');
    for (size_t i = 0; i < p->actions.n / sizeof *v; i++) {
        json_open(w, '{');
        json_member(w, "action", str(v[i].what));
        json_member(w, "target", v[i].target);
        json_member(w, "how", str(v[i].how));
        json_close(w, '}');
    }
    json_close(w, ']');
}

static void say_plan(const Plan *p)
{
    const Action *v = (const Action *)(const void *)p->actions.p;
    size_t        n = p->actions.n / sizeof *v;
    for (size_t i = 0; i < n; i++)
        printf("%2zu. %-8s %.*s\n      %s\n", i + 1, v[i].what, STR(v[i].target), v[i].how);
    if (n == 0)
        puts("nothing to do: no newest version and no model holds rows of it");
}

/* ---- both */

static int answer(Arena *a, const char *schema, const Asked *q, const Uses *u, bool with_plan)
{
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    Plan          p = { .arena = a };
    Err           e = { 0 };
    bool          planned = !with_plan || make_plan(&p, q->pipeline, &q->g, u);
    int           code = planned ? EXIT_CLEAN : (err_nomem(&e), die(&e));
    if (planned && common.json) {
        json_begin(&w, schema, findings_new(a));
        json_key(&w, "proven"), json_put_bool(&w, u->proven);
        put_datasets(&w, &q->g, u), put_files(&w, &q->g, u), put_models(&w, &q->g, u);
        if (with_plan)
            put_plan(&w, &p);
        code = json_finish(&w) ? EXIT_CLEAN : EXIT_BROKEN;
    } else if (planned) {
        say_uses(&q->g, u);
        if (with_plan)
            say_plan(&p);
    }
    if (planned && !u->proven)
        fputs("moat: note: a step on the way cannot be believed (moat data trace ROW names it); all its rows are counted\n", stderr);
    buf_free(&p.actions);
    return code;
}

static int ask(const char *schema, const char *source, bool with_plan)
{
    defer_arena Arena *a = arena_new(DATA_ARENA);
    Err                e = { 0 };
    defer_asked Asked  q = { 0 };
    RowSpan            span;
    Uses               u;
    if (!parse_rows(&span))
        return usage("--rows wants a row or a span like 10-20, not '%s'", rows_opt);
    if (!asked_open(a, &q, &e) || !lineage_uses(&q.g, str(source), span, &u, &e))
        return die(&e);
    return answer(a, schema, &q, &u, with_plan);
}

int data_who_uses_cmd(int argc, char **argv)
{
    return argc == 1 ? ask("moat.data.who-uses/1", argv[0], false) : usage("moat data who-uses SOURCE [--rows A-B]");
}

int data_revoke_cmd(int argc, char **argv)
{
    if (argc != 1 || !plan_opt)
        return usage("moat data revoke SOURCE --plan [--rows A-B]; carrying the plan out is left to you");
    return ask("moat.data.revoke/1", argv[0], true);
}
