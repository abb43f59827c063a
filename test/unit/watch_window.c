#include "../test.h"
#include "watch/reference.h"
#include "watch/window.h"
#include "watch/alert.h"
#include <math.h>

typedef struct Rig {
    Arena      *a;
    Monitor     m;
    FeatureRef  f[2];
    size_t      by_position[3];
} Rig;

static const Metric metric = { "psi", "drift", FROM_FEATURES, false, 0.25, W_INPUT_DRIFT };

/* Position 0 is a number with 60 bins, 1 is not watched, 2 is a text of three categories. */
static void rig_make(Rig *r)
{
    static const char *const names[] = { "red", "green", "blue" };
    static double v[600];
    *r = (Rig){ .a = arena_new(64 << 20), .by_position = { 1, 0, 2 } };
    for (size_t i = 0; i < len_of(v); i++)
        v[i] = (double)i;
    r->f[0] = (FeatureRef){ .name = S("x"), .ordered = true, .rows = len_of(v) };
    edges_of((Sample){ v, len_of(v) }, &r->f[0].edges);
    r->f[0].bins = r->f[0].edges.n + 1;
    r->f[1] = (FeatureRef){ .name = S("c"), .categories = dict_new(r->a), .bins = 4, .at = r->f[0].bins, .rows = 300 };
    for (uintptr_t i = 0; i < 3; i++)
        CHECK(dict_put(r->f[1].categories, str(names[i]), (void *)(i + 1)));
    for (size_t k = 0; k < 2; k++)
        r->f[k].reference = arena_get(r->a, r->f[k].bins, sizeof(uint64_t));
    for (size_t i = 0; i < len_of(v); i++)
        r->f[0].reference[edges_find(&r->f[0].edges, v[i])]++;
    for (size_t i = 0; i < 3; i++)
        r->f[1].reference[i] = 100;
    r->m = (Monitor){ .name = S("mix"), .id = S("monitors.mix"), .endpoint = S("endpoints.e"), .metric = &metric, .threshold = 0.25,
                      .window_ns = 60000000000, .min_rows = 50, .pending = 2, .of = 3, .features = r->f, .feature_count = 2,
                      .bins = r->f[0].bins + r->f[1].bins, .by_position = r->by_position, .positions = 3 };
}

static void add(Rig *r, Window *w, const char *row, const char *verdict)
{
    const Json *v = row ? json_parse(r->a, str(row), JSON_GRAMMAR, NULL) : NULL;
    window_add(&r->m, w, &(Event){ .verdict = str(verdict), .total_us = 1500 }, v);
}

TEST(window, counts_rows_as_arrays_and_as_objects)
{
    Rig r;
    rig_make(&r);
    Window *w = window_new(r.a, &r.m, 0);
    add(&r, w, "[10, \"skipped\", \"green\"]", "pass");
    add(&r, w, "[[10], [7, \"green\"]]", "pass");
    add(&r, w, "{\"c\":[\"pink\"],\"x\":[10]}", "pass");
    add(&r, w, "{\"x\":null}", "pass");
    add(&r, w, NULL, "pass");
    add(&r, w, "[10]", "refuse");
    CHECK(w->n == 6 && w->refused == 1 && w->rows == 4 && w->no_row == 1 && w->latency.n == 5);
    CHECK(w->bins[edges_find(&r.f[0].edges, 10)] == 3 && w->missing[0] == 1 && w->missing[1] == 1);
    CHECK(w->bins[r.f[1].at + 1] == 2 && w->bins[r.f[1].at + 3] == 1);
    arena_free(r.a);
}

TEST(window, comes_back_from_its_bytes_and_from_nothing_else)
{
    Rig r;
    Err e = { 0 };
    rig_make(&r);
    defer_buf Buf b = { 0 }, again = { 0 };
    Window *w = window_new(r.a, &r.m, 60000000000), *got = window_new(r.a, &r.m, 0);
    for (int i = 0; i < 50; i++)
        add(&r, w, "[5, 0, \"red\"]", "pass");
    CHECK(window_put(&r.m, w, &b) && window_get(&r.m, buf_view(&b), got, &e) && window_put(&r.m, got, &again));
    CHECK(str_eq(buf_view(&b), buf_view(&again)) && got->start == 60000000000 && got->n == 50);
    for (size_t i = 0; i < b.n; i++) {
        Window *bad = window_new(r.a, &r.m, 0);
        CHECK(!window_get(&r.m, (Str){ b.p, i }, bad, &e));
        b.p[i] ^= 1;
        CHECK(!window_get(&r.m, buf_view(&b), bad, &e));
        b.p[i] ^= 1;
    }
    r.m.reference.b[0] ^= 1;
    CHECK(!window_get(&r.m, buf_view(&b), got, &e) && e.code == E_DENIED);
    arena_free(r.a);
}

TEST(sketch, quantiles_of_times_are_within_a_32nd)
{
    LogHist h = { 0 }, other = { 0 };
    for (uint64_t v = 0; v < 100000; v++)
        log_hist_add(v % 2 ? &h : &other, v);
    log_hist_merge(&h, &other);
    static const double q[] = { 0.01, 0.5, 0.9, 0.99 };
    for (size_t i = 0; i < len_of(q); i++)
        CHECK(fabs((double)log_hist_quantile(&h, q[i]) - q[i] * 1e5) <= q[i] * 1e5 / 32 + 1);
    log_hist_add(&h, UINT64_MAX);
    CHECK(h.n == 100001 && log_hist_quantile(&h, 1) > 100000);
}

/* The bin of a value is the number of edges at or below it, with ties, few values and values far outside. */
TEST(sketch, a_value_is_found_in_its_bin)
{
    Rng           r = rng_of(5);
    static double v[1000], scratch[1000];
    for (size_t shape = 0; shape < 4; shape++) {
        Edges e;
        for (size_t i = 0; i < len_of(v); i++)
            v[i] = shape == 0 ? rng_unit(&r) : shape == 1 ? (double)rng_below(&r, 3) : shape == 2 ? 7 : (double)rng_below(&r, 70);
        sample_sort(v, scratch, len_of(v));
        edges_of((Sample){ v, len_of(v) }, &e);
        CHECK(e.n < EDGE_BINS && (shape != 2 || e.n == 0));
        for (size_t i = 0; i < 2000; i++) {
            double x = i % 2 ? v[rng_below(&r, len_of(v))] : rng_unit(&r) * 80 - 5;
            size_t want = 0;
            while (want < e.n && e.edge[want] <= x)
                want++;
            CHECK(edges_find(&e, x) == want);
        }
    }
}

/* PSI over the coarse bins is the exact engine's over deciles; KS is below the true distance by one bin at the most. */
TEST(sketch, frozen_bins_agree_with_the_exact_engine)
{
    enum { N = 3000 };
    static double x[N], y[N], scratch[N];
    Rng    r = rng_of(6);
    Edges  e;
    Bins   deciles;
    BinGap g;
    defer_arena Arena *a = arena_new(16 << 20);
    uint64_t reference[EDGE_BINS] = { 0 }, current[EDGE_BINS] = { 0 };
    for (size_t i = 0; i < N; i++)
        x[i] = rng_unit(&r) + rng_unit(&r), y[i] = rng_unit(&r) * 2.1;
    sample_sort(x, scratch, N), sample_sort(y, scratch, N);
    edges_of((Sample){ x, N }, &e);
    for (size_t i = 0; i < N; i++)
        reference[edges_find(&e, x[i])]++, current[edges_find(&e, y[i])]++;
    CHECK(bin_gap(a, &e, true, e.n + 1, reference, current, &g) && bins_quantile(a, (Sample){ x, N }, (Sample){ y, N }, 10, &deciles));
    double exact = sample_gap((Sample){ x, N }, (Sample){ y, N }).ks;
    CHECK(fabs(g.psi - psi(&deciles)) < 1e-12 && g.ks <= exact && g.ks >= exact - 1.0 / EDGE_BINS - 1e-3);
}

/* ---- alerts: what a row of values does, one window after the other */

static const struct { const char *values, *states; } runs[] = {
    { ".1 .1 .1 .1", "...." },
    { ".1 .3 .1 .1", "...." },                         /* one of three is not two */
    { ".3 .1 .3 .1", "..F." },
    { ".3 .3 .3 .3", ".F.." },                         /* told once */
    { ".3 .3 .24 .24 .24 .24 .24", ".F....." },        /* below the threshold, not back by a fifth */
    { ".3 .3 .1 .1 .1 .1", ".F..R." },
    { ".3 .3 .1 .1 .3 .1 .1 .1", ".F.....R" },
    { ".3 ? ? .3 ? .1", "...F.." },                    /* unknown neither counts nor clears */
};

static char step_alert(const Monitor *m, State *s, int64_t at, const char *value)
{
    Err    e = { 0 };
    Judged j = { .value = *value == '?' ? NAN : strtod(value, NULL), .message = S("x"), .json = S("{}") };
    int64_t n = 0;
    Str     json;
    bool    found;
    defer_arena Arena *a = arena_new(4 << 20);
    j.breach = j.value >= m->threshold, j.clear = j.value < 0.8 * m->threshold;
    CHECK_ROW(state_result(s, &(Result){ m->name, at, j.value, j.breach, j.clear, j.json }, &e) && alert_step(m, s, &j, at, &e), e.message);
    CHECK(state_outbox_next(s, a, &n, &json, &found, &e));
    if (!found)
        return '.';
    AlertEvent ev;
    CHECK(alert_event_get(a, json, &ev, &e) && state_outbox_drop(s, n, &e));
    return str_is(ev.state, "firing") ? 'F' : 'R';
}

TEST(alert, fires_once_and_ends_by_a_margin)
{
    Rig r;
    Err e = { 0 };
    rig_make(&r);
    for (size_t i = 0; i < len_of(runs); i++) {
        char path[300], got[32] = "", values[64], *rest = NULL;
        snprintf(path, sizeof path, "%s/alert%zu.db", test_dir(), i);
        snprintf(values, sizeof values, "%s", runs[i].values);
        State *s = state_open(path, &e);
        CHECK_ROW(s != NULL, e.message);
        size_t n = 0;
        for (char *v = strtok_r(values, " ", &rest); v != NULL; v = strtok_r(NULL, " ", &rest), n++)
            got[n] = step_alert(&r.m, s, (int64_t)n * 60, v);
        CHECK_STR(got, runs[i].states);
        state_close(s);
    }
    arena_free(r.a);
}

TEST(state, belongs_to_one_daemon_at_a_time)
{
    Err  e = { 0 };
    char path[300];
    snprintf(path, sizeof path, "%s/one.db", test_dir());
    State *s = state_open(path, &e), *second = state_open(path, &e);
    CHECK(s != NULL && second == NULL && e.code == E_DENIED);
    state_close(s);
}
