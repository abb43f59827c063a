/* bounds.c - see bounds.h. */
#include "privacy/bounds.h"
#include "base/rng.h"
#include "num/special.h"
#include "privacy/closed.h"
#include <math.h>

static const double epsilon_most = 100, precision = 1e-10;

/* ---- the curve */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double *sorted(Arena *a, const double *v, size_t n, Err *e)
{
    double *copy = arena_get(a, n, sizeof *copy);
    if (copy == NULL)
        return err_nomem(e), NULL;
    for (size_t i = 0; i < n; i++) {
        if (isnan(v[i]))
            return err_set(e, E_FORMAT, "score %zu is not a number", i), NULL;
        copy[i] = v[i];
    }
    qsort(copy, n, sizeof *copy, ascending);
    return copy;
}

/* b lies on or below the line from a to c. */
static bool needless(Vertex a, Vertex b, Vertex c)
{
    return (double)(b.tn - a.tn) * (double)(c.fn - b.fn) <= (double)(c.tn - b.tn) * (double)(b.fn - a.fn);
}

static void push(Roc *r, Vertex v)
{
    while (r->n >= 2 && needless(r->hull[r->n - 2], r->hull[r->n - 1], v))
        r->n--;
    r->hull[r->n++] = v;
}

/* All distinct scores as thresholds, and one above them all. */
static void hull(Roc *r)
{
    Vertex v = { 0, 0 };
    while (v.fn < r->n_in || v.tn < r->n_out) {
        double t = fmin(v.fn < r->n_in ? r->in[v.fn] : INFINITY, v.tn < r->n_out ? r->out[v.tn] : INFINITY);
        push(r, v);
        while (v.fn < r->n_in && r->in[v.fn] <= t)
            v.fn++;
        while (v.tn < r->n_out && r->out[v.tn] <= t)
            v.tn++;
    }
    push(r, v);
}

bool roc_new(Arena *a, const double *in, size_t n_in, const double *out, size_t n_out, Roc *r, Err *e)
{
    *r = (Roc){ .n_in = n_in, .n_out = n_out };
    if (n_in == 0 || n_out == 0)
        return err_set(e, E_FORMAT, "no scores of %s", n_in ? "non-members" : "members");
    if (n_in > SCORES_MAX || n_out > SCORES_MAX)
        return err_set(e, E_LIMIT, "more than %d scores", SCORES_MAX);
    r->in = sorted(a, in, n_in, e), r->out = r->in ? sorted(a, out, n_out, e) : NULL;
    if (r->out == NULL)
        return false;
    r->hull = arena_get(a, n_in + n_out + 1, sizeof *r->hull);
    if (r->hull == NULL)
        return err_nomem(e);
    hull(r);
    return true;
}

double roc_auc(const Roc *r)
{
    double won = 0;
    size_t below = 0, equal = 0;                       /* others under in[i], and up to it */
    for (size_t i = 0; i < r->n_in; i++) {
        while (below < r->n_out && r->out[below] < r->in[i])
            below++;
        equal = equal < below ? below : equal;
        while (equal < r->n_out && r->out[equal] <= r->in[i])
            equal++;
        won += (double)below + (double)(equal - below) / 2;
    }
    return won / (double)r->n_in / (double)r->n_out;
}

double roc_balanced_accuracy(const Roc *r)
{
    double best = 0.5;
    for (size_t i = 0; i < r->n; i++)
        best = fmax(best, ((double)(r->n_in - r->hull[i].fn) / (double)r->n_in + (double)r->hull[i].tn / (double)r->n_out) / 2);
    return best;
}

double binomial_upper(size_t k, size_t n, double error)
{
    return k >= n ? 1 : beta_quantile((double)k + 1, (double)(n - k), 1 - error);
}

static double binomial_lower(size_t k, size_t n, double error) { return 1 - binomial_upper(n - k, n, error); }

Tpr roc_tpr(const Roc *r, double fpr, double confidence)
{
    size_t allowed = (size_t)floor(fpr * (double)r->n_out * (1 + 1e-12)), hits = 0;
    double edge = allowed < r->n_out ? r->out[r->n_out - 1 - allowed] : -INFINITY, error = (1 - confidence) / 2;
    while (hits < r->n_in && r->in[r->n_in - 1 - hits] > edge)
        hits++;                                        /* the threshold lies above the edge, and all its equals */
    if (allowed >= r->n_out)
        hits = r->n_in;
    return (Tpr){ (double)hits / (double)r->n_in, binomial_lower(hits, r->n_in, error), binomial_upper(hits, r->n_in, error),
                  (double)r->n_out >= 10 / fpr * (1 - 1e-12) };
}

/* ---- the hull */

static double fnr(const Roc *r, size_t i) { return (double)r->hull[i].fn / (double)r->n_in; }
static double tnr(const Roc *r, size_t i) { return (double)r->hull[i].tn / (double)r->n_out; }

double hull_auc(const Roc *r)
{
    double sum = 0;
    for (size_t i = 1; i < r->n; i++)
        sum += (fnr(r, i) - fnr(r, i - 1)) * (tnr(r, i) + tnr(r, i - 1)) / 2;
    return sum;
}

double hull_tpr(const Roc *r, double fpr)
{
    size_t i = 1;
    while (i + 1 < r->n && tnr(r, i) < 1 - fpr)
        i++;
    double span = tnr(r, i) - tnr(r, i - 1), share = span > 0 ? (1 - fpr - tnr(r, i - 1)) / span : 1;
    return 1 - (fnr(r, i - 1) + share * (fnr(r, i) - fnr(r, i - 1)));
}

double hull_accuracy(const Roc *r)
{
    size_t best = 0;
    for (size_t i = 0; i < r->n; i++) {
        size_t right = r->n_in - r->hull[i].fn + r->hull[i].tn;
        best = right > best ? right : best;
    }
    return (double)best / (double)(r->n_in + r->n_out);
}

/* ---- lower bounds; `error` is what one vertex may use */

static double error_of(const Roc *r, double confidence) { return (1 - confidence) / (double)r->n; }

static double clopper_pearson_at(const Roc *r, Vertex v, double delta, double error)
{
    double tpr = 1 - binomial_upper(v.fn, r->n_in, error / 2) - delta, fpr = binomial_upper(r->n_out - v.tn, r->n_out, error / 2);
    return tpr > 0 ? log(tpr) - log(fpr) : 0;
}

double bound_clopper_pearson(const Roc *r, double delta, double confidence)
{
    double best = 0, error = error_of(r, confidence);
    for (size_t i = 0; i < r->n; i++)
        best = fmax(best, clopper_pearson_at(r, r->hull[i], delta, error));
    return best;
}

/* Of `m` canaries `r` were guessed to be in, `v` of them rightly. */
typedef struct Guess {
    double m, r, v, delta;
} Guess;

static Guess guess_at(const Roc *r, Vertex v, double delta)
{
    double hits = (double)(r->n_in - v.fn);
    return (Guess){ (double)(r->n_in + r->n_out), hits + (double)(r->n_out - v.tn), hits, delta };
}

/* P(Bin(r, p) = k) */
static double binomial(double r, double k, double p)
{
    return exp(lgamma(r + 1) - lgamma(k + 1) - lgamma(r - k + 1) + k * log(p) + (r - k) * log1p(-p));
}

/* How likely that many right guesses are at this epsilon: theorem 5.2. */
static double likely(const Guess *g, double epsilon)
{
    double p = 1 / (1 + exp(-epsilon)), tail = g->v > 0 ? beta_inc(g->v, g->r - g->v + 1, p) : 1, sum = 0, most = 0;
    if (g->delta == 0 || g->v < 1)
        return tail;
    double term = binomial(g->r, g->v - 1, p), odds = exp(-epsilon);
    for (double i = 1; i <= g->v; i++) {               /* sum = P(v - i <= Bin <= v - 1) */
        double k = g->v - i;
        sum += term;
        most = fmax(most, sum / i);
        term *= k / (g->r - k + 1) * odds;
        if (term < sum * 1e-18)
            break;                                     /* from here the mean only falls */
    }
    return fmin(tail + 2 * g->m * g->delta * most, 1);
}

static double one_run_at(const Guess *g, double error)
{
    double lo = 0, hi = epsilon_most;
    if (!(g->v > g->r / 2) || likely(g, 0) >= error)
        return 0;
    while (hi - lo > precision) {
        double mid = (lo + hi) / 2;
        if (likely(g, mid) < error)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

double bound_one_run(const Roc *r, double delta, double confidence)
{
    double best = 0, error = error_of(r, confidence);
    for (size_t i = 0; i < r->n; i++) {
        Guess g = guess_at(r, r->hull[i], delta);
        if (g.v > g.r / 2 && likely(&g, best) < error) /* else this vertex proves less */
            best = fmax(best, one_run_at(&g, error));
    }
    return best;
}

/* Algorithm 1 of Mahloujifar et al.: is a Gaussian trade-off with this mu refuted? */
static bool refuted(const Guess *g, double mu, double error)
{
    double right = error * g->v / g->m, wrong = error * (g->r - g->v) / g->m;
    for (double i = g->v - 1; i >= 0; i--) {
        double next = fmax(wrong, normal_cdf(normal_quantile(fmin(right, 1)) - mu));
        if (next == wrong)
            break;
        right = fmin(1, right + i / (g->r - i) * (next - wrong));
        wrong = next;
    }
    return right + wrong > g->r / g->m;
}

static double mu_at(const Guess *g, double from, double error)
{
    double lo = from, hi = 40;
    while (hi - lo > precision) {
        double mid = (lo + hi) / 2;
        if (refuted(g, mid, error))
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

double bound_one_run_gaussian(const Roc *r, double delta, double confidence)
{
    double best = 0, error = error_of(r, confidence);
    for (size_t i = 0; i < r->n; i++) {
        Guess g = guess_at(r, r->hull[i], delta);
        if (g.v > g.r / 2 && refuted(&g, best, error))
            best = mu_at(&g, best, error);
    }
    return delta > 0 && best > 0 ? closed_gaussian(best, delta).epsilon : 0;
}

double bound_gaussian_fit(const Roc *r, double delta, double confidence)
{
    double mu = 0, error = error_of(r, confidence);
    for (size_t i = 0; i < r->n; i++) {
        double fn = binomial_upper(r->hull[i].fn, r->n_in, error / 2), fp = binomial_upper(r->n_out - r->hull[i].tn, r->n_out, error / 2);
        mu = fmax(mu, normal_quantile(1 - fp) - normal_quantile(fn));
    }
    return delta > 0 && mu > 0 ? closed_gaussian(mu, delta).epsilon : 0;
}

/* ---- two halves */

/* The scores of one half: those whose coin fell on `side`. */
static size_t half(const double *v, size_t n, const bool *coin, bool side, double *out)
{
    size_t k = 0;
    for (size_t i = 0; i < n; i++)
        if (coin[i] == side)
            out[k++] = v[i];
    return k;
}

static bool halves(Arena *a, const Roc *r, uint64_t seed, Roc half_of[static 2], Err *e)
{
    size_t  n = r->n_in + r->n_out;
    bool   *coin = arena_get(a, n, sizeof *coin);
    double *in = arena_get(a, r->n_in, sizeof *in), *out = arena_get(a, r->n_out, sizeof *out);
    Rng     rng = rng_of(seed);
    if (!coin || !in || !out)
        return err_nomem(e);
    for (size_t i = 0; i < n; i++)
        coin[i] = rng_u64(&rng) >> 63;
    for (int side = 0; side < 2; side++) {
        size_t n_in = half(r->in, r->n_in, coin, side, in), n_out = half(r->out, r->n_out, coin + r->n_in, side, out);
        if (!roc_new(a, in, n_in, out, n_out, &half_of[side], e))
            return false;
    }
    return true;
}

/* The score at which a vertex starts to say "member". */
static double threshold(const Roc *r, Vertex v)
{
    return fmin(v.fn < r->n_in ? r->in[v.fn] : INFINITY, v.tn < r->n_out ? r->out[v.tn] : INFINITY);
}

static size_t under(const double *v, size_t n, double t)
{
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (v[mid] < t)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

bool bound_split(const Roc *r, double delta, double confidence, uint64_t seed, double *out, Err *e)
{
    defer_arena Arena *a = arena_new((size_t)1 << 32);
    Roc                part[2];
    double             best = -1, t = INFINITY, error = 1 - confidence;
    *out = 0;
    if (r->n_in < 4 || r->n_out < 4)
        return true;
    if (a == NULL)
        return err_nomem(e);
    if (!halves(a, r, seed, part, e))
        return false;
    for (size_t i = 0; i < part[0].n; i++) {
        Guess g = guess_at(&part[0], part[0].hull[i], delta);
        double bound = one_run_at(&g, error);
        if (bound > best)
            best = bound, t = threshold(&part[0], part[0].hull[i]);
    }
    Vertex v = { under(part[1].in, part[1].n_in, t), under(part[1].out, part[1].n_out, t) };
    Guess  g = guess_at(&part[1], v, delta);
    *out = one_run_at(&g, error);
    return true;
}
