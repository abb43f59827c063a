/* http_client.c - see http_client.h.  One easy handle, reset before each question: its connections stay. */
#include "net/http_client.h"
#include "crypto/digest.h"
#include "crypto/secret.h"
#include <curl/curl.h>
#include <strings.h>

struct HttpClient {
    CURL *curl;
};

typedef struct Call {                                  /* one question under way */
    CURL              *curl;
    const HttpAsk     *ask;
    Buf                body, headers;
    size_t             body_max, passed;               /* passed: the limit that the answer went over; 0: none */
    bool               refused;                        /* take() said no */
    struct curl_slist *sent;
    char               error[CURL_ERROR_SIZE];
} Call;

HttpClient *http_client_new(Err *e)
{
    HttpClient *c = calloc(1, sizeof *c);
    if (c == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return free(c), err_nomem(e), NULL;
    c->curl = curl_easy_init();
    if (c->curl == NULL)
        return http_client_free(c), err_nomem(e), NULL;
    return c;
}

void http_client_free(HttpClient *c)
{
    if (c == NULL)
        return;
    curl_easy_cleanup(c->curl);
    curl_global_cleanup();
    free(c);
}

/* ---- the answer, as it comes */

static size_t on_header(char *p, size_t size, size_t n, void *ctx)
{
    Call *k = ctx;
    if (str_starts((Str){ p, n }, S("HTTP/")))
        k->headers.n = 0;                              /* of an answer behind a redirect or a 100 Continue */
    if (k->headers.n + n > HTTP_HEADERS_MAX)
        return k->passed = HTTP_HEADERS_MAX, 0;
    buf_put(&k->headers, p, n);
    return k->headers.bad ? 0 : size * n;
}

static size_t on_body(char *p, size_t size, size_t n, void *ctx)
{
    Call *k = ctx;
    long  status = 0;
    curl_easy_getinfo(k->curl, CURLINFO_RESPONSE_CODE, &status);
    if (k->ask->take != NULL && status / 100 == 2) {
        k->refused = !k->ask->take(k->ask->ctx, (Str){ p, n });
        return k->refused ? 0 : size * n;
    }
    if (n > k->body_max || k->body.n > k->body_max - n)
        return k->passed = k->body_max, 0;
    buf_put(&k->body, p, n);
    return k->body.bad ? 0 : size * n;
}

/* ---- the question */

/* Scheme, host and path: user, password and query may hold secrets. */
static void url_public(const char *url, char out[static 300])
{
    Str s = str(url), host, path = str_from(s, strcspn(url, ":") + 3);
    size_t scheme = s.n - path.n;
    for (size_t i = 0; i < path.n; i++)
        if (path.p[i] == '?' || path.p[i] == '#')
            path.n = i;
    host = path;
    for (size_t i = 0; i < path.n && path.p[i] != '/'; i++)
        if (path.p[i] == '@')
            host = str_from(path, i + 1);
    snprintf(out, 300, "%.*s%.*s", (int)scheme, s.p, STR(host));
}

/* The scheme libcurl may speak for this URL; NULL for what is no business of ours. */
static const char *scheme_of(const char *url)
{
    return strncasecmp(url, "https://", 8) == 0 ? "https" : strncasecmp(url, "http://", 7) == 0 ? "http" : NULL;
}

static bool header_add(Call *k, const char *line)
{
    struct curl_slist *list = curl_slist_append(k->sent, line);
    if (list != NULL)
        k->sent = list;
    return list != NULL;
}

static bool sent_has(const HttpAsk *q, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < q->header_count; i++)
        if (strncasecmp(q->headers[i], name, n) == 0)
            return true;
    return false;
}

/* The caller's, and none of libcurl's own ideas about a body. */
static bool headers_set(Call *k, Err *e)
{
    const HttpAsk *q = k->ask;
    for (size_t i = 0; i < q->header_count; i++) {
        if (strpbrk(q->headers[i], "\r\n") != NULL)
            return err_set(e, E_USAGE, "header %zu holds a line end", i + 1);
        if (!header_add(k, q->headers[i]))
            return err_nomem(e);
    }
    /* "Expect:" keeps libcurl from sending one; but it would sign the empty header that nobody gets to see. */
    bool ok = q->aws_region != NULL || (header_add(k, "Expect:") && (sent_has(q, "content-type:") || header_add(k, "Content-Type:")));
    if (ok && q->aws_region != NULL && q->body.n > 0 && !sent_has(q, "content-type:"))
        ok = header_add(k, "Content-Type: application/octet-stream");
    if (ok && q->aws_region != NULL && !sent_has(q, "x-amz-content-sha256:")) {
        char line[32 + DIGEST_HEX] = "x-amz-content-sha256: ";
        Digest d = sha256(q->body);
        digest_hex(&d, line + strlen(line));
        ok = header_add(k, line);
    }
    return ok && curl_easy_setopt(k->curl, CURLOPT_HTTPHEADER, k->sent) == CURLE_OK ? true : err_nomem(e);
}

static bool method_set(const Call *k)
{
    CURL          *c = k->curl;
    const HttpAsk *q = k->ask;
    const char    *method = q->method != NULL ? q->method : q->body.n > 0 ? "POST" : "GET";
    bool           get = strcmp(method, "GET") == 0, head = strcmp(method, "HEAD") == 0, plain = q->body.n == 0;
    bool           ok = true;
    if (head)
        ok = curl_easy_setopt(c, CURLOPT_NOBODY, 1L) == CURLE_OK;
    else if (!plain || !get)                           /* even an empty body has its Content-Length then */
        ok = curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body.n) == CURLE_OK &&
             curl_easy_setopt(c, CURLOPT_POSTFIELDS, plain ? "" : q->body.p) == CURLE_OK;
    if (ok && !head)
        ok = curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method) == CURLE_OK;
    return ok && curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, (long)(plain && (get || head))) == CURLE_OK;
}

static bool identity_set(const Call *k)
{
    char           provider[96];
    const HttpAsk *q = k->ask;
    CURL          *c = k->curl;
    if (q->aws_region != NULL) {
        int n = snprintf(provider, sizeof provider, "aws:amz:%s:s3", q->aws_region);
        if (n >= (int)sizeof provider || curl_easy_setopt(c, CURLOPT_AWS_SIGV4, provider) != CURLE_OK)
            return false;
    } else if (q->user != NULL && curl_easy_setopt(c, CURLOPT_HTTPAUTH, CURLAUTH_BASIC) != CURLE_OK)
        return false;
    return q->user == NULL || curl_easy_setopt(c, CURLOPT_USERPWD, q->user) == CURLE_OK;
}

#define SET(option, value) (curl_easy_setopt(c, option, value) == CURLE_OK)
static bool limits_set(Call *k, const char *scheme)
{
    CURL *c = k->curl;
    long  total = k->ask->timeout_ms > 0 ? (long)k->ask->timeout_ms : HTTP_TIMEOUT_MS;
    return SET(CURLOPT_NOSIGNAL, 1L) && SET(CURLOPT_ERRORBUFFER, k->error) && SET(CURLOPT_USERAGENT, "moat/" MOAT_VERSION) &&
           SET(CURLOPT_TIMEOUT_MS, total) && SET(CURLOPT_CONNECTTIMEOUT_MS, total < HTTP_CONNECT_MS ? total : HTTP_CONNECT_MS) &&
           SET(CURLOPT_PROTOCOLS_STR, "http,https") && SET(CURLOPT_REDIR_PROTOCOLS_STR, scheme) &&
           SET(CURLOPT_MAXREDIRS, (long)HTTP_REDIRECTS) && SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
           (k->ask->ca_file == NULL || SET(CURLOPT_CAINFO, k->ask->ca_file));
}

static bool target_set(Call *k)
{
    CURL *c = k->curl;
    return SET(CURLOPT_URL, k->ask->url) && SET(CURLOPT_HEADERFUNCTION, on_header) && SET(CURLOPT_HEADERDATA, k) &&
           SET(CURLOPT_WRITEFUNCTION, on_body) && SET(CURLOPT_WRITEDATA, k);
}
#undef SET

static bool call_set(Call *k, const char *scheme, Err *e)
{
    curl_easy_reset(k->curl);
    if (!limits_set(k, scheme) || !target_set(k) || !method_set(k) || !identity_set(k))
        return err_set(e, E_IO, "libcurl refuses an option of this request");
    return headers_set(k, e);
}

static bool call_failed(const Call *k, CURLcode code, Err *e)
{
    const char *why = k->error[0] != '\0' ? k->error : curl_easy_strerror(code);
    if (k->passed > 0)
        return err_set(e, E_LIMIT, "the answer is longer than %zu bytes", k->passed);
    if (k->refused)
        return err_set(e, E_IO, "the answer could not be kept");
    err_set(e, E_IO, "%s", why);
    if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE)
        err_hint(e, "name the receiver's CA: ca_file: /path/to/ca.pem");
    return false;
}

static bool call_run(Call *k, Arena *a, const char *scheme, HttpAnswer *out, Err *e)
{
    long status = 0;
    if (!call_set(k, scheme, e))
        return false;
    CURLcode code = curl_easy_perform(k->curl);
    if (code != CURLE_OK)
        return call_failed(k, code, e);
    if (curl_easy_getinfo(k->curl, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK || status < 100)
        return err_set(e, E_IO, "no HTTP status came back");
    out->body = arena_str(a, buf_view(&k->body)), out->headers = arena_str(a, buf_view(&k->headers));
    if (out->body.p == NULL || out->headers.p == NULL)
        return err_nomem(e);
    out->status = (int)status;
    return true;
}

static void call_drop(Call *k)
{
    for (struct curl_slist *h = k->sent; h != NULL; h = h->next)
        wipe(h->data, strlen(h->data));                /* tokens travel in headers */
    curl_slist_free_all(k->sent);
    buf_free(&k->body), buf_free(&k->headers);
}

bool http_ask(HttpClient *c, Arena *a, const HttpAsk *ask, HttpAnswer *out, Err *e)
{
    Call        k = { .curl = c->curl, .ask = ask, .body_max = ask->answer_max > 0 ? ask->answer_max : HTTP_ANSWER_MAX };
    Err         mine = { 0 };
    char        name[300];
    const char *scheme = scheme_of(ask->url);
    *out = (HttpAnswer){ 0 };
    bool ok = scheme != NULL ? call_run(&k, a, scheme, out, &mine)
                             : err_set(&mine, E_USAGE, "not an address that starts with http:// or https://");
    call_drop(&k);
    if (ok)
        return true;
    url_public(ask->url, name);
    err_in(&mine, "%s", name);
    out->error = arena_printf(a, "%s", mine.message);
    if (e != NULL)
        *e = mine;
    return false;
}

Str http_answer_header(const HttpAnswer *r, const char *name)
{
    Str line, rest = r->headers, key, value, wanted = str(name);
    for (bool more = true; more;) {
        more = str_cut(rest, '\n', &line, &rest);
        if (str_cut(line, ':', &key, &value) && key.n == wanted.n && strncasecmp(key.p, wanted.p, key.n) == 0)
            return str_trim(value);
    }
    return S("");
}
