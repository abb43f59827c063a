/* detect.h - one value after the other: has something changed?  Each *_add answers true at the value where it says so.
 *
 *     Adwin     Bifet, Gavalda 2007: a window that drops its old part when that differs from the rest
 *     Ddm       Gama 2004: an error rate that leaves its best by three deviations
 *     PageHinkley   a mean that creeps up                Cusum     Page 1954, for rates: quickest at a known step
 *
 * Choose by purpose: on one slow ramp their first alarms lie thousands of values apart.  All are plain structs without
 * pointers, so a snapshot is a copy; begin with the *_new of each.  Trusted: the caller; values are finite. */
#ifndef DETECT_H
#define DETECT_H
#include "base/base.h"

enum { ADWIN_ROWS = 32, ADWIN_BUCKETS = 6 };
typedef struct AdwinRow {
    uint32_t n;                                        /* of its buckets, the oldest first; each holds 2^row values */
    double   total[ADWIN_BUCKETS], variance[ADWIN_BUCKETS];
} AdwinRow;
typedef struct Adwin {
    double   delta, total, variance;
    uint64_t width, seen;
    uint32_t rows;
    AdwinRow row[ADWIN_ROWS];
} Adwin;
Adwin adwin_new(double delta);                         /* usually 0.002 */
bool  adwin_add(Adwin *a, double x);

typedef enum { DDM_STABLE, DDM_WARNING, DDM_DRIFT } DdmState;
typedef struct Ddm {
    uint64_t n;
    double   p, best, best_p, best_s;
} Ddm;
Ddm      ddm_new(void);
DdmState ddm_add(Ddm *d, bool error);

typedef struct PageHinkley {
    double   delta, lambda, alpha, mean, sum;
    uint64_t count;
} PageHinkley;
PageHinkley page_hinkley_new(double delta, double lambda, double alpha);     /* usually .005, 50, .9999 */
bool        page_hinkley_add(PageHinkley *d, double x);

typedef struct Cusum {
    double hit, miss, h, sum;                          /* what an error and a right answer add */
} Cusum;
/* From rate p0 to p1; the mean time between false alarms is at least e^h. */
Cusum cusum_new(double p0, double p1, double h);
bool  cusum_add(Cusum *c, bool error);
/* For values with a known mean and deviation: quickest at a shift of 2k deviations; two of them watch both sides. */
typedef struct CusumValue {
    double mean, deviation, k, h, sum;
} CusumValue;
bool cusum_value_add(CusumValue *c, double x);

#endif
