/* private.c - clipping, whole numbers and noise; see privacy.h. */
#include "base/rng.h"
#include "crypto/digest.h"
#include "crypto/secret.h"
#include "privacy/noise.h"
#include "privacy/step.h"
#include <math.h>

/* Inputs are at most A_MAX, output gradients at most B_MAX: sums of BLOCK products stay below 2^31. */
enum { A_MAX = 1023, B_MAX = 16383 };
_Static_assert((int64_t)A_MAX * B_MAX * BLOCK <= INT32_MAX, "a block's sums must fit");

static void key_make(PrivateWork *p, const TrainOptions *o)
{
    char text[64];
    if (!o->seeded) {
        random_bytes(p->key, sizeof p->key);
        return;
    }
    int    n = snprintf(text, sizeof text, "moat noise for tests %" PRIu64, o->noise_seed);
    Digest d = sha256((Str){ text, (size_t)n });
    memcpy(p->key, d.b, sizeof p->key);
}

/* The finest unit with which a row of norm C still fits: 2^bits / sigma units of at most A_MAX * B_MAX. */
static bool grid(PrivateWork *p, const TrainOptions *o, Err *e)
{
    double most = (double)A_MAX * (B_MAX - 1) * o->sigma;
    if (!(most >= 1024) || !(most < 0x1p40))
        return err_set(e, E_LIMIT, "a noise multiplier of %g is out of range", o->sigma);
    p->bits = (unsigned)floor(log2(most));
    p->radius = (int64_t)floor(ldexp(1, (int)p->bits) / o->sigma);
    p->unit = o->sigma * o->clip / ldexp(1, (int)p->bits);
    return true;
}

bool private_new(Arena *a, Step *s, Err *e)
{
    if (!grid(&s->p, s->o, e))
        return false;
    for (size_t l = 0; l < s->m->layers; l++) {
        LayerWork   *w = &s->layer[l];
        const Dense *d = &s->m->layer[l];
        w->whole = arena_get(a, d->out, (d->in + 1) * sizeof *w->whole);
        w->a = arena_get(a, WAVE_ROWS / 2, (d->in + 1) * sizeof *w->a);
        w->b = arena_get(a, WAVE_ROWS / 2, d->out * sizeof *w->b);
        if (!w->whole || !w->a || !w->b)
            return err_nomem(e);
    }
    key_make(&s->p, s->o);
    return true;
}

void private_end(Step *s) { wipe(s->p.key, sizeof s->p.key); }

double ghost_norm(const double (*squares)[2], size_t layers)
{
    double sum = 0;
    for (size_t l = 0; l < layers; l++)
        sum += squares[l][0] * squares[l][1];
    return sqrt(sum);
}

/* ---- one row as whole numbers */

typedef struct RowLayer {
    double  size;                                      /* what A_MAX stands for: the largest input, at least 1 */
    int64_t a_square, b_square;                        /* in whole numbers */
} RowLayer;

/* Inputs of two rows (the second NULL: of one) and the biases' 1, which is A_MAX / size.  A row that is not finite becomes 0,
 * and its infinite size has it dropped. */
static void inputs_whole(const Kernels *k, const float *const row[2], size_t n, Pair *to, RowLayer *r[2])
{
    const float *x[2], one = 1, *ones[2];
    float        scale[2];
    int64_t      square[2], last[2];
    for (int i = 0; i < 2; i++) {
        float most = row[i] ? k->most(row[i], n) : 1;
        bool  sound = row[i] && most <= 1e30f;
        r[i]->size = most > 1e30f ? INFINITY : most > 1 ? (double)most : 1;
        scale[i] = (float)(A_MAX / r[i]->size);
        x[i] = sound ? row[i] : NULL, ones[i] = sound ? &one : NULL;
    }
    k->whole(x[0], x[1], n, scale[0], scale[1], A_MAX, to, square);
    k->whole(ones[0], ones[1], 1, scale[0], scale[1], A_MAX, to + n, last);
    for (int i = 0; i < 2; i++)
        r[i]->a_square = square[i] + last[i];
}

/* The output gradients times `factor`, rounded toward zero; a factor that is no positive number stands for 0. */
static void outputs_whole(const float *g, size_t n, double factor, Pair *to, size_t side, RowLayer *r)
{
    r->b_square = 0;
    for (size_t k = 0; k < n; k++) {
        double v = factor > 0 ? g[k] * factor : 0;
        int    q = v >= B_MAX ? B_MAX : v <= -B_MAX ? -B_MAX : (int)v;
        to[k][side] = (int16_t)q;
        r->b_square += (int64_t)q * q;
    }
}

static double square(const float *v, size_t n)
{
    double sum = 0;
    for (size_t k = 0; k < n; k++)
        sum += (double)v[k] * (double)v[k];
    return sum;
}

static bool within(const RowLayer *r, size_t layers, int64_t radius)
{
    unsigned __int128 sum = 0;
    for (size_t l = 0; l < layers; l++)
        sum += (unsigned __int128)r[l].a_square * (unsigned __int128)r[l].b_square;
    return sum <= (unsigned __int128)radius * (unsigned __int128)radius;
}

/* A row's place among the pairs of its block. */
static Pair *place(Pair *base, size_t block, size_t i, size_t n) { return base + (block * (BLOCK / 2) + i / 2) * n; }

/* Writes the row's gradients times c; rounding may leave it a hair too long, then it is shortened. */
static void row_put(Step *s, size_t block, size_t i, double c, RowLayer *r)
{
    for (bool fits = false; !fits; c *= 1 - 0x1p-10) {
        for (size_t l = 0; l < s->m->layers; l++) {
            const Dense *d = &s->m->layer[l];
            const float *g = s->layer[l].g + (block * BLOCK + i) * d->out;
            double       factor = c * r[l].size / (A_MAX * s->p.unit);
            outputs_whole(g, d->out, factor, place(s->layer[l].b, block, i, d->out), i % 2, &r[l]);
        }
        fits = within(r, s->m->layers, s->p.radius);
    }
}

static void row_clip(Step *s, size_t block, size_t i, RowLayer *r)
{
    double squares[MLP_LAYERS_MAX][2];
    for (size_t l = 0; l < s->m->layers; l++) {
        size_t n = s->m->layer[l].out;
        squares[l][0] = (double)r[l].a_square * (r[l].size / A_MAX) * (r[l].size / A_MAX);
        squares[l][1] = square(s->layer[l].g + (block * BLOCK + i) * n, n);
    }
    double norm = ghost_norm((const double(*)[2])squares, s->m->layers);
    bool   finite = isfinite(norm);
    s->p.dropped[block] += !finite;
    row_put(s, block, i, !finite ? 0 : norm > s->o->clip ? s->o->clip / norm : 1, r);
}

/* The other half of an odd last pair adds nothing. */
static void blank(Step *s, size_t block, size_t i)
{
    for (size_t l = 0; l < s->m->layers; l++) {
        size_t n = s->m->layer[l].out;
        Pair  *b = place(s->layer[l].b, block, i, n);
        for (size_t k = 0; k < n; k++)
            b[k][1] = 0;
    }
}

void private_block(Step *s, size_t block, size_t rows)
{
    for (size_t i = 0; i < rows; i += 2) {
        RowLayer r[2][MLP_LAYERS_MAX];
        for (size_t l = 0; l < s->m->layers; l++) {
            const float **row = s->layer[l].row + block * BLOCK + i, *both[2] = { row[0], i + 1 < rows ? row[1] : NULL };
            size_t        n = s->m->layer[l].in;
            inputs_whole(s->k, both, n, place(s->layer[l].a, block, i, n + 1), (RowLayer *[2]){ &r[0][l], &r[1][l] });
        }
        row_clip(s, block, i, r[0]);
        if (i + 1 < rows)
            row_clip(s, block, i + 1, r[1]);
        else
            blank(s, block, i);
    }
}

/* ---- noise */

void private_sum(const Step *s, size_t layer, size_t out, double *to)
{
    size_t   n = s->m->layer[layer].in + 1;
    int64_t *sum = s->layer[layer].whole + out * n;
    Stream   r;
    stream_begin(&r, s->p.key, STREAM_NOISE, s->p.step, (uint32_t)(layer << 24 | out), STREAM_ROOM);
    for (size_t f = 0; f < n; f++) {
        to[f] = (double)(sum[f] + noise_draw(&r, s->p.bits)) * s->p.unit;
        sum[f] = 0;
    }
    stream_end(&r);
}
