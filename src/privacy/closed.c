/* closed.c - see closed.h.
 *
 * All three deltas are differences of two tails whose densities agree at the threshold, so each is written as
 * density * (Mills ratio - Mills ratio): relative accuracy at any delta. */
#include "privacy/closed.h"
#include "num/special.h"
#include <float.h>
#include <math.h>

typedef enum { GAUSSIAN, STEP_REMOVE, STEP_ADD } Kind;

typedef struct Curve {
    Kind   kind;
    double mu, sigma, rate;
} Curve;

typedef struct Delta {
    double value, error;                               /* error: a bound, relative to value */
} Delta;

static const double sqrt_2pi = 2.50662827463100050242;

double loss_place(double sigma, double rate, double l)
{
    double t = l > 30 ? l - log(rate) + log1p((rate - 1) * exp(-l)) : expm1(l) / rate;
    if (l <= 30)
        t = t <= -1 ? -INFINITY : log1p(t);
    return sigma * sigma * t + 0.5;
}

static double mills(double x) { return sqrt_2pi / 2 * special_erfcx(x * M_SQRT1_2); }

/* sf(a) - density(a)/density(b) sf(b), for a < b. */
static Delta tails(double a, double b)
{
    double place = 1 + a * a + (b < INFINITY ? b * b : 0);
    if (a < 0) {
        double first = normal_sf(a), second = b < 0 ? exp((b * b - a * a) / 2) * normal_sf(b) : exp(-a * a / 2) * mills(b) / sqrt_2pi;
        return (Delta){ first - second, 32 * DBL_EPSILON * place * (first + second) / (first - second) };
    }
    double ra = mills(a), rb = mills(b);
    return (Delta){ exp(-a * a / 2) / sqrt_2pi * (ra - rb), 32 * DBL_EPSILON * place * (ra + rb) / (ra - rb) };
}

static Delta scaled(double factor, Delta d)
{
    d.value *= factor;
    return d;
}

static Delta delta_at(const Curve *c, double epsilon)
{
    if (c->kind == GAUSSIAN)
        return tails(epsilon / c->mu - c->mu / 2, epsilon / c->mu + c->mu / 2);
    double z = loss_place(c->sigma, c->rate, c->kind == STEP_REMOVE ? epsilon : -epsilon);
    if (c->kind == STEP_REMOVE)
        return scaled(c->rate, tails((z - 1) / c->sigma, z / c->sigma));
    if (z == -INFINITY)
        return (Delta){ 0, 0 };
    return scaled(-expm1(epsilon + log1p(-c->rate)), tails(-z / c->sigma, (1 - z) / c->sigma));
}

/* The least epsilon >= 0 where delta times (1 + side * error) is at most `target`; delta falls with epsilon. */
static double root(const Curve *c, double target, double side)
{
    double lo = 0, hi = 1;
    Delta  d = delta_at(c, 0);
    if (d.value * (1 + side * d.error) <= target)
        return 0;
    for (d = delta_at(c, hi); d.value * (1 + side * d.error) > target && hi < 1e12; d = delta_at(c, hi))
        lo = hi, hi *= 2;
    for (int i = 0; i < 200 && hi - lo > DBL_EPSILON * hi; i++) {
        double mid = (lo + hi) / 2;
        d = delta_at(c, mid);
        if (d.value * (1 + side * d.error) > target)
            lo = mid;
        else
            hi = mid;
    }
    return hi;
}

static Bounds solve(const Curve *c, double delta)
{
    double low = root(c, delta, -1), up = root(c, delta, 1);
    return (Bounds){ low * (1 - 32 * DBL_EPSILON), root(c, delta, 0), up * (1 + 32 * DBL_EPSILON) };
}

Bounds closed_one_step(double sigma, double rate, double delta, Direction d)
{
    Curve c = { d == REMOVE ? STEP_REMOVE : STEP_ADD, 0, sigma, rate };
    return rate == 1 ? closed_gaussian(1 / sigma, delta) : solve(&c, delta);
}

Bounds closed_gaussian(double mu, double delta)
{
    Curve c = { GAUSSIAN, mu, 0, 0 };
    return mu > 0 ? solve(&c, delta) : (Bounds){ 0 };
}

bool closed_form(const AccountQuery *q, Bounds *out)
{
    double   square = 0;                               /* of mu */
    uint64_t sampled = 0;
    bool     unsampled = true;
    double   sigma = 0, rate = 0;
    for (size_t i = 0; i < q->phases; i++) {
        const Phase *p = &q->phase[i];
        if (p->rate == 0 || p->steps == 0)
            continue;
        square += (double)p->steps / (p->sigma * p->sigma);
        unsampled = unsampled && p->rate == 1;
        sampled += p->steps, sigma = p->sigma, rate = p->rate;
    }
    if (unsampled)
        return *out = closed_gaussian(sqrt(square), q->delta), true;
    if (sampled != 1)
        return false;
    Bounds r = closed_one_step(sigma, rate, q->delta, REMOVE), a = closed_one_step(sigma, rate, q->delta, ADD);
    *out = (Bounds){ fmax(r.low, a.low), fmax(r.epsilon, a.epsilon), fmax(r.up, a.up) };
    return true;
}
