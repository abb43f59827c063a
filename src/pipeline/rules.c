/* rules.c - what a single row of the key table cannot say: keys of one part, or two parts, that must agree. */
#include "pipeline/key.h"
#include "base/dict.h"

/* ---- sources: kind and address say the same */

static const struct { const char *kind, *scheme; } schemes[] = {
    { "s3", "s3://" },           { "http", "http://" },   { "http", "https://" },   { "sql", "postgresql://" },
    { "sql", "postgres://" },    { "sql", "mysql://" },   { "sql", "mariadb://" },  { "sql", "sqlite://" },
    { "sql", "mssql://" },       { "sql", "oracle://" },  { "sql", "snowflake://" }, { "sql", "redshift://" },
    { "sql", "bigquery://" },    { "sql", "jdbc:" },      { "file", "file://" },
};

static bool check_source(Source *s, Err *e)
{
    Str by_uri = memmem(s->uri.p, s->uri.n, "://", 3) ? S("") : S("file");
    for (size_t i = 0; i < len_of(schemes); i++)
        if (str_starts(s->uri, str(schemes[i].scheme)))
            by_uri = str(schemes[i].kind);
    if (s->kind.n == 0)
        s->kind = by_uri;
    if (s->kind.n == 0) {
        err_line(e, s->part.line, "%.*s.uri: '%.*s' does not tell its kind", STR(s->part.id), STR(s->uri));
        return err_hint(e, "add kind: file, s3, sql or http");
    }
    if (by_uri.n > 0 && !str_eq(s->kind, by_uri))
        return err_line(e, s->part.line, "%.*s: kind is %.*s but the address is one of kind %.*s", STR(s->part.id),
                        STR(s->kind), STR(by_uri));
    return true;
}

/* ---- endpoints */

static bool is_token(Str s, const char *also)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (c == '\0' || strchr(also, c) == NULL))
            return false;
    }
    return s.n > 0 && s.n <= 128;
}

static bool check_methods(const Endpoint *p, Err *e)
{
    static const char *const methods[] = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" };
    for (size_t i = 0; i < p->methods.n; i++) {
        bool known = false;
        for (size_t k = 0; k < len_of(methods); k++)
            known |= str_is(p->methods.v[i], methods[k]);
        if (!known)
            return err_line(e, p->part.line, "%.*s.methods: '%.*s' is not one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
                            STR(p->part.id), STR(p->methods.v[i]));
    }
    return p->methods.n > 0 || err_line(e, p->part.line, "%.*s.methods: no method at all lets nothing in", STR(p->part.id));
}

static bool check_headers(const Endpoint *p, Err *e)
{
    for (size_t i = 0; i < p->key_headers.n; i++)
        if (!is_token(p->key_headers.v[i], "-_"))
            return err_line(e, p->part.line, "%.*s.key_headers: '%.*s' is not the name of a header", STR(p->part.id),
                            STR(p->key_headers.v[i]));
    for (size_t i = 0; i < p->content_types.n; i++) {
        Str type, sub;
        if (!str_cut(p->content_types.v[i], '/', &type, &sub) || !is_token(type, "-.+") || !is_token(sub, "-.+"))
            return err_line(e, p->part.line, "%.*s.content_types: wants a type like application/json, not '%.*s'",
                            STR(p->part.id), STR(p->content_types.v[i]));
    }
    return true;
}

static bool check_keys(const Endpoint *p, Err *e)
{
    if (str_is(p->keys, "required") && p->key_headers.n == 0)
        return err_line(e, p->part.line, "%.*s: keys are required but key_headers is empty", STR(p->part.id));
    for (size_t i = 0; i < p->limit_count; i++)
        if (str_is(p->limits[i].per, "key") && str_is(p->keys, "off"))
            return err_line(e, p->part.line, "%.*s.limits: a limit per key needs 'keys: required'", STR(p->part.id));
    return true;
}

static bool check_endpoint(Endpoint *p, Err *e)
{
    if (p->scope.n == 0)
        p->scope = p->part.name;
    if (p->round < -1 || p->round > 15)
        return err_line(e, p->part.line, "%.*s.output.round: wants -1 (off) or 0 to 15 decimals", STR(p->part.id));
    return check_methods(p, e) && check_headers(p, e) && check_keys(p, e);
}

static bool check_routes(Pipeline *p, Err *e)
{
    Dict *seen = dict_new(p->arena);
    if (seen == NULL)
        return err_nomem(e);
    for (size_t i = 0; i < p->endpoint_count; i++) {
        Endpoint       *now = &p->endpoints[i];
        const Endpoint *first = dict_get(seen, now->route);
        if (first != NULL)
            return err_line(e, now->part.line, "%.*s: route %.*s is taken by %.*s in line %" PRIu64, STR(now->part.id),
                            STR(now->route), STR(first->part.id), first->part.line);
        if (!dict_put(seen, now->route, now))
            return err_nomem(e);
    }
    return true;
}

/* ---- the rest */

static bool check_sink(const Named *s, Err *e)
{
    bool file = str_is(s->kind, "file");
    if (file ? s->path.n > 0 : s->uri.n > 0)
        return true;
    return err_line(e, s->part.line, "%.*s: a sink of kind %.*s needs '%s'", STR(s->part.id), STR(s->kind),
                    file ? "path" : "uri");
}

static bool check_training(const Training *t, Err *e)
{
    if (!(t->epochs > 0 && t->batch > 0 && t->rate > 0 && t->l2 >= 0))
        return err_line(e, t->part.line, "%.*s: epochs, batch and rate must be above 0 and l2 not below", STR(t->part.id));
    if (t->epsilon >= 0 && t->delta > 0 && t->delta < 1 && t->clip > 0 && t->dropout >= 0 && t->dropout < 1)
        return true;
    return err_line(e, t->part.line, "%.*s: epsilon and dropout must not be below 0, dropout and delta below 1, delta and clip above 0",
                    STR(t->part.id));
}

bool rules_check(Pipeline *p, Err *e)
{
    if (p->workers < 1 || p->workers > 256)
        return err_line(e, 1, "gateway.workers: wants 1 to 256");
    for (size_t i = 0; i < p->source_count; i++)
        if (!check_source(&p->sources[i], e))
            return false;
    for (size_t i = 0; i < p->training_count; i++)
        if (!check_training(&p->trainings[i], e))
            return false;
    for (size_t i = 0; i < p->endpoint_count; i++)
        if (!check_endpoint(&p->endpoints[i], e))
            return false;
    for (size_t i = 0; i < p->sink_count; i++)
        if (!check_sink(&p->sinks[i], e))
            return false;
    return check_routes(p, e);
}
