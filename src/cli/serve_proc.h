/* serve_proc.h - the reference model servers as processes: one `moat model serve NAME` for each model that declares one. */
#ifndef SERVE_PROC_H
#define SERVE_PROC_H
#include "base/clock.h"
#include "crypto/digest.h"
#include "pipeline/pipeline.h"
#include <sys/types.h>

enum { SERVERS_MAX = 64 };

typedef struct Server {
    char    name[80], listen[128];
    Digest  digest;                                    /* of the model it loaded                       */
    pid_t   pid;                                       /* 0: not running                               */
    int64_t started_ns;
    unsigned deaths;                                   /* in a row, each soon after its start          */
} Server;

typedef struct Servers {
    Server v[SERVERS_MAX];
    size_t n;
} Servers;

/* Starts what the pipeline declares and waits until each answers; on false those started are stopped again. */
bool servers_start(Servers *s, const Pipeline *p, Clock clock, Err *e);
/* Stops and starts those whose declaration or model changed; the others go on. */
bool servers_reload(Servers *s, const Pipeline *p, Clock clock, Err *e);
/* To be called when a child ended: true when it was one of ours.  It is started again by servers_tend(). */
bool servers_reaped(Servers *s, pid_t pid, Clock clock);
/* Starts what died.  False when one keeps dying: then nothing more is tried for it until a reload. */
bool servers_tend(Servers *s, const Pipeline *p, Clock clock, Err *e);
void servers_stop(Servers *s);

#endif
