/* contour.h - the value of epsilon by an integral along a line of the complex plane.
 *
 *     delta(epsilon) = 1/(2 pi) Int M(c+iw) e^(-(c+iw) epsilon) / ((c+iw)(c+iw+1)) dw,      any c > 0
 *
 * M is the moment generating function of the whole run's loss: a product over phases and steps.  At the saddle the
 * integrand falls like a Gaussian and the midpoint rule converges faster than any power of its step.  The result counts
 * only when two steps agree, and account.c holds it against the certified bounds. */
#ifndef CONTOUR_H
#define CONTOUR_H
#include "privacy/moment.h"

/* Between lo and hi.  False when the integral does not settle within the work allowed. */
bool contour_epsilon(const Moments *m, const Saddle *s, double delta, double lo, double hi, double *epsilon);

#endif
