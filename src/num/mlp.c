/* mlp.c - see mlp.h. */
#include "num/mlp.h"
#include "num/softmax.h"

const char *mlp_kind(const Mlp *m) { return m->layers == 1 ? "softmax" : "mlp"; }

void mlp_tensor_name(const Mlp *m, size_t layer, const char *what, char out[static MLP_NAME])
{
    if (m->layers == 1)
        snprintf(out, MLP_NAME, "%s", what);
    else
        snprintf(out, MLP_NAME, "layers.%u.%s", (unsigned)layer, what);
}

void mlp_prepare(const Mlp *m, const float *in, float *out)
{
    for (size_t f = 0; f < m->features; f++)
        out[f] = (in[f] - m->mean[f]) / m->scale[f];
}

void dense_forward(const Dense *d, const Kernels *k, const float *const *x, size_t rows, float *out)
{
    k->products(x, rows, d->in, d->weight, d->out, out);
    for (size_t i = 0; i < rows; i++)
        for (size_t o = 0; o < d->out; o++)
            out[i * d->out + o] += d->bias[o];
}

/* The gradient kernel with its roles exchanged: the rows of W are summed with weights that are columns of g, SLICE
 * outputs at a time, as that kernel adds in float. */
void dense_backward(const Dense *d, const Kernels *k, const float *g, size_t rows, float *work, float *dx)
{
    enum { SLICE = 256 };
    const float *w[SLICE];
    float       *turned = work, *part = work + rows * d->out;
    for (size_t from = 0; from < d->out; from += SLICE) {
        size_t n = d->out - from < SLICE ? d->out - from : SLICE;
        for (size_t o = 0; o < n; o++) {
            w[o] = d->weight + (from + o) * d->in;
            for (size_t i = 0; i < rows; i++)
                turned[o * rows + i] = g[i * d->out + from + o];
        }
        k->gradient(w, n, d->in, turned, rows, from ? part : dx);
        for (size_t i = 0; from && i < rows * d->in; i++)
            dx[i] += part[i];
    }
}

void relu(float *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        v[i] = v[i] > 0 ? v[i] : 0;
}

size_t mlp_hidden(const Mlp *m)
{
    size_t n = 0;
    for (size_t l = 0; l + 1 < m->layers; l++)
        n += m->layer[l].out;
    return n;
}

void mlp_predict(const Mlp *m, const Kernels *k, const float *const *x, size_t rows, float *work, float *out)
{
    const float *row[MLP_BLOCK];
    assert(rows <= MLP_BLOCK);
    for (size_t l = 0; l + 1 < m->layers; l++) {
        const Dense *d = &m->layer[l];
        dense_forward(d, k, l ? row : x, rows, work);
        relu(work, rows * d->out);
        for (size_t i = 0; i < rows; i++)
            row[i] = work + i * d->out;
        work += rows * d->out;
    }
    dense_forward(&m->layer[m->layers - 1], k, m->layers > 1 ? row : x, rows, out);
    for (size_t i = 0; i < rows; i++)
        softmax_of(out + i * m->classes, m->classes);
}
