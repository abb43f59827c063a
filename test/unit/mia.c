/* Vectors: $MOAT_VECTORS/privacy/mia, scores of Privacy Meter's RMIA and of LiRA's published formula.  They lie in an npz,
 * which the end-to-end test opens; here the attacks meet cases small enough to do by hand. */
#include "../test.h"
#include "privacy/mia.h"
#include <math.h>

/* Two rows, four models: 0 is attacked, 1 its partner; row 0 is in model 2, row 1 in model 3. */
static const double p[] = { 0.9, 0.5, 0.8, 0.4, 0.6, 0.5, 0.5, 0.7 }, z[] = { 0.5, 0, 0.5, 0.4, 0.9, 0, 0.6, 0.3, 0.7, 0, 0.2, 0.35 };
static const bool   member[] = { 1, 0, 1, 0, 0, 1, 0, 1 };

static Study study(void) { return (Study){ { p, 2, 4 }, { z, 3, 4 }, member, 0, 1 }; }

TEST(mia, rmia_counts_the_population_that_is_less_surprising)
{
    Arena *a = arena_new(1 << 20);
    Study  s = study();
    double score[2];
    Err    e = { 0 };
    CHECK(mia_rmia(a, &s, score, &e));                 /* ratios 2.25 and 1.2; population 1, 1.5, 2 */
    CHECK(fabs(score[0] - 1) < 1e-15 && fabs(score[1] - 1 / 3.0) < 1e-15);
    s.offline_a = 0;                                   /* .9/.7 and .6/.75; population .5/.75, .9/.8, .7/.675 */
    CHECK(mia_rmia(a, &s, score, &e) && fabs(score[0] - 1) < 1e-15 && fabs(score[1] - 1 / 3.0) < 1e-15);
    s.population.rows = 0;
    CHECK(!mia_rmia(a, &s, score, &e) && e.code == E_USAGE);
    arena_free(a);
}

TEST(mia, lira_compares_with_and_without_the_row)
{
    Arena *a = arena_new(1 << 20);
    Study  s = study();
    double score[2], in0 = log(4), in1 = log(7 / 3.0), out0 = log(2 / 3.0), out1 = 0, phi = log(9);
    double sd_in = fabs(in0 - in1) / 2, sd_out = fabs(out0 - out1) / 2;
    Err    e = { 0 };
    double want_out = -log(sd_out) - 0.91893853320467274 - (phi - out0) * (phi - out0) / (2 * sd_out * sd_out);
    double want_in = -log(sd_in) - 0.91893853320467274 - (phi - in0) * (phi - in0) / (2 * sd_in * sd_in);
    CHECK(mia_lira(a, &s, true, score, &e) && fabs(score[0] + want_out) < 1e-9 * fabs(want_out));
    CHECK(mia_lira(a, &s, false, score, &e) && fabs(score[0] - (want_in - want_out)) < 1e-9 * fabs(want_in));
    arena_free(a);
}

TEST(mia, what_cannot_be_attacked_is_an_error)
{
    Arena *a = arena_new(1 << 20);
    double score[2], flat[] = { .5, .5, .5, .5, .5, .5, .5, .5 };
    Err    e = { 0 };
    Study  few = study(), odd = study(), same = study(), all = study();
    few.rows.models = 2, few.rows.rows = 4;
    CHECK(!mia_lira(a, &few, true, score, &e) && e.code == E_USAGE);
    odd.target = 9;
    CHECK(!mia_rmia(a, &odd, score, &e) && e.code == E_USAGE);
    same.rows.p = flat;
    CHECK(!mia_lira(a, &same, true, score, &e) && e.code == E_FORMAT);
    static const bool everywhere[] = { 1, 0, 1, 1, 0, 1, 0, 0 };
    all.member = everywhere;
    CHECK(!mia_lira(a, &all, true, score, &e) && e.code == E_FORMAT && strstr(e.message, "row 0"));
    Signals bad = { (double[]){ 0.5, NAN }, 1, 2 };
    CHECK(!signals_check(&bad, "S.npy", &e) && strstr(e.message, "row 0, model 1"));
    bad.p = (double[]){ 0.5, 1.01 };
    CHECK(!signals_check(&bad, "S.npy", &e));
    arena_free(a);
}
