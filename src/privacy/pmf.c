/* pmf.c - see pmf.h. */
#include "privacy/pmf.h"
#include "num/special.h"
#include "privacy/moment.h"
#include <float.h>
#include <math.h>

static const double unit = DBL_EPSILON / 2, narrow = 0.25, sqrt_2pi = 2.50662827463100050242;

/* ---- cells */

/* What both normal laws share of a cell: its ends and whether it is narrow. */
typedef struct Span {
    double lo, hi, width;                              /* in units of sigma, of the law with mean 0 */
} Span;

/* The integral of the density over a narrow cell: Taylor in the width around the middle; the next term is below 1e-16. */
static double narrow_mass(double mid, double d)
{
    double m = mid * mid, w = d * d;
    double he2 = m - 1, he4 = m * (m - 6) + 3, he6 = m * (m * (m - 15) + 45) - 15;
    double he8 = m * (m * (m * (m - 28) + 210) - 420) + 105;
    double sum = 1 + w * (he2 / 24 + w * (he4 / 1920 + w * (he6 / 322560 + w * he8 / 92897280)));
    return exp(-m / 2) / sqrt_2pi * d * sum;
}

/* The mass, and into *rho a bound of its relative error: few units for the exponential and its argument on the narrow
 * branch; on the other the errors of two tails (16 units and the rounding of their arguments) over their difference. */
static double mass(const Span *s, double mean, double *rho)
{
    double lo = s->lo - mean, hi = s->hi - mean, mid = (lo + hi) / 2, far = fmax(fabs(lo), fabs(hi));
    if (s->width * fmax(1, fabs(mid)) < narrow) {
        *rho = fmax(*rho, unit * (24 + 4 * far * far));
        return narrow_mass(mid, s->width);
    }
    double outer = mid > 0 ? normal_sf(lo) : normal_cdf(hi), inner = mid > 0 ? normal_sf(hi) : normal_cdf(lo);
    double m = outer - inner, reach = mid > 0 ? lo : hi, error = unit * (16 + 4 * reach * reach);
    if (m > 0)
        *rho = fmax(*rho, error * (outer + inner) / m);
    return m;
}

static double place_error(const Phase *p, double l, double x)
{
    double t = (x - 0.5) / (p->sigma * p->sigma), slope = (1 - (1 - p->rate) * exp(-l)) / (p->sigma * p->sigma);
    return 4 * unit * (fabs(expm1(-l)) + fabs(slope) * (p->sigma * p->sigma * fabs(t) + fabs(x)));
}

static void cell(Cells *c, size_t i, const Phase *p, const Span *s)
{
    double m0 = mass(s, 0, &c->rho), m1 = mass(s, 1 / p->sigma, &c->rho);
    c->p0[i] = m0;
    c->p1[i] = p->rate == 1 ? m1 : (1 - p->rate) * m0 + p->rate * m1;
}

/* The cell at the lower end of the loss may reach to minus infinity. */
static Span span(const Phase *p, double from, double to)
{
    return (Span){ from / p->sigma, to / p->sigma, (to - from) / p->sigma };
}

static double both(const Phase *p, double m0, double m1) { return p->rate == 1 ? m1 : (1 - p->rate) * m0 + p->rate * m1; }

bool cells_new(Cells *c, const Phase *p, double h, double tail, Err *e)
{
    double z = -normal_quantile(tail), s = p->sigma;
    double lo = floor(loss_at(s, p->rate, -s * z) / h), hi = ceil(loss_at(s, p->rate, 1 + s * z) / h);
    *c = (Cells){ .h = h };
    if (!(hi - lo >= 1 && hi - lo < CELLS_MAX))
        return err_set(e, E_LIMIT, "sigma %g, rate %g: the loss wants %.3g grid points", s, p->rate, hi - lo);
    c->first = (int64_t)lo, c->n = (size_t)(hi - lo);
    c->p1 = calloc(c->n, sizeof *c->p1), c->p0 = calloc(c->n, sizeof *c->p0);
    if (c->p1 == NULL || c->p0 == NULL)
        return err_nomem(e);
    double from = loss_place(s, p->rate, lo * h), to = from;
    if (from > -INFINITY) {
        c->below[0] = normal_cdf(from / s);
        c->below[1] = both(p, c->below[0], normal_cdf((from - 1) / s));
        c->edge = place_error(p, lo * h, from);
    }
    for (size_t i = 0; i < c->n; i++, from = to) {
        double l = (double)(c->first + (int64_t)i + 1) * h;
        to = loss_place(s, p->rate, l);
        if (to == -INFINITY)
            continue;
        Span cut = span(p, from, to);
        if (i % 16 == 0 || i + 1 == c->n)            /* smooth, and four times what is needed */
            c->edge = fmax(c->edge, place_error(p, l, to));
        cell(c, i, p, &cut);
    }
    c->above[0] = normal_sf(to / s);
    c->above[1] = both(p, c->above[0], normal_sf((to - 1) / s));
    c->rho += 8 * unit;
    return true;
}

void cells_free(Cells *c)
{
    free(c->p1), free(c->p0);
    *c = (Cells){ 0 };
}

/* ---- the dots */

typedef struct Side {
    const double *a, *b;                               /* masses under P and Q */
    double        top_a, top_b, bottom_a;
} Side;

static Side side_of(const Cells *c, Direction d)
{
    if (d == REMOVE)
        return (Side){ c->p1, c->p0, c->above[1], c->above[0], c->below[1] };
    return (Side){ c->p0, c->p1, c->below[0], c->below[1], c->above[0] };
}

/* Atom i of the direction lies at (first+i)h; cell i between atoms i and i+1. */
static void split(Pmf *m, const Cells *c, Direction d, const Side *s)
{
    double down = exp(-m->h), rest = -expm1(-m->h), safety = 8 * unit / m->h;
    for (size_t i = 0; i < c->n; i++) {
        size_t k = d == REMOVE ? i : c->n - 1 - i;
        double a = s->a[k], e_lo = (double)(m->first + (int64_t)i) * m->h;
        double alpha = (s->b[k] * exp(e_lo) - a * down) / rest;
        alpha -= a * safety + 4 * unit * fabs(alpha);
        alpha = alpha < 0 ? 0 : alpha > a ? a : alpha;
        m->tilted[i] += alpha, m->tilted[i + 1] += a - alpha;
    }
}

/* Mass above the grid: what its Q mass justifies stays on the top atom, the rest counts as lost. */
static void top(Pmf *m, const Side *s, double loss)
{
    double kept = fmin(s->top_a, s->top_b * exp(loss));
    m->tilted[m->n - 1] += kept;
    m->infinite = s->top_a - kept, m->above = s->top_a;
}

static void tilt(Pmf *m, double bottom)
{
    double highest = -INFINITY, sum = 0, far = fmax(fabs((double)m->first), fabs((double)(m->first + (int64_t)m->n))) * m->h;
    for (size_t i = 0; i < m->n; i++) {
        double p = m->tilted[i];
        m->tilted[i] = p > 0 ? log(p) + m->lambda * (double)(m->first + (int64_t)i) * m->h : -INFINITY;
        highest = fmax(highest, m->tilted[i]);
    }
    for (size_t i = 0; i < m->n; i++)
        sum += exp(m->tilted[i] - highest);
    m->log_moment = highest + log(sum);
    for (size_t i = 0; i < m->n; i++)
        m->tilted[i] = exp(m->tilted[i] - m->log_moment);
    m->floor = bottom > 0 ? exp(log(bottom) + m->lambda * (double)m->first * m->h - m->log_moment) : 0;
    m->floor += 1e-20;                                 /* atoms too small for rho: below e^-100, wrong by 1e-13 at most */
    m->rho += unit * (110 + 2 * m->lambda * far + 2 * fabs(m->log_moment));
}

bool pmf_new(Pmf *m, const Cells *c, Direction d, double lambda, Err *e)
{
    Side s = side_of(c, d);
    *m = (Pmf){ .h = c->h, .lambda = lambda, .n = c->n + 1, .rho = c->rho, .edge = c->edge };
    m->first = d == REMOVE ? c->first : -(c->first + (int64_t)c->n);
    m->tilted = calloc(m->n, sizeof *m->tilted);
    if (m->tilted == NULL)
        return err_nomem(e);
    m->nudge = 16 * unit;
    split(m, c, d, &s);
    top(m, &s, (double)(m->first + (int64_t)m->n - 1) * m->h);
    m->tilted[0] += s.bottom_a;
    tilt(m, s.bottom_a);
    return true;
}

void pmf_free(Pmf *m)
{
    free(m->tilted);
    *m = (Pmf){ 0 };
}

double pmf_moment(const Pmf *m, double theta)
{
    double highest = -INFINITY, sum = 0, step = theta * m->h, from = theta * (double)m->first * m->h;
    for (size_t i = 0; i < m->n; i++)
        if (m->tilted[i] > 0)
            highest = fmax(highest, from + (double)i * step);
    for (size_t i = 0; i < m->n; i++)
        if (m->tilted[i] > 1e-300)
            sum += m->tilted[i] * exp(from + (double)i * step - highest);
    return highest + log(sum);
}
