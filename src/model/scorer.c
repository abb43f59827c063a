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

static bool shape_ok(const Mlp *m, size_t layer, const SafeTensor *w, Err *e)
{
    bool     last = layer + 1 == m->layers;
    uint64_t most = last ? MLP_CLASSES_MAX : MLP_WIDTH_MAX, ins = layer ? m->layer[layer - 1].out : 0;
    if (w == NULL || w->dims != 2)
        return err_set(e, E_FORMAT, "there is no weight matrix for layer %zu", layer);
    if (w->shape[0] < (last ? 2 : 1) || w->shape[0] > most || w->shape[1] < 1 || w->shape[1] > MLP_FEATURES_MAX)
        return err_set(e, E_LIMIT, "layer %zu has %" PRIu64 " outputs of %" PRIu64 " inputs; at most %" PRIu64 " of %d are taken", layer,
                       w->shape[0], w->shape[1], most, MLP_FEATURES_MAX);
    return layer == 0 || w->shape[1] == ins ||
           err_set(e, E_FORMAT, "layer %zu reads %" PRIu64 " numbers, but the one before it gives %" PRIu64, layer, w->shape[1], ins);
}

static bool load_layer(Arena *a, const Safetensors *s, Mlp *m, size_t layer, Err *e)
{
    char   weight[MLP_NAME], bias[MLP_NAME];
    Dense *d = &m->layer[layer];
    mlp_tensor_name(m, layer, MLP_WEIGHT, weight), mlp_tensor_name(m, layer, MLP_BIAS, bias);
    const SafeTensor *w = safetensors_find(s, weight);
    if (!shape_ok(m, layer, w, e))
        return false;
    d->out = w->shape[0], d->in = w->shape[1];
    d->weight = tensor(a, s, weight, d->out, d->in, e);
    d->bias = d->weight ? tensor(a, s, bias, d->out, 0, e) : NULL;
    return d->bias != NULL;
}

/* One weight matrix, or as many as there are layers.N.weight. */
static bool count_layers(const Safetensors *s, Str kind, Mlp *m, Err *e)
{
    char name[MLP_NAME];
    m->layers = 1;
    if (str_is(kind, mlp_kind(m)))
        return true;
    for (m->layers = 2; m->layers <= MLP_LAYERS_MAX; m->layers++) {
        mlp_tensor_name(m, m->layers, MLP_WEIGHT, name);
        if (safetensors_find(s, name) == NULL)
            return true;
    }
    return err_set(e, E_LIMIT, "more than %d layers", MLP_LAYERS_MAX);
}

static bool load_tensors(Arena *a, const Safetensors *s, Str kind, Mlp *m, Err *e)
{
    if (!count_layers(s, kind, m, e))
        return false;
    for (size_t l = 0; l < m->layers; l++)
        if (!load_layer(a, s, m, l, e))
            return false;
    m->features = m->layer[0].in, m->classes = m->layer[m->layers - 1].out;
    m->mean = tensor(a, s, MLP_MEAN, m->features, 0, e);
    m->scale = m->mean ? tensor(a, s, MLP_SCALE, m->features, 0, e) : NULL;
    for (size_t f = 0; m->scale != NULL && f < m->features; f++)
        if (m->scale[f] == 0)
            return err_set(e, E_FORMAT, "tensor '" MLP_SCALE "': number %zu is 0", f);
    return m->scale != NULL;
}

static bool load_classes(Arena *a, Str text, Scorer *out, Err *e)
{
    if (text.n == 0)
        return true;
    const Json *list = json_parse(a, text, JSON_STRICT, e);
    if (list == NULL)
        return err_in(e, "metadata '" MLP_CLASSES "'");
    if (list->type != JSON_ARRAY || list->count != out->m.classes)
        return err_set(e, E_FORMAT, "metadata '" MLP_CLASSES "' does not name %zu classes", out->m.classes);
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
    if ((!str_is(kind, "softmax") && !str_is(kind, "mlp")) || !str_is(version, MLP_VERSION)) {
        err_set(e, E_FORMAT, "a model of kind '%.*s', format '%.*s'; only 'softmax' and 'mlp', format '" MLP_VERSION "' are served", STR(kind),
                STR(version));
        return err_hint(e, "moat privacy train writes such models");
    }
    return load_tensors(a, &s, kind, &out->m, e) && load_classes(a, json_text(json_get(s.metadata, MLP_CLASSES), S("")), out, e);
}

bool scorer_predict(const Scorer *s, const float *x, size_t rows, float *out)
{
    size_t       n = s->m.features;
    float       *ready = malloc(MLP_BLOCK * (n + mlp_hidden(&s->m)) * sizeof *ready);
    const float *row[MLP_BLOCK];
    if (ready == NULL)
        return false;
    for (size_t at = 0; at < rows; at += MLP_BLOCK) {
        size_t count = rows - at < MLP_BLOCK ? rows - at : MLP_BLOCK;
        for (size_t i = 0; i < count; i++) {
            mlp_prepare(&s->m, x + (at + i) * n, ready + i * n);
            row[i] = ready + i * n;
        }
        mlp_predict(&s->m, s->kernels, row, count, ready + MLP_BLOCK * n, out + at * s->m.classes);
    }
    free(ready);
    return true;
}
