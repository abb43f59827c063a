/* watchman.h - the detector in the request path: rows out of the body, a verdict's consequences into the answer.
 *
 * What an endpoint does about an alarm is its policy: DETECT_RECORD writes it into the event, DETECT_DEGRADE answers without scores,
 * DETECT_BLOCK refuses.  A request whose rows cannot be shown to the detector (of another width, too many) gets no scores under the
 * last two: what cannot be watched is not trusted.  The lock is the adapter's; it is held for one row at a time. */
#ifndef WATCHMAN_H
#define WATCHMAN_H
#include "gate/detect.h"
#include "gate/rowtap.h"

enum { WATCHED_ROWS = 256 };                           /* of one request; scoring a row costs tens of microseconds */

typedef struct Watchman {                              /* of a request; `model` NULL: nobody watches */
    const DetectModel *model;
    DetectState       *state;
    void             (*lock)(void *ctx), (*unlock)(void *ctx);
    void              *ctx;
    uint64_t           client;                         /* hash of key or address */
    int64_t            now_s;
} Watchman;

typedef struct Watched {                               /* the worst row of a request */
    uint64_t   rows, unseen;                           /* unseen: could not be shown */
    DetectSeen worst;
} Watched;

/* "{"level":"alarm",...}" for the event; empty when nobody watched. */
Str watched_text(const Watched *w, char *out, size_t size);

#endif
