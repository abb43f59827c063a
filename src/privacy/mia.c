/* mia.c - see mia.h. */
#include "privacy/mia.h"
#include <math.h>

static const double nearly = 1e-12;                    /* a probability of 0 or 1 is taken as this far from it */

bool signals_check(const Signals *s, const char *name, Err *e)
{
    for (size_t i = 0; i < s->rows * s->models; i++)
        if (!(s->p[i] >= 0 && s->p[i] <= 1))
            return err_set(e, E_FORMAT, "%s: row %zu, model %zu: %g is not a probability", name, i / s->models, i % s->models, s->p[i]);
    return true;
}

static bool references(const Study *s, Err *e)
{
    if (s->rows.models < 4 || s->member == NULL)
        return err_set(e, E_USAGE, "this attack needs reference models: a target, its partner and at least two more, with their members");
    if (s->target >= s->rows.models)
        return err_set(e, E_USAGE, "there is no model %zu", s->target);
    return true;
}

static bool is_reference(const Study *s, size_t model) { return model / 2 != s->target / 2; }

static int descending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

static int ascending(const void *a, const void *b) { return descending(b, a); }

/* ---- rmia */

/* The ratio of the target's probability to what models without the row would give: the mean of the k largest signals of
 * reference models that did not see it, moved towards 1 by offline_a for those that did. */
static double ratio(const Study *s, const Signals *p, size_t row, const bool *member, size_t k, double *room)
{
    size_t        n = 0;
    double        sum = 0;
    const double *v = p->p + row * p->models;
    for (size_t m = 0; m < p->models; m++)
        if (is_reference(s, m) && !(member != NULL && member[row * p->models + m]))
            room[n++] = v[m];
    qsort(room, n, sizeof *room, descending);
    for (size_t i = 0; i < k && i < n; i++)
        sum += room[i];
    return v[s->target] / fmax((1 + s->offline_a) / 2 * sum / (double)k + (1 - s->offline_a) / 2, 1e-300);
}

/* How many of the ascending v are less than x. */
static size_t below(const double *v, size_t n, double x)
{
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (x / v[mid] > 1)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

bool mia_rmia(Arena *a, const Study *s, double *score, Err *e)
{
    size_t k = s->rows.models / 2 - 1, n = s->population.rows;
    if (!references(s, e))
        return false;
    if (n == 0 || s->population.models != s->rows.models)
        return err_set(e, E_USAGE, "rmia needs a population with a column for each of the %zu models", s->rows.models);
    double *room = arena_get(a, s->rows.models, sizeof *room), *z = arena_get(a, n, sizeof *z);
    if (room == NULL || z == NULL)
        return err_nomem(e);
    for (size_t i = 0; i < n; i++)
        z[i] = ratio(s, &s->population, i, NULL, k, room);
    qsort(z, n, sizeof *z, ascending);
    for (size_t i = 0; i < s->rows.rows; i++)
        score[i] = (double)below(z, n, ratio(s, &s->rows, i, s->member, k, room)) / (double)n;
    return true;
}

/* ---- lira */

static double logit(double p)
{
    p = fmin(fmax(p, nearly), 1 - nearly);
    return log(p / (1 - p));
}

static double median(double *v, size_t n)
{
    qsort(v, n, sizeof *v, ascending);
    return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static double log_normal(double x, double mean, double sd)
{
    double z = (x - mean) / sd;
    return -0.91893853320467274178 - log(sd) - z * z / 2;
}

/* The population sd of all reference logits of rows that were in, or out. */
static double pooled_sd(const Study *s, bool in)
{
    double mean = 0, square = 0, n = 0;
    for (int turn = 0; turn < 2; turn++) {
        for (size_t i = 0; i < s->rows.rows * s->rows.models; i++) {
            if (!is_reference(s, i % s->rows.models) || s->member[i] != in)
                continue;
            double v = logit(s->rows.p[i]);
            if (turn == 0)
                mean += v, n++;
            else
                square += (v - mean) * (v - mean);
        }
        if (turn == 0)
            mean /= n;
    }
    return n > 1 ? sqrt(square / n) : NAN;
}

static size_t logits(const Study *s, size_t row, bool in, double *room)
{
    size_t n = 0;
    for (size_t m = 0; m < s->rows.models; m++)
        if (is_reference(s, m) && s->member[row * s->rows.models + m] == in)
            room[n++] = logit(s->rows.p[row * s->rows.models + m]);
    return n;
}

bool mia_lira(Arena *a, const Study *s, bool offline, double *score, Err *e)
{
    if (!references(s, e))
        return false;
    double *room = arena_get(a, s->rows.models, sizeof *room), sd_in = pooled_sd(s, true), sd_out = pooled_sd(s, false);
    if (room == NULL)
        return err_nomem(e);
    if (!(sd_out > 0) || !(offline || sd_in > 0))
        return err_set(e, E_FORMAT, "the reference models' signals do not vary: nothing to compare with");
    for (size_t i = 0; i < s->rows.rows; i++) {
        double phi = logit(s->rows.p[i * s->rows.models + s->target]);
        size_t n = logits(s, i, false, room);
        if (n == 0)
            return err_set(e, E_FORMAT, "row %zu: no reference model was trained without it", i);
        double out = log_normal(phi, median(room, n), sd_out);
        n = offline ? 0 : logits(s, i, true, room);
        if (!offline && n == 0)
            return err_set(e, E_FORMAT, "row %zu: no reference model was trained with it", i);
        score[i] = offline ? -out : log_normal(phi, median(room, n), sd_in) - out;
    }
    return true;
}
