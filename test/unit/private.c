#include "../test.h"
#include "base/rng.h"
#include "privacy/noise.h"
#include "privacy/step.h"
#include <math.h>

enum { ROWS = 150, COLS = 6, CLASSES = 3, WIDTH = 8, PARAMETERS = WIDTH * (COLS + 1) + CLASSES * (WIDTH + 1) };

static Matrix cloud(Arena *a, uint64_t seed)
{
    static Str names[CLASSES] = { { "a", 1 }, { "b", 1 }, { "c", 1 } };
    Rng        rng = rng_of(seed);
    Matrix     m = { .rows = ROWS, .cols = COLS, .classes = CLASSES, .class = names };
    m.x = arena_get(a, ROWS * COLS, sizeof *m.x);
    m.label = arena_get(a, ROWS, sizeof *m.label);
    for (size_t i = 0; i < ROWS; i++) {
        m.label[i] = (uint32_t)(i % CLASSES);
        for (size_t f = 0; f + 1 < COLS; f++)          /* the last column is 0: its weights see noise only */
            m.x[i * COLS + f] = (float)(2 * rng_unit(&rng) - 1 + (f == m.label[i] ? 1 : 0));
    }
    return m;
}

static TrainOptions private_options(void)
{
    return (TrainOptions){ .rate = 0.1, .momentum = 0.9, .epochs = 2, .batch = 30, .seed = 7, .scale = SCALE_FIXED, .low = 0, .high = 1,
                           .clip = 0.5, .sigma = 2, .seeded = true, .noise_seed = 1 };
}

static const uint32_t *all_rows(void)
{
    static uint32_t row[ROWS];
    for (uint32_t i = 0; i < ROWS; i++)
        row[i] = i;
    return row;
}

/* A model whose weights are not small, so that every path through it counts. */
static Mlp wild(Arena *a, size_t hiddens)
{
    Rng rng = rng_of(11);
    Mlp m = { .features = COLS, .classes = CLASSES, .layers = hiddens + 1 };
    for (size_t l = 0; l < m.layers; l++) {
        Dense *d = &m.layer[l];
        d->in = l ? WIDTH : COLS, d->out = l < hiddens ? WIDTH : CLASSES;
        d->weight = arena_get(a, d->in * d->out, sizeof(float)), d->bias = arena_get(a, d->out, sizeof(float));
        for (size_t i = 0; i < d->in * d->out; i++)
            d->weight[i] = (float)(2 * rng_unit(&rng) - 1);
        for (size_t i = 0; i < d->out; i++)
            d->bias[i] = (float)(rng_unit(&rng) - 0.5);
    }
    return m;
}

/* ---- gradients */

static double loss_here(const Mlp *m, const Matrix *d)
{
    double loss = 0;
    for (size_t i = 0; i < d->rows; i++) {
        double v[2][COLS + WIDTH] = { 0 }, sum = 0;
        for (size_t f = 0; f < COLS; f++)
            v[0][f] = d->x[i * COLS + f];
        for (size_t l = 0; l < m->layers; l++)
            for (size_t o = 0; o < m->layer[l].out; o++) {
                double s = m->layer[l].bias[o];
                for (size_t f = 0; f < m->layer[l].in; f++)
                    s += m->layer[l].weight[o * m->layer[l].in + f] * v[l % 2][f];
                v[(l + 1) % 2][o] = l + 1 < m->layers && s < 0 ? 0 : s;
            }
        for (size_t k = 0; k < CLASSES; k++)
            sum += exp(v[m->layers % 2][k]);
        loss += log(sum) - v[m->layers % 2][d->label[i]];
    }
    return loss;
}

static double numeric(Mlp *m, const Matrix *d, float *at)
{
    float  keep = *at, up = keep + 0x1p-16f, down = keep - 0x1p-16f;
    *at = up;
    double above = loss_here(m, d);
    *at = down;
    double below = loss_here(m, d);
    *at = keep;
    return (above - below) / ((double)up - (double)down);
}

TEST(private, back_propagation_is_the_numeric_gradient_for_one_to_three_layers)
{
    for (size_t hiddens = 0; hiddens <= 2; hiddens++) {
        defer_arena Arena *a = arena_new(64 << 20);
        Matrix             d = cloud(a, 1);
        Mlp                m = wild(a, hiddens);
        TrainOptions       o = { .momentum = 0 };
        Step               s;
        Err                e = { 0 };
        CHECK(step_new(a, NULL, &d, &o, &m, &s, &e));
        CHECK(fabs(step_gather(&s, all_rows(), ROWS) - loss_here(&m, &d)) < 1e-3);
        for (size_t l = 0; l < m.layers; l++)
            for (size_t o_ = 0; o_ < m.layer[l].out; o_++)
                for (size_t f = 0; f <= m.layer[l].in; f++) {
                    size_t in = m.layer[l].in;
                    double want = numeric(&m, &d, f < in ? &m.layer[l].weight[o_ * in + f] : &m.layer[l].bias[o_]);
                    double got = s.layer[l].sum[o_ * (in + 1) + f];
                    CHECK(fabs(got - want) < 1e-3 * (1 + fabs(want)));
                }
    }
}

/* Every parameter of one row's gradient, one after the other. */
static size_t flatten(const Step *s, double *to, bool whole)
{
    size_t n = 0;
    for (size_t l = 0; l < s->m->layers; l++)
        for (size_t i = 0; i < s->m->layer[l].out * (s->m->layer[l].in + 1); i++, n++) {
            to[n] = whole ? (double)s->layer[l].whole[i] * s->p.unit : s->layer[l].sum[i];
            s->layer[l].sum[i] = 0;
            if (whole)
                s->layer[l].whole[i] = 0;
        }
    return n;
}

static double norm_of(const double *v, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += v[i] * v[i];
    return sqrt(sum);
}

/* One row at a time: the ghost norm against the norm of the gradient itself, and what is added against that gradient
 * clipped.  1/1023 of the largest input and one unit of g are the price of whole numbers. */
TEST(private, ghost_norms_are_the_norms_of_explicit_gradients_and_rows_are_clipped_to_them)
{
    defer_arena Arena *a = arena_new(64 << 20);
    Matrix             d = cloud(a, 2);
    Mlp                m = wild(a, 1);
    TrainOptions       plain = { 0 }, o = private_options();
    Step               s, p;
    Err                e = { 0 };
    size_t             clipped = 0;
    o.clip = 1.5;
    CHECK(step_new(a, NULL, &d, &plain, &m, &s, &e) && step_new(a, NULL, &d, &o, &m, &p, &e));
    for (uint32_t i = 0; i < ROWS; i++) {
        double g[PARAMETERS], c[PARAMETERS], squares[2][2] = { 0 };
        step_gather(&s, &i, 1);
        for (size_t l = 0; l < 2; l++) {
            for (size_t f = 0; f < m.layer[l].in; f++)
                squares[l][0] += (double)s.layer[l].row[0][f] * (double)s.layer[l].row[0][f];
            squares[l][0] += 1;
            for (size_t k = 0; k < m.layer[l].out; k++)
                squares[l][1] += (double)s.layer[l].g[k] * (double)s.layer[l].g[k];
        }
        CHECK(flatten(&s, g, false) == PARAMETERS);
        double norm = norm_of(g, PARAMETERS), factor = norm > o.clip ? o.clip / norm : 1;
        CHECK(fabs(ghost_norm((const double(*)[2])squares, 2) - norm) < 1e-5 * norm);
        step_gather(&p, &i, 1);
        flatten(&p, c, true);
        CHECK(norm_of(c, PARAMETERS) <= o.clip * (1 + 1e-12));
        CHECK(norm <= o.clip || norm_of(c, PARAMETERS) > 0.998 * o.clip);
        for (size_t k = 0; k < PARAMETERS; k++)
            CHECK(fabs(c[k] - g[k] * factor) < 2e-3 * o.clip);
        clipped += norm > o.clip;
    }
    CHECK(clipped > ROWS / 10 && clipped < ROWS * 9 / 10);
}

TEST(private, the_sum_over_rows_is_exactly_the_sum_of_single_rows)
{
    defer_arena Arena *a = arena_new(64 << 20);
    Matrix             d = cloud(a, 3);
    Mlp                m = wild(a, 1);
    TrainOptions       o = private_options();
    Step               s, one;
    Err                e = { 0 };
    double             together[PARAMETERS], sum[PARAMETERS];
    CHECK(step_new(a, NULL, &d, &o, &m, &s, &e) && step_new(a, NULL, &d, &o, &m, &one, &e));
    step_gather(&s, all_rows(), ROWS - 1);             /* an odd number: the last pair is half empty */
    step_gather(&s, all_rows() + 2, 2);
    for (uint32_t i = 0; i < ROWS - 1; i++)
        step_gather(&one, &i, 1);
    step_gather(&one, all_rows() + 2, 1), step_gather(&one, all_rows() + 3, 1);
    flatten(&s, together, true), flatten(&one, sum, true);
    CHECK(memcmp(together, sum, sizeof sum) == 0);
}

/* A row that nobody checked: an infinite input or NaN weighs nothing and is counted. */
TEST(private, a_gradient_that_is_no_number_adds_nothing)
{
    defer_arena Arena *a = arena_new(64 << 20);
    Matrix             d = cloud(a, 3);
    Mlp                m = wild(a, 1);
    TrainOptions       o = private_options();
    Step               s;
    Err                e = { 0 };
    double             v[PARAMETERS];
    d.x[0] = INFINITY, d.x[COLS] = NAN;
    CHECK(step_new(a, NULL, &d, &o, &m, &s, &e));
    step_gather(&s, all_rows(), 2);
    flatten(&s, v, true);
    CHECK(norm_of(v, PARAMETERS) == 0 && s.p.dropped[0] == 2);
}

/* ---- noise */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Kolmogorov-Smirnov against N(0, sd): true when the sample passes at about 1e-6. */
static bool is_normal(double *v, size_t n, double sd)
{
    double worst = 0;
    qsort(v, n, sizeof *v, ascending);
    for (size_t i = 0; i < n; i++) {
        double p = erfc(-v[i] / sd / sqrt(2)) / 2;
        worst = fmax(worst, fmax(fabs(p - (double)i / (double)n), fabs(p - (double)(i + 1) / (double)n)));
    }
    return worst * sqrt((double)n) < 2.7;
}

TEST(private, noise_is_normal_with_exact_moments_and_tails)
{
    enum { N = 400000, M = 24 };
    static double v[N];
    double        s1 = 0, s2 = 0, s3 = 0, s4 = 0;
    size_t        beyond3 = 0, odd = 0;
    Stream        r;
    uint8_t       key[STREAM_KEY] = { 5 };
    stream_begin(&r, key, STREAM_NOISE, 0, 0, STREAM_ROOM);
    for (size_t i = 0; i < N; i++) {
        int64_t k = noise_draw(&r, M);
        double  z = ldexp((double)k, -M);
        v[i] = z, s1 += z, s2 += z * z, s3 += z * z * z, s4 += z * z * z * z;
        beyond3 += fabs(z) > 3, odd += (uint64_t)k & 1;
    }
    stream_end(&r);
    CHECK(fabs(s1 / N) < 5 / sqrt(N) && fabs(s2 / N - 1) < 5 * sqrt(2.0 / N));
    CHECK(fabs(s3 / N) < 5 * sqrt(15.0 / N) && fabs(s4 / N - 3) < 5 * sqrt(96.0 / N));
    CHECK(fabs((double)beyond3 - 0.0026997960632602 * N) < 5 * sqrt(0.0027 * N));
    CHECK(fabs((double)odd - N / 2.0) < 5 * sqrt(N / 4.0));      /* the last bit is as random as the first */
    CHECK(is_normal(v, N, 1) && !is_normal(v, N, 1.02));
}

/* With 2 units a standard deviation the law itself shows: P(k) = Phi((k+.5)/2) - Phi((k-.5)/2), chi-squared. */
TEST(private, rounded_noise_has_the_law_it_says)
{
    enum { N = 300000, SPAN = 8 };
    size_t  seen[2 * SPAN + 1] = { 0 };
    double  chi = 0;
    Stream  r;
    uint8_t key[STREAM_KEY] = { 9 };
    stream_begin(&r, key, STREAM_NOISE, 1, 2, 64);
    for (size_t i = 0; i < N; i++) {
        int64_t k = noise_draw(&r, 1);
        k = k > SPAN ? SPAN : k < -SPAN ? -SPAN : k;
        seen[k + SPAN]++;
    }
    stream_end(&r);
    for (int k = -SPAN; k <= SPAN; k++) {
        double up = k == SPAN ? 2 : erfc(-(k + 0.5) / 2 / sqrt(2)), down = k == -SPAN ? 0 : erfc(-(k - 0.5) / 2 / sqrt(2));
        double want = N * (up - down) / 2, off = (double)seen[k + SPAN] - want;
        chi += off * off / want;
    }
    CHECK(chi < 55);                                   /* 16 degrees of freedom: exceeded once in 300,000 */
}

/* RFC 8439 2.4.2 is the cipher's own; here: the address decides, and nothing else. */
TEST(private, streams_differ_by_key_purpose_step_and_place)
{
    uint8_t  key[STREAM_KEY] = { 0 }, other[STREAM_KEY] = { 1 };
    uint64_t first[6];
    Stream   s;
    const struct { const uint8_t *key; uint32_t a, b, c; } rows[] = { { key, 1, 2, 3 }, { key, 1, 2, 3 }, { other, 1, 2, 3 }, { key, 2, 2, 3 },
                                                                      { key, 1, 3, 3 }, { key, 1, 2, 4 } };
    for (size_t i = 0; i < 6; i++) {
        stream_begin(&s, rows[i].key, rows[i].a, rows[i].b, rows[i].c, i == 1 ? 64 : STREAM_ROOM);
        first[i] = stream_u64(&s);
        stream_end(&s);
    }
    CHECK(first[0] == first[1]);
    for (size_t i = 2; i < 6; i++)
        for (size_t j = 1; j < i; j++)
            CHECK(first[i] != first[j]);
    /* RFC 8439 A.1, test vector 1: key 0, nonce 0, block 0 starts 76 b8 e0 ad a0 f1 3d 90. */
    stream_begin(&s, key, 0, 0, 0, 64);
    uint64_t word = stream_u64(&s);
    CHECK(memcmp(&word, "\x76\xb8\xe0\xad\xa0\xf1\x3d\x90", 8) == 0);
    stream_end(&s);
}

/* ---- the sampler */

TEST(private, batches_have_the_binomial_size_and_rows_are_independent)
{
    enum { N = 500, STEPS = 4000 };
    static uint32_t out[N], hits[N];
    uint8_t         key[STREAM_KEY] = { 3 };
    double          q = 0.07, s1 = 0, s2 = 0, neighbours = 0;
    memset(hits, 0, sizeof hits);
    for (uint32_t step = 0; step < STEPS; step++) {
        size_t n = poisson_draw(key, step, N, q, out);
        s1 += (double)n, s2 += (double)n * (double)n;
        for (size_t i = 0; i < n; i++) {
            hits[out[i]]++;
            neighbours += i > 0 && out[i] == out[i - 1] + 1;
        }
    }
    double mean = s1 / STEPS, variance = s2 / STEPS - mean * mean, want = N * q * (1 - q);
    CHECK(fabs(mean - N * q) < 5 * sqrt(want / STEPS));
    CHECK(fabs(variance - want) < 5 * want * sqrt(2.0 / STEPS));            /* a shuffled epoch would give 0 */
    for (size_t i = 0; i < N; i++)
        CHECK(fabs(hits[i] - STEPS * q) < 5.5 * sqrt(STEPS * q * (1 - q)));
    CHECK(fabs(neighbours / STEPS - (N - 1) * q * q) < 0.15);
    CHECK(poisson_draw(key, 0, N, 1, out) == N && poisson_draw(key, 0, N, 0, out) == 0);
}

/* ---- a whole run, and runs that do not do what they claim */

static bool run_once(Arena *a, Pool *pool, const TrainOptions *o, Mlp *m, PrivateRun *run)
{
    Matrix d = cloud(a, 5);
    Score  score;
    Err    e = { 0 };
    return train_model(a, pool, &d, o, NULL, NULL, m, &score, run, &e) && score.rows == 0;
}

TEST(private, same_noise_seed_same_bytes_on_any_number_of_threads)
{
    defer_arena Arena *a = arena_new(256 << 20);
    TrainOptions       o = private_options();
    Mlp                first = { 0 };
    PrivateRun         run;
    o.hidden[0] = WIDTH, o.hiddens = 1, o.dropout = 0.2, o.batch = 100, o.epochs = 3;
    for (unsigned threads = 1; threads <= 4; threads++) {
        Mlp   m;
        Pool *pool = pool_new(threads);
        o.noise_seed = threads < 4 ? 1 : 2;
        CHECK(run_once(a, pool, &o, &m, &run) && run.steps == 5 && run.sigma >= o.sigma && run.sigma < o.sigma * 1.000001);
        pool_free(pool);
        first = threads == 1 ? m : first;
        bool same = memcmp(m.layer[0].weight, first.layer[0].weight, WIDTH * COLS * sizeof(float)) == 0;
        CHECK(same == (threads < 4));
    }
}

TEST(private, without_a_seed_two_runs_differ)
{
    defer_arena Arena *a = arena_new(256 << 20);
    TrainOptions       o = private_options();
    Mlp                m, n;
    PrivateRun         run;
    o.seeded = false;
    CHECK(run_once(a, NULL, &o, &m, &run) && run_once(a, NULL, &o, &n, &run));
    CHECK(memcmp(m.layer[0].weight, n.layer[0].weight, CLASSES * COLS * sizeof(float)) != 0);
}

/* ---- four ways to be wrong, and the checks that tell.  A trainer here is one run over FEW rows; the last one is ours. */

enum { FEW = 12, DRAW = 3, STEPS = 4, RUNS = 700 };
typedef enum { HONEST, QUIET, UNCLIPPED, DRAWN_DIVISOR, SHUFFLED, OURS, TRAINERS } Trainer;

static TrainOptions few(Trainer t, uint64_t seed)
{
    TrainOptions o = private_options();
    o.epochs = 1, o.batch = DRAW, o.momentum = 0, o.noise_seed = seed;
    if (t == QUIET)
        o.sigma /= 4;
    if (t == UNCLIPPED)
        o.clip *= 1000, o.sigma /= 1000;
    return o;
}

/* The weights that a trainer ends with. */
static void run_few(Arena *a, Trainer t, Matrix *d, uint64_t seed, Mlp *m)
{
    TrainOptions o = few(t, seed);
    Score        score;
    PrivateRun   run;
    Err          e = { 0 };
    Step         s;
    uint32_t     drawn[FEW];
    if (t == OURS) {
        CHECK(train_model(a, NULL, d, &o, NULL, NULL, m, &score, &run, &e) && run.steps == STEPS);
        return;
    }
    *m = (Mlp){ .features = COLS, .classes = CLASSES, .layers = 1, .layer[0] = { COLS, CLASSES, arena_get(a, COLS * CLASSES, sizeof(float)),
                                                                               arena_get(a, CLASSES, sizeof(float)) } };
    CHECK(step_new(a, NULL, d, &o, m, &s, &e));
    for (uint32_t at = 0; at < STEPS; at++) {
        s.p.step = at;
        size_t n = poisson_draw(s.p.key, at, FEW, (double)DRAW / FEW, drawn);
        for (n = t == SHUFFLED ? 0 : n; t == SHUFFLED && n < DRAW; n++)
            drawn[n] = (uint32_t)(at * DRAW + n);
        step_gather(&s, drawn, n);
        step_descend(&s, t == DRAWN_DIVISOR && n ? (double)n : DRAW, o.rate * (1 - (double)at / STEPS));
    }
}

/* A column that is always 0 moves by noise alone: sd rate * sigma * C / batch a step, whatever was drawn. */
static bool noise_is_as_claimed(Trainer t)
{
    static double v[RUNS * CLASSES];
    TrainOptions  claimed = few(HONEST, 0);
    double        rates = 0;
    for (size_t i = 0; i < RUNS; i++) {
        defer_arena Arena *a = arena_new(64 << 20);
        Matrix             d = cloud(a, 5);
        Mlp                m;
        d.rows = FEW;
        run_few(a, t, &d, i + 1, &m);
        for (size_t k = 0; k < CLASSES; k++)
            v[i * CLASSES + k] = m.layer[0].weight[k * COLS + COLS - 1];
    }
    for (int at = 0; at < STEPS; at++)
        rates += claimed.rate * (1 - at / (double)STEPS) * claimed.rate * (1 - at / (double)STEPS);
    return is_normal(v, (size_t)RUNS * CLASSES, sqrt(rates) * claimed.sigma * claimed.clip / DRAW);
}

/* Same noise, one row made enormous: in one step it may move the model by rate * C / batch twice (it left one place and
 * came to another), so in all steps by the sum of the rates, and a little as the others' gradients change. */
static bool one_row_moves_little(Trainer t)
{
    TrainOptions claimed = few(HONEST, 0);
    double       worst = 0, most = 0;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        defer_arena Arena *a = arena_new(64 << 20);
        Matrix             d = cloud(a, 5), x = cloud(a, 5);
        Mlp                m, n;
        double             moved = 0;
        d.rows = x.rows = FEW;
        for (size_t f = 0; f + 1 < COLS; f++)
            x.x[f] *= 3000;
        run_few(a, t, &d, seed, &m), run_few(a, t, &x, seed, &n);
        for (size_t i = 0; i < COLS * CLASSES; i++)
            moved += pow((double)m.layer[0].weight[i] - (double)n.layer[0].weight[i], 2);
        worst = fmax(worst, sqrt(moved));
    }
    for (int at = 0; at < STEPS; at++)
        most += 2 * claimed.rate * (1 - at / (double)STEPS) * claimed.clip / DRAW;
    return worst < 1.5 * most;
}

/* How many rows took part, seen from outside: all rows are alike, and with the same seed but another label for all the
 * models differ by (gradient - gradient) * sum of rate_t * n_t.  The n_t of Poisson sampling vary as they must; those of
 * a fixed size do not. */
static bool batches_vary(Trainer t)
{
    enum { SEEDS = 300 };
    double s1 = 0, s2 = 0, rates = 0, squares = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        defer_arena Arena *a = arena_new(64 << 20);
        Matrix             d = cloud(a, 5), x = cloud(a, 5);
        Mlp                m, n;
        d.rows = x.rows = FEW;
        for (size_t i = 0; i < FEW; i++) {
            memcpy(d.x + i * COLS, d.x, COLS * sizeof *d.x), memcpy(x.x + i * COLS, d.x, COLS * sizeof *d.x);
            d.label[i] = 0, x.label[i] = 1;
        }
        run_few(a, t, &d, seed, &m), run_few(a, t, &x, seed, &n);
        double off = (double)m.layer[0].bias[0] - (double)n.layer[0].bias[0];
        s1 += off, s2 += off * off;
    }
    for (int at = 0; at < STEPS; at++)
        rates += 1 - at / (double)STEPS, squares += (1 - at / (double)STEPS) * (1 - at / (double)STEPS);
    double mean = s1 / SEEDS, got = (s2 / SEEDS - mean * mean) / (mean * mean);
    double want = DRAW * (1 - (double)DRAW / FEW) * squares / (DRAW * rates * DRAW * rates);
    return fabs(got - want) < 5 * want * sqrt(2.0 / SEEDS);
}

TEST(private, a_trainer_that_does_not_do_what_it_claims_is_caught)
{
    static const struct { Trainer t; const char *name; bool noise, clip, draw; } rows[] = {
        { HONEST, "as it should be", true, true, true },      { OURS, "ours", true, true, true },
        { QUIET, "a quarter of the noise", false, true, true }, { UNCLIPPED, "no clipping", true, false, true },
        { DRAWN_DIVISOR, "divided by the drawn size", false, true, false }, { SHUFFLED, "shuffled, not drawn", true, true, false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CHECK_ROW(noise_is_as_claimed(rows[i].t) == rows[i].noise, rows[i].name);
        CHECK_ROW(one_row_moves_little(rows[i].t) == rows[i].clip, rows[i].name);
        CHECK_ROW(batches_vary(rows[i].t) == rows[i].draw, rows[i].name);
    }
}

TEST(private, what_no_private_run_can_be_is_refused)
{
    defer_arena Arena *a = arena_new(64 << 20);
    Mlp                m;
    PrivateRun         run;
    TrainOptions       o = private_options();
    o.scale = SCALE_RANGE;
    CHECK(!run_once(a, NULL, &o, &m, &run));
    o = private_options(), o.clip = 0;
    CHECK(!run_once(a, NULL, &o, &m, &run));
    o = private_options(), o.batch = ROWS + 1;
    CHECK(!run_once(a, NULL, &o, &m, &run));
    o = private_options(), o.sigma = 1e-9;
    CHECK(!run_once(a, NULL, &o, &m, &run));
    o = private_options(), o.hiddens = 1;
    CHECK(!run_once(a, NULL, &o, &m, &run));
}
