/* measure.c - loss and accuracy of a model; see privacy.h. */
#include "num/softmax.h"
#include "privacy/privacy.h"
#include <math.h>

typedef struct Measure {
    const Mlp  *m;
    const Kernels  *k;
    const Matrix   *data;
    const uint32_t *truth;
    double         *loss;
    uint64_t       *right;
    const float   **rows;
    float          *probability, *work;
} Measure;

static void measure_block(void *arg, size_t b)
{
    Measure *v = arg;
    size_t   from = b * MLP_BLOCK, left = v->data->rows - from, n = left < MLP_BLOCK ? left : MLP_BLOCK, outs = v->m->classes;
    float   *p = v->probability + from * outs;
    for (size_t i = 0; i < n; i++)
        v->rows[from + i] = v->data->x + (from + i) * v->data->cols;
    mlp_predict(v->m, v->k, v->rows + from, n, v->work + from * mlp_hidden(v->m), p);
    for (size_t i = 0; i < n; i++) {
        float hit = p[i * outs + v->truth[from + i]];
        v->loss[b] -= log(hit < 1e-30f ? 1e-30f : hit);
        v->right[b] += largest(p + i * outs, outs) == v->truth[from + i];
    }
}

bool measure_prepared(Arena *a, Pool *pool, const Mlp *m, const Matrix *d, const uint32_t *truth, Score *out, Err *e)
{
    size_t  blocks = (d->rows + MLP_BLOCK - 1) / MLP_BLOCK;
    Measure v = { m, kernels(), d, truth, arena_get(a, blocks, sizeof(double)), arena_get(a, blocks, sizeof(uint64_t)),
                  arena_get(a, d->rows, sizeof(float *)), arena_get(a, d->rows, m->classes * sizeof(float)),
                  arena_get(a, d->rows, mlp_hidden(m) * sizeof(float) + 1) };
    if (!v.loss || !v.right || !v.rows || !v.probability || !v.work)
        return err_nomem(e);
    pool_each(pool, blocks, measure_block, &v);
    double   loss = 0;
    uint64_t right = 0;
    for (size_t b = 0; b < blocks; b++)
        loss += v.loss[b], right += v.right[b];
    *out = (Score){ loss / (double)d->rows, (double)right / (double)d->rows, d->rows };
    return true;
}

bool measure_model(Arena *a, Pool *pool, const Mlp *m, const Str *class, Matrix *data, Score *out, Err *e)
{
    uint32_t *truth = arena_get(a, data->rows, sizeof *truth), *map = arena_get(a, data->classes + 1, sizeof *map);
    if (data->label == NULL || data->rows == 0)
        return err_set(e, E_FORMAT, "has no labelled rows");
    if (truth == NULL || map == NULL)
        return err_nomem(e);
    if (data->cols != m->features)
        return err_set(e, E_FORMAT, "has %" PRIu64 " columns; the model was trained on %zu", data->cols, m->features);
    if (data->not_finite > 0)
        return err_set(e, E_FORMAT, "row %" PRIu64 ", column %" PRIu64 " is not a finite number", data->bad_row + 1, data->bad_col + 1);
    for (size_t c = 0; c < data->classes; c++) {
        size_t k = 0;
        while (k < m->classes && !str_eq(class[k], data->class[c]))
            k++;
        if (k == m->classes)
            return err_set(e, E_FORMAT, "label '%.*s' does not occur in the training data", STR(data->class[c]));
        map[c] = (uint32_t)k;
    }
    for (uint64_t i = 0; i < data->rows; i++)
        truth[i] = map[data->label[i]];
    for (uint64_t i = 0; i < data->rows; i++)
        mlp_prepare(m, data->x + i * data->cols, data->x + i * data->cols);
    return measure_prepared(a, pool, m, data, truth, out, e);
}
