/* discover_name.c - the end of discovery: every part gets a name of its own and its place in the order of the sections. */
#include "pipeline/discover.h"
#include "pipeline/key.h"
#include <ctype.h>

enum { NAME_MAX = 48 };                                /* of 64, so that a number still fits */

static size_t rank(const char *section)
{
    for (size_t i = 0; i < section_table_len; i++)
        if (strcmp(section_table[i].name, section) == 0)
            return i;
    return section_table_len;
}

static int by_place(const void *a, const void *b)
{
    const Found *x = *(Found *const *)a, *y = *(Found *const *)b;
    size_t       rx = rank(x->section), ry = rank(y->section);
    if (rx != ry)
        return rx < ry ? -1 : 1;
    int c = str_cmp(x->file, y->file);
    return c ? c : x->line != y->line ? (x->line < y->line ? -1 : 1) : str_cmp(x->resource, y->resource);
}

static Str clean(Scan *s, Str raw)
{
    char   out[NAME_MAX];
    size_t n = 0;
    for (size_t i = 0; i < raw.n && n < sizeof out; i++) {
        bool good = isalnum((unsigned char)raw.p[i]) || raw.p[i] == '_' || raw.p[i] == '.';
        if (good)
            out[n++] = raw.p[i];
        else if (n > 0 && out[n - 1] != '-')
            out[n++] = '-';
    }
    while (n > 0 && (out[n - 1] == '-' || out[n - 1] == '.'))
        n--;
    /* a letter in front, so that YAML does not take it for a number, and never one of its words */
    bool plain = n > 0 && isalpha((unsigned char)out[0]) && !is_one_of((Str){ out, n }, "true false null yes no on off nan inf y n");
    return text_of(s, "%s%.*s", plain ? "" : "part-", (int)n, out);
}

static Str without_ext(Str name)
{
    while (path_ext(name).n > 0 && path_ext(name).n <= 12)
        name.n -= path_ext(name).n + 1;
    return name;
}

/* train.csv.gz -> train; a folder that is the root itself has no name. */
static Str path_name(const Found *f)
{
    Str last = path_last(f->path);
    return str_is(last, ".") ? S("root") : without_ext(last);
}

static Str uri_name(const Found *f)
{
    const char *sep = memmem(f->uri.p, f->uri.n, "://", 3);
    Str host, path, name, port, rest = sep ? str_from(f->uri, (size_t)(sep - f->uri.p) + 3) : f->uri;
    str_cut(rest, '/', &host, &path);
    while (path.n > 0 && path.p[path.n - 1] == '/')
        path.n--;
    str_cut(host, ':', &name, &port);
    if (str_is(f->kind, "s3"))
        return host;
    Str last = without_ext(path_last(path));
    return last.n ? last : name.n ? name : S("source");
}

static Str route_name(Str route)
{
    while (route.n > 1 && route.p[route.n - 1] == '/')
        route.n--;
    Str last = path_last(route);
    return last.n ? last : S("root");
}

static Str resource_name(const Found *f)
{
    Str         r = f->resource.n ? f->resource : path_last(f->path);
    const char *slash = memrchr(r.p, '/', r.n), *dot = memrchr(r.p, '.', r.n);
    if (f->resource.n == 0)
        return without_ext(r);
    return slash ? str_from(r, (size_t)(slash - r.p) + 1) : dot ? str_from(r, (size_t)(dot - r.p) + 1) : r;
}

static Str first_name(const Found *f)
{
    if (f->route.n > 0)
        return route_name(f->route);
    if (f->uri.n > 0)
        return uri_name(f);
    return strcmp(f->section, "infrastructure") == 0 ? resource_name(f) : path_name(f);
}

/* What tells parts of one short name apart. */
static Str longer_name(const Found *f)
{
    return f->resource.n ? f->resource : f->route.n ? f->route : f->uri.n ? f->uri : f->path;
}

static bool take_name(Scan *s, Dict *taken, Found *f, Str name)
{
    Str id = text_of(s, "%s.%.*s", f->section, STR(name));
    if (dict_get(taken, id) != NULL)
        return false;
    s->bad |= !dict_put(taken, id, f);
    f->name = name;
    return true;
}

/* The short name, else the long one, else the short one with the next free number. */
static void name_one(Scan *s, Dict *taken, Dict *counters, Found *f)
{
    Str     name = clean(s, first_name(f)), key = text_of(s, "%s.%.*s", f->section, STR(name));
    size_t *n = dict_get(counters, key);
    if (take_name(s, taken, f, name) || take_name(s, taken, f, clean(s, longer_name(f))))
        return;
    if (n == NULL && ((n = arena_get(s->arena, 1, sizeof *n)) == NULL || !dict_put(counters, key, n)))
        s->bad = true;
    while (!s->bad && !take_name(s, taken, f, text_of(s, "%.*s-%zu", STR(name), *n + 2)))
        ++*n;
}

/* ---- links become names */

static void add_name(Scan *s, StrList *l, Str name)
{
    Str *v = arena_get(s->arena, l->n + 1, sizeof *v);
    if (v == NULL) {
        s->bad = true;
        return;
    }
    if (l->n)
        memcpy(v, l->v, l->n * sizeof *v);
    v[l->n++] = name;
    l->v = v;
}

static void spell_links(Scan *s)
{
    for (size_t i = 0; i < s->links.n && !s->bad; i++) {
        const Link *l = s->links.v[i];
        if (l->from->section == NULL || l->to->section == NULL)
            continue;
        if (strcmp(l->from->section, "infrastructure") == 0)
            add_name(s, &l->from->hosts, text_of(s, "%s.%.*s", l->to->section, STR(l->to->name)));
        else if (strcmp(l->to->section, "endpoints") == 0)
            l->to->model = l->from->name;
        else
            add_name(s, &l->to->from, text_of(s, "%s.%.*s", l->from->section, STR(l->from->name)));
    }
}

void name_parts(Scan *s, Discovery *out)
{
    Dict   *taken = dict_new(s->arena), *counters = dict_new(s->arena);
    size_t  n = dict_count(s->found), count = 0;
    Found **order = arena_get(s->arena, n + 1, sizeof *order);
    out->v = arena_get(s->arena, n + 1, sizeof *out->v);
    if (taken == NULL || counters == NULL || order == NULL || out->v == NULL) {
        s->bad = true;
        return;
    }
    for (size_t i = 0; i < n; i++) {
        Found *f = dict_items(s->found)[i].value;
        if (f->section != NULL)
            order[count++] = f;
    }
    out->n = count;
    for (size_t i = 0; i < s->notes.n; i++)
        add_name(s, &out->notes, *(const Str *)s->notes.v[i]);
    out->files_read = s->read, out->files_skipped = s->skipped;
    qsort(order, count, sizeof *order, by_place);
    for (size_t i = 0; i < count; i++)
        name_one(s, taken, counters, order[i]);
    spell_links(s);
    for (size_t i = 0; i < count; i++)
        out->v[i] = *order[i];
}
