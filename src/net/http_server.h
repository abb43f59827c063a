/* net - the only place that opens sockets (nginx apart).
 *
 *     http_server.h  whole requests in, whole replies out, over libmicrohttpd
 *     http_client.h  asks, with limits, over libcurl
 *     wire.h         TCP and TLS for what is not HTTP
 *     probe.h        is somebody there?
 *
 * http_server - a small HTTP/1.1 server for what answers from memory: the reference model server, the dashboard.
 * libmicrohttpd reads the wire; we hold the limits (connections, idle time, header and body size) and hand `handle` one
 * complete request at a time.  It runs on several threads at once.
 *
 * Trusted: the handler.  Not trusted: every byte of a request.  A handler never sees more than `max_body` bytes. */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H
#include "base/base.h"

typedef struct HttpRequest {
    const char *method, *path;                         /* path without the query, percent-decoded */
    Str         body;
    void       *connection;                            /* for http_header                         */
} HttpRequest;

typedef struct HttpReply {
    int         status;                                /* 200 unless set                        */
    const char *type;                                  /* default application/json              */
    const char *allow;                                 /* 405: what would have been allowed     */
    Buf         body;                                  /* taken                                 */
} HttpReply;

typedef struct HttpServerOptions {
    const char *listen;                                /* "127.0.0.1:8500", "[::1]:0", port 0: any free one */
    uint64_t    max_body;                              /* bytes; more is 413                    */
    unsigned    threads;                               /* 0: one for each processor             */
    unsigned    connections;                           /* at once; 0: 1024                      */
    unsigned    idle_s;                                /* closes a silent connection; 0: 30     */
    void (*handle)(void *ctx, const HttpRequest *q, HttpReply *r);
    /* Writes the body of an error that the server itself answers (404 never: that is the handler's); may be NULL. */
    void (*problem)(void *ctx, int status, const char *message, Buf *body);
    void *ctx;                                         /* borrowed until stop                   */
} HttpServerOptions;

typedef struct HttpServer HttpServer;
/* Owned: http_server_stop().  NULL when the address cannot be had. */
HttpServer *http_server_start(const HttpServerOptions *o, Err *e);
const char *http_server_address(const HttpServer *s);  /* "127.0.0.1:41234", the port that was really taken */
/* No new connections; requests under way get up to `grace_ms` to finish; then everything is closed and freed. */
void http_server_stop(HttpServer *s, unsigned grace_ms);

/* Borrowed until the handler returns; NULL when absent. */
const char *http_header(const HttpRequest *q, const char *name);

/* "HOST:PORT" or "[V6]:PORT" into its halves. */
bool http_address(Str text, Str *host, Str *port);

#endif
