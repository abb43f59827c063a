/* wire.h - a TCP connection that we open, with or without TLS, for protocols that are not HTTP.
 *
 * Everything has a time limit.  TLS is 1.2 or later and verifies chain and host name; there is no way to leave that out.
 * The process must block or ignore SIGPIPE: OpenSSL writes with write(2).
 *
 * Trusted: the caller's address.  Not trusted: what comes back. */
#ifndef WIRE_H
#define WIRE_H
#include "base/base.h"

typedef struct WireOptions {
    Str         address;                               /* "host:port", "[v6]:port"      */
    bool        tls;
    const char *ca_file;                               /* NULL: the system's            */
    unsigned    timeout_ms;                            /* to connect, and for one write */
} WireOptions;

typedef struct Wire Wire;                              /* one thread at a time */
Wire *wire_open(const WireOptions *o, Err *e);
void  wire_close(Wire *w);                             /* NULL is fine */

/* All of it is with the kernel, or false: then how much of it went out is not known. */
bool wire_write(Wire *w, Str bytes, Err *e);
typedef enum { WIRE_DATA, WIRE_QUIET, WIRE_CLOSED } WireRead;
/* What is there, at most `cap`; QUIET when nothing came in the time. */
WireRead wire_read(Wire *w, char *p, size_t cap, unsigned timeout_ms, size_t *n);
/* True when the other side's kernel has acknowledged everything that was written and has not closed.  That is not yet
 * the other program. */
bool wire_settled(Wire *w, unsigned timeout_ms);

#endif
