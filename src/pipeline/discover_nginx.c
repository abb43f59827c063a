/* discover_nginx.c - nginx configuration: locations that pass requests on are endpoints.  Includes are not followed; each
 * file below the folder is read anyway. */
#include "pipeline/discover.h"
#include <ctype.h>

enum { BLOCKS_MAX = 32, WORDS_MAX = 16 };

typedef struct Location {
    Str      route, pass;
    bool     pattern;
    uint64_t line;
} Location;

typedef struct Nginx {
    Scan          *s;
    const FileRow *f;
    Str            text;
    size_t         at;
    uint64_t       line, line_of_words;
    Str            words[WORDS_MAX];                   /* of the directive being read */
    size_t         count, depth;
    Str            upstream;                           /* the upstream block we are in */
    size_t         upstream_depth;
    Location      *stack[BLOCKS_MAX];                  /* the location each open block lies in, or NULL */
    List           locations;
    Dict          *servers;                            /* upstream name -> Str * of its first server */
    size_t         passes;
} Nginx;

static int here(const Nginx *x) { return x->at < x->text.n ? (unsigned char)x->text.p[x->at] : -1; }

static void step(Nginx *x)
{
    x->line += here(x) == '\n';
    x->at++;
}

static Str quoted(Nginx *x)
{
    int    quote = here(x);
    size_t begin = x->at + 1;
    for (step(x); here(x) >= 0 && here(x) != quote; step(x))
        if (here(x) == '\\')
            step(x);
    size_t end = x->at < x->text.n ? x->at : x->text.n;
    step(x);
    return (Str){ x->text.p + begin, end > begin ? end - begin : 0 };
}

static Str plain(Nginx *x)
{
    size_t begin = x->at;
    while (here(x) >= 0 && !isspace(here(x)) && here(x) != ';' && here(x) != '{' && here(x) != '}') {
        bool variable = here(x) == '$' && x->at + 1 < x->text.n && x->text.p[x->at + 1] == '{';
        while (variable && here(x) >= 0 && here(x) != '}')
            step(x);
        step(x);
    }
    size_t end = x->at < x->text.n ? x->at : x->text.n;
    return (Str){ x->text.p + begin, end - begin };
}

static void add_word(Nginx *x, Str w, uint64_t line)
{
    if (x->count == 0)
        x->line_of_words = line;
    if (x->count < WORDS_MAX)
        x->words[x->count++] = w;
}

/* location [= ~ ~* ^~] ROUTE { */
static Location *open_location(Nginx *x)
{
    Location *l = arena_get(x->s->arena, 1, sizeof *l);
    bool      modified = x->count > 2;
    if (l == NULL || x->count < 2)
        return NULL;
    Str modifier = modified ? x->words[1] : S("");
    *l = (Location){ .route = keep_str(x->s, x->words[modified ? 2 : 1]), .line = x->line_of_words };
    l->pattern = str_starts(modifier, S("~"));
    list_add(x->s, &x->locations, l);
    return l;
}

static void open_block(Nginx *x)
{
    Location *inside = x->depth > 0 && x->depth <= BLOCKS_MAX ? x->stack[x->depth - 1] : NULL;
    if (x->count > 0 && str_is(x->words[0], "location"))
        inside = open_location(x);
    if (x->count > 1 && str_is(x->words[0], "upstream"))
        x->upstream = keep_str(x->s, x->words[1]), x->upstream_depth = x->depth;
    if (x->depth < BLOCKS_MAX)
        x->stack[x->depth] = inside;
    x->depth++;
    x->count = 0;
}

static void close_block(Nginx *x)
{
    x->depth -= x->depth > 0;
    if (x->upstream.n > 0 && x->depth <= x->upstream_depth)
        x->upstream = S("");
    x->count = 0;
}

static void directive(Nginx *x)
{
    Location *l = x->depth > 0 && x->depth <= BLOCKS_MAX ? x->stack[x->depth - 1] : NULL;
    Str      *server = NULL;
    if (x->count > 1 && x->upstream.n > 0 && str_is(x->words[0], "server") && dict_get(x->servers, x->upstream) == NULL) {
        if ((server = arena_get(x->s->arena, 1, sizeof *server)) != NULL)
            *server = keep_str(x->s, x->words[1]), dict_put(x->servers, x->upstream, server);
    }
    if (x->count > 1 && l != NULL && is_one_of(x->words[0], "proxy_pass grpc_pass uwsgi_pass"))
        l->pass = keep_str(x->s, x->words[1]), x->passes++;
    x->count = 0;
}

static void parse(Nginx *x)
{
    for (int c; (c = here(x)) >= 0;) {
        uint64_t line = x->line;
        if (c == '#')
            while (here(x) >= 0 && here(x) != '\n')
                step(x);
        else if (isspace(c))
            step(x);
        else if (c == ';')
            directive(x), step(x);
        else if (c == '{')
            open_block(x), step(x);
        else if (c == '}')
            close_block(x), step(x);
        else
            add_word(x, c == '"' || c == '\'' ? quoted(x) : plain(x), line);
    }
}

/* http://backend with `upstream backend { server 10.0.0.1:8501; }` is http://10.0.0.1:8501 */
static Str upstream_of(Nginx *x, Str pass)
{
    const char *sep = memmem(pass.p, pass.n, "://", 3);
    if (sep == NULL || memchr(pass.p, '$', pass.n) != NULL)
        return S("");
    size_t     at = (size_t)(sep - pass.p) + 3;
    Str        host, path;
    const char *scheme = str_starts(pass, S("https")) || str_starts(pass, S("grpcs")) ? "https" : "http";
    str_cut(str_from(pass, at), '/', &host, &path);
    const Str *server = dict_get(x->servers, host);
    return text_of(x->s, "%s://%.*s", scheme, STR(server ? *server : host));
}

static bool is_side_route(Str route)
{
    Str first, rest;
    str_cut(str_from(route, str_starts(route, S("/"))), '/', &first, &rest);
    return is_one_of(first, "health healthz livez readyz ready live metrics status nginx_status stub_status static assets favicon.ico "
                            "robots.txt .well-known docs redoc openapi.json");
}

bool read_nginx(Scan *s, const FileRow *f, Str text)
{
    Nginx x = { .s = s, .f = f, .text = text, .line = 1, .servers = dict_new(s->arena) };
    if (x.servers == NULL || !has_word(text, "proxy_pass grpc_pass uwsgi_pass") || memchr(text.p, '{', text.n) == NULL)
        return false;
    parse(&x);
    if (x.passes == 0)
        return false;
    Found *file = found_part(s, "infrastructure", f->path, f->path, 0, "nginx configuration");
    if (file != NULL)
        file->kind = S("nginx"), file->path = f->path;
    for (size_t i = 0; i < x.locations.n; i++) {
        const Location *l = x.locations.v[i];
        if (l->pass.n == 0)
            continue;
        Str route = l->pattern || str_starts(l->route, S("/")) ? l->route : S("");
        if (is_side_route(route))
            note(s, f->path, l->line, "location %.*s is left out: it does not lead to a model", STR(route));
        else if (endpoint_part(s, route, upstream_of(&x, l->pass), f->path, l->line, "nginx location") == NULL)
            note(s, f->path, l->line, "location %.*s has no fixed route", STR(l->route));
    }
    return true;
}
