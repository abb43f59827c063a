/* account.h - how much a training run with noise says about one row of its data: epsilon at a delta, certified.
 *
 * A run is one or more phases of Poisson-sampled Gaussian steps (noise sd sigma times the clipping norm, each row in a
 * step with probability `rate`), add or remove one row.  The answer is an interval and two more numbers:
 *
 *     low <= epsilon <= up     up is the guarantee: every rounding, tail and truncation of its computation is added
 *                              to it (pld.h lists them); low proves in the same way that up is tight
 *     epsilon                  the value itself, by a contour integral (contour.h)
 *     rdp                      the classic bound by Renyi moments (rdp.h), never below the truth either
 *
 * One step, and runs without sampling, have closed forms (closed.h), which are used where they apply.  An answer whose
 * parts contradict each other is refused, not printed.
 *
 * Sources: Mironov, Talwar, Zhang 2019 (1908.10530); Canonne, Kamath, Steinke 2020 (2004.00010); Doroshenko, Ghazi,
 * Kamath, Kumar, Manurangsi 2022 (2207.04380).
 * Trusted: that the run drew its batches and noise as its phases say.  Not trusted: the numbers themselves. */
#ifndef ACCOUNT_H
#define ACCOUNT_H
#include "base/base.h"

typedef struct Phase {
    double   sigma;                                    /* noise sd / clipping norm                 */
    double   rate;                                     /* probability of a row to be in a step     */
    uint64_t steps;
} Phase;

enum { PHASES_MAX = 4096 };
#define STEPS_MAX ((uint64_t)100 * 1000 * 1000)        /* of all phases together */

typedef struct AccountQuery {
    const Phase *phase;                                /* borrowed */
    size_t       phases;
    double       delta;
} AccountQuery;

typedef struct AccountAnswer {
    double      low, epsilon, up, rdp;                 /* epsilons at query.delta; low <= epsilon <= up             */
    double      rdp_order;                             /* the moment that gave rdp                                  */
    const char *method;                                /* of up: "closed form", "pld" or "rdp"                      */
    const char *point;                                 /* of epsilon: "closed form", "contour", "richardson", "up", "rdp" */
} AccountAnswer;

/* E_USAGE for numbers no run can have, E_LIMIT for what we cannot certify. */
bool privacy_account(const AccountQuery *q, AccountAnswer *out, Err *e);

/* The smallest sigma, to 1e-4, whose `up` does not exceed epsilon; out is the answer there.  The phases' own sigmas
 * are not looked at: all phases get the same. */
bool privacy_calibrate(const AccountQuery *q, double epsilon, double *sigma, AccountAnswer *out, Err *e);

/* Is this a run that can be accounted for? */
bool account_check(const AccountQuery *q, Err *e);

#endif
