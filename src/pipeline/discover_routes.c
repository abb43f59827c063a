/* discover_routes.c - endpoints: how routes are written elsewhere and in moat.yaml, OpenAPI descriptions, dvc.yaml's stages. */
#include "pipeline/discover.h"
#include "pipeline/key.h"
#include <ctype.h>

/* Templates and patterns end the part of a route that is sure: /models/{id}/predict, /models/:id, ^/v1/.*$ */
static size_t sure_len(Str r)
{
    for (size_t i = 0; i < r.n; i++) {
        char c = r.p[i];
        bool parameter = c == ':' && i > 0 && r.p[i - 1] == '/';
        if (parameter || !(isalnum((unsigned char)c) || (c != '\0' && strchr("/._-~:@+,=!&", c) != NULL)))
            return i;
    }
    return r.n;
}

/* A route as moat.yaml takes it: up to a template or regular expression; empty when nothing is left. */
static Str route_clean(Scan *s, Str route)
{
    char   out[512];
    size_t n = 0, sure;
    if (str_starts(route, S("^")))
        route = str_from(route, 1);
    sure = sure_len(route);
    if (sure < route.n) {
        const char *slash = memrchr(route.p, '/', sure);
        bool        end = str_is(str_from(route, sure), "$");
        sure = end ? sure : slash ? (size_t)(slash - route.p) + 1 : 0;
    }
    for (size_t i = 0; i < sure && n < sizeof out - 1; i++)
        if (route.p[i] != '/' || n == 0 || out[n - 1] != '/')
            out[n++] = route.p[i];
    Str clean = { out, n };
    return row_kind(KEY_ROUTE)->read(clean, NULL) ? keep_str(s, clean) : S("");
}

Found *endpoint_part(Scan *s, Str route, Str upstream, Str file, uint64_t line, const char *why)
{
    Str clean = route_clean(s, route), trimmed = upstream;
    if (clean.n == 0)
        return NULL;
    Found *f = found_part(s, "endpoints", clean, file, line, why);
    if (f == NULL)
        return NULL;
    f->route = clean;
    if (trimmed.n > 0 && trimmed.p[trimmed.n - 1] == '/')
        trimmed.n--;
    if (f->upstream.n == 0 && row_kind(KEY_URL)->read(trimmed, NULL))
        f->upstream = keep_str(s, trimmed);
    if (f->format.n == 0 && has_word(clean, "v1/models/") && has_word(clean, ":predict"))
        f->format = S("tf-serving");
    return f;
}

/* ---- OpenAPI */

/* The server's own address is where the API is now: the upstream when it is a machine of ours, else nothing we know. */
static void split_server(Str url, Str *upstream, Str *base)
{
    const char *sep = memmem(url.p, url.n, "://", 3);
    *upstream = S(""), *base = url;
    if (sep == NULL)
        return;
    Str host, rest = str_from(url, (size_t)(sep - url.p) + 3);
    bool path = str_cut(rest, '/', &host, base);
    *upstream = (Str){ url.p, (size_t)(host.p + host.n - url.p) };
    *base = path ? (Str){ base->p - 1, base->n + 1 } : S("");
    if (!str_starts(host, S("localhost")) && !str_starts(host, S("127.")) && memchr(host.p, '.', host.n) != NULL)
        *upstream = S("");
}

void read_openapi(Scan *s, const FileRow *f, const Json *doc)
{
    static const char *const writes[] = { "post", "put", "patch" };
    const Json *paths = json_get(doc, "paths");
    Str upstream, base, url = json_text(json_get(json_at(json_get(doc, "servers"), 0), "url"), S(""));
    split_server(url, &upstream, &base);
    if (json_get(doc, "swagger") != NULL)
        base = json_text(json_get(doc, "basePath"), S(""));
    while (base.n > 0 && base.p[base.n - 1] == '/')
        base.n--;
    if (sure_len(base) < base.n)
        base = S("");
    for (const Json *path = paths ? paths->first : NULL; path != NULL; path = path->next)
        for (size_t i = 0; i < len_of(writes); i++) {
            const Json *op = json_get(path, writes[i]);
            if (op == NULL)
                continue;
            Str route = text_of(s, "%.*s%s%.*s", STR(base), str_starts(path->key, S("/")) ? "" : "/", STR(path->key));
            endpoint_part(s, route, upstream, f->path, op->line, "OpenAPI");
            break;
        }
}

/* ---- dvc.yaml: stages name what they read and write */

static Candidate *item_candidate(const Scan *s, const Json *item)
{
    Str path = item->type == JSON_STRING ? item->text : item->type == JSON_OBJECT && item->first ? item->first->key : S("");
    return path.n ? candidate_of(s, path, false) : NULL;
}

void read_dvc(Scan *s, const Json *doc)
{
    const Json *stages = json_get(doc, "stages");
    for (const Json *stage = stages ? stages->first : NULL; stage != NULL; stage = stage->next) {
        const Json *deps = json_get(stage, "deps"), *outs = json_get(stage, "outs");
        for (const Json *out = outs ? outs->first : NULL; out != NULL; out = out->next) {
            Candidate *made = item_candidate(s, out);
            for (const Json *dep = made && deps ? deps->first : NULL; dep != NULL; dep = dep->next) {
                Candidate *from = item_candidate(s, dep);
                if (from != NULL)
                    list_add(s, &made->made_from, from);
            }
        }
    }
}
