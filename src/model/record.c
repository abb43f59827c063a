/* record.c - what happened to a model, for the ledger; see model.h. */
#include "model/model.h"

bool model_record(Ledger *l, Clock clock, RecordKind kind, Str actor, const ModelCheck *c, const ModelVerdict *v, Str serve, Err *e)
{
    defer_buf Buf body = { 0 };
    JsonOut       w = json_out(&body);
    json_open(&w, '{');
    json_member(&w, "name", str_starts(c->part, S("models.")) ? str_from(c->part, strlen("models.")) : c->part);
    json_member(&w, "path", str(c->path));
    json_member(&w, "signer", str(v->signer));
    json_key(&w, "files"), json_put_u64(&w, v->files);
    json_key(&w, "bytes"), json_put_u64(&w, v->bytes);
    json_key(&w, "verified"), json_put_bool(&w, v->verified);
    if (serve.n != 0)
        json_member(&w, "serve", serve);
    json_close(&w, '}');
    return body.bad ? err_nomem(e) : ledger_append(l, clock, kind, actor, v->has_digest ? &v->digest : NULL, buf_view(&body), NULL, e);
}
