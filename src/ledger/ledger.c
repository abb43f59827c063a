/* ledger.c - opening, appending, reading: see ledger.h. */
#include "ledger/own.h"

static Ledger *opened(bool (*open)(Db *, const char *, Err *), const char *path, Err *e)
{
    Ledger *l = calloc(1, sizeof *l);
    if (l == NULL)
        return err_nomem(e), NULL;
    if (open(&l->db, path, e))
        return l;
    ledger_close(l);
    return NULL;
}

Ledger *ledger_open(const char *path, Err *e) { return opened(db_open_write, path, e); }
Ledger *ledger_open_read(const char *path, Err *e) { return opened(db_open_read, path, e); }

void ledger_close(Ledger *l)
{
    if (l == NULL)
        return;
    sqlite3_finalize(l->insert);
    db_close(&l->db);
    free(l);
}

/* ---- appending */

bool ledger_begin(Ledger *l, Err *e)
{
    assert(l->tx == TX_NONE);
    if (!db_exec(&l->db, "BEGIN IMMEDIATE", e))
        return false;
    l->tx = TX_OPEN;
    if (db_tree(&l->db, &l->top, e))
        return true;
    ledger_rollback(l);
    return false;
}

void ledger_rollback(Ledger *l)
{
    if (l->tx == TX_OPEN)
        sqlite3_exec(l->db.h, "ROLLBACK", NULL, NULL, NULL);
    l->tx = TX_NONE;
}

bool ledger_commit(Ledger *l, Err *e)
{
    assert(l->tx != TX_NONE);
    if (l->tx == TX_LOST) {
        l->tx = TX_NONE;
        return err_set(e, E_IO, "%s: an append failed and took its group with it", l->db.path);
    }
    if (db_set_tree(&l->db, &l->top, e) && db_exec(&l->db, "COMMIT", e)) {
        l->tx = TX_NONE;
        return true;
    }
    ledger_rollback(l);
    return false;
}

static bool insert(Ledger *l, const char *kind, Str bytes, Err *e)
{
    Digest leaf = merkle_leaf(bytes);
    if (l->insert == NULL)
        l->insert = db_prepare(&l->db, "INSERT INTO record (seq, kind, leaf, bytes) VALUES (?, ?, ?, ?)", e);
    if (l->insert == NULL)
        return false;
    sqlite3_bind_int64(l->insert, 1, (sqlite3_int64)l->top.n);
    sqlite3_bind_text(l->insert, 2, kind, -1, SQLITE_STATIC);
    sqlite3_bind_blob(l->insert, 3, leaf.b, sizeof leaf.b, SQLITE_STATIC);
    sqlite3_bind_blob(l->insert, 4, bytes.p, (int)bytes.n, SQLITE_STATIC);
    int rc = sqlite3_step(l->insert);
    sqlite3_reset(l->insert);
    sqlite3_clear_bindings(l->insert);
    if ((rc & 0xFF) == SQLITE_CONSTRAINT)
        return err_set(e, E_FORMAT, "%s: record %" PRIu64 " is there already, so the stored tree is wrong", l->db.path, l->top.n);
    if (rc != SQLITE_DONE)
        return db_fail(&l->db, rc, e);
    merkle_add(&l->top, &leaf);
    return true;
}

/* A group that lost one append must not commit the others: the caller may have meant them together. */
static bool append_in(Ledger *l, RecordKind kind, Str bytes, Err *e)
{
    if (l->tx == TX_LOST)
        return err_set(e, E_IO, "%s: an earlier append of this group failed", l->db.path);
    if (insert(l, record_table[kind].name, bytes, e))
        return true;
    ledger_rollback(l);
    l->tx = TX_LOST;
    return false;
}

bool ledger_append(Ledger *l, Clock clock, RecordKind kind, Str actor, const Digest *subject, Str body, uint64_t *seq, Err *e)
{
    defer_buf Buf bytes = { 0 };
    bool          alone = l->tx == TX_NONE;
    if (!record_write(&bytes, kind, clock_ns(clock), actor, subject, body, e))
        return false;
    if (alone && !ledger_begin(l, e))
        return false;
    uint64_t at = l->top.n;
    bool     ok = append_in(l, kind, buf_view(&bytes), e);
    if (alone && ok)
        ok = ledger_commit(l, e);
    else if (alone)
        ledger_rollback(l);
    if (ok && seq != NULL)
        *seq = at;
    return ok;
}

/* ---- reading */

uint64_t ledger_size(Ledger *l)
{
    MerkleTop t;
    if (l->tx == TX_OPEN)
        return l->top.n;
    return db_tree(&l->db, &t, NULL) ? t.n : 0;
}

static bool row_of(sqlite3_stmt *s, Row *r)
{
    Str leaf;
    if (!db_u64(s, 0, &r->seq) || !db_bytes(s, 1, SQLITE_TEXT, &r->kind) || !db_bytes(s, 2, SQLITE_BLOB, &leaf) ||
        !db_bytes(s, 3, SQLITE_BLOB, &r->bytes) || leaf.n != sizeof r->leaf.b)
        return false;
    memcpy(r->leaf.b, leaf.p, sizeof r->leaf.b);
    return true;
}

/* Steps through a statement whose columns are seq, kind, leaf, bytes. */
static bool each_row(Ledger *l, sqlite3_stmt *s, bool (*fn)(void *ctx, const Row *r), void *ctx, Err *e)
{
    Row r;
    int rc;
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        if (!row_of(s, &r))
            return db_fail(&l->db, SQLITE_CORRUPT, e);
        if (!fn(ctx, &r))
            return true;
    }
    return rc == SQLITE_DONE || db_fail(&l->db, rc, e);
}

bool ledger_rows(Ledger *l, uint64_t from, bool (*fn)(void *ctx, const Row *r), void *ctx, Err *e)
{
    defer_stmt sqlite3_stmt *s = db_prepare(&l->db, "SELECT seq, kind, leaf, bytes FROM record WHERE seq >= ? ORDER BY seq", e);
    if (s == NULL)
        return false;
    sqlite3_bind_int64(s, 1, from > INT64_MAX ? INT64_MAX : (sqlite3_int64)from);
    return each_row(l, s, fn, ctx, e);
}

/* The record of a row, whose columns must say what its bytes say. */
static bool read_row(Ledger *l, Arena *a, const Row *row, Record *out, Err *e)
{
    *out = (Record){ .seq = row->seq };
    if (!record_parse(a, row->bytes, out, e))
        return err_in(e, "%s: record %" PRIu64, l->db.path, row->seq);
    if (!str_eq(out->kind, row->kind))
        return err_set(e, E_FORMAT, "%s: record %" PRIu64 " is filed under another kind", l->db.path, row->seq);
    return true;
}

typedef struct Get {
    Ledger  *l;
    Arena   *a;
    Record  *out;
    Err     *e;
    uint64_t seq;
    bool     found, ok;
} Get;

static bool get_one(void *ctx, const Row *row)
{
    Get *g = ctx;
    g->found = row->seq == g->seq;
    g->ok = g->found && read_row(g->l, g->a, row, g->out, g->e);
    return false;
}

bool ledger_get(Ledger *l, Arena *a, uint64_t seq, Record *out, Err *e)
{
    Get g = { l, a, out, e, seq, false, false };
    if (!ledger_rows(l, seq, get_one, &g, e))
        return false;
    return g.found ? g.ok : err_set(e, E_IO, "%s: there is no record %" PRIu64, l->db.path, seq);
}

/* ---- the newest of a kind */

typedef struct Last {
    Ledger       *l;
    Arena        *a;
    const Digest *subject;
    Str           name;
    Record       *out;
    Err          *e;
    bool          found, failed;
} Last;

static bool wanted(const Last *s, const Record *r)
{
    char hex[DIGEST_HEX];
    if (s->subject != NULL) {
        digest_hex(s->subject, hex);
        if (!str_is(r->subject, hex))
            return false;
    }
    return s->name.n == 0 || str_eq(json_text(json_get(r->body, "name"), S("")), s->name);
}

static bool last_one(void *ctx, const Row *row)
{
    Last              *s = ctx;
    defer_arena Arena *scratch = arena_new(RECORD_ARENA);
    Record             r;
    if (scratch == NULL)
        return s->failed = true, err_nomem(s->e);
    if (!read_row(s->l, scratch, row, &r, s->e))
        return s->failed = true, false;
    if (!wanted(s, &r))
        return true;
    s->found = true;
    s->failed = !read_row(s->l, s->a, row, s->out, s->e);
    return false;
}

/* Rows of a kind (RECORD_KINDS: all), the newest first. */
static sqlite3_stmt *newest_first(Ledger *l, RecordKind kind, Err *e)
{
    bool          all = kind == RECORD_KINDS;
    sqlite3_stmt *s = db_prepare(&l->db, all ? "SELECT seq, kind, leaf, bytes FROM record ORDER BY seq DESC"
                                             : "SELECT seq, kind, leaf, bytes FROM record WHERE kind = ? ORDER BY seq DESC", e);
    if (s != NULL && !all)
        sqlite3_bind_text(s, 1, record_table[kind].name, -1, SQLITE_STATIC);
    return s;
}

bool ledger_last(Ledger *l, Arena *a, RecordKind kind, const Digest *subject, Str name, Record *out, Err *e)
{
    Last                     s = { l, a, subject, name, out, e, false, false };
    defer_stmt sqlite3_stmt *stmt = newest_first(l, kind, e);
    if (stmt == NULL || !each_row(l, stmt, last_one, &s, e) || s.failed)
        return false;
    if (!s.found && e != NULL)
        *e = (Err){ 0 };
    return s.found;
}

/* ---- all of them */

typedef struct Each {
    Ledger  *l;
    Arena   *a;
    size_t   used;                                     /* bytes of records since the arena was new */
    uint64_t next;
    bool (*fn)(void *ctx, const Record *r);
    void    *ctx;
    Err     *e;
    bool     failed;
} Each;

static bool fresh_arena(Each *s, size_t more)
{
    s->used += more;
    if (s->a != NULL && s->used < ARENA_REFRESH)
        return true;
    arena_free(s->a);
    s->a = arena_new(2 * RECORD_ARENA);
    s->used = more;
    return s->a != NULL || err_nomem(s->e);
}

static bool each_one(void *ctx, const Row *row)
{
    Each  *s = ctx;
    Record r;
    s->failed = !fresh_arena(s, row->bytes.n) || !read_row(s->l, s->a, row, &r, s->e);
    return !s->failed && s->fn(s->ctx, &r);
}

static bool next_one(void *ctx, const Row *row)
{
    Each *s = ctx;
    if (row->seq == s->next++)
        return each_one(ctx, row);
    s->failed = true;
    return err_set(s->e, E_FORMAT, "%s: record %" PRIu64 " is missing", s->l->db.path, s->next - 1);
}

bool ledger_each(Ledger *l, uint64_t from, bool (*fn)(void *ctx, const Record *r), void *ctx, Err *e)
{
    Each s = { .l = l, .next = from, .fn = fn, .ctx = ctx, .e = e };
    bool ok = ledger_rows(l, from, next_one, &s, e);
    arena_free(s.a);
    return ok && !s.failed;
}

bool ledger_newest(Ledger *l, RecordKind kind, bool (*fn)(void *ctx, const Record *r), void *ctx, Err *e)
{
    Each                     s = { .l = l, .fn = fn, .ctx = ctx, .e = e };
    defer_stmt sqlite3_stmt *stmt = newest_first(l, kind, e);
    bool                     ok = stmt != NULL && each_row(l, stmt, each_one, &s, e);
    arena_free(s.a);
    return ok && !s.failed;
}
