/* pg.h - the rows of one query to PostgreSQL, over libpq.
 *
 * The query runs alone in a read-only transaction that sees one moment (repeatable read), and the server is asked where its log
 * stood then.  It is sent as one statement, so nothing can follow it.  Who connects, and how, is libpq's business: the
 * address, PGUSER, PGPASSWORD, PGSERVICE, ~/.pgpass, PGSSLMODE ...; an address that holds a password is refused.
 *
 * Trusted: the query's author.  Not trusted: the server's answer; texts are borrowed until the callback returns. */
#ifndef PG_H
#define PG_H
#include "base/base.h"

enum { PG_CONNECT_S = 10, PG_COLUMNS_MAX = 1664 };

typedef struct PgAsk {
    const char *address;                               /* postgresql://host/db */
    const char *query;
    /* Column names once, then each row; p NULL is a null. */
    bool (*names)(void *ctx, const Str *name, size_t n, Err *e);
    bool (*row)(void *ctx, const Str *cell, size_t n, Err *e);
    void *ctx;
} PgAsk;

enum { PG_TEXT = 128 };
typedef struct PgSaid {                                /* of the moment the rows are from */
    char lsn[PG_TEXT], snapshot[PG_TEXT], database[PG_TEXT], server[PG_TEXT];
} PgSaid;
bool pg_query(const PgAsk *ask, PgSaid *out, Err *e);

#endif
