/* load.c - moat.yaml into a Pipeline: the tree is walked once, each key by its row of the table. */
#include "pipeline/key.h"
#include "base/file.h"
#include "format/yaml.h"
#include <unistd.h>

enum { FILE_MAX = 4 << 20, PARTS_MAX = 4096, WHERE_MAX = 256 };

/* ---- errors that say what was expected */

static bool wrong_type(const RowKind *k, const char *where, const Json *v, Err *e)
{
    err_line(e, v->line, "%s: wants %s, not %s", where, k->wants, json_type_name(v->type));
    bool text_would_do = (k->accepts & 1u << JSON_STRING) && (v->type == JSON_TRUE || v->type == JSON_FALSE);
    return text_would_do ? err_hint(e, "put quotes around it if it is meant as text") : false;
}

static bool wrong_value(const KeyRow *row, const char *where, Str text, uint64_t line, Err *e)
{
    if (row->type != KEY_CHOICE)
        return err_line(e, line, "%s: wants %s, not '%.*s'", where, row_kind(row->type)->wants, STR(text));
    char choices[200];                                 /* "a|b" for the table, "a, b" for people */
    size_t n = 0;
    for (const char *c = row->choices; *c && n + 3 < sizeof choices; c++) {
        choices[n++] = *c == '|' ? ',' : *c;
        if (*c == '|')
            choices[n++] = ' ';
    }
    choices[n] = '\0';
    return err_line(e, line, "%s: '%.*s' is not one of %s", where, STR(text), choices);
}

static bool unknown_key(const char *section, const char *where, const Json *v, Err *e)
{
    const char *words[64];
    size_t      n = 0;
    for (size_t i = 0; i < key_table_len && n < len_of(words); i++)
        if (strcmp(key_table[i].section, section) == 0)
            words[n++] = key_table[i].key;
    const char *guess = nearest_word(v->key, words, n);
    err_line(e, v->line, "%s%sunknown key '%.*s'", where, *where ? ": " : "", STR(v->key));
    if (guess != NULL)
        return err_hint(e, "did you mean '%s'?", guess);
    return err_hint(e, "moat help config %s", section);
}

/* ---- values */

static bool read_map(Arena *a, const char *section, const Json *node, uint64_t line, void *base, const char *where, Err *e);

static Str scalar_text(const Json *v)
{
    return v->type == JSON_TRUE ? S("true") : v->type == JSON_FALSE ? S("false") : v->text;
}

static bool read_scalar(const KeyRow *row, const Json *v, void *base, const char *where, Err *e)
{
    const RowKind *k = row_kind(row->type);
    if (!(k->accepts & 1u << v->type))
        return wrong_type(k, where, v, e);
    return row_read(row, scalar_text(v), base) || wrong_value(row, where, scalar_text(v), v->line, e);
}

static bool read_list(Arena *a, const KeyRow *row, const Json *v, void *base, const char *where, Err *e)
{
    StrList l = { 0 };
    if (v->type != JSON_ARRAY)
        return wrong_type(row_kind(KEY_LIST), where, v, e);
    if ((l.v = arena_get(a, v->count ? v->count : 1, sizeof *l.v)) == NULL)
        return err_nomem(e);
    for (const Json *item = v->first; item != NULL; item = item->next) {
        KeyRow one = *row;                             /* the same row, for one text */
        one.type = KEY_TEXT, one.offset = 0;
        if (!read_scalar(&one, item, &l.v[l.n++], where, e))
            return false;
    }
    if (base != NULL && row->offset != NO_FIELD)
        *(StrList *)((char *)base + row->offset) = l;
    return true;
}

static bool read_limits(Arena *a, const KeyRow *row, const Json *v, Endpoint *out, const char *where, Err *e)
{
    char section[WHERE_MAX];
    row_group(row, section, sizeof section);
    if (v->type != JSON_ARRAY)
        return wrong_type(row_kind(KEY_LIMITS), where, v, e);
    if ((out->limits = arena_get(a, v->count ? v->count : 1, sizeof *out->limits)) == NULL)
        return err_nomem(e);
    for (const Json *item = v->first; item != NULL; item = item->next)
        if (!read_map(a, section, item, item->line, &out->limits[out->limit_count++], where, e))
            return false;
    return true;
}

static bool read_value(Arena *a, const KeyRow *row, const Json *v, void *base, const char *where, Err *e)
{
    char section[WHERE_MAX];
    switch (row->type) {
    case KEY_PARTS:
    case KEY_OPEN:   return true;                      /* parts are read once the whole top level is known good */
    case KEY_LIST:   return read_list(a, row, v, base, where, e);
    case KEY_LIMITS: return read_limits(a, row, v, base, where, e);
    case KEY_GROUP:
        row_group(row, section, sizeof section);
        return read_map(a, section, v, v->line, base, where, e);
    default:         return read_scalar(row, v, base, where, e);
    }
}

/* ---- defaults */

static bool default_list(Arena *a, const KeyRow *row, void *base, Err *e)
{
    StrList *l = (StrList *)((char *)base + row->offset);
    Str      rest = str(row->fallback);
    if ((l->v = arena_get(a, rest.n, sizeof *l->v)) == NULL)
        return err_nomem(e);
    for (bool more = true; more;)
        more = str_cut(rest, ',', &l->v[l->n++], &rest);
    return true;
}

static bool default_value(Arena *a, const KeyRow *row, void *base, uint64_t line, const char *where, Err *e)
{
    char section[WHERE_MAX];
    if (row->type == KEY_GROUP) {
        static const Json empty = { .type = JSON_OBJECT };
        row_group(row, section, sizeof section);
        return read_map(a, section, &empty, line, base, where, e);
    }
    if (row->fallback == NULL)
        return true;
    if (strcmp(row->fallback, "!") == 0)
        return err_line(e, line, "%s%s'%s' is missing: %s", where, *where ? ": " : "", row->key, row->help);
    if (row->offset == NO_FIELD)
        return true;                                   /* named_text() looks it up */
    if (row->type == KEY_LIST)
        return default_list(a, row, base, e);
    bool ok = row_read(row, str(row->fallback), base);
    assert(ok);                                        /* the table disagrees with itself */
    return ok;
}

static const char *join(char *out, const char *where, Str key)
{
    snprintf(out, WHERE_MAX, "%s%s%.*s", where, *where ? "." : "", STR(key));
    return out;
}

static bool read_map(Arena *a, const char *section, const Json *node, uint64_t line, void *base, const char *where, Err *e)
{
    char at[WHERE_MAX];
    if (node->type != JSON_OBJECT && node->type != JSON_NULL)
        return wrong_type(row_kind(KEY_GROUP), *where ? where : "the file", node, e);
    for (const Json *v = node->first; v != NULL; v = v->next) {
        const KeyRow *row = row_find(section, v->key);
        if (row == NULL)
            return unknown_key(section, where, v, e);
        if (!read_value(a, row, v, base, join(at, where, v->key), e))
            return false;
    }
    for (size_t i = 0; i < key_table_len; i++)
        if (strcmp(key_table[i].section, section) == 0 && json_get(node, key_table[i].key) == NULL &&
            !default_value(a, &key_table[i], base, line, where, e))
            return false;
    return true;
}

/* ---- parts */

static bool read_part(Pipeline *p, const Section *s, const Json *v, void *out, Err *e)
{
    Part *part = out;                                  /* every part begins with it */
    char *id = arena_printf(p->arena, "%s.%.*s", s->name, STR(v->key));
    if (!is_part_name(v->key))
        return err_line(e, v->line, "%s: '%.*s' is not a name: 1 to 64 of A-Z a-z 0-9 . _ -", s->name, STR(v->key));
    if (id == NULL)
        return err_nomem(e);
    *part = (Part){ v->key, str(id), v->line };
    if (s->named)
        ((Named *)out)->node = v;
    return read_map(p->arena, s->name, v, v->line, out, id, e);
}

static bool read_section(Pipeline *p, const Section *s, const Json *v, Err *e)
{
    if (v == NULL || v->type == JSON_NULL)
        return true;
    if (v->type != JSON_OBJECT)
        return wrong_type(row_kind(KEY_PARTS), s->name, v, e);
    if (v->count > PARTS_MAX)
        return err_line(e, v->line, "%s: %zu parts; the limit is %d", s->name, v->count, PARTS_MAX);
    char *parts = arena_get(p->arena, v->count ? v->count : 1, s->size);
    if (parts == NULL)
        return err_nomem(e);
    *(void **)((char *)p + s->parts) = parts;
    size_t *n = (size_t *)((char *)p + s->count);
    for (const Json *part = v->first; part != NULL; part = part->next)
        if (!read_part(p, s, part, parts + (*n)++ * s->size, e))
            return false;
    return true;
}

static bool check_version(const Json *root, Err *e)
{
    uint64_t    version;
    const Json *v = json_get(root, "moat");
    if (v == NULL || (json_u64(v, &version) && version == 1))
        return true;                                   /* read_map says that it is missing */
    err_line(e, v->line, "moat: this is moat " MOAT_VERSION ", which reads version 1 of the file");
    return false;
}

static bool fill(Pipeline *p, const Json *root, Err *e)
{
    if (root->type != JSON_OBJECT)
        return err_line(e, root->line, "wants a mapping that starts with 'moat: 1', not %s", json_type_name(root->type));
    if (!check_version(root, e) || !read_map(p->arena, "", root, 1, p, "", e))
        return false;
    for (size_t i = 0; i < section_table_len; i++)
        if (!read_section(p, &section_table[i], json_get(root, section_table[i].name), e))
            return false;
    return graph_build(p, root, e) && rules_check(p, e);
}

static const Json *parse(Arena *a, Str text, Err *e)
{
    bool json = str_starts(str_trim(text), S("{"));
    return json ? json_parse(a, text, JSON_STRICT, e) : yaml_parse(a, text, e);
}

Pipeline *pipeline_load(Arena *a, const char *path, Err *e)
{
    Str       text;
    Pipeline *p = arena_get(a, 1, sizeof *p);
    if (p == NULL)
        return err_nomem(e), NULL;
    if (!file_read(a, path, FILE_MAX, &text, e))
        return NULL;
    p->arena = a;
    p->file = arena_printf(a, "%s", path);
    p->dir = path_dir(a, path);
    p->state = p->dir ? path_join(a, p->dir, S(".moat")) : NULL;
    if (p->file == NULL || p->state == NULL)
        return err_nomem(e), NULL;
    const Json *root = parse(a, text, e);
    if (root == NULL || !fill(p, root, e))
        return err_in(e, "%s", path), NULL;
    return p;
}

Pipeline *pipeline_find(Arena *a, const char *path_or_null, Err *e)
{
    enum { DEPTH_MAX = 64 };
    char path[3 * DEPTH_MAX + 16] = "moat.yaml";
    if (path_or_null != NULL)
        return pipeline_load(a, path_or_null, e);
    for (int up = 0; up < DEPTH_MAX; up++) {
        if (file_exists(path))
            return pipeline_load(a, path, e);
        memmove(path + 3, path, strlen(path) + 1);
        memcpy(path, "../", 3);
    }
    err_set(e, E_IO, "no moat.yaml here or in a folder above");
    err_hint(e, "moat init");
    return NULL;
}
