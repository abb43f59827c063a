/* policy.h - what moat.yaml's endpoints became: one self-contained file that nginx loads and `nginx -t` checks.
 *
 * The file is strict JSON ("moat.gate.policy/1") with everything inside: routes, limits, output control and the
 * text of the schemas, so that a gateway needs no other file and an operator can read what is in force.  Loading
 * compiles schemas and limits; an unknown member, a missing one or a value out of range is an error with its line. */
#ifndef POLICY_H
#define POLICY_H
#include "crypto/digest.h"
#include "gate/detect.h"
#include "gate/gcra.h"
#include "gate/respctl.h"
#include "gate/verdict.h"
#include "pipeline/pipeline.h"

typedef enum { FORMAT_JSON, FORMAT_TF, FORMAT_V1, FORMAT_V2 } GateFormat;

enum { KEY_IN_AUTHORIZATION = 1, KEY_IN_X_API_KEY = 2, KEY_IN_API_KEY = 4 };   /* which headers hold a credential */
enum { GATE_ENDPOINTS_MAX = 4096, GATE_BODY_MAX = 1 << 30, POLICY_FILE_MAX = 64 << 20 };

/* What of a request and its answer goes into the event. */
typedef enum { RECORD_NONE, RECORD_SAMPLED, RECORD_ALL } RecordFeatures;
typedef enum { PREDICTION_NONE, PREDICTION_RELEASED, PREDICTION_COMPUTED } RecordPrediction;
typedef enum { DETECT_OFF, DETECT_RECORD, DETECT_DEGRADE, DETECT_BLOCK } DetectAction;
typedef struct RecordPolicy {
    RecordFeatures   features;
    double           share;                            /* RECORD_SAMPLED: of the requests, 0 to 1 */
    RecordPrediction prediction;
} RecordPolicy;

typedef struct GateLimit {
    Gcra     g;
    bool     per_key;                                  /* else per client address (IPv6: per /64) */
    bool     nodelay;
    uint64_t seed;                                     /* of endpoint and position: keeps limits apart in the slots */
    char     name[GATE_LIMIT_NAME];
    uint64_t quota, window_s;
} GateLimit;

typedef struct GateEndpoint {
    Str        name, route;
    bool       prefix;                                 /* the route ends in "/" */
    StrList    methods;
    GateFormat format;
    StrList    content_types;                          /* lower case, without parameters */
    uint64_t   max_body;
    bool       keys_required;
    unsigned   key_headers;                            /* KEY_IN_*: to check, and to remove before forwarding */
    Str        scope;
    Str        model, upstream;
    bool       has_digest;                             /* the model was one file when the policy was written */
    Digest     model_digest;
    Str        schema_text;                            /* empty: any strict JSON */
    struct Schema *schema;                             /* compiled; NULL without one */
    GateLimit  limits[GATE_LIMITS_MAX];
    size_t     limit_count;
    RespPolicy control;
    RecordPolicy record;
    DetectAction detect;                               /* what an alarm of its detector does              */
    Str        detector_path;                          /* the calibrated model; the adapter reads it ...  */
    const DetectModel *detector;                       /* ... into here; NULL: nobody watches             */
    Str        allow;                                  /* the Allow header of a 405 */
} GateEndpoint;

typedef struct GatePolicySet {
    Str           name;                                /* the pipeline's */
    Str           listen;
    GateEndpoint *endpoints;
    size_t        count;
    Digest        digest;                              /* of the file: "the policy in force" */
} GatePolicySet;

/* NULL with line and hint.  Everything lives in the arena; `bytes` is borrowed for the arena's life. */
GatePolicySet *gate_policy_load(Arena *a, Str bytes, Err *e);
/* The file of a pipeline's endpoints.  Reads the schema files and, when they are there, the models' digests; what it
 * writes has been loaded once, so a schema that does not compile is an error here. */
bool gate_policy_write(const Pipeline *p, Buf *out, Err *e);

const GateEndpoint *gate_policy_find(const GatePolicySet *s, Str name);        /* NULL when absent */
/* The endpoint of a path: an exact route first, then the longest prefix; NULL when there is none. */
const GateEndpoint *gate_policy_route(const GatePolicySet *s, Str path);

#endif
