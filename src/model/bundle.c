/* bundle.c - see bundle.h. */
#include "model/bundle.h"

static const struct {
    const char *member, *name;
} methods[] = {
    [BUNDLE_KEY] = { "publicKey", "key" },
    [BUNDLE_CERTIFICATE] = { "x509CertificateChain", "certificate" },
    [BUNDLE_SIGSTORE] = { "certificate", "sigstore keyless" },
};

const char *bundle_method_name(BundleMethod m) { return methods[m].name; }

/* ---- reading */

/* The members of `object` are among `known`, and the first `required` of them are there. */
static bool members(const Json *object, const char *what, const char *const *known, size_t n, size_t required, Err *e)
{
    if (object == NULL || object->type != JSON_OBJECT)
        return err_set(e, E_FORMAT, "%s is missing or no object", what);
    for (size_t i = 0; i < required; i++)
        if (json_get(object, known[i]) == NULL)
            return err_at(e, object->at, "%s has no '%s'", what, known[i]);
    for (const Json *v = object->first; v != NULL; v = v->next) {
        bool found = false;
        for (size_t i = 0; i < n; i++)
            found |= str_is(v->key, known[i]);
        if (!found)
            return err_at(e, v->at, "%s has a member '%.*s' that the format does not know", what, STR(v->key));
    }
    return true;
}

static bool media_type_ok(BundleMethod m, Str type)
{
    static const char *const older[] = { "application/vnd.dev.sigstore.bundle+json;version=0.1",
                                         "application/vnd.dev.sigstore.bundle+json;version=0.2",
                                         "application/vnd.dev.sigstore.bundle+json;version=0.3" };
    for (size_t i = 0; m == BUNDLE_SIGSTORE && i < len_of(older); i++)
        if (str_is(type, older[i]))
            return true;
    return str_is(type, BUNDLE_TYPE);
}

static bool read_public_key(Arena *a, const Json *key, Bundle *out, Err *e)
{
    defer_buf Buf pem = { 0 };
    const Json   *raw = json_get(key, "rawBytes"), *hint = json_get(key, "hint");
    if (key->type != JSON_OBJECT || (hint != NULL && hint->type != JSON_STRING))
        return err_set(e, E_FORMAT, "bundle: publicKey is no object, or its hint no text");
    out->hint = json_text(hint, S(""));
    if (raw == NULL)
        return true;
    if (raw->type != JSON_STRING || !base64_get(&pem, raw->text))
        return err_set(e, E_FORMAT, "bundle: publicKey.rawBytes is not base64");
    out->pem = arena_str(a, buf_view(&pem));
    return out->pem.p != NULL || err_nomem(e);
}

static bool read_material(Arena *a, const Json *v, Bundle *out, Err *e)
{
    static const char *const known[] = { "publicKey", "x509CertificateChain", "certificate", "tlogEntries",
                                         "timestampVerificationData" };
    const Json *tlog = json_get(v, "tlogEntries");
    size_t      found = 0;
    if (!members(v, "bundle: verificationMaterial", known, len_of(known), 0, e))
        return false;
    for (size_t i = 0; i < len_of(methods); i++)
        if (json_get(v, methods[i].member) != NULL)
            out->method = (BundleMethod)i, found++;
    if (found != 1)
        return err_set(e, E_FORMAT, "bundle: %zu kinds of verification material; there is exactly one", found);
    if (tlog != NULL && tlog->type != JSON_ARRAY)
        return err_set(e, E_FORMAT, "bundle: tlogEntries is no list");
    if (out->method == BUNDLE_SIGSTORE && (tlog == NULL || tlog->count == 0))
        return err_set(e, E_FORMAT, "bundle: a keyless signature without a log entry");
    return out->method != BUNDLE_KEY || read_public_key(a, json_get(v, "publicKey"), out, e);
}

static bool keyid_ok(const Json *v) { return v == NULL || v->type == JSON_NULL || (v->type == JSON_STRING && v->text.n == 0); }

static bool read_envelope(Arena *a, const Json *v, Bundle *out, Err *e)
{
    static const char *const known[] = { "payload", "payloadType", "signatures" }, *const sig_known[] = { "sig", "keyid" };
    Envelope envelope;
    if (!members(v, "bundle: dsseEnvelope", known, len_of(known), len_of(known), e) || !envelope_read(a, v, &envelope, e))
        return false;
    if (envelope.count != 1)
        return err_set(e, E_FORMAT, "bundle: %zu signatures; there is exactly one", envelope.count);
    const Json *sig = json_get(v, "signatures")->first;
    if (!members(sig, "bundle: the signature", sig_known, len_of(sig_known), 1, e))
        return false;
    if (!keyid_ok(json_get(sig, "keyid")))
        return err_set(e, E_FORMAT, "bundle: the signature names a key id, which this format leaves empty");
    if (!str_is(envelope.type, INTOTO_TYPE))
        return err_set(e, E_FORMAT, "bundle: payload of type '%.*s' instead of %s", STR(envelope.type), INTOTO_TYPE);
    out->payload = envelope.body, out->signature = envelope.signatures[0].sig;
    return true;
}

bool bundle_parse(Arena *a, Str text, Bundle *out, Err *e)
{
    static const char *const known[] = { "mediaType", "verificationMaterial", "dsseEnvelope" };
    *out = (Bundle){ 0 };
    Json *root = json_parse(a, text, JSON_STRICT, e);
    if (root == NULL)
        return err_in(e, "bundle");
    if (!members(root, "bundle", known, len_of(known), len_of(known), e))
        return false;
    if (!read_material(a, json_get(root, "verificationMaterial"), out, e))
        return false;
    Str type = json_text(json_get(root, "mediaType"), S(""));
    if (!media_type_ok(out->method, type))
        return err_set(e, E_FORMAT, "bundle: '%.*s' is not a bundle's media type", STR(type));
    return read_envelope(a, json_get(root, "dsseEnvelope"), out, e);
}

/* ---- the signature */

static void put_repr(Buf *b, Str s)
{
    bool double_quotes = memchr(s.p, '\'', s.n) != NULL && memchr(s.p, '"', s.n) == NULL;
    buf_z(b, double_quotes ? "b\"" : "b'");
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = (uint8_t)s.p[i];
        if (c == '\n' || c == '\r' || c == '\t')
            buf_z(b, c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t");
        else if (c == '\\' || (c == '\'' && !double_quotes))
            buf_byte(b, '\\'), buf_byte(b, c);
        else if (c < 0x20 || c > 0x7E)
            buf_printf(b, "\\x%02x", c);
        else
            buf_byte(b, c);
    }
    buf_byte(b, double_quotes ? '"' : '\'');
}

void bundle_old_pae(Buf *out, Str type, Str body)
{
    buf_printf(out, "DSSEV1 %zu ", type.n);
    buf_str(out, type);
    buf_printf(out, " %zu ", body.n);
    put_repr(out, body);
}

bool bundle_signed_by(const Bundle *b, const Key *k, bool *old)
{
    defer_buf Buf pae = { 0 };
    *old = false;
    if (dsse_verify(k, S(INTOTO_TYPE), b->payload, b->signature))
        return true;
    bundle_old_pae(&pae, S(INTOTO_TYPE), b->payload);
    *old = !pae.bad && key_verify(k, buf_view(&pae), b->signature);
    return *old;
}

/* ---- writing */

static void put_base64(JsonOut *w, Str bytes)
{
    defer_buf Buf text = { 0 };
    base64_put(&text, bytes);
    json_put_str(w, buf_view(&text));
    w->b->bad |= text.bad;
}

static void put_envelope(JsonOut *w, Str payload, Str signature)
{
    json_open(w, '{');
    json_key(w, "payload"), put_base64(w, payload);
    json_key(w, "payloadType"), json_put_z(w, INTOTO_TYPE);
    json_key(w, "signatures"), json_open(w, '['), json_open(w, '{');
    json_key(w, "sig"), put_base64(w, signature);
    json_key(w, "keyid"), json_put_z(w, "");
    json_close(w, '}'), json_close(w, ']');
    json_close(w, '}');
}

bool bundle_write(Buf *out, Str payload, const Key *signer, Err *e)
{
    defer_buf Buf sig = { 0 };
    char          id[DIGEST_HEX];
    JsonOut       w = json_out(out);
    if (!dsse_sign(signer, S(INTOTO_TYPE), payload, &sig, e))
        return false;
    key_id(signer, id);
    json_open(&w, '{');
    json_key(&w, "mediaType"), json_put_z(&w, BUNDLE_TYPE);
    json_key(&w, "verificationMaterial"), json_open(&w, '{');
    json_key(&w, "publicKey"), json_open(&w, '{');
    json_key(&w, "hint"), json_put_z(&w, id);
    json_close(&w, '}');
    json_key(&w, "tlogEntries"), json_open(&w, '['), json_close(&w, ']');
    json_close(&w, '}');
    json_key(&w, "dsseEnvelope"), put_envelope(&w, payload, buf_view(&sig));
    json_close(&w, '}');
    buf_byte(out, '\n');
    return (!out->bad && !sig.bad) || err_nomem(e);
}
