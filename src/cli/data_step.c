/* data_step.c - see data_step.h. */
#include "cli/data_step.h"
#include <sys/stat.h>

bool step_open(Arena *a, const char *key, StepJob *j, Err *e)
{
    static char actor[32];
    *j = (StepJob){ .arena = a, .clock = clock_system(), .actor = actor_text(actor) };
    j->pipeline = cli_pipeline(a, e);
    j->key = j->pipeline ? cli_key_path(a, key, e) : NULL;
    j->ledger = j->key ? cli_ledger(j->pipeline, e) : NULL;
    if (j->ledger == NULL)
        return false;
    j->findings = findings_new(a);
    j->pool = pool_new(0);
    return j->findings != NULL || err_nomem(e);
}

void step_close(StepJob *j)
{
    ledger_close(j->ledger);
    pool_free(j->pool);
}

unsigned mode_like(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? st.st_mode & 0777 : 0644;
}

static double coverage(const Step *s) { return s->rows ? 1 - (double)s->edges[EDGE_OPAQUE] / (double)s->rows : 1; }

/* ---- JSON */

static void put_digest(JsonOut *w, const char *key, const Digest *d)
{
    char hex[DIGEST_HEX];
    digest_hex(d, hex);
    json_key(w, key), json_put_z(w, hex);
}

static void put_matched(JsonOut *w, const StepMade *m)
{
    json_member_u64(w, "modified", m->matched->modified);
    json_member_u64(w, "copies", m->matched->copies);
    json_member_u64(w, "ambiguous", m->matched->ambiguous);
    json_key(w, "key"), json_put_z(w, m->matched->key.n ? m->matched->key.p : NULL);
    json_key(w, "changed"), json_open(w, '{');
    for (size_t c = 0; m->rows->column != NULL && c < m->rows->columns; c++)
        if (m->matched->changed[c] > 0)
            json_key_str(w, m->rows->column[c]), json_put_u64(w, m->matched->changed[c]);
    json_close(w, '}');
}

static void put_made(JsonOut *w, const StepMade *m)
{
    json_open(w, '{');
    json_member(w, "name", m->step.name);
    json_member(w, "kind", str(place_kind_name(m->step.kind)));
    json_member_u64(w, "version", m->version.version);
    put_digest(w, "root", &m->step.root);
    json_member_u64(w, "rows", m->step.rows);
    put_digest(w, "map", &m->step.map);
    json_member_u64(w, "map_bytes", m->step.map_bytes);
    put_digest(w, "statement", &m->step.statement);
    json_key(w, "coverage"), json_put_f64(w, coverage(&m->step));
    json_key(w, "edges"), json_open(w, '{');
    for (int v = 0; v < EVIDENCES; v++)
        json_member_u64(w, evidence_name((Evidence)v), m->step.edges[v]);
    json_close(w, '}');
    if (m->matched != NULL)
        put_matched(w, m);
    json_close(w, '}');
}

static void put_inputs(JsonOut *w, const Step *s)
{
    json_key(w, "inputs"), json_open(w, '[');
    for (uint32_t i = 0; i < s->inputs; i++) {
        json_open(w, '{');
        json_member(w, "name", s->in[i].name);
        json_member(w, "kind", str(place_kind_name(s->in[i].kind)));
        json_member_u64(w, "version", s->in[i].version);
        put_digest(w, "root", &s->in[i].root);
        json_member_u64(w, "rows", s->in[i].rows);
        json_close(w, '}');
    }
    json_close(w, ']');
}

/* ---- text */

static void say_made(const StepMade *m)
{
    printf("%.*s: ", STR(m->step.name));
    if (m->version.version)
        printf("version %" PRIu64 ", ", m->version.version);
    printf("%" PRIu64 " rows, origin known for %.2f %%\n", m->step.rows, 100 * coverage(&m->step));
    for (int v = 0; v < EVIDENCES; v++)
        if (m->step.edges[v] > 0 && (m->matched != NULL || v == EDGE_OPAQUE))
            printf("  %-11s %12" PRIu64 "%s\n", evidence_name((Evidence)v), m->step.edges[v],
                   v == EDGE_KEY ? "  inferred: same key" : v == EDGE_PROJECTION ? "  inferred: same values"
                   : v == EDGE_POSITION ? "  inferred: same place" : v == EDGE_OPAQUE ? "  may come from any input row" : "");
    if (m->matched != NULL && m->matched->modified > 0)
        printf("  %" PRIu64 " rows have the key of their input row and other values\n", m->matched->modified);
    if (m->matched != NULL && m->matched->key.n)
        printf("  key found: %.*s\n", STR(m->matched->key));
    printf("  map %" PRIu64 " bytes\n", m->step.map_bytes);
}

int step_say(const StepJob *j, const char *schema, const StepMade *made, size_t n, void (*more)(void *ctx, JsonOut *w), void *ctx)
{
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    findings_sort(j->findings);
    if (!common.json) {
        findings_text(j->findings, stdout, colour_on(stdout));
        for (size_t i = 0; i < n; i++)
            say_made(&made[i]);
        return exit_of(j->findings, SEV_HIGH, false);
    }
    json_begin(&w, schema, j->findings);
    json_key(&w, "outputs"), json_open(&w, '[');
    for (size_t i = 0; i < n; i++)
        put_made(&w, &made[i]);
    json_close(&w, ']');
    if (n > 0)
        put_inputs(&w, &made[0].step);
    if (more != NULL)
        more(ctx, &w);
    return json_finish(&w) ? exit_of(j->findings, SEV_HIGH, false) : EXIT_BROKEN;
}
