#include "../test.h"
#include "base/file.h"
#include "base/rng.h"
#include "format/json.h"
#include "num/forest_parts.h"
#include "num/order.h"
#include <math.h>
#include <zlib.h>

enum { MEMORY = 256 << 20 };

/* ---- forests of scikit-learn, turned into our file */

static const char *const cases[] = { "auto_1000x6", "small_40x3", "max_samples_frac", "max_samples_1", "max_samples_2",
                                     "contamination_0.1", "constant_and_ties", "all_equal", "big_values" };

static void put_bits(Buf *b, const void *p, size_t n) { buf_put(b, p, n); }

static void put_sklearn_tree(const Json *tree, Buf *out)
{
    const Json *feature = json_get(tree, "feature")->first, *threshold = json_get(tree, "threshold")->first, *n = json_get(tree, "n")->first;
    buf_u32(out, (uint32_t)json_get(tree, "feature")->count);
    for (; feature != NULL; feature = feature->next, threshold = threshold->next, n = n->next) {
        bool  leaf = feature->num < 0;
        float t = leaf ? 0 : forest_round_down(threshold->num);
        buf_u32(out, leaf ? FOREST_LEAF : (uint32_t)feature->num);
        if (leaf)
            buf_u32(out, (uint32_t)n->num);
        else
            put_bits(out, &t, sizeof t);
    }
}

static void put_crc(Buf *b) { buf_u32(b, (uint32_t)crc32(0, (const Bytef *)b->p, (uInt)b->n)); }

static void sklearn_file(const Json *o, Buf *out)
{
    const Json *trees = json_get(o, "trees");
    double      share = json_num(json_get(json_get(o, "params"), "contamination"), 0), offset = json_num(json_get(o, "offset_"), 0);
    buf_z(out, "moatfrst");
    buf_u32(out, 1), buf_u32(out, (uint32_t)json_get(o, "X")->first->count), buf_u32(out, (uint32_t)trees->count);
    buf_u32(out, (uint32_t)json_num(json_get(o, "max_samples_"), 0));
    buf_u64(out, 1), buf_u64(out, 1000);
    put_bits(out, &share, 8), put_bits(out, &offset, 8);
    buf_u32(out, 0);
    for (const Json *t = trees->first; t != NULL; t = t->next)
        put_sklearn_tree(t, out);
    put_crc(out);
}

static float *rows_of(Arena *a, const Json *rows)
{
    float *x = arena_get(a, rows->count * rows->first->count, sizeof *x), *at = x;
    for (const Json *r = rows->first; r != NULL; r = r->next)
        for (const Json *v = r->first; v != NULL; v = v->next)
            *at++ = (float)v->num;
    return x;
}

static void check_case(const char *name, const char *dir)
{
    defer_arena Arena *a = arena_new(MEMORY);
    defer_buf Buf      file = { 0 };
    Err    e = { 0 };
    Str    text;
    Forest f;
    CHECK_ROW(file_read(a, arena_printf(a, "%s/%s.json", dir, name), 64 << 20, &text, &e), e.message);
    const Json *o = json_parse(a, text, JSON_GRAMMAR, &e);
    sklearn_file(o, &file);
    CHECK_ROW(forest_read(a, buf_view(&file), &f, &e), e.message);
    size_t  n = json_get(o, "X")->count;
    float  *x = rows_of(a, json_get(o, "X"));
    double *score = arena_get(a, n, sizeof *score);
    const Json *want = json_get(o, "score_samples")->first, *decision = json_get(o, "decision_function")->first, *predict = json_get(o, "predict")->first;
    forest_scores(&f, NULL, x, n, score);
    for (size_t i = 0; i < n; i++, want = want->next, decision = decision->next, predict = predict->next) {
        double s = forest_score(&f, x + i * f.features);
        CHECK_ROW(fabs(-s - want->num) <= 1e-12 && fabs(-s - f.offset - decision->num) <= 1e-12, name);
        CHECK_ROW(forest_odd(&f, s) == (predict->num < 0), name);
        CHECK_ROW(memcmp(&s, &score[i], sizeof s) == 0, name);
    }
}

TEST(forest, scores_and_predicts_as_scikit_learn_does)
{
    const char *dir = test_vectors("data/iforest");
    if (dir == NULL)
        skip();
    for (size_t i = 0; i < len_of(cases); i++)
        check_case(cases[i], dir);
}

/* ---- our own */

static float *noise(Arena *a, size_t rows, size_t cols, uint64_t seed)
{
    Rng    r = rng_of(seed);
    float *x = arena_get(a, rows * cols, sizeof *x);
    for (size_t i = 0; i < rows * cols; i++)
        x[i] = (float)(rng_unit(&r) + rng_unit(&r) + rng_unit(&r) - 1.5);
    return x;
}

TEST(forest, average_path_lengths_are_those_of_the_paper)
{
    static const struct { uint64_t n; double want; } rows[] = {  /* by hand, forty digits */
        { 0, 0 }, { 1, 0 }, { 2, 1 }, { 3, 1.2073923575896231 }, { 256, 10.244770920119918 }, { 1000000, 26.785452445730614 },
    };
    for (size_t i = 0; i < len_of(rows); i++)
        CHECK(fabs(forest_average(rows[i].n) - rows[i].want) <= 4e-15 * rows[i].want);
}

TEST(forest, thresholds_round_down_and_never_up)
{
    Rng r = rng_of(7);
    for (int i = 0; i < 100000; i++) {
        double t = (rng_unit(&r) - 0.5) * pow(10, (double)rng_below(&r, 60) - 30);
        float  f = forest_round_down(t);
        CHECK((double)f <= t && (double)nextafterf(f, INFINITY) > t);
    }
    CHECK(forest_round_down(1) == 1 && forest_round_down(nextafter(1, 0)) < 1);
}

static bool same_forest(const Forest *f, const Forest *g)
{
    if (f->trees != g->trees || memcmp(f->root, g->root, (f->trees + 1) * sizeof *f->root) != 0)
        return false;
    return memcmp(f->node, g->node, f->root[f->trees] * sizeof *f->node) == 0;
}

TEST(forest, is_the_same_for_any_number_of_threads_and_another_for_another_seed)
{
    defer_arena Arena *a = arena_new(MEMORY);
    Pool      *two = pool_new(2), *five = pool_new(5);
    ForestAsk  ask = { .seed = 3 }, other = { .seed = 4 };
    float     *x = noise(a, 5000, 7, 1);
    Forest     f, g, h, i;
    double    *s = arena_get(a, 5000, sizeof *s), *t = arena_get(a, 5000, sizeof *t);
    CHECK(forest_fit(a, NULL, &ask, x, 5000, 7, &f, NULL) && forest_fit(a, two, &ask, x, 5000, 7, &g, NULL));
    CHECK(forest_fit(a, five, &ask, x, 5000, 7, &h, NULL) && forest_fit(a, two, &other, x, 5000, 7, &i, NULL));
    CHECK(same_forest(&f, &g) && same_forest(&f, &h) && !same_forest(&f, &i));
    forest_scores(&f, NULL, x, 5000, s), forest_scores(&f, five, x, 5000, t);
    CHECK(memcmp(s, t, 5000 * sizeof *s) == 0);
    pool_free(two), pool_free(five);
}

/* Every sample is in one leaf, every cut parts its node, no tree is too deep, and constant columns are never cut. */
TEST(forest, trees_are_what_the_table_says)
{
    defer_arena Arena *a = arena_new(MEMORY);
    static const struct { uint32_t rows, samples, most; } rows[] = { { 1, 256, 0 }, { 2, 256, 1 }, { 40, 256, 6 }, { 300, 256, 8 }, { 300, 257, 9 }, { 9, 1, 1 } };
    for (size_t k = 0; k < len_of(rows); k++) {
        ForestAsk ask = { .trees = 20, .samples = rows[k].samples };
        float    *x = noise(a, rows[k].rows, 3, k);
        Forest    f;
        for (size_t i = 0; i < rows[k].rows; i++)
            x[i * 3 + 1] = 1e30f + (float)i;
        CHECK(forest_fit(a, NULL, &ask, x, rows[k].rows, 3, &f, NULL));
        CHECK(f.samples == (rows[k].samples < rows[k].rows ? rows[k].samples : rows[k].rows));
        for (uint64_t i = 0; i < f.root[f.trees]; i++)
            CHECK(f.node[i].n >= 1 && (f.node[i].feature == FOREST_LEAF || (f.node[i].feature != 1 && f.node[i].n >= 2)));
        for (uint64_t i = 0; i < f.root[f.trees]; i++)
            CHECK(f.node[i].feature != FOREST_LEAF || f.node[i].length <= rows[k].most + forest_average(f.node[i].n));
        for (uint32_t t = 0; t < f.trees; t++)
            CHECK(f.node[f.root[t]].n == f.samples);
    }
}

TEST(forest, rows_that_are_all_equal_are_not_odd)
{
    defer_arena Arena *a = arena_new(MEMORY);
    float  *x = arena_get(a, 500 * 2, sizeof *x);
    double *s = arena_get(a, 500, sizeof *s);
    Forest  f;
    CHECK(forest_fit(a, NULL, NULL, x, 500, 2, &f, NULL));
    forest_scores(&f, NULL, x, 500, s);
    CHECK(s[0] == 0.5 && !forest_odd(&f, s[0]));
    CHECK(forest_contaminate(&f, s, 500, 0.1, NULL) && f.offset == -0.5 && !forest_odd(&f, s[499]));
}

TEST(forest, sampling_takes_every_row_alike)
{
    defer_arena Arena *a = arena_new(MEMORY);
    ForestAsk ask = { .trees = 4000, .samples = 2 };
    float     x[5] = { 0, 1, 2, 3, 4 };
    Forest    f;
    double    below[5] = { 0 };
    CHECK(forest_fit(a, NULL, &ask, x, 5, 1, &f, NULL));
    for (uint32_t t = 0; t < f.trees; t++)                /* two of five rows: a uniform threshold between them */
        for (int i = 1; i < 5; i++)
            below[i] += f.node[f.root[t]].threshold < (float)i;
    /* by hand: P(t < i), mean over the ten pairs: .2083, .5, .7917, 1 */
    CHECK(fabs(below[1] / 4000 - 0.20833) < 0.025 && fabs(below[2] / 4000 - 0.5) < 0.03);
    CHECK(fabs(below[3] / 4000 - 0.79167) < 0.025 && below[4] == 4000);
}

TEST(forest, a_planted_row_is_the_oddest_and_its_feature_is_blamed)
{
    defer_arena Arena *a = arena_new(MEMORY);
    enum { N = 300, D = 8 };
    float  *x = noise(a, N, D, 5);
    double *s = arena_get(a, N, sizeof *s), share[D], sum = 0;
    Forest  f;
    x[123 * D + 6] = 25;
    CHECK(forest_fit(a, NULL, &(ForestAsk){ .seed = 1 }, x, N, D, &f, NULL));
    forest_scores(&f, NULL, x, N, s);
    for (size_t i = 0; i < N; i++)
        CHECK(s[i] < s[123] || i == 123);
    CHECK(forest_contaminate(&f, s, N, 2.0 / N, NULL) && forest_odd(&f, s[123]));
    forest_blame(&f, x + 123 * D, share);
    for (size_t i = 0; i < D; i++)
        sum += share[i];
    CHECK(fabs(sum - 1) < 1e-12 && share[6] > 0.5);
}

/* ---- the fast way */

/* Values of every size and kind; what falls on a threshold exactly is there too, being a sample's own value. */
static float strange(Rng *r, const float *x, size_t n)
{
    static const float odd[] = { NAN, INFINITY, -INFINITY, 0, -0.0f, 3e38f, -3e38f, 1e-40f };
    switch (rng_below(r, 4)) {
    case 0:  return odd[rng_below(r, len_of(odd))];
    case 1:  return x[rng_below(r, n)];
    default: return (float)((rng_unit(r) - 0.5) * pow(10, (double)rng_below(r, 12) - 6));
    }
}

static void same_bits(Arena *a, const Forest *f, const float *x, size_t rows)
{
    double *score = arena_get(a, rows + 1, sizeof *score);
    Pool   *two = pool_new(2);
    for (int pool = 0; pool < 2; pool++) {
        score[rows] = 12345;
        forest_scores(f, pool ? two : NULL, x, rows, score);
        for (size_t i = 0; i < rows; i++) {
            double want = forest_score(f, x + i * f->features);
            CHECK(memcmp(&want, &score[i], sizeof want) == 0);
        }
        CHECK(score[rows] == 12345);
    }
    pool_free(two);
}

static void agree_on(uint32_t rows, uint32_t cols, uint32_t samples, uint32_t trees, double width)
{
    defer_arena Arena *a = arena_new((size_t)1 << 30);
    Rng    r = rng_of(rows + cols);
    float *x = noise(a, rows, cols, rows), *y = arena_get(a, (size_t)rows * cols, sizeof *y);
    Forest f;
    for (size_t i = 0; i < (size_t)rows * cols; i++)
        x[i] = i % cols == 1 ? (float)rng_below(&r, 3) : (float)(x[i] * width);
    CHECK(forest_fit(a, NULL, &(ForestAsk){ trees, samples, 9 }, x, rows, cols, &f, NULL));
    for (size_t i = 0; i < (size_t)rows * cols; i++)
        y[i] = strange(&r, x, (size_t)rows * cols);
    same_bits(a, &f, x, rows), same_bits(a, &f, y, rows);
}

TEST(forest, scores_of_many_rows_are_those_of_one_to_the_bit)
{
    static const struct { uint32_t rows, cols, samples, trees; double width; } rows[] = {
        { 511, 4, 256, 100, 1 }, { 512, 4, 256, 100, 1 }, { 575, 1, 256, 100, 1 }, { 4097, 10, 256, 100, 1e30 }, { 8192 + 65, 3, 2, 50, 1e-6 },
        { 700, 200, 64, 30, 1 }, { 5000, 2, 2048, 20, 1 }, { 3000, 2, 3000, 5, 1 }, { 600, 3, 1, 9, 1 }, { 600, 1, 256, 10, 0 }, { 1000, 5, 256, 100, 2e38 },
    };
    for (size_t i = 0; i < len_of(rows); i++)
        agree_on(rows[i].rows, rows[i].cols, rows[i].samples, rows[i].trees, rows[i].width);
}

TEST(forest, a_forest_too_large_for_a_program_is_scored_all_the_same)
{
    defer_arena Arena *a = arena_new((size_t)1 << 30);
    float        *x = noise(a, 20000, 1, 4);
    ForestProgram p = { .a = a };
    Forest        f;
    CHECK(forest_fit(a, NULL, &(ForestAsk){ 3, 20000, 1 }, x, 20000, 1, &f, NULL) && !forest_program(&f, &p));
    same_bits(a, &f, x, 1000);
    p = (ForestProgram){ .a = a };
    CHECK(forest_fit(a, NULL, &(ForestAsk){ 3, 1000, 1 }, x, 1000, 1, &f, NULL) && forest_program(&f, &p));
}

/* ---- the file */

static void example(Arena *a, Forest *f, Buf *file)
{
    static float fill[3] = { 1, 2, 3 };
    static Str   name[3] = { { "a", 1 }, { "", 0 }, { "long name", 9 } };
    CHECK(forest_fit(a, NULL, &(ForestAsk){ .trees = 5, .samples = 16 }, noise(a, 100, 3, 2), 100, 3, f, NULL));
    f->fill = fill, f->name = name;
    forest_write(f, file);
}

TEST(forest, survives_its_file)
{
    defer_arena Arena *a = arena_new(MEMORY);
    defer_buf Buf      file = { 0 }, again = { 0 };
    Forest f, g;
    example(a, &f, &file);
    CHECK(forest_read(a, buf_view(&file), &g, NULL) && same_forest(&f, &g));
    CHECK(str_is(g.name[2], "long name") && g.fill[1] == 2 && g.rows == 100 && g.offset == -0.5);
    forest_write(&g, &again);
    CHECK(str_eq(buf_view(&file), buf_view(&again)));
}

TEST(forest, no_cut_and_no_flipped_bit_goes_unseen)
{
    defer_arena Arena *a = arena_new(MEMORY);
    defer_buf Buf      file = { 0 };
    Forest f, g;
    Err    e = { 0 };
    example(a, &f, &file);
    for (size_t n = 0; n < file.n; n++)
        CHECK(!forest_read(a, (Str){ file.p, n }, &g, &e) && e.message[0]);
    for (size_t i = 0; i < file.n * 8; i += 3) {
        file.p[i / 8] ^= (char)(1 << i % 8);
        CHECK(!forest_read(a, buf_view(&file), &g, &e) && e.at <= file.n + 1);
        file.p[i / 8] ^= (char)(1 << i % 8);
    }
}

/* Two nodes' worth of lies, each under a right checksum: one tree over one feature with two samples. */
static bool reads(Arena *a, const uint32_t *word, size_t n, const char *why)
{
    defer_buf Buf b = { 0 };
    Forest f;
    Err    e = { 0 };
    double zero = 0, half = -0.5;
    buf_z(&b, "moatfrst");
    buf_u32(&b, 1), buf_u32(&b, 1), buf_u32(&b, 1), buf_u32(&b, 2), buf_u64(&b, 0), buf_u64(&b, 2);
    put_bits(&b, &zero, 8), put_bits(&b, &half, 8), buf_u32(&b, 0);
    for (size_t i = 0; i < n; i++)
        buf_u32(&b, word[i]);
    put_crc(&b);
    bool ok = forest_read(a, buf_view(&b), &f, &e);
    if (!ok)
        CHECK_ROW(strstr(e.message, why) != NULL, e.message);
    return ok;
}

TEST(forest, a_hostile_tree_is_refused)
{
    defer_arena Arena *a = arena_new(MEMORY);
    enum { LEAF = -1 };
    static const struct { uint32_t n, word[12]; const char *why; } rows[] = {
        { 7, { 3, 0, 0x3f800000, LEAF, 1, LEAF, 1 }, NULL },                        /* as it should be       */
        { 3, { 1, LEAF, 2 }, NULL },
        { 3, { 1, LEAF, 3 }, "a leaf of 3" },
        { 3, { 1, LEAF, 0 }, "a leaf of 0" },
        { 3, { 1, LEAF, 1 }, "a tree of 1 samples" },
        { 3, { 0, LEAF, 2 }, "cut short" },
        { 3, { 0xFFFFFFFF, LEAF, 2 }, "cut short" },
        { 5, { 2, LEAF, 2, LEAF, 2 }, "goes on after its last leaf" },
        { 7, { 3, 1, 0x3f800000, LEAF, 1, LEAF, 1 }, "a cut of feature 1" },
        { 7, { 3, 0, 0x7fc00000, LEAF, 1, LEAF, 1 }, "a cut of feature 0" },        /* NaN */
        { 7, { 3, 0, 0x3f800000, LEAF, 2, LEAF, 1 }, "a tree of more than 2" },
        { 5, { 2, 0, 0x3f800000, LEAF, 1 }, "ends before its last leaf" },
        { 3, { 1, 0, 0x3f800000 }, "ends before its last leaf" },
        { 5, { 2, 0, 0x3f800000, 0, 0x3f800000 }, "deeper than 1" },
        { 5, { 1, LEAF, 2, 0, 0 }, "8 bytes behind" },
    };
    for (size_t i = 0; i < len_of(rows); i++)
        CHECK_ROW(reads(a, rows[i].word, rows[i].n, rows[i].why ? rows[i].why : "") == (rows[i].why == NULL), rows[i].why);
}

/* ---- order statistics */

static int by_size(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

TEST(order, statistics_are_those_of_a_sorted_array)
{
    Rng    r = rng_of(1);
    double v[999], sorted[999];
    for (size_t n = 1; n <= len_of(v); n += 1 + n / 8) {
        for (size_t i = 0; i < n; i++)
            v[i] = n % 3 ? (double)rng_below(&r, 5) - 2 : (rng_unit(&r) - 0.5) * pow(10, (double)rng_below(&r, 300) - 150);
        memcpy(sorted, v, n * sizeof *v);
        qsort(sorted, n, sizeof *v, by_size);
        for (size_t k = 0; k < n; k += 1 + n / 20)
            CHECK(order_statistic(v, n, k) == sorted[k]);
        CHECK(order_statistic(v, n, n - 1) == sorted[n - 1]);
    }
}

TEST(order, quantiles_are_numpys)
{
    static const double v[] = { 3, 1, 2, 5, 4 }, odd[] = { 0.1, 0.7, 0.3 };
    CHECK(order_quantile(v, 5, 0) == 1 && order_quantile(v, 5, 1) == 5 && order_quantile(v, 5, 0.5) == 3);
    CHECK(order_quantile(v, 5, 0.1) == 1.4 && order_quantile(v, 5, 0.9) == 4.6 && order_quantile(v, 1, 0.3) == 3);
    CHECK(order_quantile(odd, 3, 0.1) == 0.14 && order_quantile(odd, 3, 0.8) == 0.54);
}
