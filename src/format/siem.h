/* siem.h - one event, in the words of the systems that security teams read: OCSF, ECS, CEF, LEEF.
 *
 * Pure functions: a SiemEvent in, bytes out, no sockets, no clock.  The canonical form is OCSF 1.9.0 (schema.ocsf.io): a
 * request is an API Activity (6003) with the profiles ai_operation and security_control, an alert a Detection Finding (2004).
 * The others are mappings of the same fields.  Every form carries the event's id, which stays the same however often it is
 * sent: receivers find duplicates by it.
 *
 * How to add one more: a writer here, a row in siem_formats, a choice of `format` in the key table.
 *
 * Trusted: the caller's lengths.  Not trusted: every text, which clients may have chosen; each form escapes its own marks. */
#ifndef SIEM_H
#define SIEM_H
#include "base/base.h"

enum { SIEM_UNKNOWN, SIEM_INFO, SIEM_LOW, SIEM_MEDIUM, SIEM_HIGH, SIEM_CRITICAL, SIEM_FATAL };    /* OCSF severity_id */

/* Where events come from; the same for all of one shipper. */
typedef struct SiemSource {
    Str host;                                          /* this machine                                       */
    Str system;                                        /* name of the pipeline                               */
    Str version;                                       /* of moat                                            */
} SiemSource;

typedef struct SiemEvent {
    Str      id;                                       /* event_id(): the same on every retry                */
    int64_t  time_ns;
    uint64_t seq;
    Str      producer;
    unsigned severity;                                 /* SIEM_*                                             */
    bool     alert;                                    /* else a request                                     */
    Str      raw;                                      /* the payload as the ledger's Merkle tree knows it: JSON */
    uint64_t cut_from;                                 /* bytes of the payload before the prediction was left out; 0: whole */
    /* a request */
    Str      request, endpoint, method, address, key;
    Str      model, model_digest;                      /* name of the part; SHA-256, hex                     */
    Str      verdict, reason;
    uint64_t status, checks, cost, bytes_in, bytes_out, upstream_us, total_us;
    Str      prediction;                               /* JSON                                               */
    /* an alert */
    Str      alert_id, state, rule, title, message, fix, part, subject, technique, since;
    Str      value, threshold;                         /* JSON numbers                                       */
} SiemEvent;

typedef void SiemWriter(Buf *b, const SiemSource *from, const SiemEvent *v);
SiemWriter siem_json;                                  /* {"id","time","producer","seq","kind","event": the payload} */
SiemWriter siem_ocsf;
SiemWriter siem_ecs;                                   /* Elastic Common Schema; ours under moat.*           */
SiemWriter siem_cef;                                   /* one line, no line end                              */
SiemWriter siem_leef;

typedef struct SiemFormat {
    const char *name;                                  /* as in `format:` of a sink                          */
    SiemWriter *put;
    bool        json;                                  /* one JSON object                                    */
    const char *sourcetype;                            /* for Splunk                                         */
} SiemFormat;
extern const SiemFormat siem_formats[];
extern const size_t     siem_format_count;
const SiemFormat *siem_format(Str name);               /* NULL when unknown */

/* "AML.T0024.002" is a part of "AML.T0024": the length of the technique's own id. */
size_t siem_technique(Str id);
/* Looks like an IP address: what a field of that type takes. */
bool   siem_is_ip(Str s);

#endif
