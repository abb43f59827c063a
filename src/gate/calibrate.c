/* calibrate.c - benign rows to a detector: what is usual, and how high an alarm must stand; see detect.h. */
#include "base/rng.h"
#include "gate/detect.h"
#include "num/special.h"
#include <math.h>

enum { SHUFFLES = 20, STREAM = 300 };
static const double margin = 1.15, height_least = 4, slack = 0.75, clip = 4;

typedef struct Job {
    Arena              *a;
    Pool               *pool;
    const CalibrateAsk *ask;
    const float        *x;
    size_t              rows, cols;
    DetectModel        *m;
    float              *near_v, *far_v;                /* rows * RECENT_DIM, before they are bytes */
    int8_t             *near, *far;
    uint32_t           *order;                         /* a shuffle: the first half teaches, the rest measures */
} Job;

static const float *row_at(const Job *j, size_t i) { return j->x + i * j->cols; }

/* ---- the map */

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static bool quantiles(Job *j)
{
    DetectMap *m = &j->m->map;
    float     *column = arena_get(j->a, j->rows + 1, sizeof *column);
    m->quantile = arena_get(j->a, j->cols * DETECT_QUANTILES, sizeof *m->quantile);
    if (column == NULL || m->quantile == NULL)
        return false;
    for (size_t f = 0; f < j->cols; f++) {
        size_t n = 0;
        for (size_t i = 0; i < j->rows; i++)
            if (!isnan(row_at(j, i)[f]))
                column[n++] = row_at(j, i)[f];
        if (n > 0)
            qsort(column, n, sizeof *column, by_value);
        for (size_t q = 0; q < DETECT_QUANTILES && n > 0; q++)
            m->quantile[f * DETECT_QUANTILES + q] = column[q * (n - 1) / (DETECT_QUANTILES - 1)];
    }
    return true;
}

static void range(Job *j)
{
    DetectMap *m = &j->m->map;
    float      low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < j->rows * j->cols; i++) {
        low = j->x[i] < low ? j->x[i] : low;
        high = j->x[i] > high ? j->x[i] : high;
    }
    m->low = low, m->range = high > low ? high - low : 1;
}

static void vectors_of(void *arg, size_t i)
{
    Job  *j = arg;
    float unit[DETECT_FEATURES_MAX], cells[DETECT_CELLS];
    detect_unit(&j->m->map, row_at(j, i), unit);
    detect_project(&j->m->map, unit, (uint32_t)j->cols, &j->far_v[i * RECENT_DIM]);
    if (j->ask->kind == DETECT_IMAGE) {
        detect_grid(&j->m->map, unit, cells);
        detect_project(&j->m->map, cells, DETECT_CELLS, &j->near_v[i * RECENT_DIM]);
    }
}

static float gain_of(const float *v, size_t n)
{
    float most = 0;
    for (size_t i = 0; i < n; i++)
        most = fabsf(v[i]) > most ? fabsf(v[i]) : most;
    return most > 0 ? 127 / most : 1;
}

static bool map_rows(Job *j)
{
    size_t     n = j->rows * RECENT_DIM;
    bool       image = j->ask->kind == DETECT_IMAGE;
    DetectMap *m = &j->m->map;
    j->far_v = arena_get(j->a, n, sizeof *j->far_v), j->far = arena_get(j->a, n, 1);
    j->near_v = image ? arena_get(j->a, n, sizeof *j->near_v) : j->far_v, j->near = image ? arena_get(j->a, n, 1) : j->far;
    if (j->far_v == NULL || j->far == NULL || j->near_v == NULL || j->near == NULL)
        return false;
    pool_each(j->pool, j->rows, vectors_of, j);
    m->gain_far = gain_of(j->far_v, n), m->gain_near = image ? gain_of(j->near_v, n) : m->gain_far;
    for (size_t i = 0; i < n; i += RECENT_DIM) {
        detect_bytes(j->far_v + i, m->gain_far, j->far + i);
        if (image)
            detect_bytes(j->near_v + i, m->gain_near, j->near + i);
    }
    return true;
}

/* ---- near */

typedef struct NearJob {
    const Job *j;
    uint32_t  *distance2;
} NearJob;

static void nearest_earlier(void *arg, size_t i)
{
    NearJob *n = arg;
    uint32_t best = UINT32_MAX;
    for (size_t k = 0; k < i; k++) {
        uint32_t d = recent_distance2(n->j->near + i * RECENT_DIM, n->j->near + k * RECENT_DIM);
        if (d < best && memcmp(row_at(n->j, i), row_at(n->j, k), n->j->cols * sizeof(float)) != 0)
            best = d;
    }
    n->distance2[i] = best;
}

static int by_distance(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* One-sided 95 % bound of Clopper and Pearson (1934) on a rate of which k of n were seen. */
static double bound_of(uint64_t k, uint64_t n)
{
    return k >= n ? 1 : beta_quantile((double)k + 1, (double)(n - k), 0.95);
}

/* The largest threshold whose bound meets the rate; with too few rows the one that no benign row came under. */
static bool near_threshold(Job *j, Calibrated *how)
{
    double  rate = j->ask->rate;
    NearJob n = { j, arena_get(j->a, j->rows, sizeof *n.distance2) };
    if (n.distance2 == NULL)
        return false;
    pool_each(j->pool, j->rows, nearest_earlier, &n);
    qsort(n.distance2, j->rows, sizeof *n.distance2, by_distance);
    uint64_t k = 0;
    while (k + 1 < j->rows && bound_of(k + 1, j->rows) <= rate)
        k++;
    j->m->near2 = n.distance2[k];
    while (how->hits < j->rows && n.distance2[how->hits] < j->m->near2)
        how->hits++;
    how->rate_bound = bound_of(how->hits, j->rows);
    how->needed = bound_of(0, j->rows) <= rate ? 0 : (uint64_t)ceil(log(0.05) / log1p(-rate));
    j->m->near_rate = (double)how->hits / (double)j->rows > rate ? (double)how->hits / (double)j->rows : rate;
    return true;
}

/* ---- far and odd */

static double highest(const double *z, const uint32_t *order, size_t n)
{
    double sum = 0, most = 0;
    for (size_t i = 0; i < n; i++) {
        double v = z[order[i]];
        sum = i % STREAM ? sum : 0;
        sum += (v > clip ? clip : v < -clip ? -clip : v) - slack;
        sum = sum > 0 ? sum : 0;
        most = sum > most ? sum : most;
    }
    return most;
}

static bool band_of(Job *j, double *score, size_t n, DetectBand *out)
{
    Rng       r = rng_of(j->ask->seed);
    uint32_t *order = arena_get(j->a, n, sizeof *order);
    double    square = 0, most = 0;
    if (order == NULL)
        return false;
    for (size_t i = 0; i < n; i++)
        out->mean += score[i] / (double)n, order[i] = (uint32_t)i;
    for (size_t i = 0; i < n; i++)
        square += (score[i] - out->mean) * (score[i] - out->mean);
    out->sd = sqrt(square / (double)n);
    for (size_t i = 0; i < n; i++)
        score[i] = out->sd > 0 ? (score[i] - out->mean) / out->sd : 0;
    for (int k = 0; k < SHUFFLES; k++) {
        rng_shuffle(&r, order, n);
        double h = highest(score, order, n);
        most = h > most ? h : most;
    }
    out->height = most * margin > height_least ? most * margin : height_least;
    return true;
}

/* References and forest from the first half, their scores from the other: what was learned looks more usual than it is. */
static bool halves(Job *j, Err *e)
{
    DetectModel *m = j->m;
    size_t       half = j->rows / 2, rest = j->rows - half;
    float       *taught = arena_get(j->a, half * j->cols, sizeof *taught);
    double      *score = arena_get(j->a, rest, sizeof *score);
    m->ref_count = (uint32_t)(half < DETECT_REFS_MAX ? half : DETECT_REFS_MAX);
    m->refs = arena_get(j->a, m->ref_count, RECENT_DIM);
    if (taught == NULL || score == NULL || m->refs == NULL)
        return err_nomem(e);
    for (size_t i = 0; i < half; i++)
        memcpy(taught + i * j->cols, row_at(j, j->order[i]), j->cols * sizeof *taught);
    for (size_t i = 0; i < m->ref_count; i++)
        memcpy(&m->refs[i * RECENT_DIM], &j->far[(size_t)j->order[i] * RECENT_DIM], RECENT_DIM);
    if (!forest_fit(j->a, j->pool, &(ForestAsk){ .seed = j->ask->seed }, taught, half, j->cols, &m->forest, e))
        return false;
    for (size_t i = 0; i < rest; i++)
        score[i] = detect_far(m, &j->far[(size_t)j->order[half + i] * RECENT_DIM]);
    if (!band_of(j, score, rest, &m->far))
        return err_nomem(e);
    for (size_t i = 0; i < rest; i++)
        score[i] = forest_score(&m->forest, row_at(j, j->order[half + i]));
    return band_of(j, score, rest, &m->odd) || err_nomem(e);
}

/* ---- all of it */

static bool asked_right(const CalibrateAsk *ask, size_t rows, size_t cols, Err *e)
{
    if (rows < CALIBRATE_ROWS_MIN)
        return err_set(e, E_FORMAT, "%zu rows, at least %d are needed to know what is usual", rows, CALIBRATE_ROWS_MIN);
    if (cols == 0 || cols > DETECT_FEATURES_MAX)
        return err_set(e, E_LIMIT, "%zu features, 1 to %d are possible", cols, DETECT_FEATURES_MAX);
    if (ask->kind == DETECT_IMAGE && (ask->width == 0 || ask->height == 0 || ask->width > cols || ask->height > cols || cols % ((size_t)ask->width * ask->height) != 0))
        return err_set(e, E_USAGE, "%zu features are no images of %" PRIu32 "x%" PRIu32, cols, ask->width, ask->height);
    return true;
}

bool detect_calibrate(Arena *a, Pool *pool, const CalibrateAsk *ask, const float *x, size_t rows, size_t cols, DetectModel *out, Calibrated *how, Err *e)
{
    CalibrateAsk mine = *ask;
    Rng          r = rng_of(ask->seed);
    if (!asked_right(ask, rows, cols, e))
        return false;
    mine.rate = ask->rate > 0 ? ask->rate : 0.001;
    rows = rows < CALIBRATE_ROWS_MAX ? rows : CALIBRATE_ROWS_MAX;
    *out = (DetectModel){ .map = { .kind = ask->kind, .features = (uint32_t)cols, .width = ask->width, .height = ask->height }, .model = ask->model, .rows = rows };
    *how = (Calibrated){ .rows = rows };
    Job j = { .a = a, .pool = pool, .ask = &mine, .x = x, .rows = rows, .cols = cols, .m = out, .order = arena_get(a, rows, sizeof *j.order) };
    if (j.order == NULL)
        return err_nomem(e);
    for (size_t i = 0; i < rows; i++)
        j.order[i] = (uint32_t)i;
    rng_shuffle(&r, j.order, rows);
    if (ask->kind == DETECT_IMAGE)
        range(&j);
    else if (!quantiles(&j))
        return err_nomem(e);
    return (detect_planes(a, &out->map) && map_rows(&j) && near_threshold(&j, how) ? true : err_nomem(e)) && halves(&j, e);
}
