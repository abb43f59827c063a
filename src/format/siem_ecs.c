/* siem_ecs.c - the Elastic Common Schema (elastic.co/guide/en/ecs).  What it has no field for stands under moat.*
 *
 * moat.prediction, .value and .threshold are texts, because one field has one type in Elasticsearch and answers have many
 * shapes; event.original is the payload as the ledger's Merkle tree knows it, so an event can be proved from here. */
#include "base/clock.h"
#include "format/json.h"
#include "format/siem.h"

/* "a.b.c" opens a and b and writes c; the caller keeps rows of one object together. */
typedef struct Ecs {
    JsonOut w;
    Str     open;                                      /* the object that is open: "event", "http.request" */
} Ecs;

static size_t levels(Str path)
{
    size_t n = path.n > 0;
    for (size_t i = 0; i < path.n; i++)
        n += path.p[i] == '.';
    return n;
}

/* The longest beginning that both paths share, in whole names. */
static Str shared(Str a, Str b)
{
    size_t n = 0;
    for (size_t i = 0;; i++) {
        bool a_ends = i == a.n || a.p[i] == '.', b_ends = i == b.n || b.p[i] == '.';
        if (a_ends && b_ends)
            n = i;
        if (i == a.n || i == b.n || a.p[i] != b.p[i])
            return (Str){ a.p, n };
    }
}

/* Closes what `path` does not lie in and opens what it needs. */
static void enter(Ecs *o, Str path)
{
    Str same = shared(o->open, path), rest = str_from(path, same.n > 0 ? same.n + 1 : 0), name;
    for (size_t n = levels(o->open); n > levels(same); n--)
        json_close(&o->w, '}');
    while (rest.n > 0) {
        str_cut(rest, '.', &name, &rest);
        json_key_str(&o->w, name), json_open(&o->w, '{');
    }
    o->open = path;
}

static void at(Ecs *o, const char *field)
{
    const char *dot = strrchr(field, '.');
    enter(o, dot ? (Str){ field, (size_t)(dot - field) } : S(""));
    json_key(&o->w, dot ? dot + 1 : field);
}

static void text(Ecs *o, const char *field, Str v)
{
    if (v.n > 0)
        at(o, field), json_put_str(&o->w, v);
}

static void number(Ecs *o, const char *field, uint64_t v)
{
    if (v > 0)
        at(o, field), json_put_u64(&o->w, v);
}

static void list(Ecs *o, const char *field, const char *first, const char *second)
{
    at(o, field), json_open(&o->w, '['), json_put_z(&o->w, first);
    if (second != NULL)
        json_put_z(&o->w, second);
    json_close(&o->w, ']');
}

static void request_put(Ecs *o, const SiemEvent *v)
{
    bool pass = str_is(v->verdict, "pass"), refuse = str_is(v->verdict, "refuse");
    text(o, "event.action", S("predict")), list(o, "event.category", "web", "api");
    list(o, "event.type", "access", pass ? "allowed" : refuse ? "denied" : "error");
    text(o, "event.outcome", pass ? S("success") : S("failure")), text(o, "event.reason", v->reason);
    number(o, "event.duration", v->total_us * 1000);
    text(o, siem_is_ip(v->address) ? "source.ip" : "source.address", v->address), text(o, "user.id", v->key), text(o, "service.name", v->endpoint);
    text(o, "http.request.id", v->request), text(o, "http.request.method", v->method);
    number(o, "http.request.body.bytes", v->bytes_in);
    number(o, "http.response.status_code", v->status), number(o, "http.response.body.bytes", v->bytes_out);
    text(o, "gen_ai.request.model", v->model);
    text(o, "moat.model_digest", v->model_digest), text(o, "moat.verdict", v->verdict);
    number(o, "moat.checks", v->checks), number(o, "moat.cost", v->cost), number(o, "moat.upstream_us", v->upstream_us);
    text(o, "moat.prediction", v->prediction);
}

static void attack_put(Ecs *o, Str id)
{
    size_t n = siem_technique(id);
    text(o, "threat.framework", S("MITRE ATLAS"));
    at(o, "threat.technique.id"), json_open(&o->w, '['), json_put_str(&o->w, (Str){ id.p, n }), json_close(&o->w, ']');
    if (n < id.n)
        at(o, "threat.technique.subtechnique.id"), json_open(&o->w, '['), json_put_str(&o->w, id), json_close(&o->w, ']');
}

static void alert_put(Ecs *o, const SiemEvent *v)
{
    text(o, "event.action", v->state), text(o, "event.code", v->rule);
    if (v->technique.n > 0)
        list(o, "event.category", "threat", NULL), list(o, "event.type", "indicator", NULL);
    else
        list(o, "event.type", "info", NULL);
    text(o, "message", v->message);
    text(o, "rule.id", v->rule), text(o, "rule.name", v->title);
    if (v->technique.n > 0)
        attack_put(o, v->technique);
    text(o, "moat.alert_id", v->alert_id), text(o, "moat.part", v->part), text(o, "moat.subject", v->subject);
    text(o, "moat.value", v->value), text(o, "moat.threshold", v->threshold);
    text(o, "moat.since", v->since), text(o, "moat.fix", v->fix);
}

void siem_ecs(Buf *b, const SiemSource *from, const SiemEvent *v)
{
    char time[TIME_TEXT];
    Ecs  o = { .w = json_out(b) };
    time_text(v->time_ns, time);
    json_open(&o.w, '{');
    text(&o, "@timestamp", str(time)), text(&o, "ecs.version", S("9.5.0-dev"));
    text(&o, "host.name", from->host);
    text(&o, "observer.vendor", S("moat")), text(&o, "observer.product", S("moat")), text(&o, "observer.version", from->version);
    text(&o, "event.id", v->id), text(&o, "event.kind", v->alert ? S("alert") : S("event"));
    text(&o, "event.module", S("moat")), text(&o, "event.dataset", v->alert ? S("moat.alert") : S("moat.request"));
    text(&o, "event.provider", v->producer), number(&o, "event.severity", v->severity);
    at(&o, "event.sequence"), json_put_u64(&o.w, v->seq);
    text(&o, "event.original", v->raw);
    if (v->alert)
        alert_put(&o, v);
    else
        request_put(&o, v);
    text(&o, "moat.system", from->system), number(&o, "moat.untruncated_bytes", v->cut_from);
    enter(&o, S(""));
    json_close(&o.w, '}');
}
