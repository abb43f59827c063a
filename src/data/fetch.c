/* fetch.c - the table of places, and files; see fetch.h. */
#include "data/fetch.h"
#include "base/clock.h"
#include "base/file.h"
#include "crypto/digest.h"
#include "pipeline/pipeline.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 1 << 20 };

void fetch_put_digest(JsonOut *w, const uint8_t digest[static 32], uint64_t bytes)
{
    char   hex[DIGEST_HEX];
    Digest d;
    memcpy(d.b, digest, sizeof d.b);
    digest_hex(&d, hex);
    json_member(w, "sha256", str(hex));
    json_member_u64(w, "bytes", bytes);
}

/* ---- files */

static bool copy(int from, int to, Sha256 *hash, uint64_t *bytes, Err *e)
{
    char *piece = malloc(PIECE);
    bool  ok = piece != NULL || err_nomem(e);
    for (bool more = true; ok && more;) {
        ssize_t n = read(from, piece, PIECE);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            ok = err_set(e, E_IO, "%m");
        else if ((more = n > 0)) {
            sha256_add(hash, (Str){ piece, (size_t)n });
            *bytes += (uint64_t)n;
            ok = file_write(to, (Str){ piece, (size_t)n }, "the dataset", e);
        }
    }
    free(piece);
    return ok;
}

static bool fetch_file(const Fetch *how, JsonOut *w, Err *e)
{
    const char *path = how->uri + (strncmp(how->uri, "file://", 7) == 0 ? 7 : 0);
    struct stat st, after;
    char        time[TIME_TEXT];
    uint64_t    bytes = 0;
    defer_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) != 0)
        return err_set(e, E_IO, "%s: %m", path);
    if (!S_ISREG(st.st_mode))
        return err_set(e, E_USAGE, "%s: not a regular file", path);
    Sha256 *hash = sha256_begin();
    if (hash == NULL)
        return err_nomem(e);
    bool   ok = copy(fd, how->fd, hash, &bytes, e);
    Digest d = sha256_end(hash);
    if (!ok)
        return err_in(e, "%s", path);
    if (fstat(fd, &after) != 0 || after.st_mtim.tv_nsec != st.st_mtim.tv_nsec || after.st_mtim.tv_sec != st.st_mtim.tv_sec || after.st_size != st.st_size)
        return err_set(e, E_IO, "%s: changed while it was read; import again", path);
    fetch_put_digest(w, d.b, bytes);
    time_text(st.st_mtim.tv_sec * 1000000000LL + st.st_mtim.tv_nsec, time);
    json_member(w, "modified", str(time));
    return true;
}

/* ---- which one */

static const struct {
    const char *prefix;                                /* "" with a query: a SQLite file; without: a file */
    bool        query;
    bool (*fn)(const Fetch *how, JsonOut *facts, Err *e);
} places[] = {
    { "s3://", false, fetch_s3 },
    { "https://", false, fetch_http },
    { "http://", false, fetch_http },
    { "postgresql://", true, fetch_postgres },
    { "postgres://", true, fetch_postgres },
    { "sqlite:", true, fetch_sqlite },
    { "", true, fetch_sqlite },
    { "", false, fetch_file },
};

bool fetch(const Fetch *how, Fetched *out, Err *e)
{
    size_t i = 0;
    *out = (Fetched){ 0 };
    for (; i < len_of(places); i++) {
        bool here = str_starts(str(how->uri), str(places[i].prefix));
        if (here && places[i].query == (how->query != NULL))
            break;
        if (here && *places[i].prefix != '\0')
            return err_set(e, E_USAGE, "%s %s", places[i].prefix, places[i].query ? "needs a query: --query 'SELECT ...'" : "takes no query");
    }
    JsonOut w = json_out(&out->facts);
    json_open(&w, '{');
    bool ok = places[i].fn(how, &w, e);
    if (how->query != NULL)
        json_member(&w, "query", str(how->query));
    json_close(&w, '}');
    out->is_table = places[i].query;
    return ok && (!out->facts.bad || err_nomem(e));
}

/* An object's key may hold anything, and an address of S3 has no user and no query. */
Str fetch_public(Arena *a, const char *uri)
{
    bool plain = strstr(uri, "://") == NULL || str_starts(str(uri), S("s3://"));
    return plain ? arena_str(a, str(uri)) : uri_public(a, str(uri));
}
