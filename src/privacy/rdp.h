/* rdp.h - Renyi differential privacy of the Poisson-sampled Gaussian (Mironov, Talwar, Zhang 2019), add or remove one.
 *
 * RDP(a) = ln A_a / (a-1), and steps add.  A whole order is a finite sum of positive terms; a fractional one is a
 * series that is given up (INFINITY) when it does not settle. */
#ifndef RDP_H
#define RDP_H
#include "privacy/account.h"

/* Of one step; order > 1.  INFINITY where the series does not settle. */
double rdp_step(double sigma, double rate, double order);
/* Epsilon from all phases at one order: Canonne, Kamath, Steinke 2020, proposition 12, and 0 where that is proven. */
double rdp_epsilon(const AccountQuery *q, double order);
/* The least over the customary orders 1.1 .. 10.9, 11 .. 63, 128, 256, 512, 1024. */
double rdp_best(const AccountQuery *q, double *order);

#endif
