/* syslog.h - RFC 5424 messages, RFC 6587 framing and RELP frames, as bytes; and what a RELP server answers.
 *
 * Trusted: the caller's lengths.  Not trusted: texts (header fields keep printable ASCII only, parameters are escaped)
 * and every byte of an answer. */
#ifndef SYSLOG_H
#define SYSLOG_H
#include "base/base.h"

typedef struct SyslogParam {
    Str element, name, value;                          /* parameters of one element stand together */
} SyslogParam;

typedef struct SyslogHead {
    unsigned           facility, severity;             /* 0..23, 0..7                              */
    int64_t            time_ns;
    Str                host, app, procid, msgid;       /* empty: "-"                               */
    const SyslogParam *params;
    size_t             param_count;
    bool               utf8;                           /* the message is UTF-8 and says so (BOM)   */
} SyslogHead;

/* Appends <PRI>1 TIME HOST APP PROCID MSGID SD [MSG]. */
void syslog_put(Buf *b, const SyslogHead *h, Str msg);
/* Appends "LEN SP MSG" (RFC 6587 s3.4.1, octet counting). */
void syslog_count(Buf *b, Str msg);

enum { RELP_TXNR_MAX = 999999999, RELP_DATA_MAX = 128 << 10 };
/* Appends one RELP frame; without data LEN is 0 and no blank follows. */
void relp_put(Buf *b, uint32_t txnr, const char *command, Str data);

typedef struct RelpAnswer {
    uint32_t txnr;                                     /* 0: a hint of the server (serverclose)    */
    bool     rsp;                                      /* else a command of the server             */
    unsigned code;                                     /* 200, 500 ...; 0 when an rsp has no data  */
    Str      data;                                     /* borrowed: all of it, code included       */
} RelpAnswer;
typedef enum { RELP_FRAME, RELP_MORE, RELP_BROKEN } RelpRead;
/* Reads one frame off the front of `in`; *used is its length.  MORE: not all of it is there yet. */
RelpRead relp_get(Str in, RelpAnswer *out, size_t *used);

#endif
