/* http_client.h - asks a web server something and reads the answer whole, over libcurl.
 *
 * Times, sizes and redirects have limits; certificates are verified; nothing is retried here: who asks knows what may be
 * asked twice.  Trusted: the caller's URL.  Not trusted: the answer. */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H
#include "base/base.h"

typedef struct HttpAsk {
    const char        *method;                         /* NULL: GET, or POST with a body                     */
    const char        *url;
    const char *const *headers;                        /* "Content-Type: application/json"                   */
    size_t             header_count;
    Str                body;
    unsigned           timeout_ms;                     /* for everything; 0: 30,000                          */
    size_t             answer_max;                     /* a longer answer is E_LIMIT; 0: 16 MiB              */
    const char        *ca_file;                        /* NULL: the system's                                 */
    const char        *aws_region;                     /* sign as AWS SigV4 for S3; NULL: do not             */
    const char        *user;                           /* "ID:SECRET" for SigV4 or basic authentication      */
} HttpAsk;

typedef struct HttpAnswer {
    int status;
    Str body, headers;                                 /* headers: raw lines of the last answer              */
    const char *error;                                 /* set with status 0: nobody answered, and why        */
} HttpAnswer;

typedef struct HttpClient HttpClient;                  /* one thread; keeps its connections open             */
HttpClient *http_client_new(Err *e);
void        http_client_free(HttpClient *c);           /* NULL is fine */
/* True with an answer in the arena, whatever its status; false (E_IO, E_LIMIT) when there is none, the reason in *e. */
bool http_ask(HttpClient *c, Arena *a, const HttpAsk *ask, HttpAnswer *out, Err *e);
/* The value of a header of an answer, trimmed; empty when absent. */
Str http_answer_header(const HttpAnswer *r, const char *name);

#endif
