/* file.c - the model as safetensors; see privacy.h and num/mlp.h. */
#include "format/safetensors.h"
#include "privacy/privacy.h"

enum { METADATA_MAX = 32 };

static SafeTensor tensor(const char *name, const float *v, uint64_t rows, uint64_t cols)
{
    SafeTensor t = { .name = str(name), .type = SCALAR_F32, .dims = cols ? 2 : 1, .shape = { rows, cols } };
    t.data = (Str){ (const char *)v, rows * (cols ? cols : 1) * sizeof *v };
    return t;
}

static bool class_names(Arena *a, const Str *class, size_t n, Str *out)
{
    defer_buf Buf names = { 0 };
    JsonOut       w = json_out(&names);
    json_open(&w, '[');
    for (size_t i = 0; i < n; i++)
        json_put_str(&w, class[i]);
    json_close(&w, ']');
    *out = arena_str(a, buf_view(&names));
    return !names.bad && out->p != NULL;
}

bool model_write(Arena *a, const Mlp *m, const Str *class, const Str (*extra)[2], size_t extras, Buf *out, Err *e)
{
    enum { OWN = 3 };
    Str        meta[METADATA_MAX][2] = { { S("kind"), str(mlp_kind(m)) }, { S("format_version"), S(MLP_VERSION) }, { S(MLP_CLASSES) } };
    char       name[2 * MLP_LAYERS_MAX][MLP_NAME];
    SafeTensor tensors[2 * MLP_LAYERS_MAX + 2];
    size_t     n = 0;
    if (!class_names(a, class, m->classes, &meta[OWN - 1][1]))
        return err_nomem(e);
    assert(extras + OWN <= METADATA_MAX);
    for (size_t i = 0; i < extras; i++)
        meta[OWN + i][0] = extra[i][0], meta[OWN + i][1] = extra[i][1];
    for (size_t l = 0; l < m->layers; l++) {
        const Dense *d = &m->layer[l];
        mlp_tensor_name(m, l, MLP_WEIGHT, name[n]), tensors[n] = tensor(name[n], d->weight, d->out, d->in), n++;
        mlp_tensor_name(m, l, MLP_BIAS, name[n]), tensors[n] = tensor(name[n], d->bias, d->out, 0), n++;
    }
    tensors[n++] = tensor(MLP_MEAN, m->mean, m->features, 0);
    tensors[n++] = tensor(MLP_SCALE, m->scale, m->features, 0);
    return safetensors_write(out, tensors, n, (const Str(*)[2])meta, extras + OWN, e);
}
