/* state.c - see state.h. */
#include "watch/state.h"
#include "base/file.h"
#include <fcntl.h>
#include <math.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <unistd.h>

struct State {
    sqlite3 *db;
    char     path[512];
    int      lock;
};

static const char *const tables =
    "CREATE TABLE IF NOT EXISTS number (key TEXT PRIMARY KEY, v INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS cursor (folder TEXT PRIMARY KEY, segment INTEGER, offset INTEGER, next INTEGER) STRICT, WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS window (monitor TEXT, start INTEGER, bytes BLOB, PRIMARY KEY (monitor, start)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS prediction (id TEXT PRIMARY KEY, endpoint TEXT, time INTEGER, label REAL, score REAL, groups TEXT, y TEXT) "
    "STRICT, WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS prediction_time ON prediction (endpoint, time);"
    "CREATE TABLE IF NOT EXISTS label (id TEXT PRIMARY KEY, y TEXT, time INTEGER) STRICT, WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS dirty (monitor TEXT, start INTEGER, PRIMARY KEY (monitor, start)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS result (monitor TEXT, start INTEGER, value REAL, breach INTEGER, clear INTEGER, json TEXT, "
    "PRIMARY KEY (monitor, start)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS alert (monitor TEXT PRIMARY KEY, json TEXT) STRICT, WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS outbox (n INTEGER PRIMARY KEY AUTOINCREMENT, json TEXT) STRICT;";

static bool fail(const State *s, Err *e)
{
    int rc = sqlite3_errcode(s->db) & 0xff;
    return err_set(e, rc == SQLITE_NOMEM ? E_NOMEM : rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB ? E_FORMAT : E_IO, "%s: %s", s->path,
                   sqlite3_errmsg(s->db));
}

static bool exec(const State *s, const char *sql, Err *e)
{
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK || fail(s, e);
}

/* ---- statements: bound in order by a letter each: s Str, b Str as bytes, i int64_t, d double (NaN: NULL) */

static void stmt_drop(sqlite3_stmt **q) { sqlite3_finalize(*q); }
#define defer_stmt __attribute__((cleanup(stmt_drop)))

static sqlite3_stmt *ask(const State *s, Err *e, const char *sql, const char *kinds, ...)
{
    sqlite3_stmt *q = NULL;
    va_list       v;
    if (sqlite3_prepare_v3(s->db, sql, -1, 0, &q, NULL) != SQLITE_OK)
        return fail(s, e), NULL;
    va_start(v, kinds);
    for (int i = 1; *kinds; kinds++, i++) {
        if (*kinds == 'i') {
            sqlite3_bind_int64(q, i, va_arg(v, int64_t));
        } else if (*kinds == 'd') {
            sqlite3_bind_double(q, i, va_arg(v, double));
        } else {
            Str t = va_arg(v, Str);
            if (*kinds == 's')
                sqlite3_bind_text64(q, i, t.p ? t.p : "", t.n, SQLITE_STATIC, SQLITE_UTF8);
            else
                sqlite3_bind_blob64(q, i, t.p ? t.p : "", t.n, SQLITE_STATIC);
        }
    }
    va_end(v);
    return q;
}

typedef enum { STEP_ROW, STEP_DONE, STEP_FAILED } Step;

static Step step(const State *s, sqlite3_stmt *q, Err *e)
{
    int rc = q ? sqlite3_step(q) : SQLITE_ERROR;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE && q != NULL)
        fail(s, e);
    return rc == SQLITE_ROW ? STEP_ROW : rc == SQLITE_DONE ? STEP_DONE : STEP_FAILED;
}

/* A statement that answers nothing. */
static bool run(const State *s, sqlite3_stmt *q, Err *e)
{
    defer_stmt sqlite3_stmt *mine = q;
    return mine != NULL && step(s, mine, e) == STEP_DONE;
}

static Str text_at(sqlite3_stmt *q, int column)
{
    const void *p = sqlite3_column_blob(q, column);    /* the bytes of either type; valid until the next step */
    return (Str){ p ? p : "", (size_t)sqlite3_column_bytes(q, column) };
}

static double real_at(sqlite3_stmt *q, int column)
{
    return sqlite3_column_type(q, column) == SQLITE_NULL ? NAN : sqlite3_column_double(q, column);
}

/* ---- opening */

static bool take_lock(State *s, Err *e)
{
    char path[540];
    snprintf(path, sizeof path, "%s.lock", s->path);
    s->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (s->lock < 0)
        return err_set(e, E_IO, "%s: %m", path);
    return flock(s->lock, LOCK_EX | LOCK_NB) == 0 || err_set(e, E_DENIED, "%s: another moat watch is running", s->path);
}

static bool open_db(State *s, int flags, Err *e)
{
    if (sqlite3_open_v2(s->path, &s->db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        return fail(s, e);
    sqlite3_busy_timeout(s->db, 10000);
    sqlite3_extended_result_codes(s->db, 0);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    return true;
}

static State *opened(const char *path, bool write, Err *e)
{
    State *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_nomem(e), NULL;
    s->lock = -1;
    bool fits = snprintf(s->path, sizeof s->path, "%s", path) < (int)sizeof s->path || err_set(e, E_IO, "%s: path too long", path);
    if (fits && (!write || take_lock(s, e)) &&
        open_db(s, write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY, e) &&
        (!write || (exec(s, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL", e) && exec(s, tables, e))))
        return s;
    return state_close(s), NULL;
}

State *state_open(const char *path, Err *e) { return opened(path, true, e); }
State *state_open_read(const char *path, Err *e) { return opened(path, false, e); }

void state_close(State *s)
{
    if (s == NULL)
        return;
    sqlite3_close_v2(s->db);
    if (s->lock >= 0)
        close(s->lock);
    free(s);
}

bool state_begin(State *s, Err *e) { return exec(s, "BEGIN IMMEDIATE", e); }
bool state_commit(State *s, Err *e) { return exec(s, "COMMIT", e); }
void state_rollback(State *s) { sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL); }

/* ---- counters and cursors */

bool state_number(State *s, const char *key, int64_t *v, Err *e)
{
    defer_stmt sqlite3_stmt *q = ask(s, e, "SELECT v FROM number WHERE key = ?", "s", str(key));
    Step got = step(s, q, e);
    *v = got == STEP_ROW ? sqlite3_column_int64(q, 0) : 0;
    return got != STEP_FAILED;
}

bool state_number_set(State *s, const char *key, int64_t v, Err *e)
{
    return run(s, ask(s, e, "INSERT OR REPLACE INTO number VALUES (?, ?)", "si", str(key), v), e);
}

bool state_cursor(State *s, const char *folder, SpoolCursor *out, Err *e)
{
    defer_stmt sqlite3_stmt *q = ask(s, e, "SELECT segment, offset, next FROM cursor WHERE folder = ?", "s", str(folder));
    Step got = step(s, q, e);
    *out = (SpoolCursor){ 0 };
    if (got == STEP_ROW)
        *out = (SpoolCursor){ (uint64_t)sqlite3_column_int64(q, 0), (uint64_t)sqlite3_column_int64(q, 1), (uint64_t)sqlite3_column_int64(q, 2) };
    return got != STEP_FAILED;
}

bool state_cursor_set(State *s, const char *folder, SpoolCursor c, Err *e)
{
    return run(s, ask(s, e, "INSERT OR REPLACE INTO cursor VALUES (?, ?, ?, ?)", "siii", str(folder), (int64_t)c.segment, (int64_t)c.offset,
                      (int64_t)c.next_seq), e);
}

/* ---- open windows */

bool state_windows(State *s, WindowFn *fn, void *ctx, Err *e)
{
    defer_stmt sqlite3_stmt *q = ask(s, e, "SELECT monitor, start, bytes FROM window ORDER BY monitor, start", "");
    Step got;
    while ((got = step(s, q, e)) == STEP_ROW)
        if (!fn(ctx, text_at(q, 0), sqlite3_column_int64(q, 1), text_at(q, 2), e))
            return false;
    return got == STEP_DONE;
}

bool state_window_set(State *s, Str monitor, int64_t start, Str bytes, Err *e)
{
    return run(s, ask(s, e, "INSERT OR REPLACE INTO window VALUES (?, ?, ?)", "sib", monitor, start, bytes), e);
}

bool state_window_drop(State *s, Str monitor, int64_t start, Err *e)
{
    return run(s, ask(s, e, "DELETE FROM window WHERE monitor = ? AND start = ?", "si", monitor, start), e);
}

/* ---- predictions and labels */

bool state_prediction(State *s, const Waiting *p, bool *joined, Err *e)
{
    defer_stmt sqlite3_stmt *q = ask(s, e, "SELECT y FROM label WHERE id = ?", "s", p->id);
    Step got = step(s, q, e);
    Str  y = got == STEP_ROW ? text_at(q, 0) : S("");
    *joined = got == STEP_ROW;
    if (got == STEP_FAILED ||
        !run(s, ask(s, e, "INSERT OR IGNORE INTO prediction VALUES (?, ?, ?, ?, ?, ?, ?)", "ssiddss", p->id, p->endpoint, p->time, p->label,
                    p->score, p->groups, y), e))
        return false;
    return !*joined || run(s, ask(s, e, "DELETE FROM label WHERE id = ?", "s", p->id), e);
}

bool state_label(State *s, Str id, Str y, int64_t time, Waiting *out, LabelState *state, Err *e)
{
    defer_stmt sqlite3_stmt *q = ask(s, e, "SELECT endpoint, time, y FROM prediction WHERE id = ?", "s", id);
    Step got = step(s, q, e);
    *out = (Waiting){ .id = id, .y = y };
    if (got == STEP_FAILED)
        return false;
    if (got == STEP_DONE) {
        *state = LABEL_WAITS;
        if (!run(s, ask(s, e, "INSERT OR IGNORE INTO label VALUES (?, ?, ?)", "ssi", id, y, time), e))
            return false;
        if (sqlite3_changes(s->db) == 0)
            *state = LABEL_KNOWN;
        return true;
    }
    *state = text_at(q, 2).n > 0 ? LABEL_KNOWN : LABEL_JOINED;
    Str endpoint = text_at(q, 0);
    if (endpoint.n > sizeof out->room)
        return err_set(e, E_FORMAT, "%s: an endpoint's name is too long", s->path);
    memcpy(out->room, endpoint.p, endpoint.n);
    out->endpoint = (Str){ out->room, endpoint.n }, out->time = sqlite3_column_int64(q, 1);
    return *state == LABEL_KNOWN || run(s, ask(s, e, "UPDATE prediction SET y = ? WHERE id = ?", "ss", y, id), e);
}

bool state_joined(State *s, Str endpoint, int64_t from, int64_t to, WaitingFn *fn, void *ctx, Err *e)
{
    defer_stmt sqlite3_stmt *q = ask(s, e, "SELECT id, label, score, groups, y, time FROM prediction WHERE endpoint = ? AND time >= ? AND "
                                           "time < ? ORDER BY id", "sii", endpoint, from, to);
    Step got;
    while ((got = step(s, q, e)) == STEP_ROW)
        if (!fn(ctx, &(Waiting){ .id = text_at(q, 0), .endpoint = endpoint, .label = real_at(q, 1), .score = real_at(q, 2),
                                 .groups = text_at(q, 3), .y = text_at(q, 4), .time = sqlite3_column_int64(q, 5) }))
            return err_nomem(e);
    return got == STEP_DONE;
}

static bool count_rows(State *s, const char *sql, int64_t *n, Err *e)
{
    defer_stmt sqlite3_stmt *q = ask(s, e, sql, "");
    Step got = step(s, q, e);
    *n = got == STEP_ROW ? sqlite3_column_int64(q, 0) : 0;
    return got == STEP_ROW;
}

bool state_expire(State *s, int64_t before, uint64_t *lost, Err *e)
{
    int64_t predictions, labels;
    if (!run(s, ask(s, e, "DELETE FROM label WHERE time < ?", "i", before), e))
        return false;
    *lost = (uint64_t)sqlite3_changes(s->db);
    if (!run(s, ask(s, e, "DELETE FROM prediction WHERE time < ?", "i", before), e) ||
        !run(s, ask(s, e, "DELETE FROM result WHERE start < ?", "i", before), e) ||
        !count_rows(s, "SELECT count(*) FROM prediction", &predictions, e) || !count_rows(s, "SELECT count(*) FROM label", &labels, e))
        return false;
    if (predictions > STATE_ROWS_MAX &&
        !run(s, ask(s, e, "DELETE FROM prediction WHERE id IN (SELECT id FROM prediction ORDER BY time LIMIT ?)", "i", predictions - STATE_ROWS_MAX), e))
        return false;
    if (labels <= STATE_ROWS_MAX)
        return true;
    *lost += (uint64_t)(labels - STATE_ROWS_MAX);
    return run(s, ask(s, e, "DELETE FROM label WHERE id IN (SELECT id FROM label ORDER BY time LIMIT ?)", "i", labels - STATE_ROWS_MAX), e);
}

/* ---- dirty windows */

bool state_dirty(State *s, Str monitor, int64_t start, Err *e)
{
    return run(s, ask(s, e, "INSERT OR IGNORE INTO dirty VALUES (?, ?)", "si", monitor, start), e);
}

bool state_dirty_drop(State *s, Str monitor, int64_t start, Err *e)
{
    return run(s, ask(s, e, "DELETE FROM dirty WHERE monitor = ? AND start = ?", "si", monitor, start), e);
}

bool state_dirty_next(State *s, Str monitor, int64_t before, int64_t *start, bool *found, Err *e)
{
    defer_stmt sqlite3_stmt *q = ask(s, e, "SELECT start FROM dirty WHERE monitor = ? AND start < ? ORDER BY start LIMIT 1", "si", monitor, before);
    Step got = step(s, q, e);
    *found = got == STEP_ROW;
    *start = *found ? sqlite3_column_int64(q, 0) : 0;
    return got != STEP_FAILED;
}

/* ---- results and alerts */

bool state_result(State *s, const Result *r, Err *e)
{
    return run(s, ask(s, e, "INSERT OR REPLACE INTO result VALUES (?, ?, ?, ?, ?, ?)", "sidiis", r->monitor, r->start, r->value,
                      (int64_t)r->breach, (int64_t)r->clear, r->json), e);
}

bool state_judged(State *s, Str monitor, int64_t start, bool *out, Err *e)
{
    defer_stmt sqlite3_stmt *q = ask(s, e, "SELECT 1 FROM result WHERE monitor = ? AND start = ?", "si", monitor, start);
    Step got = step(s, q, e);
    *out = got == STEP_ROW;
    return got != STEP_FAILED;
}

bool state_results(State *s, Str monitor, size_t limit, ResultFn *fn, void *ctx, Err *e)
{
    defer_stmt sqlite3_stmt *q =
        monitor.n > 0 ? ask(s, e, "SELECT monitor, start, value, breach, clear, json FROM result WHERE monitor = ? AND value IS NOT NULL ORDER BY start DESC LIMIT ?",
                            "si", monitor, (int64_t)limit)
                      : ask(s, e, "SELECT monitor, start, value, breach, clear, json FROM result ORDER BY monitor, start", "");
    Step got;
    while ((got = step(s, q, e)) == STEP_ROW)
        if (!fn(ctx, &(Result){ text_at(q, 0), sqlite3_column_int64(q, 1), real_at(q, 2), sqlite3_column_int64(q, 3) != 0,
                                sqlite3_column_int64(q, 4) != 0, text_at(q, 5) }, e))
            return false;
    return got == STEP_DONE;
}

bool state_alert(State *s, Arena *a, Str monitor, Str *json, Err *e)
{
    defer_stmt sqlite3_stmt *q = ask(s, e, "SELECT json FROM alert WHERE monitor = ?", "s", monitor);
    Step got = step(s, q, e);
    *json = got == STEP_ROW ? arena_str(a, text_at(q, 0)) : S("");
    return got != STEP_FAILED && (json->p != NULL || err_nomem(e));
}

bool state_alert_set(State *s, Str monitor, Str json, Err *e)
{
    return run(s, ask(s, e, "INSERT OR REPLACE INTO alert VALUES (?, ?)", "ss", monitor, json), e);
}

bool state_outbox_add(State *s, Str json, Err *e)
{
    return run(s, ask(s, e, "INSERT INTO outbox (json) VALUES (?)", "s", json), e);
}

bool state_outbox_next(State *s, Arena *a, int64_t *n, Str *json, bool *found, Err *e)
{
    defer_stmt sqlite3_stmt *q = ask(s, e, "SELECT n, json FROM outbox ORDER BY n LIMIT 1", "");
    Step got = step(s, q, e);
    *found = got == STEP_ROW;
    if (*found)
        *n = sqlite3_column_int64(q, 0), *json = arena_str(a, text_at(q, 1));
    return got != STEP_FAILED && (!*found || json->p != NULL || err_nomem(e));
}

bool state_outbox_drop(State *s, int64_t n, Err *e) { return run(s, ask(s, e, "DELETE FROM outbox WHERE n = ?", "i", n), e); }
