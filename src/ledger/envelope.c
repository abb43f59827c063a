/* envelope.c - see envelope.h. */
#include "ledger/envelope.h"

static void put_base64(JsonOut *w, const char *key, Str bytes)
{
    defer_buf Buf text = { 0 };
    base64_put(&text, bytes);
    w->b->bad |= text.bad;
    json_key(w, key);
    json_put_str(w, buf_view(&text));
}

bool envelope_write(Buf *out, Str type, Str body, const Key *signer, Err *e)
{
    defer_buf Buf sig = { 0 };
    char          id[DIGEST_HEX];
    if (!dsse_sign(signer, type, body, &sig, e))
        return false;
    key_id(signer, id);
    JsonOut w = json_out(out);
    json_open(&w, '{');
    json_key(&w, "payloadType");
    json_put_str(&w, type);
    put_base64(&w, "payload", body);
    json_key(&w, "signatures");
    json_open(&w, '[');
    json_open(&w, '{');
    json_key(&w, "keyid");
    json_put_z(&w, id);
    put_base64(&w, "sig", buf_view(&sig));
    json_close(&w, '}');
    json_close(&w, ']');
    json_close(&w, '}');
    return !out->bad && !sig.bad ? true : err_nomem(e);
}

/* RFC 4648 s5 differs from s4 in two letters; text that mixes the alphabets is neither. */
static bool decode(Arena *a, const Json *v, const char *name, Str *out, Err *e)
{
    if (v == NULL || v->type != JSON_STRING)
        return err_set(e, E_FORMAT, "envelope: '%s' is missing or not text", name);
    defer_buf Buf plain = { 0 }, bytes = { 0 };
    bool          url = memchr(v->text.p, '-', v->text.n) || memchr(v->text.p, '_', v->text.n);
    buf_str(&plain, v->text);
    for (size_t i = 0; url && i < plain.n; i++) {
        char c = plain.p[i];
        plain.p[i] = c == '-' ? '+' : c == '_' ? '/' : c == '+' || c == '/' ? '?' : c;
    }
    if (!base64_get(&bytes, buf_view(&plain)))
        return err_at(e, v->at, "envelope: '%s' is not base64", name);
    *out = arena_str(a, buf_view(&bytes));
    return out->p != NULL && !plain.bad && !bytes.bad ? true : err_nomem(e);
}

static bool read_signature(Arena *a, const Json *v, EnvelopeSig *out, Err *e)
{
    out->keyid = json_text(json_get(v, "keyid"), S(""));
    if (!decode(a, json_get(v, "sig"), "sig", &out->sig, e))
        return false;
    return out->sig.n > 0 || err_at(e, v->at, "envelope: a signature is empty");
}

bool envelope_read(Arena *a, const Json *object, Envelope *out, Err *e)
{
    *out = (Envelope){ 0 };
    const Json *type = json_get(object, "payloadType"), *list = json_get(object, "signatures");
    if (type == NULL || type->type != JSON_STRING || type->text.n == 0)
        return err_set(e, E_FORMAT, "envelope: 'payloadType' is missing or not text");
    if (list == NULL || list->type != JSON_ARRAY || list->count == 0)
        return err_set(e, E_FORMAT, "envelope: 'signatures' is missing or empty");
    if (list->count > ENVELOPE_SIGNATURES_MAX)
        return err_at(e, list->at, "envelope: %zu signatures; the limit is %d", list->count, ENVELOPE_SIGNATURES_MAX);
    out->type = type->text;
    if (!decode(a, json_get(object, "payload"), "payload", &out->body, e))
        return false;
    for (const Json *v = list->first; v != NULL; v = v->next, out->count++)
        if (!read_signature(a, v, &out->signatures[out->count], e))
            return false;
    return true;
}

bool envelope_parse(Arena *a, Str text, Envelope *out, Err *e)
{
    if (text.n > ENVELOPE_BYTES_MAX)
        return err_set(e, E_LIMIT, "envelope: %zu bytes; the limit is %d", text.n, ENVELOPE_BYTES_MAX);
    Json *v = json_parse(a, text, JSON_STRICT, e);
    return v != NULL ? envelope_read(a, v, out, e) : err_in(e, "envelope");
}

bool envelope_signed_by(const Envelope *v, const Key *k)
{
    for (size_t i = 0; i < v->count; i++)
        if (dsse_verify(k, v->type, v->body, v->signatures[i].sig))
            return true;
    return false;
}
