/* drift_own.h - what the files of drift.h share; not for others. */
#ifndef DRIFT_OWN_H
#define DRIFT_OWN_H
#include "watch/drift.h"

void drift_undefined(DriftFeature *f);                 /* every statistic NaN */
/* Fill one feature; false when the arena (scratch, of this feature alone) is too small.  n and m are rows. */
bool drift_numbers(Arena *a, const ColumnOf *ref, uint64_t n, const ColumnOf *cur, uint64_t m, DriftFeature *f);
bool drift_texts(Arena *a, const ColumnOf *ref, uint64_t n, const ColumnOf *cur, uint64_t m, uint64_t seed, DriftFeature *f);

#endif
