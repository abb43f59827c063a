/* gate - the inference gateway's core: one request in, one verdict out.
 *
 * Positive security: an endpoint of moat.yaml says what a model expects and what may leave; everything else is refused
 * with a reason.  The core is pure.  It opens no socket, reads no clock, keeps no globals, knows no nginx and takes no
 * memory for a request: the adapter (nginx/, or a replay) brings bytes, time and memory and does what the verdict says.
 *
 *     gate_head            path, route, method, key, content type, length, limits     before the body is read
 *     gate_body_*          the body, cut anywhere: strict JSON, schema, size          while it comes in
 *     gate_response_*      output control                                             before the answer leaves
 *
 *     verdict.h  the decision and its texts      key.h   tokens and their table        gcra.h, slots.h  limits
 *     policy.h   endpoints, compiled             respctl.h  output control             schema.h  JSON Schema
 *
 * Trusted: the policy, the key table once its signature holds, the adapter.  Not trusted: requests, and the
 * answers of the model server when output control is on.
 *
 * How to add one more check: a reason in verdict.h with its row in verdict.c, a pure function called from gate.c, and,
 * when it has a setting, a key in pipeline/ and its member in policy.c.  The adapter does not change. */
#ifndef GATE_H
#define GATE_H
#include "gate/features.h"
#include "gate/key.h"
#include "gate/policy.h"
#include "gate/slots.h"
#include "gate/watchman.h"

enum { GATE_CREDENTIALS_MAX = 4 };

typedef struct GateCredential {
    unsigned header;                                   /* one of KEY_IN_*              */
    Str      value;                                    /* the header's value, as it came */
} GateCredential;

typedef struct GateRequest {                           /* all texts borrowed until gate_head() returns        */
    Str      method;
    Str      raw_path;                                 /* as it came, without the query                       */
    Str      path;                                     /* after nginx's normalisation                         */
    Str      query;                                    /* without '?'                                         */
    Str      content_type, content_encoding;           /* p NULL when absent                                  */
    int64_t  content_length;                           /* -1: a body of unknown length; 0: none               */
    /* Each occurrence of authorization, x-api-key, api-key; beyond the array only the count grows. */
    GateCredential credentials[GATE_CREDENTIALS_MAX];
    size_t   credential_count;
    uint8_t  address[16];                              /* of the client, network order                        */
    size_t   address_len;                              /* 4, 16, or 0: none (unix socket)                     */
    bool     tls;
    uint64_t now_ns;                                   /* CLOCK_MONOTONIC: limits                             */
    int64_t  now_s;                                    /* wall clock: validity of keys                        */
    uint64_t chance;                                   /* 64 random bits: which requests are sampled          */
} GateRequest;

typedef struct GateEnv {                               /* what a worker holds */
    const GateKeys *keys;                              /* NULL: none loaded; endpoints that need one answer 503 */
    Slots          *slots;                             /* needed when any endpoint has a limit                  */
} GateEnv;

/* Before the body.  `ep` NULL means no endpoint: 404.  Clears and fills *v; true is pass (perhaps after v->delay_ns).
 * Charges the limits only when everything else passed. */
bool gate_head(const GateEnv *env, const GateEndpoint *ep, const GateRequest *r, GateVerdict *v);
/* False: no body is expected (content_length 0 on GET, HEAD, DELETE); skip gate_body_*. */
bool gate_wants_body(const GateRequest *r);

/* ---- the body */

typedef struct GateBody GateBody;                      /* opaque; lives in the caller's memory for one request */

/* Bytes of state a request to this endpoint needs (16-byte aligned); fixed when the policy is loaded. */
size_t    gate_body_size(const GateEndpoint *ep);
/* `memory` is the caller's (a request pool) and needs no clearing and no freeing.  `v` is borrowed until the end; it goes
 * on from gate_head's. */
GateBody *gate_body_begin(const GateEndpoint *ep, void *memory, GateVerdict *v);
/* Before the first byte: this detector sees every row, and gate_body_end() does what the endpoint's policy says of an alarm. */
void      gate_body_watch(GateBody *b, const Watchman *w);
/* Any cut.  False as soon as the verdict is a refusal (in *v); further bytes need not be fed. */
bool      gate_body_feed(GateBody *b, Str bytes);
/* After the last byte.  False: refused. */
bool      gate_body_end(GateBody *b);
uint64_t  gate_body_bytes(const GateBody *b);
/* Of a body that was let in, its first row for the event; NULL when the policy does not want it.  Call it once, after
 * gate_body_end(); *text is borrowed and empty when there is no such row. */
const Features *gate_body_features(GateBody *b, Str *text);

/* What the detector saw; NULL when nobody watched. */
const Watched *gate_body_watched(const GateBody *b);

/* ---- the answer */

typedef enum { RESPONSE_PASS, RESPONSE_LOOK, RESPONSE_HOLD, RESPONSE_REFUSE } GateResponseAction;
enum { GATE_LOOK_MAX = 256 << 10 };

typedef struct GateResponse {
    unsigned status;
    Str      content_type, content_encoding;           /* p NULL when absent */
    int64_t  content_length;                           /* -1 unknown         */
    bool     head;                                     /* the request was HEAD: there is no body */
} GateResponse;

/* PASS: the bytes go through untouched (control off, not a 2xx, 304, HEAD).  LOOK: they go through, and the event wants to
 * know what they said: keep a copy of at most GATE_LOOK_MAX bytes for gate_response_look().  HOLD: collect the body, at most
 * RESP_MAX bytes (more: gate_refuse(v, GATE_RESPONSE_SIZE)), then gate_response_end().  REFUSE: 502, *v says why. */
/* With v->coarse the control is stricter than the endpoint's: no scores. */
GateResponseAction gate_response_begin(const GateEndpoint *ep, const GateResponse *r, GateVerdict *v);
/* The controlled body into `out` (cleared first; keep one per worker).  False: 502. */
bool gate_response_end(const GateEndpoint *ep, Str body, Buf *out, RespInfo *info, GateVerdict *v);
/* What an answer says, as it came from the model; *info is zeroed when it says nothing that we understand.  `scratch` is
 * overwritten. */
void gate_response_look(const GateEndpoint *ep, Str body, Buf *scratch, RespInfo *info);

#endif
