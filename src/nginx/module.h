/* nginx - the gateway's adapter: turns a request into gate/ types, asks, and does what the verdict says.
 *
 * Nothing is decided here.  Where each question is put, and why there (nginx 1.22.1):
 *
 *     PREACCESS        phases.c    gate_head: a refusal is final here; in ACCESS `satisfy any` could overrule it
 *     PRECONTENT       phases.c    waits for the whole body, as the mirror module does, before anything is forwarded
 *     request body     body.c      gate_body_feed as the bytes come in; a refusal answers at once
 *     response         response.c  holds what output control must see; writes refusals as problem+json
 *     log              log.c       one event a request, whatever became of it; the $moat_* variables
 *
 *     conf.c  directives, policy, shared memory      keys.c  the key table, polled      request.c  an nginx request as ours
 *     detect.c  detectors of endpoints, their state between workers
 *
 * State of a request lives in a pool cleanup, because internal redirects zero r->ctx and a forgotten verdict would be
 * charged, or skipped, twice.  `return` and `rewrite ... return` answer before PREACCESS: keep them out of guarded
 * locations, as `moat gate run` does.
 *
 * Trusted: nginx's framing, the configuration.  Not trusted: requests; with output control, the upstream's answers. */
#ifndef MODULE_H
#define MODULE_H
#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "base/file.h"
#include "gate/gate.h"
#include "spool/spool.h"

extern ngx_module_t ngx_http_moat_module;

typedef struct MoatKeys {                              /* the table in force, and how to replace it */
    GateKeys    now;
    bool        loaded;
    Map         map;                                   /* the bytes behind `now`                            */
    Key        *signer;
    struct stat seen;                                  /* the file last looked at, good or bad              */
} MoatKeys;

typedef struct MoatDetector {                          /* of one endpoint: its model, and the state that workers share */
    DetectModel      model;
    ngx_shm_zone_t  *zone;
    ngx_slab_pool_t *pool;
    DetectState     *state;
} MoatDetector;

typedef struct MoatMain {                              /* one per configuration; each worker has its copy   */
    ngx_str_t       policy_path, keys_path, spool_path;
    Arena          *arena;
    GatePolicySet  *policy;
    ngx_shm_zone_t *zone;
    Slots          *slots;
    MoatDetector   *detectors;                         /* one for each endpoint of the policy, some without a zone */
    MoatKeys        keys;
    /* of a worker: */
    uint64_t         id_key[2], id_count;              /* what request ids are made of                      */
    Spool           *spool;
    Buf              event, answer;                    /* reused for each request                           */
    uint64_t         lost, told;                       /* events that found no place; of them, reported     */
    ngx_event_t      tick;
    ngx_connection_t nobody;                           /* what nginx's debug log wants behind a timer       */
    ngx_uint_t       ticks;
} MoatMain;

typedef enum { MOAT_OFF, MOAT_ON } MoatMode;

typedef struct MoatLoc {
    ngx_uint_t          mode;
    ngx_str_t           name;
    const GateEndpoint *ep;                            /* NULL with MOAT_ON: `moat deny`, no endpoint here  */
} MoatLoc;

typedef enum { ANSWER_PASS, ANSWER_LOOK, ANSWER_HOLD, ANSWER_DONE, ANSWER_PROBLEM } MoatAnswer;

enum { MOAT_ID = 32 };

typedef struct MoatRequest {
    char         id[MOAT_ID];                          /* hex; unique, not secret */
    const GateEndpoint *ep;
    GateVerdict  v;
    GateBody    *body;
    ngx_uint_t   uri_changes;                          /* as when we judged: tells our answers from error_page's */
    ngx_uint_t   http_version;                         /* the client's: an upstream's nonsense overwrites nginx's */
    unsigned     judged : 1, wants_body : 1, asked : 1, answered : 1, logged : 1;
    MoatAnswer   answer;
    u_char      *held;                                 /* the upstream's answer, while output control needs all of it */
    size_t       held_len, held_cap;
    RespInfo     info, computed;                       /* of the answer as released; as the model gave it */
} MoatRequest;

static inline Str str_of(ngx_str_t s) { return (Str){ (char *)s.data, s.len }; }
static inline ngx_str_t ngx_of(Str s) { return (ngx_str_t){ s.n, (u_char *)s.p }; }
#define main_of(r) ((MoatMain *)ngx_http_get_module_main_conf(r, ngx_http_moat_module))
#define loc_of(r) ((MoatLoc *)ngx_http_get_module_loc_conf(r, ngx_http_moat_module))

/* request.c */
MoatRequest *moat_find(ngx_http_request_t *r);         /* of the main request; NULL when it was never judged */
MoatRequest *moat_make(ngx_http_request_t *r);         /* finds or makes; NULL when out of memory            */
void         moat_request(ngx_http_request_t *r, GateRequest *out);
/* So that they are not forwarded.  False when out of memory: then nothing may be. */
bool         moat_remove_credentials(ngx_http_request_t *r, unsigned key_headers);
bool         moat_remove_ranges(ngx_http_request_t *r);
/* Adds a response header; the value is copied. */
ngx_table_elt_t *moat_add_header(ngx_http_request_t *r, const char *name, Str value);

/* phases.c, body.c, response.c, log.c: hooks, set by conf.c */
ngx_int_t moat_head_phase(ngx_http_request_t *r);
ngx_int_t moat_body_phase(ngx_http_request_t *r);
ngx_int_t moat_log_phase(ngx_http_request_t *r);
void      moat_body_hook(void);
void      moat_response_hook(void);
ngx_int_t moat_variables(ngx_conf_t *cf);
/* The status to answer with; remembers that this answer is ours. */
ngx_int_t moat_refused(ngx_http_request_t *r, MoatRequest *m);

/* keys.c */
bool moat_keys_open(MoatMain *m, Err *e);              /* pepper and signer: once, perhaps as root */
bool moat_keys_poll(MoatMain *m, ngx_log_t *log);      /* true when a newer table is in force */
void moat_keys_close(MoatMain *m);

/* detect.c */
bool moat_detectors_open(ngx_conf_t *cf, MoatMain *m, Err *e);
/* Lets the endpoint's detector, if any, see the body that begins. */
void moat_watch(MoatMain *main, MoatRequest *m, const GateRequest *q);

/* log.c */
ngx_int_t moat_worker_start(ngx_cycle_t *cycle);
void      moat_worker_stop(ngx_cycle_t *cycle);

#endif
