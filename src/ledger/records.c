/* records.c - what can happen, and the bytes that say so: record_table of ledger.h, and record.h. */
#include "ledger/record.h"

const RecordRow record_table[RECORD_KINDS] = {
    [RECORD_DATA_COMMIT] = { "data.commit", "name, version, root, rows, bytes, tree, statement, reverts",
        "a version of a dataset was committed; the subject is its statement" },
    [RECORD_DATA_RESTORE] = { "data.restore", "name, version, root, statement, path, as_head, reason",
        "a committed version was written back to disk; the subject is its statement" },
    [RECORD_DATA_SCAN] = { "data.scan", "name, detector, rows, columns, flagged, filled, threshold, forest, noise",
        "a dataset was searched for odd rows or wrong labels; the subject is its file" },
    [RECORD_DATA_ACCESS] = { "data.access", "name, action, changed, skipped",
        "rights on a dataset's files were changed (apply) or put back (undo); the subject is the journal of what was before" },
    [RECORD_DATA_STEP] = { "data.step", "verb, name, kind, root, rows, map, statement, inputs, edges",
        "rows were imported, or made from other rows; the subject is the step's statement" },
    [RECORD_TRAINING] = { "training", "name, data, data_root, data_version, model, code, parameters, metrics, private",
        "a model was trained; the subject is the model file" },
    [RECORD_PRIVACY] = { "privacy", "name, model, statement",
        "a model was trained with differential privacy and this statement (moat.privacy.statement/1); the subject is the model file" },
    [RECORD_MODEL_SIGN] = { "model.sign", "name, path, signer, files, bytes, verified",
        "a model was signed; the subject is its digest" },
    [RECORD_MODEL_VERIFY] = { "model.verify", "name, path, signer, files, bytes, verified",
        "a model was verified, with this outcome; the subject is its digest" },
    [RECORD_MODEL_ACCEPT] = { "model.accept", "name, path, signer, files, bytes, verified",
        "somebody took in a model that was made and signed elsewhere; the subject is its digest" },
    [RECORD_MODEL_DEPLOY] = { "model.deploy", "name, path, signer, files, bytes, verified, serve",
        "a model server began to answer with a model; the subject is its digest" },
    [RECORD_MODEL_SCAN] = { "model.scan", "name, path, verdict, scanner, rules, files",
        "a model was scanned for what loading it would do; the subject is its digest" },
    [RECORD_MODEL_SEAL] = { "model.seal", "name, path, sealed, recipients",
        "a model was encrypted into the file at path, whose SHA-256 is sealed; the subject is the digest of what was sealed" },
    [RECORD_KEY_NEW] = { "key.new", "name, kind, key_id",
        "a signing key was made; the subject is its key id" },
    [RECORD_GATE_KEY] = { "gate.key", "name, action, id, scopes",
        "an API key was made, rotated or revoked" },
    [RECORD_GATE_CALIBRATE] = { "gate.calibrate", "name, model, rows, rate_bound",
        "the query detector of an endpoint was calibrated for a model; the subject is the detector" },
    [RECORD_GATE_START] = { "gate.start", "listen, policy, endpoints",
        "the gateway started; the subject is its compiled policy" },
    [RECORD_GATE_STOP] = { "gate.stop", "listen, policy, endpoints",
        "the gateway stopped; the subject is its compiled policy" },
    [RECORD_EVENT_BATCH] = { "event.batch", "name, first, count, lost, previous",
        "events of the spool called name; the subject is the root of their own tree" },
    [RECORD_CHECK] = { "check", "score, coverage, findings",
        "`moat check --record` judged the pipeline" },
    [RECORD_CHECKPOINT] = { "checkpoint", "origin, size, root, key_id, verifier_key",
        "a checkpoint was signed and handed out" },
    [RECORD_WATCH_ALERT] = { "watch.alert", "name, state, rule, severity, part, subject, message, value, threshold, since",
        "an alert began or ended; name is the alert's id" },
    [RECORD_WATCH_REFERENCE] = { "watch.reference", "name, metric, features, classes",
        "a monitor began to compare with another reference; the subject is the digest of its bins" },
};

static const char *const head =
    "# Records\n\n"
    "One line of this table for each kind of record in the ledger. `moat help records` prints it; do not edit it by hand.\n\n"
    "A record is one JSON object, stored and hashed as exactly these bytes:\n\n"
    "    {\"kind\":KIND,\"time\":TIME,\"actor\":ACTOR,\"subject\":SUBJECT,\"body\":{...}}\n\n"
    "`time` is RFC 3339 in UTC with milliseconds. `actor` is who did it: `uid:1000`, `moat gate`. `subject` is the\n"
    "lower-case hexadecimal SHA-256 of what it happened to, or empty. Members are only ever added to a body.\n"
    "A record is at most 65,535 bytes. Record number N is leaf N of the RFC 6962 tree that checkpoints sign.\n\n"
    "| kind | members of the body | meaning |\n"
    "|---|---|---|\n";

void ledger_records_text(Buf *out)
{
    buf_z(out, head);
    for (size_t i = 0; i < RECORD_KINDS; i++)
        buf_printf(out, "| `%s` | %s | %s |\n", record_table[i].name, record_table[i].body, record_table[i].meaning);
}

/* ---- writing */

static bool put_body(JsonOut *w, Str body, Err *e)
{
    defer_arena Arena *a = arena_new(RECORD_ARENA);
    if (a == NULL)
        return err_nomem(e);
    Json *tree = json_parse(a, body, JSON_STRICT, e);
    if (tree == NULL)
        return err_in(e, "record body");
    if (tree->type != JSON_OBJECT)
        return err_set(e, E_FORMAT, "record body: not a JSON object");
    json_key(w, "body");
    json_put_tree(w, tree);
    return true;
}

bool record_write(Buf *out, RecordKind kind, int64_t time_ns, Str actor, const Digest *subject, Str body, Err *e)
{
    char    when[TIME_TEXT], hex[DIGEST_HEX] = "";
    size_t  before = out->n;
    JsonOut w = json_out(out);
    assert(kind < RECORD_KINDS);
    if (body.n > RECORD_LIMIT || actor.n > RECORD_LIMIT)
        return err_set(e, E_LIMIT, "record: larger than %d bytes", RECORD_LIMIT);
    time_text(time_ns, when);
    if (subject != NULL)
        digest_hex(subject, hex);
    json_open(&w, '{');
    json_member(&w, "kind", str(record_table[kind].name));
    json_member(&w, "time", str(when));
    json_member(&w, "actor", actor);
    json_member(&w, "subject", str(hex));
    bool ok = put_body(&w, body, e);
    json_close(&w, '}');
    if (ok && out->bad)
        ok = err_nomem(e);
    if (ok && out->n - before > RECORD_LIMIT)
        ok = err_set(e, E_LIMIT, "record: larger than %d bytes", RECORD_LIMIT);
    if (!ok)
        out->n = before;
    return ok;
}

/* ---- reading */

static bool take(const Json *o, const char *key, Str *out, Err *e)
{
    const Json *v = json_get(o, key);
    if (v == NULL || v->type != JSON_STRING)
        return err_set(e, E_FORMAT, "record: no text \"%s\"", key);
    *out = v->text;
    return true;
}

static bool subject_ok(Str s)
{
    Digest d;
    char   hex[DIGEST_HEX];
    if (s.n == 0)
        return true;
    if (!digest_parse(s, &d))
        return false;
    digest_hex(&d, hex);
    return str_is(s, hex);
}

bool record_parse(Arena *a, Str bytes, Record *out, Err *e)
{
    if (bytes.n > RECORD_LIMIT)
        return err_set(e, E_LIMIT, "record: larger than %d bytes", RECORD_LIMIT);
    Str         own = arena_str(a, bytes);
    const Json *o = own.p ? json_parse(a, own, JSON_STRICT, e) : NULL;
    if (own.p == NULL)
        return err_nomem(e);
    if (o == NULL)
        return err_in(e, "record");
    const Json *body = json_get(o, "body");
    Record      r = { .seq = out->seq, .bytes = own, .body = body };
    if (!take(o, "kind", &r.kind, e) || !take(o, "time", &r.time, e) || !take(o, "actor", &r.actor, e) || !take(o, "subject", &r.subject, e))
        return false;
    if (!subject_ok(r.subject))
        return err_set(e, E_FORMAT, "record: its subject is not a digest");
    if (body == NULL || body->type != JSON_OBJECT)
        return err_set(e, E_FORMAT, "record: no body");
    *out = r;
    return true;
}
