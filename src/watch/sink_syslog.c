/* sink_syslog.c - RFC 5424 over TCP (RFC 6587, octet counting) and over TLS (RFC 5425).
 *
 * Syslog has no acknowledgement.  We wait until the receiver's kernel has taken everything, and when a connection broke we
 * send the last batch again; what a dying receiver had read but not kept before that is lost, and nobody can know. */
#include "format/syslog.h"
#include "net/wire.h"
#include "watch/sink.h"
#include <unistd.h>

typedef struct Syslog {
    bool  tls;
    Wire *wire;
    Buf   out, last;                                   /* last: the batch before, for a connection that broke after it */
} Syslog;

static bool ascii(Str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((uint8_t)s.p[i] > 126)
            return false;
    return true;
}

/* From emergency down: critical 2, high 3, medium 4, low 5, info 6. */
static unsigned severity(unsigned siem) { return siem == SIEM_UNKNOWN ? 6 : siem > SIEM_FATAL ? 1 : 7 - siem; }

void sink_message(const Sink *s, Buf *b, const ShipItem *i)
{
    defer_buf Buf text = { 0 };
    char          element[40], pid[24], seq[24];
    s->c.format->put(&text, &s->from, &i->v);
    snprintf(element, sizeof element, "moat@%" PRIu64, s->c.enterprise);
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    snprintf(seq, sizeof seq, "%" PRIu64, i->v.seq);
    const SyslogParam params[] = { { str(element), S("id"), str(i->id) }, { str(element), S("seq"), str(seq) } };
    SyslogHead        h = { .facility = (unsigned)s->c.facility, .severity = severity(i->v.severity), .time_ns = i->v.time_ns,
                            .host = s->from.host, .app = S("moat"), .procid = str(pid), .msgid = i->v.alert ? S("alert") : S("request"),
                            .params = params, .param_count = s->c.enterprise > 0 ? len_of(params) : 0, .utf8 = !ascii(buf_view(&text)) };
    b->bad = b->bad || text.bad;
    syslog_put(b, &h, buf_view(&text));
}

static bool connected(Sink *s, Err *e)
{
    Syslog     *y = s->state;
    WireOptions o = { .address = sink_address(s), .tls = y->tls, .ca_file = s->c.ca_file, .timeout_ms = s->c.timeout_ms };
    if (y->wire != NULL && wire_settled(y->wire, 0))
        return true;
    wire_close(y->wire);
    y->wire = wire_open(&o, e);
    return y->wire != NULL && wire_write(y->wire, buf_view(&y->last), e);
}

static SinkResult lost(Syslog *y)
{
    wire_close(y->wire);
    y->wire = NULL;
    return SINK_RETRY;
}

static SinkResult syslog_send(Sink *s, ShipItem **v, size_t n, Err *e)
{
    Syslog *y = s->state;
    y->out.n = 0;
    for (size_t i = 0; i < n; i++)
        syslog_count(&y->out, v[i]->text);
    if (y->out.bad)
        return buf_free(&y->out), err_nomem(e), SINK_RETRY;
    if (!connected(s, e) || !wire_write(y->wire, buf_view(&y->out), e))
        return lost(y);
    if (!wire_settled(y->wire, s->c.timeout_ms)) {
        err_set(e, E_IO, "%s: the connection ended, or nobody takes what was written", s->c.uri);
        return lost(y);
    }
    Buf swap = y->last;
    y->last = y->out, y->out = swap;
    for (size_t i = 0; i < n; i++)
        item_done(v[i]);
    return SINK_JUDGED;
}

static bool open_as(Sink *s, bool tls, Err *e)
{
    Syslog *y = s->state = calloc(1, sizeof *y);
    if (y == NULL)
        return err_nomem(e);
    y->tls = tls;
    return sink_needs_uri(s, e) && (s->c.facility <= 23 || err_set(e, E_USAGE, "sinks.%s: facility goes from 0 to 23", s->c.name));
}

static bool plain_open(Sink *s, Err *e) { return open_as(s, false, e); }
static bool tls_open(Sink *s, Err *e) { return open_as(s, true, e); }

static void syslog_close(Sink *s)
{
    Syslog *y = s->state;
    if (y == NULL)
        return;
    wire_close(y->wire);
    buf_free(&y->out), buf_free(&y->last);
    free(y);
    s->state = NULL;
}

#define LOSS "an event is shipped when the receiver's kernel has taken it. The protocol has no acknowledgement: what the receiver had " \
             "not read or not written when it died is lost, unless the connection broke before the next batch. Where that matters use relp."
const SinkKind sink_syslog = { "syslog", LOSS, false, sink_message, plain_open, syslog_send, syslog_close };
const SinkKind sink_syslog_tls = { "syslog-tls", LOSS, false, sink_message, tls_open, syslog_send, syslog_close };
