/* order.h - exact order statistics without sorting, and quantiles as numpy takes them. */
#ifndef ORDER_H
#define ORDER_H
#include "base/base.h"

/* The k-th smallest of v[n], k < n, by their bits: six passes that count 11 bits each.  -0 is below 0; NaN is at an end. */
double order_statistic(const double *v, size_t n, size_t k);
/* The share q in [0, 1] of v[n], n > 0, between neighbours linearly (numpy.percentile's default, to the bit). */
double order_quantile(const double *v, size_t n, double q);

#endif
