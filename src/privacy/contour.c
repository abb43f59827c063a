/* contour.c - see contour.h. */
#include "privacy/contour.h"
#include <math.h>

enum { POINTS_MAX = 20000, HALVINGS = 60 };
static const double work_most = 3e7, settled = 1e-8, dead = 40;

typedef struct Line {                                  /* the integrand at (i + 1/2) dw, but for epsilon */
    double  dw;
    size_t  n;
    double *size, *angle;
} Line;

/* Per node: its tilted weight, and where its phase stands and how it turns. */
typedef struct Wheel {
    double *weight, *re, *im, *turn_re, *turn_im;
    size_t  n;
    double  mean, steps;
} Wheel;

static void wheel_free(Wheel *w)
{
    free(w->weight), free(w->re), free(w->im), free(w->turn_re), free(w->turn_im);
}

static bool wheel_new(Wheel *w, const Nodes *o, double c, double dw)
{
    double top = -INFINITY, sum = 0;
    *w = (Wheel){ calloc(o->n, 8), calloc(o->n, 8), calloc(o->n, 8), calloc(o->n, 8), calloc(o->n, 8), 0, 0, o->steps };
    if (!w->weight || !w->re || !w->im || !w->turn_re || !w->turn_im)
        return false;
    for (size_t k = 0; k < o->n; k++)
        top = fmax(top, o->base[k] + c * o->loss[k]);
    for (size_t k = 0; k < o->n; k++)
        sum += exp(o->base[k] + c * o->loss[k] - top);
    for (size_t k = 0; k < o->n; k++) {
        double v = exp(o->base[k] + c * o->loss[k] - top) / sum;
        w->mean += v * o->loss[k];
        if (v < 1e-19)
            continue;
        w->weight[w->n] = v, w->re[w->n++] = o->loss[k];
    }
    for (size_t k = 0; k < w->n; k++) {
        double l = w->re[k] - w->mean;
        w->re[k] = cos(l * dw / 2), w->im[k] = sin(l * dw / 2);
        w->turn_re[k] = cos(l * dw), w->turn_im[k] = sin(l * dw);
    }
    return true;
}

/* The characteristic function at the next point. */
static void wheel_turn(Wheel *w, double *re, double *im)
{
    double a = 0, b = 0;
    for (size_t k = 0; k < w->n; k++) {
        double x = w->re[k], y = w->im[k];
        a += w->weight[k] * x, b += w->weight[k] * y;
        w->re[k] = x * w->turn_re[k] - y * w->turn_im[k];
        w->im[k] = x * w->turn_im[k] + y * w->turn_re[k];
    }
    *re = a, *im = b;
}

/* Fills the line until the integrand is spent; false when that takes too long. */
static bool line_fill(Line *l, Wheel *wheel, size_t wheels, const Saddle *s)
{
    double mean = 0, nodes = 0;
    for (size_t i = 0; i < wheels; i++)
        mean += wheel[i].steps * wheel[i].mean, nodes += (double)wheel[i].n;
    for (l->n = 0; l->n < POINTS_MAX && (double)l->n * nodes < work_most; l->n++) {
        double w = ((double)l->n + 0.5) * l->dw, log_size = 0, angle = w * mean, re, im;
        for (size_t i = 0; i < wheels; i++) {
            wheel_turn(&wheel[i], &re, &im);
            log_size += wheel[i].steps * log(re * re + im * im) / 2;
            angle += wheel[i].steps * atan2(im, re);
        }
        double c = s->lambda, a = c * (c + 1) - w * w, b = w * (2 * c + 1), square = a * a + b * b;
        l->size[l->n] = exp(log_size) / sqrt(square);
        l->angle[l->n] = angle - atan2(b, a);
        if (log_size - log(square) / 2 + log(c * (c + 1)) < -dead)
            return true;
    }
    return false;
}

static double delta_on(const Line *l, const Saddle *s, double epsilon)
{
    double sum = 0;
    for (size_t i = 0; i < l->n; i++)
        sum += l->size[i] * cos(l->angle[i] - ((double)i + 0.5) * l->dw * epsilon);
    return exp(s->log_moment - s->lambda * epsilon) * l->dw / M_PI * sum;
}

static double root(const Line *l, const Saddle *s, double delta, double lo, double hi)
{
    if (!(delta_on(l, s, lo) >= delta && delta_on(l, s, hi) <= delta))
        return NAN;
    for (int i = 0; i < HALVINGS && hi - lo > 1e-12 * hi; i++) {
        double mid = (lo + hi) / 2;
        if (delta_on(l, s, mid) > delta)
            lo = mid;
        else
            hi = mid;
    }
    return (lo + hi) / 2;
}

static double with_step(const Moments *m, const Saddle *s, double delta, double lo, double hi, double dw)
{
    Line   l = { dw, 0, calloc(POINTS_MAX, sizeof(double)), calloc(POINTS_MAX, sizeof(double)) };
    Wheel *w = calloc(m->phases, sizeof *w);
    bool   ok = l.size && l.angle && w;
    for (size_t i = 0; ok && i < m->phases; i++)
        ok = wheel_new(&w[i], &m->phase[i], s->lambda, dw);
    double epsilon = ok && line_fill(&l, w, m->phases, s) ? root(&l, s, delta, lo, hi) : NAN;
    for (size_t i = 0; w != NULL && i < m->phases; i++)
        wheel_free(&w[i]);
    free(w), free(l.size), free(l.angle);
    return epsilon;
}

bool contour_epsilon(const Moments *m, const Saddle *s, double delta, double lo, double hi, double *epsilon)
{
    double dw = 2 * M_PI / (1.6 * (s->to - s->from)), first = with_step(m, s, delta, lo, hi, dw);
    if (isnan(first))
        return false;
    *epsilon = with_step(m, s, delta, lo, hi, dw / 1.4);
    return fabs(first - *epsilon) <= settled * *epsilon;
}
