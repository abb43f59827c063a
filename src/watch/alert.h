/* alert.h - from a row of verdicts to somebody being told, once: pending, firing, resolved.
 *
 * An alert fires when `pending` of the last `of` judged windows are beyond the threshold, and ends when the last `of` are all
 * back by a fifth (80 % of the threshold): a value that hovers at the line neither rings again and again nor stops ringing.
 * Both are read off the results in the store, so a window that is judged again, because late labels came, counts as what it
 * is now.  Unknown windows do not count.
 *
 * A change goes into an outbox in the transaction that made it and is delivered after the commit: a line on standard error, a
 * frame of kind SPOOL_ALERT for sinks, a Record in the ledger.  After a crash the last one may be delivered twice, with the
 * same id; the ledger has it once. */
#ifndef ALERT_H
#define ALERT_H
#include "ledger/ledger.h"
#include "spool/event.h"
#include "watch/judge.h"

enum { ALERT_ID = 33 };
void alert_id(const Monitor *m, char out[static ALERT_ID]);
/* After a result of this monitor was stored: moves its state, and puts a change into the outbox.  Within a transaction. */
bool alert_step(const Monitor *m, State *s, const Judged *j, int64_t now_ns, Err *e);
/* Delivers what is in the outbox; each entry is dropped once spool and ledger have it.  `ledger` may be NULL. */
bool alert_deliver(State *s, Spool *spool, Ledger *ledger, Clock clock, FILE *log, uint64_t *delivered, Err *e);
/* The state of a monitor's alert: false when it is not firing. */
bool alert_firing(Arena *a, State *s, const Monitor *m, AlertEvent *out, Err *e);

#endif
