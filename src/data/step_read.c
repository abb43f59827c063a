/* step_read.c - a step back from its record, its statement and its map; see step.h. */
#include "data/history.h"
#include "data/step.h"
#include "data/store.h"
#include "ledger/envelope.h"

enum { BODY_MAX = 16 << 20 };
static const size_t MAP_BYTES_MAX = (size_t)24 << 30;

static bool kind_parse(Str s, PlaceKind *out)
{
    for (int k = 0; k < PLACE_KINDS; k++)
        if (str_is(s, place_kind_name((PlaceKind)k)))
            return *out = (PlaceKind)k, true;
    return false;
}

static bool get_digest(const Json *v, const char *key, Digest *out) { return digest_parse(json_text(json_get(v, key), S("")), out); }

static bool get_input(const Json *v, StepInput *in)
{
    in->name = json_text(json_get(v, "name"), S("")), in->uri = json_text(json_get(v, "uri"), S(""));
    return kind_parse(json_text(json_get(v, "kind"), S("")), &in->kind) && get_digest(v, "root", &in->root) &&
           json_u64(json_get(v, "rows"), &in->rows) && json_u64(json_get(v, "version"), &in->version);
}

static bool get_inputs(const Json *list, Step *s)
{
    if (list == NULL || list->type != JSON_ARRAY || list->count == 0 || list->count > MAP_INPUTS_MAX)
        return false;
    for (const Json *v = list->first; v != NULL; v = v->next)
        if (!get_input(v, &s->in[s->inputs++]))
            return false;
    return true;
}

/* What record and statement share. */
static bool get_shared(const Json *v, Step *s)
{
    s->verb = json_text(json_get(v, "verb"), S("")), s->name = json_text(json_get(v, "name"), S(""));
    for (int k = 0; k < EVIDENCES; k++)
        if (!json_u64(json_get(json_get(v, "edges"), evidence_name((Evidence)k)), &s->edges[k]))
            return false;
    return s->verb.n && s->name.n && kind_parse(json_text(json_get(v, "kind"), S("")), &s->kind) && get_digest(v, "root", &s->root) &&
           json_u64(json_get(v, "rows"), &s->rows) && get_digest(v, "map", &s->map) && get_inputs(json_get(v, "inputs"), s);
}

bool step_parse(const Record *r, Step *out, Err *e)
{
    *out = (Step){ .seq = r->seq, .time = r->time, .actor = r->actor };
    return (get_shared(r->body, out) && get_digest(r->body, "statement", &out->statement)) ||
           err_set(e, E_FORMAT, "ledger record %" PRIu64 ": not a step", r->seq);
}

/* ---- the statement */

static bool load(Arena *a, const Pipeline *p, const Step *s, Envelope *envelope, const Json **predicate, Err *e)
{
    Str         text;
    const char *objects = pipeline_state(p, "objects"), *path = objects ? object_path(a, objects, "statement", ".json", &s->statement) : NULL;
    if (path == NULL)
        return err_nomem(e);
    if (!file_read(a, path, BODY_MAX, &text, e))
        return false;
    if (!envelope_parse(a, text, envelope, e))
        return err_in(e, "%s", path);
    Digest got = sha256(envelope->body);
    if (!digest_eq(&got, &s->statement) || !str_is(envelope->type, INTOTO_TYPE))
        return err_set(e, E_FORMAT, "%s: not the statement its name says", path);
    const Json *v = json_parse(a, envelope->body, JSON_STRICT, e);
    if (v == NULL)
        return err_in(e, "%s", path);
    *predicate = json_get(v, "predicate");
    return str_is(json_text(json_get(v, "predicateType"), S("")), STEP_PREDICATE) || err_set(e, E_FORMAT, "%s: not about a step", path);
}

bool step_body(Arena *a, const Pipeline *p, const Step *s, const Json **predicate, Err *e)
{
    Envelope envelope;
    return load(a, p, s, &envelope, predicate, e);
}

static bool same_input(const StepInput *a, const StepInput *b)
{
    return str_eq(a->name, b->name) && str_eq(a->uri, b->uri) && a->kind == b->kind && digest_eq(&a->root, &b->root) && a->rows == b->rows;
}

static bool same_step(const Step *a, const Step *b)
{
    bool same = str_eq(a->verb, b->verb) && str_eq(a->name, b->name) && a->kind == b->kind && digest_eq(&a->root, &b->root) &&
                a->rows == b->rows && digest_eq(&a->map, &b->map) && a->inputs == b->inputs;
    for (uint32_t i = 0; same && i < a->inputs; i++)
        same = same_input(&a->in[i], &b->in[i]);
    return same;
}

static bool signed_for(Arena *a, const Pipeline *p, Str dataset, const Envelope *envelope)
{
    History h;
    Err     none = { 0 };
    if (!history_of(a, p, dataset, &h, &none))
        return false;
    defer_key Key *k = key_load_public(h.pin, &none);
    return k != NULL && envelope_signed_by(envelope, k);
}

static bool is_signed(Arena *a, const Pipeline *p, const Step *s, const Envelope *envelope)
{
    if (s->kind == PLACE_DATASET)
        return signed_for(a, p, s->name, envelope);
    for (size_t i = 0; i < p->dataset_count; i++)
        if (signed_for(a, p, p->datasets[i].part.name, envelope))
            return true;
    return false;
}

bool step_check(Arena *a, const Pipeline *p, const Step *s, Err *e)
{
    Envelope    envelope;
    const Json *predicate;
    Step        said = { 0 };
    if (!load(a, p, s, &envelope, &predicate, e))
        return false;
    if (!get_shared(predicate, &said) || !same_step(s, &said))
        return err_set(e, E_FORMAT, "ledger record %" PRIu64 ": says something else than its signed statement", s->seq);
    return is_signed(a, p, s, &envelope) ||
           err_set(e, E_DENIED, "the step that made '%.*s' (ledger record %" PRIu64 ") is not signed by the key pinned for it", STR(s->name), s->seq);
}

/* ---- the map */

bool step_map(Arena *a, const Pipeline *p, const Step *s, RowMap *out, Err *e)
{
    Str         bytes;
    const char *objects = pipeline_state(p, "objects"), *path = objects ? object_path(a, objects, "map", ".moatmap", &s->map) : NULL;
    if (path == NULL)
        return err_nomem(e);
    if (!file_read(a, path, MAP_BYTES_MAX, &bytes, e))
        return false;
    Digest got = sha256(bytes);
    if (!digest_eq(&got, &s->map))
        return err_set(e, E_FORMAT, "%s: its bytes do not have the digest in its name", path);
    if (!rowmap_parse(bytes, out, e))
        return err_in(e, "%s", path);
    bool same = out->rows == s->rows && out->inputs == s->inputs;
    for (uint32_t i = 0; same && i < s->inputs; i++)
        same = digest_eq(&out->input[i].root, &s->in[i].root) && out->input[i].rows == s->in[i].rows;
    return same || err_set(e, E_FORMAT, "%s: is the map of other rows", path);
}
