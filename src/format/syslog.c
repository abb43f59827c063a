/* syslog.c - see syslog.h. */
#include "format/syslog.h"
#include "base/clock.h"

/* ---- RFC 5424 */

/* Printable ASCII without blanks, at most `max` (s6); the rest becomes '?'. */
static void header_put(Buf *b, Str v, size_t max)
{
    buf_byte(b, ' ');
    if (v.n == 0)
        buf_byte(b, '-');
    for (size_t i = 0; i < v.n && i < max; i++)
        buf_byte(b, v.p[i] > 32 && v.p[i] < 127 ? (uint8_t)v.p[i] : '?');
}

/* SD-NAME: also no '=', ']' and '"' (s6.3.2). */
static void name_put(Buf *b, Str v)
{
    for (size_t i = 0; i < v.n; i++)
        buf_byte(b, v.p[i] > 32 && v.p[i] < 127 && strchr("=]\"", v.p[i]) == NULL ? (uint8_t)v.p[i] : '?');
}

static void param_put(Buf *b, const SyslogParam *p)
{
    buf_byte(b, ' '), name_put(b, p->name), buf_z(b, "=\"");
    for (size_t i = 0; i < p->value.n; i++) {
        if (p->value.p[i] == '"' || p->value.p[i] == '\\' || p->value.p[i] == ']')
            buf_byte(b, '\\');
        buf_byte(b, (uint8_t)p->value.p[i]);
    }
    buf_byte(b, '"');
}

static void params_put(Buf *b, const SyslogHead *h)
{
    buf_byte(b, ' ');
    for (size_t i = 0; i < h->param_count; i++) {
        const SyslogParam *p = &h->params[i];
        if (i == 0 || !str_eq(p->element, p[-1].element))
            buf_z(b, i > 0 ? "][" : "["), name_put(b, p->element);
        if (p->name.n > 0)
            param_put(b, p);
    }
    buf_byte(b, h->param_count > 0 ? ']' : '-');
}

/* Milliseconds, or microseconds where they say more; never finer (s6.2.3). */
static void stamp_put(Buf *b, int64_t ns)
{
    char    text[TIME_TEXT];
    int64_t us = ns / 1000 % 1000;
    time_text(ns, text);
    size_t n = strlen(text) - 1;
    buf_byte(b, ' '), buf_put(b, text, n);
    if (us > 0)
        buf_printf(b, "%03" PRId64, us);
    buf_byte(b, 'Z');
}

void syslog_put(Buf *b, const SyslogHead *h, Str msg)
{
    buf_printf(b, "<%u>1", h->facility * 8 + h->severity);
    stamp_put(b, h->time_ns);
    header_put(b, h->host, 255), header_put(b, h->app, 48), header_put(b, h->procid, 128), header_put(b, h->msgid, 32);
    params_put(b, h);
    if (msg.n == 0)
        return;
    buf_z(b, h->utf8 ? " \xEF\xBB\xBF" : " ");
    buf_str(b, msg);
}

void syslog_count(Buf *b, Str msg)
{
    buf_printf(b, "%zu ", msg.n);
    buf_str(b, msg);
}

/* ---- RELP (the librelp project's relp.html) */

void relp_put(Buf *b, uint32_t txnr, const char *command, Str data)
{
    buf_printf(b, "%" PRIu32 " %s %zu", txnr, command, data.n);
    if (data.n > 0)
        buf_byte(b, ' '), buf_str(b, data);
    buf_byte(b, '\n');
}

/* Digits up to a limit, then one byte that ends them. */
static RelpRead digits(Str in, size_t *at, uint32_t max, uint32_t *out)
{
    size_t   from = *at;
    uint64_t n = 0;
    for (; *at < in.n && in.p[*at] >= '0' && in.p[*at] <= '9'; ++*at) {
        n = n * 10 + (uint64_t)(in.p[*at] - '0');
        if (n > max || *at - from > 9)
            return RELP_BROKEN;
    }
    *out = (uint32_t)n;
    return *at == in.n ? RELP_MORE : *at == from ? RELP_BROKEN : RELP_FRAME;
}

static RelpRead command(Str in, size_t *at, Str *out)
{
    size_t from = *at;
    while (*at < in.n && *at - from <= 32 && (in.p[*at] | 32) >= 'a' && (in.p[*at] | 32) <= 'z')
        ++*at;
    *out = (Str){ in.p + from, *at - from };
    return *at - from > 32 ? RELP_BROKEN : *at == in.n ? RELP_MORE : *at == from || in.p[*at] != ' ' ? RELP_BROKEN : RELP_FRAME;
}

static unsigned status(Str data)
{
    if (data.n < 3 || (data.n > 3 && data.p[3] != ' '))
        return 0;
    uint64_t code;
    return str_u64((Str){ data.p, 3 }, &code) ? (unsigned)code : 0;
}

RelpRead relp_get(Str in, RelpAnswer *out, size_t *used)
{
    size_t   at = 0;
    uint32_t len;
    Str      name;
    RelpRead r = digits(in, &at, RELP_TXNR_MAX, &out->txnr);
    if (r != RELP_FRAME || in.p[at] != ' ')
        return r == RELP_FRAME ? RELP_BROKEN : r;
    at++;
    if ((r = command(in, &at, &name)) != RELP_FRAME)
        return r;
    at++;
    if ((r = digits(in, &at, RELP_DATA_MAX, &len)) != RELP_FRAME)
        return r;
    if (len > 0 && in.p[at++] != ' ')
        return RELP_BROKEN;
    if (in.n - at < (size_t)len + 1)
        return RELP_MORE;
    if (in.p[at + len] != '\n')
        return RELP_BROKEN;
    *used = at + len + 1;
    out->data = (Str){ in.p + at, len }, out->rsp = str_is(name, "rsp"), out->code = status(out->data);
    return RELP_FRAME;
}
