/* state.h - what the daemon knows, in one SQLite file: .moat/watch/state.db.
 *
 * Cursors into the spool, open windows, predictions that wait for labels, labels that wait for predictions, results and
 * alerts change in one transaction.  A kill at any moment leaves a state in which every event was counted exactly once: what
 * the cursors have not passed is read again, and nothing of it was kept.  It is a cache of the spool, not evidence: deleting it
 * loses open windows and waiting labels, and no Record.
 *
 * Predictions and labels are bounded by age (watch.keep) and number (STATE_ROWS_MAX).  One process at a time. */
#ifndef STATE_H
#define STATE_H
#include "spool/spool.h"
#include "watch/window.h"

enum { STATE_ROWS_MAX = 10000000 };

typedef struct State State;
State *state_open(const char *path, Err *e);           /* owned; E_DENIED when another daemon has it */
State *state_open_read(const char *path, Err *e);
void   state_close(State *s);                          /* NULL is fine */
bool   state_begin(State *s, Err *e);
bool   state_commit(State *s, Err *e);
void   state_rollback(State *s);

/* ---- counters and cursors */

bool state_number(State *s, const char *key, int64_t *v, Err *e);            /* 0 when it was never set */
bool state_number_set(State *s, const char *key, int64_t v, Err *e);
bool state_cursor(State *s, const char *folder, SpoolCursor *out, Err *e);   /* zeroed when there is none */
bool state_cursor_set(State *s, const char *folder, SpoolCursor c, Err *e);

/* ---- open windows, as bytes */

typedef bool WindowFn(void *ctx, Str monitor, int64_t start, Str bytes, Err *e);
bool state_windows(State *s, WindowFn *fn, void *ctx, Err *e);
bool state_window_set(State *s, Str monitor, int64_t start, Str bytes, Err *e);
bool state_window_drop(State *s, Str monitor, int64_t start, Err *e);

/* ---- predictions and labels; an id is the request's */

typedef struct Waiting {
    Str     id, endpoint, groups, y;                   /* y empty: no label yet          */
    int64_t time;
    double  label, score;                              /* as in Prediction               */
    char    room[300];                                 /* state_label: where `endpoint` lies */
} Waiting;
/* Joins with a label that came before: *joined then.  The first prediction of an id counts. */
bool state_prediction(State *s, const Waiting *p, bool *joined, Err *e);
/* Joins with its prediction (*out has endpoint and time) or waits for it.  The first label of an id counts: `known`. */
typedef enum { LABEL_JOINED, LABEL_WAITS, LABEL_KNOWN } LabelState;
bool state_label(State *s, Str id, Str y, int64_t time, Waiting *out, LabelState *state, Err *e);
typedef bool WaitingFn(void *ctx, const Waiting *p);
/* Predictions of an endpoint in [from, to), labelled or not, in the order of their ids. */
bool state_joined(State *s, Str endpoint, int64_t from, int64_t to, WaitingFn *fn, void *ctx, Err *e);
/* Forgets what is older than `before`, and the oldest beyond STATE_ROWS_MAX; *lost counts labels that never matched. */
bool state_expire(State *s, int64_t before, uint64_t *lost, Err *e);

/* ---- windows whose labels changed, results, alerts */

bool state_dirty(State *s, Str monitor, int64_t start, Err *e);
/* The oldest of them that starts before `before`. */
bool state_dirty_next(State *s, Str monitor, int64_t before, int64_t *start, bool *found, Err *e);
bool state_dirty_drop(State *s, Str monitor, int64_t start, Err *e);

typedef struct Result {
    Str     monitor;
    int64_t start;
    double  value;                                     /* NaN: could not be judged */
    bool    breach, clear;
    Str     json;                                      /* n, value, details        */
} Result;
bool state_judged(State *s, Str monitor, int64_t start, bool *out, Err *e);  /* there is a result for this window */
bool state_result(State *s, const Result *r, Err *e);  /* replaces */
typedef bool ResultFn(void *ctx, const Result *r, Err *e);
/* Those that could be judged, newest first, at most `limit`; an empty monitor means all of all, oldest first and without limit. */
bool state_results(State *s, Str monitor, size_t limit, ResultFn *fn, void *ctx, Err *e);

bool state_alert(State *s, Arena *a, Str monitor, Str *json, Err *e);         /* the state kept for it; empty: none */
bool state_alert_set(State *s, Str monitor, Str json, Err *e);
bool state_outbox_add(State *s, Str json, Err *e);
bool state_outbox_next(State *s, Arena *a, int64_t *n, Str *json, bool *found, Err *e);
bool state_outbox_drop(State *s, int64_t n, Err *e);

#endif
