/* fetch.h - bytes from where they live into a file of ours, with what can be said of the moment they were taken.
 *
 *     PATH, file://PATH                a regular file                        sha256, bytes, modified
 *     s3://BUCKET/KEY                  over HTTPS, signed (SigV4)            etag, version, last_modified, sha256, bytes
 *     http://..., https://...          a plain GET                           etag, last_modified, sha256, bytes
 *     postgresql://HOST/DB + query     one read-only transaction             lsn, snapshot, database, server, query
 *     sqlite:PATH + query              opened read-only, SELECT alone        sha256 (without a write-ahead log), query
 * The rows of a query become CSV with a line of column names; a null is an empty field.
 *
 * Credentials come from the environment and the usual files alone: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
 * AWS_SESSION_TOKEN or ~/.aws/credentials (AWS_PROFILE); PGPASSWORD or ~/.pgpass.  AWS_ENDPOINT_URL(_S3) and AWS_REGION name
 * another S3 server.  An address that holds a password is refused, and what is kept of one has no user and no query.
 *
 * How to add one more: a function, and a row in the table of fetch.c.  Not trusted: everything that comes. */
#ifndef FETCH_H
#define FETCH_H
#include "format/json.h"

typedef struct Fetch {
    Arena      *arena;
    const char *uri, *query;                           /* query NULL: none */
    int         fd;                                    /* where the bytes go */
} Fetch;

typedef struct Fetched {
    Buf  facts;                                        /* members of a JSON object; owned: buf_free() */
    bool is_table;                                     /* rows of a query: CSV */
} Fetched;
bool fetch(const Fetch *how, Fetched *out, Err *e);
/* The address as it may be written down. */
Str fetch_public(Arena *a, const char *uri);

/* Shared by fetch_*.c. */
bool fetch_http(const Fetch *how, JsonOut *facts, Err *e);
bool fetch_s3(const Fetch *how, JsonOut *facts, Err *e);
bool fetch_postgres(const Fetch *how, JsonOut *facts, Err *e);
bool fetch_sqlite(const Fetch *how, JsonOut *facts, Err *e);
void fetch_put_digest(JsonOut *w, const uint8_t digest[static 32], uint64_t bytes);

#endif
