/* outliers.c - see outliers.h. */
#include "data/outliers.h"
#include "data/rules.h"
#include "num/order.h"
#include <math.h>

enum { ORDINARY_ROWS = 256, QUANTILE_ROWS = 10000 };

/* ---- cells that are no numbers */

static bool bad_cell(const Matrix *m, uint64_t i, const char *what, const char *hint, Err *e)
{
    Str name = m->name[i % m->cols];
    err_set(e, E_FORMAT, "row %" PRIu64 " (from 0), column '%.*s': %s; %" PRIu64 " such cells or infinite ones", i / m->cols, (int)(name.n < 60 ? name.n : 60),
            name.p, what, m->not_finite);
    return err_hint(e, "%s", hint);
}

/* The median of what is there; 0 for a column of nothing. */
static bool medians(Arena *a, const Matrix *m, float *fill, Err *e)
{
    double *v = arena_get(a, m->rows, sizeof *v);
    if (v == NULL)
        return err_nomem(e);
    for (uint64_t c = 0; c < m->cols; c++) {
        size_t n = 0;
        for (uint64_t r = 0; r < m->rows; r++)
            if (!isnan(m->x[r * m->cols + c]))
                v[n++] = (double)m->x[r * m->cols + c];
        fill[c] = n > 0 ? (float)order_quantile(v, n, 0.5) : 0;
    }
    return true;
}

static bool check_cells(const Matrix *m, bool impute, Err *e)
{
    for (uint64_t i = 0; m->not_finite > 0 && i < m->rows * m->cols; i++) {
        if (isinf(m->x[i]))
            return bad_cell(m, i, "is infinite, or too large for a 32-bit float", "scale the column, or leave it out: --ignore NAME", e);
        if (isnan(m->x[i]) && !impute)
            return bad_cell(m, i, "is missing", "--missing impute puts the column's median there; --ignore NAME leaves it out", e);
    }
    return true;
}

bool missing_fill(Arena *a, Matrix *m, bool impute, float **fill, uint64_t *filled, Err *e)
{
    if (!check_cells(m, impute, e))
        return false;
    if (!impute)
        return true;
    if (*fill == NULL) {
        if ((*fill = arena_get(a, m->cols, sizeof **fill)) == NULL)
            return err_nomem(e);
        if (!medians(a, m, *fill, e))
            return false;
    }
    for (uint64_t i = 0; m->not_finite > 0 && i < m->rows * m->cols; i++)
        if (isnan(m->x[i]))
            m->x[i] = (*fill)[i % m->cols], ++*filled;
    return true;
}

/* ---- finding */

static bool fits(const Forest *f, const Matrix *m, Err *e)
{
    if (f->features != m->cols) {
        err_set(e, E_FORMAT, "has %" PRIu64 " columns; the forest was fitted on %" PRIu32, m->cols, f->features);
        return err_hint(e, "--columns and --ignore choose columns, --labels NAME leaves out the label");
    }
    for (uint32_t i = 0; f->name != NULL && i < f->features; i++)
        if (!str_eq(f->name[i], m->name[i]))
            return err_set(e, E_FORMAT, "column %" PRIu32 " is '%.*s'; the forest was fitted on '%.*s'", i, (int)(m->name[i].n < 60 ? m->name[i].n : 60),
                           m->name[i].p, (int)(f->name[i].n < 60 ? f->name[i].n : 60), f->name[i].p);
    return true;
}

static bool get_forest(Arena *a, Pool *pool, const Matrix *m, const OutlierAsk *ask, float *fill, Forest *f, Err *e)
{
    if (ask->loaded != NULL)
        return *f = *ask->loaded, true;
    if (!forest_fit(a, pool, &ask->forest, m->x, m->rows, m->cols, f, e))
        return false;
    f->name = m->name, f->fill = fill;
    return true;
}

static int oddest_first(const void *x, const void *y)
{
    const Outlier *a = x, *b = y;
    return a->score != b->score ? (a->score > b->score ? -1 : 1) : (a->row > b->row) - (a->row < b->row);
}

static bool pick(Arena *a, const Matrix *m, Outliers *o, Err *e)
{
    for (uint64_t i = 0; i < m->rows; i++)
        o->n += forest_odd(&o->forest, o->score[i]);
    if ((o->v = arena_get(a, o->n, sizeof *o->v)) == NULL)
        return err_nomem(e);
    for (uint64_t i = 0, k = 0; i < m->rows; i++)
        if (forest_odd(&o->forest, o->score[i]))
            o->v[k++] = (Outlier){ .row = i, .score = o->score[i] };
    if (o->n > 0)
        qsort(o->v, o->n, sizeof *o->v, oddest_first);
    return true;
}

/* ---- why */

/* Every step-th row, beginning in the middle of a step. */
static uint64_t spread(uint64_t rows, uint64_t n, uint64_t i) { return (uint64_t)(((double)i + 0.5) * (double)rows / (double)n); }

static void ordinary(const Forest *f, const Matrix *m, double *share, double *mean)
{
    uint64_t n = m->rows < ORDINARY_ROWS ? m->rows : ORDINARY_ROWS;
    for (uint64_t i = 0; i < n; i++) {
        forest_blame(f, m->x + spread(m->rows, n, i) * m->cols, share);
        for (uint64_t c = 0; c < m->cols; c++)
            mean[c] += share[c] / (double)n;
    }
}

static double quantile_of(const Matrix *m, uint32_t feature, float v)
{
    uint64_t n = m->rows < QUANTILE_ROWS ? m->rows : QUANTILE_ROWS, less = 0, equal = 0;
    for (uint64_t i = 0; i < n; i++) {
        float x = m->x[spread(m->rows, n, i) * m->cols + feature];
        less += x < v, equal += x == v;
    }
    return ((double)less + (double)equal / 2) / (double)n;
}

static void put_reason(Outlier *o, Reason r)
{
    for (size_t i = 0; i < OUTLIER_REASONS; i++)
        if (r.share > o->why[i].share) {
            Reason weaker = o->why[i];
            o->why[i] = r, r = weaker;
        }
}

static void explain(const Forest *f, const Matrix *m, const double *mean, double *share, Outlier *o)
{
    const float *row = m->x + o->row * m->cols;
    double       sum = 0;
    forest_blame(f, row, share);
    for (uint32_t c = 0; c < f->features; c++)
        sum += share[c] > mean[c] ? share[c] - mean[c] : 0;
    for (uint32_t c = 0; sum > 0 && c < f->features; c++)
        put_reason(o, (Reason){ .feature = c, .value = row[c], .share = (share[c] - mean[c]) / sum });
}

static bool explain_all(Arena *a, const Matrix *m, Outliers *o, Err *e)
{
    double *mean = arena_get(a, m->cols, sizeof *mean), *share = arena_get(a, m->cols, sizeof *share);
    if (mean == NULL || share == NULL)
        return err_nomem(e);
    ordinary(&o->forest, m, share, mean);
    for (size_t i = 0; i < o->n; i++)
        explain(&o->forest, m, mean, share, &o->v[i]);
    for (size_t i = 0; i < o->n && i < OUTLIER_FINDINGS; i++)
        for (size_t k = 0; k < OUTLIER_REASONS && o->v[i].why[k].share > 0; k++)
            o->v[i].why[k].quantile = quantile_of(m, o->v[i].why[k].feature, o->v[i].why[k].value);
    return true;
}

bool outliers_find(Arena *a, Pool *pool, Matrix *m, const OutlierAsk *ask, Outliers *out, uint64_t *filled, Err *e)
{
    float *fill = ask->loaded ? ask->loaded->fill : NULL;
    *out = (Outliers){ 0 };
    if (m->rows == 0 || m->cols == 0)
        return err_set(e, E_FORMAT, "has no %s", m->rows ? "columns to judge" : "rows");
    if ((ask->loaded != NULL && !fits(ask->loaded, m, e)) || !missing_fill(a, m, ask->impute, &fill, filled, e) ||
        !get_forest(a, pool, m, ask, fill, &out->forest, e))
        return false;
    if ((out->score = arena_get(a, m->rows, sizeof *out->score)) == NULL)
        return err_nomem(e);
    forest_scores(&out->forest, pool, m->x, m->rows, out->score);
    if (ask->contamination != 0 && !forest_contaminate(&out->forest, out->score, m->rows, ask->contamination, e))
        return false;
    return pick(a, m, out, e) && explain_all(a, m, out, e);
}

/* ---- telling */

void reason_text(const Matrix *m, const Reason *r, Buf *out)
{
    char value[NUMBER_TEXT];
    Str  name = m->name[r->feature];
    buf_clean(out, (Str){ name.p, name.n < 60 ? name.n : 60 });
    buf_printf(out, " = %.*s (", (int)number_text_f32(r->value, value), value);
    buf_printf(out, r->quantile >= 0.5 ? "above %.4g %%)" : "below %.4g %%)", 100 * (r->quantile >= 0.5 ? r->quantile : 1 - r->quantile));
}

static void evidence(const Outlier *o, const Matrix *m, JsonOut *w)
{
    json_open(w, '{');
    json_key(w, "score"), json_put_f64(w, o->score);
    json_key(w, "features"), json_open(w, '[');
    for (size_t k = 0; k < OUTLIER_REASONS && o->why[k].share > 0; k++) {
        json_open(w, '{');
        json_member(w, "name", m->name[o->why[k].feature]);
        json_key(w, "share"), json_put_f64(w, o->why[k].share);
        json_key(w, "value"), json_put_f64(w, (double)o->why[k].value);
        json_key(w, "quantile"), json_put_f64(w, o->why[k].quantile);
        json_close(w, '}');
    }
    json_close(w, ']'), json_close(w, '}');
}

static bool add_finding(const Outlier *o, const Matrix *m, Str part, Str subject, Findings *to)
{
    defer_buf Buf text = { 0 }, more = { 0 };
    JsonOut       w = json_out(&more);
    Finding       f = finding_of(&data_rules[D_OUTLIER], part, subject);
    buf_printf(&text, "score %.4f", o->score);
    for (size_t k = 0; k < OUTLIER_REASONS && o->why[k].share > 0; k++) {
        buf_z(&text, k ? ", " : ": ");
        reason_text(m, &o->why[k], &text);
    }
    evidence(o, m, &w);
    f.at.row = o->row + 1, f.message = buf_view(&text), f.evidence = buf_view(&more);
    return !text.bad && !more.bad && finding_add(to, f);
}

bool outliers_findings(const Outliers *o, const Matrix *m, Str part, Str subject, Findings *to)
{
    for (size_t i = 0; i < o->n && i < OUTLIER_FINDINGS; i++)
        if (!add_finding(&o->v[i], m, part, subject, to))
            return false;
    return true;
}
