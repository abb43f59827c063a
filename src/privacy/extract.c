/* extract.c - stealing a softmax model through its answers; see attack.h. */
#include "base/rng.h"
#include "num/softmax.h"
#include "privacy/attack.h"
#include <math.h>

enum { PROBES = 16, REFINE = 3, EPOCHS = 60, ASK = 256 };

bool oracle_ask(Oracle *o, const float *x, size_t rows, double *score, Err *e)
{
    o->queries += rows;
    return rows == 0 || o->ask(o->ctx, x, rows, score, e);
}

/* ---- what is released */

static bool whole_in(const double *score, size_t n, double unit)
{
    for (size_t i = 0; i < n; i++)
        if (fabs(score[i] / unit - round(score[i] / unit)) > 1e-6)
            return false;
    return true;
}

Released released_of(const double *score, size_t rows, size_t classes)
{
    Released r = { 0 };
    for (size_t i = 0; i < rows; i++) {
        size_t shown = 0;
        for (size_t k = 0; k < classes; k++)
            shown += score[i * classes + k] != 0;
        r.shown = shown > r.shown ? shown : r.shown;
    }
    for (double unit = 1; unit > 5e-8 && r.unit == 0; unit /= 10)
        r.unit = whole_in(score, rows * classes, unit) ? unit : 0;
    return r;
}

const char *released_text(Released r, size_t classes, char out[static 48])
{
    if (r.shown <= 1)
        snprintf(out, 48, "label only");
    else if (r.shown < classes && r.unit == 0)
        snprintf(out, 48, "best %zu", r.shown);
    else if (r.unit == 0)
        snprintf(out, 48, "all scores");
    else
        snprintf(out, 48, "%s, %d digits", r.shown < classes ? "best few" : "all scores", (int)lround(-log10(r.unit)));
    return out;
}

/* ---- normal equations: G = M'M, its Cholesky factor, and a few rounds of refinement */

typedef struct System {
    size_t  rows, n, classes, base;                    /* n unknowns a class, against class base */
    double  size;                                      /* of the questions */
    double *m;                                         /* columns: n * rows  */
    double *log_ratio;                                 /* classes columns of rows: ln p_k / p_base */
    double *factor;                                    /* n * n, lower */
    double *theta;                                     /* classes * n, class base stays 0 */
} System;

static double dot(const double *a, const double *b, size_t n)
{
    double s[4] = { 0 };
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (int j = 0; j < 4; j++)
            s[j] += a[i + (size_t)j] * b[i + (size_t)j];
    for (; i < n; i++)
        s[0] += a[i] * b[i];
    return (s[0] + s[1]) + (s[2] + s[3]);
}

static void gram_row(void *arg, size_t i)
{
    System *s = arg;
    for (size_t j = 0; j <= i; j++)
        s->factor[i * s->n + j] = dot(s->m + i * s->rows, s->m + j * s->rows, s->rows);
}

/* In place.  A pivot that vanishes (fewer independent questions than unknowns) is lifted a little. */
static void cholesky(double *g, size_t n)
{
    double least = 0;
    for (size_t i = 0; i < n; i++)
        least = g[i * n + i] > least ? g[i * n + i] : least;
    least *= 1e-13;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++) {
            double s = g[i * n + j] - dot(g + i * n, g + j * n, j);
            g[i * n + j] = i == j ? sqrt(s > least ? s : least) : s / g[j * n + j];
        }
}

static void solve_factor(const double *l, size_t n, double *v)
{
    for (size_t i = 0; i < n; i++)
        v[i] = (v[i] - dot(l + i * n, v, i)) / l[i * n + i];
    for (size_t i = n; i-- > 0;) {
        double s = v[i];
        for (size_t j = i + 1; j < n; j++)
            s -= l[j * n + i] * v[j];
        v[i] = s / l[i * n + i];
    }
}

/* theta_k += (M'M)^-1 M' (b - M theta_k), REFINE times; the first is the solution, the others take its rounding off. */
static void solve_class(void *arg, size_t k)
{
    System *s = arg;
    double *theta = s->theta + k * s->n, *left = malloc(s->rows * sizeof *left), *step = malloc(s->n * sizeof *step);
    for (int round = k == s->base ? REFINE : 0; left && step && round < REFINE; round++) {
        memcpy(left, s->log_ratio + k * s->rows, s->rows * sizeof *left);
        for (size_t f = 0; f < s->n; f++)
            for (size_t i = 0; theta[f] != 0 && i < s->rows; i++)
                left[i] -= s->m[f * s->rows + i] * theta[f];
        for (size_t f = 0; f < s->n; f++)
            step[f] = dot(s->m + f * s->rows, left, s->rows);
        solve_factor(s->factor, s->n, step);
        for (size_t f = 0; f < s->n; f++)
            theta[f] += step[f];
    }
    free(left), free(step);
}

/* ---- questions */

static double normal(Rng *r)
{
    double u = 1 - rng_unit(r), v = rng_unit(r);
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

/* Small ones, inside the range: near low the softmax is far from saturated and every score still has digits. */
static void small_question(const Oracle *o, Rng *r, double size, float *x)
{
    for (size_t f = 0; f < o->features; f++) {
        double v = o->low + size * fabs(normal(r));
        x[f] = (float)(v < o->high ? v : o->high);
    }
}

static void random_question(const Oracle *o, Rng *r, float *x)
{
    for (size_t f = 0; f < o->features; f++)
        x[f] = (float)(o->low + (o->high - o->low) * rng_unit(r));
}

static bool ask_all(Oracle *o, const float *x, uint64_t rows, double *score, Err *e)
{
    for (uint64_t at = 0; at < rows; at += ASK)
        if (!oracle_ask(o, x + at * o->features, rows - at < ASK ? rows - at : ASK, score + at * o->classes, e))
            return false;
    return true;
}

/* ---- the methods */

static bool stolen_new(Arena *a, const Oracle *o, double scale, Mlp *m)
{
    size_t d = o->features, k = o->classes;
    *m = (Mlp){ .features = d, .classes = k, .layers = 1, .layer[0] = { d, k, arena_get(a, d, k * sizeof(float)), arena_get(a, k, sizeof(float)) } };
    m->mean = arena_get(a, d, sizeof(float)), m->scale = arena_get(a, d, sizeof(float));
    for (size_t f = 0; m->mean && m->scale && f < d; f++)
        m->mean[f] = (float)o->low, m->scale[f] = (float)scale;
    return m->layer[0].weight && m->layer[0].bias && m->mean && m->scale;
}

static bool system_new(Arena *a, System *s)
{
    s->m = arena_get(a, s->n, s->rows * sizeof(double));
    s->log_ratio = arena_get(a, s->classes, s->rows * sizeof(double));
    s->factor = arena_get(a, s->n, s->n * sizeof(double));
    s->theta = arena_get(a, s->classes, s->n * sizeof(double));
    return s->m && s->log_ratio && s->factor && s->theta;
}

/* The class whose scores have most digits left. */
static size_t base_of(const double *score, uint64_t rows, size_t classes)
{
    size_t best = 0;
    double most = 0;
    for (size_t k = 0; k < classes; k++) {
        double sum = 0;
        for (uint64_t i = 0; i < rows; i++)
            sum += score[i * classes + k];
        if (sum > most)
            most = sum, best = k;
    }
    return best;
}

/* Scores that were rounded away are taken as half a unit. */
static double floor_of(double unit) { return unit > 0 ? unit / 2 : 1e-45; }

static void system_fill(System *s, const Oracle *o, const float *x, const double *score, double unit)
{
    double least = floor_of(unit);
    for (size_t i = 0; i < s->rows; i++) {
        const double *p = score + i * s->classes;
        for (size_t f = 0; f + 1 < s->n; f++)
            s->m[f * s->rows + i] = ((double)x[i * o->features + f] - o->low) / s->size;
        s->m[(s->n - 1) * s->rows + i] = 1;
        for (size_t k = 0; k < s->classes; k++)
            s->log_ratio[k * s->rows + i] = log(fmax(p[k], least) / fmax(p[s->base], least));
    }
}

static bool solve(Arena *a, Pool *pool, Oracle *o, const float *x, const double *score, uint64_t rows, double size, Extraction *out, Err *e)
{
    System s = { .rows = rows, .n = o->features + 1, .classes = o->classes, .size = size, .base = base_of(score, rows, o->classes) };
    if (!system_new(a, &s) || !stolen_new(a, o, size, &out->stolen))
        return err_nomem(e);
    system_fill(&s, o, x, score, out->seen.unit);
    pool_each(pool, s.n, gram_row, &s);
    cholesky(s.factor, s.n);
    pool_each(pool, s.classes, solve_class, &s);
    for (size_t k = 0; k < s.classes; k++) {
        for (size_t f = 0; f < o->features; f++)
            out->stolen.layer[0].weight[k * o->features + f] = (float)s.theta[k * s.n + f];
        out->stolen.layer[0].bias[k] = (float)s.theta[k * s.n + o->features];
    }
    for (size_t f = 0; f < s.n; f++)                   /* against class 0, whatever was the base */
        for (size_t k = s.classes; k-- > 0;)
            s.theta[k * s.n + f] = (s.theta[k * s.n + f] - s.theta[f]) / (f < o->features ? size : 1);
    out->theta = s.theta, out->method = "solve";
    return true;
}

static size_t best_of(const double *score, size_t n)
{
    size_t best = 0;
    for (size_t k = 1; k < n; k++)
        best = score[k] > score[best] ? k : best;
    return best;
}

/* Labels alone: a model of our own that is trained on them (scikit-learn's C = 10 is an l2 of 1/(10 n)). */
static bool surrogate(Arena *a, Pool *pool, Oracle *o, float *x, const double *score, uint64_t rows, uint64_t seed, Extraction *out, Err *e)
{
    Matrix       d = { .rows = rows, .cols = o->features, .x = x, .classes = o->classes, .label = arena_get(a, rows, sizeof(uint32_t)) };
    TrainOptions t = { .l2 = 0.1 / (double)rows, .rate = 0.05, .momentum = 0.9, .epochs = EPOCHS, .batch = 64, .seed = seed, .scale = SCALE_FIXED,
                       .low = o->low, .high = o->high };
    Score        ignored;
    if (d.label == NULL)
        return err_nomem(e);
    for (uint64_t i = 0; i < rows; i++)
        d.label[i] = (uint32_t)best_of(score + i * o->classes, o->classes);
    out->method = "surrogate";
    return train_model(a, pool, &d, &t, NULL, NULL, &out->stolen, &ignored, NULL, e);
}

/* Half rows like the real ones, if there are any, half random ones. */
static void surrogate_questions(const Oracle *o, const Matrix *known, Rng *r, uint64_t from, uint64_t rows, float *x)
{
    for (uint64_t i = from; i < rows; i++)
        if (known != NULL && known->rows > 0 && i % 2 == 0)
            memcpy(x + i * o->features, known->x + (size_t)rng_below(r, known->rows) * known->cols, o->features * sizeof *x);
        else
            random_question(o, r, x + i * o->features);
}

/* How much more the log-ratios of scores vary by the questions than by rounding, over the classes.  A score that was rounded
 * away leaves a logarithm that may be off by several. */
enum { LOST = 9 };
static double told(const double *score, size_t rows, size_t classes, double unit)
{
    size_t base = base_of(score, rows, classes);
    double least = floor_of(unit), sum = 0;
    for (size_t k = 0; k < classes; k++) {
        double s1 = 0, s2 = 0, error = 0;
        for (size_t i = 0; k != base && i < rows; i++) {
            double p = fmax(score[i * classes + k], least), q = fmax(score[i * classes + base], least), v = log(p / q);
            s1 += v, s2 += v * v, error += unit * unit / 12 * (1 / (p * p) + 1 / (q * q)) + (fmin(p, q) < 1.5 * unit ? LOST : 0);
        }
        sum += k != base ? log((s2 - s1 * s1 / (double)rows + 1e-12) / error) : 0;
    }
    return sum;
}

/* Rounded scores: larger questions tell more, until they saturate.  The ones that found out are equations like the others. */
static bool find_size(Oracle *o, Rng *r, float *x, double *score, uint64_t budget, uint64_t *asked, double unit, double *size, Err *e)
{
    static const double sizes[] = { 0.05, 0.1, 0.2, 0.4 };
    double              range = o->high - o->low, best = told(score, *asked, o->classes, unit);
    for (size_t i = 0; i < len_of(sizes) && *asked + 2 * PROBES <= budget; i++, *asked += PROBES) {
        for (uint64_t n = *asked; n < *asked + PROBES; n++)
            small_question(o, r, sizes[i] * range, x + n * o->features);
        if (!ask_all(o, x + *asked * o->features, PROBES, score + *asked * o->classes, e))
            return false;
        double value = told(score + *asked * o->classes, PROBES, o->classes, unit);
        if (value > best)
            best = value, *size = sizes[i] * range;
    }
    return true;
}

typedef struct Questions {
    float   *x;
    double  *score, size;
    uint64_t asked;
} Questions;

/* The first few, small as for a model that shows all; they tell what is released. */
static bool probe(Oracle *o, Rng *r, Questions *q, uint64_t budget, Released *seen, Err *e)
{
    uint64_t n = budget < PROBES ? budget : PROBES;
    q->size = 0.02 * (o->high - o->low);
    for (uint64_t i = 0; i < n; i++)
        small_question(o, r, q->size, q->x + i * o->features);
    if (!ask_all(o, q->x, n, q->score, e))
        return false;
    q->asked = n;
    *seen = released_of(q->score, n, o->classes);
    return seen->shown < o->classes || seen->unit == 0 || find_size(o, r, q->x, q->score, budget, &q->asked, seen->unit, &q->size, e);
}

bool attack_extract(Arena *a, Pool *pool, Oracle *o, const Matrix *known, uint64_t budget, uint64_t seed, Extraction *out, Err *e)
{
    Rng       r = rng_of(seed);
    uint64_t  before = o->queries;
    Questions q = { arena_get(a, budget, o->features * sizeof(float)), arena_get(a, budget, o->classes * sizeof(double)), 0, 0 };
    *out = (Extraction){ 0 };
    if (budget < 2 || o->classes < 2 || !(o->low < o->high))
        return err_set(e, E_USAGE, "an extraction needs at least 2 queries, 2 classes and a range of input numbers");
    if (q.x == NULL || q.score == NULL)
        return err_nomem(e);
    if (!probe(o, &r, &q, budget, &out->seen, e))
        return false;
    bool all = out->seen.shown == o->classes;
    for (uint64_t i = q.asked; all && i < budget; i++)
        small_question(o, &r, q.size, q.x + i * o->features);
    if (!all)
        surrogate_questions(o, known, &r, q.asked, budget, q.x);
    if (!ask_all(o, q.x + q.asked * o->features, budget - q.asked, q.score + q.asked * o->classes, e))
        return false;
    out->queries = o->queries - before;
    return all ? solve(a, pool, o, q.x, q.score, budget, q.size, out, e) : surrogate(a, pool, o, q.x, q.score, budget, seed, out, e);
}

bool attack_agreement(Arena *a, Oracle *o, const Mlp *stolen, const Matrix *rows, double *share, Err *e)
{
    uint64_t same = 0, before = o->queries;
    float   *ready = arena_get(a, o->features, sizeof *ready), *p = arena_get(a, o->classes, sizeof *p);
    double  *score = arena_get(a, ASK, o->classes * sizeof *score);
    if (!ready || !p || !score)
        return err_nomem(e);
    for (uint64_t at = 0; at < rows->rows; at += ASK) {
        size_t n = rows->rows - at < ASK ? rows->rows - at : ASK;
        if (!oracle_ask(o, rows->x + at * rows->cols, n, score, e))
            return false;
        for (size_t i = 0; i < n; i++) {
            const float *row = ready;
            mlp_prepare(stolen, rows->x + (at + i) * rows->cols, ready);
            mlp_predict(stolen, kernels(), &row, 1, NULL, p);
            same += largest(p, o->classes) == best_of(score + i * o->classes, o->classes);
        }
    }
    o->queries = before;
    *share = (double)same / (double)rows->rows;
    return true;
}
