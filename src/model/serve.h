/* serve.h - the reference model server: one verified softmax or MLP model behind HTTP.
 *
 *     POST /v1/models/M:predict, /v1/models/M/versions/1:predict      KServe v1, TensorFlow Serving
 *     POST /v2/models/M/infer,   /v2/models/M/versions/1/infer        KServe v2 (kserve.h says which JSON)
 *     GET  /v1/models/M, /v2, /v2/models/M[/ready], /v2/health/live, /v2/health/ready
 *     GET  /metrics                                                   counters, for Prometheus
 *
 * It stands behind the gateway and holds no policy: limits here only keep it alive.  The model is verified and then
 * loaded from the bytes that were verified; a file that changes later changes nothing.
 *
 * Trusted: the verified model.  Not trusted: requests. */
#ifndef SERVE_H
#define SERVE_H
#include "model/model.h"

enum { SERVE_BODY_MAX = 64 << 20, SERVE_ROWS_MAX = 4096 };

typedef struct ServeOptions {
    const char *listen, *name;                         /* HOST:PORT; M of the routes      */
    uint64_t    max_body;                              /* 0: SERVE_BODY_MAX               */
    size_t      max_rows;                              /* of one request; 0: SERVE_ROWS_MAX */
    unsigned    threads;                               /* 0: one for each processor       */
} ServeOptions;

typedef struct ModelServer ModelServer;

/* Verifies, then loads.  NULL with *e when the model cannot be judged, loaded or served; NULL with e->code E_OK when it was
 * judged and found wanting: `found` says why.  Owned: model_serve_stop(). */
ModelServer *model_serve_start(const ModelCheck *c, const ServeOptions *o, Findings *found, ModelVerdict *v, Err *e);
const char *model_serve_address(const ModelServer *s);
/* Answers what is under way, then ends. */
void model_serve_stop(ModelServer *s);

#endif
