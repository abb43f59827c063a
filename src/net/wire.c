/* wire.c - see wire.h.  The socket never blocks; poll() keeps the time. */
#include "net/wire.h"
#include "net/http_server.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CHATTER_MS = 100 };                             /* how long we listen to one that talks without being asked */

struct Wire {
    int      fd;
    SSL_CTX *context;
    SSL     *tls;                                      /* NULL: plain */
    unsigned timeout_ms;
    char     name[300];                                /* address, for messages */
};

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool ready(int fd, short events, int64_t deadline)
{
    for (;;) {
        int64_t       left = deadline - now_ms();
        struct pollfd p = { .fd = fd, .events = events };
        int           n = poll(&p, 1, left > 0 ? (int)left : 0);
        if (n > 0 || (n < 0 && errno != EINTR))
            return n > 0;
        if (n == 0 && left <= 0)
            return errno = ETIMEDOUT, false;
    }
}

/* ---- opening */

static bool connect_one(Wire *w, const struct addrinfo *at, int64_t deadline)
{
    int       bad = 0, on = 1;
    socklen_t len = sizeof bad;
    w->fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (w->fd < 0)
        return false;
    setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(w->fd, at->ai_addr, at->ai_addrlen) == 0)
        return true;
    if (errno == EINPROGRESS && ready(w->fd, POLLOUT, deadline) && getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &bad, &len) == 0) {
        if (bad == 0)
            return true;
        errno = bad;
    }
    int why = errno;
    close(w->fd);
    w->fd = -1, errno = why;
    return false;
}

static bool connect_any(Wire *w, Str host, Str port, Err *e)
{
    char            h[256], p[16];
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV }, *list;
    snprintf(h, sizeof h, "%.*s", STR(host));
    snprintf(p, sizeof p, "%.*s", STR(port));
    int bad = getaddrinfo(h, p, &hints, &list);
    if (bad != 0)
        return err_set(e, E_IO, "%s: %s", w->name, gai_strerror(bad));
    for (struct addrinfo *at = list; at != NULL && w->fd < 0; at = at->ai_next)
        connect_one(w, at, now_ms() + w->timeout_ms);
    if (w->fd < 0)
        err_set(e, E_IO, "%s: %m", w->name);
    freeaddrinfo(list);
    return w->fd >= 0;
}

/* The reason OpenSSL has, or the verification's. */
static bool tls_failed(const Wire *w, const char *doing, Err *e)
{
    long          verify = w->tls != NULL ? SSL_get_verify_result(w->tls) : X509_V_OK;
    unsigned long code = ERR_get_error();
    const char   *why = verify != X509_V_OK ? X509_verify_cert_error_string(verify) : code != 0 ? ERR_reason_error_string(code) : NULL;
    ERR_clear_error();
    err_set(e, E_IO, "%s: %s: %s", w->name, doing, why != NULL ? why : "the connection ended");
    return verify == X509_V_OK ? false : err_hint(e, "name the receiver's CA: ca_file: /path/to/ca.pem");
}

/* 1: go on; 0: wait was over; -1: failed. */
static int tls_wait(const Wire *w, int result, int64_t deadline)
{
    int why = SSL_get_error(w->tls, result);
    if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
        return -1;
    return ready(w->fd, why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline);
}

static bool tls_hello(Wire *w, const char *host, Err *e)
{
    int64_t       deadline = now_ms() + w->timeout_ms;
    unsigned char raw[sizeof(struct in6_addr)];
    bool          number = inet_pton(AF_INET, host, raw) == 1 || inet_pton(AF_INET6, host, raw) == 1;
    bool          named = number ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(w->tls), host) == 1
                                 : SSL_set1_host(w->tls, host) == 1 && SSL_set_tlsext_host_name(w->tls, host) == 1;
    if (!named || SSL_set_fd(w->tls, w->fd) != 1)
        return tls_failed(w, "TLS", e);
    for (int r; (r = SSL_connect(w->tls)) != 1;) {
        int wait = tls_wait(w, r, deadline);
        if (wait <= 0)
            return wait == 0 ? err_set(e, E_IO, "%s: TLS: no answer in %u ms", w->name, w->timeout_ms) : tls_failed(w, "TLS", e);
    }
    return true;
}

static bool tls_open(Wire *w, Str host, const char *ca_file, Err *e)
{
    char name[256];
    snprintf(name, sizeof name, "%.*s", STR(host));
    w->context = SSL_CTX_new(TLS_client_method());
    if (w->context == NULL || SSL_CTX_set_min_proto_version(w->context, TLS1_2_VERSION) != 1)
        return tls_failed(w, "TLS", e);
    SSL_CTX_set_verify(w->context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(w->context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if ((ca_file != NULL ? SSL_CTX_load_verify_locations(w->context, ca_file, NULL) : SSL_CTX_set_default_verify_paths(w->context)) != 1)
        return tls_failed(w, ca_file != NULL ? ca_file : "the system's certificates", e);
    w->tls = SSL_new(w->context);
    return w->tls != NULL ? tls_hello(w, name, e) : tls_failed(w, "TLS", e);
}

Wire *wire_open(const WireOptions *o, Err *e)
{
    Str   host, port;
    Wire *w = calloc(1, sizeof *w);
    if (w == NULL)
        return err_nomem(e), NULL;
    w->fd = -1, w->timeout_ms = o->timeout_ms;
    snprintf(w->name, sizeof w->name, "%.*s", STR(o->address));
    bool ok = http_address(o->address, &host, &port) || err_set(e, E_USAGE, "'%s' is no address: write HOST:PORT", w->name);
    if (ok && connect_any(w, host, port, e) && (!o->tls || tls_open(w, host, o->ca_file, e)))
        return w;
    return wire_close(w), NULL;
}

void wire_close(Wire *w)
{
    if (w == NULL)
        return;
    if (w->tls != NULL && SSL_is_init_finished(w->tls))
        SSL_shutdown(w->tls);
    SSL_free(w->tls), SSL_CTX_free(w->context);
    ERR_clear_error();
    if (w->fd >= 0)
        close(w->fd);
    free(w);
}

/* ---- talking */

/* Bytes written now; 0: the wait was over; -1: failed. */
static ssize_t write_some(Wire *w, Str s, int64_t deadline)
{
    size_t part = s.n < (1 << 20) ? s.n : 1 << 20;
    for (;;) {
        ssize_t n = w->tls ? SSL_write(w->tls, s.p, (int)part) : send(w->fd, s.p, part, MSG_NOSIGNAL);
        if (n > 0)
            return n;
        int wait = w->tls                                ? tls_wait(w, (int)n, deadline)
                   : errno == EAGAIN || errno == EINTR ? ready(w->fd, POLLOUT, deadline)
                                                         : -1;
        if (wait <= 0)
            return wait;
    }
}

bool wire_write(Wire *w, Str bytes, Err *e)
{
    while (bytes.n > 0) {
        ssize_t n = write_some(w, bytes, now_ms() + w->timeout_ms);
        if (n == 0)
            return err_set(e, E_IO, "%s: takes nothing since %u ms", w->name, w->timeout_ms);
        if (n < 0)
            return w->tls ? tls_failed(w, "write", e) : err_set(e, E_IO, "%s: write: %m", w->name);
        bytes = str_from(bytes, (size_t)n);
    }
    return true;
}

WireRead wire_read(Wire *w, char *p, size_t cap, unsigned timeout_ms, size_t *n)
{
    int64_t deadline = now_ms() + timeout_ms;
    for (;;) {
        ssize_t got = w->tls ? SSL_read(w->tls, p, (int)cap) : recv(w->fd, p, cap, 0);
        if (got > 0)
            return *n = (size_t)got, WIRE_DATA;
        if (w->tls == NULL && (got == 0 || (errno != EAGAIN && errno != EINTR)))
            return WIRE_CLOSED;
        int wait = w->tls ? tls_wait(w, (int)got, deadline) : ready(w->fd, POLLIN, deadline);
        if (wait <= 0)
            return wait == 0 ? WIRE_QUIET : (ERR_clear_error(), WIRE_CLOSED);
    }
}

bool wire_settled(Wire *w, unsigned timeout_ms)
{
    char    ignored[512];
    size_t  n;
    int     left = 0;
    int64_t deadline = now_ms() + timeout_ms;
    for (;;) {
        WireRead r = wire_read(w, ignored, sizeof ignored, 0, &n);
        if (r == WIRE_DATA && now_ms() < deadline + CHATTER_MS)
            continue;                                  /* syslog receivers say nothing; session tickets come here */
        if (r != WIRE_QUIET || ioctl(w->fd, SIOCOUTQ, &left) != 0)
            return false;
        if (left == 0 || now_ms() >= deadline)
            return left == 0;
        usleep(500);
    }
}
