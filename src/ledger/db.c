/* db.c - see db.h. */
#include "ledger/db.h"
#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* What sqlite_schema must hold, row by row; the statements that make it are the same texts. */
static const char *const schema[] = {
    "CREATE TABLE record (seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, leaf BLOB NOT NULL, bytes BLOB NOT NULL) STRICT",
    "CREATE INDEX record_kind ON record (kind)",
    "CREATE TABLE tree (id INTEGER PRIMARY KEY CHECK (id = 0), size INTEGER NOT NULL, peaks BLOB NOT NULL) STRICT",
    "CREATE TABLE signed (id INTEGER PRIMARY KEY CHECK (id = 0), note BLOB NOT NULL) STRICT",
};

bool db_fail(const Db *d, int rc, Err *e)
{
    static const struct {
        int          rc;
        enum ErrCode code;
        const char  *says;
    } rows[] = {
        { SQLITE_BUSY, E_IO, "another process has been writing to it for 10 seconds" },
        { SQLITE_LOCKED, E_IO, "another process has been writing to it for 10 seconds" },
        { SQLITE_FULL, E_IO, "the disk is full, or the file may not grow; nothing was recorded" },
        { SQLITE_NOMEM, E_NOMEM, "out of memory" },
        { SQLITE_READONLY, E_DENIED, "may not be written" },
        { SQLITE_PERM, E_DENIED, "may not be opened" },
        { SQLITE_AUTH, E_DENIED, "may not be opened" },
        { SQLITE_CANTOPEN, E_IO, "cannot be opened" },
        { SQLITE_NOTADB, E_FORMAT, "not a database" },
        { SQLITE_CORRUPT, E_FORMAT, "the database is damaged" },
        { SQLITE_TOOBIG, E_FORMAT, "the database is damaged: a value is larger than any record" },
    };
    for (size_t i = 0; i < len_of(rows); i++)
        if (rows[i].rc == (rc & 0xFF))
            return err_set(e, rows[i].code, "%s: %s", d->path, rows[i].says);
    return err_set(e, E_IO, "%s: %s", d->path, sqlite3_errstr(rc));
}

bool db_exec(const Db *d, const char *sql, Err *e)
{
    int rc = sqlite3_exec(d->h, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK || db_fail(d, rc, e);
}

sqlite3_stmt *db_prepare(const Db *d, const char *sql, Err *e)
{
    sqlite3_stmt *s = NULL;
    int           rc = sqlite3_prepare_v2(d->h, sql, -1, &s, NULL);
    if (rc != SQLITE_OK)
        db_fail(d, rc, e);
    return s;
}

bool db_u64(sqlite3_stmt *s, int column, uint64_t *out)
{
    if (sqlite3_column_type(s, column) != SQLITE_INTEGER || sqlite3_column_int64(s, column) < 0)
        return false;
    *out = (uint64_t)sqlite3_column_int64(s, column);
    return true;
}

bool db_bytes(sqlite3_stmt *s, int column, int type, Str *out)
{
    if (sqlite3_column_type(s, column) != type)
        return false;
    const void *p = type == SQLITE_TEXT ? (const void *)sqlite3_column_text(s, column) : sqlite3_column_blob(s, column);
    *out = (Str){ p ? p : "", (size_t)sqlite3_column_bytes(s, column) };
    return p != NULL || out->n == 0;
}

/* ---- opening */

static bool harden(Db *d, Err *e)
{
    static const struct {
        int option, on;
    } switches[] = {
        { SQLITE_DBCONFIG_DEFENSIVE, 1 },      { SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },         { SQLITE_DBCONFIG_ENABLE_TRIGGER, 0 },
        { SQLITE_DBCONFIG_ENABLE_VIEW, 0 },    { SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0 },  { SQLITE_DBCONFIG_DQS_DML, 0 },
        { SQLITE_DBCONFIG_DQS_DDL, 0 },
    };
    static const struct {
        int limit, value;
    } limits[] = {
        { SQLITE_LIMIT_LENGTH, 1 << 20 },    { SQLITE_LIMIT_SQL_LENGTH, 4096 }, { SQLITE_LIMIT_ATTACHED, 0 },
        { SQLITE_LIMIT_EXPR_DEPTH, 20 },     { SQLITE_LIMIT_COLUMN, 16 },       { SQLITE_LIMIT_TRIGGER_DEPTH, 1 },
    };
    for (size_t i = 0; i < len_of(switches); i++)
        if (sqlite3_db_config(d->h, switches[i].option, switches[i].on, NULL) != SQLITE_OK)
            return err_set(e, E_IO, "%s: SQLite lacks a protection we need", d->path);
    for (size_t i = 0; i < len_of(limits); i++)
        sqlite3_limit(d->h, limits[i].limit, limits[i].value);
    sqlite3_extended_result_codes(d->h, 1);
    sqlite3_busy_timeout(d->h, DB_BUSY_MS);
    return db_exec(d, "PRAGMA mmap_size = 0; PRAGMA cell_size_check = ON", e);
}

static bool open_as(Db *d, const char *name, int flags, Err *e)
{
    int rc = sqlite3_open_v2(name, &d->h, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, NULL);
    return rc == SQLITE_OK ? harden(d, e) : db_fail(d, rc, e);
}

/* One number that a pragma answers. */
static bool pragma(const Db *d, const char *sql, uint64_t *out, Err *e)
{
    defer_stmt sqlite3_stmt *s = db_prepare(d, sql, e);
    if (s == NULL)
        return false;
    int rc = sqlite3_step(s);
    if (rc != SQLITE_ROW)
        return db_fail(d, rc == SQLITE_DONE ? SQLITE_CORRUPT : rc, e);
    return db_u64(s, 0, out) || db_fail(d, SQLITE_CORRUPT, e);
}

static bool schema_ok(const Db *d, Err *e)
{
    defer_stmt sqlite3_stmt *s = db_prepare(d, "SELECT sql FROM sqlite_schema ORDER BY rowid", e);
    size_t                   n = 0;
    Str                      sql;
    int                      rc;
    if (s == NULL)
        return false;
    for (; (rc = sqlite3_step(s)) == SQLITE_ROW; n++)
        if (n == len_of(schema) || !db_bytes(s, 0, SQLITE_TEXT, &sql) || !str_is(sql, schema[n]))
            return err_set(e, E_FORMAT, "%s: its tables are not those of a ledger", d->path);
    if (rc != SQLITE_DONE)
        return db_fail(d, rc, e);
    return n == len_of(schema) || err_set(e, E_FORMAT, "%s: its tables are not those of a ledger", d->path);
}

static bool identify(const Db *d, Err *e)
{
    uint64_t application, version;
    if (!pragma(d, "PRAGMA application_id", &application, e) || !pragma(d, "PRAGMA user_version", &version, e))
        return false;
    if (application != DB_APPLICATION)
        return err_set(e, E_FORMAT, "%s: a database, but not a ledger of moat", d->path);
    if (version != DB_VERSION)
        return err_set(e, E_FORMAT, "%s: ledger version %" PRIu64 "; this moat reads version %d", d->path, version, DB_VERSION);
    return schema_ok(d, e);
}

static bool create_schema(const Db *d, Err *e)
{
    char      sql[64];
    MerkleTop empty = { 0 };
    for (size_t i = 0; i < len_of(schema); i++)
        if (!db_exec(d, schema[i], e))
            return false;
    snprintf(sql, sizeof sql, "PRAGMA application_id = %d", DB_APPLICATION);
    if (!db_exec(d, sql, e) || !db_set_tree(d, &empty, e))
        return false;
    snprintf(sql, sizeof sql, "PRAGMA user_version = %d", DB_VERSION);
    return db_exec(d, sql, e);
}

static bool begin(Db *d, const char *path, Err *e)
{
    struct stat st;
    *d = (Db){ .path = strdup(path) };
    if (d->path == NULL)
        return err_nomem(e);
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return err_set(e, E_IO, "%s: not a regular file", path);
    return true;
}

static bool fill_new(const char *temp, Err *e)
{
    Db   d;
    bool ok = begin(&d, temp, e) && open_as(&d, temp, SQLITE_OPEN_READWRITE, e) && db_exec(&d, "BEGIN", e) && create_schema(&d, e) &&
              db_exec(&d, "COMMIT", e) && db_exec(&d, "PRAGMA journal_mode = WAL", e);
    db_close(&d);
    return ok;
}

/* A new ledger appears under its name complete or not at all: two processes may make it at once, and one may be
 * killed.  SQLite's own files take the mode 0600 from it. */
static bool create(const char *path, Err *e)
{
    char temp[1024];
    if ((size_t)snprintf(temp, sizeof temp, "%s.XXXXXX", path) >= sizeof temp)
        return err_set(e, E_IO, "%s: path too long", path);
    defer_fd int fd = mkostemp(temp, O_CLOEXEC);
    if (fd < 0)
        return err_set(e, errno == EACCES || errno == EROFS ? E_DENIED : E_IO, "%s: %m", path);
    bool ok = fill_new(temp, e);
    if (ok && link(temp, path) != 0 && errno != EEXIST)
        ok = err_set(e, E_IO, "%s: %m", path);
    unlink(temp);
    return ok && dir_sync(path, e);
}

bool db_open_write(Db *d, const char *path, Err *e)
{
    return begin(d, path, e) && (file_exists(path) || create(path, e)) && open_as(d, path, SQLITE_OPEN_READWRITE, e) && identify(d, e) &&
           db_exec(d, "PRAGMA journal_mode = WAL", e) && db_exec(d, "PRAGMA synchronous = FULL", e);
}

/* "file:PATH?immutable=1" with what a URI cannot hold escaped. */
static bool immutable_name(const char *path, Buf *out)
{
    buf_z(out, "file:");
    for (const char *p = path; *p; p++)
        if (strchr("?#%", *p))
            buf_printf(out, "%%%02x", (unsigned)(uint8_t)*p);
        else
            buf_byte(out, (uint8_t)*p);
    buf_z(out, "?immutable=1");
    buf_byte(out, 0);
    return !out->bad;
}

/* On a medium that cannot be written SQLite has no place for the shared memory of its log.  Without a log beside it the
 * file is complete by itself and nobody can be writing. */
static bool reopen_immutable(Db *d, const char *path, Err *e)
{
    char          log[1024];
    struct stat   st;
    defer_buf Buf name = { 0 };
    if ((size_t)snprintf(log, sizeof log, "%s-wal", path) >= sizeof log || (stat(log, &st) == 0 && st.st_size > 0)) {
        err_set(e, E_IO, "%s: its newest records are in %s-wal, which cannot be read from here", path, path);
        return err_hint(e, "copy both files to a folder that you may write");
    }
    if (!immutable_name(path, &name))
        return err_nomem(e);
    sqlite3_close_v2(d->h);
    d->h = NULL;
    return open_as(d, name.p, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, e) && identify(d, e);
}

bool db_open_read(Db *d, const char *path, Err *e)
{
    uint64_t pages;
    if (!begin(d, path, e))
        return false;
    if (!file_exists(path))
        return err_set(e, E_IO, "%s: there is no ledger", path);
    if (!open_as(d, path, SQLITE_OPEN_READONLY, e))
        return false;
    int rc = sqlite3_exec(d->h, "SELECT 1 FROM sqlite_schema", NULL, NULL, NULL);
    if ((rc & 0xFF) == SQLITE_CANTOPEN || (rc & 0xFF) == SQLITE_READONLY)
        return reopen_immutable(d, path, e);
    if (rc != SQLITE_OK)
        return db_fail(d, rc, e);
    if (!pragma(d, "PRAGMA page_count", &pages, e))
        return false;
    return pages > 0 ? identify(d, e) : err_set(e, E_FORMAT, "%s: empty", path);
}

void db_close(Db *d)
{
    sqlite3_close_v2(d->h);
    free(d->path);
    *d = (Db){ 0 };
}

/* ---- the stored tree */

bool db_tree(const Db *d, MerkleTop *out, Err *e)
{
    defer_stmt sqlite3_stmt *s = db_prepare(d, "SELECT size, peaks FROM tree WHERE id = 0", e);
    Str                      peaks;
    if (s == NULL)
        return false;
    int rc = sqlite3_step(s);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return db_fail(d, rc, e);
    *out = (MerkleTop){ 0 };
    if (rc == SQLITE_DONE || !db_u64(s, 0, &out->n) || !db_bytes(s, 1, SQLITE_BLOB, &peaks) ||
        peaks.n != (size_t)__builtin_popcountll(out->n) * sizeof out->peak[0])
        return err_set(e, E_FORMAT, "%s: the stored tree is damaged", d->path);
    memcpy(out->peak, peaks.p, peaks.n);
    return true;
}

bool db_set_tree(const Db *d, const MerkleTop *t, Err *e)
{
    defer_stmt sqlite3_stmt *s = db_prepare(d, "INSERT OR REPLACE INTO tree (id, size, peaks) VALUES (0, ?, ?)", e);
    if (s == NULL)
        return false;
    size_t n = (size_t)__builtin_popcountll(t->n) * sizeof t->peak[0];
    sqlite3_bind_int64(s, 1, (sqlite3_int64)t->n);
    sqlite3_bind_blob(s, 2, n ? t->peak : (const void *)"", (int)n, SQLITE_STATIC);
    int rc = sqlite3_step(s);
    return rc == SQLITE_DONE || db_fail(d, rc, e);
}
