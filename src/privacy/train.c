/* train.c - softmax regression; see privacy.h. */
#include "base/rng.h"
#include "privacy/privacy.h"
#include <math.h>

enum { BLOCK = 64, BATCH_MAX = 1 << 16 };

/* ---- preparing: mean and scale of the columns */

static void standard(const Matrix *d, Softmax *m)
{
    for (size_t f = 0; f < m->features; f++) {
        double sum = 0, squares = 0;
        for (uint64_t i = 0; i < d->rows; i++)
            sum += d->x[i * d->cols + f];
        double mean = sum / (double)d->rows;
        for (uint64_t i = 0; i < d->rows; i++)
            squares += (d->x[i * d->cols + f] - mean) * (d->x[i * d->cols + f] - mean);
        double sd = sqrt(squares / (double)d->rows);
        m->mean[f] = (float)mean;
        m->scale[f] = sd > 1e-6 * (fabs(mean) + 1e-30) && (float)sd > 0 ? (float)sd : 1;
    }
}

static void range(const Matrix *d, Softmax *m)
{
    float most = 0;
    for (uint64_t i = 0; i < d->rows * d->cols; i++)
        most = fabsf(d->x[i]) > most ? fabsf(d->x[i]) : most;
    for (size_t f = 0; f < m->features; f++)
        m->mean[f] = 0, m->scale[f] = most > 0 ? most : 1;
}

static void prepare(const Softmax *m, Matrix *d)
{
    for (uint64_t i = 0; i < d->rows; i++)
        softmax_prepare(m, d->x + i * d->cols, d->x + i * d->cols);
}

/* ---- one batch */

typedef struct Run {
    const Matrix       *data;
    const TrainOptions *o;
    const Kernels      *k;
    Softmax            *m;
    const float       **rows;                          /* of the batch                                       */
    uint32_t           *order, *labels;                /* shuffled row numbers; labels of the batch          */
    size_t              batch, blocks;
    float              *probability, *gradient, *bias; /* batch x classes; per block: classes x features, classes */
    double             *loss;                          /* per block                                          */
    float              *velocity, *bias_velocity;
} Run;

/* One block: probabilities, loss, and d loss / d score = p - 1[label], in place. */
static void block(void *arg, size_t b)
{
    Run   *r = arg;
    size_t from = b * BLOCK, n = r->batch - from < BLOCK ? r->batch - from : BLOCK, outs = r->m->classes;
    float *p = r->probability + from * outs, *bias = r->bias + b * outs;
    softmax_predict(r->m, r->k, r->rows + from, n, p);
    r->loss[b] = 0;
    memset(bias, 0, outs * sizeof *bias);
    for (size_t i = 0; i < n; i++) {
        float *row = p + i * outs, hit = row[r->labels[from + i]];
        r->loss[b] -= log(hit < 1e-30f ? 1e-30f : hit);
        row[r->labels[from + i]] -= 1;
        for (size_t k = 0; k < outs; k++)
            bias[k] += row[k];
    }
    r->k->gradient(r->rows + from, n, r->m->features, p, outs, r->gradient + b * outs * r->m->features);
}

static void descend(float *w, float *velocity, const float *parts, size_t blocks, size_t n, double mean, double l2, double rate,
                    double momentum)
{
    for (size_t i = 0; i < n; i++) {
        double g = 0;
        for (size_t b = 0; b < blocks; b++)
            g += parts[b * n + i];
        velocity[i] = (float)(momentum * velocity[i] - rate * (g * mean + l2 * w[i]));
        w[i] += velocity[i];
    }
}

static double batch(Run *r, Pool *pool, size_t from, size_t n, double rate)
{
    double loss = 0, mean = 1 / (double)n;
    r->batch = n, r->blocks = (n + BLOCK - 1) / BLOCK;
    for (size_t i = 0; i < n; i++) {
        r->rows[i] = r->data->x + (size_t)r->order[from + i] * r->data->cols;
        r->labels[i] = r->data->label[r->order[from + i]];
    }
    pool_each(pool, r->blocks, block, r);
    for (size_t b = 0; b < r->blocks; b++)
        loss += r->loss[b];
    size_t weights = r->m->classes * r->m->features;
    descend(r->m->weight, r->velocity, r->gradient, r->blocks, weights, mean, r->o->l2, rate, r->o->momentum);
    descend(r->m->bias, r->bias_velocity, r->bias, r->blocks, r->m->classes, mean, 0, rate, r->o->momentum);
    return loss;
}

/* ---- the run */

static bool usable(const Matrix *d, Err *e)
{
    if (d->label == NULL)
        return err_set(e, E_FORMAT, "has no labels");
    if (d->rows == 0 || d->cols == 0)
        return err_set(e, E_FORMAT, "has no rows");
    if (d->not_finite > 0)
        return err_set(e, E_FORMAT, "row %" PRIu64 ", column %" PRIu64 " is not a finite number (%" PRIu64 " such cells)",
                       d->bad_row + 1, d->bad_col + 1, d->not_finite);
    if (d->classes < 2)
        return err_set(e, E_FORMAT, "all rows have the same label: there is nothing to tell apart");
    if (d->classes > SOFTMAX_CLASSES_MAX || d->cols > SOFTMAX_FEATURES_MAX || d->rows > UINT32_MAX)
        return err_set(e, E_LIMIT, "%zu classes, %" PRIu64 " columns, %" PRIu64 " rows: more than this model takes", d->classes,
                       d->cols, d->rows);
    return true;
}

static bool options_ok(const TrainOptions *o, Err *e)
{
    if (!(o->l2 >= 0) || !(o->rate > 0) || !(o->momentum >= 0 && o->momentum < 1))
        return err_set(e, E_USAGE, "l2 >= 0, rate > 0 and 0 <= momentum < 1 are wanted");
    if (o->batch < 1 || o->batch > BATCH_MAX || o->epochs < 1 || o->epochs > 100000)
        return err_set(e, E_USAGE, "a batch of 1 to %d rows and 1 to 100000 epochs are wanted", BATCH_MAX);
    return true;
}

static bool model_new(Arena *a, const Matrix *d, Softmax *m)
{
    *m = (Softmax){ .features = d->cols, .classes = d->classes };
    m->weight = arena_get(a, m->features * m->classes, sizeof *m->weight);
    m->bias = arena_get(a, m->classes, sizeof *m->bias);
    m->mean = arena_get(a, m->features, sizeof *m->mean);
    m->scale = arena_get(a, m->features, sizeof *m->scale);
    return m->weight && m->bias && m->mean && m->scale;
}

static bool run_new(Arena *a, Run *r)
{
    size_t n = r->o->batch < r->data->rows ? r->o->batch : r->data->rows, outs = r->m->classes, w = outs * r->m->features;
    size_t blocks = (n + BLOCK - 1) / BLOCK;
    r->rows = arena_get(a, n, sizeof *r->rows);
    r->labels = arena_get(a, n, sizeof *r->labels);
    r->order = arena_get(a, r->data->rows, sizeof *r->order);
    r->probability = arena_get(a, n * outs, sizeof(float));
    r->gradient = arena_get(a, blocks, w * sizeof(float));
    r->bias = arena_get(a, blocks, outs * sizeof(float));
    r->loss = arena_get(a, blocks, sizeof(double));
    r->velocity = arena_get(a, w, sizeof(float));
    r->bias_velocity = arena_get(a, outs, sizeof(float));
    if (!r->rows || !r->labels || !r->order || !r->probability || !r->gradient || !r->bias || !r->loss || !r->velocity ||
        !r->bias_velocity)
        return false;
    for (uint32_t i = 0; i < r->data->rows; i++)
        r->order[i] = i;
    return true;
}

static bool epochs(Run *r, Pool *pool, TrainStep *step, void *ctx, Err *e)
{
    Rng      rng = rng_of(r->o->seed);
    uint64_t rows = r->data->rows, per_epoch = (rows + r->o->batch - 1) / r->o->batch, at = 0;
    double   steps = (double)(per_epoch * r->o->epochs);
    for (uint64_t epoch = 0; epoch < r->o->epochs; epoch++) {
        double loss = 0;
        rng_shuffle(&rng, r->order, rows);
        for (uint64_t from = 0; from < rows; from += r->o->batch, at++) {
            size_t n = rows - from < r->o->batch ? rows - from : r->o->batch;
            loss += batch(r, pool, from, n, r->o->rate * (1 - (double)at / steps));
        }
        if (!(loss - loss == 0))
            return err_set(e, E_FORMAT, "training diverged in epoch %" PRIu64, epoch + 1), err_hint(e, "a smaller --rate");
        if (step != NULL)
            step(ctx, epoch + 1, r->o->epochs, loss / (double)rows);
    }
    return true;
}

/* ---- measuring */

typedef struct Measure {
    const Softmax  *m;
    const Kernels  *k;
    const Matrix   *data;
    const uint32_t *truth;
    double         *loss;
    uint64_t       *right;
    const float   **rows;
    float          *probability;
} Measure;

static void measure_block(void *arg, size_t b)
{
    Measure *v = arg;
    size_t   from = b * BLOCK, left = v->data->rows - from, n = left < BLOCK ? left : BLOCK, outs = v->m->classes;
    float   *p = v->probability + from * outs;
    for (size_t i = 0; i < n; i++)
        v->rows[from + i] = v->data->x + (from + i) * v->data->cols;
    softmax_predict(v->m, v->k, v->rows + from, n, p);
    for (size_t i = 0; i < n; i++) {
        float hit = p[i * outs + v->truth[from + i]];
        v->loss[b] -= log(hit < 1e-30f ? 1e-30f : hit);
        v->right[b] += largest(p + i * outs, outs) == v->truth[from + i];
    }
}

static bool measure(Arena *a, Pool *pool, const Softmax *m, const Matrix *d, const uint32_t *truth, Score *out, Err *e)
{
    size_t  blocks = (d->rows + BLOCK - 1) / BLOCK;
    Measure v = { m, kernels(), d, truth, arena_get(a, blocks, sizeof(double)), arena_get(a, blocks, sizeof(uint64_t)),
                  arena_get(a, d->rows, sizeof(float *)), arena_get(a, d->rows * m->classes, sizeof(float)) };
    if (!v.loss || !v.right || !v.rows || !v.probability)
        return err_nomem(e);
    pool_each(pool, blocks, measure_block, &v);
    double   loss = 0;
    uint64_t right = 0;
    for (size_t b = 0; b < blocks; b++)
        loss += v.loss[b], right += v.right[b];
    *out = (Score){ loss / (double)d->rows, (double)right / (double)d->rows, d->rows };
    return true;
}

bool train_softmax(Arena *a, Pool *pool, Matrix *data, const TrainOptions *o, TrainStep *step, void *ctx, Softmax *out,
                   Score *score, Err *e)
{
    if (!options_ok(o, e) || !usable(data, e))
        return false;
    Run r = { .data = data, .o = o, .k = kernels(), .m = out };
    if (!model_new(a, data, out) || !run_new(a, &r))
        return err_nomem(e);
    if (o->scale == SCALE_RANGE)
        range(data, out);
    else
        standard(data, out);
    prepare(out, data);
    return epochs(&r, pool, step, ctx, e) && measure(a, pool, out, data, data->label, score, e);
}

bool measure_softmax(Arena *a, Pool *pool, const Softmax *m, const Str *class, Matrix *data, Score *out, Err *e)
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
    prepare(m, data);
    return measure(a, pool, m, data, truth, out, e);
}
