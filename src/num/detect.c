/* detect.c - see detect.h.  After an alarm a detector starts again, as its paper says; ADWIN shrinks by itself. */
#include "num/detect.h"
#include <math.h>

/* ---- ADWIN, with the rules of river: looked at every 32nd value, at most five buckets a row */

enum { CLOCK = 32, GRACE = 10, LEAST = 5, KEPT = 5 };

Adwin adwin_new(double delta) { return (Adwin){ .delta = delta, .rows = 1 }; }

static void shift_row(AdwinRow *r, uint32_t by)
{
    memmove(r->total, r->total + by, (r->n - by) * sizeof *r->total);
    memmove(r->variance, r->variance + by, (r->n - by) * sizeof *r->variance);
    r->n -= by;
}

/* The two oldest of a full row become one of the next. */
static void compress(Adwin *a)
{
    for (uint32_t i = 0; i < ADWIN_ROWS - 1 && a->row[i].n > KEPT; i++) {
        AdwinRow *r = &a->row[i], *next = r + 1;
        double    n = (double)((uint64_t)1 << i), d = r->total[0] / n - r->total[1] / n;
        if (i + 1 == a->rows)
            a->rows++;
        next->total[next->n] = r->total[0] + r->total[1];
        next->variance[next->n++] = r->variance[0] + r->variance[1] + n * n * d * d / (n + n);
        shift_row(r, 2);
    }
}

static void insert(Adwin *a, double x)
{
    AdwinRow *r = &a->row[0];
    r->total[r->n] = x, r->variance[r->n++] = 0;
    a->width++;
    if (a->width > 1) {
        double d = x - a->total / (double)(a->width - 1);
        a->variance += (double)(a->width - 1) * d * d / (double)a->width;
    }
    a->total += x;
    compress(a);
}

static void drop_oldest(Adwin *a)
{
    AdwinRow *r = &a->row[a->rows - 1];
    double    n = (double)((uint64_t)1 << (a->rows - 1)), mean = r->total[0] / n;
    a->width -= (uint64_t)n;
    a->total -= r->total[0];
    double d = mean - a->total / (double)a->width;
    a->variance -= r->variance[0] + n * (double)a->width * d * d / (n + (double)a->width);
    shift_row(r, 1);
    if (r->n == 0 && a->rows > 1)
        a->rows--;
}

static bool differs(const Adwin *a, double n0, double n1, double gap)
{
    double log_term = log(2 * log((double)a->width) / a->delta), s2 = a->variance / (double)a->width;
    double m = 1 / (n0 - LEAST + 1) + 1 / (n1 - LEAST + 1);
    return fabs(gap) > sqrt(2 * m * s2 * log_term) + 2.0 / 3 * log_term * m;
}

/* A cut of the window into old and new whose means differ. */
static bool has_cut(const Adwin *a)
{
    double n0 = 0, u0 = 0, n1 = (double)a->width, u1 = a->total;
    for (uint32_t i = a->rows; i-- > 0;) {
        const AdwinRow *r = &a->row[i];
        double          size = (double)((uint64_t)1 << i);
        for (uint32_t k = 0; k + 1 < r->n; k++) {      /* river leaves a row's newest on the new side */
            n0 += size, n1 -= size, u0 += r->total[k], u1 -= r->total[k];
            if (n0 >= LEAST && n1 >= LEAST && differs(a, n0, n1, u0 / n0 - u1 / n1))
                return true;
        }
    }
    return false;
}

bool adwin_add(Adwin *a, double x)
{
    bool changed = false;
    a->seen++;
    insert(a, x);
    if (a->seen % CLOCK != 0 || a->width <= GRACE)
        return false;
    while (a->width > GRACE && has_cut(a))
        changed = true, drop_oldest(a);
    return changed;
}

/* ---- DDM */

Ddm ddm_new(void) { return (Ddm){ .best = INFINITY }; }

DdmState ddm_add(Ddm *d, bool error)
{
    enum { WARM = 30 };
    d->n++;
    d->p += ((double)error - d->p) / (double)d->n;
    double s = sqrt(d->p * (1 - d->p) / (double)d->n);
    if (d->n <= WARM)
        return DDM_STABLE;
    if (d->p + s <= d->best)
        d->best = d->p + s, d->best_p = d->p, d->best_s = s;
    if (d->p + s > d->best_p + 3 * d->best_s) {
        *d = ddm_new();
        return DDM_DRIFT;
    }
    return d->p + s > d->best_p + 2 * d->best_s ? DDM_WARNING : DDM_STABLE;
}

/* ---- Page-Hinkley */

PageHinkley page_hinkley_new(double delta, double lambda, double alpha)
{
    return (PageHinkley){ .delta = delta, .lambda = lambda, .alpha = alpha, .count = 1 };
}

bool page_hinkley_add(PageHinkley *d, double x)
{
    enum { WARM = 30 };
    d->mean += (x - d->mean) / (double)d->count;
    d->sum = fmax(0, d->alpha * d->sum + x - d->mean - d->delta);
    d->count++;
    if (d->count < WARM || d->sum < d->lambda)
        return false;
    *d = page_hinkley_new(d->delta, d->lambda, d->alpha);
    return true;
}

/* ---- CUSUM */

Cusum cusum_new(double p0, double p1, double h) { return (Cusum){ .hit = log(p1 / p0), .miss = log((1 - p1) / (1 - p0)), .h = h }; }

bool cusum_add(Cusum *c, bool error)
{
    c->sum = fmax(0, c->sum + (error ? c->hit : c->miss));
    if (c->sum <= c->h)
        return false;
    c->sum = 0;
    return true;
}

bool cusum_value_add(CusumValue *c, double x)
{
    double z = c->deviation > 0 ? (x - c->mean) / c->deviation : 0;
    c->sum = fmax(0, c->sum + fmin(4, fmax(-4, z)) - c->k);
    if (c->sum <= c->h)
        return false;
    c->sum = 0;
    return true;
}
