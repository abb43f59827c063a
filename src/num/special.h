/* special.h - special functions in double, with their accuracy; what C's libm has (erfc, lgamma_r) is not here again. */
#ifndef SPECIAL_H
#define SPECIAL_H
#include "base/base.h"

double special_erfcx(double x);                        /* exp(x^2) erfc(x), no overflow for x > 0        */
double normal_cdf(double z);
double normal_sf(double z);                            /* 1 - cdf without its cancellation               */
double normal_quantile(double p);                      /* inverse of normal_cdf                          */
double log_sum_exp(const double *v, size_t n);
double beta_inc(double a, double b, double x);         /* regularised incomplete beta (Lentz)            */
double beta_quantile(double a, double b, double p);
double gamma_q(double a, double x);                    /* regularised upper incomplete gamma: chi^2 tail */

#endif
