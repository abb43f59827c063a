/* reference.h - a monitor's frozen reference, from the dataset it names or the one its model was trained on. */
#ifndef REFERENCE_H
#define REFERENCE_H
#include "watch/monitor.h"

/* Fills features, classes and digest of *m as its metric needs them. */
bool reference_load(Arena *a, const Pipeline *p, const Named *n, const Endpoint *ep, Monitor *m, Err *e);
/* Of a value: its bin; bins when it is missing (not a number where numbers are, NaN). */
size_t feature_bin(const FeatureRef *f, const Json *v);

#endif
