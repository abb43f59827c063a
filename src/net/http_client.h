/* http_client.h - asks a web server something and reads the answer whole, over libcurl.
 *
 * Times, sizes and redirects have limits; certificates are verified; nothing is retried here: who asks knows what may be
 * asked twice.  Only http and https are spoken.  GET and HEAD follow up to five redirects that keep the scheme; whatever
 * carries a body follows none, because a 302 would turn it into a GET that answers 200 and delivered nothing.
 * http_proxy and no_proxy of the environment are obeyed.
 *
 * Trusted: the caller's URL.  Not trusted: the answer. */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H
#include "base/base.h"

enum { HTTP_TIMEOUT_MS = 30000, HTTP_CONNECT_MS = 10000, HTTP_ANSWER_MAX = 16 << 20, HTTP_HEADERS_MAX = 64 << 10, HTTP_REDIRECTS = 5 };

typedef struct HttpAsk {
    const char        *method;                         /* NULL: GET, or POST with a body                     */
    const char        *url;
    const char *const *headers;                        /* "Content-Type: application/json"                   */
    size_t             header_count;
    Str                body;
    unsigned           timeout_ms;                     /* for everything; 0: HTTP_TIMEOUT_MS                 */
    size_t             answer_max;                     /* a longer answer is E_LIMIT; 0: HTTP_ANSWER_MAX     */
    const char        *ca_file;                        /* NULL: the system's                                 */
    const char        *aws_region;                     /* sign as AWS SigV4 for S3; NULL: do not.  Then the query of
                                                          the URL stands in order of its names, each with an '='     */
    const char        *user;                           /* "ID:SECRET" for SigV4 or basic authentication      */
    /* Takes the body of a 2xx answer in pieces instead of out->body, for what is too large to hold; false ends it
     * (E_IO).  May be NULL. */
    bool (*take)(void *ctx, Str piece);
    void *ctx;
} HttpAsk;

typedef struct HttpAnswer {
    int status;
    Str body, headers;                                 /* headers: raw lines of the last answer              */
    const char *error;                                 /* set with status 0: nobody answered, and why        */
} HttpAnswer;

typedef struct HttpClient HttpClient;                  /* one thread; keeps its connections open             */
HttpClient *http_client_new(Err *e);
void        http_client_free(HttpClient *c);           /* NULL is fine */
/* True with an answer in the arena, whatever its status; false (E_USAGE, E_IO, E_LIMIT) when there is none, the reason in
 * *e and out->error.  Messages name scheme, host and path of the URL, never its query or a secret. */
bool http_ask(HttpClient *c, Arena *a, const HttpAsk *ask, HttpAnswer *out, Err *e);
/* The value of a header of an answer, trimmed; empty when absent. */
Str http_answer_header(const HttpAnswer *r, const char *name);

#endif
