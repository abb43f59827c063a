/* version.c - see version.h. */
#include "data/version.h"
#include "base/file.h"
#include "data/store.h"

enum { BODY_MAX = 16 << 20 };

/* ---- writing */

static void put_text(JsonOut *w, const char *key, Str v)
{
    json_key(w, key);
    if (v.n)
        json_put_str(w, v);
    else
        json_put_null(w);
}

void version_put_digest(JsonOut *w, const char *key, const Digest *d)
{
    char hex[DIGEST_HEX];
    digest_hex(d, hex);
    json_key(w, key);
    json_put_z(w, hex);
}

static void put_json(JsonOut *w, const char *key, Str json)
{
    json_key(w, key);
    json_put_raw(w, json.n ? json : S("null"));
}

static void put_subject(JsonOut *w, const DataVersion *v, Str dataset)
{
    json_key(w, "subject");
    json_open(w, '[');
    json_open(w, '{');
    put_text(w, "name", dataset);
    json_key(w, "digest");
    json_open(w, '{');
    version_put_digest(w, "sha256", &v->root);
    json_close(w, '}');
    json_close(w, '}');
    json_close(w, ']');
}

static void put_labels(JsonOut *w, const DataVersion *v, Str header)
{
    json_key(w, "labels");
    if (!v->has_labels) {
        json_put_null(w);
        return;
    }
    json_open(w, '{');
    version_put_digest(w, "root", &v->labels_root);
    json_member_u64(w, "rows", v->labels_rows);
    put_json(w, "header", header);
    json_close(w, '}');
}

static void put_expiry(JsonOut *w, int64_t ns)
{
    char text[TIME_TEXT] = "";
    if (ns != 0)
        time_text(ns, text);
    put_text(w, "expires", str(text));
}

static void put_predicate(JsonOut *w, const DataVersion *v, const VersionMore *more, Str signer)
{
    json_open(w, '{');
    put_text(w, "dataset", more->dataset);
    json_member_u64(w, "version", v->version);
    if (v->version > 1)
        version_put_digest(w, "parent", &v->parent);
    else
        put_text(w, "parent", S(""));
    version_put_digest(w, "tree", &v->tree);
    version_put_digest(w, "root", &v->root);
    json_member_u64(w, "rows", v->rows);
    json_member_u64(w, "bytes", v->bytes);
    json_member_u64(w, "files", v->files);
    put_json(w, "header", more->header);
    put_labels(w, v, more->labels_header);
    version_put_digest(w, "policy", &more->policy);
    put_expiry(w, v->expires_ns);
    json_member_u64(w, "reverts", v->reverts);
    put_text(w, "reason", v->reason);
    put_text(w, "time", v->time);
    put_text(w, "actor", more->actor);
    put_text(w, "signer", signer);
    json_close(w, '}');
}

bool version_body(Buf *out, const DataVersion *v, const VersionMore *more, const Key *signer, Err *e)
{
    defer_buf Buf pem = { 0 };
    JsonOut       w = json_out(out);
    if (!key_public_pem(signer, &pem))
        return err_nomem(e);
    json_open(&w, '{');
    put_text(&w, "_type", S("https://in-toto.io/Statement/v1"));
    put_subject(&w, v, more->dataset);
    put_text(&w, "predicateType", S(VERSION_PREDICATE));
    json_key(&w, "predicate");
    put_predicate(&w, v, more, buf_view(&pem));
    json_close(&w, '}');
    return !out->bad || err_nomem(e);
}

/* ---- reading */

static bool want(bool ok, const char *key, Err *e) { return ok || err_set(e, E_FORMAT, "statement: '%s' is missing or wrong", key); }

static bool get_digest(const Json *v, const char *key, Digest *out, Err *e)
{
    return want(digest_parse(json_text(json_get(v, key), S("")), out), key, e);
}

static bool get_count(const Json *v, const char *key, uint64_t *out, Err *e) { return want(json_u64(json_get(v, key), out), key, e); }

static bool get_labels(const Json *v, DataVersion *out, Err *e)
{
    const Json *labels = json_get(v, "labels");
    if (!want(labels != NULL, "labels", e) || labels->type == JSON_NULL)
        return labels != NULL;
    out->has_labels = true;
    return get_digest(labels, "root", &out->labels_root, e) && get_count(labels, "rows", &out->labels_rows, e);
}

static bool get_expiry(const Json *v, DataVersion *out, Err *e)
{
    const Json *x = json_get(v, "expires");
    if (x != NULL && x->type == JSON_NULL)
        return true;
    return want(time_parse(json_text(x, S("")), &out->expires_ns) && out->expires_ns != 0, "expires", e);
}

static bool get_parent(const Json *v, DataVersion *out, Err *e)
{
    const Json *x = json_get(v, "parent");
    if (out->version == 1)
        return want(x != NULL && x->type == JSON_NULL, "parent", e);
    return get_digest(v, "parent", &out->parent, e);
}

static bool get_predicate(const Json *v, DataVersion *out, Err *e)
{
    if (!get_count(v, "version", &out->version, e) || !want(out->version > 0, "version", e) || !get_parent(v, out, e))
        return false;
    if (!get_digest(v, "tree", &out->tree, e) || !get_digest(v, "root", &out->root, e))
        return false;
    if (!get_count(v, "rows", &out->rows, e) || !get_count(v, "bytes", &out->bytes, e) || !get_count(v, "files", &out->files, e))
        return false;
    if (!get_count(v, "reverts", &out->reverts, e) || !get_labels(v, out, e) || !get_expiry(v, out, e))
        return false;
    out->time = json_text(json_get(v, "time"), S(""));
    out->reason = json_text(json_get(v, "reason"), S(""));
    out->format = json_text(json_get(json_get(v, "header"), "format"), S(""));
    out->signer = json_text(json_get(v, "signer"), S(""));
    return want(out->time.n > 0, "time", e) && want(out->format.n > 0, "header", e);
}

bool version_parse(Arena *a, Str body, Str dataset, DataVersion *out, Err *e)
{
    Json *v = json_parse(a, body, JSON_STRICT, e);
    *out = (DataVersion){ 0 };
    if (v == NULL)
        return err_in(e, "statement");
    if (!want(str_is(json_text(json_get(v, "_type"), S("")), "https://in-toto.io/Statement/v1"), "_type", e) ||
        !want(str_is(json_text(json_get(v, "predicateType"), S("")), VERSION_PREDICATE), "predicateType", e))
        return false;
    out->predicate = json_get(v, "predicate");
    Str name = json_text(json_get(out->predicate, "dataset"), S(""));
    if (!str_eq(name, dataset))
        return err_set(e, E_FORMAT, "statement: is about '%.*s', not '%.*s'", STR(name), STR(dataset));
    return get_predicate(out->predicate, out, e);
}

bool version_load(Arena *a, const char *objects, const Digest *id, Str dataset, Envelope *envelope, DataVersion *out, Err *e)
{
    Str   text;
    char *path = object_path(a, objects, "statement", ".json", id);
    if (path == NULL)
        return err_nomem(e);
    if (!file_read(a, path, BODY_MAX, &text, e))
        return false;
    if (!envelope_parse(a, text, envelope, e))
        return err_in(e, "%s", path);
    Digest got = sha256(envelope->body);
    if (!digest_eq(&got, id))
        return err_set(e, E_FORMAT, "%s: its body does not have the digest in its name", path);
    if (!str_is(envelope->type, INTOTO_TYPE))
        return err_set(e, E_FORMAT, "%s: of another payload type", path);
    if (!version_parse(a, envelope->body, dataset, out, e))
        return err_in(e, "%s", path);
    out->statement = *id;
    out->keyid = envelope->signatures[0].keyid;
    return true;
}
