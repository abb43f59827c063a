#include "../test.h"
#include "crypto/digest.h"
#include "net/http_client.h"
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

/* A server that knows a few paths and says back what it was asked. */

typedef struct Peer {
    int         listen, port;
    atomic_bool stop;
    SSL_CTX    *tls;
    pthread_t   thread;
} Peer;

typedef struct Wire {
    int  fd;
    SSL *tls;
} Wire;

static ssize_t wire_read(const Wire *w, char *p, size_t n)
{
    return w->tls ? SSL_read(w->tls, p, (int)n) : read(w->fd, p, n);
}

static bool wire_write(const Wire *w, const char *p, size_t n)
{
    for (ssize_t k; n > 0; p += k, n -= (size_t)k)
        if ((k = w->tls ? SSL_write(w->tls, p, (int)n) : send(w->fd, p, n, MSG_NOSIGNAL)) <= 0)
            return false;
    return true;
}

static void answer(const Wire *w, const char *head, Str body)
{
    char text[512];
    int  n = snprintf(text, sizeof text, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n", head, body.n);
    if (wire_write(w, text, (size_t)n))
        wire_write(w, body.p, body.n);
}

static void endless(const Wire *w, const char *head, const char *piece)
{
    if (wire_write(w, head, strlen(head)))
        while (wire_write(w, piece, strlen(piece)))
            ;
}

static const char cut_short[] = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf";

/* False ends the connection. */
static bool reply(const Wire *w, Str ask)
{
    Str method, path, rest;
    str_cut(ask, ' ', &method, &rest), str_cut(rest, ' ', &path, &rest);
    str_cut(path, '?', &path, &rest);
    if (str_is(path, "/hello"))
        answer(w, "200 OK\r\nX-Two:  spaced out \t\r\nx-EMPTY:", S("hi"));
    else if (str_is(path, "/here"))
        answer(w, "302 Found\r\nLocation: /hello", S("go"));
    else if (str_is(path, "/loop"))
        answer(w, "302 Found\r\nLocation: /loop", S(""));
    else if (str_is(path, "/file"))
        answer(w, "302 Found\r\nLocation: file:///etc/passwd", S(""));
    else if (str_is(path, "/up"))
        answer(w, "302 Found\r\nLocation: https://127.0.0.1:1/", S(""));
    else if (str_is(path, "/missing"))
        answer(w, "404 Not Found", S("no"));
    else if (str_is(path, "/big"))
        return endless(w, "HTTP/1.1 200 OK\r\n\r\n", "0123456789abcdef"), false;
    else if (str_is(path, "/head"))
        return endless(w, "HTTP/1.1 200 OK\r\n", "X-Long: 0123456789abcdef\r\n"), false;
    else if (str_is(path, "/slow"))
        return sleep(2), false;
    else if (str_is(path, "/cut"))
        return wire_write(w, cut_short, strlen(cut_short)), false;
    else if (str_is(path, "/gone"))
        return false;
    else
        answer(w, "200 OK", ask);
    return true;
}

static bool request(const Wire *w)
{
    char   buf[8192];
    size_t n = 0, want = 0;
    for (ssize_t k; want == 0 || n < want; n += (size_t)k) {
        if ((k = wire_read(w, buf + n, sizeof buf - 1 - n)) <= 0)
            return false;
        buf[n + (size_t)k] = '\0';
        const char *end = strstr(buf, "\r\n\r\n"), *length = strcasestr(buf, "\r\nContent-Length:");
        if (end != NULL && want == 0)
            want = (size_t)(end + 4 - buf) + (length != NULL && length < end ? strtoul(length + 17, NULL, 10) : 0);
    }
    return reply(w, (Str){ buf, n });
}

static void *talk(void *arg)
{
    Wire    *w = arg;
    sigset_t pipes;
    sigemptyset(&pipes), sigaddset(&pipes, SIGPIPE), pthread_sigmask(SIG_BLOCK, &pipes, NULL);
    if (w->tls == NULL || (SSL_set_fd(w->tls, w->fd) == 1 && SSL_accept(w->tls) == 1))
        while (request(w))
            ;
    SSL_free(w->tls), close(w->fd), free(w);
    return NULL;
}

static void *serve(void *arg)
{
    Peer     *p = arg;
    pthread_t each;
    for (int fd; (fd = accept(p->listen, NULL, NULL)) >= 0;) {
        if (p->stop)
            return close(fd), NULL;
        Wire *w = calloc(1, sizeof *w);
        *w = (Wire){ fd, p->tls ? SSL_new(p->tls) : NULL };
        pthread_create(&each, NULL, talk, w), pthread_detach(each);
    }
    return NULL;
}

static void peer_start(Peer *p)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t          n = sizeof at;
    p->listen = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(p->listen, (struct sockaddr *)&at, sizeof at) == 0 && listen(p->listen, 16) == 0);
    CHECK(getsockname(p->listen, (struct sockaddr *)&at, &n) == 0);
    p->port = ntohs(at.sin_port);
    CHECK(pthread_create(&p->thread, NULL, serve, p) == 0);
}

static void peer_stop(Peer *p)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)p->port) };
    int                fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    p->stop = true;                                    /* a last connection wakes accept() up */
    CHECK(connect(fd, (struct sockaddr *)&at, sizeof at) == 0 && pthread_join(p->thread, NULL) == 0);
    close(fd), close(p->listen);
    SSL_CTX_free(p->tls);
}

/* A certificate for 127.0.0.1 that signs itself; its PEM goes to `path`. */
static SSL_CTX *tls_make(const char *path)
{
    EVP_PKEY  *key = EVP_EC_gen("P-256");
    X509      *x = X509_new();
    X509V3_CTX v3;
    FILE      *f = fopen(path, "wbe");
    SSL_CTX   *t = SSL_CTX_new(TLS_server_method());
    CHECK(key != NULL && x != NULL && f != NULL && t != NULL);
    X509_set_version(x, 2), X509_gmtime_adj(X509_getm_notBefore(x), -60), X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1), X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    X509V3_set_ctx(&v3, x, x, NULL, NULL, 0);
    X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, &v3, NID_subject_alt_name, "IP:127.0.0.1");
    CHECK(san != NULL && X509_add_ext(x, san, -1) == 1 && X509_sign(x, key, EVP_sha256()) > 0);
    CHECK(PEM_write_X509(f, x) == 1 && SSL_CTX_use_certificate(t, x) == 1 && SSL_CTX_use_PrivateKey(t, key) == 1);
    fclose(f), X509_EXTENSION_free(san), X509_free(x), EVP_PKEY_free(key);
    return t;
}

typedef struct Fix {
    Peer        peer;
    HttpClient *c;
    Arena      *a;
    HttpAnswer  r;
    Err         e;
    char        url[256];
} Fix;

static void fix_open(Fix *f, bool tls, const char *pem)
{
    *f = (Fix){ .a = arena_new(8 << 20), .c = http_client_new(NULL) };
    f->peer.tls = tls ? tls_make(pem) : NULL;
    peer_start(&f->peer);
}

static void fix_close(Fix *f) { http_client_free(f->c), peer_stop(&f->peer), arena_free(f->a); }

static bool ask(Fix *f, HttpAsk q, const char *path)
{
    snprintf(f->url, sizeof f->url, "http%s://127.0.0.1:%d%s", f->peer.tls ? "s" : "", f->peer.port, path);
    q.url = f->url, f->e = (Err){ 0 };
    return http_ask(f->c, f->a, &q, &f->r, &f->e);
}

TEST(http_client, gives_status_body_and_headers_whatever_the_status)
{
    Fix f;
    fix_open(&f, false, NULL);
    CHECK(ask(&f, (HttpAsk){ 0 }, "/hello") && f.r.status == 200 && str_is(f.r.body, "hi"));
    CHECK(str_is(http_answer_header(&f.r, "x-two"), "spaced out") && http_answer_header(&f.r, "X-Empty").n == 0);
    CHECK(http_answer_header(&f.r, "X-None").n == 0 && str_is(http_answer_header(&f.r, "content-length"), "2"));
    CHECK(ask(&f, (HttpAsk){ 0 }, "/missing") && f.r.status == 404 && str_is(f.r.body, "no"));
    fix_close(&f);
}

static bool holds(Str text, const char *part) { return memmem(text.p, text.n, part, strlen(part)) != NULL; }

TEST(http_client, sends_method_headers_and_body_as_they_are)
{
    Fix         f;
    const char *headers[] = { "Content-Type: x/y", "X-A: 1" };
    fix_open(&f, false, NULL);
    CHECK(ask(&f, (HttpAsk){ .headers = headers, .header_count = 2, .body = S("a\0b") }, "/echo?q=1"));
    CHECK(str_starts(f.r.body, S("POST /echo?q=1 HTTP/1.1\r\n")) && str_ends(f.r.body, S("\r\n\r\na\0b")));
    CHECK(holds(f.r.body, "\r\nContent-Type: x/y\r\n") && holds(f.r.body, "\r\nX-A: 1\r\n") && !holds(f.r.body, "Expect"));
    CHECK(ask(&f, (HttpAsk){ .method = "PUT" }, "/echo") && str_starts(f.r.body, S("PUT /echo ")));
    CHECK(holds(f.r.body, "\r\nContent-Length: 0\r\n") && !holds(f.r.body, "Content-Type") && !holds(f.r.body, "Authorization"));
    CHECK(ask(&f, (HttpAsk){ .user = "me:secret" }, "/echo") && holds(f.r.body, "\r\nAuthorization: Basic bWU6c2VjcmV0\r\n"));
    CHECK(ask(&f, (HttpAsk){ 0 }, "/echo") && str_starts(f.r.body, S("GET ")) && !holds(f.r.body, "Authorization"));
    fix_close(&f);
}

TEST(http_client, follows_redirects_of_get_within_the_scheme_only)
{
    Fix f;
    fix_open(&f, false, NULL);
    CHECK(ask(&f, (HttpAsk){ 0 }, "/here") && f.r.status == 200 && str_is(f.r.body, "hi"));
    CHECK(http_answer_header(&f.r, "Location").n == 0);
    CHECK(ask(&f, (HttpAsk){ .body = S("x") }, "/here") && f.r.status == 302);
    CHECK(!ask(&f, (HttpAsk){ 0 }, "/loop") && f.e.code == E_IO);
    CHECK(!ask(&f, (HttpAsk){ 0 }, "/file") && f.e.code == E_IO && strstr(f.e.message, "file") != NULL);
    CHECK(!ask(&f, (HttpAsk){ 0 }, "/up") && f.e.code == E_IO && strstr(f.e.message, "disabled") != NULL);
    fix_close(&f);
}

static bool count(void *ctx, Str piece)
{
    size_t *n = ctx;
    return (*n += piece.n) < 100000;
}

TEST(http_client, limits_time_and_size_and_says_why_there_is_no_answer)
{
    Fix    f;
    size_t taken = 0;
    fix_open(&f, false, NULL);
    CHECK(!ask(&f, (HttpAsk){ .answer_max = 1000 }, "/big") && f.e.code == E_LIMIT && strstr(f.e.message, "1000 bytes") != NULL);
    CHECK(!ask(&f, (HttpAsk){ 0 }, "/head") && f.e.code == E_LIMIT);
    CHECK(!ask(&f, (HttpAsk){ .take = count, .ctx = &taken, .answer_max = 10 }, "/big") && f.e.code == E_IO && taken >= 100000);
    CHECK(!ask(&f, (HttpAsk){ .timeout_ms = 100 }, "/slow?token=hush") && f.e.code == E_IO);
    CHECK(f.r.status == 0 && f.r.error != NULL && strstr(f.r.error, "/slow") != NULL && strstr(f.r.error, "hush") == NULL);
    CHECK(!ask(&f, (HttpAsk){ 0 }, "/cut") && f.e.code == E_IO);
    CHECK(!ask(&f, (HttpAsk){ 0 }, "/gone") && f.e.code == E_IO);
    CHECK(ask(&f, (HttpAsk){ .answer_max = 2 }, "/hello"));
    fix_close(&f);
}

TEST(http_client, refuses_other_schemes_and_line_ends_in_headers)
{
    Fix         f;
    const char *evil[] = { "X: 1\r\nHost: other" };
    fix_open(&f, false, NULL);
    for (size_t i = 0; i < 4; i++) {
        HttpAsk q = { .url = (const char *[]){ "file:///etc/passwd", "ftp://127.0.0.1/", "", "https" }[i] };
        CHECK_ROW(!http_ask(f.c, f.a, &q, &f.r, &f.e) && f.e.code == E_USAGE, q.url);
    }
    CHECK(!ask(&f, (HttpAsk){ .headers = evil, .header_count = 1 }, "/echo") && f.e.code == E_USAGE);
    HttpAsk q = { .url = "http://me:hush@127.0.0.1:1/x?hush#hush" };
    CHECK(!http_ask(f.c, f.a, &q, &f.r, &f.e) && strstr(f.e.message, "hush") == NULL);
    CHECK(str_starts(str(f.e.message), S("http://127.0.0.1:1/x: ")));
    fix_close(&f);
}

TEST(http_client, believes_a_certificate_only_from_a_named_authority)
{
    Fix  f;
    char pem[300];
    snprintf(pem, sizeof pem, "%s/http_client.pem", test_dir());
    fix_open(&f, true, pem);
    CHECK(!ask(&f, (HttpAsk){ 0 }, "/hello") && f.e.code == E_IO && strstr(f.e.hint, "ca_file") != NULL);
    CHECK(ask(&f, (HttpAsk){ .ca_file = pem }, "/hello") && f.r.status == 200);
    HttpAsk q = { .url = f.url, .ca_file = pem };
    snprintf(f.url, sizeof f.url, "https://localhost:%d/hello", f.peer.port);
    CHECK(!http_ask(f.c, f.a, &q, &f.r, &f.e) && f.e.code == E_IO);       /* the certificate names another host */
    CHECK(!ask(&f, (HttpAsk){ .ca_file = "/nonexistent.pem" }, "/hello") && f.e.code == E_IO);
    fix_close(&f);
}

/* ---- SigV4, computed again from what arrived (AWS: "Signature Calculations for the Authorization Header") */

static Str header(Str ask, const char *name)
{
    HttpAnswer r = { .headers = ask };
    return http_answer_header(&r, name);
}

static Str between(Str s, const char *from, char to)
{
    const char *p = memmem(s.p, s.n, from, strlen(from));
    CHECK(p != NULL);
    p += strlen(from);
    const char *end = memchr(p, to, (size_t)(s.p + s.n - p));
    return (Str){ p, end ? (size_t)(end - p) : (size_t)(s.p + s.n - p) };
}

static void canonical(Buf *b, Str ask, Str path, Str query, Str signed_names)
{
    Str name, rest = signed_names;
    buf_printf(b, "%.*s\n%.*s\n%.*s\n", STR(between(ask, "", ' ')), STR(path), STR(query));
    for (bool more = true; more;) {
        char z[64];
        more = str_cut(rest, ';', &name, &rest);
        snprintf(z, sizeof z, "\n%.*s:", STR(name));
        CHECK_ROW(strcasestr(ask.p, z) != NULL, z);    /* what was signed was sent */
        snprintf(z, sizeof z, "%.*s", STR(name));
        buf_printf(b, "%s:%.*s\n", z, STR(header(ask, z)));
    }
    buf_printf(b, "\n%.*s\n%.*s", STR(signed_names), STR(header(ask, "x-amz-content-sha256")));
}

static void check_signature(Str ask, Str path, Str query)
{
    defer_buf Buf b = { 0 }, text = { 0 };
    char      hex[DIGEST_HEX];
    Str       auth = header(ask, "authorization"), scope = between(auth, "Credential=AKID/", ','), part = scope, piece;
    Digest    key = { 0 };
    canonical(&b, ask, path, query, between(auth, "SignedHeaders=", ','));
    Digest d = sha256(buf_view(&b));
    digest_hex(&d, hex);
    buf_printf(&text, "AWS4-HMAC-SHA256\n%.*s\n%.*s\n%s", STR(header(ask, "x-amz-date")), STR(scope), hex);
    Str with = S("AWS4SE/CRET");
    for (bool more = true; more; with = (Str){ (const char *)key.b, sizeof key.b }) {
        more = str_cut(part, '/', &piece, &part);
        key = hmac_sha256(with, piece);
    }
    Digest want = hmac_sha256(with, buf_view(&text));
    digest_hex(&want, hex);
    CHECK(str_is(between(auth, "Signature=", '\r'), hex));
}

TEST(http_client, signs_for_s3_what_it_sends)
{
    Fix     f;
    HttpAsk q = { .aws_region = "eu-west-1", .user = "AKID:SE/CRET" };
    fix_open(&f, false, NULL);
    CHECK(ask(&f, q, "/bucket/a.csv"));
    CHECK(str_is(header(f.r.body, "x-amz-content-sha256"), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
    check_signature(f.r.body, S("/bucket/a.csv"), S(""));
    CHECK(ask(&f, q, "/bucket?list-type=2&prefix=a%2Fb"));
    check_signature(f.r.body, S("/bucket"), S("list-type=2&prefix=a%2Fb"));
    q.method = "PUT", q.body = S("abc");
    CHECK(ask(&f, q, "/bucket/x"));
    CHECK(str_is(header(f.r.body, "x-amz-content-sha256"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    CHECK(holds(header(f.r.body, "authorization"), "/eu-west-1/s3/aws4_request") && holds(header(f.r.body, "authorization"), "x-amz-content-sha256"));
    CHECK(!holds(f.r.body, "SE/CRET"));
    check_signature(f.r.body, S("/bucket/x"), S(""));
    fix_close(&f);
}
