/* discover_fold.c - many files that are one thing: sharded weights, partitioned tables, Hugging Face folders, image folders. */
#include "pipeline/discover.h"
#include <ctype.h>

enum { IMAGES_MIN = 8 };

/* "part-00012.parquet" and "part-00013.parquet" are one pattern: runs of digits become '#'. */
static Str pattern_of(Scan *s, const Candidate *c)
{
    char   out[300];
    size_t n = 0;
    Str    name = path_last(c->path);
    for (size_t i = 0; i < name.n && n < sizeof out; i++) {
        bool digit = isdigit((unsigned char)name.p[i]);
        if (!digit || n == 0 || out[n - 1] != '#')
            out[n++] = digit ? '#' : name.p[i];
    }
    return text_of(s, "%s %.*s %.*s", c->section, STR(path_parent(c->path)), (int)n, out);
}

/* One candidate for the folder in place of the `n` in `group`; the first of them becomes it. */
static void become_folder(Scan *s, Candidate *first, size_t n, const char *what)
{
    Str parent = path_parent(first->path);
    first->why = text_of(s, "%s, %zu %s", first->why.p, n, what);
    first->path = parent.n ? keep_str(s, parent) : S(".");
    if (first->format != NULL && n > 1)
        first->format = "files";
}

static void drop_marked(List *l, const Dict *dropped)
{
    size_t kept = 0;
    for (size_t i = 0; i < l->n; i++) {
        char key[32];
        int  n = snprintf(key, sizeof key, "%zu", i);
        if (dict_get(dropped, (Str){ key, (size_t)n }) == NULL)
            l->v[kept++] = l->v[i];
    }
    l->n = kept;
}

static void drop(Scan *s, Dict *dropped, size_t i) { s->bad |= !dict_put(dropped, text_of(s, "%zu", i), s); }

typedef struct Group {
    size_t first, n;
} Group;

static void fold_shards(Scan *s)
{
    Dict *groups = dict_new(s->arena), *dropped = dict_new(s->arena);
    for (size_t i = 0; i < s->candidates.n && !s->bad; i++) {
        Str    key = pattern_of(s, s->candidates.v[i]);
        Group *g = memchr(key.p, '#', key.n) ? dict_get(groups, key) : NULL;
        if (g == NULL && (g = arena_get(s->arena, 1, sizeof *g)) != NULL)
            g->first = i, s->bad |= !dict_put(groups, key, g);
        s->bad |= g == NULL;
        if (!s->bad)
            g->n++;
    }
    for (size_t i = 0; i < s->candidates.n && !s->bad; i++) {
        const Group *g = dict_get(groups, pattern_of(s, s->candidates.v[i]));
        if (g == NULL || g->n < SHARDS_MIN)
            continue;
        if (g->first != i)
            drop(s, dropped, i);
    }
    for (size_t i = 0; i < dict_count(groups) && !s->bad; i++) {
        const Group *g = dict_items(groups)[i].value;
        if (g->n >= SHARDS_MIN)
            become_folder(s, s->candidates.v[g->first], g->n, "shards");
    }
    drop_marked(&s->candidates, dropped);
}

/* A folder whose config.json names an architecture is one model, whatever number of files its weights have. */
static bool is_hub_folder(Scan *s, Str parent)
{
    defer_arena Arena *a = arena_new(HEAD_BYTES + (64 << 10));
    Str                path = parent.n ? text_of(s, "%.*s/config.json", STR(parent)) : S("config.json"), head;
    return a != NULL && dict_get(s->paths, path) != NULL && scan_read(s, a, path, HEAD_BYTES, &head) &&
           has_word(head, "\"model_type\" \"architectures\"");
}

static void fold_hub(Scan *s)
{
    Dict *seen = dict_new(s->arena), *dropped = dict_new(s->arena);
    for (size_t i = 0; i < s->candidates.n && !s->bad; i++) {
        Candidate *c = s->candidates.v[i];
        Str        parent = keep_str(s, path_parent(c->path));
        if (strcmp(c->section, "models") != 0)
            continue;
        Group *g = dict_get(seen, parent);
        if (g == NULL) {
            g = arena_get(s->arena, 1, sizeof *g);
            s->bad |= g == NULL || !dict_put(seen, parent, g);
            if (s->bad)
                return;
            g->n = is_hub_folder(s, parent);
            if (g->n)
                become_folder(s, c, 1, "config.json beside it");
        } else if (g->n) {
            drop(s, dropped, i);
        }
    }
    drop_marked(&s->candidates, dropped);
}

/* ---- images: a folder below a data folder, with one folder a class below it or none */

static bool is_image(Str name) { return is_one_of(path_ext(name), "jpg jpeg png bmp webp tif tiff"); }

/* data/shapes/square and data/shapes/circle are the dataset data/shapes; data/train is itself. */
static Str image_root(const Dict *classes, Str folder)
{
    Str           parent = path_parent(folder);
    const size_t *beside = dict_get(classes, parent);
    if (!in_data_folder(folder) || is_one_of(path_last(folder), "data train test val valid validation images"))
        return folder;
    return beside != NULL && *beside >= 2 ? parent : folder;
}

static void count(Scan *s, Dict *d, Str key, size_t by)
{
    size_t *n = dict_get(d, key);
    if (n == NULL && (n = arena_get(s->arena, 1, sizeof *n)) != NULL)
        s->bad |= !dict_put(d, keep_str(s, key), n);
    s->bad |= n == NULL;
    if (n != NULL)
        *n += by;
}

static void add_images(Scan *s, Str root, size_t n)
{
    Candidate *c = arena_get(s->arena, 1, sizeof *c);
    if (c == NULL)
        s->bad = true;
    else if (n >= IMAGES_MIN) {
        *c = (Candidate){ .section = "datasets", .path = root, .format = "files", .why = text_of(s, "%zu images", n) };
        list_add(s, &s->candidates, c);
    }
}

static void find_images(Scan *s)
{
    Dict *images = dict_new(s->arena), *classes = dict_new(s->arena), *roots = dict_new(s->arena);
    if (!images || !classes || !roots) {
        s->bad = true;
        return;
    }
    for (size_t i = 0; i < s->file_count; i++) {
        const FileRow *f = &s->files[i];
        if (is_image(f->name) && !f->test && in_data_folder(f->path))
            count(s, images, path_parent(f->path), 1);
    }
    for (size_t i = 0; i < dict_count(images); i++)
        count(s, classes, path_parent(dict_items(images)[i].key), 1);
    for (size_t i = 0; i < dict_count(images); i++) {
        const DictItem *folder = &dict_items(images)[i];
        count(s, roots, image_root(classes, folder->key), *(const size_t *)folder->value);
    }
    for (size_t i = 0; i < dict_count(roots); i++)
        add_images(s, dict_items(roots)[i].key, *(const size_t *)dict_items(roots)[i].value);
}

static void index_names(Scan *s)
{
    for (size_t i = 0; i < s->candidates.n && !s->bad; i++) {
        Candidate *c = s->candidates.v[i];
        Str        name = path_last(c->path);
        c->same_name = dict_get(s->by_name, name);
        s->bad |= !dict_put(s->by_name, name, c);
    }
}

void fold_folders(Scan *s)
{
    fold_shards(s);
    fold_hub(s);
    find_images(s);
    index_names(s);
}
