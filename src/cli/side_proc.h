/* side_proc.h - what `moat up` runs beside gateway and model servers: another `moat NOUN VERB --config FILE`, kept alive. */
#ifndef SIDE_PROC_H
#define SIDE_PROC_H
#include "base/clock.h"
#include "pipeline/pipeline.h"
#include <sys/types.h>

typedef struct Side {
    const char *noun, *verb;                           /* set by the owner                  */
    pid_t       pid;                                   /* 0: not running                    */
    int64_t     started_ns;
    unsigned    deaths;                                /* in a row, each soon after a start */
} Side;

bool side_start(Side *s, const Pipeline *p, Clock clock, Err *e);
/* To be called when a child ended: true when it was this one. */
bool side_reaped(Side *s, pid_t pid, Clock clock);
/* Starts it when it died; the more often it died, the later.  Call about once a second. */
bool side_tend(Side *s, const Pipeline *p, Clock clock, Err *e);
void side_stop(Side *s);                               /* fine when it is not running */

#endif
