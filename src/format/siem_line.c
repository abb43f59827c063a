/* siem_line.c - CEF (ArcSight, version 0) and LEEF 2.0 (QRadar): a header with bars, then key=value.
 *
 * CEF has escapes: backslash and bar in the header, backslash, '=' and line ends behind it.  LEEF has none, so what would
 * end a field early becomes a blank. */
#include "base/clock.h"
#include "format/siem.h"

/* ---- CEF */

static void cef_escape(Buf *b, Str v, const char *marks)
{
    for (size_t i = 0; i < v.n; i++) {
        char c = v.p[i];
        if (c == '\n' || c == '\r')
            buf_z(b, *marks == '|' ? " " : c == '\n' ? "\\n" : "\\r");
        else if (c == '\0')
            buf_byte(b, ' ');
        else {
            if (c == '\\' || c == *marks)
                buf_byte(b, '\\');
            buf_byte(b, (uint8_t)c);
        }
    }
}

static void cef_text(Buf *b, const char *key, Str v)
{
    if (v.n > 0)
        buf_byte(b, ' '), buf_z(b, key), buf_byte(b, '='), cef_escape(b, v, "=");
}

static void cef_number(Buf *b, const char *key, uint64_t v)
{
    if (v > 0)
        buf_printf(b, " %s=%" PRIu64, key, v);
}

static void cef_custom(Buf *b, const char *key, const char *label, Str v)
{
    if (v.n > 0)
        buf_printf(b, " %sLabel=%s", key, label), cef_text(b, key, v);
}

static const char *request_name(const SiemEvent *v)
{
    return str_is(v->verdict, "pass") ? "prediction allowed" : str_is(v->verdict, "refuse") ? "prediction refused" : "prediction failed";
}

static unsigned out_of_ten(unsigned severity) { return severity >= SIEM_CRITICAL ? 10 : severity * 2; }

void siem_cef(Buf *b, const SiemSource *from, const SiemEvent *v)
{
    buf_z(b, "CEF:0|moat|moat|"), cef_escape(b, from->version, "|"), buf_byte(b, '|');
    cef_escape(b, v->alert ? v->rule : v->reason.n > 0 ? v->reason : S("predict"), "|"), buf_byte(b, '|');
    cef_escape(b, v->alert ? v->title : str(request_name(v)), "|");
    buf_printf(b, "|%u|rt=%" PRId64, out_of_ten(v->severity), v->time_ns / 1000000);
    cef_text(b, "externalId", v->id), cef_text(b, "dvchost", from->host);
    cef_text(b, "src", v->address), cef_text(b, "suser", v->key);
    cef_text(b, "requestMethod", v->method), cef_text(b, "outcome", v->verdict), cef_text(b, "reason", v->reason);
    cef_text(b, "act", v->state), cef_text(b, "msg", v->message);
    cef_number(b, "in", v->bytes_in), cef_number(b, "out", v->bytes_out);
    if (v->status > 0)
        buf_printf(b, " cn1Label=status cn1=%" PRIu64, v->status);
    cef_custom(b, "cs1", "endpoint", v->endpoint), cef_custom(b, "cs2", "model", v->model);
    cef_custom(b, "cs3", "part", v->part), cef_custom(b, "cs4", "subject", v->subject);
    cef_custom(b, "cs5", "technique", v->technique), cef_custom(b, "cs6", "value", v->value);
}

/* ---- LEEF */

static void leef_plain(Buf *b, Str v, char mark)
{
    for (size_t i = 0; i < v.n; i++)
        buf_byte(b, v.p[i] == mark || (uint8_t)v.p[i] < 0x20 ? ' ' : (uint8_t)v.p[i]);
}

static void leef_text(Buf *b, const char *key, Str v)
{
    if (v.n > 0)
        buf_byte(b, '\t'), buf_z(b, key), buf_byte(b, '='), leef_plain(b, v, '\t');
}

static void leef_number(Buf *b, const char *key, uint64_t v)
{
    if (v > 0)
        buf_printf(b, "\t%s=%" PRIu64, key, v);
}

void siem_leef(Buf *b, const SiemSource *from, const SiemEvent *v)
{
    char     time[TIME_TEXT];
    unsigned severity = out_of_ten(v->severity);
    time_text(v->time_ns, time);
    time[strlen(time) - 1] = '\0';                     /* devTimeFormat has no letter for a bare Z */
    buf_z(b, "LEEF:2.0|moat|moat|"), leef_plain(b, from->version, '|'), buf_byte(b, '|');
    leef_plain(b, v->alert ? v->rule : v->reason.n > 0 ? v->reason : S("predict"), '|');
    buf_printf(b, "|x09|devTime=%s+0000\tdevTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ\tsev=%u", time, severity > 0 ? severity : 1);
    leef_text(b, "cat", v->alert ? S("alert") : v->verdict), leef_text(b, "externalId", v->id), leef_text(b, "devName", from->host);
    leef_text(b, "src", v->address), leef_text(b, "usrName", v->key);
    leef_text(b, "method", v->method), leef_number(b, "status", v->status), leef_text(b, "endpoint", v->endpoint);
    leef_text(b, "model", v->model), leef_number(b, "srcBytes", v->bytes_in), leef_number(b, "dstBytes", v->bytes_out);
    leef_text(b, "state", v->state), leef_text(b, "title", v->title), leef_text(b, "msg", v->message);
    leef_text(b, "part", v->part), leef_text(b, "subject", v->subject), leef_text(b, "technique", v->technique);
    leef_text(b, "value", v->value), leef_text(b, "threshold", v->threshold);
}
