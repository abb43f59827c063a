/* gate_workers.h - nginx answers SIGHUP at once and changes over later; this tells when it has. */
#ifndef GATE_WORKERS_H
#define GATE_WORKERS_H
#include "base/base.h"
#include <sys/types.h>

enum { GATE_WORKERS_MAX = 256 };

typedef struct GateWorkers {
    pid_t  v[GATE_WORKERS_MAX];
    size_t n;
} GateWorkers;

/* The master's children, as /proc lists them; none where the kernel does not or there is no master. */
GateWorkers gate_workers(pid_t master);
/* Waits until a worker that was not there `before` runs and none of those still accepts; false after ten seconds.
 * True at once where workers cannot be seen. */
bool gate_taken_over(pid_t master, const GateWorkers *before);

#endif
