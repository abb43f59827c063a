#include "../test.h"
#include "base/rng.h"
#include "privacy/attack.h"
#include <math.h>

enum { D = 20, K = 4, POOL = 400 };

/* A softmax model in double, and what its owner lets out. */
typedef struct Target {
    double   w[K][D + 1];
    int      digits;                                   /* -1: all of them; 99: as floats */
    bool     label_only;
    uint64_t asked;
} Target;

static bool answer(void *ctx, const float *x, size_t rows, double *score, Err *e)
{
    Target *t = ctx;
    (void)e;
    t->asked += rows;
    for (size_t i = 0; i < rows; i++) {
        double *p = score + i * K, sum = 0;
        size_t  best = 0;
        for (size_t k = 0; k < K; k++) {
            double s = t->w[k][D];
            for (size_t f = 0; f < D; f++)
                s += t->w[k][f] * (double)x[i * D + f];
            sum += p[k] = exp(s);
            best = p[k] > p[best] ? k : best;
        }
        for (size_t k = 0; k < K; k++) {
            double unit = pow(10, t->digits);
            p[k] = t->label_only ? k == best : t->digits == 99 ? (double)(float)(p[k] / sum) : t->digits < 0 ? p[k] / sum : round(p[k] / sum * unit) / unit;
        }
    }
    return true;
}

static Target target(int digits, bool label_only)
{
    Rng    r = rng_of(4);
    Target t = { .digits = digits, .label_only = label_only };
    for (size_t k = 0; k < K; k++)
        for (size_t f = 0; f <= D; f++)
            t.w[k][f] = f < D ? 4 * rng_unit(&r) - 2 : 0.2 * rng_unit(&r);
    return t;
}

static Oracle oracle(Target *t) { return (Oracle){ .features = D, .classes = K, .low = 0, .high = 1, .ask = answer, .ctx = t }; }

static Matrix points(Arena *a, uint64_t seed, size_t n)
{
    Rng    r = rng_of(seed);
    Matrix m = { .rows = n, .cols = D, .classes = K, .x = arena_get(a, n * D, sizeof(float)), .label = arena_get(a, n, sizeof(uint32_t)) };
    for (size_t i = 0; i < n; i++)
        for (size_t f = 0; f < D; f++)
            m.x[i * D + f] = (float)rng_unit(&r);
    return m;
}

/* The largest error of w_k - w_0, relative to the largest of them. */
static double error_of(const Target *t, const Extraction *x)
{
    double worst = 0, most = 0;
    for (size_t k = 1; k < K; k++)
        for (size_t f = 0; f < D; f++) {
            double want = t->w[k][f] - t->w[0][f], got = x->theta[k * (D + 1) + f];
            worst = fmax(worst, fabs(got - want)), most = fmax(most, fabs(want));
        }
    return worst / most;
}

TEST(attack, a_softmax_model_is_solved_from_as_many_questions_as_it_has_inputs_and_one)
{
    defer_arena Arena *a = arena_new(64 << 20);
    static const struct { int digits; double error; const char *name; } rows[] = {
        { -1, 1e-9, "double" }, { 99, 1e-2, "float" },
    };
    for (size_t i = 0; i < 2; i++) {
        Target     t = target(rows[i].digits, false);
        Oracle     o = oracle(&t);
        Extraction x;
        Err        e = { 0 };
        Matrix     test = points(a, 9, POOL);
        double     share;
        CHECK_ROW(attack_extract(a, NULL, &o, NULL, D + 1, 1, &x, &e) && x.queries == D + 1 && t.asked == D + 1, rows[i].name);
        CHECK_ROW(strcmp(x.method, "solve") == 0 && error_of(&t, &x) < rows[i].error, rows[i].name);
        CHECK_ROW(attack_agreement(a, &o, &x.stolen, &test, &share, &e) && share > 0.99 && o.queries == D + 1, rows[i].name);
    }
}

/* More questions undo rounding: it is a price, not a defence. */
TEST(attack, rounding_costs_questions_and_nothing_else)
{
    defer_arena Arena *a = arena_new(256 << 20);
    Target             t = target(3, false);
    Oracle             o = oracle(&t);
    Matrix             test = points(a, 9, POOL);
    double             few, many;
    Extraction         x;
    Err                e = { 0 };
    CHECK(attack_extract(a, NULL, &o, NULL, D + 1, 1, &x, &e) && fabs(x.seen.unit - 1e-3) < 1e-9);
    CHECK(attack_agreement(a, &o, &x.stolen, &test, &few, &e));
    CHECK(attack_extract(a, NULL, &o, NULL, 200 * D, 1, &x, &e) && attack_agreement(a, &o, &x.stolen, &test, &many, &e));
    CHECK(few < 0.97 && many > 0.98 && many > few);
}

TEST(attack, labels_alone_cost_exactness)
{
    defer_arena Arena *a = arena_new(256 << 20);
    Target             t = target(-1, true);
    Oracle             o = oracle(&t);
    Matrix             test = points(a, 9, POOL), known = points(a, 10, POOL);
    double             few, many;
    Extraction         x;
    Err                e = { 0 };
    CHECK(attack_extract(a, NULL, &o, &known, D + 1, 1, &x, &e) && strcmp(x.method, "surrogate") == 0 && x.theta == NULL && x.seen.shown == 1);
    CHECK(attack_agreement(a, &o, &x.stolen, &test, &few, &e));
    CHECK(attack_extract(a, NULL, &o, &known, 100 * D, 1, &x, &e) && attack_agreement(a, &o, &x.stolen, &test, &many, &e));
    CHECK(few < 0.9 && many > few && many > 0.9 && many < 1);
}

TEST(attack, inversion_climbs_with_scores_and_gets_no_slope_from_labels)
{
    defer_arena Arena *a = arena_new(64 << 20);
    Target             t = target(-1, false), shut = target(-1, true);
    Oracle             o = oracle(&t), closed = oracle(&shut);
    Inversion          x;
    Err                e = { 0 };
    double             first[K];
    float              grey[D];
    for (size_t f = 0; f < D; f++)
        grey[f] = 0.5f;
    CHECK(oracle_ask(&o, grey, 1, first, &e));
    size_t worst = 0;
    for (size_t k = 1; k < K; k++)
        worst = first[k] < first[worst] ? k : worst;
    CHECK(attack_invert(a, &o, worst, NULL, 600, 1, &x, &e) && x.queries <= 600 && strcmp(x.method, "ascent") == 0);
    CHECK(x.score > 0.9 && first[worst] < 0.3);
    CHECK(attack_invert(a, &closed, worst, NULL, 600, 1, &x, &e) && strcmp(x.method, "centre") == 0 && x.score == 0);
    for (size_t f = 0; f < D; f++)
        CHECK(x.x[f] == 0.5f);
}

/* By hand: members .9 .8 .8 .1, others .8 .3: 2 + (1 + .5) + (1 + .5) + 0 of 8 pairs. */
TEST(attack, membership_counts_ties_by_half)
{
    defer_arena Arena *a = arena_new(1 << 20);
    const double       in[] = { 0.9, 0.8, 0.8, 0.1 }, out[] = { 0.8, 0.3 }, same[] = { 1, 1 };
    Membership         m = attack_membership(a, in, 4, out, 2);
    CHECK(m.auc == 5.0 / 8 && m.advantage == 0.25);
    m = attack_membership(a, same, 2, same, 2);
    CHECK(m.auc == 0.5 && m.advantage == 0);
}

TEST(attack, what_is_released_is_recognised)
{
    const struct { double p[4]; const char *text; } rows[] = {
        { { 0.123456, 0.3, 0.4, 0.176544 }, "all scores, 6 digits" }, { { 0.12, 0.3, 0.4, 0.18 }, "all scores, 2 digits" },
        { { 1, 0, 0, 0 }, "label only" },                             { { 0.6123456789012, 0.2, 0, 0 }, "best 2" },
        { { 0.1234567890123, 0.3, 0.4, 0.1765432109877 }, "all scores" },
    };
    for (size_t i = 0; i < 5; i++) {
        char text[48];
        CHECK_STR(released_text(released_of(rows[i].p, 1, 4), 4, text), rows[i].text);
    }
}
