/* pg.c - see pg.h. */
#include "net/pg.h"
#include <libpq-fe.h>

static void conn_drop(PGconn **c) { PQfinish(*c); }
static void result_drop(PGresult **r) { PQclear(*r); }
#define defer_conn __attribute__((cleanup(conn_drop)))
#define defer_result __attribute__((cleanup(result_drop)))

/* The server's words, their first line. */
static bool fail(Err *e, const char *words)
{
    Str line, rest;
    str_cut(str(words), '\n', &line, &rest);
    line = str_trim(line);
    return err_set(e, E_IO, "PostgreSQL: %.*s", STR(line.n ? line : S("no answer")));
}

static bool no_password(const char *address, Err *e)
{
    char             *why = NULL;
    PQconninfoOption *all = PQconninfoParse(address, &why);
    bool              held = false;
    if (all == NULL) {
        PQfreemem(why);                                /* its words may hold the address */
        return err_set(e, E_USAGE, "the address does not read as PostgreSQL's: postgresql://host/database");
    }
    for (PQconninfoOption *o = all; o->keyword != NULL; o++)
        held |= (strcmp(o->keyword, "password") == 0 || strcmp(o->keyword, "sslpassword") == 0) && o->val != NULL;
    PQconninfoFree(all);
    if (!held)
        return true;
    err_set(e, E_USAGE, "a password does not belong into an address");
    return err_hint(e, "PGPASSWORD in the environment, or a line in ~/.pgpass");
}

static PGconn *open_conn(const char *address, Err *e)
{
    char              seconds[16];
    const char *const keys[] = { "dbname", "fallback_application_name", "client_encoding", "connect_timeout", NULL };
    const char *const values[] = { address, "moat", "UTF8", seconds, NULL };
    snprintf(seconds, sizeof seconds, "%d", PG_CONNECT_S);
    if (!no_password(address, e))
        return NULL;
    PGconn *c = PQconnectdbParams(keys, values, 1);
    if (c != NULL && PQstatus(c) == CONNECTION_OK)
        return c;
    fail(e, c ? PQerrorMessage(c) : "out of memory");
    PQfinish(c);
    return NULL;
}

static void keep(const PGresult *r, int column, char to[static PG_TEXT]) { snprintf(to, PG_TEXT, "%s", PQgetvalue(r, 0, column)); }

static bool begin(PGconn *c, PgSaid *out, Err *e)
{
    defer_result PGresult *b = PQexec(c, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    if (PQresultStatus(b) != PGRES_COMMAND_OK)
        return fail(e, PQerrorMessage(c));
    defer_result PGresult *r = PQexec(c, "SELECT (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END)::text, "
                                         "pg_current_snapshot()::text, current_database(), current_setting('server_version')");
    if (PQresultStatus(r) != PGRES_TUPLES_OK || PQntuples(r) != 1)
        return fail(e, PQerrorMessage(c));
    keep(r, 0, out->lsn), keep(r, 1, out->snapshot), keep(r, 2, out->database), keep(r, 3, out->server);
    return true;
}

static bool give_names(const PgAsk *ask, const PGresult *r, Str *cell, Err *e)
{
    int n = PQnfields(r);
    if (n < 1 || n > PG_COLUMNS_MAX)
        return err_set(e, E_USAGE, "the query gives no rows of columns; a SELECT does");
    for (int i = 0; i < n; i++)
        cell[i] = str(PQfname(r, i));
    return ask->names(ask->ctx, cell, (size_t)n, e);
}

static bool give_rows(const PgAsk *ask, const PGresult *r, Str *cell, Err *e)
{
    int n = PQnfields(r);
    for (int row = 0; row < PQntuples(r); row++) {
        for (int i = 0; i < n; i++)
            cell[i] = PQgetisnull(r, row, i) ? (Str){ 0 } : (Str){ PQgetvalue(r, row, i), (size_t)PQgetlength(r, row, i) };
        if (!ask->row(ask->ctx, cell, (size_t)n, e))
            return false;
    }
    return true;
}

/* One result of one row each, and an empty one at the end. */
static bool each_result(PGconn *c, const PgAsk *ask, Str *cell, Err *e)
{
    bool named = false, ok = true, ended = false;
    for (PGresult *r; ok && (r = PQgetResult(c)) != NULL; PQclear(r)) {
        ExecStatusType s = PQresultStatus(r);
        if (s == PGRES_COMMAND_OK || s == PGRES_EMPTY_QUERY)
            ok = err_set(e, E_USAGE, "the query gives no rows; a SELECT does");
        else if (s != PGRES_SINGLE_TUPLE && s != PGRES_TUPLES_OK)
            ok = fail(e, PQresultErrorMessage(r));
        else
            ok = (named || give_names(ask, r, cell, e)) && give_rows(ask, r, cell, e), named = true;
        ended |= ok && s == PGRES_TUPLES_OK;
    }
    return ok && (ended || fail(e, PQerrorMessage(c)));
}

bool pg_query(const PgAsk *ask, PgSaid *out, Err *e)
{
    *out = (PgSaid){ 0 };
    Str *cell = malloc(PG_COLUMNS_MAX * sizeof *cell);
    if (cell == NULL)
        return err_nomem(e);
    defer_conn PGconn *c = open_conn(ask->address, e);
    bool               ok = c != NULL && begin(c, out, e);
    if (ok && (PQsendQueryParams(c, ask->query, 0, NULL, NULL, NULL, NULL, 0) != 1 || PQsetSingleRowMode(c) != 1))
        ok = fail(e, PQerrorMessage(c));
    ok = ok && each_result(c, ask, cell, e);
    free(cell);
    return ok;
}
