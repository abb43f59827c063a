/* gate_run.h - the gateway as a process: nginx with our module, configured from moat.yaml alone.
 *
 * Everything nginx needs lies below .moat/run/gate/: nginx.conf, the compiled policy, its pid, its temporary files.
 * The configuration is rewritten at each start and reload, so moat.yaml stays the only place where anything is said.
 * A new one is written beside the one in force and `nginx -t` judges it before the running gateway hears of it; one
 * that does not hold up changes nothing.
 *
 * Trusted: the nginx binary found on PATH and the module beside our own.  Not trusted: texts of moat.yaml, which
 * pipeline/ has checked before they become nginx configuration. */
#ifndef GATE_RUN_H
#define GATE_RUN_H
#include "crypto/digest.h"
#include "pipeline/pipeline.h"
#include <sys/types.h>

typedef struct GateProcess {                           /* zero it before the first start */
    pid_t  pid;                                        /* the nginx master; 0: not running          */
    int    lock;                                       /* held while the run folder is ours; 0: not */
    char   listen[128];
    Digest policy;                                     /* of the policy in force                    */
} GateProcess;

/* Writes policy and configuration, has nginx test them, and puts them in force for the next start or reload.
 * `listen` NULL: the pipeline's own.  *policy (may be NULL) is the new policy's digest. */
bool gate_write_conf(const Pipeline *p, const char *listen, Digest *policy, Err *e);

/* Writes, tests and starts; returns when the address answers.  E_IO or E_DENIED with a hint when nginx or the module is
 * missing or does not fit, when the address or the folder is taken, or when an upstream or a file is not usable.
 * May be called again on a GateProcess whose process has ended (pid 0). */
bool gate_start(const Pipeline *p, const char *listen, GateProcess *g, Err *e);
/* Takes over what `p` says now; on false the running gateway goes on as it was. */
bool gate_reload(const Pipeline *p, const char *listen, GateProcess *g, Err *e);
/* Lets requests in flight finish for `grace_ms`, then ends it.  Fine on one that has ended. */
bool gate_stop(GateProcess *g, unsigned grace_ms, Err *e);

/* Writes gate.start or gate.stop into the ledger. */
bool gate_record(const Pipeline *p, bool start, const GateProcess *g, Err *e);

#endif
