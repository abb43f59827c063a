/* labels.c - see labels.h. */
#include "data/labels.h"
#include "base/file.h"
#include "data/rules.h"
#include "format/npy.h"
#include "num/knn.h"
#include "num/order.h"
#include <math.h>

/* Columns whose ranges lie within this factor are in one unit; a tenth of them may be narrower, as the edges of pictures are. */
static const double same_unit = 10;

bool labels_few(const Matrix *m, Err *e)
{
    if (m->classes <= CONFIDENT_CLASSES_MAX)
        return true;
    return err_set(e, E_LIMIT, "%zu different labels among %" PRIu64 " rows, at most %d can be judged; is this a label?", m->classes, m->rows, CONFIDENT_CLASSES_MAX);
}

/* ---- probabilities */

static bool read_probabilities(Arena *a, Str file, const Matrix *m, double **out, Err *e)
{
    Npy n;
    if (!npy_read(file, &n, e))
        return false;
    if (n.rows != m->rows || n.width != m->classes)
        return err_set(e, E_FORMAT, "has %" PRIu64 " rows of %" PRIu64 "; %" PRIu64 " rows of %zu classes are needed", n.rows, n.width, m->rows, m->classes);
    if ((*out = arena_get(a, n.count, sizeof **out)) == NULL)
        return err_nomem(e);
    for (uint64_t i = 0; i < n.count; i++) {
        double p = npy_f64(&n, i);
        if (!(p >= 0 && p <= 1 + 1e-6))
            return err_set(e, E_FORMAT, "row %" PRIu64 " (from 0): %g is no probability", i / n.width, p);
        (*out)[i] = p;
    }
    return true;
}

bool labels_probabilities(Arena *a, const char *npy, const Matrix *m, double **out, Err *e)
{
    defer_map Map file;
    return file_map(npy, &file, e) && (read_probabilities(a, file.bytes, m, out, e) || err_in(e, "%s", npy));
}

typedef struct Spread {
    double range, deviation;
} Spread;

static Spread spread_of(const Matrix *m, uint64_t c)
{
    double low = INFINITY, high = -INFINITY, sum = 0, squares = 0;
    for (uint64_t r = 0; r < m->rows; r++) {
        double v = (double)m->x[r * m->cols + c];
        low = v < low ? v : low, high = v > high ? v : high, sum += v;
    }
    for (uint64_t r = 0; r < m->rows; r++) {
        double d = (double)m->x[r * m->cols + c] - sum / (double)m->rows;
        squares += d * d;
    }
    return (Spread){ high - low, sqrt(squares / (double)m->rows) };
}

/* The rows as they are compared: m->x itself, or a copy in units of each column's deviation. */
static bool like_units(Arena *a, const Matrix *m, const float **out, Err *e)
{
    Spread *s = arena_get(a, m->cols, sizeof *s);
    double *range = arena_get(a, m->cols, sizeof *range), widest = 0;
    size_t  n = 0;
    *out = m->x;
    if (s == NULL || range == NULL)
        return err_nomem(e);
    for (uint64_t c = 0; c < m->cols; c++) {
        s[c] = spread_of(m, c);
        widest = s[c].range > widest ? s[c].range : widest;
        if (s[c].range > 0)
            range[n++] = s[c].range;
    }
    if (n == 0 || widest <= same_unit * order_statistic(range, n, (n - 1) / 10))
        return true;
    float *x = arena_get(a, m->rows * m->cols, sizeof *x);
    if (x == NULL)
        return err_nomem(e);
    for (uint64_t i = 0; i < m->rows * m->cols; i++)
        x[i] = (float)((double)m->x[i] / (s[i % m->cols].deviation > 0 ? s[i % m->cols].deviation : 1));
    *out = x;
    return true;
}

bool labels_by_neighbours(Arena *a, Pool *pool, const Matrix *m, double **out, Err *e)
{
    const float *x;
    size_t       k = m->rows > LABEL_NEIGHBOURS ? LABEL_NEIGHBOURS : m->rows - 1;
    uint32_t    *near = arena_get(a, m->rows, k * sizeof *near);
    *out = arena_get(a, m->rows, m->classes * sizeof **out);
    if (near == NULL || *out == NULL)
        return err_nomem(e);
    if (!like_units(a, m, &x, e) || !knn_others(pool, x, m->rows, m->cols, k, near, e))
        return false;
    for (uint64_t i = 0; i < m->rows * k; i++)
        (*out)[i / k * m->classes + m->label[near[i]]] += 1;
    for (uint64_t i = 0; i < m->rows * m->classes; i++)
        (*out)[i] /= (double)k;                        /* whole votes divided once: 0.3 is 0.3 */
    return true;
}

/* ---- finding */

static int surest_first(const void *x, const void *y)
{
    const LabelIssue *a = x, *b = y;
    return a->score != b->score ? (a->score > b->score ? -1 : 1) : (a->row > b->row) - (a->row < b->row);
}

static double noise_of(const Confident *c, uint64_t rows, size_t classes)
{
    int64_t right = 0;
    for (size_t k = 0; k < classes; k++)
        right += c->joint[k * classes + k];
    return 1 - (double)right / (double)rows;
}

bool labels_find(Arena *a, const Matrix *m, const double *p, Prune prune, LabelNoise *out, Err *e)
{
    uint32_t     classes = (uint32_t)m->classes;
    ConfidentAsk ask = { p, m->label, m->rows, classes, prune };
    *out = (LabelNoise){ 0 };
    if (!confident_find(a, &ask, &out->found, e))
        return false;
    out->score = arena_get(a, m->rows, sizeof *out->score);
    out->v = arena_get(a, out->found.flagged, sizeof *out->v);
    if (out->score == NULL || out->v == NULL)
        return err_nomem(e);
    out->noise = noise_of(&out->found, m->rows, m->classes);
    for (uint64_t i = 0; i < m->rows; i++) {
        const double *row = p + i * m->classes;
        out->score[i] = 1 - confident_margin(row, classes, m->label[i]);
        if (out->found.wrong[i])
            out->v[out->n++] = (LabelIssue){ i, out->score[i], m->label[i], confident_guess(row, classes, m->label[i]) };
    }
    if (out->n > 0)
        qsort(out->v, out->n, sizeof *out->v, surest_first);
    return true;
}

/* ---- telling */

static Str short_of(Str s) { return (Str){ s.p, s.n < 60 ? s.n : 60 }; }

static bool add_finding(const LabelIssue *v, const Matrix *m, Str part, Str subject, Findings *to)
{
    defer_buf Buf text = { 0 }, more = { 0 };
    JsonOut       w = json_out(&more);
    Finding       f = finding_of(&data_rules[D_MISLABELED], part, subject);
    buf_z(&text, "label '");
    buf_clean(&text, short_of(m->class[v->given]));
    buf_z(&text, "' is probably '");
    buf_clean(&text, short_of(m->class[v->suggested]));
    buf_printf(&text, "' (score %.4f)", v->score);
    json_open(&w, '{');
    json_member(&w, "given", m->class[v->given]);
    json_member(&w, "suggested", m->class[v->suggested]);
    json_key(&w, "score"), json_put_f64(&w, v->score);
    json_close(&w, '}');
    f.at.row = v->row + 1, f.message = buf_view(&text), f.evidence = buf_view(&more);
    return !text.bad && !more.bad && finding_add(to, f);
}

bool labels_findings(const LabelNoise *n, const Matrix *m, Str part, Str subject, Findings *to)
{
    for (size_t i = 0; i < n->n && i < LABEL_FINDINGS; i++)
        if (!add_finding(&n->v[i], m, part, subject, to))
            return false;
    return true;
}
