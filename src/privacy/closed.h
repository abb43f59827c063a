/* closed.h - epsilon without a grid: one step of the sampled Gaussian, or any number of steps without sampling. */
#ifndef CLOSED_H
#define CLOSED_H
#include "privacy/account.h"

typedef struct Bounds {
    double low, epsilon, up;
} Bounds;

/* Adding or removing a row: two different numbers as soon as there is sampling. */
typedef enum { REMOVE, ADD } Direction;

/* Where ln(P1/P0) of the sampled Gaussian equals l; -INFINITY where it is larger everywhere. */
double loss_place(double sigma, double rate, double l);

/* True when the run is of one of these kinds; then *out holds epsilon, and bounds that cover the rounding. */
bool closed_form(const AccountQuery *q, Bounds *out);
/* One step in one direction. */
Bounds closed_one_step(double sigma, double rate, double delta, Direction d);
/* The Gaussian mechanism with mean distance mu (in units of its sd): T steps of sigma are mu = sqrt(T) / sigma. */
Bounds closed_gaussian(double mu, double delta);

#endif
