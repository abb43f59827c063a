/* rules.h - the trade's rules by name, and one way to raise them. */
#ifndef DATA_RULES_H
#define DATA_RULES_H
#include "data/data.h"
#include "data/history.h"

typedef enum {
    D_ROLLBACK, D_UNSIGNED, D_CHANGED, D_MISSING, D_EXTRA, D_STORE, D_OBJECT, D_REF, D_EXPIRED, D_KIND, D_LABELS, D_LINK, D_PINNED,
    D_UNREADABLE, D_LEDGER, D_OUTLIER, D_MISLABELED, D_OPAQUE, D_STEP, D_RULES
} DataRule;

/* Part "datasets.NAME"; `evidence` may be empty.  False when out of memory. */
bool found_at(Findings *l, const History *h, DataRule rule, Str subject, Place at, Str evidence, const char *fmt, ...)
    __attribute__((format(printf, 7, 8)));
bool found(Findings *l, const History *h, DataRule rule, Str subject, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* What we could not judge: the same with state unknown. */
bool found_unknown(Findings *l, const History *h, DataRule rule, Str subject, const Err *why);

#endif
