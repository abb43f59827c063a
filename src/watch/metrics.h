/* metrics.h - the daemon's state as Prometheus reads it (text format 0.0.4).
 *
 * Base units, _total on counters, and never a client, a key or a value of data as a label: names of monitors, endpoints and
 * features only, at most METRICS_SERIES of a family, the rest summed up nowhere but counted in "other". */
#ifndef METRICS_H
#define METRICS_H
#include "watch/daemon.h"

enum { METRICS_SERIES = 1000 };

bool metrics_text(const Monitors *m, State *s, Buf *out, Err *e);

#endif
