/* pld.c - see pld.h. */
#include "privacy/pld.h"
#include "num/fft.h"
#include "num/special.h"
#include "privacy/pmf.h"
#include <float.h>
#include <math.h>

static const double unit = DBL_EPSILON / 2, dead = 120;

enum { LOG_LEAST = 10, LOG_MOST = 23 };

/* The composed law in its window, and what is known about its errors. */
typedef struct Law {
    double  h, lambda, scale;                          /* scale: ln of the moment of the whole run             */
    int64_t first;                                     /* atom i lies at (first+i)h                            */
    size_t  n;
    double *g;                                         /* tilted mass; then, from the top:                     */
    double *d, *b;                                     /* sums of g e^-lambda u (1 - e^-u), g e^-(lambda+1)u   */
    double  error;                                     /* of every g                                           */
    double  folded;                                    /* tilted mass that lies outside the window             */
    double  above;                                     /* bound of the real mass above it                      */
    double  infinite, floor, top;                      /* of all steps; top: real mass above the grid          */
    double  shift, inflate, nudge;                     /* of epsilon; of ln delta; of pmf.h, all steps         */
    double  square;                                    /* sum of h^2 over the steps                            */
} Law;

/* ---- bins */

typedef struct Bins {
    const Fft *fft;
    double    *angle, *log, *rise, *drift;             /* of the product; ln((F+g)/F) and the power's rounding, T times */
    double    *x, *bin, *work;
} Bins;

static bool bins_new(Bins *b, size_t n)
{
    size_t half = n / 2 + 1;
    b->fft = fft_new(n);
    b->angle = calloc(half, sizeof(double)), b->log = calloc(half, sizeof(double)), b->rise = calloc(half, sizeof(double));
    b->drift = calloc(half, sizeof(double)), b->x = calloc(n, sizeof(double)), b->bin = calloc(n + 2, sizeof(double));
    b->work = calloc(n, sizeof(double));
    return b->fft && b->angle && b->log && b->rise && b->drift && b->x && b->bin && b->work;
}

static void bins_free(Bins *b)
{
    fft_free((Fft *)b->fft);
    free(b->angle), free(b->log), free(b->rise), free(b->drift), free(b->x), free(b->bin), free(b->work);
}

/* Multiplies the product by this phase's transform to the power `steps`. */
static void bins_multiply(Bins *b, const Pmf *m, double steps)
{
    size_t n = fft_size(b->fft);
    double square = 0;
    memset(b->x, 0, n * sizeof *b->x);
    for (size_t i = 0; i < m->n; i++)                   /* n is a power of two: the mask is the remainder, also below 0 */
        b->x[(uint64_t)(m->first + (int64_t)i) & (n - 1)] += m->tilted[i];
    for (size_t i = 0; i < n; i++)
        square += b->x[i] * b->x[i];
    fft_forward(b->fft, b->x, b->bin, b->work);
    double g = fft_error(b->fft, sqrt(square)) * (1 + 1e-9), least = exp(-dead / steps);
    for (size_t k = 0; k <= n / 2; k++) {
        double re = b->bin[2 * k], im = b->bin[2 * k + 1], size = sqrt(re * re + im * im);
        if (b->log[k] == -INFINITY)
            continue;
        if (size + g <= least || size <= g) {           /* the product dies, or cannot be told from nothing */
            double most = b->log[k] + b->rise[k] + steps * log(fmin(size + g, 1));
            b->rise[k] = fmax(most, -dead), b->log[k] = -INFINITY;
            continue;
        }
        double l = log(size);
        b->log[k] += steps * l;
        b->angle[k] += steps * atan2(im, re);
        b->rise[k] += steps * log1p(g / size);
        b->drift[k] += 4 * unit * steps * (1 + fabs(l) + M_PI);
    }
}

/* The bins become the composed law's; returns the mean error over all n bins. */
static double bins_finish(Bins *b, double *norm)
{
    size_t n = fft_size(b->fft);
    double errors = 0, square = 0;
    for (size_t k = 0; k <= n / 2; k++) {
        double size = 0, error, twice = k == 0 || k == n / 2 ? 1 : 2;
        if (b->log[k] == -INFINITY) {
            error = exp(b->rise[k]);                    /* a bound of the size itself */
        } else {
            size = exp(b->log[k]);
            error = size * (2 * expm1(b->rise[k]) + b->drift[k] * exp(b->rise[k]));
        }
        b->bin[2 * k] = size > 0 ? size * cos(b->angle[k]) : 0;
        b->bin[2 * k + 1] = size > 0 ? size * sin(b->angle[k]) : 0;
        errors += twice * error, square += twice * size * size;
    }
    *norm = sqrt(square);
    return errors / (double)n;
}

/* ---- the law */

static void law_free(Law *w)
{
    free(w->g), free(w->d), free(w->b);
}

/* Tilted mass at or above `to` and below `from`, by the moments of the grid law itself. */
typedef struct Outside {
    double up, down;                                   /* ln of the moments, of the whole run */
} Outside;

static bool law_add(Law *w, Bins *b, const Pmf *m, const Saddle *s, double steps, Outside *o)
{
    bins_multiply(b, m, steps);
    w->scale += steps * m->log_moment;
    w->infinite += steps * m->infinite, w->floor += steps * m->floor, w->top += steps * m->above;
    w->shift += steps * 2 * (m->rho + m->edge), w->inflate += steps * 2 * m->rho, w->nudge += steps * m->nudge;
    w->square += steps * m->h * m->h;
    o->up += steps * pmf_moment(m, s->theta_to), o->down += steps * pmf_moment(m, -s->theta_from);
    return true;
}

/* From the top down, all terms positive: d[i] = sum over j >= i of g[j] e^(-lambda u)(1 - e^-u), u = (j-i)h; b without the
 * bracket and with lambda + 1. */
static void law_sum(Law *w)
{
    double down = exp(-w->lambda * w->h), more = -expm1(-w->h), down1 = exp(-(w->lambda + 1) * w->h), d = 0, b = 0;
    for (size_t i = w->n; i-- > 0;) {
        d = down * (d + more * b);
        b = w->g[i] + down1 * b;
        w->d[i] = d, w->b[i] = b;
    }
}

static bool law_finish(Law *w, Bins *b, const Saddle *s, const Outside *o)
{
    double norm, from = (double)w->first * w->h, to = (double)(w->first + (int64_t)w->n) * w->h;
    w->error = bins_finish(b, &norm);
    fft_inverse(b->fft, b->bin, b->x, b->work);
    w->error += fft_inverse_error(b->fft, norm);
    for (size_t i = 0; i < w->n; i++) {
        double g = b->x[(uint64_t)(w->first + (int64_t)i) & (w->n - 1)];
        w->g[i] = g > 0 ? g : 0;                       /* the law has no negative mass: this only brings it nearer */
    }
    double over = fmin(o->up - s->theta_to * to, 0), under = fmin(o->down + s->theta_from * from, 0);
    w->folded = 1.01 * (exp(over) + exp(under));
    w->above = 1.01 * exp(over + w->scale - w->lambda * to);
    law_sum(w);
    return true;
}

/* The window of the saddle, as a power of two of atoms. */
static bool window(Law *w, const Saddle *s, double h, Err *e)
{
    double first = floor(s->from / h), atoms = ceil(s->to / h) + 1 - first;
    int    log = LOG_LEAST;
    while (log <= LOG_MOST && atoms > (double)((size_t)1 << log))
        log++;
    if (log > LOG_MOST)
        return err_set(e, E_LIMIT, "the window wants %.3g grid points", atoms);
    w->h = h, w->lambda = s->lambda, w->n = (size_t)1 << log;
    w->first = (int64_t)first - (int64_t)(((double)w->n - atoms) / 2);
    w->g = calloc(w->n, sizeof(double)), w->d = calloc(w->n, sizeof(double)), w->b = calloc(w->n, sizeof(double));
    return (w->g && w->d && w->b) || err_nomem(e);
}

static bool law_phase(Law *w, Bins *b, const AccountQuery *q, const Phase *p, Direction d, const Saddle *s, Outside *o, Err *e)
{
    Cells c = { 0 };
    Pmf   m = { 0 };
    bool  ok = cells_new(&c, p, w->h, run_tail(q), e) && pmf_new(&m, &c, d, w->lambda, e) &&
              law_add(w, b, &m, s, (double)p->steps, o);
    pmf_free(&m), cells_free(&c);
    return ok;
}

static bool law_new(Law *w, const AccountQuery *q, Direction d, const Saddle *s, double h, Err *e)
{
    Outside o = { 0 };
    Bins    b = { 0 };
    bool    ok = window(w, s, h, e) && (bins_new(&b, w->n) || err_nomem(e));
    for (size_t i = 0; ok && i < q->phases; i++)
        if (q->phase[i].rate > 0 && q->phase[i].steps > 0)
            ok = law_phase(w, &b, q, &q->phase[i], d, s, &o, e);
    ok = ok && law_finish(w, &b, s, &o);
    bins_free(&b);
    return ok;
}

/* ---- delta */

/* e^(scale - lambda epsilon): from tilted to real. */
static double untilt(const Law *w, double epsilon) { return exp(w->scale - w->lambda * epsilon); }

/* 1/(1 - e^(-rate h)), at most n. */
static double terms(const Law *w, double rate) { return fmin(-1 / expm1(-rate * w->h), (double)w->n); }

/* The place of epsilon: the first atom at or above it, and how far. */
static size_t atom_above(const Law *w, double epsilon, double *up)
{
    double at = ceil(epsilon / w->h - (double)w->first);
    at = at < 0 ? 0 : at > (double)w->n ? (double)w->n : at;
    *up = fmax((double)(w->first + (int64_t)at) * w->h - epsilon, 0);
    return (size_t)at;
}

/* Of the grid law, without any error term: sum over atoms above epsilon of e^(scale - lambda l) (1 - e^(epsilon - l)) g. */
static double delta_dots(const Law *w, double epsilon)
{
    double up;
    size_t i = atom_above(w, epsilon, &up);
    if (i >= w->n)
        return 0;
    return untilt(w, epsilon) * exp(-w->lambda * up) * (w->d[i] - expm1(-up) * w->b[i]);
}

static double rounding(const Law *w, double epsilon)
{
    return untilt(w, epsilon) * w->error * (terms(w, w->lambda) - 0.999 * terms(w, w->lambda + 1)) +
           8 * unit * (double)w->n * delta_dots(w, epsilon);
}

static double delta_up(const Law *w, double epsilon)
{
    double sum = delta_dots(w, epsilon) + rounding(w, epsilon) + w->above;
    return exp(w->inflate) * (sum + w->infinite) * (1 + 1e-12);
}

/* ---- the lower bound (pld.h) */

typedef struct Bump {
    double square, scarf, mean, reach, held;           /* h^2 T; v; most of E[D]; r; probability of |D| <= r */
} Bump;

static Bump bump_of(const Law *w, double steps)
{
    double root = sqrt(w->square), half = sinh(w->h / 2), mean = w->square / 8;
    Bump   b = { w->square, expm1(steps * half * half), mean, mean + 1.2 * root, 0 };
    b.held = 1 - exp(-2 * 1.2 * 1.2) - exp(-2 * b.reach * b.reach / b.square);
    return b;
}

/* Mean of f(Y) - f(L) for a loss that lies s above epsilon. */
static double bump_gap(const Bump *b, double s)
{
    double y = expm1(s), scarf = exp(-s) * (sqrt(b->scarf + y * y) - fabs(y)) / 2, hoeffding;
    double root = sqrt(M_PI * b->square / 8), k = sqrt(2 / b->square);
    if (s <= 0)
        hoeffding = -s < b->mean ? INFINITY : root * erfc((-s - b->mean) * k);
    else
        hoeffding = exp(b->square / 8 - s) * root * erfc((s - b->square / 4) * k);
    return fmin(scarf, hoeffding);
}

static double bump_wide(const Bump *b, double s)
{
    return bump_gap(b, fabs(s) <= b->reach ? 0 : s > 0 ? s - b->reach : s + b->reach);
}

/* The widened bump over the atoms near epsilon.  Further away e^(-lambda s) bump(s) only falls, as long as lambda is not
 * beyond 4 * 3.6 / sqrt(square), and the tilted mass is 1 at most. */
static double coupling(const Law *w, const Bump *b, double epsilon)
{
    double  far = b->reach + 3.6 * sqrt(b->square) + b->mean, sum = 0;
    int64_t from = (int64_t)floor((epsilon - far) / w->h) - w->first, to = (int64_t)ceil((epsilon + far) / w->h) - w->first;
    for (int64_t i = from < 0 ? 0 : from; i <= to && i < (int64_t)w->n; i++) {
        double s = (double)(w->first + i) * w->h - epsilon;
        sum += (w->g[i] + w->error) * exp(-w->lambda * s) * bump_wide(b, s);
    }
    double tails = 1.01 * exp(w->lambda * far) * (bump_wide(b, -far) + w->folded * bump_gap(b, 0));
    return untilt(w, epsilon) * (sum + tails) / b->held;
}

/* Real mass at and above epsilon, at most. */
static double mass_above(const Law *w, double epsilon)
{
    double up;
    size_t i = atom_above(w, epsilon, &up);
    double sum = i < w->n ? untilt(w, epsilon) * exp(-w->lambda * up) * (w->d[i] + w->b[i]) : 0;
    return fmin(sum + untilt(w, epsilon) * w->error * terms(w, w->lambda) + w->above + w->infinite, 1);
}

/* The largest e^(-lambda u)(1 - e^-u). */
static double most(double lambda) { return exp(lambda * log(lambda / (1 + lambda))) / (1 + lambda); }

static double delta_low(const Law *w, const Bump *b, double epsilon)
{
    double lost = untilt(w, epsilon) * most(w->lambda) * (w->folded + w->floor) + w->top;
    double moved = w->nudge * (1 + w->h) * mass_above(w, epsilon - 2 * w->h);
    double sum = delta_dots(w, epsilon) - rounding(w, epsilon) - coupling(w, b, epsilon) - lost - moved;
    return exp(-w->inflate) * sum * (1 - 1e-12);
}

/* ---- epsilon */

enum { HALVINGS = 60 };

/* The least epsilon >= 0 whose delta_up is small enough, the law being off by `shift`; INFINITY when none is in the window. */
static double solve_up(const Law *w, double delta)
{
    double lo = 0, hi = (double)(w->first + (int64_t)w->n) * w->h;
    if (delta_up(w, -w->shift) <= delta)
        return 0;
    if (!(hi > 0) || !(delta_up(w, hi) <= delta))
        return INFINITY;
    for (int i = 0; i < HALVINGS && hi - lo > 1e-13 * hi; i++) {
        double mid = (lo + hi) / 2;
        if (delta_up(w, mid) <= delta)
            hi = mid;
        else
            lo = mid;
    }
    return (hi + w->shift) * (1 + 1e-12);
}

static double solve_dots(const Law *w, double delta)
{
    double lo = 0, hi = (double)(w->first + (int64_t)w->n) * w->h;
    if (delta_dots(w, 0) <= delta)
        return 0;
    for (int i = 0; i < HALVINGS && hi - lo > 1e-13 * hi; i++) {
        double mid = (lo + hi) / 2;
        if (delta_dots(w, mid) <= delta)
            hi = mid;
        else
            lo = mid;
    }
    return hi;
}

/* Steps down from where the law itself crosses until the bound holds, then halves what is between. */
static double solve_low(const Law *w, const Bump *b, double delta, double dots)
{
    double step = fmax(b->square * (w->lambda + 1), 1e-9 * dots), hi = dots, lo = dots - step;
    if (!(b->held > 0 && b->scarf < 0.25 && w->lambda * sqrt(b->square) < 14))
        return 0;
    for (; lo > 0 && !(delta_low(w, b, lo) > delta); step *= 2)
        hi = lo, lo -= step;
    if (lo <= 0)
        return 0;
    for (int i = 0; i < HALVINGS && hi - lo > 1e-6 * (dots - lo) + 1e-13 * lo; i++) {
        double mid = (lo + hi) / 2;
        if (delta_low(w, b, mid) > delta)
            lo = mid;
        else
            hi = mid;
    }
    return fmax((lo - w->shift) * (1 - 1e-12), 0);
}

/* Few bits, so that every grid point is a double. */
static double few_bits(double h)
{
    int    exponent;
    double m = frexp(h, &exponent);
    return ldexp(floor(m * 0x1p20), exponent - 20);
}

double pld_finest(const AccountQuery *q, const Saddle *s)
{
    double least = (s->to - s->from) / (1 << (LOG_MOST - 2)), z = -normal_quantile(run_tail(q));
    for (size_t i = 0; i < q->phases; i++) {
        const Phase *p = &q->phase[i];
        if (p->rate > 0 && p->steps > 0)
            least = fmax(least, (loss_at(p->sigma, p->rate, 1 + z * p->sigma) - loss_at(p->sigma, p->rate, -z * p->sigma)) / (CELLS_MAX / 4));
    }
    return least;
}

/* What the coupling costs epsilon is about (lambda + 1) h^2 T. */
double pld_grid(const AccountQuery *q, const Saddle *s, double tolerance)
{
    double root = fmin(sqrt(tolerance * s->mean / (s->lambda + 1)), fmin(0.2, 2 / s->lambda));
    return few_bits(fmax(root / sqrt(run_steps(q)), pld_finest(q, s)));
}

bool pld_bounds(const AccountQuery *q, Direction d, const Saddle *s, double h, PldBounds *out, Err *e)
{
    Law  w = { 0 };
    bool ok = law_new(&w, q, d, s, h = few_bits(h), e);
    if (ok) {
        Bump b = bump_of(&w, run_steps(q));
        out->up = solve_up(&w, q->delta);
        out->dots = solve_dots(&w, q->delta);
        out->low = solve_low(&w, &b, q->delta, out->dots);
        out->h = h;
    }
    law_free(&w);
    return ok;
}
