/* scorer.c - see scorer.h. */
#include "model/scorer.h"
#include <math.h>

/* A float32 tensor of exactly this shape, every number finite; cols 0 for a vector. */
static float *tensor(Arena *a, const Safetensors *s, const char *name, uint64_t rows, uint64_t cols, Err *e)
{
    const SafeTensor *t = safetensors_find(s, name);
    uint64_t          n = rows * (cols ? cols : 1);
    if (t == NULL || t->type != SCALAR_F32)
        return err_set(e, E_FORMAT, "tensor '%s' is missing or not F32", name), NULL;
    if (t->dims != (cols ? 2 : 1) || t->shape[0] != rows || (cols && t->shape[1] != cols))
        return err_set(e, E_FORMAT, "tensor '%s' has another shape than the weights ask for", name), NULL;
    float *v = arena_get(a, n, sizeof *v);
    if (v == NULL)
        return err_nomem(e), NULL;
    memcpy(v, t->data.p, n * sizeof *v);
    for (uint64_t i = 0; i < n; i++)
        if (!isfinite(v[i]))
            return err_set(e, E_FORMAT, "tensor '%s': number %" PRIu64 " is not finite", name, i), NULL;
    return v;
}

static bool load_tensors(Arena *a, const Safetensors *s, Softmax *m, Err *e)
{
    const SafeTensor *w = safetensors_find(s, SOFTMAX_WEIGHT);
    if (w == NULL || w->dims != 2)
        return err_set(e, E_FORMAT, "there is no matrix '" SOFTMAX_WEIGHT "'");
    if (w->shape[0] < 2 || w->shape[0] > SOFTMAX_CLASSES_MAX || w->shape[1] < 1 || w->shape[1] > SOFTMAX_FEATURES_MAX)
        return err_set(e, E_LIMIT, "%" PRIu64 " classes of %" PRIu64 " features; from 2 to %d of 1 to %d are taken", w->shape[0],
                       w->shape[1], SOFTMAX_CLASSES_MAX, SOFTMAX_FEATURES_MAX);
    m->classes = w->shape[0], m->features = w->shape[1];
    m->weight = tensor(a, s, SOFTMAX_WEIGHT, m->classes, m->features, e);
    m->bias = m->weight ? tensor(a, s, SOFTMAX_BIAS, m->classes, 0, e) : NULL;
    m->mean = m->bias ? tensor(a, s, SOFTMAX_MEAN, m->features, 0, e) : NULL;
    m->scale = m->mean ? tensor(a, s, SOFTMAX_SCALE, m->features, 0, e) : NULL;
    for (size_t f = 0; m->scale != NULL && f < m->features; f++)
        if (m->scale[f] == 0)
            return err_set(e, E_FORMAT, "tensor '" SOFTMAX_SCALE "': number %zu is 0", f);
    return m->scale != NULL;
}

static bool load_classes(Arena *a, Str text, Scorer *out, Err *e)
{
    if (text.n == 0)
        return true;
    const Json *list = json_parse(a, text, JSON_STRICT, e);
    if (list == NULL)
        return err_in(e, "metadata '" SOFTMAX_CLASSES "'");
    if (list->type != JSON_ARRAY || list->count != out->m.classes)
        return err_set(e, E_FORMAT, "metadata '" SOFTMAX_CLASSES "' does not name %zu classes", out->m.classes);
    out->classes = arena_get(a, list->count, sizeof *out->classes);
    size_t n = 0;
    for (const Json *v = list->first; out->classes != NULL && v != NULL; v = v->next)
        out->classes[n++] = json_text(v, S(""));
    return out->classes != NULL || err_nomem(e);
}

bool scorer_load(Arena *a, Str file, Scorer *out, Err *e)
{
    Safetensors s;
    *out = (Scorer){ .kernels = kernels() };
    if (!safetensors_read(a, file, &s, e))
        return false;
    Str kind = json_text(json_get(s.metadata, "kind"), S("")), version = json_text(json_get(s.metadata, "format_version"), S(""));
    if (!str_is(kind, SOFTMAX_KIND) || !str_is(version, SOFTMAX_VERSION)) {
        err_set(e, E_FORMAT, "a model of kind '%.*s', format '%.*s'; only '" SOFTMAX_KIND "', format '" SOFTMAX_VERSION "' is served", STR(kind),
                STR(version));
        return err_hint(e, "moat privacy train writes such models");
    }
    return load_tensors(a, &s, &out->m, e) && load_classes(a, json_text(json_get(s.metadata, SOFTMAX_CLASSES), S("")), out, e);
}

bool scorer_predict(const Scorer *s, const float *x, size_t rows, float *out)
{
    size_t       n = s->m.features;
    float       *ready = malloc(SCORER_BLOCK * n * sizeof *ready);
    const float *row[SCORER_BLOCK];
    if (ready == NULL)
        return false;
    for (size_t at = 0; at < rows; at += SCORER_BLOCK) {
        size_t count = rows - at < SCORER_BLOCK ? rows - at : SCORER_BLOCK;
        for (size_t i = 0; i < count; i++) {
            softmax_prepare(&s->m, x + (at + i) * n, ready + i * n);
            row[i] = ready + i * n;
        }
        softmax_predict(&s->m, s->kernels, row, count, out + at * s->m.classes);
    }
    free(ready);
    return true;
}
