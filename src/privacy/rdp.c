/* rdp.c - see rdp.h. */
#include "privacy/rdp.h"
#include "num/special.h"
#include <math.h>

enum { SERIES_TERMS = 1000, ORDERS = 99 + 53 + 4 };

/* A_a - 1 for whole a: the binomial weights sum to 1, so what is summed is the excess over 1 and nothing cancels. */
static double log_moment_whole(double sigma, double rate, unsigned order)
{
    double top = -INFINITY, sum = 0, choose = 0, lq = log(rate), lp = log1p(-rate);
    for (unsigned k = 1; k <= order; k++) {
        choose += log((order - k + 1.0) / k);
        double v = k * (k - 1.0) / (2 * sigma * sigma);
        double term = choose + k * lq + (order - k) * lp + (v > 40 ? v : log(expm1(v)));
        if (k < 2)
            continue;
        if (term > top)
            sum *= exp(top - term), top = term;
        sum += exp(term - top);
    }
    double excess = top + log(sum);
    return excess > 700 ? excess : log1p(exp(excess));
}

static double log_erfc(double x) { return x < 0 ? log(erfc(x)) : log(special_erfcx(x)) - x * x; }

static double log_plus(double a, double b)
{
    double top = fmax(a, b);
    return top == -INFINITY ? top : top + log1p(exp(fmin(a, b) - top));
}

/* Section 3.3 of the paper: the integral is cut at z0, where both parts of the mixture weigh the same.  Beyond i = order
 * the terms alternate in sign; their magnitudes are added, as dp_accounting does, which can only raise the bound. */
static double log_moment(double sigma, double rate, double order)
{
    double lq = log(rate), lp = log1p(-rate), s2 = 2 * sigma * sigma, root = sigma * sqrt(2.0);
    double z0 = sigma * sigma * (lp - lq) + 0.5, choose = 0, sum = -INFINITY, last0 = INFINITY, last1 = INFINITY;
    for (int i = 0; i < SERIES_TERMS; i++) {
        double j = order - i;
        double t0 = choose + i * lq + j * lp + i * (i - 1.0) / s2 + log_erfc((i - z0) / root) - M_LN2;
        double t1 = choose + j * lq + i * lp + j * (j - 1) / s2 + log_erfc((z0 - j) / root) - M_LN2;
        sum = log_plus(sum, log_plus(t0, t1));
        if (i > order && t0 < last0 && t1 < last1 && fmax(t0, t1) < sum - 30)
            return sum;
        last0 = t0, last1 = t1;
        choose += log(fabs(j) / (i + 1));
    }
    return INFINITY;
}

double rdp_step(double sigma, double rate, double order)
{
    if (rate == 0)
        return 0;
    if (rate == 1)
        return order / (2 * sigma * sigma);
    double moment = order == floor(order) && order <= 4096 ? log_moment_whole(sigma, rate, (unsigned)order)
                                                          : log_moment(sigma, rate, order);
    return fmax(moment, 0) / (order - 1);
}

double rdp_epsilon(const AccountQuery *q, double order)
{
    double rdp = 0;
    for (size_t i = 0; i < q->phases; i++)
        rdp += (double)q->phase[i].steps * rdp_step(q->phase[i].sigma, q->phase[i].rate, order);
    if (!(rdp < INFINITY))
        return INFINITY;
    if (q->delta * q->delta > -expm1(-rdp))            /* total variation <= sqrt(1 - e^-KL) (Bretagnolle, Huber 1979) */
        return 0;
    return order > 1.01 ? fmax(rdp + log1p(-1 / order) - (log(q->delta) + log(order)) / (order - 1), 0) : INFINITY;
}

double rdp_best(const AccountQuery *q, double *order)
{
    double best = INFINITY;
    for (unsigned i = 0; i < ORDERS; i++) {
        double a = i < 99 ? 1 + (i + 1) / 10.0 : i < 99 + 53 ? i - 99 + 11.0 : ldexp(128, (int)i - 99 - 53);
        double epsilon = rdp_epsilon(q, a);
        if (epsilon < best)
            best = epsilon, *order = a;
    }
    return best;
}
