/* http_server.c - see http_server.h. */
#include "net/http_server.h"
#include "base/file.h"
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTION_MEMORY = 64 << 10, BACKLOG = 512, DRAIN_FACTOR = 4 };

struct HttpServer {
    struct MHD_Daemon *daemon;
    HttpServerOptions  o;
    int                socket;
    atomic_uint        open;                           /* requests that have begun and are not answered */
    char               address[80];
};

typedef struct Exchange {                              /* one request under way */
    HttpServer *server;
    Buf         body;
    uint64_t    seen;                                  /* body bytes, kept or thrown away */
    bool        too_large;
} Exchange;

const char *http_header(const HttpRequest *q, const char *name)
{
    return MHD_lookup_connection_value(q->connection, MHD_HEADER_KIND, name);
}

/* ---- replies */

static enum MHD_Result send_reply(struct MHD_Connection *c, HttpReply *r)
{
    bool  whole = !r->body.bad;
    void *bytes = whole ? r->body.p : NULL;
    struct MHD_Response *m = MHD_create_response_from_buffer(whole ? r->body.n : 0, bytes, MHD_RESPMEM_MUST_FREE);
    if (m == NULL)
        return buf_free(&r->body), MHD_NO;
    if (!whole)
        buf_free(&r->body);
    MHD_add_response_header(m, "Content-Type", r->type ? r->type : "application/json");
    MHD_add_response_header(m, "X-Content-Type-Options", "nosniff");
    if (r->allow != NULL)
        MHD_add_response_header(m, "Allow", r->allow);
    enum MHD_Result ok = MHD_queue_response(c, whole ? (unsigned)(r->status ? r->status : 200) : 500, m);
    MHD_destroy_response(m);
    return ok;
}

static enum MHD_Result send_problem(HttpServer *s, struct MHD_Connection *c, int status, const char *message)
{
    HttpReply r = { .status = status };
    if (s->o.problem != NULL)
        s->o.problem(s->o.ctx, status, message, &r.body);
    return send_reply(c, &r);
}

static enum MHD_Result send_too_large(HttpServer *s, struct MHD_Connection *c)
{
    char message[80];
    snprintf(message, sizeof message, "the body is larger than %" PRIu64 " bytes", s->o.max_body);
    return send_problem(s, c, 413, message);
}

/* ---- requests */

/* The head has arrived.  A body that announces itself as too large is refused before it is sent. */
static enum MHD_Result begin(HttpServer *s, struct MHD_Connection *c, void **slot)
{
    const char *length = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Content-Length");
    uint64_t    announced;
    Exchange   *x = calloc(1, sizeof *x);
    if (x == NULL)
        return MHD_NO;
    x->server = s;
    *slot = x;
    atomic_fetch_add(&s->open, 1);
    if (length != NULL && (!str_u64(str(length), &announced) || announced > s->o.max_body))
        return send_too_large(s, c);
    return MHD_YES;
}

/* A piece of the body.  What is too much is thrown away, so that the reply can still be read, but not for ever. */
static enum MHD_Result take(Exchange *x, const char *data, size_t *n)
{
    uint64_t limit = x->server->o.max_body;
    x->seen += *n;
    if (x->seen > limit)
        x->too_large = true;
    else
        buf_put(&x->body, data, *n);
    *n = 0;
    return x->seen / DRAIN_FACTOR > limit || x->body.bad ? MHD_NO : MHD_YES;
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *c, const char *url, const char *method,
                                  const char *version, const char *data, size_t *n, void **slot)
{
    HttpServer *s = ctx;
    Exchange   *x = *slot;
    (void)version;
    if (x == NULL)
        return begin(s, c, slot);
    if (*n > 0)
        return take(x, data, n);
    if (x->too_large)
        return send_too_large(s, c);
    HttpRequest q = { .method = method, .path = url, .body = buf_view(&x->body), .connection = c };
    HttpReply   r = { 0 };
    s->o.handle(s->o.ctx, &q, &r);
    return send_reply(c, &r);
}

static void on_done(void *ctx, struct MHD_Connection *c, void **slot, enum MHD_RequestTerminationCode why)
{
    HttpServer *s = ctx;
    Exchange   *x = *slot;
    (void)c, (void)why;
    if (x == NULL)
        return;
    buf_free(&x->body);
    free(x);
    *slot = NULL;
    atomic_fetch_sub(&s->open, 1);
}

/* ---- the listening socket */

bool http_address(Str text, Str *host, Str *port)
{
    size_t   colon = text.n;
    uint64_t number;
    while (colon > 0 && text.p[colon - 1] != ':')
        colon--;
    if (colon == 0)
        return false;
    *host = (Str){ text.p, colon - 1 }, *port = str_from(text, colon);
    if (host->n >= 2 && host->p[0] == '[' && host->p[host->n - 1] == ']')
        *host = (Str){ host->p + 1, host->n - 2 };
    else if (memchr(host->p, ':', host->n) != NULL)
        return false;
    return host->n > 0 && host->n < 256 && str_u64(*port, &number) && number <= 65535;
}

static bool address_name(HttpServer *s, Err *e)
{
    struct sockaddr_storage a;
    socklen_t               len = sizeof a;
    char                    host[64], port[8];
    if (getsockname(s->socket, (struct sockaddr *)&a, &len) != 0 ||
        getnameinfo((struct sockaddr *)&a, len, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return err_set(e, E_IO, "%s: cannot read the address back", s->o.listen);
    snprintf(s->address, sizeof s->address, a.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
    return true;
}

static bool bind_one(HttpServer *s, const struct addrinfo *a)
{
    int on = 1;
    s->socket = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
    if (s->socket < 0)
        return false;
    if (setsockopt(s->socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        bind(s->socket, a->ai_addr, a->ai_addrlen) == 0 && listen(s->socket, BACKLOG) == 0)
        return true;
    int why = errno;
    close(s->socket);
    s->socket = -1;
    errno = why;
    return false;
}

static bool listen_on(HttpServer *s, Err *e)
{
    const char     *text = s->o.listen;
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV }, *found = NULL;
    char            host[256], port[8];
    Str             h, p;
    if (!http_address(str(text), &h, &p))
        return err_set(e, E_USAGE, "'%s' is not an address to listen on", text) || err_hint(e, "write HOST:PORT, e.g. 127.0.0.1:8500");
    snprintf(host, sizeof host, "%.*s", STR(h));
    snprintf(port, sizeof port, "%.*s", STR(p));
    int bad = getaddrinfo(host, port, &hints, &found);
    if (bad != 0)
        return err_set(e, E_IO, "%s: %s", text, gai_strerror(bad));
    bool ok = bind_one(s, found);
    if (!ok)
        err_set(e, E_IO, "%s: cannot listen: %m", text);
    freeaddrinfo(found);
    return ok && address_name(s, e);
}

/* ---- start and stop */

static unsigned processors(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

static bool daemon_start(HttpServer *s, Err *e)
{
    unsigned threads = s->o.threads ? s->o.threads : processors();
    unsigned limit = s->o.connections ? s->o.connections : 1024;
    struct MHD_OptionItem pool = { threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, (intptr_t)threads, NULL };
    struct MHD_OptionItem extra[] = { pool, { MHD_OPTION_END, 0, NULL } };
    s->daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC, 0, NULL, NULL, on_request, s,
                                 MHD_OPTION_LISTEN_SOCKET, s->socket, MHD_OPTION_CONNECTION_LIMIT, limit,
                                 MHD_OPTION_CONNECTION_TIMEOUT, s->o.idle_s ? s->o.idle_s : 30u,
                                 MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
                                 MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_COMPLETED, on_done, s,
                                 MHD_OPTION_ARRAY, extra, MHD_OPTION_END);
    if (s->daemon == NULL)
        return err_set(e, E_IO, "%s: the server does not start: %m", s->o.listen);
    return true;
}

HttpServer *http_server_start(const HttpServerOptions *o, Err *e)
{
    HttpServer *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_nomem(e), NULL;
    s->o = *o;
    s->socket = -1;
    if (listen_on(s, e) && daemon_start(s, e))
        return s;
    if (s->socket >= 0)
        close(s->socket);
    free(s);
    return NULL;
}

const char *http_server_address(const HttpServer *s) { return s->address; }

void http_server_stop(HttpServer *s, unsigned grace_ms)
{
    const struct timespec step = { 0, 5000000 };
    if (s == NULL)
        return;
    MHD_socket fd = MHD_quiesce_daemon(s->daemon);
    for (unsigned ms = 0; ms < grace_ms && atomic_load(&s->open) > 0; ms += 5)
        nanosleep(&step, NULL);
    MHD_stop_daemon(s->daemon);
    if (fd != MHD_INVALID_SOCKET)
        close(fd);
    free(s);
}
