/* record.c - what happened to a model, for the ledger; see model.h. */
#include "model/model.h"

static void text(JsonOut *w, const char *key, Str v)
{
    json_key(w, key);
    json_put_str(w, v);
}

bool model_record(Ledger *l, Clock clock, RecordKind kind, Str actor, const ModelCheck *c, const ModelVerdict *v, Str serve, Err *e)
{
    defer_buf Buf body = { 0 };
    JsonOut       w = json_out(&body);
    json_open(&w, '{');
    text(&w, "name", str_starts(c->part, S("models.")) ? str_from(c->part, strlen("models.")) : c->part);
    text(&w, "path", str(c->path));
    text(&w, "signer", str(v->signer));
    json_key(&w, "files"), json_put_u64(&w, v->files);
    json_key(&w, "bytes"), json_put_u64(&w, v->bytes);
    json_key(&w, "verified"), json_put_bool(&w, v->verified);
    if (serve.n != 0)
        text(&w, "serve", serve);
    json_close(&w, '}');
    return body.bad ? err_nomem(e) : ledger_append(l, clock, kind, actor, v->has_digest ? &v->digest : NULL, buf_view(&body), NULL, e);
}
