/* data_lineage.c - `moat data lineage`: the recorded steps, for people and as OpenLineage events. */
#include "cli/data_lineage.h"

static bool openlineage;

const Opt data_lineage_opts[DATA_LINEAGE_OPTS] = {
    { "openlineage", 0, OPT_FLAG, &openlineage, NULL, "print OpenLineage 2-0-2 run events, one a line" },
};

#define PRODUCER "https://moat.invalid/" MOAT_VERSION
#define EVENT_SCHEMA "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
#define VERSION_SCHEMA "https://openlineage.io/spec/facets/1-0-1/DatasetVersionDatasetFacet.json#/$defs/DatasetVersionDatasetFacet"
#define MAP_SCHEMA "https://moat.invalid/facets/1/moatRowMapDatasetFacet.json"

/* ---- OpenLineage */

static void put_hex(JsonOut *w, const char *key, const Digest *d)
{
    char hex[DIGEST_HEX];
    digest_hex(d, hex);
    json_member(w, key, str(hex));
}

static void open_facet(JsonOut *w, const char *name, const char *schema)
{
    json_key(w, name), json_open(w, '{');
    json_member(w, "_producer", S(PRODUCER));
    json_member(w, "_schemaURL", str(schema));
}

/* The statement's digest as a UUID of version 8 (RFC 9562 s5.8): the same step is the same run wherever it is told. */
static void put_run(JsonOut *w, const Digest *statement)
{
    char    text[40];
    uint8_t b[16];
    memcpy(b, statement->b, sizeof b);
    b[6] = (b[6] & 0x0F) | 0x80, b[8] = (b[8] & 0x3F) | 0x80;
    snprintf(text, sizeof text, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7],
             b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
    json_key(w, "run"), json_open(w, '{');
    json_member(w, "runId", str(text));
    json_close(w, '}');
}

static void open_dataset(JsonOut *w, Str space, Str name, const Digest *root)
{
    json_open(w, '{');
    json_member(w, "namespace", space);
    json_member(w, "name", name);
    json_key(w, "facets"), json_open(w, '{');
    open_facet(w, "version", VERSION_SCHEMA);
    put_hex(w, "datasetVersion", root);
    json_close(w, '}');
}

static void put_output(JsonOut *w, Str space, const Step *s)
{
    open_dataset(w, space, s->name, &s->root);
    open_facet(w, "moat_rowMap", MAP_SCHEMA);
    put_hex(w, "digest", &s->map);
    json_member_u64(w, "rows", s->rows);
    json_key(w, "evidence"), json_open(w, '{');
    for (int v = 0; v < EVIDENCES; v++)
        json_member_u64(w, evidence_name((Evidence)v), s->edges[v]);
    json_close(w, '}');
    json_close(w, '}');
    json_close(w, '}');
    json_close(w, '}');
}

static void put_event(JsonOut *w, Str space, const Step *s, const char *type, Str time)
{
    json_open(w, '{');
    json_member(w, "eventType", str(type));
    json_member(w, "eventTime", time);
    json_member(w, "producer", S(PRODUCER));
    json_member(w, "schemaURL", S(EVENT_SCHEMA));
    put_run(w, &s->statement);
    json_key(w, "job"), json_open(w, '{');
    json_member(w, "namespace", space);
    json_key(w, "name");
    char job[256];
    snprintf(job, sizeof job, "%.*s.%.*s", (int)(s->verb.n < 64 ? s->verb.n : 64), s->verb.p, (int)(s->name.n < 180 ? s->name.n : 180), s->name.p);
    json_put_z(w, job);
    json_close(w, '}');
    json_key(w, "inputs"), json_open(w, '[');
    for (uint32_t i = 0; i < s->inputs; i++) {
        open_dataset(w, space, s->in[i].uri.n ? s->in[i].uri : s->in[i].name, &s->in[i].root);
        json_close(w, '}');
        json_close(w, '}');
    }
    json_close(w, ']');
    json_key(w, "outputs"), json_open(w, '[');
    put_output(w, space, s);
    json_close(w, ']');
    json_close(w, '}');
    buf_byte(w->b, '\n');
    w->comma = false;
}

/* When it began is in the signed statement alone; without that the run began when it ended. */
static void put_run_events(Arena *a, const Asked *q, const Step *s, JsonOut *w)
{
    const Json *said;
    Err         none = { 0 };
    Str         begun = step_body(a, q->pipeline, s, &said, &none) ? json_text(json_get(said, "begun"), s->time) : s->time;
    put_event(w, q->pipeline->name, s, "START", begun);
    put_event(w, q->pipeline->name, s, "COMPLETE", s->time);
}

/* ---- for people */

static void say_step(const Step *s)
{
    defer_buf Buf b = { 0 };
    buf_printf(&b, "%.*s  %-7.*s ", STR(s->time), STR(s->verb));
    for (uint32_t i = 0; i < s->inputs; i++) {
        buf_z(&b, i ? ", " : "");
        buf_clean(&b, s->in[i].uri.n ? s->in[i].uri : s->in[i].name);
        if (s->in[i].version)
            buf_printf(&b, "@%" PRIu64, s->in[i].version);
    }
    buf_z(&b, " -> ");
    buf_clean(&b, s->name);
    buf_printf(&b, ", %" PRIu64 " rows", s->rows);
    if (s->edges[EDGE_OPAQUE] > 0)
        buf_printf(&b, ", %" PRIu64 " of unknown origin", s->edges[EDGE_OPAQUE]);
    printf("%.*s\n", STR(buf_view(&b)));
}

static void put_step(JsonOut *w, const Step *s)
{
    json_open(w, '{');
    json_member(w, "step", s->verb);
    json_member(w, "name", s->name);
    json_member(w, "time", s->time);
    json_member(w, "actor", s->actor);
    put_hex(w, "root", &s->root);
    json_member_u64(w, "rows", s->rows);
    put_hex(w, "statement", &s->statement);
    json_key(w, "inputs"), json_open(w, '[');
    for (uint32_t i = 0; i < s->inputs; i++)
        json_put_str(w, s->in[i].name);
    json_close(w, ']');
    json_close(w, '}');
}

static bool is_asked(const Step *s, int argc, char **argv) { return argc == 0 || str_is(s->name, argv[0]); }

int data_lineage_cmd(int argc, char **argv)
{
    defer_arena Arena *a = arena_new(DATA_ARENA);
    defer_asked Asked  q = { 0 };
    defer_buf Buf      b = { 0 };
    JsonOut            w = json_out(&b);
    Err                e = { 0 };
    if (argc > 1)
        return usage("moat data lineage [DATASET|FILE] [--openlineage]");
    if (!asked_open(a, &q, &e))
        return die(&e);
    bool as_json = common.json && !openlineage;
    if (as_json)
        json_begin(&w, "moat.data.lineage/1", findings_new(a)), json_key(&w, "steps"), json_open(&w, '[');
    for (size_t i = 0; i < q.g.steps; i++) {
        const Step *s = &q.g.step[i];
        if (!is_asked(s, argc, argv))
            continue;
        if (as_json)
            put_step(&w, s);
        else if (openlineage)
            put_run_events(a, &q, s, &w);
        else
            say_step(s);
    }
    if (as_json)
        return json_close(&w, ']'), json_finish(&w) ? EXIT_CLEAN : EXIT_BROKEN;
    if (b.bad)
        return err_nomem(&e), die(&e);
    return fwrite(b.p ? b.p : "", 1, b.n, stdout) == b.n && fflush(stdout) == 0 ? EXIT_CLEAN : (err_set(&e, E_IO, "standard output: %m"), die(&e));
}
