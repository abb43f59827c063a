#include "../test.h"
#include "base/file.h"
#include "format/json.h"
#include "format/table.h"
#include "num/detect.h"
#include "num/perf.h"
#include <math.h>

static void same(double got, double want, double relative, const char *what)
{
    char where[160];
    snprintf(where, sizeof where, "%s: %.17g, not %.17g", what, got, want);
    CHECK_ROW(fabs(got - want) <= relative * fmax(fabs(want), 1e-300), where);
}

static Str read_vector(Arena *a, const char *name)
{
    Str text;
    Err e = { 0 };
    CHECK_ROW(file_read(a, test_vectors(name), 64 << 20, &text, &e), e.message);
    return text;
}

static Table read_csv(Arena *a, const char *name)
{
    Err   e = { 0 };
    Table t;
    CHECK_ROW(table_read(a, read_vector(a, name), &(TableAsk){ .header = HEADER_YES, .number = COLUMN_F64 }, &t, &e), e.message);
    return t;
}

static Scored *scored(Arena *a, const Table *t, size_t y, size_t p)
{
    Scored *v = arena_get(a, t->rows, sizeof *v);
    for (uint64_t i = 0; i < t->rows; i++)
        v[i] = (Scored){ column_f64(&t->column[p], i), column_f64(&t->column[y], i) };
    return v;
}

TEST(perf, two_classes_give_what_scikit_learn_gives)
{
    if (test_vectors("watch/perf/classif.csv") == NULL)
        skip();
    defer_arena Arena *a = arena_new(64 << 20);
    Err         e = { 0 };
    Table       t = read_csv(a, "watch/perf/classif.csv");
    const Json *want = json_parse(a, read_vector(a, "watch/perf/classif_expected.json"), JSON_STRICT, &e);
    Scored     *v = scored(a, &t, 0, 1);
    Binary      b = binary_of(counts2(v, t.rows, 0.5));
    double      brier_ = brier(v, t.rows), loss = log_loss(v, t.rows), ece15 = ece(v, t.rows, 15);
    Ranking     r = ranking_of(v, t.rows);
    const struct { const char *name; double got, relative; } rows[] = {
        { "accuracy", b.accuracy, 1e-12 }, { "balanced_accuracy", b.balanced_accuracy, 1e-12 }, { "precision", b.precision, 1e-12 },
        { "recall", b.recall, 1e-12 }, { "f1", b.f1, 1e-12 }, { "f1_macro", b.f1_macro, 1e-12 }, { "mcc", b.mcc, 1e-12 },
        { "kappa", b.kappa, 1e-12 }, { "roc_auc", r.auc, 1e-10 }, { "pr_auc_ap", r.ap, 1e-10 }, { "brier", brier_, 1e-12 },
        { "log_loss", loss, 1e-12 }, { "ece15", ece15, 1e-12 },
    };
    for (size_t i = 0; i < len_of(rows); i++)
        same(rows[i].got, json_num(json_get(want, rows[i].name), NAN), rows[i].relative, rows[i].name);
    CHECK(!b.undefined && !r.undefined);
}

TEST(perf, groups_give_the_gaps_of_the_vectors)
{
    if (test_vectors("watch/perf/classif.csv") == NULL)
        skip();
    defer_arena Arena *a = arena_new(64 << 20);
    Err         e = { 0 };
    Table       t = read_csv(a, "watch/perf/classif.csv");
    const Json *want = json_parse(a, read_vector(a, "watch/perf/classif_expected.json"), JSON_STRICT, &e);
    Group       g[4] = { 0 };
    for (uint64_t i = 0; i < t.rows; i++) {
        Scored   one = { column_f64(&t.column[1], i), column_f64(&t.column[0], i) };
        Counts2  c = counts2(&one, 1, 0.5);
        Counts2 *to = &g[(size_t)column_f64(&t.column[2], i)].c;
        to->tp += c.tp, to->fp += c.fp, to->fn += c.fn, to->tn += c.tn;
    }
    g[3].c.tp = GROUP_LEAST - 1;                       /* too few to count */
    Fairness f = fairness_of(g, 4);
    CHECK(f.judged == 3 && f.demographic_parity_range.low < f.demographic_parity && f.demographic_parity < f.demographic_parity_range.high);
    for (size_t i = 0; i < 3; i++) {
        same(g[i].selection, json_at(json_get(want, "selection_rate"), i)->num, 1e-12, "selection_rate");
        same(g[i].tpr, json_at(json_get(want, "tpr"), i)->num, 1e-12, "tpr");
        same(g[i].fpr, json_at(json_get(want, "fpr"), i)->num, 1e-12, "fpr");
        same(g[i].ppv, json_at(json_get(want, "ppv"), i)->num, 1e-12, "ppv");
    }
    const struct { const char *name; double got; } rows[] = {
        { "demographic_parity_difference", f.demographic_parity }, { "demographic_parity_ratio", f.demographic_parity_ratio },
        { "equal_opportunity_difference", f.equal_opportunity }, { "equalized_odds_difference", f.equalized_odds },
        { "equalized_odds_ratio", f.equalized_odds_ratio }, { "predictive_parity_difference", f.predictive_parity },
    };
    for (size_t i = 0; i < len_of(rows); i++)
        same(rows[i].got, json_num(json_get(want, rows[i].name), NAN), 1e-12, rows[i].name);
}

TEST(perf, many_classes_and_values_give_what_scikit_learn_gives)
{
    if (test_vectors("watch/perf/classif_expected.json") == NULL)
        skip();
    defer_arena Arena *a = arena_new(64 << 20);
    Err         e = { 0 };
    const Json *want = json_parse(a, read_vector(a, "watch/perf/classif_expected.json"), JSON_STRICT, &e);
    const Json *m = json_get(want, "multiclass"), *r = json_get(want, "regression"), *rows = json_get(m, "confusion");
    uint64_t    confusion[25];
    for (size_t i = 0; i < 25; i++)
        CHECK(json_u64(json_at(json_at(rows, i / 5), i % 5), &confusion[i]));
    Multiclass c = multiclass_of(confusion, 5);
    same(c.accuracy, json_num(json_get(m, "accuracy"), NAN), 1e-12, "accuracy");
    same(c.f1_macro, json_num(json_get(m, "f1_macro"), NAN), 1e-12, "f1_macro");
    same(c.f1_weighted, json_num(json_get(m, "f1_weighted"), NAN), 1e-12, "f1_weighted");
    same(c.f1_micro, json_num(json_get(m, "f1_micro"), NAN), 1e-12, "f1_micro");
    same(c.mcc, json_num(json_get(m, "mcc"), NAN), 1e-12, "mcc");
    Table      t = read_csv(a, "watch/perf/regress.csv");
    Regression g = regression_of(scored(a, &t, 0, 1), t.rows);
    same(g.mae, json_num(json_get(r, "mae"), NAN), 1e-12, "mae");
    same(g.rmse, json_num(json_get(r, "rmse"), NAN), 1e-12, "rmse");
    same(g.r2, json_num(json_get(r, "r2"), NAN), 1e-12, "r2");
    same(g.mape, json_num(json_get(r, "mape"), NAN), 1e-12, "mape");
}

static void check_estimate(const Table *want, uint64_t row, const Scored *at_half, size_t n, Scored *ranked)
{
    Binary  b = binary_of(counts2(at_half, n, 0.5));
    Ranking r = ranking_of(ranked, n);
    const struct { const char *name; double got; } rows[] = {
        { "accuracy", b.accuracy }, { "precision", b.precision }, { "recall", b.recall }, { "specificity", b.specificity },
        { "f1", b.f1 }, { "roc_auc", r.auc }, { "average_precision", r.ap },
    };
    for (size_t i = 0; i < len_of(rows); i++)
        same(rows[i].got, column_f64(table_column(want, str(rows[i].name)), row), 2e-12, rows[i].name);
}

TEST(perf, soft_truths_estimate_performance_without_labels)
{
    if (test_vectors("watch/perf/cbpe_expected.csv") == NULL)
        skip();
    enum { HALF = 2500 };
    defer_arena Arena *a = arena_new(64 << 20);
    Table    t = read_csv(a, "watch/perf/classif.csv"), want = read_csv(a, "watch/perf/cbpe_expected.csv");
    Scored  *v = scored(a, &t, 0, 1), *again = scored(a, &t, 0, 1), *fit = scored(a, &t, 0, 1);
    Isotonic iso;
    check_estimate(&want, 1, v, t.rows, again);
    again = scored(a, &t, 0, 1);
    for (size_t i = 0; i < t.rows; i++)
        v[i].y = again[i].y = v[i].p;
    Scored *late = arena_get(a, HALF, sizeof *late);
    memcpy(late, again + HALF, HALF * sizeof *late);
    check_estimate(&want, 3, v + HALF, HALF, late);
    check_estimate(&want, 0, v, t.rows, again);
    CHECK(isotonic_fit(a, fit, HALF, &iso));
    for (size_t i = 0; i < HALF; i++)
        late[i] = (Scored){ v[HALF + i].p, isotonic_at(&iso, v[HALF + i].p) };
    Scored *ranked = arena_get(a, HALF, sizeof *ranked);
    memcpy(ranked, late, HALF * sizeof *late);
    check_estimate(&want, 2, late, HALF, ranked);
}

/* ---- detectors */

typedef struct Detectors {
    Adwin       adwin;
    Ddm         ddm;
    PageHinkley page;
    Cusum       low, high;
} Detectors;

static bool add(Detectors *d, size_t which, bool x)
{
    switch (which) {
    case 0: return adwin_add(&d->adwin, x);
    case 1: return ddm_add(&d->ddm, x) == DDM_DRIFT;
    case 2: return page_hinkley_add(&d->page, x);
    case 3: return cusum_add(&d->low, x);
    default: return cusum_add(&d->high, x);
    }
}

TEST(detect, alarms_come_at_the_exact_indexes)
{
    if (test_vectors("watch/stream/errors.txt") == NULL)
        skip();
    defer_arena Arena *a = arena_new(8 << 20);
    Str       bits = read_vector(a, "watch/stream/errors.txt"), line, rest = read_vector(a, "watch/stream/expected.csv");
    Detectors d = { adwin_new(0.002), ddm_new(), page_hinkley_new(0.005, 50, 0.9999), cusum_new(0.1, 0.2, 9.21), cusum_new(0.1, 0.2, 13.82) };
    str_cut(rest, '\n', &line, &rest);
    for (size_t which = 0; which < 5; which++) {
        defer_buf Buf got = { 0 };
        Str           left = bits, bit, name, parameters, want;
        for (size_t i = 0; str_cut(left, '\n', &bit, &left) || bit.n > 0; i++)
            if (add(&d, which, str_is(bit, "1")))
                buf_printf(&got, "%s%zu", got.n ? " " : "", i);
        buf_byte(&got, '\0');
        str_cut(rest, '\n', &line, &rest);
        str_cut(line, ',', &name, &line), str_cut(line, ',', &parameters, &want);
        CHECK_STR(got.p, arena_str(a, str_trim(want)).p);
    }
}

TEST(detect, nothing_alarms_on_what_does_not_change)
{
    Adwin      a = adwin_new(0.002);
    CusumValue up = { .mean = 0.5, .deviation = 0.5, .k = 0.5, .h = 10 };
    for (size_t i = 0; i < 4000; i++)
        CHECK(!adwin_add(&a, (double)(i % 2)) && !cusum_value_add(&up, (double)(i % 2)));
    CHECK(a.width == 4000 && a.total == 2000);
    size_t later = 0;
    while (!cusum_value_add(&up, 1.5))
        later++;
    CHECK(later < 12);
}
