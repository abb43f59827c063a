/* account.c - see account.h. */
#include "privacy/account.h"
#include "privacy/closed.h"
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
    if (!(out->rdp < INFINITY))
        return err_set(e, E_LIMIT, "no moment of this run converges");
    out->low = 0, out->epsilon = out->up = out->rdp;
    out->method = "rdp", out->point = "up";
    return true;
}
