/* sink.h - one place that events are shipped to: its settings, its row in the table, and the verdict on each event.
 *
 * A sink knows one protocol.  It is handed events that are written in its format already, talks to its receiver, and says
 * of each event whether it arrived for good (DONE), can never arrive (DEAD, with the reason) or is still owed (PENDING).
 * It never waits to try again and never decides what is read next: that is the shipper's, ship.h, the same for all.
 *
 * What "arrived" means is the sink's promise, printed by `moat watch ship --explain`; it is as strong as its protocol.
 *
 * How to add one more: a file sink_NAME.c with a SinkKind, its line in sinks.c, its kind and keys in pipeline/keys.c, a test
 * against the real receiver, a fuzzer for what the receiver answers.
 *
 * Trusted: the settings.  Not trusted: the receiver. */
#ifndef SINK_H
#define SINK_H
#include "base/clock.h"
#include "format/siem.h"
#include "spool/event.h"
#include <stdatomic.h>

typedef enum { ITEM_PENDING, ITEM_DONE, ITEM_DEAD } ItemState;

typedef struct ShipItem {
    char      id[EVENT_ID];
    SiemEvent v;
    Str       payload, text;                           /* as in the spool; as the receiver gets it  */
    uint16_t  kind;                                    /* SPOOL_REQUEST ...                         */
    ItemState state;
    char      reason[200];                             /* DEAD: why; without line ends              */
} ShipItem;

typedef struct SinkConf {
    char             *name, *uri, *path, *token_file, *ca_file, *index, *channel;     /* NULL: not given */
    const SiemFormat *format;
    bool              alerts, requests;                /* which events it gets                      */
    bool              ack, gzip;
    uint64_t          batch, batch_bytes, message_max, facility, enterprise;
    int64_t           batch_age_ns, retry_min_ns, retry_max_ns, ack_timeout_ns;
    unsigned          timeout_ms;
} SinkConf;

typedef enum {
    SINK_JUDGED,                                       /* each item's state is right; PENDING ones are sent again */
    SINK_RETRY,                                        /* nobody took them now: wait, then again                  */
    SINK_SPLIT,                                        /* too much at once, or one of them is bad: send fewer; when it
                                                          was one, it is dead                                      */
    SINK_STOP,                                         /* the settings are wrong: nothing will ever arrive        */
} SinkResult;

typedef struct Sink Sink;
typedef struct SinkKind {
    const char *name;
    const char *promise;                               /* when an event counts as shipped, and what can be lost */
    bool        acknowledged;                          /* the receiver itself says that it has it               */
    /* How an item stands on the wire, at most message_max bytes; NULL: as its format writes it, of any length. */
    void       (*write)(const Sink *s, Buf *b, const ShipItem *i);
    bool       (*open)(Sink *s, Err *e);               /* checks settings and takes the token; connects nothing */
    SinkResult (*send)(Sink *s, ShipItem **v, size_t n, Err *e);
    void       (*close)(Sink *s);                      /* fine after a failed open                              */
} SinkKind;

enum { SINK_TOKEN_MAX = 4096 };

struct Sink {
    const SinkKind    *kind;
    SinkConf           c;
    SiemSource         from;
    Clock              clock;
    const atomic_bool *stop;                           /* set: end what waits                       */
    uint64_t           retry_after_ms;                 /* what the receiver asked for; 0: nothing   */
    char               token[SINK_TOKEN_MAX + 1];
    void              *state;                          /* the kind's                                */
};

extern const SinkKind *const sink_kinds[];
extern const size_t          sink_kind_count;
const SinkKind *sink_kind(Str name);                   /* NULL when there is none */

/* ---- shared by the kinds */

/* Reads c.token_file into s->token: a regular file of ours that nobody else may read.  True without one unless `needed`. */
bool sink_token(Sink *s, bool needed, Err *e);
bool sink_needs_uri(const Sink *s, Err *e);
/* Where to connect: c.uri without a scheme and what follows the port. */
Str  sink_address(const Sink *s);
/* The RFC 5424 message of an item: a `write` for syslog and RELP. */
void sink_message(const Sink *s, Buf *b, const ShipItem *i);
bool sink_stopping(const Sink *s);
void sink_pause(const Sink *s, unsigned ms);           /* ends early when stopping */
void item_done(ShipItem *i);
void item_dead(ShipItem *i, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- HTTP, shared by splunk, elasticsearch and the webhook */

typedef struct SinkHttp SinkHttp;
SinkHttp *sink_http_open(Err *e);
void      sink_http_close(SinkHttp *h);                /* NULL is fine */

typedef struct SinkAnswer {
    Arena *arena;                                      /* holds the texts; the caller frees it */
    int    status;
    Str    body;
} SinkAnswer;
/* POSTs `body` (compressed when the sink says so and it pays) to uri + path.  JUDGED: there is an answer, of whatever
 * status; RETRY: there is none.  Retry-After is noted in the sink. */
SinkResult sink_post(Sink *s, SinkHttp *h, const char *path, const char *const *headers, size_t header_count, Str body,
                     SinkAnswer *out, Err *e);
/* What a status without a closer look means: JUDGED for 2xx, RETRY, SPLIT (413, other 4xx) or STOP (3xx, 401, 403, 404). */
SinkResult sink_status(const Sink *s, int status, Str body, Err *e);

/* ---- answers, as pure functions (each has a fuzzer) */

typedef struct HecAnswer {
    int64_t  code;                                     /* -1: the answer has none   */
    bool     acked;                                    /* it has an ackId           */
    uint64_t ack_id;
    bool     numbered;                                 /* it names the invalid event */
    uint64_t invalid;
} HecAnswer;
bool hec_answer(Arena *a, Str body, HecAnswer *out);           /* false: not JSON of that form */
/* True when `acks` of the answer has "ID": true. */
bool hec_acked(Arena *a, Str body, uint64_t ack_id);

/* One item's fate; the words of Elasticsearch's _bulk. */
typedef enum { BULK_DONE, BULK_RETRY, BULK_DEAD, BULK_STOP } BulkFate;
BulkFate bulk_fate(uint64_t status, Str error_type);
/* Judges n items by the answer; false when it is not an answer to these n ids: then nothing was judged. */
bool bulk_answer(Arena *a, Str body, ShipItem **v, size_t n, bool *stop, Err *e);

#endif
