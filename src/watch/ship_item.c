/* ship_item.c - see ship.h: a frame of the spool as an event, in the words of a sink's format. */
#include "crypto/digest.h"
#include "finding/finding.h"
#include "watch/ship.h"

static unsigned request_severity(Str verdict) { return str_is(verdict, "pass") ? SIEM_INFO : str_is(verdict, "refuse") ? SIEM_LOW : SIEM_MEDIUM; }

static Str model_name(const Pipeline *p, Str endpoint)
{
    Str             section, name;
    const Endpoint *at = str_cut(endpoint, '.', &section, &name) && p != NULL ? pipeline_endpoint(p, name) : NULL;
    return at != NULL ? at->model : S("");
}

static bool request_fill(Arena *a, const Pipeline *p, ShipItem *i, bool cut, Err *e)
{
    Event         q;
    SiemEvent    *v = &i->v;
    defer_buf Buf raw = { 0 };
    if (!event_get(a, i->payload, &q, e))
        return false;
    if (cut) {
        q.prediction = S("");
        if (!event_put(&raw, &q) || (v->raw = arena_str(a, buf_view(&raw))).p == NULL)
            return err_nomem(e);
        v->cut_from = i->payload.n;
    }
    v->severity = request_severity(q.verdict);
    v->request = q.request, v->endpoint = q.endpoint, v->method = q.method, v->address = q.address, v->key = q.key;
    v->model = model_name(p, q.endpoint), v->model_digest = q.model;
    v->verdict = q.verdict, v->reason = q.reason, v->prediction = q.prediction;
    v->status = q.status, v->checks = q.checks, v->cost = q.cost, v->bytes_in = q.bytes_in, v->bytes_out = q.bytes_out;
    v->upstream_us = q.upstream_us, v->total_us = q.total_us;
    return true;
}

static bool alert_fill(Arena *a, ShipItem *i, Err *e)
{
    AlertEvent q;
    SiemEvent *v = &i->v;
    Severity   severity = SEV_INFO;
    if (!alert_event_get(a, i->payload, &q, e))
        return false;
    v->alert = true;
    v->severity = severity_parse(q.severity, &severity) ? SIEM_INFO + (unsigned)severity : SIEM_UNKNOWN;
    v->alert_id = q.id, v->state = q.state, v->rule = q.rule, v->title = q.title, v->message = q.message, v->fix = q.fix;
    v->part = q.part, v->subject = q.subject, v->technique = q.technique, v->since = q.since;
    v->value = q.value, v->threshold = q.threshold;
    return true;
}

static bool write(Arena *a, const Sink *s, ShipItem *i)
{
    defer_buf Buf b = { 0 };
    if (s->kind->write != NULL)
        s->kind->write(s, &b, i);
    else
        s->c.format->put(&b, &s->from, &i->v);
    i->text = b.bad ? (Str){ NULL, 0 } : arena_str(a, buf_view(&b));
    return i->text.p != NULL;
}

static bool fits(const Sink *s, const ShipItem *i) { return s->kind->write == NULL || i->text.n <= s->c.message_max; }

/* Payload, kind, id and time are set; everything else follows.  Too long for the receiver: once more without the prediction. */
static bool fill(Arena *a, const Sink *s, const Pipeline *p, ShipItem *i)
{
    Err e = { 0 };
    i->v.id = str(i->id), i->v.raw = i->payload;
    if (!(i->kind == SPOOL_ALERT ? alert_fill(a, i, &e) : request_fill(a, p, i, false, &e))) {
        item_dead(i, "not an event: %.160s", e.message);
        return e.code != E_NOMEM;
    }
    if (!write(a, s, i))
        return false;
    if (!fits(s, i) && i->kind == SPOOL_REQUEST && (!request_fill(a, p, i, true, &e) || !write(a, s, i)))
        return false;
    if (!fits(s, i))
        item_dead(i, "a message of %zu bytes; message_max is %" PRIu64, i->text.n, s->c.message_max);
    return true;
}

bool ship_item(Arena *a, const Sink *s, const Pipeline *p, const SpoolFrame *f, const char *producer, const uint8_t *id, ShipItem *out)
{
    *out = (ShipItem){ .kind = f->kind, .payload = arena_str(a, f->payload) };
    event_id(id, f->seq, out->id);
    out->v.time_ns = f->time_ns, out->v.seq = f->seq, out->v.producer = arena_str(a, str(producer));
    return out->payload.p != NULL && out->v.producer.p != NULL && fill(a, s, p, out);
}

bool ship_item_again(Arena *a, const Sink *s, const Pipeline *p, const Json *line, ShipItem *out)
{
    uint64_t kind = 0;
    json_u64(json_get(line, "kind"), &kind);
    *out = (ShipItem){ .kind = (uint16_t)(kind <= UINT16_MAX ? kind : 0), .payload = json_text(json_get(line, "payload"), S("")) };
    snprintf(out->id, sizeof out->id, "%.*s", STR(json_text(json_get(line, "id"), S(""))));
    json_i64(json_get(line, "time_ns"), &out->v.time_ns), json_u64(json_get(line, "seq"), &out->v.seq);
    out->v.producer = json_text(json_get(line, "producer"), S(""));
    return fill(a, s, p, out);
}
