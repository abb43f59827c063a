/* step.c - see step.h. */
#include "data/step.h"
#include "data/head.h"
#include "data/publish.h"
#include "data/store.h"
#include <errno.h>
#include <sys/stat.h>

const char *place_kind_name(PlaceKind k)
{
    static const char *const names[PLACE_KINDS] = { "dataset", "file", "source" };
    return names[k];
}

/* ---- places */

/* `absent` says that nothing is there; only an output may be. */
static bool look_at(const RowPlace *at, bool is_output, bool *absent, Err *e)
{
    struct stat st;
    *absent = stat(at->path, &st) != 0 && errno == ENOENT;
    if (*absent)
        return is_output;
    if (stat(at->path, &st) != 0)
        return err_set(e, E_IO, "%s: %m", at->path);
    return S_ISREG(st.st_mode) || err_set(e, E_USAGE, "%s: is not one file; rows are followed through csv, lines, npy and idx files", at->path);
}

static bool nothing_there(const Pipeline *p, const RowPlace *at, Err *e)
{
    if (at->dataset != NULL || strchr(at->path, '/') != NULL)
        return err_set(e, E_IO, "%s: %s", at->path, strerror(ENOENT));
    err_set(e, E_USAGE, "'%s' is neither a dataset of %s nor a file", at->path, p->file);
    return err_hint(e, "moat map shows the datasets");
}

bool place_of(Arena *a, const Pipeline *p, const char *arg, bool is_output, RowPlace *out, Err *e)
{
    bool           absent = false;
    const Dataset *d = pipeline_dataset(p, str(arg));
    *out = (RowPlace){ .name = arena_str(a, str(arg)), .kind = d ? PLACE_DATASET : PLACE_FILE, .dataset = d };
    out->path = d ? pipeline_path(p, d->path) : out->name.p;
    if (out->path == NULL)
        return err_nomem(e);
    out->rows = rows_kind(d ? d->format : S(""), str(out->path));
    if (!look_at(out, is_output, &absent, e))
        return absent ? nothing_there(p, out, e) : false;
    return out->rows != ROWS_FILES || err_set(e, E_USAGE, "%s: has no rows that moat knows; csv, lines, npy or idx have", out->path);
}

bool place_input(Arena *a, const Pipeline *p, const RowPlace *at, const RowSet *rows, StepInput *out, Err *e)
{
    DataVersion head = { 0 };
    *out = (StepInput){ .name = at->name, .kind = at->kind, .root = rows->sum.root, .rows = rows->rows };
    if (at->dataset != NULL && !data_head(a, p, at->name, &head, e))
        return false;
    if (head.version > 0 && digest_eq(&head.root, &out->root))
        out->version = head.version;
    return true;
}

/* ---- writing */

static void put_digest(JsonOut *w, const char *key, const Digest *d)
{
    char hex[DIGEST_HEX];
    digest_hex(d, hex);
    json_key(w, key), json_put_z(w, hex);
}

static void put_input(JsonOut *w, const StepInput *in)
{
    json_open(w, '{');
    json_member(w, "name", in->name);
    json_member(w, "kind", str(place_kind_name(in->kind)));
    if (in->uri.n)
        json_member(w, "uri", in->uri);
    put_digest(w, "root", &in->root);
    json_member_u64(w, "rows", in->rows);
    json_member_u64(w, "version", in->version);
    json_close(w, '}');
}

/* The members that statement and record share. */
static void put_shared(JsonOut *w, const Step *s)
{
    json_member(w, "verb", s->verb);
    json_member(w, "name", s->name);
    json_member(w, "kind", str(place_kind_name(s->kind)));
    put_digest(w, "root", &s->root);
    json_member_u64(w, "rows", s->rows);
    put_digest(w, "map", &s->map);
    json_key(w, "inputs"), json_open(w, '[');
    for (uint32_t i = 0; i < s->inputs; i++)
        put_input(w, &s->in[i]);
    json_close(w, ']');
    json_key(w, "edges"), json_open(w, '{');
    for (int v = 0; v < EVIDENCES; v++)
        json_member_u64(w, evidence_name((Evidence)v), s->edges[v]);
    json_close(w, '}');
}

static void put_subject(JsonOut *w, const Step *s)
{
    json_key(w, "subject"), json_open(w, '[');
    json_open(w, '{');
    json_member(w, "name", s->name);
    json_key(w, "digest"), json_open(w, '{');
    put_digest(w, "sha256", &s->root);
    json_close(w, '}');
    json_close(w, '}');
    json_close(w, ']');
}

static void put_time(JsonOut *w, const char *key, int64_t ns)
{
    char text[TIME_TEXT];
    time_text(ns, text);
    json_member(w, key, str(text));
}

static bool put_statement(Buf *out, const StepJob *j, const Step *s, const Key *key)
{
    defer_buf Buf pem = { 0 };
    JsonOut       w = json_out(out);
    if (!key_public_pem(key, &pem))
        return false;
    json_open(&w, '{');
    json_member(&w, "_type", S("https://in-toto.io/Statement/v1"));
    put_subject(&w, s);
    json_member(&w, "predicateType", S(STEP_PREDICATE));
    json_key(&w, "predicate"), json_open(&w, '{');
    put_shared(&w, s);
    json_key(&w, "detail"), json_put_raw(&w, s->detail.n ? s->detail : S("{}"));
    put_time(&w, "begun", s->begun_ns);
    put_time(&w, "time", clock_ns(j->clock));
    json_member(&w, "actor", j->actor);
    json_member(&w, "signer", buf_view(&pem));
    json_close(&w, '}');
    json_close(&w, '}');
    return !out->bad;
}

static bool record(const StepJob *j, const Step *s, Err *e)
{
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    json_open(&w, '{');
    put_shared(&w, s);
    put_digest(&w, "statement", &s->statement);
    json_close(&w, '}');
    if (b.bad)
        return err_nomem(e);
    return ledger_append(j->ledger, j->clock, RECORD_DATA_STEP, j->actor, &s->statement, buf_view(&b), NULL, e);
}

bool step_ready(const StepJob *j, const RowPlace *out, Err *e)
{
    History h;
    bool    first;
    if (out->dataset != NULL && !history_of(j->arena, j->pipeline, out->name, &h, e))
        return false;
    defer_key Key *k = out->dataset ? publish_key(&h, j->key, &first, e) : key_load_private(j->key, e);
    return k != NULL;
}

bool step_write(const StepJob *j, Step *s, const uint32_t *from, const uint8_t *evidence, Err *e)
{
    MapInput      in[MAP_INPUTS_MAX];
    defer_buf Buf map = { 0 }, body = { 0 }, envelope = { 0 };
    const char   *objects = pipeline_state(j->pipeline, "objects");
    for (uint32_t i = 0; i < s->inputs; i++)
        in[i] = (MapInput){ s->in[i].root, s->in[i].rows };
    for (uint64_t i = 0; i < s->rows; i++)
        s->edges[from[i] == NOWHERE ? EDGE_OPAQUE : evidence[i]]++;
    defer_key Key *key = key_load_private(j->key, e);
    if (key == NULL || !rowmap_write(&map, in, s->inputs, from, evidence, s->rows, e))
        return false;
    s->map = sha256(buf_view(&map)), s->map_bytes = map.n;
    if (objects == NULL || !put_statement(&body, j, s, key))
        return err_nomem(e);
    s->statement = sha256(buf_view(&body));
    return envelope_write(&envelope, S(INTOTO_TYPE), buf_view(&body), key, e) &&
           object_write(j->arena, objects, "map", ".moatmap", &s->map, buf_view(&map), e) &&
           object_write(j->arena, objects, "statement", ".json", &s->statement, buf_view(&envelope), e) && record(j, s, e);
}

static bool commit(const StepJob *j, const Step *s, const RowPlace *out, DataVersion *version, Err *e)
{
    DataCommitted done;
    char          reason[64];
    snprintf(reason, sizeof reason, "moat data %.*s", (int)(s->verb.n < 32 ? s->verb.n : 32), s->verb.p);
    DataCommit how = { .dataset = out->name, .actor = j->actor, .reason = arena_str(j->arena, str(reason)), .key = j->key, .clock = j->clock, .pool = j->pool };
    if (!data_commit(j->arena, j->pipeline, j->ledger, &how, j->findings, &done, e))
        return false;
    *version = done.version;
    return digest_eq(&done.version.root, &s->root) ||
           err_set(e, E_IO, "%s: changed before it was committed; version %" PRIu64 " is not what this step made", out->path, done.version.version);
}

bool step_publish(const StepJob *j, Step *s, const uint32_t *from, const uint8_t *evidence, const RowPlace *out, Replace *file,
                  DataVersion *version, Err *e)
{
    *version = (DataVersion){ 0 };
    if (!step_write(j, s, from, evidence, e) || (file != NULL && !replace_commit(file, e)))
        return false;
    return out->dataset == NULL || commit(j, s, out, version, e);
}
