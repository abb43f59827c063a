/* fetch_sql.c - the rows of a query as CSV; see fetch.h. */
#include "base/file.h"
#include "crypto/digest.h"
#include "data/fetch.h"
#include "format/csv_put.h"
#include "net/pg.h"
#include <sqlite3.h>
#include <sys/stat.h>

enum { FLUSH = 1 << 20, COLUMNS_MAX = 2000 };

typedef struct Table {
    const Fetch *how;
    Buf          text;
    uint64_t     rows, nulls;
} Table;

static bool flush(Table *t, Err *e)
{
    if (t->text.bad)
        return err_nomem(e);
    bool ok = file_write(t->how->fd, buf_view(&t->text), "the dataset", e);
    t->text.n = 0;
    return ok;
}

/* The reader takes a first line without any number for names; it must, so none of ours may be one. */
static bool put_names(void *ctx, const Str *name, size_t n, Err *e)
{
    Table *t = ctx;
    double v;
    for (size_t i = 0; i < n; i++)
        if (number_f64(str_trim(name[i]), &v) || name[i].n == 0) {
            err_set(e, E_USAGE, "column %zu of the query is called '%.*s'", i + 1, (int)(name[i].n < 80 ? name[i].n : 80), name[i].p);
            return err_hint(e, "give it a name: SELECT ... AS name");
        }
    csv_put_row(&t->text, name, n);
    return true;
}

static bool put_row(void *ctx, const Str *cell, size_t n, Err *e)
{
    Table *t = ctx;
    for (size_t i = 0; i < n; i++)
        t->nulls += cell[i].p == NULL;
    csv_put_row(&t->text, cell, n);
    t->rows++;
    return t->text.n < FLUSH || flush(t, e);
}

static bool finish(Table *t, JsonOut *w, bool ok, Err *e)
{
    ok = ok && flush(t, e);
    json_member_u64(w, "rows", t->rows);
    json_member_u64(w, "nulls", t->nulls);
    buf_free(&t->text);
    return ok;
}

bool fetch_postgres(const Fetch *how, JsonOut *w, Err *e)
{
    Table  t = { .how = how };
    PgSaid said;
    PgAsk  ask = { how->uri, how->query, put_names, put_row, &t };
    bool   ok = finish(&t, w, pg_query(&ask, &said, e), e);
    json_member(w, "lsn", str(said.lsn));
    json_member(w, "snapshot", str(said.snapshot));
    json_member(w, "database", str(said.database));
    json_member(w, "server", str(said.server));
    return ok;
}

/* ---- SQLite */

static void sqlite_drop(sqlite3 **db) { sqlite3_close(*db); }
static void stmt_drop(sqlite3_stmt **s) { sqlite3_finalize(*s); }

/* Reading, and nothing else: no other files, no settings, no extensions. */
static int may(void *ctx, int action, const char *a, const char *b, const char *c, const char *d)
{
    (void)ctx, (void)a, (void)c, (void)d;
    if (action == SQLITE_FUNCTION)
        return b != NULL && sqlite3_stricmp(b, "load_extension") == 0 ? SQLITE_DENY : SQLITE_OK;
    return action == SQLITE_SELECT || action == SQLITE_READ || action == SQLITE_RECURSIVE ? SQLITE_OK : SQLITE_DENY;
}

static sqlite3 *open_db(const char *path, Err *e)
{
    sqlite3 *db = NULL;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_PRIVATECACHE, NULL) != SQLITE_OK) {
        err_set(e, E_IO, "%s: %s", path, db ? sqlite3_errmsg(db) : "out of memory");
        sqlite3_close(db);
        return NULL;
    }
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_set_authorizer(db, may, NULL);
    sqlite3_busy_timeout(db, 10000);
    return db;
}

/* Its text; reals in the shortest form that reads back as the same. */
static bool cell_of(sqlite3_stmt *s, int i, char number[static NUMBER_TEXT], Str *out, Err *e)
{
    int type = sqlite3_column_type(s, i);
    *out = (Str){ 0 };
    if (type == SQLITE_BLOB) {
        err_set(e, E_USAGE, "column '%s' holds a blob, and CSV cannot", sqlite3_column_name(s, i));
        return err_hint(e, "SELECT hex(%s) AS name", sqlite3_column_name(s, i));
    }
    if (type == SQLITE_FLOAT) {
        double v = sqlite3_column_double(s, i);
        *out = v - v == 0 ? (Str){ number, number_text(v, number) } : v > 0 ? S("inf") : S("-inf");
    } else if (type != SQLITE_NULL)
        *out = (Str){ (const char *)sqlite3_column_text(s, i), (size_t)sqlite3_column_bytes(s, i) };
    return true;
}

typedef struct Cells {                                 /* room for one row */
    Str  *cell;
    char (*number)[NUMBER_TEXT];
    int   n;
} Cells;

static bool each_row(sqlite3 *db, sqlite3_stmt *s, const Cells *c, Table *t, Err *e)
{
    int rc;
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        for (int i = 0; i < c->n; i++)
            if (!cell_of(s, i, c->number[i], &c->cell[i], e))
                return false;
        if (!put_row(t, c->cell, (size_t)c->n, e))
            return false;
    }
    return rc == SQLITE_DONE || err_set(e, E_IO, "%s", sqlite3_errmsg(db));
}

static bool read_rows(sqlite3 *db, sqlite3_stmt *s, Table *t, Err *e)
{
    Cells c = { .n = sqlite3_column_count(s) };
    if (c.n < 1 || c.n > COLUMNS_MAX)
        return err_set(e, E_USAGE, "the query gives %d columns", c.n);
    c.cell = calloc((size_t)c.n, sizeof *c.cell), c.number = calloc((size_t)c.n, sizeof *c.number);
    bool ok = (c.cell != NULL && c.number != NULL) || err_nomem(e);
    for (int i = 0; ok && i < c.n; i++)
        c.cell[i] = str(sqlite3_column_name(s, i));
    ok = ok && put_names(t, c.cell, (size_t)c.n, e) && each_row(db, s, &c, t, e);
    free(c.cell), free(c.number);
    return ok;
}

static bool run_query(const char *path, const char *query, Table *t, Err *e)
{
    const char *rest = NULL;
    __attribute__((cleanup(sqlite_drop))) sqlite3 *db = open_db(path, e);
    __attribute__((cleanup(stmt_drop))) sqlite3_stmt *s = NULL;
    if (db == NULL)
        return false;
    if (sqlite3_prepare_v2(db, query, -1, &s, &rest) != SQLITE_OK)
        return err_set(e, E_USAGE, "%s: %s", path, sqlite3_errmsg(db)), err_hint(e, "one SELECT may run here, over the tables of this file");
    if (s == NULL || !sqlite3_stmt_readonly(s) || str_trim(str(rest)).n > 0)
        return err_set(e, E_USAGE, "%s: one SELECT alone may run here", path);
    return read_rows(db, s, t, e) || err_in(e, "%s", path);
}

/* A write-ahead log holds what the file does not, so then its digest would say nothing. */
static bool stamp_of(const char *path, struct stat *st)
{
    char        wal[4096];
    struct stat log;
    if (snprintf(wal, sizeof wal, "%s-wal", path) >= (int)sizeof wal)
        return false;
    return stat(path, st) == 0 && S_ISREG(st->st_mode) && (stat(wal, &log) != 0 || log.st_size == 0);
}

bool fetch_sqlite(const Fetch *how, JsonOut *w, Err *e)
{
    const char *path = how->uri + (strncmp(how->uri, "sqlite:", 7) == 0 ? 7 : 0);
    path += strncmp(path, "//", 2) == 0 ? 2 : 0;
    Table       t = { .how = how };
    struct stat before, after;
    Digest      d;
    uint64_t    bytes = 0;
    Err         none = { 0 };
    bool        known = stamp_of(path, &before) && sha256_file(path, &d, &bytes, &none);
    bool        ok = finish(&t, w, run_query(path, how->query, &t, e), e);
    if (known && stamp_of(path, &after) && before.st_mtim.tv_sec == after.st_mtim.tv_sec && before.st_mtim.tv_nsec == after.st_mtim.tv_nsec)
        fetch_put_digest(w, d.b, bytes);
    return ok;
}
