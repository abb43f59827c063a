/* moment.c - see moment.h. */
#include "privacy/moment.h"
#include "num/special.h"
#include <math.h>

static const double nodes_per_sigma = 20, lambda_least = 1e-3, lambda_most = 1e5, outside = 22.7;

enum { NODES_MAX = 400000, HALVINGS = 24 };

double loss_at(double sigma, double rate, double x)
{
    double v = (2 * x - 1) / (2 * sigma * sigma);
    if (rate == 1)
        return v;
    return v > 0 ? v + log(rate) + log1p((1 - rate) / rate * exp(-v)) : log1p(rate * expm1(v));
}

/* The integrand has its poles at distance pi sigma^2 from the axis: small noise wants a finer step. */
static double step_of(double sigma) { return fmin(sigma / nodes_per_sigma, sigma * sigma / 2); }

double run_steps(const AccountQuery *q)
{
    double steps = 0;
    for (size_t i = 0; i < q->phases; i++)
        steps += q->phase[i].rate > 0 ? (double)q->phase[i].steps : 0;
    return steps;
}

double run_tail(const AccountQuery *q) { return 1e-8 * fmin(q->delta, 1e-4) / run_steps(q); }

static bool nodes_new(Nodes *o, const Phase *p, Direction d, double tail, Err *e)
{
    double s = p->sigma, step = step_of(s), reach = -normal_quantile(tail), from = -reach * s, count = (2 * reach * s + 1) / step;
    if (!(count < NODES_MAX))
        return err_set(e, E_LIMIT, "sigma %g: %g points are too many", s, count);
    o->n = (size_t)count + 1, o->steps = (double)p->steps;
    o->log_scale = log(step / (s * 2.50662827463100050242));
    o->loss = calloc(o->n, sizeof *o->loss), o->base = calloc(o->n, sizeof *o->base);
    if (o->loss == NULL || o->base == NULL)
        return err_nomem(e);
    for (size_t k = 0; k < o->n; k++) {
        double x = from + (double)k * step, l = loss_at(s, p->rate, x);
        o->loss[k] = d == REMOVE ? l : -l;
        o->base[k] = -x * x / (2 * s * s) + (d == REMOVE ? l : 0);
    }
    return true;
}

bool moments_new(Moments *m, const AccountQuery *q, Direction d, Err *e)
{
    *m = (Moments){ .phase = calloc(q->phases, sizeof(Nodes)) };
    if (m->phase == NULL)
        return err_nomem(e);
    for (size_t i = 0; i < q->phases; i++) {
        const Phase *p = &q->phase[i];
        if (p->rate > 0 && p->steps > 0 && !nodes_new(&m->phase[m->phases++], p, d, run_tail(q), e))
            return false;
    }
    return true;
}

void moments_free(Moments *m)
{
    for (size_t i = 0; i < m->phases; i++)
        free(m->phase[i].loss), free(m->phase[i].base);
    free(m->phase);
    *m = (Moments){ 0 };
}

static double log_moment(const Nodes *o, double c)
{
    double top = -INFINITY, sum = 0;
    for (size_t k = 0; k < o->n; k++)
        top = fmax(top, o->base[k] + c * o->loss[k]);
    for (size_t k = 0; k < o->n; k++) {
        double v = o->base[k] + c * o->loss[k] - top;
        if (v > -50)
            sum += exp(v);
    }
    return top + log(sum) + o->log_scale;
}

double moments_log(const Moments *m, double c)
{
    double sum = 0;
    for (size_t i = 0; i < m->phases; i++)
        sum += m->phase[i].steps * log_moment(&m->phase[i], c);
    return sum;
}

void moments_tilted(const Moments *m, double c, double *mean, double *sd)
{
    double variance = 0;
    *mean = 0;
    for (size_t i = 0; i < m->phases; i++) {
        const Nodes *o = &m->phase[i];
        double       top = log_moment(o, c) - o->log_scale, first = 0, second = 0;
        for (size_t k = 0; k < o->n; k++)
            first += exp(o->base[k] + c * o->loss[k] - top) * o->loss[k];
        for (size_t k = 0; k < o->n; k++)
            second += exp(o->base[k] + c * o->loss[k] - top) * (o->loss[k] - first) * (o->loss[k] - first);
        *mean += o->steps * first, variance += o->steps * second;
    }
    *sd = sqrt(variance);
}

/* ln of the saddle point approximation of delta where the tilted mean is epsilon (Daniels 1954; Alghamdi et al. 2022). */
static double saddle_delta(const Moments *m, double c)
{
    double mean, sd;
    moments_tilted(m, c, &mean, &sd);
    return moments_log(m, c) - c * mean - log(2.50662827463100050242 * sd * c * (c + 1));
}

static double tilted_mean(const Moments *m, double c)
{
    double mean, sd;
    moments_tilted(m, c, &mean, &sd);
    return mean;
}

/* Where the tilted law ends, by its own Chernoff bound: the best of a few moments on each side. */
static void window(const Moments *m, Saddle *s)
{
    s->from = -INFINITY, s->to = INFINITY;
    for (double t = 0.2; t <= 14; t *= 1.4) {
        double theta = t / s->sd, up = (moments_log(m, s->lambda + theta) - s->log_moment + outside) / theta;
        if (up < s->to)
            s->to = up, s->theta_to = theta;
        double down = -(moments_log(m, s->lambda - theta) - s->log_moment + outside) / theta;
        if (down > s->from)
            s->from = down, s->theta_from = theta;
    }
}

void saddle_find(const Moments *m, double delta, double epsilon, Saddle *out)
{
    double lo = log(lambda_least), hi = log(lambda_most), target = log(delta);
    for (int i = 0; i < HALVINGS; i++) {
        double mid = (lo + hi) / 2;
        bool   low = isnan(epsilon) ? saddle_delta(m, exp(mid)) > target : tilted_mean(m, exp(mid)) < epsilon;
        if (low)
            lo = mid;
        else
            hi = mid;
    }
    out->lambda = exp(hi);
    moments_tilted(m, out->lambda, &out->mean, &out->sd);
    out->log_moment = moments_log(m, out->lambda);
    window(m, out);
}
