/* verdict.c - the reasons' table, and the texts of a refusal; see verdict.h. */
#include "gate/verdict.h"

typedef struct ReasonRow {
    const char *name;                                  /* for logs and events */
    uint16_t    status;
    const char *code;                                  /* for the client: alike where it must not learn more */
    const char *detail;
} ReasonRow;

#define NO_CREDENTIAL "unauthorized", "a valid API key is required"
#define BAD_ANSWER    "upstream", "the model server's answer could not be released"

static const ReasonRow rows[GATE_REASONS] = {
    [GATE_OK]                = { "ok", 0, "ok", "" },
    [GATE_PATH]              = { "path", 400, "path", "the path is not in its normal form" },
    [GATE_ROUTE]             = { "route", 404, "route", "there is no such endpoint" },
    [GATE_METHOD]            = { "method", 405, "method", "the endpoint does not take this method" },
    [GATE_NO_KEY]            = { "no_key", 401, NO_CREDENTIAL },
    [GATE_KEY_SHAPE]         = { "key_shape", 401, NO_CREDENTIAL },
    [GATE_KEY_UNKNOWN]       = { "key_unknown", 401, NO_CREDENTIAL },
    [GATE_KEY_WRONG]         = { "key_wrong", 401, NO_CREDENTIAL },
    [GATE_KEY_EARLY]         = { "key_early", 401, NO_CREDENTIAL },
    [GATE_KEY_EXPIRED]       = { "key_expired", 401, NO_CREDENTIAL },
    [GATE_KEY_REVOKED]       = { "key_revoked", 401, NO_CREDENTIAL },
    [GATE_KEY_TWICE]         = { "key_twice", 401, "unauthorized", "send one credential" },
    [GATE_KEY_IN_QUERY]      = { "key_in_query", 401, "unauthorized",
                                 "a key in an address is a leaked key: have it revoked, and send keys in a header" },
    [GATE_KEY_SCOPE]         = { "key_scope", 403, "forbidden", "the key may not use this endpoint" },
    [GATE_KEY_MODEL]         = { "key_model", 403, "forbidden", "the key may not use this model" },
    [GATE_KEY_METHOD]        = { "key_method", 403, "forbidden", "the key may not use this method" },
    [GATE_KEY_ADDRESS]       = { "key_address", 403, "forbidden", "the key may not be used from here" },
    [GATE_KEYS_ABSENT]       = { "keys_absent", 503, "unavailable", "keys cannot be checked now" },
    [GATE_EXPLAIN]           = { "explain", 403, "forbidden", "explanations are not released here" },
    [GATE_TYPE]              = { "type", 415, "content-type", "the endpoint does not take this content type" },
    [GATE_ENCODING]          = { "encoding", 415, "content-encoding", "send the body without content encoding" },
    [GATE_NO_BODY]           = { "no_body", 400, "body", "a body is required" },
    [GATE_TOO_LARGE]         = { "too_large", 413, "body-size", "the body is longer than this endpoint takes" },
    [GATE_JSON]              = { "json", 400, "json", "the body is not strict JSON" },
    [GATE_SCHEMA]            = { "schema", 400, "schema", "the body is not what the model expects" },
    [GATE_COST]              = { "cost", 403, "cost", "the request costs more than the limit ever allows" },
    [GATE_LIMIT]             = { "limit", 429, "limit", "too many requests" },
    [GATE_CANCELLED]         = { "cancelled", 408, "timeout", "the body did not come in time" },
    [GATE_DETECTED]          = { "detected", 403, "forbidden", "the request is not served" },
    [GATE_RESPONSE_TYPE]     = { "response_type", 502, BAD_ANSWER },
    [GATE_RESPONSE_ENCODING] = { "response_encoding", 502, BAD_ANSWER },
    [GATE_RESPONSE_SIZE]     = { "response_size", 502, BAD_ANSWER },
    [GATE_RESPONSE_BODY]     = { "response_body", 502, BAD_ANSWER },
    [GATE_PROTOCOL]          = { "protocol", 400, "protocol", "the request is not well-formed HTTP" },
    [GATE_ABORTED]           = { "aborted", 499, "aborted", "the client went away" },
    [GATE_UPSTREAM]          = { "upstream", 502, "upstream", "the model server did not answer" },
    [GATE_UPSTREAM_BUSY]     = { "upstream_busy", 503, "unavailable", "the model server is busy" },
    [GATE_UPSTREAM_SLOW]     = { "upstream_slow", 504, "timeout", "the model server did not answer in time" },
    [GATE_INTERNAL]          = { "internal", 500, "internal", "the gateway failed" },
};

static const ReasonRow *row_of(GateReason r) { return &rows[(unsigned)r < GATE_REASONS ? r : GATE_INTERNAL]; }

const char *gate_reason_name(GateReason r) { return row_of(r)->name; }
uint16_t    gate_reason_status(GateReason r) { return row_of(r)->status; }

bool gate_refuse(GateVerdict *v, GateReason r)
{
    v->reason = r;
    v->status = gate_reason_status(r);
    return false;
}

/* ---- text of bounded length: what does not fit is left out whole, so the end is always well-formed */

typedef struct Text {
    char  *p;
    size_t n, cap;
} Text;

static void __attribute__((format(printf, 2, 3))) text_add(Text *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(t->p + t->n, t->cap - t->n, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= t->cap - t->n)
        t->p[t->n] = '\0';
    else
        t->n += (size_t)n;
}

/* Names in a pointer are the client's own; they go back as ASCII only. */
static void text_escaped(Text *t, const char *s)
{
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            text_add(t, "\\%c", c);
        else if (c >= ' ' && c < 0x7f)
            text_add(t, "%c", c);
        else
            text_add(t, "%s", c < ' ' ? "\\ufffd" : "?");
    }
}

static const char *title_of(uint16_t status)
{
    static const struct { uint16_t status; const char *title; } titles[] = {
        { 400, "Bad Request" }, { 401, "Unauthorized" }, { 403, "Forbidden" }, { 404, "Not Found" }, { 405, "Method Not Allowed" },
        { 408, "Request Timeout" }, { 413, "Content Too Large" }, { 415, "Unsupported Media Type" }, { 429, "Too Many Requests" },
        { 499, "Client Closed Request" }, { 500, "Internal Server Error" }, { 502, "Bad Gateway" },
        { 503, "Service Unavailable" }, { 504, "Gateway Timeout" },
    };
    for (size_t i = 0; i < len_of(titles); i++)
        if (titles[i].status == status)
            return titles[i].title;
    return "Error";
}

static void add_violated(Text *t, const GateVerdict *v)
{
    const char *comma = "";
    text_add(t, ",\"violated-policies\":[");
    for (size_t i = 0; i < v->limit_count; i++)
        if (v->limits[i].violated) {
            text_add(t, "%s\"%s\"", comma, v->limits[i].name);
            comma = ",";
        }
    text_add(t, "]");
}

size_t gate_problem(const GateVerdict *v, char out[static GATE_PROBLEM_MAX])
{
    const ReasonRow *row = row_of(v->reason);
    Text        t = { out, 0, GATE_PROBLEM_MAX };
    const char *type = v->reason == GATE_LIMIT ? "https://iana.org/assignments/http-problem-types#quota-exceeded" : "about:blank";
    text_add(&t, "{\"type\":\"%s\",\"title\":\"%s\",\"status\":%u,\"code\":\"%s\",\"detail\":\"%s\"", type,
             title_of(v->status), v->status, row->code, row->detail);
    if (v->reason == GATE_JSON || v->reason == GATE_SCHEMA) {
        text_add(&t, ",\"byte\":%" PRIu64 ",\"param\":\"", v->at ? v->at - 1 : 0);
        text_escaped(&t, v->param);
        text_add(&t, "\"");
    }
    if (v->keyword != NULL)
        text_add(&t, ",\"keyword\":\"%s\"", v->keyword);
    if (v->reason == GATE_LIMIT)
        add_violated(&t, v);
    text_add(&t, "}\n");
    return t.n;
}

/* ---- RateLimit headers */

static bool may_tell(const GateVerdict *v)
{
    return v->limit_count > 0 && v->status != 401 && v->status != 403;
}

/* Without printf: these two go with every answer. */
static bool text_z(Text *t, const char *z)
{
    size_t n = strlen(z);
    if (n >= t->cap - t->n)
        return false;
    memcpy(t->p + t->n, z, n + 1);
    t->n += n;
    return true;
}

static bool text_u64(Text *t, uint64_t v)
{
    char   digits[24];
    size_t at = sizeof digits - 1;
    digits[at] = '\0';
    do
        digits[--at] = (char)('0' + v % 10), v /= 10;
    while (v != 0);
    return text_z(t, digits + at);
}

/* One member of a structured list: "name";q=5;w=60 */
static void text_limit(Text *t, const char *name, const char *first, uint64_t a, const char *second, uint64_t b)
{
    size_t before = t->n;
    if (text_z(t, before ? ", \"" : "\"") && text_z(t, name) && text_z(t, first) && text_u64(t, a) && text_z(t, second) &&
        text_u64(t, b))
        return;
    t->n = before;
    t->p[before] = '\0';
}

size_t gate_ratelimit_policy(const GateVerdict *v, char out[static GATE_RATE_TEXT])
{
    Text t = { out, 0, GATE_RATE_TEXT };
    out[0] = '\0';
    for (size_t i = 0; may_tell(v) && i < v->limit_count; i++)
        text_limit(&t, v->limits[i].name, "\";q=", v->limits[i].quota, ";w=", v->limits[i].window_s);
    return t.n;
}

size_t gate_ratelimit(const GateVerdict *v, char out[static GATE_RATE_TEXT])
{
    Text t = { out, 0, GATE_RATE_TEXT };
    out[0] = '\0';
    for (size_t i = 0; may_tell(v) && i < v->limit_count; i++)
        text_limit(&t, v->limits[i].name, "\";r=", v->limits[i].remaining, ";t=", v->limits[i].reset_s);
    return t.n;
}
