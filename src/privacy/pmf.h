/* pmf.h - one step's loss on a grid, by connecting the dots (Doroshenko et al. 2022).
 *
 * The real line of the noise is cut where the loss ln(P1/P0) passes the grid points jh.  A cell with masses a (under P)
 * and b (under Q) is replaced by two atoms at its ends with the same two masses: the hockey-stick curve becomes its
 * chords, an upper bound that is exact on the grid and O(h^2) off between.  Both directions use the same cells.
 *
 * What rounding may have done is not hidden but carried along:
 *     rho     relative error of any mass              edge    error of a cell's ends, in units of the loss
 *     nudge   the share of a cell that was moved up to make the split safe, times h
 *     floor   mass below the grid, tilted; it sits on the lowest atom                                        */
#ifndef PMF_H
#define PMF_H
#include "privacy/closed.h"

typedef struct Cells {
    double  h, rho, edge;
    int64_t first;                                     /* cell i: losses (first+i)h .. (first+i+1)h       */
    size_t  n;
    double *p1, *p0;                                   /* masses                                          */
    double  below[2], above[2];                        /* masses of losses outside: under P0, under P1    */
} Cells;

enum { CELLS_MAX = 1 << 22 };

/* `tail`: the mass that may be left outside on a side.  E_LIMIT when the grid would be too large. */
bool cells_new(Cells *c, const Phase *p, double h, double tail, Err *e);
void cells_free(Cells *c);

typedef struct Pmf {
    double  h, lambda, log_moment;                     /* sum over atoms of p e^(lambda loss), as a logarithm     */
    int64_t first;
    size_t  n;
    double *tilted;                                    /* p e^(lambda loss - log_moment)                          */
    double  infinite, above;                           /* mass at infinity, and all above the grid, not tilted    */
    double  floor, nudge, rho, edge;
} Pmf;

bool   pmf_new(Pmf *m, const Cells *c, Direction d, double lambda, Err *e);
void   pmf_free(Pmf *m);
/* ln sum tilted e^(theta loss) */
double pmf_moment(const Pmf *m, double theta);

#endif
