/* discover_link.c - which candidates are parts, and which part feeds which.  See the rules in discover.h. */
#include "pipeline/discover.h"

enum { NEAR_LINES = 3 };

/* ---- candidates to parts */

static bool is_part(const Candidate *c)
{
    bool model = strcmp(c->section, "models") == 0, folder = path_ext(c->path).n == 0 && c->format != NULL;
    if (c->test)
        return false;
    if (c->loose)
        return c->mentioned && (model || c->read || in_data_folder(c->path));
    if (model)
        return true;
    bool data = in_data_folder(c->path) || (folder && is_data_name(path_last(c->path)));
    return c->mentioned || data || c->size >= DATASET_BYTES;
}

static const char *why_not(const Candidate *c)
{
    if (c->test)
        return "it belongs to tests or documentation";
    return c->written && !c->mentioned ? "code only writes it" : "nothing reads it, and it is small";
}

static void take_candidates(Scan *s)
{
    for (size_t i = 0; i < s->candidates.n && !s->bad; i++) {
        Candidate *c = s->candidates.v[i];
        if (!is_part(c)) {
            if (!c->loose)
                note(s, c->path, 0, "%.*s is left out: %s", STR(c->why), why_not(c));
            continue;
        }
        Str why = c->by.n ? text_of(s, "%.*s; used in %.*s:%" PRIu64, STR(c->why), STR(c->by), c->by_line) : c->why;
        if ((c->found = found_part(s, c->section, c->path, c->path, 0, "")) == NULL)
            return;
        c->found->path = c->path, c->found->why = why, c->found->format = str(c->format);
    }
}

/* ---- edges between what one file uses */

static Found *part_of(const Mention *m) { return m->candidate ? m->candidate->found : m->source; }

static bool is_model(const Mention *m) { return m->candidate != NULL && strcmp(m->candidate->section, "models") == 0; }

static bool is_dataset(const Mention *m) { return m->candidate != NULL && strcmp(m->candidate->section, "datasets") == 0; }

/* Data that only measures is not what a model was made of. */
static bool is_for_testing(Str path)
{
    Str name = path_last(path);
    return has_word(name, "test valid eval holdout") || str_starts(name, S("val"));
}

static bool trains_from(const Mention *from, const Mention *to)
{
    return is_dataset(from) && is_model(to) && to->use == USE_WRITE && from->use != USE_WRITE && !is_for_testing(from->candidate->path);
}

/* A source's data lands in a dataset: one line names both, or a read and a write stand close together. */
static bool lands_in(const Mention *from, const Mention *to)
{
    if (from->source == NULL || !is_dataset(to) || from->use == USE_WRITE)
        return false;
    uint64_t apart = from->line > to->line ? from->line - to->line : to->line - from->line;
    if (apart == 0 && from->use == USE_MENTION && to->use != USE_READ)
        return to->use == USE_WRITE || from->column < to->column;
    return to->use == USE_WRITE && from->use == USE_READ && apart <= NEAR_LINES;
}

static void link_file(Scan *s, Mention **m, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++) {
            Found *from = part_of(m[i]), *to = part_of(m[k]);
            if (from != NULL && to != NULL && from != to && (trains_from(m[i], m[k]) || lands_in(m[i], m[k])))
                add_link(s, from, to);
        }
}

static void link_files(Scan *s)
{
    enum { PER_FILE = 500 };                           /* of a file that mentions more only the first are compared */
    for (size_t i = 0, end; i < s->mentions.n; i = end) {
        Mention **m = (Mention **)s->mentions.v;
        for (end = i; end < s->mentions.n && m[end]->file == m[i]->file;)
            end++;
        link_file(s, m + i, end - i < PER_FILE ? end - i : PER_FILE);
    }
}

static void link_stages(Scan *s)
{
    for (size_t i = 0; i < s->candidates.n; i++) {
        const Candidate *c = s->candidates.v[i];
        for (size_t k = 0; k < c->made_from.n; k++) {
            const Candidate *from = c->made_from.v[k];
            bool             data = strcmp(from->section, "datasets") == 0;
            if (data && c->found && from->found && from != c)
                add_link(s, from->found, c->found);
        }
    }
}

/* ---- endpoints: code that names the route and loads one model */

static const Candidate *only_model(const Scan *s, size_t file)
{
    const Candidate *one = NULL;
    for (size_t i = 0; i < s->mentions.n; i++) {
        const Mention *m = s->mentions.v[i];
        if (m->file != file || !is_model(m) || m->use == USE_WRITE || m->candidate->found == NULL)
            continue;
        if (one != NULL && one != m->candidate)
            return NULL;
        one = m->candidate;
    }
    return one;
}

static void link_routes(Scan *s)
{
    for (size_t i = 0; i < s->routes.n; i++) {
        const Route *r = s->routes.v[i];
        Str          key = text_of(s, "endpoints %.*s", STR(r->text));
        Found       *endpoint = dict_get(s->found, key);
        const Candidate *model = endpoint ? only_model(s, r->file) : NULL;
        if (model != NULL && endpoint->model.n == 0) {
            endpoint->model = model->path;             /* its name, once it has one: discover_name.c */
            add_link(s, model->found, endpoint);
        }
    }
}

/* ---- infrastructure: a model named within the lines of a resource runs there */

static void link_regions(Scan *s)
{
    for (size_t i = 0; i < s->mentions.n; i++) {
        const Mention *m = s->mentions.v[i];
        Str            path = s->files[m->file].path;
        for (size_t k = 0; k < s->regions.n && is_model(m) && m->candidate->found; k++) {
            const Region *r = s->regions.v[k];
            if (str_eq(r->path, path) && m->line >= r->from && (r->to == 0 || m->line < r->to))
                add_link(s, r->found, m->candidate->found);
        }
    }
}

/* ---- sources: databases that only a container names; buckets that longer addresses stand for */

static bool is_host_of(Str uri, Str host)
{
    const char *sep = memmem(uri.p, uri.n, "://", 3);
    if (sep == NULL)
        return false;
    Str rest = str_from(uri, (size_t)(sep - uri.p) + 3), after = str_from(rest, host.n);
    return str_starts(rest, host) && (after.n == 0 || after.p[0] == ':' || after.p[0] == '/');
}

static void take_databases(Scan *s)
{
    for (size_t i = 0; i < s->databases.n; i++) {
        const Database *d = s->databases.v[i];
        bool            known = false;
        for (size_t k = 0; k < dict_count(s->found) && !known; k++) {
            const Found *f = dict_items(s->found)[k].value;
            known = str_is(f->kind, "sql") && is_host_of(f->uri, d->service);
        }
        Str    uri = text_of(s, "%s://%.*s/", d->scheme, STR(d->service));
        Found *f = known ? NULL : found_part(s, "sources", uri, d->file, d->line, "database in a compose file");
        if (f != NULL)
            f->kind = S("sql"), f->uri = uri;
    }
}

static void merge_buckets(Scan *s)
{
    for (size_t i = 0; i < dict_count(s->found); i++) {
        Found *bare = dict_items(s->found)[i].value;
        if (!str_is(bare->kind, "s3") || memchr(bare->uri.p + 5, '/', bare->uri.n - 5) != NULL)
            continue;
        for (size_t k = 0; k < dict_count(s->found); k++) {
            Found *longer = dict_items(s->found)[k].value;
            if (longer == bare || longer->section == NULL || !str_is(longer->kind, "s3") || !is_host_of(longer->uri, str_from(bare->uri, 5)))
                continue;
            longer->why = text_of(s, "%.*s; %.*s in %.*s:%" PRIu64, STR(longer->why), STR(bare->why), STR(bare->file), bare->line);
            bare->section = NULL;                      /* not a part of its own */
        }
    }
}

void link_parts(Scan *s)
{
    take_candidates(s);
    link_files(s);
    link_stages(s);
    link_routes(s);
    link_regions(s);
    take_databases(s);
    merge_buckets(s);
}
