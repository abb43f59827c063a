/* Vectors: $MOAT_VECTORS/privacy/accountant (see README.txt there). */
#include "../test.h"
#include "base/file.h"
#include "format/json.h"
#include "format/table.h"
#include "privacy/closed.h"
#include "privacy/rdp.h"
#include <math.h>

typedef struct Vectors {
    Arena *arena;
    Map    map;
    Table  t;
} Vectors;

static Vectors vectors_open(const char *name)
{
    char        path[64];
    Vectors     v = { 0 };
    Err         e = { 0 };
    TableAsk    ask = { .header = HEADER_YES };
    snprintf(path, sizeof path, "privacy/accountant/%s.csv", name);
    const char *file = test_vectors(path);
    if (file == NULL)
        skip();
    v.arena = arena_new(64 << 20);
    CHECK(file_map(file, &v.map, &e) && table_read(v.arena, v.map.bytes, &ask, &v.t, &e));
    return v;
}

static void vectors_close(Vectors *v)
{
    arena_free(v->arena);
    file_unmap(&v->map);
}

static double cell(const Vectors *v, const char *name, uint64_t row)
{
    const Column *c = table_column(&v->t, str(name));
    double        number;
    CHECK_ROW(c != NULL, name);
    if (c->type != COLUMN_TEXT)
        return column_f64(c, row);
    return str_is(c->text[row], "inf") ? INFINITY : number_f64(c->text[row], &number) ? number : NAN;
}

static Phase phase_of(const Vectors *v, uint64_t row)
{
    return (Phase){ cell(v, "noise_multiplier", row), cell(v, "sampling_prob", row), (uint64_t)cell(v, "steps", row) };
}

static const char *row_text(const Phase *p, double delta, double got, double want)
{
    static char text[160];
    snprintf(text, sizeof text, "%g %g %" PRIu64 " %g: got %.17g want %.17g", p->sigma, p->rate, p->steps, delta, got, want);
    return text;
}

TEST(account, renyi_moments_equal_those_of_others)
{
    Vectors v = vectors_open("accountant_vectors");
    CHECK(v.t.rows == 199);
    for (uint64_t i = 0; i < v.t.rows; i++) {
        Phase        p = phase_of(&v, i);
        AccountQuery q = { &p, 1, cell(&v, "delta", i) };
        double       order = cell(&v, "rdp_order", i), want = cell(&v, "eps_rdp", i), least, best = rdp_best(&q, &least);
        if (order > 1 && want < INFINITY) {              /* theirs has no number in one row */
            CHECK_ROW(fabs(rdp_epsilon(&q, order) - want) <= 1e-9 * fmax(want, 1), row_text(&p, q.delta, rdp_epsilon(&q, order), want));
            CHECK_ROW(best <= want * (1 + 1e-9) + 1e-9, row_text(&p, q.delta, best, want));
        }
        double exact = cell(&v, "eps_exact", i);
        CHECK_ROW(!(best < exact * (1 - 1e-6)), row_text(&p, q.delta, best, exact));
    }
    vectors_close(&v);
}

static void in_bounds(const Phase *p, double delta, Bounds b, double want)
{
    CHECK_ROW(b.low <= want * (1 + 1e-16) && want <= b.up * (1 + 1e-16), row_text(p, delta, b.up, want));
    CHECK_ROW(fabs(b.epsilon - want) <= 1e-13 * want, row_text(p, delta, b.epsilon, want));
    CHECK_ROW(b.up - b.low <= 1e-9 * want, row_text(p, delta, b.up - b.low, want));
}

TEST(account, closed_forms_hold_to_seventeen_digits)
{
    Vectors       v = vectors_open("closed_form");
    const Column *kind = table_column(&v.t, S("kind"));
    CHECK(v.t.rows == 128 && kind != NULL);
    for (uint64_t i = 0; i < v.t.rows; i++) {
        Phase         p = phase_of(&v, i);
        double        delta = cell(&v, "delta", i), remove = cell(&v, "eps_remove", i), add = cell(&v, "eps_add", i);
        AccountQuery  q = { &p, 1, delta };
        AccountAnswer a;
        Err           e = { 0 };
        if (str_is(kind->text[i], "T1")) {
            in_bounds(&p, delta, closed_one_step(p.sigma, p.rate, delta, REMOVE), remove);
            in_bounds(&p, delta, closed_one_step(p.sigma, p.rate, delta, ADD), add);
        } else {
            in_bounds(&p, delta, closed_gaussian(sqrt((double)p.steps) / p.sigma, delta), remove);
        }
        CHECK_ROW(privacy_account(&q, &a, &e) && strcmp(a.method, "closed form") == 0, e.message);
        in_bounds(&p, delta, (Bounds){ a.low, a.epsilon, a.up }, fmax(remove, add));
    }
    vectors_close(&v);
}

/* All 199 rows take a while: bench/account.py shows them all, here every `stride`th.  Few may be wider than 1e-3: where
 * sampling is so rare that the loss has two far parts. */
static void rows_hold(const char *name, uint64_t from, uint64_t stride, unsigned wide_most)
{
    Vectors  v = vectors_open(name);
    unsigned wide = 0;
    for (uint64_t i = from; i < v.t.rows; i += stride) {
        Phase         p = phase_of(&v, i);
        double        exact = cell(&v, "eps_exact", i);
        AccountQuery  q = { &p, 1, cell(&v, "delta", i) };
        AccountAnswer a;
        Err           e = { 0 };
        CHECK_ROW(privacy_account(&q, &a, &e), e.message);
        CHECK_ROW(!(a.low > exact * (1 + 1e-6)), row_text(&p, q.delta, a.low, exact));
        CHECK_ROW(!(a.up < exact * (1 - 1e-6)), row_text(&p, q.delta, a.up, exact));
        CHECK_ROW(a.up <= a.rdp + 1e-6 && a.low <= a.epsilon && a.epsilon <= a.up, row_text(&p, q.delta, a.up, a.rdp));
        wide += a.up > 1e-3 && a.up - a.low > 1e-3 * a.up;
    }
    CHECK(wide <= wide_most);
    vectors_close(&v);
}

TEST(account, bounds_hold_the_exact_value) { rows_hold("accountant_vectors", 0, 12, 1); }

TEST(account, bounds_hold_at_delta_1e_minus_40) { rows_hold("tiny_delta", 0, 1, 0); }

TEST(account, a_run_in_parts_costs_what_the_whole_costs)
{
    Phase         whole = { 1.1, 0.01, 900 }, parts[] = { { 1.1, 0.01, 300 }, { 1.1, 0.01, 600 } };
    Phase         other[] = { { 1.1, 0.01, 900 }, { 3, 0.02, 50 } };
    AccountAnswer a, b, c;
    Err           e = { 0 };
    CHECK(privacy_account(&(AccountQuery){ &whole, 1, 1e-6 }, &a, &e) && privacy_account(&(AccountQuery){ parts, 2, 1e-6 }, &b, &e));
    CHECK(fabs(a.epsilon - b.epsilon) < 1e-6 && a.up >= b.low && b.up >= a.low);
    CHECK(privacy_account(&(AccountQuery){ other, 2, 1e-6 }, &c, &e));
    CHECK(c.low > a.up && c.up - c.low < 1e-3 * c.up);
}

TEST(account, runs_that_cannot_be_are_refused)
{
    static const struct {
        Phase        phase;
        double       delta;
        enum ErrCode code;
    } rows[] = {
        { { 1, 0.1, 10 }, 0, E_USAGE },      { { 1, 0.1, 10 }, 1, E_USAGE },   { { 1, 0.1, 10 }, NAN, E_USAGE },
        { { 1, 0.1, 10 }, 1e-61, E_LIMIT },  { { 0, 0.1, 10 }, 1e-5, E_USAGE },{ { NAN, 0.1, 10 }, 1e-5, E_USAGE },
        { { INFINITY, 1, 1 }, 1e-5, E_USAGE },{ { -1, 0.1, 10 }, 1e-5, E_USAGE },{ { 1, 1.1, 10 }, 1e-5, E_USAGE },
        { { 1, -0.1, 10 }, 1e-5, E_USAGE },  { { 1, NAN, 10 }, 1e-5, E_USAGE },{ { 1e-3, 0.1, 1 }, 1e-5, E_LIMIT },
        { { 1, 0.1, UINT64_MAX }, 1e-5, E_LIMIT },
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        AccountQuery  q = { &rows[i].phase, 1, rows[i].delta };
        AccountAnswer a;
        Err           e = { 0 };
        CHECK_ROW(!privacy_account(&q, &a, &e) && e.code == rows[i].code && e.message[0], row_text(q.phase, q.delta, 0, 0));
    }
    Phase         two[] = { { 1, 0.1, STEPS_MAX }, { 1, 0.1, 1 } };
    AccountAnswer a;
    Err           e = { 0 };
    CHECK(!privacy_account(&(AccountQuery){ two, 2, 1e-5 }, &a, &e) && e.code == E_LIMIT);
    CHECK(!privacy_account(&(AccountQuery){ two, 0, 1e-5 }, &a, &e) && e.code == E_USAGE);
}

TEST(account, a_run_of_nothing_costs_nothing)
{
    Phase         rows[] = { { 1, 0, 1000 }, { 1, 0.5, 0 } };
    AccountAnswer a;
    Err           e = { 0 };
    CHECK(privacy_account(&(AccountQuery){ rows, 2, 1e-5 }, &a, &e) && a.low == 0 && a.up == 0 && a.epsilon == 0);
}

TEST(account, calibrated_noise_keeps_the_promise_and_little_more)
{
    static const struct {
        Phase  phase;
        double delta, epsilon;
    } rows[] = { { { 0, 1, 1 }, 1e-5, 4.377178095681 }, { { 0, 8192 / 60000.0, 280 }, 1e-5, 3 }, { { 0, 0.01, 1000 }, 1e-6, 1 } };
    for (size_t i = 0; i < len_of(rows); i++) {
        AccountQuery  q = { &rows[i].phase, 1, rows[i].delta };
        AccountAnswer a;
        Err           e = { 0 };
        double        sigma = 0;
        CHECK_ROW(privacy_calibrate(&q, rows[i].epsilon, &sigma, &a, &e), e.message);
        Phase less = { sigma / (1 + 2e-4), rows[i].phase.rate, rows[i].phase.steps };
        CHECK_ROW(a.up <= rows[i].epsilon, row_text(&less, q.delta, a.up, rows[i].epsilon));
        if (i == 0)
            CHECK_ROW(fabs(sigma - 1) < 2e-4, row_text(&less, q.delta, sigma, 1));
        CHECK(privacy_account(&(AccountQuery){ &less, 1, q.delta }, &a, &e));
        CHECK_ROW(a.up > rows[i].epsilon, row_text(&less, q.delta, a.up, rows[i].epsilon));
    }
    AccountQuery  q = { &rows[0].phase, 1, 1e-5 };
    AccountAnswer a;
    Err           e = { 0 };
    double        sigma;
    CHECK(!privacy_calibrate(&q, 0, &sigma, &a, &e) && e.code == E_USAGE);
    CHECK(!privacy_calibrate(&q, NAN, &sigma, &a, &e) && e.code == E_USAGE);
}
