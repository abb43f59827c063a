/* siem_ocsf.c - OCSF 1.9.0: API Activity (class 6003) and Detection Finding (class 2004), schema.ocsf.io.
 *
 * What OCSF has no word for stands under `unmapped`, as it asks.  Prompt and answer texts are no part of it. */
#include "format/json.h"
#include "format/siem.h"

enum { API_ACTIVITY = 6003, DETECTION_FINDING = 2004, OTHER = 99 };

static void text_if(JsonOut *w, const char *key, Str v)
{
    if (v.n > 0)
        json_member(w, key, v);
}

static void number_if(JsonOut *w, const char *key, uint64_t v)
{
    if (v > 0)
        json_member_u64(w, key, v);
}

static void raw_if(JsonOut *w, const char *key, Str v)
{
    if (v.n > 0)
        json_key(w, key), json_put_raw(w, v);
}

static void base_put(JsonOut *w, const SiemSource *from, const SiemEvent *v, unsigned class_uid, unsigned activity)
{
    json_member_u64(w, "class_uid", class_uid), json_member_u64(w, "category_uid", class_uid / 1000);
    json_member_u64(w, "activity_id", activity), json_member_u64(w, "type_uid", class_uid * 100 + activity);
    json_member_u64(w, "severity_id", v->severity);
    json_key(w, "time"), json_put_i64(w, v->time_ns / 1000000);
    json_key(w, "metadata"), json_open(w, '{');
    json_member(w, "version", S("1.9.0-dev")), json_member(w, "uid", v->id);
    text_if(w, "log_name", v->producer), json_member_u64(w, "sequence", v->seq);
    json_key(w, "profiles"), json_put_raw(w, v->alert ? S("[]") : S("[\"ai_operation\",\"security_control\"]"));
    if (v->cut_from > 0)
        json_key(w, "is_truncated"), json_put_bool(w, true), json_member_u64(w, "untruncated_size", v->cut_from);
    json_key(w, "product"), json_open(w, '{');
    json_member(w, "name", S("moat")), json_member(w, "vendor_name", S("moat")), json_member(w, "version", from->version);
    json_close(w, '}');
    json_close(w, '}');
}

/* Who asked, from where, for what. */
static void parties_put(JsonOut *w, const SiemEvent *v)
{
    json_key(w, "actor"), json_open(w, '{');
    json_key(w, "user"), json_open(w, '{');
    if (v->key.n > 0)
        json_member(w, "uid", v->key);
    else
        json_member(w, "name", S("anonymous"));
    json_close(w, '}'), json_close(w, '}');
    json_key(w, "src_endpoint"), json_open(w, '{');
    json_member(w, siem_is_ip(v->address) ? "ip" : "name", v->address.n > 0 ? v->address : S("unknown"));
    json_close(w, '}');
    json_key(w, "api"), json_open(w, '{');
    json_member(w, "operation", v->endpoint.n > 0 ? v->endpoint : S("unknown"));
    if (v->request.n > 0) {
        json_key(w, "request"), json_open(w, '{');
        json_member(w, "uid", v->request), json_close(w, '}');
    }
    json_close(w, '}');
}

static void http_put(JsonOut *w, const SiemEvent *v)
{
    json_key(w, "http_request"), json_open(w, '{');
    text_if(w, "http_method", v->method), number_if(w, "body_length", v->bytes_in);
    json_close(w, '}');
    json_key(w, "http_response"), json_open(w, '{');
    json_member_u64(w, "code", v->status), number_if(w, "body_length", v->bytes_out);
    json_close(w, '}');
}

static void model_put(JsonOut *w, const SiemSource *from, const SiemEvent *v)
{
    if (v->model.n == 0 && v->model_digest.n == 0)
        return;
    json_key(w, "ai_model"), json_open(w, '{');
    json_member(w, "ai_provider", from->system), json_member(w, "name", v->model.n > 0 ? v->model : v->model_digest);
    text_if(w, "version", v->model_digest);
    json_close(w, '}');
}

/* Allowed, denied by policy, or failed on our side. */
static void outcome_put(JsonOut *w, const SiemEvent *v)
{
    bool pass = str_is(v->verdict, "pass"), refuse = str_is(v->verdict, "refuse");
    json_member_u64(w, "status_id", pass ? 1 : 2);
    char code[24];
    int  n = snprintf(code, sizeof code, "%" PRIu64, v->status);
    json_member(w, "status_code", (Str){ code, (size_t)n });
    text_if(w, "status_detail", v->reason);
    json_member_u64(w, "action_id", pass ? 1 : refuse ? 2 : OTHER);
    if (!pass && !refuse)
        json_member(w, "action", S("failed"));
    json_member_u64(w, "disposition_id", pass ? 1 : refuse ? 2 : 27);
    json_key(w, "duration"), json_put_u64(w, v->total_us / 1000);
}

static void request_put(JsonOut *w, const SiemSource *from, const SiemEvent *v)
{
    base_put(w, from, v, API_ACTIVITY, OTHER);
    json_member(w, "activity_name", S("Predict"));
    parties_put(w, v), http_put(w, v), model_put(w, from, v), outcome_put(w, v);
    json_key(w, "unmapped"), json_open(w, '{');
    number_if(w, "checks", v->checks), number_if(w, "cost", v->cost);
    number_if(w, "upstream_us", v->upstream_us), number_if(w, "total_us", v->total_us);
    text_if(w, "verdict", v->verdict), raw_if(w, "prediction", v->prediction);
    json_close(w, '}');
}

/* A sub-technique names its technique too. */
static void attack_put(JsonOut *w, Str id)
{
    size_t n = siem_technique(id);
    json_key(w, "attacks"), json_open(w, '['), json_open(w, '{');
    json_key(w, "technique"), json_open(w, '{');
    json_member(w, "uid", (Str){ id.p, n }), json_close(w, '}');
    if (n < id.n) {
        json_key(w, "sub_technique"), json_open(w, '{');
        json_member(w, "uid", id), json_close(w, '}');
    }
    json_close(w, '}'), json_close(w, ']');
}

static void info_put(JsonOut *w, const SiemEvent *v)
{
    json_key(w, "finding_info"), json_open(w, '{');
    json_member(w, "uid", v->alert_id.n > 0 ? v->alert_id : v->id);
    text_if(w, "title", v->title), text_if(w, "desc", v->message);
    if (v->rule.n > 0) {
        json_key(w, "analytic"), json_open(w, '{');
        json_member(w, "uid", v->rule), json_member_u64(w, "type_id", 1), text_if(w, "name", v->title);
        json_close(w, '}');
    }
    if (v->technique.n > 0)
        attack_put(w, v->technique);
    json_close(w, '}');
}

static void alert_put(JsonOut *w, const SiemSource *from, const SiemEvent *v)
{
    bool closed = str_is(v->state, "resolved"), update = str_is(v->state, "update");
    base_put(w, from, v, DETECTION_FINDING, closed ? 3 : update ? 2 : 1);
    json_member_u64(w, "status_id", closed ? 4 : 1);
    json_key(w, "is_alert"), json_put_bool(w, true);
    text_if(w, "message", v->message);
    info_put(w, v);
    if (v->part.n > 0) {
        json_key(w, "resources"), json_open(w, '['), json_open(w, '{');
        json_member(w, "uid", v->part), text_if(w, "name", v->subject);
        json_close(w, '}'), json_close(w, ']');
    }
    if (v->fix.n > 0) {
        json_key(w, "remediation"), json_open(w, '{');
        json_member(w, "desc", v->fix), json_close(w, '}');
    }
    json_key(w, "unmapped"), json_open(w, '{');
    text_if(w, "state", v->state), text_if(w, "since", v->since), text_if(w, "system", from->system);
    text_if(w, "subject", v->subject), raw_if(w, "value", v->value), raw_if(w, "threshold", v->threshold);
    json_close(w, '}');
}

void siem_ocsf(Buf *b, const SiemSource *from, const SiemEvent *v)
{
    JsonOut w = json_out(b);
    json_open(&w, '{');
    if (v->alert)
        alert_put(&w, from, v);
    else
        request_put(&w, from, v);
    json_close(&w, '}');
}
