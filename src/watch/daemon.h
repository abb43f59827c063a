/* daemon.h - `moat watch run`: the spool in, windows and labels, verdicts and alerts out.
 *
 * A turn reads what is new of every producer, counts it, and commits counts and cursors together; judging waits until all
 * producers have been read to their end, so that a daemon that was away closes no window on half of its events.  Time is the
 * events' own: a window closes when the newest event, or the clock once everything is read, is past its end by the lateness
 * that was declared.  What comes for a window that was judged already is counted as late and goes nowhere; a window that nobody
 * saw yet is opened however old it is, so a daemon that was down for a day misses nothing.
 *
 * Trusted: moat.yaml, the state file's owner.  Not trusted: every byte of the spool. */
#ifndef DAEMON_H
#define DAEMON_H
#include "pipeline/pipeline.h"
#include "watch/alert.h"

typedef struct Daemon Daemon;
typedef struct DaemonTurn {
    uint64_t events, labels, judged, alerts;           /* of this turn                         */
    bool     drained;                                  /* every producer was read to its end   */
} DaemonTurn;

/* Reads references and state.  Owned: daemon_close().  `log` is where alerts are said. */
Daemon *daemon_open(const Pipeline *p, const Monitors *m, Clock clock, FILE *log, Err *e);
void    daemon_close(Daemon *d);                       /* NULL is fine */
/* Several turns until everything is read are several transactions.  False: nothing of this turn was kept. */
bool    daemon_turn(Daemon *d, DaemonTurn *out, Err *e);
State  *daemon_state(Daemon *d);

/* Counters for /metrics, since the state began. */
typedef struct DaemonCounters {
    int64_t events, late, labels, matched, unmatched, strange, no_row, corrupt_bytes, lost_frames;
} DaemonCounters;
bool daemon_counters(State *s, DaemonCounters *out, Err *e);

#endif
