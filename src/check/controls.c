/* controls.c - the control table, and the function behind each row. */
#include "base/file.h"
#include "check/judge.h"
#include "format/safetensors.h"

/* Fills in state and reason; evidence where there is some. */
typedef void Decide(Judge *j, size_t i, ControlResult *out);

static void say(ControlResult *out, ControlState s, const char *reason, char *evidence)
{
    out->state = s, out->reason = str(reason), out->evidence = str(evidence);
}

static char *hex_text(Judge *j, const char *what, const Digest *d)
{
    char hex[DIGEST_HEX];
    digest_hex(d, hex);
    return arena_printf(j->arena, "%s %s", what, hex);
}

static char *declared_at(Judge *j, uint64_t line)
{
    return arena_printf(j->arena, "%s:%" PRIu64, j->job->pipeline->file, line);
}

/* ---- data */

static void golden(Judge *j, size_t i, ControlResult *out)
{
    const Dataset    *d = &j->job->pipeline->datasets[i];
    const DataJudged *v = &j->datasets[i];
    if (!d->golden)
        say(out, CONTROL_NOT_APPLICABLE, "not declared golden", declared_at(j, d->part.line));
    else if (!v->judged)
        say(out, CONTROL_UNKNOWN, "its versions could not be read", NULL);
    else if (v->version.version == 0)
        say(out, CONTROL_FAILED, "declared golden, never committed", declared_at(j, d->part.line));
    else
        say(out, v->holds ? CONTROL_VERIFIED : CONTROL_FAILED,
            v->holds ? "signed version, store and files agree" : "store or files differ from the signed version",
            hex_text(j, "statement", &v->version.statement));
}

/* ---- models */

static void signed_model(Judge *j, size_t i, ControlResult *out)
{
    const ModelJudged *v = &j->models[i];
    const Model       *m = &j->job->pipeline->models[i];
    if (!v->judged)
        say(out, CONTROL_UNKNOWN, "the model or its signature could not be read", NULL);
    else if (m->signer.n == 0 && m->sha256.n == 0)
        say(out, CONTROL_FAILED, "neither signer nor sha256 is declared", declared_at(j, m->part.line));
    else
        say(out, v->verdict.verified ? CONTROL_VERIFIED : CONTROL_FAILED,
            v->verdict.verified ? "verified against what moat.yaml declares" : "does not verify; see the findings",
            v->verdict.has_digest ? hex_text(j, "digest", &v->verdict.digest) : NULL);
}

static void safe_format(Judge *j, size_t i, ControlResult *out)
{
    const Model  *m = &j->job->pipeline->models[i];
    Err           e = { 0 };
    defer_map Map map = { 0 };
    Safetensors   st;
    if (!file_map(pipeline_path(j->job->pipeline, m->path), &map, &e))
        say(out, CONTROL_UNKNOWN, "not one readable file", NULL);
    else if (safetensors_read(j->arena, map.bytes, &st, &e))
        say(out, CONTROL_VERIFIED, "safetensors: holds numbers and text, no code", declared_at(j, m->part.line));
    else
        say(out, CONTROL_UNKNOWN, "not safetensors; this version judges no other format", declared_at(j, m->part.line));
}

/* The newest training whose result is this very model, and whether its data is a committed version. */
static void provenance(Judge *j, size_t i, ControlResult *out)
{
    const ModelJudged *v = &j->models[i];
    const Model       *m = &j->job->pipeline->models[i];
    Record             r;
    Err                e = { 0 };
    Digest             root;
    if (m->from.n == 0)
        return say(out, CONTROL_NOT_APPLICABLE, "no dataset is declared for it", declared_at(j, m->part.line));
    if (j->job->ledger == NULL || !v->judged || !v->verdict.has_digest ||
        !ledger_last(j->job->ledger, j->arena, RECORD_TRAINING, &v->verdict.digest, S(""), &r, &e))
        return say(out, CONTROL_UNKNOWN, "no training in the ledger made this file", NULL);
    char *evidence = arena_printf(j->arena, "ledger record %" PRIu64, r.seq);
    if (!digest_parse(json_text(json_get(r.body, "data_root"), S("")), &root))
        return say(out, CONTROL_UNKNOWN, "the training's data was never committed", evidence);
    for (size_t d = 0; d < j->job->pipeline->dataset_count; d++)
        if (j->datasets[d].version.version != 0 && digest_eq(&j->datasets[d].version.root, &root))
            return say(out, CONTROL_VERIFIED, "trained on a committed version of its data", evidence);
    say(out, CONTROL_FAILED, "trained on data that is no current version of a dataset", evidence);
}

/* ---- endpoints */

static void keys_required(Judge *j, size_t i, ControlResult *out)
{
    const Endpoint *p = &j->job->pipeline->endpoints[i];
    bool            on = str_is(p->keys, "required");
    say(out, on ? CONTROL_VERIFIED : CONTROL_FAILED, on ? "an API key is required" : "keys: off",
        declared_at(j, p->part.line));
}

static void rate_limited(Judge *j, size_t i, ControlResult *out)
{
    const Endpoint *p = &j->job->pipeline->endpoints[i];
    say(out, p->limit_count ? CONTROL_VERIFIED : CONTROL_FAILED, p->limit_count ? "limits are declared" : "no limit is declared",
        declared_at(j, p->part.line));
}

static void output_limited(Judge *j, size_t i, ControlResult *out)
{
    const Endpoint *p = &j->job->pipeline->endpoints[i];
    bool            on = p->top_k > 0 || p->round >= 0 || p->label_only;
    say(out, on ? CONTROL_VERIFIED : CONTROL_FAILED, on ? "answers are cut down before they leave" : "full scores leave",
        declared_at(j, p->part.line));
}

static void schema_checked(Judge *j, size_t i, ControlResult *out)
{
    const Endpoint *p = &j->job->pipeline->endpoints[i];
    if (p->schema.n == 0)
        say(out, CONTROL_FAILED, "any JSON passes: no schema is declared", declared_at(j, p->part.line));
    else
        say(out, j->policy_holds ? CONTROL_VERIFIED : CONTROL_UNKNOWN,
            j->policy_holds ? "bodies are validated against a schema" : "the policy does not compile", declared_at(j, p->part.line));
}

/* ---- the whole */

static void logged(Judge *j, size_t i, ControlResult *out)
{
    Record r;
    Err    e = { 0 };
    (void)i;
    if (j->job->pipeline->endpoint_count == 0)
        return say(out, CONTROL_NOT_APPLICABLE, "no endpoint is declared", NULL);
    if (j->job->ledger == NULL)
        return say(out, CONTROL_UNKNOWN, "there is no ledger yet", NULL);
    if (!j->ledger_holds)
        return say(out, CONTROL_FAILED, "the ledger does not verify", NULL);
    if (!ledger_last(j->job->ledger, j->arena, RECORD_EVENT_BATCH, NULL, S(""), &r, &e))
        return say(out, CONTROL_UNKNOWN, "no request has been anchored yet", NULL);
    say(out, CONTROL_VERIFIED, "requests are anchored in a ledger that verifies",
        arena_printf(j->arena, "ledger record %" PRIu64, r.seq));
}

/* References: ATLAS ids (AML.), OWASP ML Top 10, NIST SP 800-53 rev 5. */
static const struct {
    Control c;
    Decide *decide;
} rows[] = {
    { { "C16", "golden data is versioned and signed", 4, "datasets", "AML.T0059 ML02 SI-7 CP-9", "moat data commit DATASET" }, golden },
    { { "C19", "model verified before it is loaded", 5, "models", "AML.T0010 AML.T0076 ML06 ML10 SI-7(15)", "moat model sign PATH" },
      signed_model },
    { { "C20", "model in a format that cannot run code", 4, "models", "AML.T0011 AML.T0010 ML06 CM-7", "a model as safetensors" },
      safe_format },
    { { "C28", "endpoint asks for an API key", 5, "endpoints", "AML.T0040 IA-2 AC-3", "keys: required" }, keys_required },
    { { "C29", "endpoint has rate limits", 3, "endpoints", "AML.T0034 AML.T0029 ML05 SC-5", "limits: [{per: key, rate: 5r/s}]" },
      rate_limited },
    { { "C30", "answers say no more than needed", 3, "endpoints", "AML.T0024 ML03 ML04 SI-15", "output: {top_k: 1}" }, output_limited },
    { { "C31", "input is validated by a schema", 4, "endpoints", "AML.T0043 ML01 SI-10", "schema: FILE" }, schema_checked },
    { { "C33", "requests are logged, tamper-evident", 3, "", "AU-2 AU-9 AU-11", "moat up, and one request" }, logged },
    { { "C39", "training data is known and unchanged", 4, "models", "ML02 SR-4", "moat data commit, then moat privacy train" },
      provenance },
};

size_t         controls_count(void) { return len_of(rows); }
const Control *control_at(size_t i) { return &rows[i].c; }

static Str part_of(const Pipeline *p, const char *section, size_t i)
{
    if (strcmp(section, "models") == 0)
        return p->models[i].part.id;
    if (strcmp(section, "datasets") == 0)
        return p->datasets[i].part.id;
    return strcmp(section, "endpoints") == 0 ? p->endpoints[i].part.id : S("pipeline");
}

void control_decide(Judge *j, size_t c, size_t i, ControlResult *out)
{
    out->control = &rows[c].c;
    out->part = part_of(j->job->pipeline, rows[c].c.section, i);
    rows[c].decide(j, i, out);
}

void controls_text(Buf *out)
{
    buf_z(out, "# Controls\n\nWhat `moat check` decides, for each part it applies to. Unknown counts as not verified.\n\n"
               "| id | control | part | weight | decided by | references |\n|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < len_of(rows); i++) {
        const Control *c = &rows[i].c;
        buf_printf(out, "| %s | %s | %s | %u | `%s` | %s |\n", c->id, c->title, *c->section ? c->section : "the pipeline", c->weight,
                   c->need, c->refs);
    }
}
