/* data_import.c - `moat data import`: rows from a source, with where and when each was taken. */
#include "base/file.h"
#include "cli/data_step.h"
#include "data/fetch.h"

static const char *query_opt, *query_file, *signing_key;

const Opt data_import_opts[DATA_IMPORT_OPTS] = {
    { "query", 'q', OPT_TEXT, &query_opt, "SQL", "the SELECT whose rows are wanted, for postgresql:// and SQLite" },
    { "query-file", 0, OPT_TEXT, &query_file, "FILE", "the same from a file" },
    { "signing-key", 'k', OPT_TEXT, &signing_key, "FILE", "private key that signs; default: ~/.config/moat/key" },
};

typedef struct Import {
    StepJob  job;
    StepMade made;
    Replace  file;
    RowSet   rows;
    Fetched  got;
    Str      name, shown;                              /* of the source; its address as it may be kept */
    char    *uri;
    int64_t  begun_ns;
} Import;

static bool find_source(Import *m, const char *arg, Err *e)
{
    const Pipeline *p = m->job.pipeline;
    m->uri = arena_printf(m->job.arena, "%s", arg);
    m->name = (Str){ 0 };
    for (size_t i = 0; i < p->source_count; i++) {
        const Source *s = &p->sources[i];
        if (!str_is(s->part.name, arg) && !str_is(s->part.id, arg))
            continue;
        bool address = memmem(s->uri.p, s->uri.n, "://", 3) != NULL || str_starts(s->uri, S("sqlite:"));
        m->name = s->part.name;
        m->uri = address ? arena_printf(m->job.arena, "%.*s", STR(s->uri)) : pipeline_path(p, s->uri);
    }
    if (m->uri == NULL)
        return err_nomem(e);
    m->shown = fetch_public(m->job.arena, m->uri);
    if (m->name.n == 0)
        m->name = m->shown;
    return m->shown.p != NULL || err_nomem(e);
}

static bool find_query(Import *m, const char **out, Err *e)
{
    Str text;
    *out = query_opt;
    if (query_file == NULL)
        return true;
    if (!file_read(m->job.arena, query_file, 1 << 20, &text, e))
        return false;
    *out = text.p;
    return strlen(text.p) == text.n || err_set(e, E_FORMAT, "%s: holds a NUL", query_file);
}

static bool take(Import *m, Err *e)
{
    Fetch           how = { .arena = m->job.arena, .uri = m->uri };
    const RowPlace *at = &m->made.at;
    if (!find_query(m, &how.query, e) || !replace_begin(&m->file, at->path, mode_like(at->path), e))
        return false;
    how.fd = m->file.fd;
    m->begun_ns = clock_ns(m->job.clock);
    if (!fetch(&how, &m->got, e))
        return false;
    if (m->got.is_table && at->rows != ROWS_CSV)
        return err_set(e, E_USAGE, "%s: the rows of a query are csv; the dataset is %s", at->path, rows_kind_name(at->rows));
    if (rowset_read(m->job.arena, m->file.temp, at->rows, &m->rows, e))
        return true;
    return err_in(e, "%.*s", STR(m->shown));
}

/* Each row is the source's row of the same number. */
static bool publish(Import *m, Err *e)
{
    uint32_t *from = malloc((m->rows.rows + 1) * sizeof *from);
    uint8_t  *evidence = calloc(m->rows.rows + 1, 1);
    Step     *s = &m->made.step;
    bool      ok = (from != NULL && evidence != NULL) || err_nomem(e);
    if (ok && m->rows.rows > MAP_ROWS_MAX)
        ok = err_set(e, E_LIMIT, "more than %u rows", MAP_ROWS_MAX);
    for (uint64_t i = 0; ok && i < m->rows.rows; i++)
        from[i] = (uint32_t)i;
    *s = (Step){ .verb = S("import"), .name = m->made.at.name, .kind = m->made.at.kind, .root = m->rows.sum.root, .rows = m->rows.rows, .inputs = 1,
                 .detail = buf_view(&m->got.facts), .begun_ns = m->begun_ns };
    s->in[0] = (StepInput){ .name = m->name, .uri = m->shown, .kind = PLACE_SOURCE, .root = m->rows.sum.root, .rows = m->rows.rows };
    ok = ok && step_publish(&m->job, s, from, evidence, &m->made.at, &m->file, &m->made.version, e);
    free(from), free(evidence);
    return ok;
}

static void put_origin(void *ctx, JsonOut *w)
{
    const Import *m = ctx;
    json_member(w, "uri", m->shown);
    json_key(w, "origin"), json_put_raw(w, buf_view(&m->got.facts));
}

static int work(Import *m, char **argv)
{
    Err e = { 0 };
    if (!find_source(m, argv[0], &e))
        return die(&e);
    if (pipeline_dataset(m->job.pipeline, str(argv[1])) == NULL)
        return usage("'%s' is not a dataset of %s; declare where it lives", argv[1], m->job.pipeline->file);
    if (!place_of(m->job.arena, m->job.pipeline, argv[1], true, &m->made.at, &e) || !step_ready(&m->job, &m->made.at, &e) || !take(m, &e) ||
        !publish(m, &e))
        return die(&e);
    if (!common.json)
        printf("from %.*s\n", STR(m->shown));
    return step_say(&m->job, "moat.data.import/1", &m->made, 1, put_origin, m);
}

int data_import_cmd(int argc, char **argv)
{
    defer_arena Arena *a = arena_new(DATA_ARENA);
    Import             m = { 0 };
    Err                e = { 0 };
    if (argc != 2 || (query_opt != NULL && query_file != NULL))
        return usage("moat data import SOURCE DATASET [--query SQL | --query-file FILE]");
    int code = step_open(a, signing_key, &m.job, &e) ? work(&m, argv) : die(&e);
    replace_abort(&m.file);
    rowset_free(&m.rows);
    buf_free(&m.got.facts);
    step_close(&m.job);
    return code;
}
