/* calibrate.c - the least noise that keeps a promise. */
#include "privacy/account.h"
#include <math.h>

static const double sigma_from = 0.02, sigma_to = 1e5, precision = 1e-4;

/* The query with one sigma everywhere. */
typedef struct Trial {
    AccountQuery q;
    Phase       *phase;
} Trial;

static bool up_at(Trial *t, double sigma, AccountAnswer *out, Err *e)
{
    for (size_t i = 0; i < t->q.phases; i++)
        t->phase[i].sigma = sigma;
    return privacy_account(&t->q, out, e);
}

/* Doubles or halves from 1 until epsilon lies between; *hi keeps the promise.  Less noise than sigma_from is never wanted. */
static bool bracket(Trial *t, double epsilon, double *lo, double *hi, AccountAnswer *out, Err *e)
{
    AccountAnswer at;
    double        sigma = 1;
    if (!up_at(t, sigma, out, e))
        return false;
    bool kept = out->up <= epsilon;
    for (at = *out; (at.up <= epsilon) == kept; ) {
        if (kept)
            *hi = sigma, *out = at;
        else
            *lo = sigma;
        sigma *= kept ? 0.5 : 2;
        if (sigma < sigma_from)
            return *lo = *hi, true;
        if (sigma > sigma_to)
            return err_set(e, E_LIMIT, "no sigma up to %g reaches epsilon %g", sigma_to, epsilon);
        if (!up_at(t, sigma, &at, e))
            return false;
    }
    if (kept)
        *lo = sigma;
    else
        *hi = sigma, *out = at;
    return true;
}

static bool narrow(Trial *t, double epsilon, double lo, double hi, double *sigma, AccountAnswer *out, Err *e)
{
    while (hi > lo * (1 + precision)) {
        AccountAnswer at;
        double        mid = sqrt(lo * hi);
        if (!up_at(t, mid, &at, e))
            return false;
        if (at.up <= epsilon)
            hi = mid, *out = at;
        else
            lo = mid;
    }
    *sigma = hi;
    return true;
}

bool privacy_calibrate(const AccountQuery *q, double epsilon, double *sigma, AccountAnswer *out, Err *e)
{
    double lo = 0, hi = 0;
    if (!(epsilon > 0 && epsilon < INFINITY))
        return err_set(e, E_USAGE, "epsilon %g: a positive number", epsilon);
    if (q->phases == 0 || q->phases > PHASES_MAX)
        return account_check(q, e);
    Trial t = { *q, calloc(q->phases, sizeof *t.phase) };
    if (t.phase == NULL)
        return err_nomem(e);
    memcpy(t.phase, q->phase, q->phases * sizeof *t.phase);
    t.q.phase = t.phase;
    bool ok = bracket(&t, epsilon, &lo, &hi, out, e) && narrow(&t, epsilon, lo, hi, sigma, out, e);
    free(t.phase);
    return ok;
}
