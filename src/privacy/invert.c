/* invert.c - what a class looks like, from its scores; see attack.h.  What comes out resembles the mean of the class, not a
 * person, unless a class is one person. */
#include "base/rng.h"
#include "privacy/attack.h"
#include <math.h>

enum { DIRECTIONS = 16, ASK = 256 };

typedef struct Ascent {
    Oracle  *o;
    size_t   class;
    Rng      rng;
    double   reach;                                    /* how far the two points lie from x */
    float   *x, *pair, *way;                           /* pair: 2 * DIRECTIONS rows; way: DIRECTIONS rows of +-1 */
    double  *score, *gradient;
} Ascent;

static double log_score(const Ascent *s, size_t row)
{
    double p = s->score[row * s->o->classes + s->class];
    return log(p > 1e-12 ? p : 1e-12);
}

static float inside(const Oracle *o, double v) { return (float)(v < o->low ? o->low : v > o->high ? o->high : v); }

static bool ask_around(Ascent *s, Err *e)
{
    size_t n = s->o->features;
    for (size_t i = 0; i < DIRECTIONS; i++)
        for (size_t f = 0; f < n; f++) {
            float side = s->way[i * n + f] = rng_u64(&s->rng) >> 63 ? 1 : -1;
            s->pair[2 * i * n + f] = inside(s->o, (double)s->x[f] + s->reach * (double)side);
            s->pair[(2 * i + 1) * n + f] = inside(s->o, (double)s->x[f] - s->reach * (double)side);
        }
    return oracle_ask(s->o, s->pair, 2 * DIRECTIONS, s->score, e);
}

/* One step uphill.  Where scores do not differ (rounded away), the next points lie farther apart. */
static void climb(Ascent *s)
{
    size_t n = s->o->features;
    double norm = 0, range = s->o->high - s->o->low;
    size_t told = 0;
    for (size_t f = 0; f < n; f++)
        s->gradient[f] *= 0.9;
    for (size_t i = 0; i < DIRECTIONS; i++) {
        double slope = log_score(s, 2 * i) - log_score(s, 2 * i + 1);
        told += slope != 0;
        for (size_t f = 0; f < n; f++)
            s->gradient[f] += slope * (double)s->way[i * n + f];
    }
    for (size_t f = 0; f < n; f++)
        norm += s->gradient[f] * s->gradient[f];
    for (size_t f = 0; f < n && norm > 0; f++)
        s->x[f] = inside(s->o, (double)s->x[f] + 0.02 * range * sqrt((double)n) * s->gradient[f] / sqrt(norm));
    s->reach = told < DIRECTIONS / 2 && s->reach < range / 4 ? 2 * s->reach : s->reach;
}

static bool ascent(Arena *a, Oracle *o, size_t class, uint64_t budget, uint64_t seed, Inversion *out, Err *e)
{
    size_t n = o->features;
    Ascent s = { .o = o, .class = class, .rng = rng_of(seed), .reach = 0.02 * (o->high - o->low), .x = out->x };
    s.pair = arena_get(a, (size_t)2 * DIRECTIONS, n * sizeof(float));
    s.way = arena_get(a, DIRECTIONS, n * sizeof(float));
    s.score = arena_get(a, (size_t)2 * DIRECTIONS, o->classes * sizeof(double));
    s.gradient = arena_get(a, n, sizeof(double));
    if (!s.pair || !s.way || !s.score || !s.gradient)
        return err_nomem(e);
    for (size_t f = 0; f < n; f++)
        s.x[f] = (float)((o->low + o->high) / 2);
    for (uint64_t at = 0; at + 2 * DIRECTIONS < budget; at += (uint64_t)2 * DIRECTIONS) {
        if (!ask_around(&s, e))
            return false;
        climb(&s);
    }
    out->method = "ascent";
    return true;
}

/* With labels alone there is no slope: the mean of the known rows that get the label. */
static bool centre(Arena *a, Oracle *o, size_t class, const Matrix *known, uint64_t budget, Inversion *out, Err *e)
{
    double  *sum = arena_get(a, o->features, sizeof *sum), *score = arena_get(a, ASK, o->classes * sizeof *score);
    uint64_t rows = known == NULL ? 0 : known->rows < budget ? known->rows : budget, hits = 0;
    if (sum == NULL || score == NULL)
        return err_nomem(e);
    for (uint64_t at = 0; at < rows; at += ASK) {
        size_t n = rows - at < ASK ? rows - at : ASK;
        if (!oracle_ask(o, known->x + at * known->cols, n, score, e))
            return false;
        for (size_t i = 0; i < n; i++) {
            bool hit = score[i * o->classes + class] > 0;
            hits += hit;
            for (size_t f = 0; hit && f < o->features; f++)
                sum[f] += (double)known->x[(at + i) * known->cols + f];
        }
    }
    for (size_t f = 0; f < o->features; f++)
        out->x[f] = hits ? (float)(sum[f] / (double)hits) : (float)((o->low + o->high) / 2);
    out->method = "centre";
    return true;
}

bool attack_invert(Arena *a, Oracle *o, size_t class, const Matrix *known, uint64_t budget, uint64_t seed, Inversion *out, Err *e)
{
    uint64_t before = o->queries;
    double  *score = arena_get(a, o->classes, sizeof *score);
    float   *grey = arena_get(a, o->features, sizeof *grey);
    *out = (Inversion){ .x = arena_get(a, o->features, sizeof(float)) };
    if (out->x == NULL || score == NULL || grey == NULL)
        return err_nomem(e);
    if (class >= o->classes || budget < 4)
        return err_set(e, E_USAGE, "an inversion needs a class below %zu and some queries", o->classes);
    for (size_t f = 0; f < o->features; f++)
        grey[f] = (float)((o->low + o->high) / 2);
    if (!oracle_ask(o, grey, 1, score, e))
        return false;
    bool slope = released_of(score, 1, o->classes).shown > 1;
    if (!(slope ? ascent(a, o, class, budget - 2, seed, out, e) : centre(a, o, class, known, budget - 2, out, e)) ||
        !oracle_ask(o, out->x, 1, score, e))
        return false;
    out->score = score[class], out->queries = o->queries - before;
    return true;
}

double attack_likeness(const float *x, const Matrix *rows, uint32_t class)
{
    double sx = 0, sy = 0, xx = 0, yy = 0, xy = 0, n = (double)rows->cols;
    for (size_t f = 0; f < rows->cols; f++) {
        double mean = 0, hits = 0, v = x[f];
        for (uint64_t i = 0; i < rows->rows; i++)
            if (rows->label[i] == class)
                mean += (double)rows->x[i * rows->cols + f], hits++;
        mean = hits > 0 ? mean / hits : 0;
        sx += v, sy += mean, xx += v * v, yy += mean * mean, xy += v * mean;
    }
    double spread = (xx - sx * sx / n) * (yy - sy * sy / n);
    return spread > 0 ? (xy - sx * sy / n) / sqrt(spread) : 0;
}
