#include "../test.h"
#include "base/rng.h"
#include "privacy/privacy.h"
#include <math.h>

enum { ROWS = 300, COLS = 5, CLASSES = 3 };

/* Three clouds in five dimensions, a fixed function of the seed. */
static Matrix clouds(Arena *a, uint64_t seed)
{
    static Str names[CLASSES] = { { "a", 1 }, { "b", 1 }, { "c", 1 } };
    Rng        rng = rng_of(seed);
    Matrix     m = { .rows = ROWS, .cols = COLS, .classes = CLASSES, .class = names };
    m.x = arena_get(a, ROWS * COLS, sizeof *m.x);
    m.label = arena_get(a, ROWS, sizeof *m.label);
    for (size_t i = 0; i < ROWS; i++) {
        m.label[i] = (uint32_t)(i % CLASSES);
        for (size_t f = 0; f < COLS; f++)
            m.x[i * COLS + f] = (float)(rng_unit(&rng) + (f == m.label[i] ? 1.5 : 0));
    }
    return m;
}

static TrainOptions options(uint64_t epochs, uint64_t batch)
{
    return (TrainOptions){ .l2 = 0.01, .rate = 0.1, .momentum = 0.9, .epochs = epochs, .batch = batch, .seed = 7 };
}

TEST(train, learns_what_can_be_told_apart)
{
    defer_arena Arena *a = arena_new(64 << 20);
    Matrix             m = clouds(a, 1), fresh = clouds(a, 2);
    TrainOptions       o = options(30, 32);
    Mlp                model;
    Score              score, test;
    Err                e = { 0 };
    CHECK(train_model(a, NULL, &m, &o, NULL, NULL, &model, &score, NULL, &e));
    CHECK(score.accuracy > 0.95 && score.rows == ROWS);
    CHECK(measure_model(a, NULL, &model, m.class, &fresh, &test, &e) && test.accuracy > 0.93);
}

TEST(train, is_the_same_for_any_number_of_threads)
{
    defer_arena Arena *a = arena_new(64 << 20);
    TrainOptions       o = options(5, 256);
    Mlp                first = { 0 };
    for (unsigned threads = 1; threads <= 4; threads++) {
        Matrix  m = clouds(a, 1);
        Mlp     model;
        Score   score;
        Err     e = { 0 };
        Pool   *pool = pool_new(threads);
        CHECK(train_model(a, pool, &m, &o, NULL, NULL, &model, &score, NULL, &e));
        pool_free(pool);
        if (threads == 1)
            first = model;
        CHECK(memcmp(model.layer[0].weight, first.layer[0].weight, CLASSES * COLS * sizeof(float)) == 0);
        CHECK(memcmp(model.layer[0].bias, first.layer[0].bias, CLASSES * sizeof(float)) == 0);
    }
}

/* The loss as privacy.h states it, in double, from the prepared rows. */
static double loss_at(const Matrix *m, const double *w, const double *b, double l2)
{
    double loss = 0, norm = 0;
    for (size_t i = 0; i < m->rows; i++) {
        double s[CLASSES], sum = 0;
        for (size_t k = 0; k < CLASSES; k++) {
            s[k] = b[k];
            for (size_t f = 0; f < COLS; f++)
                s[k] += w[k * COLS + f] * m->x[i * COLS + f];
            sum += exp(s[k]);
        }
        loss += log(sum) - s[m->label[i]];
    }
    for (size_t i = 0; i < CLASSES * COLS; i++)
        norm += w[i] * w[i];
    return loss / (double)m->rows + l2 / 2 * norm;
}

/* Two full-batch steps without momentum: the second starts at weights that are not 0, so the L2 term shows. */
TEST(train, descends_along_the_numeric_gradient)
{
    defer_arena Arena *a = arena_new(64 << 20);
    Matrix             m = clouds(a, 3);
    TrainOptions       o = options(2, ROWS);
    Mlp                model;
    Score              score;
    Err                e = { 0 };
    double             w[CLASSES * COLS] = { 0 }, b[CLASSES] = { 0 };
    o.momentum = 0, o.l2 = 0.3, o.rate = 0.5;
    CHECK(train_model(a, NULL, &m, &o, NULL, NULL, &model, &score, NULL, &e));
    for (int step = 0; step < 2; step++) {
        double g[CLASSES * COLS + CLASSES], rate = o.rate * (1 - step / 2.0), h = 1e-5;
        for (size_t i = 0; i < CLASSES * COLS + CLASSES; i++) {
            double *at = i < CLASSES * COLS ? &w[i] : &b[i - CLASSES * COLS], keep = *at;
            *at = keep + h;
            double up = loss_at(&m, w, b, o.l2);
            *at = keep - h;
            g[i] = (up - loss_at(&m, w, b, o.l2)) / (2 * h);
            *at = keep;
        }
        for (size_t i = 0; i < CLASSES * COLS; i++)
            w[i] -= rate * g[i];
        for (size_t k = 0; k < CLASSES; k++)
            b[k] -= rate * g[CLASSES * COLS + k];
    }
    for (size_t i = 0; i < CLASSES * COLS; i++)
        CHECK(fabs(w[i] - model.layer[0].weight[i]) < 1e-5);
    for (size_t k = 0; k < CLASSES; k++)
        CHECK(fabs(b[k] - model.layer[0].bias[k]) < 1e-5);
}

TEST(train, refuses_what_it_cannot_learn_from)
{
    defer_arena Arena *a = arena_new(64 << 20);
    TrainOptions       o = options(1, 32), bad = options(1, 0);
    Mlp                model;
    Score              score;
    Err                e = { 0 };
    Matrix             m = clouds(a, 1);
    CHECK(!train_model(a, NULL, &m, &bad, NULL, NULL, &model, &score, NULL, &e) && e.code == E_USAGE);
    m.classes = 1;
    CHECK(!train_model(a, NULL, &m, &o, NULL, NULL, &model, &score, NULL, &e) && strstr(e.message, "same label"));
    m = clouds(a, 1);
    m.not_finite = 1, m.bad_row = 4, m.bad_col = 2;
    CHECK(!train_model(a, NULL, &m, &o, NULL, NULL, &model, &score, NULL, &e) && strstr(e.message, "row 5, column 3"));
    m = clouds(a, 1);
    m.label = NULL;
    CHECK(!train_model(a, NULL, &m, &o, NULL, NULL, &model, &score, NULL, &e));
    m = clouds(a, 1);
    o.rate = 1e30, o.epochs = 5;
    CHECK(!train_model(a, NULL, &m, &o, NULL, NULL, &model, &score, NULL, &e) && strstr(e.message, "diverged"));
}

TEST(train, a_constant_column_does_no_harm)
{
    defer_arena Arena *a = arena_new(64 << 20);
    TrainOptions       o = options(5, 32);
    Mlp                model;
    Score              score;
    Err                e = { 0 };
    Matrix             m = clouds(a, 1);
    for (size_t i = 0; i < ROWS; i++)
        m.x[i * COLS + 4] = 1e6f;
    CHECK(train_model(a, NULL, &m, &o, NULL, NULL, &model, &score, NULL, &e) && score.accuracy > 0.9);
}
