/* verdict.h - one decision: the status, why, what was checked, and everything the answer needs to say.
 *
 * A verdict never carries the value that was refused: `param` is a JSON Pointer to the place and `text` is from our own
 * tables.  Statuses of unknown, expired, revoked and wrong keys are the same 401 with the same body; the reason is for
 * events alone. */
#ifndef VERDICT_H
#define VERDICT_H
#include "base/base.h"

typedef enum {
    GATE_OK,
    GATE_PATH,                                         /* 400 raw and normalised path differ, or an unsafe path  */
    GATE_ROUTE,                                        /* 404 no endpoint has this path                          */
    GATE_METHOD,                                       /* 405                                                    */
    GATE_NO_KEY,                                       /* 401 none given                                         */
    GATE_KEY_SHAPE,                                    /* 401 not a token of ours                                */
    GATE_KEY_UNKNOWN,                                  /* 401 no such id                                         */
    GATE_KEY_WRONG,                                    /* 401 the id is known, the secret is not                 */
    GATE_KEY_EARLY,                                    /* 401 not valid yet                                      */
    GATE_KEY_EXPIRED,                                  /* 401                                                    */
    GATE_KEY_REVOKED,                                  /* 401                                                    */
    GATE_KEY_TWICE,                                    /* 401 two different credentials                          */
    GATE_KEY_IN_QUERY,                                 /* 401 a credential in the query string: it is leaked now */
    GATE_KEY_SCOPE,                                    /* 403 the key does not hold the endpoint's scope         */
    GATE_KEY_MODEL,                                    /* 403                                                    */
    GATE_KEY_METHOD,                                   /* 403                                                    */
    GATE_KEY_ADDRESS,                                  /* 403 not from this client address                       */
    GATE_KEYS_ABSENT,                                  /* 503 keys are required and no table is loaded           */
    GATE_EXPLAIN,                                      /* 403 explanations would undo the output control         */
    GATE_TYPE,                                         /* 415 content type not listed                            */
    GATE_ENCODING,                                     /* 415 the body is encoded (gzip ...)                     */
    GATE_NO_BODY,                                      /* 400                                                    */
    GATE_TOO_LARGE,                                    /* 413                                                    */
    GATE_JSON,                                         /* 400 not JSON, or not strict JSON                       */
    GATE_SCHEMA,                                       /* 400 JSON, but not what the schema allows               */
    GATE_COST,                                         /* 403 costs more than the limit ever allows              */
    GATE_LIMIT,                                        /* 429                                                    */
    GATE_CANCELLED,                                    /* 408 the body did not come in time (adapter)            */
    GATE_DETECTED,                                     /* 403 the detector holds its client for an attacker      */
    GATE_RESPONSE_TYPE,                                /* 502 output control is on and the answer is no JSON     */
    GATE_RESPONSE_ENCODING,                            /* 502 the answer is encoded                              */
    GATE_RESPONSE_SIZE,                                /* 502 the answer is larger than we hold                  */
    GATE_RESPONSE_BODY,                                /* 502 the answer does not parse or does not add up       */
    GATE_PROTOCOL,                                     /* 400 broken HTTP, or a version nobody speaks (adapter)  */
    GATE_ABORTED,                                      /* 499 the client went away (adapter)                     */
    GATE_UPSTREAM,                                     /* 502 the model server did not answer (adapter)          */
    GATE_UPSTREAM_BUSY,                                /* 503 (adapter)                                          */
    GATE_UPSTREAM_SLOW,                                /* 504 (adapter)                                          */
    GATE_INTERNAL,                                     /* 500 our failure                                        */
    GATE_REASONS
} GateReason;

/* What ran, for the event: a check that is not in the mask was not made. */
enum {
    CHECK_PATH = 1 << 0, CHECK_ROUTE = 1 << 1, CHECK_METHOD = 1 << 2, CHECK_KEY = 1 << 3, CHECK_TYPE = 1 << 4, CHECK_SIZE = 1 << 5,
    CHECK_LIMIT = 1 << 6, CHECK_JSON = 1 << 7, CHECK_SCHEMA = 1 << 8, CHECK_OUTPUT = 1 << 9, CHECK_DETECT = 1 << 10,
};

enum { GATE_PARAM_MAX = 256, GATE_LIMITS_MAX = 8, GATE_PROBLEM_MAX = 2048, GATE_RATE_TEXT = 512, GATE_LIMIT_NAME = 16 };

typedef struct GateLimitState {                        /* one limit after this request, for the RateLimit headers */
    const char *name;                                  /* "key", "address", "key-2"; lives in the policy          */
    uint64_t    quota, window_s;                       /* q requests come every w seconds                         */
    uint64_t    remaining, reset_s;
    bool        violated;
} GateLimitState;

typedef struct GateVerdict {
    uint16_t   status;                                 /* 0: pass                                       */
    GateReason reason;
    uint32_t   checks;                                 /* CHECK_*                                       */
    uint64_t   delay_ns;                               /* pass, but only after this time                */
    uint64_t   retry_after_s;                          /* 429: whole seconds, at least 1                */
    uint32_t   cost;
    char       key_id[9];                              /* the key's public id, or ""                    */
    uint32_t   org;
    bool       record;                                 /* the event gets the features                    */
    bool       coarse;                                 /* pass, and the answer leaves without scores     */
    uint64_t   at;                                     /* 1 + byte of the body where it went wrong      */
    char       param[GATE_PARAM_MAX];                  /* JSON Pointer to the place in the body, or ""  */
    const char *keyword;                               /* schema keyword that failed, or NULL           */
    GateLimitState limits[GATE_LIMITS_MAX];
    size_t     limit_count;
} GateVerdict;

/* "ok", "path", "key_expired" ...: names for logs, events and metrics. */
const char *gate_reason_name(GateReason r);
uint16_t    gate_reason_status(GateReason r);          /* 0 for GATE_OK */
/* Sets status and reason; returns false, so that `return gate_refuse(...)` reads well. */
bool        gate_refuse(GateVerdict *v, GateReason r);

/* The body of a refusal, `application/problem+json` (RFC 9457).  Returns its length. */
size_t gate_problem(const GateVerdict *v, char out[static GATE_PROBLEM_MAX]);
/* Values of RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers); length 0: send no header
 * (no limits, or a 401 or 403, which must not tell). */
size_t gate_ratelimit_policy(const GateVerdict *v, char out[static GATE_RATE_TEXT]);
size_t gate_ratelimit(const GateVerdict *v, char out[static GATE_RATE_TEXT]);

#endif
