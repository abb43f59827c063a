/* map.c - `moat map`: the declared parts, how they feed each other, and what exposes each; as text, JSON or Graphviz. */
#include "cli/cli.h"
#include "posture/posture.h"

static bool      as_dot;
static const Opt opts[] = { { "dot", 0, OPT_FLAG, &as_dot, NULL, "write a Graphviz graph" } };

/* ---- a part in one line */

typedef struct View {
    const char *section;
    const Part *part;
    Str         what;                                  /* path, address or route */
} View;

typedef struct Views {
    View  *v;
    size_t n;
} Views;

static void add(Views *l, const char *section, const Part *part, Str what) { l->v[l->n++] = (View){ section, part, what }; }

static void add_named(Views *l, const char *section, const Named *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        add(l, section, &v[i].part, v[i].path.n ? v[i].path : v[i].uri.n ? v[i].uri : v[i].kind);
}

static size_t count_parts(const Pipeline *p)
{
    return p->source_count + p->dataset_count + p->training_count + p->model_count + p->endpoint_count + p->identity_count +
           p->network_count + p->infrastructure_count + p->sink_count + p->monitor_count + p->waiver_count;
}

static bool list_parts(const Pipeline *p, Arena *a, Views *l)
{
    *l = (Views){ arena_get(a, count_parts(p) + 1, sizeof(View)), 0 };
    if (l->v == NULL)
        return false;
    for (size_t i = 0; i < p->source_count; i++)
        add(l, "sources", &p->sources[i].part, uri_public(a, p->sources[i].uri));
    for (size_t i = 0; i < p->dataset_count; i++)
        add(l, "datasets", &p->datasets[i].part, p->datasets[i].path);
    for (size_t i = 0; i < p->training_count; i++)
        add(l, "trainings", &p->trainings[i].part, p->trainings[i].kind);
    for (size_t i = 0; i < p->model_count; i++)
        add(l, "models", &p->models[i].part, p->models[i].path);
    for (size_t i = 0; i < p->endpoint_count; i++)
        add(l, "endpoints", &p->endpoints[i].part, p->endpoints[i].route);
    add_named(l, "identities", p->identities, p->identity_count);
    add_named(l, "networks", p->networks, p->network_count);
    add_named(l, "infrastructure", p->infrastructure, p->infrastructure_count);
    add_named(l, "sinks", p->sinks, p->sink_count);
    add_named(l, "monitors", p->monitors, p->monitor_count);
    add_named(l, "waivers", p->waivers, p->waiver_count);
    return true;
}

/* ---- text */

static void put_parts(Buf *b, const Views *l)
{
    const char *section = "";
    for (size_t i = 0; i < l->n; i++) {
        const View *v = &l->v[i];
        if (strcmp(section, v->section) != 0)
            buf_printf(b, "%s%s\n", *section ? "\n" : "", v->section);
        section = v->section;
        buf_printf(b, "  %-24.*s ", STR(v->part->name));
        buf_clean(b, v->what);
        buf_byte(b, '\n');
    }
}

static void put_edges(Buf *b, const Edge *e, size_t n)
{
    if (n > 0)
        buf_z(b, "\nedges\n");
    for (size_t i = 0; i < n; i++)
        buf_printf(b, "  %.*s -> %.*s\n", STR(e[i].from), STR(e[i].to));
}

static void put_text(const Pipeline *p, const Views *l, const Edge *e, size_t n)
{
    defer_buf Buf b = { 0 };
    buf_clean(&b, p->name);
    buf_printf(&b, " (%s)\n\n", p->file);
    put_parts(&b, l);
    put_edges(&b, e, n);
    fwrite(b.p, 1, b.n, stdout);
}

/* ---- Graphviz: a record a part, a cluster a section */

static void put_quoted(Buf *b, Str s)
{
    buf_byte(b, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            buf_byte(b, '\\');
        buf_byte(b, (uint8_t)s.p[i]);
    }
    buf_byte(b, '"');
}

static Severity worst(const Findings *f, Str part, bool *any)
{
    Severity s = SEV_INFO;
    *any = false;
    for (size_t i = 0; i < findings_count(f); i++) {
        const Finding *x = findings_at(f, i);
        if (!str_eq(x->part, part))
            continue;
        *any = true;
        s = x->severity > s ? x->severity : s;
    }
    return s;
}

static void dot_part(Buf *b, const View *v, const Findings *f)
{
    static const char *const colours[SEVERITIES] = { "grey40", "grey40", "orange3", "red3", "red3" };
    bool     any;
    Severity s = worst(f, v->part->id, &any);
    buf_z(b, "    ");
    put_quoted(b, v->part->id);
    buf_z(b, " [label=");
    put_quoted(b, v->part->name);
    buf_z(b, ", tooltip=");
    put_quoted(b, v->what);
    if (any)
        buf_printf(b, ", color=%s, xlabel=\"%s\"", colours[s], severity_name(s));
    buf_z(b, "];\n");
}

static void put_dot(const Pipeline *p, const Views *l, const Edge *e, size_t n, const Findings *f)
{
    defer_buf   Buf b = { 0 };
    const char *section = "";
    buf_z(&b, "digraph ");
    put_quoted(&b, p->name);
    buf_z(&b, " {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n");
    for (size_t i = 0; i < l->n; i++) {
        const View *v = &l->v[i];
        if (strcmp(section, v->section) != 0) {
            buf_printf(&b, "%s  subgraph \"cluster_%s\" {\n    label=\"%s\";\n", *section ? "  }\n" : "", v->section, v->section);
            section = v->section;
        }
        dot_part(&b, v, f);
    }
    buf_z(&b, l->n ? "  }\n" : "");
    for (size_t i = 0; i < n; i++) {
        buf_z(&b, "  ");
        put_quoted(&b, e[i].from);
        buf_z(&b, " -> ");
        put_quoted(&b, e[i].to);
        buf_z(&b, ";\n");
    }
    buf_z(&b, "}\n");
    fwrite(b.p, 1, b.n, stdout);
}

/* ---- JSON */

static void json_part(JsonOut *w, const View *v)
{
    json_open(w, '{');
    json_key(w, "id");
    json_put_str(w, v->part->id);
    json_key(w, "section");
    json_put_z(w, v->section);
    json_key(w, "name");
    json_put_str(w, v->part->name);
    json_key(w, "what");
    json_put_str(w, v->what);
    json_key(w, "line");
    json_put_u64(w, v->part->line);
    json_close(w, '}');
}

static bool put_json(const Pipeline *p, const Views *l, const Edge *e, size_t n, const Findings *f)
{
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    json_begin(&w, "moat.map/1", f);
    json_key(&w, "name");
    json_put_str(&w, p->name);
    json_key(&w, "parts");
    json_open(&w, '[');
    for (size_t i = 0; i < l->n; i++)
        json_part(&w, &l->v[i]);
    json_close(&w, ']');
    json_key(&w, "edges");
    json_open(&w, '[');
    for (size_t i = 0; i < n; i++) {
        json_open(&w, '{');
        json_key(&w, "from");
        json_put_str(&w, e[i].from);
        json_key(&w, "to");
        json_put_str(&w, e[i].to);
        json_close(&w, '}');
    }
    json_close(&w, ']');
    return json_finish(&w);
}

static int map(int argc, char **argv)
{
    enum { ARENA_MAX = 256 << 20 };
    defer_arena Arena *a = arena_new(ARENA_MAX);
    Err                e = { 0 };
    Views              views;
    size_t             n;
    (void)argv;
    if (argc > 0)
        return usage("moat map takes no arguments; --config FILE names the pipeline");
    const Pipeline *p = cli_pipeline(a, &e);
    if (p == NULL)
        return die(&e);
    Findings *f = findings_new(a);
    if (f == NULL || !exposure_judge(p, f) || !list_parts(p, a, &views))
        return err_nomem(&e), die(&e);
    const Edge *edges = pipeline_edges(p, &n);
    if (common.json)
        return put_json(p, &views, edges, n, f) ? exit_of(f, SEV_HIGH, false) : EXIT_BROKEN;
    if (as_dot)
        return put_dot(p, &views, edges, n, f), EXIT_CLEAN;
    put_text(p, &views, edges, n);
    if (findings_count(f) > 0)
        puts("\nexposed by");
    findings_text(f, stdout, colour_on(stdout));
    return exit_of(f, SEV_HIGH, false);
}

static const Cmd  cmds[] = {
    { NULL, "", "show the parts, what feeds what, and what exposes each",
      "moat map\nmoat map --dot | dot -Tsvg >map.svg", opts, len_of(opts), map },
};
const Noun noun_map = { "map", "show the pipeline and what exposes its parts", cmds, len_of(cmds) };
