/* pld.h - bounds of epsilon by composing one step's grid law T times, with everything that was rounded added.
 *
 * The law is tilted by e^(lambda loss) before the Fourier transform, so that rounding is relative to delta and not to 1:
 * delta 1e-40 works in double.  Each bin is raised to the power T (phases multiply), the inverse is untilted while the
 * hockey-stick is summed from the top, and epsilon is solved between two grid points, where delta is exact.
 *
 * What is added to delta or epsilon before the word "bound", in the upper one
 *
 *     tails of a step, mass past the window          infinite, Chernoff's bound above the window
 *     masses, ends of cells, the split               rho, edge, nudge of pmf.h
 *     forward transform, power, inverse              fft_error through the power, as a sup-norm of every atom
 *
 * The lower bound needs no second law.  Let Y be the loss on the grid and L the loss itself, coupled by the dots: given
 * L, the sum of T steps D = Y - L has E[e^-D] = 1, steps in intervals of length h, so a variance v of e^-D below
 * exp(T sinh^2(h/2)) - 1 and the tails of Hoeffding.  With one kink at epsilon, E[f(Y)] - E[f(L)] is the mean of
 *
 *     gap(s) <= min(scarf(s), hoeffding(s)),   s = L - epsilon
 *
 * a bump of height sqrt(v)/2 and width h sqrt(T) around the kink: second order in h, like the dots themselves.  The mean
 * over L becomes one over Y by widening the bump by r and dividing by the probability that |D| <= r.  */
#ifndef PLD_H
#define PLD_H
#include "privacy/moment.h"

typedef struct PldBounds {
    double low, up;                                    /* up may be INFINITY: then the grid did not do */
    double dots;                                       /* where the grid law itself crosses delta      */
    double h;
} PldBounds;

/* The grid that makes up - low about `tolerance` times epsilon, or the finest that we go to. */
double pld_grid(const AccountQuery *q, const Saddle *s, double tolerance);
/* The finest. */
double pld_finest(const AccountQuery *q, const Saddle *s);
/* E_LIMIT when the grid or the window would be larger than we go. */
bool pld_bounds(const AccountQuery *q, Direction d, const Saddle *s, double h, PldBounds *out, Err *e);

#endif
