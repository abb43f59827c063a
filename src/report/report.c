/* report.c - the pipeline with what is known of each part; see report.h. */
#include "report/report.h"
#include "base/file.h"
#include "data/data.h"
#include "model/model.h"

enum { SCRATCH = 16 << 20 };

/* What the ledger and the store say of one part; empty where they say nothing. */
typedef struct Fact {
    Str      digest, time;
    uint64_t version, rows;
    const Json *body;
} Fact;

static Fact dataset_fact(Arena *a, const Pipeline *p, const Dataset *d)
{
    DataVersion v;
    Fact        f = { 0 };
    if (!data_head(a, p, d->part.name, &v, NULL) || v.version == 0)
        return f;
    char hex[DIGEST_HEX];
    digest_hex(&v.root, hex);
    f.digest = arena_str(a, str(hex)), f.version = v.version, f.rows = v.rows, f.time = v.time;
    return f;
}

/* A model's digest now, and the training in the ledger that made exactly this file. */
static Fact model_fact(Arena *a, const Pipeline *p, Ledger *l, const Model *m)
{
    Fact   f = { 0 };
    Digest d;
    Record r;
    char   hex[DIGEST_HEX];
    if (!model_digest(a, NULL, pipeline_path(p, m->path), &d, NULL))
        return f;
    digest_hex(&d, hex);
    f.digest = arena_str(a, str(hex));
    if (l != NULL && ledger_last(l, a, RECORD_TRAINING, &d, S(""), &r, NULL))
        f.time = r.time, f.body = r.body;
    return f;
}

static void dataset_lines(Arena *a, const Pipeline *p, FILE *f)
{
    for (size_t i = 0; i < p->dataset_count; i++) {
        Fact v = dataset_fact(a, p, &p->datasets[i]);
        fprintf(f, "  %-24.*s ", STR(p->datasets[i].part.id));
        if (v.version == 0)
            fputs("no committed version\n", f);
        else
            fprintf(f, "version %" PRIu64 ", %" PRIu64 " rows, root %.16s..., %.*s\n", v.version, v.rows, v.digest.p, STR(v.time));
    }
}

static void model_lines(Arena *a, const Pipeline *p, Ledger *l, FILE *f)
{
    for (size_t i = 0; i < p->model_count; i++) {
        Fact        v = model_fact(a, p, l, &p->models[i]);
        const Json *metrics = json_get(v.body, "metrics");
        fprintf(f, "  %-24.*s ", STR(p->models[i].part.id));
        if (v.digest.n == 0)
            fputs("not readable", f);
        else
            fprintf(f, "sha256 %.16s...", v.digest.p);
        if (json_get(metrics, "test_accuracy") != NULL)
            fprintf(f, ", test accuracy %.4f", json_num(json_get(metrics, "test_accuracy"), 0));
        if (v.time.n)
            fprintf(f, ", trained %.*s", STR(v.time));
        fputc('\n', f);
    }
}

static void endpoint_lines(const Pipeline *p, FILE *f)
{
    for (size_t i = 0; i < p->endpoint_count; i++) {
        const Endpoint *v = &p->endpoints[i];
        fprintf(f, "  %-24.*s %.*s%.*s -> %.*s, keys %.*s, %zu limits, %s\n", STR(v->part.id), STR(p->listen), STR(v->route),
                STR(v->upstream), STR(v->keys), v->limit_count, v->schema.n ? "schema" : "no schema");
    }
}

bool report_text(const Pipeline *p, Ledger *l, const Posture *v, FILE *f, bool colour, Err *e)
{
    defer_arena Arena *a = arena_new(SCRATCH);
    if (a == NULL)
        return err_nomem(e);
    fprintf(f, "moat report: %.*s\n\nparts\n", STR(p->name));
    dataset_lines(a, p, f);
    model_lines(a, p, l, f);
    endpoint_lines(p, f);
    fputc('\n', f);
    check_text(v, f, colour);
    return true;
}

static void part_json(JsonOut *w, const Part *part, const Fact *v)
{
    json_open(w, '{');
    json_key(w, "part"), json_put_str(w, part->id);
    if (v->digest.n)
        json_key(w, "digest"), json_put_str(w, v->digest);
    if (v->version)
        json_key(w, "version"), json_put_u64(w, v->version), json_key(w, "rows"), json_put_u64(w, v->rows);
    if (v->time.n)
        json_key(w, "time"), json_put_str(w, v->time);
    if (v->body)
        json_key(w, "training"), json_put_tree(w, v->body);
    json_close(w, '}');
}

bool report_json(const Pipeline *p, Ledger *l, const Posture *v, JsonOut *w, Err *e)
{
    defer_arena Arena *a = arena_new(SCRATCH);
    if (a == NULL)
        return err_nomem(e);
    json_key(w, "name"), json_put_str(w, p->name);
    json_key(w, "parts"), json_open(w, '[');
    for (size_t i = 0; i < p->dataset_count; i++) {
        Fact fact = dataset_fact(a, p, &p->datasets[i]);
        part_json(w, &p->datasets[i].part, &fact);
    }
    for (size_t i = 0; i < p->model_count; i++) {
        Fact fact = model_fact(a, p, l, &p->models[i]);
        part_json(w, &p->models[i].part, &fact);
    }
    for (size_t i = 0; i < p->endpoint_count; i++)
        part_json(w, &p->endpoints[i].part, &(Fact){ 0 });
    json_close(w, ']');
    check_json(v, w);
    return true;
}
