/* watch - what the gateway saw, and what follows from it.
 *
 *     anchor.h   events under Merkle roots in the ledger          drift.h    two samples of data, compared exactly
 *     columns.h  a file as typed columns                          monitor.h  monitors and their frozen references
 *     window.h   what a monitor counted in a span of time         state.h    everything the daemon knows, on disk
 *     judge.h    a window's numbers and verdict                   alert.h    when somebody is told, and that it is over
 *     daemon.h   the spool in, windows, labels, alerts out        metrics.h  what Prometheus reads
 *
 * A statistic says how far apart two things are, a rule says from where on somebody should know.  Nothing here is decided
 * on a p-value alone: with a million rows everything is significant, so an effect must be large enough as well.
 *
 * How to add one more statistic: a member of DriftFeature and its row in drift.c; one more rule: a row in rules.c.
 * Trusted: moat.yaml and the ledger.  Not trusted: the spool's bytes, labels, and every name and value in data. */
#ifndef WATCH_H
#define WATCH_H
#include "finding/finding.h"

typedef enum { W_DRIFT, W_NEW_CATEGORY, W_GONE_CATEGORY, W_MISSING, W_COLUMN, W_FEW,
               W_INPUT_DRIFT, W_CLASS_MIX, W_PERFORMANCE, W_TRAFFIC, W_FAIRNESS, W_RULES } WatchRule;
extern const Rule   watch_rules[];
extern const size_t watch_rules_len;

#endif
