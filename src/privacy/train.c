/* train.c - the run; see privacy.h. */
#include "base/rng.h"
#include "privacy/noise.h"
#include "privacy/step.h"
#include <math.h>

/* ---- preparing: mean and scale of the columns */

static void standard(const Matrix *d, Mlp *m)
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

static void range(const Matrix *d, Mlp *m)
{
    float most = 0;
    for (uint64_t i = 0; i < d->rows * d->cols; i++)
        most = fabsf(d->x[i]) > most ? fabsf(d->x[i]) : most;
    for (size_t f = 0; f < m->features; f++)
        m->mean[f] = 0, m->scale[f] = most > 0 ? most : 1;
}

static void fixed(const TrainOptions *o, Mlp *m)
{
    for (size_t f = 0; f < m->features; f++)
        m->mean[f] = (float)o->low, m->scale[f] = (float)(o->high - o->low);
}

static void prepare(const Mlp *m, Matrix *d)
{
    for (uint64_t i = 0; i < d->rows; i++)
        mlp_prepare(m, d->x + i * d->cols, d->x + i * d->cols);
}

/* ---- what is asked */

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
    if (d->classes > MLP_CLASSES_MAX || d->cols > MLP_FEATURES_MAX || d->rows >= UINT32_MAX)
        return err_set(e, E_LIMIT, "%zu classes, %" PRIu64 " columns, %" PRIu64 " rows: more than this model takes", d->classes,
                       d->cols, d->rows);
    return true;
}

static bool private_ok(const TrainOptions *o, uint64_t rows, Err *e)
{
    if (!(o->sigma >= 0) || (o->sigma > 0 && !(o->clip > 0 && o->clip < 1e15)))
        return err_set(e, E_USAGE, "a noise multiplier and a clipping norm above 0 are wanted");
    if (o->sigma == 0)
        return true;
    if (o->scale != SCALE_FIXED)
        return err_set(e, E_USAGE, "with differential privacy columns are scaled by constants, not by what the data hold");
    if (o->batch > rows)
        return err_set(e, E_USAGE, "a batch of %" PRIu64 " of %" PRIu64 " rows: the sampling rate is above 1", o->batch, rows);
    return train_steps(o, rows) < UINT32_MAX || err_set(e, E_LIMIT, "more steps than are counted");
}

static bool layers_ok(const TrainOptions *o, Err *e)
{
    bool ok = o->hiddens < MLP_LAYERS_MAX;
    for (size_t l = 0; ok && l < o->hiddens; l++)
        ok = o->hidden[l] >= 1 && o->hidden[l] <= MLP_WIDTH_MAX;
    return ok || err_set(e, E_USAGE, "at most %d hidden layers of 1 to %d units are wanted", MLP_LAYERS_MAX - 1, MLP_WIDTH_MAX);
}

static bool scale_ok(const TrainOptions *o, Err *e)
{
    bool rise = isfinite(o->low) && isfinite(o->high) && (float)(o->high - o->low) > 0;
    return o->scale != SCALE_FIXED || rise || err_set(e, E_USAGE, "columns are scaled from LOW to HIGH, two numbers that rise");
}

static bool options_ok(const TrainOptions *o, uint64_t rows, Err *e)
{
    if (!(o->l2 >= 0) || !(o->rate > 0) || !(o->momentum >= 0 && o->momentum < 1) || !(o->dropout >= 0 && o->dropout < 1))
        return err_set(e, E_USAGE, "l2 >= 0, rate > 0, 0 <= momentum < 1 and 0 <= dropout < 1 are wanted");
    if (o->batch < 1 || o->batch > TRAIN_BATCH_MAX || o->epochs < 1 || o->epochs > 100000)
        return err_set(e, E_USAGE, "a batch of 1 to %d rows and 1 to 100000 epochs are wanted", TRAIN_BATCH_MAX);
    return layers_ok(o, e) && scale_ok(o, e) && private_ok(o, rows, e);
}

double train_rate(const TrainOptions *o, uint64_t rows) { return (double)o->batch / (double)rows; }

/* Private: E * N / B, rounded up, as an epoch is E * N expected rows. */
uint64_t train_steps(const TrainOptions *o, uint64_t rows)
{
    if (o->sigma > 0)
        return (o->epochs * rows + o->batch - 1) / o->batch;
    return (rows + o->batch - 1) / o->batch * o->epochs;
}

/* ---- the model at the start: one layer begins at 0; more with He's normal, here of the sum of 12 uniforms */

static void start(Dense *d, Rng *r)
{
    double sd = sqrt(2 / (double)d->in);
    for (size_t i = 0; i < d->in * d->out; i++) {
        double sum = -6;
        for (int k = 0; k < 12; k++)
            sum += rng_unit(r);
        d->weight[i] = (float)(sum * sd);
    }
}

static bool model_new(Arena *a, const Matrix *d, const TrainOptions *o, Mlp *m)
{
    Rng rng = rng_of(o->seed ^ 0x6D6C70);
    *m = (Mlp){ .features = d->cols, .classes = d->classes, .layers = o->hiddens + 1 };
    m->mean = arena_get(a, m->features, sizeof *m->mean);
    m->scale = arena_get(a, m->features, sizeof *m->scale);
    for (size_t l = 0; l < m->layers; l++) {
        Dense *w = &m->layer[l];
        w->in = l ? m->layer[l - 1].out : m->features, w->out = l < o->hiddens ? o->hidden[l] : m->classes;
        w->weight = arena_get(a, w->in, w->out * sizeof *w->weight);
        w->bias = arena_get(a, w->out, sizeof *w->bias);
        if (w->weight == NULL || w->bias == NULL)
            return false;
        if (m->layers > 1)
            start(w, &rng);
    }
    return m->mean != NULL && m->scale != NULL;
}

static void scale(const Matrix *d, const TrainOptions *o, Mlp *m)
{
    if (o->scale == SCALE_FIXED)
        fixed(o, m);
    else if (o->scale == SCALE_RANGE)
        range(d, m);
    else
        standard(d, m);
}

/* ---- the run */

typedef struct Say {
    TrainStep *step;
    void      *ctx;
} Say;

static bool diverged(uint64_t at, Err *e)
{
    err_set(e, E_FORMAT, "training diverged in epoch %" PRIu64, at);
    return err_hint(e, "a smaller --rate");
}

static bool epochs(Step *s, uint32_t *order, Say say, Err *e)
{
    Rng      rng = rng_of(s->o->seed);
    uint64_t rows = s->data->rows, at = 0;
    double   steps = (double)train_steps(s->o, rows);
    for (uint32_t i = 0; i < rows; i++)
        order[i] = i;
    for (uint64_t epoch = 0; epoch < s->o->epochs; epoch++) {
        double loss = 0;
        rng_shuffle(&rng, order, rows);
        for (uint64_t from = 0; from < rows; from += s->o->batch, at++) {
            size_t n = rows - from < s->o->batch ? rows - from : s->o->batch;
            loss += step_gather(s, order + from, n);
            step_descend(s, (double)n, s->o->rate * (1 - (double)at / steps));
        }
        if (!(loss - loss == 0))
            return diverged(epoch + 1, e);
        if (say.step != NULL)
            say.step(say.ctx, epoch + 1, s->o->epochs, loss / (double)rows);
    }
    return true;
}

/* Whether the weights are still numbers; the noise makes this no secret. */
static bool finite_weights(const Mlp *m)
{
    bool ok = true;
    for (size_t l = 0; ok && l < m->layers; l++)
        for (size_t i = 0; ok && i < m->layer[l].in * m->layer[l].out; i++)
            ok = isfinite(m->layer[l].weight[i]);
    return ok;
}

static bool private_steps(Step *s, uint32_t *drawn, Say say, PrivateRun *run, Err *e)
{
    uint64_t rows = s->data->rows, steps = train_steps(s->o, rows), parameters = 0;
    double   q = train_rate(s->o, rows);
    for (uint64_t at = 0; at < steps; at++) {
        s->p.step = (uint32_t)at;
        step_gather(s, drawn, poisson_draw(s->p.key, s->p.step, (uint32_t)rows, q, drawn));
        step_descend(s, (double)s->o->batch, s->o->rate * (1 - (double)at / (double)steps));
        if (say.step != NULL)
            say.step(say.ctx, at + 1, steps, NAN);
    }
    for (size_t l = 0; l < s->m->layers; l++)
        parameters += (s->m->layer[l].in + 1) * s->m->layer[l].out;
    *run = (PrivateRun){ q, ldexp(1, (int)s->p.bits) / (double)s->p.radius, steps, 0, s->p.bits, 0 };
    run->law_error = 2 * (double)parameters * (double)steps * NOISE_LAW_ERROR;
    for (size_t b = 0; b < WAVE; b++)
        run->dropped += s->p.dropped[b];
    return finite_weights(s->m) || diverged(s->o->epochs, e);
}

bool train_model(Arena *a, Pool *pool, Matrix *data, const TrainOptions *o, TrainStep *step, void *ctx, Mlp *out, Score *score,
                 PrivateRun *run, Err *e)
{
    Step s;
    Say  say = { step, ctx };
    *score = (Score){ 0 };
    if (!usable(data, e) || !options_ok(o, data->rows, e))
        return false;
    uint32_t *order = arena_get(a, data->rows, sizeof *order);
    if (order == NULL || !model_new(a, data, o, out))
        return err_nomem(e);
    if (!step_new(a, pool, data, o, out, &s, e))
        return false;
    scale(data, o, out);
    prepare(out, data);
    if (o->sigma == 0)
        return epochs(&s, order, say, e) && measure_prepared(a, pool, out, data, data->label, score, e);
    bool ok = private_steps(&s, order, say, run, e);
    private_end(&s);
    return ok;
}
