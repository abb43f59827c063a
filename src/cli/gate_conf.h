/* gate_conf.h - the text of nginx.conf for a pipeline's endpoints; pure, so that a test can read it. */
#ifndef GATE_CONF_H
#define GATE_CONF_H
#include "pipeline/pipeline.h"
#include <sys/stat.h>

typedef struct GateConf {
    const Pipeline *pipeline;
    const char *listen;                                /* "127.0.0.1:8080"             */
    const char *module, *policy, *keys, *spool;        /* absolute paths               */
} GateConf;

/* False with the line of moat.yaml when an endpoint cannot be served. */
bool gate_conf_text(const GateConf *c, Buf *out, Err *e);

#endif
