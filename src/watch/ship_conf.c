/* ship_conf.c - a declared sink's keys as settings; defaults come from the key table. */
#include "base/file.h"
#include "watch/ship.h"

enum { BATCH_MAX = 100000 };

/* A path of the file, seen from where we run; NULL when the key is absent. */
static char *path_of(Arena *a, const Pipeline *p, const Named *n, const char *key)
{
    Str text = named_text(n, key);
    return text.n > 0 ? path_join(a, p->dir, text) : NULL;
}

static char *text_of(Arena *a, const Named *n, const char *key)
{
    Str text = named_text(n, key);
    return text.n > 0 ? arena_printf(a, "%.*s", STR(text)) : NULL;
}

static uint64_t number_of(const Named *n, const char *key)
{
    uint64_t v = 0;
    Str      text = named_text(n, key);
    if (!str_u64(text, &v))
        str_size(text, &v);
    return v;
}

static int64_t time_of(const Named *n, const char *key)
{
    int64_t v = 0;
    duration_parse(named_text(n, key), &v);
    return v;
}

static void texts_read(Arena *a, const Pipeline *p, const Named *n, SinkConf *c)
{
    c->name = arena_printf(a, "%.*s", STR(n->part.name));
    c->uri = text_of(a, n, "uri"), c->index = text_of(a, n, "index"), c->channel = text_of(a, n, "channel");
    c->path = path_of(a, p, n, "path"), c->token_file = path_of(a, p, n, "token_file"), c->ca_file = path_of(a, p, n, "ca_file");
}

static bool numbers_read(const Named *n, SinkConf *c, Err *e)
{
    c->ack = str_is(n->kind, "splunk") && str_is(named_text(n, "ack"), "true"), c->gzip = str_is(named_text(n, "gzip"), "true");
    c->batch = number_of(n, "batch"), c->batch_bytes = number_of(n, "batch_bytes"), c->message_max = number_of(n, "message_max");
    c->facility = number_of(n, "facility"), c->enterprise = number_of(n, "enterprise");
    c->batch_age_ns = time_of(n, "batch_age"), c->ack_timeout_ns = c->ack ? time_of(n, "ack_timeout") : 0;
    c->retry_min_ns = time_of(n, "retry_min"), c->retry_max_ns = time_of(n, "retry_max");
    int64_t timeout_ms = time_of(n, "timeout") / 1000000;
    c->timeout_ms = timeout_ms > 0 && timeout_ms < 3600000 ? (unsigned)timeout_ms : 0;
    if (c->batch == 0 || c->batch > BATCH_MAX)
        return err_set(e, E_USAGE, "sinks.%s: batch goes from 1 to %d", c->name, BATCH_MAX);
    if (c->timeout_ms == 0 || c->retry_min_ns <= 0 || c->retry_max_ns < c->retry_min_ns)
        return err_set(e, E_USAGE, "sinks.%s: timeout, retry_min and retry_max are more than 0, and retry_max is not below retry_min", c->name);
    return true;
}

bool ship_conf(Arena *a, const Pipeline *p, const Named *n, const SinkKind **kind, SinkConf *c, Err *e)
{
    Str format = named_text(n, "format"), events = named_text(n, "events");
    *c = (SinkConf){ .alerts = !str_is(events, "requests"), .requests = !str_is(events, "alerts") };
    texts_read(a, p, n, c);
    *kind = sink_kind(n->kind);
    if (*kind == NULL) {
        err_set(e, E_USAGE, "%.*s: moat does not ship to kind '%.*s' yet", STR(n->part.id), STR(n->kind));
        return err_hint(e, "moat help config sinks.kind");
    }
    if (format.n == 0)
        format = str_is(n->kind, "elasticsearch") ? S("ecs") : str_is(n->kind, "splunk") ? S("ocsf") : S("json");
    c->format = siem_format(format);
    assert(c->format != NULL);                         /* the key table lists them */
    return c->name != NULL ? numbers_read(n, c, e) : err_nomem(e);
}
