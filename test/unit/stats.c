#include "../test.h"
#include "base/file.h"
#include "format/json.h"
#include "format/table.h"
#include "num/stats.h"
#include <math.h>

static bool near_to(double got, double want, double relative, double absolute)
{
    return (isnan(got) && isnan(want)) || fabs(got - want) <= fmax(relative * fabs(want), absolute);
}

static Table read_csv(Arena *a, const char *path, ColumnType number)
{
    Str   text;
    Err   e = { 0 };
    Table t;
    CHECK_ROW(file_read(a, path, 64 << 20, &text, &e), e.message);
    CHECK_ROW(table_read(a, text, &(TableAsk){ .header = HEADER_YES, .number = number }, &t, &e), e.message);
    return t;
}

static Table vector_table(Arena *a, const char *name, ColumnType number) { return read_csv(a, test_vectors(name), number); }

static Sample pick(Arena *a, const Table *t, Str column, const char *set)
{
    double *v = arena_get(a, t->rows, sizeof *v), *scratch = arena_get(a, t->rows, sizeof *v);
    size_t  n = 0;
    for (uint64_t i = 0; i < t->rows; i++)
        if (str_eq(t->column[0].text[i], column) && str_is(t->column[1].text[i], set))
            v[n++] = column_f64(&t->column[2], i);
    sample_sort(v, scratch, n);
    return (Sample){ v, n };
}

static void compare_numeric(Arena *a, const Table *want, uint64_t row, Sample x, Sample y)
{
    Gap         g = sample_gap(x, y);
    Moments     m = moments_of(x);
    CramerMises c = cramer_mises(x, y);
    Bins        deciles, sturges;
    CHECK(bins_quantile(a, x, y, 10, &deciles) && bins_sturges(a, x, y, &sturges));
    bool constant = x.v[0] == x.v[x.n - 1] && y.v[0] == y.v[y.n - 1];
    const struct { const char *name; double got, relative, absolute; } rows[] = {
        { "ks_stat", g.ks, 1e-12, 0 },
        { "ks_p_asymp", ks_p_asymptotic(a, x.n, y.n, g.ks), 1e-9, 0 },
        { "ks_p_auto", ks_p(a, x.n, y.n, &g), 1e-9, 0 },
        { "wasserstein", g.wasserstein, 1e-12, 0 },
        { "wasserstein_norm_ref_std", wasserstein_norm(g.wasserstein, m.deviation), 1e-12, 0 },
        { "energy", g.energy, 1e-12, 0 },
        { "psi_decile_ref", psi(&deciles), 1e-12, 1e-15 },
        { "psi_evidently", psi_filled(&sturges), 1e-12, 1e-15 },
        { "js_evidently", js_distance(&sturges), 1e-12, 1e-15 },
        { "cvm_stat", constant ? NAN : c.t, 1e-12, 0 },
        { "cvm_p", constant ? NAN : c.p, 0, 1e-8 },
        { "mannwhitney_p", mann_whitney_p(a, x, y), 1e-9, 0 },
        { "mean_ref", m.mean, 1e-12, 1e-15 },
        { "var_ref_ddof1", m.variance, 1e-12, 1e-15 },
        { "skew_ref", m.skewness, 1e-12, 1e-15 },
        { "kurt_ref", m.kurtosis, 1e-12, 1e-15 },
        { "p01", quantile(x, 0.01), 1e-12, 0 },
        { "p50", quantile(x, 0.5), 1e-12, 0 },
        { "p99", quantile(x, 0.99), 1e-12, 0 },
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        const Column *col = table_column(want, str(rows[i].name));
        double        expected = NAN;
        char          where[200];
        CHECK_ROW(col != NULL, rows[i].name);
        if (col->text[row].n > 0)
            CHECK(number_f64(col->text[row], &expected));
        if (isnan(expected) || isnan(rows[i].got))
            continue;                                  /* not defined, or an artefact of the oracle */
        snprintf(where, sizeof where, "%.*s %s: %.17g, not %.17g", STR(want->column[0].text[row]), rows[i].name, rows[i].got, expected);
        CHECK_ROW(near_to(rows[i].got, expected, rows[i].relative, rows[i].absolute), where);
    }
}

TEST(stats, numeric_samples_give_what_scipy_gives)
{
    if (test_vectors("watch/drift/numeric.csv") == NULL)
        skip();
    defer_arena Arena *a = arena_new(256 << 20);
    Table t = vector_table(a, "watch/drift/numeric.csv", COLUMN_F64);
    Table want = vector_table(a, "watch/drift/numeric_expected.csv", COLUMN_TEXT);
    CHECK(want.rows == 11);
    for (uint64_t i = 0; i < want.rows; i++) {
        Str name = want.column[0].text[i];
        compare_numeric(a, &want, i, pick(a, &t, name, "ref"), pick(a, &t, name, "cur"));
    }
}

static void compare_counts(Arena *a, const Table *want, uint64_t row, const uint64_t *x, const uint64_t *y, size_t k)
{
    Chi2 c = chi2_counts(x, y, k, 1);
    Bins b;
    CHECK(bins_counts(a, x, y, k, &b) && !c.permuted);
    const struct { const char *name; double got, relative; } rows[] = {
        { "chi2_2samp", c.chi2, 1e-12 }, { "chi2_p", c.p, 1e-9 },  { "g_stat", c.g, 1e-12 },
        { "g_p", c.g_p, 1e-9 },          { "psi", psi(&b), 1e-12 }, { "js", js_distance(&b), 1e-12 },
        { "tvd", total_variation(&b), 1e-12 }, { "linf", largest_difference(&b), 1e-12 }, { "hellinger", hellinger(&b), 1e-12 },
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        double expected;
        char   where[200];
        CHECK(number_f64(table_column(want, str(rows[i].name))->text[row], &expected));
        snprintf(where, sizeof where, "%.*s %s: %.17g, not %.17g", STR(want->column[0].text[row]), rows[i].name, rows[i].got, expected);
        CHECK_ROW(near_to(rows[i].got, expected, rows[i].relative, 1e-290), where);
    }
}

TEST(stats, counts_give_what_scipy_gives)
{
    if (test_vectors("watch/drift/categorical.csv") == NULL)
        skip();
    defer_arena Arena *a = arena_new(64 << 20);
    Table t = vector_table(a, "watch/drift/categorical.csv", COLUMN_F64);
    Table want = vector_table(a, "watch/drift/categorical_expected.csv", COLUMN_TEXT);
    for (uint64_t i = 0; i < want.rows; i++) {
        uint64_t x[64], y[64];
        size_t   k = 0;
        for (uint64_t r = 0; r < t.rows; r++)
            if (str_eq(t.column[0].text[r], want.column[0].text[i]) && k < 64)
                x[k] = (uint64_t)column_f64(&t.column[2], r), y[k++] = (uint64_t)column_f64(&t.column[3], r);
        compare_counts(a, &want, i, x, y, k);
    }
}

/* scipy.stats.kstwo.sf, one row for each method and for both sides of each border */
TEST(stats, the_one_sample_law_is_right_in_every_region)
{
    static const struct { uint64_t n; double d, p; } rows[] = {
        { 1, 0.8, 0.3999999999999999 }, { 1, 0.871779788708, 0.256440422584 }, { 1, 0.9, 0.19999999999999996 },
        { 5, 0.26, 0.81234688 }, { 5, 0.387298334621, 0.3443359876401141 }, { 5, 0.4472135955, 0.19951883851087016 },
        { 5, 0.664830805544, 0.010678943350001375 }, { 5, 0.89554452709, 2.4870584601657045e-05 }, { 5, 0.51, 0.0993329588 },
        { 5, 0.425954486824, 0.24507542245516467 }, { 20, 0.04, 0.9999999999991517 }, { 20, 0.04472135955, 0.9999999997979487 },
        { 20, 0.19364916731, 0.39101587986444475 }, { 20, 0.22360679775, 0.23255659230159187 }, { 20, 0.332415402772, 0.017987447063190887 },
        { 20, 0.447772263545, 0.000354743544400392 }, { 20, 0.51, 2.380937155490472e-05 }, { 20, 0.975, 1.8189894035458887e-32 },
        { 20, 0.170657774568, 0.54843318934348 }, { 140, 0.0169030850946, 0.9999999999861334 }, { 140, 0.0422577127364, 0.9548772475803047 },
        { 140, 0.0731925054711, 0.42123670712467576 }, { 140, 0.0736788397613, 0.4129888918448834 }, { 140, 0.0845154254729, 0.2553048445967857 },
        { 140, 0.125071408175, 0.022847412405442098 }, { 140, 0.125641212529, 0.02193831167808717 }, { 140, 0.168819430161, 0.0005880095116705702 },
        { 140, 0.169242007619, 0.0005645335276495187 }, { 140, 0.422577127364, 3.4655579887552073e-23 }, { 140, 0.49, 1.6084888917534052e-31 },
        { 140, 0.51, 2.6979524046821964e-34 }, { 140, 0.9, 2.0855973600936603e-140 }, { 140, 0.046194596329, 0.9125758959960125 },
        { 140, 0.0466366540791, 0.9068596243132153 }, { 141, 0.0168430384213, 0.9999999999862573 }, { 141, 0.0421075960533, 0.9549094893421198 },
        { 141, 0.0729324957489, 0.4213036611580354 }, { 141, 0.0734171023808, 0.4130551600660448 }, { 141, 0.0842151921067, 0.2553544927209782 },
        { 141, 0.124627103367, 0.022856171860820895 }, { 141, 0.125194883543, 0.021946288349097124 }, { 141, 0.168219714482, 0.0005884132493238308 },
        { 141, 0.168640790772, 0.0005649236158739149 }, { 141, 0.421075960533, 3.5279048857928973e-23 }, { 141, 0.49, 9.660921675174912e-32 },
        { 141, 0.51, 1.5481894736616013e-34 }, { 141, 0.9, 2.0864169369551964e-141 }, { 141, 0.045975923172, 0.9133184938178334 },
        { 141, 0.0464158883361, 0.9076369356219678 }, { 857, 0.00683186985685, 0.9999999999976209 }, { 857, 0.0170796746421, 0.9602893677413735 },
        { 857, 0.0295828642569, 0.43301981293185 }, { 857, 0.0297794303014, 0.4246511770456928 }, { 857, 0.0341593492843, 0.26396579181145796 },
        { 857, 0.0505512206017, 0.02418722416840402 }, { 857, 0.0507815234823, 0.0232344579884165 }, { 857, 0.0682332467545, 0.0006499565993336484 },
        { 857, 0.0684040436344, 0.0006243545351493821 }, { 857, 0.170796746421, 2.5068571117443954e-22 }, { 857, 0.49, 2.9064886767826927e-190 },
        { 857, 0.51, 3.0461321444009444e-207 }, { 857, 0.0138045626548, 0.9960775983575277 }, { 857, 0.013936664987, 0.9955439471515088 },
        { 100001, 0.00158113092445, 0.9636080024028366 }, { 100001, 0.00275679596647, 0.4320804631072678 }, { 100001, 0.00467972018418, 0.024972347161905772 },
        { 100001, 0.00631661309595, 0.0006815663402204871 }, { 100001, 0.0158113092445, 3.8068821382415115e-22 }, { 100001, 0.000583637488339, 0.9999999999999969 },
        { 1000000, 0.0005, 0.9638386310076212 }, { 1000000, 0.000871779788708, 0.432606220291602 }, { 1000000, 0.00147986485869, 0.025025936948039007 },
        { 1000000, 0.00199749843554, 0.0006835643292186613 }, { 1000000, 0.005, 3.8436375474778123e-22 },
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        defer_arena Arena *a = arena_new(64 << 20);
        char   where[120];
        double got = kolmogorov_sf(a, rows[i].n, rows[i].d);
        snprintf(where, sizeof where, "n %" PRIu64 " d %g: %.17g, not %.17g", rows[i].n, rows[i].d, got, rows[i].p);
        CHECK_ROW(near_to(got, rows[i].p, 1e-9, 0), where);
    }
}

TEST(stats, sorting_orders_signs_zeros_and_magnitudes)
{
    enum { N = 5000 };
    static double v[N], scratch[N];
    Rng    r = rng_of(3);
    double sum = 0, after = 0;
    for (size_t i = 0; i < N; i++) {
        v[i] = i % 7 == 0 ? -0.0 : (rng_unit(&r) - 0.5) * pow(10, (double)rng_below(&r, 60) - 30);
        sum += v[i] > 0;
    }
    sample_sort(v, scratch, N);
    for (size_t i = 0; i < N; i++) {
        CHECK(i == 0 || v[i - 1] <= v[i]);
        CHECK(v[i] != 0 || !signbit(v[i]));
        after += v[i] > 0;
    }
    CHECK(sum == after);
}

TEST(stats, adjusted_p_values_are_those_of_benjamini_and_hochberg)
{
    double p[] = { 0.01, 0.04, NAN, 0.03, 0.005 }, want[] = { 0.02, 0.04, NAN, 0.04, 0.02 };
    size_t order[len_of(p)];
    adjust_p(p, order, len_of(p));
    for (size_t i = 0; i < len_of(p); i++)
        CHECK(near_to(p[i], want[i], 1e-12, 0));
}

TEST(stats, rare_categories_are_judged_by_permutation)
{
    uint64_t x[] = { 3, 2, 1, 1, 2, 1 }, y[] = { 1, 1, 2, 3, 1, 2 }, far_x[] = { 9, 1, 1, 0, 0, 0 }, far_y[] = { 0, 0, 0, 2, 7, 2 };
    Chi2     same = chi2_counts(x, y, 6, 1), far = chi2_counts(far_x, far_y, 6, 1), again = chi2_counts(x, y, 6, 1);
    CHECK(same.permuted && same.p > 0.5 && same.p == again.p);
    CHECK(far.permuted && far.p < 0.001);
    CHECK(near_to(fisher_p(8, 2, 1, 5), 0.03496503496503495, 1e-12, 0));
}
