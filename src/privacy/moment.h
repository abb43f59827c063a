/* moment.h - the loss under exponential tilting: where to look for epsilon, and how wide the look must be.
 *
 * One direction's loss is L = ln(P/Q); its log moment K(c) = ln E_P[e^{cL}] is RDP of order c+1 times c.  It is found
 * by the trapezoid rule over the noise, whose error falls faster than any power of the step.  Noise so far out that it
 * hardly counts against delta is left out, as on the grid of pmf.h: with it, high moments would see nothing else.
 *
 * Nothing here is certified: it only chooses lambda, grid and window for pld.h, which then proves its own bounds. */
#ifndef MOMENT_H
#define MOMENT_H
#include "privacy/closed.h"

typedef struct Nodes {                                 /* of one phase */
    double  steps, log_scale;                          /* ln(step / (sigma sqrt(2 pi)))    */
    double *loss, *base;                               /* loss at the node; ln of its density under P */
    size_t  n;
} Nodes;

typedef struct Moments {
    size_t phases;
    Nodes *phase;
} Moments;

/* ln(P1/P0) of the sampled Gaussian at x. */
double loss_at(double sigma, double rate, double x);

/* Steps that can cost something; and the mass one of them may leave out on each side. */
double run_steps(const AccountQuery *q);
double run_tail(const AccountQuery *q);

bool   moments_new(Moments *m, const AccountQuery *q, Direction d, Err *e);
void   moments_free(Moments *m);
double moments_log(const Moments *m, double c);        /* of the whole run */
/* Mean and sd of the whole run's loss under the tilt c. */
void   moments_tilted(const Moments *m, double c, double *mean, double *sd);

typedef struct Saddle {
    double lambda, log_moment, mean, sd;               /* of the tilted loss of the whole run            */
    double from, to;                                   /* outside lies less than 2e-10 of the tilted law */
    double theta_from, theta_to;                       /* the moments that show it                       */
} Saddle;

/* The lambda that suits epsilon's neighbourhood: where the tilted mean is `epsilon`, or, for NAN, where the saddle point
 * approximation of delta at the tilted mean is the query's.  Exact or not, lambda only decides how tight the bounds are. */
void saddle_find(const Moments *m, double delta, double epsilon, Saddle *out);

#endif
