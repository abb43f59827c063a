/* file.c - the model as safetensors; see privacy.h and num/softmax.h. */
#include "format/safetensors.h"
#include "privacy/privacy.h"

enum { METADATA_MAX = 32 };

static SafeTensor tensor(const char *name, const float *v, uint64_t rows, uint64_t cols)
{
    SafeTensor t = { .name = str(name), .type = SCALAR_F32, .dims = cols ? 2 : 1, .shape = { rows, cols } };
    t.data = (Str){ (const char *)v, rows * (cols ? cols : 1) * sizeof *v };
    return t;
}

bool softmax_write(Arena *a, const Softmax *m, const Str *class, const Str (*extra)[2], size_t extras, Buf *out, Err *e)
{
    Str           meta[METADATA_MAX][2] = { { S("kind"), S(SOFTMAX_KIND) }, { S("format_version"), S(SOFTMAX_VERSION) } };
    defer_buf Buf names = { 0 };
    JsonOut       w = json_out(&names);
    json_open(&w, '[');
    for (size_t i = 0; i < m->classes; i++)
        json_put_str(&w, class[i]);
    json_close(&w, ']');
    meta[2][0] = S("classes"), meta[2][1] = arena_str(a, buf_view(&names));
    if (names.bad || meta[2][1].p == NULL)
        return err_nomem(e);
    assert(extras + 3 <= METADATA_MAX);
    if (extras)
        memcpy(meta + 3, extra, extras * sizeof *meta);
    SafeTensor tensors[] = {
        tensor(SOFTMAX_WEIGHT, m->weight, m->classes, m->features),
        tensor(SOFTMAX_BIAS, m->bias, m->classes, 0),
        tensor(SOFTMAX_MEAN, m->mean, m->features, 0),
        tensor(SOFTMAX_SCALE, m->scale, m->features, 0),
    };
    return safetensors_write(out, tensors, len_of(tensors), (const Str(*)[2])meta, extras + 3, e);
}
