/* fetch_s3.c - S3 objects and plain web addresses; see fetch.h. */
#include "base/file.h"
#include "crypto/secret.h"
#include "data/fetch.h"
#include "crypto/digest.h"
#include "net/http_client.h"

/* The digest of an empty body, which SigV4 signs with every GET. */
#define NO_BODY "x-amz-content-sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

enum { TIMEOUT_MS = 6 * 3600 * 1000, SECRET_MAX = 4096, CREDENTIALS_MAX = 1 << 20 };

typedef struct Sink {
    const Fetch *how;
    Sha256      *hash;
    uint64_t     bytes;
    Err          why;                                  /* of a write that failed */
} Sink;

static bool take(void *ctx, Str piece)
{
    Sink *s = ctx;
    sha256_add(s->hash, piece);
    s->bytes += piece.n;
    return file_write(s->how->fd, piece, "the dataset", &s->why);
}

static void put_header(JsonOut *w, const char *key, const HttpAnswer *r, const char *name)
{
    Str v = http_answer_header(r, name);
    if (v.n)
        json_member(w, key, v);
}

static bool answered(const Fetch *how, const HttpAnswer *r, Err *e)
{
    if (r->status == 200)
        return true;
    Str shown = fetch_public(how->arena, how->uri);
    err_set(e, r->status == 403 || r->status == 401 ? E_DENIED : E_IO, "%.*s: the server answered %d", STR(shown), r->status);
    return r->status == 403 || r->status == 401 ? err_hint(e, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or ~/.aws/credentials") : false;
}

static bool get(const Fetch *how, HttpAsk *ask, JsonOut *w, Err *e)
{
    Sink       sink = { .how = how, .hash = sha256_begin() };
    HttpAnswer r = { 0 };
    ask->take = take, ask->ctx = &sink, ask->timeout_ms = TIMEOUT_MS;
    HttpClient *c = sink.hash ? http_client_new(e) : NULL;
    bool        ok = c != NULL ? http_ask(c, how->arena, ask, &r, e) : sink.hash ? false : err_nomem(e);
    Digest      d = sink.hash ? sha256_end(sink.hash) : (Digest){ 0 };
    if (!ok && sink.why.code != E_OK)
        *e = sink.why;
    ok = ok && answered(how, &r, e);
    if (ok) {
        put_header(w, "etag", &r, "ETag"), put_header(w, "version", &r, "x-amz-version-id"), put_header(w, "last_modified", &r, "Last-Modified");
        fetch_put_digest(w, d.b, sink.bytes);
    }
    http_client_free(c);
    return ok;
}

bool fetch_http(const Fetch *how, JsonOut *facts, Err *e)
{
    Str rest = str(strstr(how->uri, "://") + 3), host, path;
    str_cut(rest, '/', &host, &path);
    if (memchr(host.p, '@', host.n) != NULL)
        return err_set(e, E_USAGE, "a user or password does not belong into an address");
    HttpAsk ask = { .url = how->uri };
    return get(how, &ask, facts, e);
}

/* ---- credentials */

typedef struct Credentials {
    char user[SECRET_MAX];                             /* "ID:SECRET" */
    char token[SECRET_MAX];                            /* header; empty: none */
    char id[SECRET_MAX], secret[SECRET_MAX];
} Credentials;

static const char *env(const char *name)
{
    const char *v = getenv(name);
    return v != NULL && *v != '\0' ? v : NULL;
}

static bool set(char to[static SECRET_MAX], Str v)
{
    if (v.n >= SECRET_MAX || memchr(v.p, '\n', v.n) || memchr(v.p, '\r', v.n))
        return false;
    memcpy(to, v.p, v.n);
    to[v.n] = '\0';
    return true;
}

/* Lines "name = value" under [profile]. */
static bool read_profile(Str file, Str profile, Credentials *c, Str *token)
{
    Str  line, name, value;
    bool ours = false, ok = true;
    for (bool more = true; more && ok;) {
        more = str_cut(file, '\n', &line, &file);
        line = str_trim(line);
        if (str_starts(line, S("[")) && str_ends(line, S("]")))
            ours = str_eq(str_trim((Str){ line.p + 1, line.n - 2 }), profile);
        if (!ours || !str_cut(line, '=', &name, &value))
            continue;
        name = str_trim(name), value = str_trim(value);
        if (str_is(name, "aws_access_key_id"))
            ok = set(c->id, value);
        else if (str_is(name, "aws_secret_access_key"))
            ok = set(c->secret, value);
        else if (str_is(name, "aws_session_token"))
            *token = value;
    }
    return ok;
}

static bool from_file(Credentials *c, Err *e)
{
    defer_arena Arena *a = arena_new(2 * CREDENTIALS_MAX);
    const char        *path = env("AWS_SHARED_CREDENTIALS_FILE"), *home = env("HOME"), *profile = env("AWS_PROFILE");
    Str                text, token = { 0 };
    if (a == NULL)
        return err_nomem(e);
    if (path == NULL && home != NULL)
        path = arena_printf(a, "%s/.aws/credentials", home);
    if (path == NULL || !file_exists(path))
        return true;
    if (!file_read(a, path, CREDENTIALS_MAX, &text, e))
        return false;
    bool ok = read_profile(text, str(profile ? profile : "default"), c, &token);
    if (ok && token.n)
        ok = snprintf(c->token, sizeof c->token, "x-amz-security-token: %.*s", STR(token)) < (int)sizeof c->token;
    wipe((char *)(uintptr_t)text.p, text.n);
    return ok || err_set(e, E_LIMIT, "%s: a value is longer than %d bytes", path, SECRET_MAX);
}

static bool find_credentials(Credentials *c, Err *e)
{
    const char *id = env("AWS_ACCESS_KEY_ID"), *secret = env("AWS_SECRET_ACCESS_KEY"), *token = env("AWS_SESSION_TOKEN");
    bool        fits = true;
    if (id != NULL && secret != NULL) {
        fits = set(c->id, str(id)) && set(c->secret, str(secret));
        if (token != NULL)
            fits &= snprintf(c->token, sizeof c->token, "x-amz-security-token: %s", token) < (int)sizeof c->token;
    } else if (!from_file(c, e))
        return false;
    if (c->id[0] == '\0' || c->secret[0] == '\0') {
        err_set(e, E_DENIED, "no credentials for S3");
        return err_hint(e, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or ~/.aws/credentials");
    }
    fits &= snprintf(c->user, sizeof c->user, "%s:%s", c->id, c->secret) < (int)sizeof c->user;
    return fits || err_set(e, E_LIMIT, "a credential for S3 is longer than %d bytes", SECRET_MAX);
}

/* ---- addresses */

/* As SigV4 wants a path: all but unreserved characters and '/' as %XX. */
static void put_path(Buf *b, Str key)
{
    for (size_t i = 0; i < key.n; i++) {
        unsigned char c = (unsigned char)key.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-._~/", c) != NULL);
        if (plain)
            buf_byte(b, c);
        else
            buf_printf(b, "%%%02X", c);
    }
}

static bool bucket_ok(Str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '-' || s.p[i] == '.'))
            return false;
    return s.n >= 3 && s.n <= 63;
}

static char *object_url(Arena *a, const char *uri, const char *region, Err *e)
{
    Str           bucket, key;
    defer_buf Buf b = { 0 };
    const char   *at = env("AWS_ENDPOINT_URL_S3") ? env("AWS_ENDPOINT_URL_S3") : env("AWS_ENDPOINT_URL");
    if (!str_cut(str(uri + 5), '/', &bucket, &key) || key.n == 0 || !bucket_ok(bucket))
        return err_set(e, E_USAGE, "%s: an object's address is s3://BUCKET/KEY", uri), NULL;
    if (at != NULL)
        buf_printf(&b, "%.*s/%.*s/", (int)(strlen(at) - str_ends(str(at), S("/"))), at, STR(bucket));
    else
        buf_printf(&b, "https://%.*s.s3.%s.amazonaws.com/", STR(bucket), region);
    put_path(&b, key);
    Str url = b.bad ? (Str){ 0 } : arena_str(a, buf_view(&b));
    if (url.p == NULL)
        err_nomem(e);
    return (char *)(uintptr_t)url.p;
}

bool fetch_s3(const Fetch *how, JsonOut *facts, Err *e)
{
    const char *region = env("AWS_REGION") ? env("AWS_REGION") : env("AWS_DEFAULT_REGION") ? env("AWS_DEFAULT_REGION") : "us-east-1";
    char       *url = object_url(how->arena, how->uri, region, e);
    Credentials c = { 0 };
    bool        ok = url != NULL && find_credentials(&c, e);
    if (ok) {
        const char *const headers[] = { NO_BODY, c.token };
        HttpAsk           ask = { .url = url, .headers = headers, .header_count = c.token[0] ? 2 : 1, .aws_region = region, .user = c.user };
        ok = get(how, &ask, facts, e);
    }
    wipe(&c, sizeof c);
    return ok;
}
