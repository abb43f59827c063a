/* account.c - see account.h. */
#include "privacy/account.h"
#include "privacy/closed.h"
#include "privacy/contour.h"
#include "privacy/pld.h"
#include "privacy/rdp.h"
#include <math.h>

static const double sigma_least = 0.01, sigma_most = 1e6, delta_least = 1e-60;

static bool check_phase(const Phase *p, Err *e)
{
    if (!(p->rate >= 0 && p->rate <= 1))
        return err_set(e, E_USAGE, "a rate of %g: a row's probability to be in a step lies between 0 and 1", p->rate);
    if (!(p->sigma > 0) || p->sigma == INFINITY)
        return err_set(e, E_USAGE, "sigma %g: without noise there is no privacy, and with infinite noise no model", p->sigma);
    if (p->sigma < sigma_least || p->sigma > sigma_most)
        return err_set(e, E_LIMIT, "sigma %g: %g to %g can be accounted for", p->sigma, sigma_least, sigma_most);
    return true;
}

bool account_check(const AccountQuery *q, Err *e)
{
    uint64_t steps = 0;
    if (!(q->delta > 0 && q->delta < 1))
        return err_set(e, E_USAGE, "delta %g: a probability between 0 and 1, less than 1 / rows", q->delta);
    if (q->delta < delta_least)
        return err_set(e, E_LIMIT, "delta %g: %g is the least that can be accounted for", q->delta, delta_least);
    if (q->phases == 0 || q->phases > PHASES_MAX)
        return err_set(e, q->phases ? E_LIMIT : E_USAGE, "%zu phases: 1 to %d are accounted for", q->phases, PHASES_MAX);
    for (size_t i = 0; i < q->phases; i++) {
        if (!check_phase(&q->phase[i], e))
            return false;
        if (q->phase[i].steps > STEPS_MAX - steps)
            return err_set(e, E_LIMIT, "more than %" PRIu64 " steps", STEPS_MAX);
        steps += q->phase[i].steps;
    }
    return true;
}

/* ---- bounds on a grid, finer until they are close */

static const double coarse = 6e-3, wanted = 4e-4;

enum { PASSES = 4 };

typedef struct Side {                                  /* one direction */
    Direction d;
    Moments   m;
    Saddle    s;
    PldBounds b, last;                                 /* newest, and the one before (h 0: none) */
} Side;

static bool pass(Side *s, const AccountQuery *q, double h, Err *e)
{
    PldBounds b;
    if (!pld_bounds(q, s->d, &s->s, h, &b, e))
        return false;
    s->last = s->b;
    if (s->last.h > 0)                                 /* every pass proved its own: the best of all holds */
        b.up = fmin(b.up, s->last.up), b.low = fmax(b.low, s->last.low);
    s->b = b;
    return true;
}

static double gap(const PldBounds *b) { return b->up > 0 && b->up < INFINITY ? (b->up - b->low) / b->up : b->up > 0; }

static bool close_enough(const PldBounds *b) { return gap(b) <= wanted; }

static bool begin(Side *s, const AccountQuery *q, Direction d, Err *e)
{
    *s = (Side){ .d = d };
    if (!moments_new(&s->m, q, d, e))
        return false;
    saddle_find(&s->m, q->delta, NAN, &s->s);
    return pass(s, q, pld_grid(q, &s->s, coarse), e);
}

/* lambda follows epsilon; the gap falls with the square of h. */
static bool refine(Side *s, const AccountQuery *q, Err *e)
{
    double tolerance = 0.7 * wanted, before = 2;
    for (int i = 0; i < PASSES && !close_enough(&s->b) && (i < 2 || gap(&s->b) < before / 2); i++) {
        before = gap(&s->b);
        saddle_find(&s->m, q->delta, fmax(s->b.dots, 1e-12), &s->s);
        double h = pld_grid(q, &s->s, tolerance);
        if (h > 0.9 * s->b.h)
            break;
        if (!pass(s, q, h, e))
            return false;
        tolerance *= fmax(wanted / fmax(gap(&s->b), wanted), 1e-2);
    }
    return true;
}

/* The error of the dots is proportional to h^2. */
static double richardson(const Side *s)
{
    double h2 = s->b.h * s->b.h, last2 = s->last.h * s->last.h;
    return s->last.h > 0 ? s->b.dots - (s->last.dots - s->b.dots) * h2 / (last2 - h2) : s->b.dots;
}

/* Into out->epsilon the larger of it and this direction's. */
static void point(const Side *s, const AccountQuery *q, AccountAnswer *out)
{
    double epsilon;
    Saddle at;
    if (s->b.up == 0)
        return;
    saddle_find(&s->m, q->delta, fmax(s->b.dots, 1e-12), &at);
    out->point = "contour";
    if (!(s->b.up < INFINITY) || !contour_epsilon(&s->m, &at, q->delta, s->b.low * (1 - 1e-6), s->b.up * (1 + 1e-6), &epsilon))
        epsilon = richardson(s), out->point = "richardson";
    out->epsilon = fmax(out->epsilon, epsilon);
}

/* The direction that costs more decides; of the other it is enough to know that it costs less. */
static bool both_sides(const AccountQuery *q, Side side[static 2], AccountAnswer *out, Err *e)
{
    if (!begin(&side[REMOVE], q, REMOVE, e) || !begin(&side[ADD], q, ADD, e))
        return false;
    Side *lead = side[ADD].b.up > side[REMOVE].b.up ? &side[ADD] : &side[REMOVE];
    Side *other = lead == side ? side + 1 : side;
    if (!refine(lead, q, e) || (other->b.up > lead->b.low && !refine(other, q, e)))
        return false;
    bool both = other->b.up > lead->b.low;
    out->up = both ? fmax(lead->b.up, other->b.up) : lead->b.up, out->low = fmax(lead->b.low, other->b.low);
    out->method = "pld", out->point = "contour";
    if (both)
        point(other, q, out);
    point(lead, q, out);
    return true;
}

static bool on_grid(const AccountQuery *q, AccountAnswer *out, Err *e)
{
    Side side[2] = { 0 };
    bool ok = both_sides(q, side, out, e);
    moments_free(&side[0].m), moments_free(&side[1].m);
    if (ok && out->rdp < out->up)
        out->up = out->rdp, out->method = "rdp";
    return ok;
}

bool privacy_account(const AccountQuery *q, AccountAnswer *out, Err *e)
{
    Bounds b;
    *out = (AccountAnswer){ 0 };
    if (!account_check(q, e))
        return false;
    out->rdp = rdp_best(q, &out->rdp_order);
    if (closed_form(q, &b)) {
        out->low = b.low, out->epsilon = b.epsilon, out->up = b.up;
        out->method = out->point = "closed form";
        return true;
    }
    out->method = out->point = "rdp";
    if (out->rdp == 0)                                 /* proven: so little happens that delta alone covers it */
        return true;
    if (!on_grid(q, out, e))
        return false;
    if (!(out->up < INFINITY))
        return err_set(e, E_LIMIT, "no bound of this run converges");
    if (!(out->low <= out->epsilon && out->epsilon <= out->up) && !(out->up - out->low <= wanted * out->up))
        out->epsilon = out->up, out->point = "up";     /* a point from a grid that never became fine enough */
    if (!(out->low <= out->epsilon && out->epsilon <= out->up))
        return err_set(e, E_LIMIT, "the bounds %.9g and %.9g do not hold %.9g: refused", out->low, out->up, out->epsilon);
    return true;
}
