/* step.c - see step.h. */
#include "privacy/step.h"
#include "base/rng.h"
#include "num/softmax.h"
#include <math.h>

/* ---- forward and back */

/* Keeps or drops 4 units for each random word; what is dropped is 0 and stays 0 on the way back. */
static void drop(const Step *s, size_t layer, size_t block, float *v, size_t n)
{
    uint64_t least = (uint64_t)(s->o->dropout * 65536), word = 0, seed = s->o->seed * 0x9E3779B97F4A7C15 + s->waves;
    float    scale = 65536.0f / (float)(65536 - least);
    Rng      rng = rng_of((seed * WAVE + block) * MLP_LAYERS_MAX + layer);
    for (size_t i = 0; least > 0 && i < n; i++) {
        word = i % 4 ? word >> 16 : rng_u64(&rng);
        v[i] = (word & 0xFFFF) < least ? 0 : v[i] * scale;
    }
}

static void forward(Step *s, size_t block, size_t rows)
{
    for (size_t l = 0; l < s->m->layers; l++) {
        const Dense *d = &s->m->layer[l];
        bool         last = l + 1 == s->m->layers;
        float       *out = (last ? s->layer[l].g : s->layer[l + 1].in) + block * BLOCK * d->out;
        dense_forward(d, s->k, s->layer[l].row + block * BLOCK, rows, out);
        if (!last)
            relu(out, rows * d->out), drop(s, l, block, out, rows * d->out);
    }
}

/* Loss, and d loss / d score = p - 1[label] in place. */
static double compare(Step *s, size_t block, size_t rows)
{
    size_t classes = s->m->classes;
    float *p = s->layer[s->m->layers - 1].g + block * BLOCK * classes;
    double loss = 0;
    for (size_t i = 0; i < rows; i++, p += classes) {
        uint32_t label = s->label[block * BLOCK + i];
        softmax_of(p, classes);
        loss -= log(p[label] < 1e-30f ? 1e-30f : p[label]);
        p[label] -= 1;
    }
    return loss;
}

static void backward(Step *s, size_t block, size_t rows)
{
    float keep = 65536.0f / (float)(65536 - (uint64_t)(s->o->dropout * 65536));
    for (size_t l = s->m->layers - 1; l > 0; l--) {
        const Dense *d = &s->m->layer[l];
        float       *in = s->layer[l].in + block * BLOCK * d->in, *g = s->layer[l - 1].g + block * BLOCK * d->in;
        dense_backward(d, s->k, s->layer[l].g + block * BLOCK * d->out, rows, s->work + block * s->work_block, g);
        for (size_t i = 0; i < rows * d->in; i++)
            g[i] = in[i] > 0 ? g[i] * keep : 0;
    }
}

static size_t rows_of(const Step *s, size_t block)
{
    return s->rows - block * BLOCK < BLOCK ? s->rows - block * BLOCK : BLOCK;
}

static void block_run(void *arg, size_t block)
{
    Step  *s = arg;
    size_t rows = rows_of(s, block);
    forward(s, block, rows);
    s->loss[block] = compare(s, block, rows);
    backward(s, block, rows);
    if (s->o->sigma > 0)
        private_block(s, block, rows);
}

/* ---- sums */

static void piece_plain(const Step *s, const Piece *p, size_t block)
{
    const Dense     *d = &s->m->layer[p->layer];
    const LayerWork *w = &s->layer[p->layer];
    size_t           rows = rows_of(s, block), n = p->from + p->n > d->in ? d->in - p->from : p->n;
    const float     *g = w->g + block * BLOCK * d->out, *row[BLOCK], *part = p->part;
    for (size_t i = 0; i < rows; i++)
        row[i] = w->row[block * BLOCK + i] + p->from;
    s->k->gradient(row, rows, n, g, d->out, p->part);
    for (size_t o = 0; o < d->out; o++) {
        double *sum = w->sum + o * (d->in + 1) + p->from;
        for (size_t f = 0; f < n; f++)
            sum[f] += part[o * n + f];
        for (size_t i = 0; n < p->n && i < rows; i++)
            sum[n] += g[i * d->out + o];
    }
}

static void piece_whole(const Step *s, const Piece *p, size_t block)
{
    const Dense     *d = &s->m->layer[p->layer];
    const LayerWork *w = &s->layer[p->layer];
    size_t           pairs = (rows_of(s, block) + 1) / 2;
    const Pair      *a = w->a + block * (BLOCK / 2) * (d->in + 1) + p->from, *b = w->b + block * (BLOCK / 2) * d->out;
    const int32_t   *part = p->part;
    s->k->exact(a, d->in + 1, pairs, p->n, b, d->out, p->part);
    for (size_t o = 0; o < d->out; o++)
        for (size_t f = 0; f < p->n; f++)
            w->whole[o * (d->in + 1) + p->from + f] += part[o * p->n + f];
}

static void piece_run(void *arg, size_t i)
{
    Step *s = arg;
    for (size_t b = 0; b < s->blocks; b++)
        (s->o->sigma > 0 ? piece_whole : piece_plain)(s, &s->piece[i], b);
}

double step_gather(Step *s, const uint32_t *row, size_t n)
{
    double loss = 0;
    for (size_t at = 0; at < n; at += s->rows, s->waves++) {
        s->rows = n - at < WAVE_ROWS ? n - at : WAVE_ROWS;
        s->blocks = (s->rows + BLOCK - 1) / BLOCK;
        for (size_t i = 0; i < s->rows; i++) {
            s->layer[0].row[i] = s->data->x + (size_t)row[at + i] * s->data->cols;
            s->label[i] = s->data->label[row[at + i]];
        }
        pool_each(s->pool, s->blocks, block_run, s);
        pool_each(s->pool, s->pieces, piece_run, s);
        for (size_t b = 0; b < s->blocks; b++)
            loss += s->loss[b];
    }
    return loss;
}

/* ---- the update, one row of parameters at a time */

static void descend_run(void *arg, size_t i)
{
    Step  *s = arg;
    size_t l = 0, o = i;
    while (o >= s->m->layer[l].out)
        o -= s->m->layer[l++].out;
    const Dense *d = &s->m->layer[l];
    float       *w = d->weight + o * d->in, *velocity = s->layer[l].velocity + o * (d->in + 1);
    double      *sum = s->layer[l].sum + o * (d->in + 1), keep = s->o->momentum;
    if (s->o->sigma > 0)
        private_sum(s, l, o, sum);
    for (size_t f = 0; f < d->in; f++) {
        velocity[f] = (float)(keep * velocity[f] - s->rate * (sum[f] * s->divisor + s->o->l2 * w[f]));
        w[f] += velocity[f];
    }
    velocity[d->in] = (float)(keep * velocity[d->in] - s->rate * sum[d->in] * s->divisor);
    d->bias[o] += velocity[d->in];
    memset(sum, 0, (d->in + 1) * sizeof *sum);
}

void step_descend(Step *s, double divisor, double rate)
{
    s->divisor = 1 / divisor, s->rate = rate;
    pool_each(s->pool, s->outs, descend_run, s);
}

/* ---- memory */

static bool layer_new(Arena *a, Step *s, size_t l)
{
    LayerWork   *w = &s->layer[l];
    const Dense *d = &s->m->layer[l];
    w->row = arena_get(a, WAVE_ROWS, sizeof *w->row);
    w->g = arena_get(a, WAVE_ROWS, d->out * sizeof *w->g);
    w->velocity = arena_get(a, d->out, (d->in + 1) * sizeof *w->velocity);
    w->sum = arena_get(a, d->out, (d->in + 1) * sizeof *w->sum);
    w->in = l ? arena_get(a, WAVE_ROWS, d->in * sizeof *w->in) : NULL;
    if (!w->row || !w->g || !w->velocity || !w->sum || (l && !w->in))
        return false;
    for (size_t i = 0; l && i < WAVE_ROWS; i++)
        w->row[i] = w->in + i * d->in;
    size_t most = (d->in + d->out) * BLOCK;
    s->work_block = l && most > s->work_block ? most : s->work_block;
    s->outs += d->out;
    s->pieces += (d->in + 1 + PIECE - 1) / PIECE;
    return true;
}

static bool pieces_new(Arena *a, Step *s)
{
    Piece *p = s->piece = arena_get(a, s->pieces, sizeof *s->piece);
    for (size_t l = 0; p != NULL && l < s->m->layers; l++) {
        size_t all = s->m->layer[l].in + 1;
        for (size_t from = 0; from < all; from += PIECE, p++) {
            *p = (Piece){ l, from, all - from < PIECE ? all - from : PIECE, NULL };
            p->part = arena_get(a, p->n, s->m->layer[l].out * sizeof(float));
            if (p->part == NULL)
                return false;
        }
    }
    return s->piece != NULL;
}

bool step_new(Arena *a, Pool *pool, const Matrix *data, const TrainOptions *o, Mlp *m, Step *s, Err *e)
{
    *s = (Step){ .o = o, .data = data, .k = kernels(), .m = m, .pool = pool };
    for (size_t l = 0; l < m->layers; l++)
        if (!layer_new(a, s, l))
            return err_nomem(e);
    s->label = arena_get(a, WAVE_ROWS, sizeof *s->label);
    s->work = arena_get(a, WAVE, s->work_block * sizeof *s->work + 1);
    if (!s->label || !s->work || !pieces_new(a, s))
        return err_nomem(e);
    return o->sigma == 0 || private_new(a, s, e);
}
