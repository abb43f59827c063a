/* special.c - see special.h.  Tails are computed as tails: nothing here subtracts from 1 what is nearly 1. */
#include "num/special.h"
#include <float.h>
#include <math.h>

static const double sqrt_half = 0x1.6a09e667f3bcdp-1, sqrt_half_low = -0x1.bdd3413b26456p-55;
static const double ln_sqrt_2pi = 0.91893853320467274178, sqrt_pi = 1.77245385090551602730;

enum { LENTZ_STEPS = 200000, ROOT_STEPS = 400 };

/* ---- the normal law */

/* 1 - 1/(2x^2) + 1*3/(2x^2)^2 - ...: below 1e-16 from x = 10 on after twelve terms. */
static double erfcx_far(double x)
{
    double t = 0.5 / (x * x), sum = 1, term = 1;
    for (int k = 1; k <= 12 && term != 0; k++)
        sum += term *= -(2 * k - 1) * t;
    return sum / (x * sqrt_pi);
}

double special_erfcx(double x)
{
    if (x >= 10)
        return erfcx_far(x);
    if (x < -27)
        return INFINITY;
    double square = x * x, rest = fma(x, x, -square);  /* exp(x^2) would lose x^2 units in the last place */
    return exp(square) * (1 + rest) * erfc(x);
}

/* erfc(z / sqrt 2) / 2.  The rounding of z / sqrt 2 costs z^2 units in the last place far out; one Newton step with
 * erfc'/erfc between its bounds (Birnbaum 1942, Sampford 1953) brings them back. */
double normal_sf(double z)
{
    double x = z * sqrt_half, half = erfc(x) / 2;
    if (!(x > 1) || half == 0)
        return half;
    double rest = fma(z, sqrt_half, -x) + z * sqrt_half_low;
    return half * (1 - rest * (x + sqrt(x * x + 1.6)));
}

double normal_cdf(double z) { return normal_sf(-z); }

/* Start: Abramowitz and Stegun 26.2.23 (error < 4.5e-4), then Halley: the error is cubed each time. */
static double lower_quantile(double p)
{
    double t = sqrt(-2 * log(p));
    double z = (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))) - t;
    for (int i = 0; i < 3; i++) {
        double off = (normal_cdf(z) - p) * exp(z * z / 2 + ln_sqrt_2pi);
        z -= off / (1 + z * off / 2);
    }
    return z;
}

double normal_quantile(double p)
{
    if (!(p >= 0 && p <= 1))
        return NAN;
    if (p == 0 || p == 1)
        return p == 0 ? -INFINITY : INFINITY;
    if (p < DBL_MIN)                                   /* the last places of p are gone already */
        p = DBL_MIN;
    return p < 0.5 ? lower_quantile(p) : p > 0.5 ? -lower_quantile(1 - p) : 0;
}

double log_sum_exp(const double *v, size_t n)
{
    double top = -INFINITY, sum = 0;
    for (size_t i = 0; i < n; i++)
        top = v[i] > top ? v[i] : top;
    if (!(top > -INFINITY && top < INFINITY))
        return top;
    for (size_t i = 0; i < n; i++)
        sum += exp(v[i] - top);
    return top + log(sum);
}

/* ---- beta and gamma: front factors by Loader's saddle point (2000), so that large arguments lose nothing */

/* ln Gamma(n+1) - (n + 1/2) ln n + n - ln sqrt(2 pi): the error of Stirling's formula. */
static double stirling_error(double n)
{
    if (n < 16)
        return lgamma(n + 1) - (n + 0.5) * log(n) + n - ln_sqrt_2pi;
    double s = 1 / (n * n);
    return (1 / 12.0 - s * (1 / 360.0 - s * (1 / 1260.0 - s * (1 / 1680.0 - s * (1 / 1188.0 - s * 691 / 360360.0))))) / n;
}

/* x ln(x/m) + m - x, also where x is close to m. */
static double deviance(double x, double m)
{
    double d = (x - m) / (x + m);
    if (fabs(d) > 0.1)
        return x * log(x / m) + m - x;
    double sum = (x - m) * d, term = 2 * x * d, last = NAN;
    for (int j = 1; sum != last; j++) {
        last = sum;
        term *= d * d;
        sum += term / (2 * j + 1);
    }
    return sum;
}

/* Lentz's method for b0 + a1/(b1 + a2/(b2 + ...)), modified by Thompson and Barnett (1986). */
typedef struct Lentz {
    double f, c, d;
} Lentz;

static double away(double v) { return fabs(v) < 1e-300 ? 1e-300 : v; }

static Lentz lentz(double b0) { return (Lentz){ away(b0), away(b0), 0 }; }

/* True while the value still moves. */
static bool lentz_next(Lentz *l, double a, double b)
{
    l->d = 1 / away(b + a * l->d);
    l->c = away(b + a / l->c);
    l->f *= l->c * l->d;
    return fabs(l->c * l->d - 1) > DBL_EPSILON / 4;
}

/* x^a (1-x)^b / (a B(a,b)), with y = 1-x. */
static double beta_front(double a, double b, double x, double y)
{
    double n = a + b;
    if (a < 1e-3 || b < 1e-3)
        return exp(a * log(x) + b * log(y) + lgamma(n) - lgamma(a) - lgamma(b)) / a;
    double log_term = stirling_error(n) - stirling_error(a) - stirling_error(b) - deviance(a, n * x) - deviance(b, n * y);
    return exp(log_term - ln_sqrt_2pi) * sqrt(b / (a * n));
}

/* The continued fraction converges fast for x below the mean; its terms come in pairs (DLMF 8.17.22). */
static double beta_low(double a, double b, double x, double y)
{
    Lentz l = lentz(1);
    bool  moves = lentz_next(&l, -(a + b) * x / (a + 1), 1);
    for (int m = 1; moves && m < LENTZ_STEPS; m++) {
        double am = a + 2 * m;
        lentz_next(&l, m * (b - m) * x / ((am - 1) * am), 1);
        moves = lentz_next(&l, -(a + m) * (a + b + m) * x / (am * (am + 1)), 1);
    }
    return beta_front(a, b, x, y) / l.f;
}

static double beta_both(double a, double b, double x, double y)
{
    if (x <= 0 || y <= 0)
        return x <= 0 ? 0 : 1;
    return x <= (a + 1) / (a + b + 2) ? beta_low(a, b, x, y) : 1 - beta_low(b, a, y, x);
}

double beta_inc(double a, double b, double x)
{
    return a > 0 && b > 0 && x >= 0 && x <= 1 ? beta_both(a, b, x, 1 - x) : NAN;
}

/* Newton inside a bracket that every step narrows. */
static double beta_root(double a, double b, double p)
{
    double lo = 0, hi = 1, x = a / (a + b);
    for (int i = 0; i < ROOT_STEPS && hi - lo > DBL_EPSILON / 2 * hi; i++) {
        double off = beta_inc(a, b, x) - p;
        if (off > 0)
            hi = x;
        else
            lo = x;
        double next = x - off / (beta_front(a, b, x, 1 - x) * a / (x * (1 - x)));
        if (off == 0 || next == x)
            return x;
        x = next > lo && next < hi ? next : lo > 0 && hi > 4 * lo ? sqrt(lo * hi) : (lo + hi) / 2;
    }
    return x;
}

double beta_quantile(double a, double b, double p)
{
    if (!(a > 0 && b > 0 && p >= 0 && p <= 1))
        return NAN;
    if (p == 0 || p == 1)
        return p;
    if (a == 1)                                        /* 1 - (1-p)^(1/b) */
        return -expm1(log1p(-p) / b);
    return b == 1 ? pow(p, 1 / a) : beta_root(a, b, p);
}

/* x^a e^-x / Gamma(a+1) */
static double gamma_front(double a, double x)
{
    if (a < 1e-3)
        return exp(a * log(x) - x - lgamma(a + 1));
    return exp(-stirling_error(a) - deviance(a, x) - ln_sqrt_2pi) / sqrt(a);
}

static double gamma_p_series(double a, double x)
{
    double sum = 1, term = 1;
    for (int n = 1; n < LENTZ_STEPS && term > sum * DBL_EPSILON / 4; n++)
        sum += term *= x / (a + n);
    return gamma_front(a, x) * sum;
}

static double gamma_q_fraction(double a, double x)
{
    Lentz l = lentz(x + 1 - a);
    for (int n = 1; n < LENTZ_STEPS && lentz_next(&l, n * (a - n), x + 2 * n + 1 - a); n++)
        ;
    return gamma_front(a, x) * a / l.f;
}

double gamma_q(double a, double x)
{
    if (!(a > 0 && x >= 0))
        return NAN;
    if (x == 0 || x == INFINITY)
        return x == 0;
    return x < a + 1 ? 1 - gamma_p_series(a, x) : gamma_q_fraction(a, x);
}
