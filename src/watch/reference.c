/* reference.c - see reference.h. */
#include "watch/reference.h"
#include "base/file.h"
#include "watch/columns.h"
#include <math.h>

/* ---- which dataset */

static const Dataset *dataset_of(const Pipeline *p, const Named *n, const Endpoint *ep)
{
    Str          named = named_text(n, "reference");
    const Model *m = pipeline_model(p, ep->model);
    if (named.n > 0)
        return pipeline_dataset(p, named);
    return m != NULL && m->from.n > 0 ? pipeline_dataset(p, m->from.v[0]) : NULL;
}

static bool read_columns(Arena *a, const char *path, Columns *out, Err *e)
{
    Map *m = arena_get(a, 1, sizeof *m);               /* columns borrow from it: mapped for the arena's life */
    if (m == NULL || path == NULL)
        return err_nomem(e);
    Str text;
    if (!file_read(a, path, (size_t)8 << 30, &text, e))
        return false;
    return columns_read(a, text, NULL, 0, out, e) || err_in(e, "%s", path);
}

/* ---- features */

static bool bins_new(Arena *a, FeatureRef *f, size_t bins, Err *e)
{
    f->bins = bins;
    f->reference = arena_get(a, bins, sizeof *f->reference);
    return f->reference != NULL || err_nomem(e);
}

static bool freeze_numbers(Arena *a, const ColumnOf *c, uint64_t rows, FeatureRef *f, Err *e)
{
    double *v = arena_get(a, rows, sizeof *v), *scratch = arena_get(a, rows, sizeof *scratch);
    if (v == NULL || scratch == NULL)
        return err_nomem(e);
    for (uint64_t i = 0; i < rows; i++)
        if (isfinite(c->num[i]))
            v[f->rows++] = c->num[i];
    if (f->rows == 0)
        return err_set(e, E_FORMAT, "reference column '%.*s' has no values", STR(c->name));
    sample_sort(v, scratch, (size_t)f->rows);
    edges_of((Sample){ v, (size_t)f->rows }, &f->edges);
    if (!bins_new(a, f, f->edges.n + 1, e))
        return false;
    for (uint64_t i = 0; i < f->rows; i++)
        f->reference[edges_find(&f->edges, v[i])]++;
    return true;
}

static bool freeze_texts(Arena *a, const ColumnOf *c, uint64_t rows, FeatureRef *f, Err *e)
{
    if ((f->categories = dict_new(a)) == NULL || !bins_new(a, f, CATEGORIES_MAX + 1, e))
        return err_nomem(e);
    for (uint64_t i = 0; i < rows; i++) {
        if (column_is_missing(c, i))
            continue;
        uintptr_t bin = (uintptr_t)dict_get(f->categories, c->text[i]);
        if (bin == 0 && dict_count(f->categories) < CATEGORIES_MAX) {
            bin = dict_count(f->categories) + 1;
            if (!dict_put(f->categories, c->text[i], (void *)bin))
                return err_nomem(e);
        }
        f->reference[bin == 0 ? CATEGORIES_MAX : bin - 1]++, f->rows++;
    }
    f->reference[dict_count(f->categories)] = f->reference[CATEGORIES_MAX];        /* others come behind the known */
    f->bins = dict_count(f->categories) + 1;
    return f->rows > 0 || err_set(e, E_FORMAT, "reference column '%.*s' has no values", STR(c->name));
}

size_t feature_bin(const FeatureRef *f, const Json *v)
{
    if (!f->ordered) {
        Str       text = v->type == JSON_STRING || v->type == JSON_NUMBER ? v->text : S("");
        uintptr_t bin = (uintptr_t)dict_get(f->categories, text);
        return text.n == 0 ? f->bins : bin == 0 ? f->bins - 1 : bin - 1;
    }
    bool number = v->type == JSON_NUMBER || v->type == JSON_TRUE || v->type == JSON_FALSE;
    return number ? edges_find(&f->edges, v->type == JSON_NUMBER ? v->num : v->type == JSON_TRUE) : f->bins;
}

static bool wanted(const Named *n, Str name)
{
    const Json *list = json_get(n->node, "features");
    for (const Json *s = list ? list->first : NULL; s != NULL; s = s->next)
        if (str_eq(s->text, name))
            return true;
    return list == NULL || list->count == 0;
}

static bool add_feature(Arena *a, const ColumnOf *c, uint64_t rows, Monitor *m, Err *e)
{
    FeatureRef *f = &m->features[m->feature_count++];
    *f = (FeatureRef){ .name = c->name, .ordered = c->num != NULL, .at = m->bins };
    if (!(f->ordered ? freeze_numbers(a, c, rows, f, e) : freeze_texts(a, c, rows, f, e)))
        return false;
    m->bins += f->bins;
    m->by_position[m->positions] = m->feature_count;
    if (m->bins > MONITOR_BINS_MAX)
        return err_set(e, E_LIMIT, "more than %d bins: name the features to watch", MONITOR_BINS_MAX);
    return dict_put(m->by_name, f->name, f) || err_nomem(e);
}

static bool load_features(Arena *a, const Named *n, const Dataset *d, const Columns *c, Monitor *m, Err *e)
{
    const Json *list = json_get(n->node, "features");
    m->features = arena_get(a, c->count + 1, sizeof *m->features);
    m->by_position = arena_get(a, c->count + 1, sizeof *m->by_position);
    m->by_name = dict_new(a);
    if (m->features == NULL || m->by_position == NULL || m->by_name == NULL)
        return err_nomem(e);
    for (size_t i = 0; i < c->count; i++) {
        if (str_eq(c->v[i].name, d->labels))           /* not part of a request's row */
            continue;
        if (wanted(n, c->v[i].name) && !add_feature(a, &c->v[i], c->rows, m, e))
            return false;
        m->positions++;
    }
    for (const Json *s = list ? list->first : NULL; s != NULL; s = s->next)
        if (dict_get(m->by_name, s->text) == NULL)
            return err_set(e, E_USAGE, "the reference has no feature '%.*s'", STR(s->text));
    return m->feature_count > 0 || err_set(e, E_USAGE, "the reference has no features");
}

/* Where an array has the group's feature: by its name in the reference; SIZE_MAX when only objects can tell. */
static size_t position_of(Str name, const Dataset *d, const Columns *c)
{
    for (size_t i = 0, at = 0; i < c->count; i++) {
        if (str_eq(c->v[i].name, name))
            return at;
        at += !str_eq(c->v[i].name, d->labels);
    }
    return SIZE_MAX;
}

/* ---- classes: the model's names in its order, else what the labels are: numbers by value, texts by bytes */

static bool class_text(Arena *a, const ColumnOf *c, uint64_t row, Str *out)
{
    char text[NUMBER_TEXT];
    if (c->num == NULL)
        return *out = c->text[row], true;
    *out = arena_str(a, (Str){ text, number_text(c->num[row], text) });
    return out->p != NULL;
}

static int by_value(const void *a, const void *b)
{
    const Str *x = a, *y = b;
    double     v, w;
    if (number_f64(*x, &v) && number_f64(*y, &w))
        return (v > w) - (v < w);
    return str_cmp(*x, *y);
}

static bool count_classes(Arena *a, const ColumnOf *c, uint64_t rows, Dict *seen, Err *e)
{
    for (uint64_t i = 0; i < rows; i++) {
        Str text;
        if (column_is_missing(c, i))
            continue;
        if (!class_text(a, c, i, &text))
            return err_nomem(e);
        uint64_t *n = dict_get(seen, text);
        if (n == NULL && dict_count(seen) >= CLASSES_MAX)
            return err_set(e, E_LIMIT, "more than %d classes", CLASSES_MAX);
        if (n == NULL && ((n = arena_get(a, 1, sizeof *n)) == NULL || !dict_put(seen, text, n)))
            return err_nomem(e);
        ++*n;
    }
    return true;
}

static bool name_classes(Arena *a, const Model *model, const Dict *seen, Monitor *m, Err *e)
{
    size_t declared = model != NULL ? model->labels.n : 0;
    m->classes = declared > 0 ? declared : dict_count(seen);
    m->class_name = arena_get(a, m->classes + 1, sizeof *m->class_name);
    m->class_reference = arena_get(a, m->classes + 1, sizeof *m->class_reference);
    if (m->class_name == NULL || m->class_reference == NULL)
        return err_nomem(e);
    for (size_t i = 0; i < m->classes; i++)
        m->class_name[i] = declared > 0 ? model->labels.v[i] : dict_items(seen)[i].key;
    if (declared == 0 && m->classes > 1)
        qsort(m->class_name, m->classes, sizeof *m->class_name, by_value);
    for (size_t i = 0; i < m->classes; i++) {
        const uint64_t *n = dict_get(seen, m->class_name[i]);
        m->class_reference[i] = n ? *n : 0;
    }
    return true;
}

static bool load_classes(Arena *a, const Pipeline *p, const Endpoint *ep, const Dataset *d, const Columns *c, Monitor *m, Err *e)
{
    Dict           *seen = dict_new(a);
    const ColumnOf *labels = d != NULL ? columns_find(c, d->labels) : NULL;
    Columns         file = { 0 };
    if (seen == NULL)
        return err_nomem(e);
    if (d != NULL && d->labels.n > 0 && labels == NULL) {          /* npy, idx: a file of their own */
        if (!read_columns(a, pipeline_path(p, d->labels), &file, e))
            return false;
        labels = file.count > 0 ? &file.v[0] : NULL;
    }
    if (labels != NULL && !count_classes(a, labels, file.count > 0 ? file.rows : c->rows, seen, e))
        return false;
    if (labels == NULL && m->metric->from == FROM_CLASSES)
        return err_set(e, E_USAGE, "the reference has no labels to compare classes with");
    return name_classes(a, pipeline_model(p, ep->model), seen, m, e);
}

/* ---- all of it */

static void digest_of(Monitor *m)
{
    defer_buf Buf b = { 0 };
    for (size_t i = 0; i < m->feature_count; i++) {
        const FeatureRef *f = &m->features[i];
        buf_u64(&b, f->name.n), buf_str(&b, f->name), buf_u64(&b, f->bins), buf_byte(&b, f->ordered);
        buf_put(&b, f->edges.edge, f->edges.n * sizeof *f->edges.edge);
        buf_put(&b, f->reference, f->bins * sizeof *f->reference);
    }
    for (size_t i = 0; i < m->classes; i++)
        buf_u64(&b, m->class_name[i].n), buf_str(&b, m->class_name[i]), buf_u64(&b, m->class_reference[i]);
    m->reference = sha256(buf_view(&b));
}

static bool load_all(Arena *a, const Pipeline *p, const Named *n, const Endpoint *ep, const Dataset *d, Monitor *m, Err *e)
{
    Columns c = { 0 };
    if (d != NULL && !read_columns(a, pipeline_path(p, d->path), &c, e))
        return false;
    if (m->metric->from == FROM_FEATURES)
        return load_features(a, n, d, &c, m, e);
    m->group_position = position_of(m->group, d, &c);
    return load_classes(a, p, ep, d, &c, m, e);
}

bool reference_load(Arena *a, const Pipeline *p, const Named *n, const Endpoint *ep, Monitor *m, Err *e)
{
    const Dataset *d = dataset_of(p, n, ep);
    bool           needed = m->metric->from == FROM_FEATURES || m->metric->from == FROM_CLASSES;
    if (d == NULL && needed) {
        err_set(e, E_USAGE, "no reference: neither named, nor does its model say what it was trained on");
        return err_hint(e, "reference: DATASET, or models.%.*s: from: [DATASET]", STR(ep->model));
    }
    bool read = needed || m->metric->from == FROM_GROUPS || (d != NULL && d->labels.n > 0);
    if (m->metric->from != FROM_TRAFFIC && !load_all(a, p, n, ep, read ? d : NULL, m, e))
        return false;
    digest_of(m);
    return true;
}
