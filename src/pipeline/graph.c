/* graph.c - the parts as a graph: who feeds whom, lookups by name, and where files lie. */
#include "pipeline/key.h"
#include "base/dict.h"
#include "base/file.h"

/* ---- references */

static Part *find_in(const Pipeline *p, Str section, Str name)
{
    char   id[160];
    size_t n = (size_t)snprintf(id, sizeof id, "%.*s.%.*s", STR(section), STR(name));
    if (n >= sizeof id)
        return NULL;
    Part *direct = dict_get(p->index, name);           /* already "sources.lake" */
    if (direct != NULL && direct->id.n > section.n && str_starts(direct->id, section) && direct->id.p[section.n] == '.')
        return direct;
    return dict_get(p->index, (Str){ id, n });
}

/* Names the sections that were searched, and the part that was probably meant. */
static bool bad_reference(const Pipeline *p, const KeyRow *row, Str name, uint64_t line, Err *e)
{
    enum { GUESSES = 256 };
    const char *words[GUESSES], *sections = row->choices + (*row->choices == '>');
    size_t      n = 0;
    for (size_t i = 0; i < dict_count(p->index) && n < GUESSES; i++) {
        const Part *part = dict_items(p->index)[i].value;
        Str         section, rest;
        str_cut(part->id, '.', &section, &rest);
        char *word = choice_has(sections, section) ? arena_printf(p->arena, "%.*s", STR(part->name)) : NULL;
        if (word != NULL)
            words[n++] = word;
    }
    const char *guess = nearest_word(name, words, n);
    err_line(e, line, "no part '%.*s' in %s", STR(name), sections);
    return guess ? err_hint(e, "did you mean '%s'?", guess) : false;
}

/* The part a reference names, in one of the sections its row allows. */
static Part *resolve(const Pipeline *p, const KeyRow *row, Str name, uint64_t line, Err *e)
{
    Part *hit = NULL;
    Str   section, rest = str(row->choices + (*row->choices == '>'));
    for (bool more = true; more;) {
        more = str_cut(rest, '|', &section, &rest);
        Part *found = find_in(p, section, name);
        if (found != NULL && hit != NULL && found != hit) {
            err_line(e, line, "'%.*s' may mean %.*s or %.*s; write it in full", STR(name), STR(hit->id), STR(found->id));
            return NULL;
        }
        hit = found != NULL ? found : hit;
    }
    if (hit == NULL)
        bad_reference(p, row, name, line, e);
    return hit;
}

/* ---- edges */

typedef struct Graph {
    Pipeline *p;
    size_t    cap;
} Graph;

static bool add_edge(Graph *g, const KeyRow *row, const Part *self, const Json *value, Err *e)
{
    Pipeline   *p = g->p;
    const Part *other = resolve(p, row, value->text, value->line, e);
    if (other == NULL)
        return err_in(e, "%.*s.%s", STR(self->id), row->key);
    bool  out = *row->choices == '>';
    Edge *grown = p->edges;
    if (p->edge_count == g->cap) {
        g->cap = g->cap ? g->cap * 2 : 32;
        if ((grown = arena_get(p->arena, g->cap, sizeof *grown)) == NULL)
            return err_nomem(e);
        if (p->edge_count > 0)
            memcpy(grown, p->edges, p->edge_count * sizeof *grown);
        p->edges = grown;
    }
    p->edges[p->edge_count++] = out ? (Edge){ self->id, other->id } : (Edge){ other->id, self->id };
    return true;
}

static bool part_edges(Graph *g, const char *section, const Json *node, const Part *self, Err *e)
{
    for (const Json *v = node->first; v != NULL; v = v->next) {
        const KeyRow *row = row_find(section, v->key);
        if (row->type == KEY_REF && !add_edge(g, row, self, v, e))
            return false;
        if (row->type != KEY_LIST || row->choices == NULL)
            continue;
        for (const Json *item = v->first; item != NULL; item = item->next)
            if (!add_edge(g, row, self, item, e))
                return false;
    }
    return true;
}

/* ---- data must not feed itself: depth first, a grey part met again closes a ring */

enum { WHITE, GREY, BLACK };

typedef struct Walk {
    const Pipeline *p;
    uint8_t        *colour;                            /* by dataset */
} Walk;

static size_t dataset_index(const Pipeline *p, Str id)
{
    const Part *d = dict_get(p->index, id);
    return (size_t)((const Dataset *)(const void *)d - p->datasets);
}

static bool walk(Walk *w, size_t i, Err *e)
{
    const Dataset *d = &w->p->datasets[i];
    w->colour[i] = GREY;
    for (size_t k = 0; k < d->from.n; k++) {
        const Part *from = find_in(w->p, S("datasets"), d->from.v[k]);
        if (from == NULL)
            continue;
        size_t j = dataset_index(w->p, from->id);
        if (w->colour[j] == GREY)
            return err_line(e, d->part.line, "%.*s.from: %.*s is made of itself this way", STR(d->part.id), STR(from->id));
        if (w->colour[j] == WHITE && !walk(w, j, e))
            return false;
    }
    w->colour[i] = BLACK;
    return true;
}

static bool no_rings(const Pipeline *p, Err *e)
{
    Walk w = { p, arena_get(p->arena, p->dataset_count + 1, 1) };
    if (w.colour == NULL)
        return err_nomem(e);
    for (size_t i = 0; i < p->dataset_count; i++)
        if (w.colour[i] == WHITE && !walk(&w, i, e))
            return false;
    return true;
}

static Part *part_at(const Pipeline *p, const Section *s, size_t i)
{
    return (Part *)(*(char *const *)((const char *)p + s->parts) + i * s->size);
}

static bool fill_index(Pipeline *p, Err *e)
{
    if ((p->index = dict_new(p->arena)) == NULL)
        return err_nomem(e);
    for (size_t s = 0; s < section_table_len; s++) {
        size_t n = *(const size_t *)((const char *)p + section_table[s].count);
        for (size_t i = 0; i < n; i++) {
            Part *part = part_at(p, &section_table[s], i);
            if (!dict_put(p->index, part->id, part))
                return err_nomem(e);
        }
    }
    return true;
}

bool graph_build(Pipeline *p, const Json *root, Err *e)
{
    Graph g = { p, 0 };
    if (!fill_index(p, e))
        return false;
    for (size_t s = 0; s < section_table_len; s++) {
        const Json *parts = json_get(root, section_table[s].name);
        size_t      i = 0;
        for (const Json *v = parts ? parts->first : NULL; v != NULL; v = v->next, i++)
            if (!part_edges(&g, section_table[s].name, v, part_at(p, &section_table[s], i), e))
                return false;
    }
    return no_rings(p, e);
}

const Edge *pipeline_edges(const Pipeline *p, size_t *n)
{
    *n = p->edge_count;
    return p->edges;
}

/* ---- lookups: by name, or by id as references may be written */

const Part *pipeline_part(const Pipeline *p, Str id) { return dict_get(p->index, id); }

const Dataset  *pipeline_dataset(const Pipeline *p, Str name)  { return (Dataset *)find_in(p, S("datasets"), name); }
const Model    *pipeline_model(const Pipeline *p, Str name)    { return (Model *)find_in(p, S("models"), name); }
const Endpoint *pipeline_endpoint(const Pipeline *p, Str name) { return (Endpoint *)find_in(p, S("endpoints"), name); }
const Training *pipeline_training(const Pipeline *p, Str name) { return (Training *)find_in(p, S("trainings"), name); }

Str named_text(const Named *n, const char *key)
{
    Str section, rest;
    str_cut(n->part.id, '.', &section, &rest);
    char name[32];
    snprintf(name, sizeof name, "%.*s", STR(section));
    const KeyRow *row = row_find(name, str(key));
    const Json   *v = json_get(n->node, key);
    assert(row != NULL);
    return v != NULL ? v->text : row->fallback && *row->fallback != '!' ? str(row->fallback) : S("");
}

/* ---- paths */

char *pipeline_path(const Pipeline *p, Str path) { return path_join(p->arena, p->dir, path); }

char *pipeline_state(const Pipeline *p, const char *name) { return path_join(p->arena, p->state, str(name)); }

bool pipeline_state_make(const Pipeline *p, Err *e)
{
    static const char *const folders[] = { "objects", "keys", "spool", "run" };
    if (!dir_make(p->state, 0700, e))
        return false;
    for (size_t i = 0; i < len_of(folders); i++) {
        char *path = pipeline_state(p, folders[i]);
        if (path == NULL)
            return err_nomem(e);
        if (!dir_make(path, 0700, e))
            return false;
    }
    return true;
}
