/* sinks.c - the table of sinks, and what they share. */
#include "base/file.h"
#include "crypto/secret.h"
#include "watch/sink.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

extern const SinkKind sink_file, sink_syslog, sink_syslog_tls, sink_relp, sink_webhook, sink_splunk, sink_elastic;

const SinkKind *const sink_kinds[] = {
    &sink_file, &sink_syslog, &sink_syslog_tls, &sink_relp, &sink_webhook, &sink_splunk, &sink_elastic,
};
const size_t sink_kind_count = len_of(sink_kinds);

const SinkKind *sink_kind(Str name)
{
    for (size_t i = 0; i < sink_kind_count; i++)
        if (str_is(name, sink_kinds[i]->name))
            return sink_kinds[i];
    return NULL;
}

static bool token_read(Sink *s, int fd, Err *e)
{
    const char *path = s->c.token_file;
    struct stat st;
    if (fstat(fd, &st) != 0)
        return err_set(e, E_IO, "%s: %m", path);
    if (!S_ISREG(st.st_mode))
        return err_set(e, E_IO, "%s: not a regular file", path);
    if ((st.st_mode & 077) != 0 || (st.st_uid != geteuid() && st.st_uid != 0))
        return err_set(e, E_DENIED, "%s: others may read or change this token", path), err_hint(e, "chmod 600 %s", path);
    ssize_t n = read(fd, s->token, sizeof s->token);
    if (n < 0 || n == (ssize_t)sizeof s->token)
        return err_set(e, n < 0 ? E_IO : E_LIMIT, "%s: %s", path, n < 0 ? strerror(errno) : "too long for a token");
    while (n > 0 && strchr(" \t\r\n", s->token[n - 1]) != NULL)
        n--;
    s->token[n] = '\0';
    for (ssize_t i = 0; i < n; i++)
        if ((uint8_t)s->token[i] < 0x20)
            return err_set(e, E_FORMAT, "%s: more than one line", path);
    return n > 0 || err_set(e, E_FORMAT, "%s: empty", path);
}

bool sink_token(Sink *s, bool needed, Err *e)
{
    if (s->c.token_file == NULL)
        return !needed || (err_set(e, E_USAGE, "sinks.%s: needs token_file:", s->c.name), err_hint(e, "moat help config sinks.token_file"));
    defer_fd int fd = open(s->c.token_file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return err_set(e, E_IO, "%s: %m", s->c.token_file);
    if (token_read(s, fd, e))
        return true;
    wipe(s->token, sizeof s->token);
    return false;
}

bool sink_needs_uri(const Sink *s, Err *e)
{
    if (s->c.uri != NULL)
        return true;
    err_set(e, E_USAGE, "sinks.%s: needs uri:", s->c.name);
    return err_hint(e, "moat help config sinks.uri");
}

Str sink_address(const Sink *s)
{
    Str         a = str(s->c.uri), rest;
    const char *scheme = strstr(s->c.uri, "://");
    if (scheme != NULL)
        a = str(scheme + 3);
    str_cut(a, '/', &a, &rest);
    return a;
}

bool sink_stopping(const Sink *s) { return s->stop != NULL && atomic_load(s->stop); }

void sink_pause(const Sink *s, unsigned ms)
{
    for (unsigned step; ms > 0 && !sink_stopping(s); ms -= step) {
        step = ms < 20 ? ms : 20;
        usleep(step * 1000);
    }
}

void item_done(ShipItem *i) { i->state = ITEM_DONE; }

void item_dead(ShipItem *i, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(i->reason, sizeof i->reason, fmt, args);
    va_end(args);
    for (char *p = i->reason; *p != '\0'; p++)
        if ((uint8_t)*p < 0x20 || *p == 0x7f)
            *p = ' ';
    i->state = ITEM_DEAD;
}
