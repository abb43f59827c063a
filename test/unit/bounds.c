/* Vectors: $MOAT_VECTORS/privacy/audit, values of jax_privacy's auditing.py (see README.txt there). */
#include "../test.h"
#include "base/file.h"
#include "format/json.h"
#include "num/special.h"
#include "privacy/bounds.h"
#include "base/rng.h"
#include <math.h>

static double *scores(Arena *a, const Json *list, size_t *n)
{
    double *v = arena_get(a, list->count + 1, sizeof *v);
    *n = 0;
    for (const Json *i = list->first; i != NULL; i = i->next)
        v[(*n)++] = i->num;
    return v;
}

static void same(const Json *want, const char *name, double got, double within)
{
    char        text[128];
    const Json *v = json_get(want, name);
    snprintf(text, sizeof text, "%s: got %.12g want %.12g", name, got, json_num(v, NAN));
    CHECK_ROW(fabs(got - json_num(v, NAN)) <= within, text);
}

static void canary(const char *file)
{
    Arena *a = arena_new(256 << 20);
    Str    text;
    Roc    r;
    Err    e = { 0 };
    size_t n_in, n_out;
    CHECK_ROW(file_read(a, file, 16 << 20, &text, &e), e.message);
    const Json *root = json_parse(a, text, JSON_STRICT, &e), *want = json_get(root, "expected");
    double     *in = scores(a, json_get(root, "in"), &n_in), *out = scores(a, json_get(root, "out"), &n_out);
    CHECK_ROW(roc_new(a, in, n_in, out, n_out, &r, &e), e.message);
    same(want, "hull_vertices", (double)r.n, 0);
    same(want, "auroc", hull_auc(&r), 1e-12);
    same(want, "tpr_at_fpr_0.1", hull_tpr(&r, 0.1), 1e-12);
    same(want, "tpr_at_fpr_0.01", hull_tpr(&r, 0.01), 1e-12);
    same(want, "tpr_at_fpr_0.001", hull_tpr(&r, 0.001), 1e-12);
    same(want, "max_accuracy", hull_accuracy(&r), 1e-12);
    same(want, "eps_clopper_pearson_bonferroni_sig0.05_delta0", bound_clopper_pearson(&r, 0, 0.95), 1e-10);
    same(want, "eps_clopper_pearson_bonferroni_sig0.05_delta1e-5", bound_clopper_pearson(&r, 1e-5, 0.95), 1e-10);
    same(want, "eps_one_run_sig0.05_delta0", bound_one_run(&r, 0, 0.95), 1e-6);
    same(want, "eps_one_run_sig0.05_delta1e-5", bound_one_run(&r, 1e-5, 0.95), 1e-6);
    same(want, "eps_one_run_fdp_sig0.05_delta1e-5", bound_one_run_gaussian(&r, 1e-5, 0.95), 1e-6);
    same(want, "eps_from_gdp_sig0.05_delta1e-5", bound_gaussian_fit(&r, 1e-5, 0.95), 1e-6);
    arena_free(a);
}

TEST(bounds, equal_those_of_others)
{
    for (int i = 0; i < 4; i++) {
        char name[64];
        snprintf(name, sizeof name, "privacy/audit/audit_canary_%d.json", i);
        const char *file = test_vectors(name);
        if (file == NULL)
            skip();
        canary(file);
    }
}

/* By counting, for small lists full of ties. */
static void by_hand(Rng *rng)
{
    enum { MOST = 40 };
    double in[MOST], out[MOST], won = 0;
    size_t n_in = 1 + rng_below(rng, MOST), n_out = 1 + rng_below(rng, MOST);
    Arena *a = arena_new(1 << 20);
    Roc    r;
    Err    e = { 0 };
    for (size_t i = 0; i < n_in; i++)
        in[i] = (double)rng_below(rng, 9) + 1;
    for (size_t i = 0; i < n_out; i++)
        out[i] = (double)rng_below(rng, 9);
    for (size_t i = 0; i < n_in; i++)
        for (size_t k = 0; k < n_out; k++)
            won += in[i] > out[k] ? 1 : in[i] == out[k] ? 0.5 : 0;
    CHECK(roc_new(a, in, n_in, out, n_out, &r, &e));
    CHECK(fabs(roc_auc(&r) - won / (double)(n_in * n_out)) < 1e-12 && hull_auc(&r) >= roc_auc(&r) - 1e-12);
    for (double f = 0; f <= 1; f += 0.05) {
        double best = 0;
        for (double t = 0; t < 12; t++) {              /* every threshold */
            size_t hits = 0, false_hits = 0;
            for (size_t i = 0; i < n_in; i++)
                hits += in[i] >= t;
            for (size_t i = 0; i < n_out; i++)
                false_hits += out[i] >= t;
            if ((double)false_hits <= floor(f * (double)n_out + 1e-9))
                best = fmax(best, (double)hits / (double)n_in);
        }
        Tpr got = roc_tpr(&r, f, 0.95);
        CHECK(fabs(got.tpr - best) < 1e-12 && got.low <= got.tpr && got.tpr <= got.high);
    }
    arena_free(a);
}

TEST(bounds, ties_stay_together)
{
    Rng rng = rng_of(3);
    for (int i = 0; i < 300; i++)
        by_hand(&rng);
}

TEST(bounds, few_others_say_nothing_about_low_rates)
{
    double in[3] = { 1, 2, 3 }, out[1000];
    Arena *a = arena_new(1 << 20);
    Roc    r;
    Err    e = { 0 };
    for (size_t i = 0; i < len_of(out); i++)
        out[i] = (double)i / 1000;
    CHECK(roc_new(a, in, 3, out, 1000, &r, &e));
    CHECK(roc_tpr(&r, 0.01, 0.95).enough && !roc_tpr(&r, 0.009, 0.95).enough);
    CHECK(roc_new(a, in, 3, out, 999, &r, &e) && !roc_tpr(&r, 0.01, 0.95).enough);
    CHECK(!roc_new(a, in, 0, out, 5, &r, &e) && e.code == E_FORMAT);
    out[2] = NAN;
    CHECK(!roc_new(a, in, 3, out, 5, &r, &e) && e.code == E_FORMAT);
    arena_free(a);
}

/* Scores as of a Gaussian mechanism with this mu; the bound may lie above the truth in 5 % of the runs. */
static unsigned broken(double mu, double truth, unsigned runs, double *mean)
{
    enum { N = 400 };
    Rng      rng = rng_of(11);
    unsigned above = 0;
    double   in[N], out[N], bound;
    *mean = 0;
    for (unsigned run = 0; run < runs; run++) {
        Arena *a = arena_new(1 << 20);
        Roc    r;
        Err    e = { 0 };
        for (size_t i = 0; i < N; i++)
            in[i] = normal_quantile(rng_unit(&rng) + 1e-17) + mu, out[i] = normal_quantile(rng_unit(&rng) + 1e-17);
        CHECK(roc_new(a, in, N, out, N, &r, &e) && bound_split(&r, 1e-5, 0.95, run, &bound, &e));
        above += bound > truth, *mean += bound / runs;
        arena_free(a);
    }
    return above;
}

TEST(bounds, the_split_bound_rarely_claims_too_much)
{
    double mean;
    CHECK(broken(0, 0, 100, &mean) <= 11);             /* P(Bin(100, 0.05) > 11) = 0.004 */
    CHECK(broken(1, 4.377178095681, 100, &mean) == 0 && mean > 0.5);
}
