/* alertmanager.h - the alerts of this moment, for Prometheus' Alertmanager (API v2).
 *
 * It forgets what is not repeated: firing alerts are sent again each ALERTMANAGER_REPEAT_S with an end four times as far
 * away, one that ended is sent once more with its end now.  A failed call is repeated by the next turn. */
#ifndef ALERTMANAGER_H
#define ALERTMANAGER_H
#include "net/http_client.h"
#include "watch/alert.h"

enum { ALERTMANAGER_REPEAT_S = 60 };

/* The body of POST /api/v2/alerts for every alert of a monitor that names the sink; *n counts them. */
bool alertmanager_body(const Monitors *m, State *s, Str sink, int64_t now_ns, Buf *out, size_t *n, Err *e);
/* To every sink of kind alertmanager of the pipeline.  False with *e when one of them did not take it. */
bool alertmanager_send(HttpClient *c, const Pipeline *p, const Monitors *m, State *s, int64_t now_ns, Err *e);

#endif
