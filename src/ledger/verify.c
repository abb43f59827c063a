/* verify.c - the tree over the records: verification, checkpoints, proofs. */
#include "crypto/note.h"
#include "ledger/own.h"

typedef struct Mark {                                  /* a size at which we want to know the root */
    uint64_t size;
    Digest   root;
    bool     seen;
} Mark;

typedef struct Walk {
    Ledger      *l;
    LedgerState *state;
    Err         *e;
    MerkleTop    top;
    Mark         covered, last;                        /* by the checkpoint; by the last one signed here */
    Arena       *a;
    size_t       used;                                 /* bytes of records since the arena was new */
    bool         failed;                               /* ours, not the file's                     */
} Walk;

/* Finds a fault in [from, to); returns false for `return`. */
static bool fault(LedgerState *s, LedgerFault f, uint64_t from, uint64_t to)
{
    s->fault = f, s->from = from, s->to = to;
    return false;
}

static void mark(Mark *m, const MerkleTop *t)
{
    if (m->size != t->n)
        return;
    m->root = merkle_top(t);
    m->seen = true;
}

static bool fresh_arena(Walk *w, size_t more)
{
    w->used += more;
    if (w->a != NULL && w->used < ARENA_REFRESH)
        return true;
    arena_free(w->a);
    w->a = arena_new(2 * RECORD_ARENA);
    w->used = more;
    w->failed = w->a == NULL;
    return !w->failed || err_nomem(w->e);
}

/* That the row is the record it says it is. */
static bool row_ok(Walk *w, const Row *r, const Digest *leaf)
{
    Record rec = { .seq = r->seq };
    if (!digest_eq(leaf, &r->leaf))
        return err_set(w->e, E_FORMAT, "record %" PRIu64 " was changed after it was stored", r->seq);
    if (!record_parse(w->a, r->bytes, &rec, w->e))
        return err_in(w->e, "record %" PRIu64, r->seq);
    return str_eq(rec.kind, r->kind) || err_set(w->e, E_FORMAT, "record %" PRIu64 " is filed under another kind", r->seq);
}

static bool walk_row(void *ctx, const Row *r)
{
    Walk    *w = ctx;
    uint64_t at = w->top.n;
    Digest   leaf = merkle_leaf(r->bytes);
    if (r->seq != at) {
        err_set(w->e, E_FORMAT, "record %" PRIu64 " is missing", at);
        return fault(w->state, LEDGER_GAP, at, at + 1);
    }
    if (!fresh_arena(w, r->bytes.n))
        return false;
    if (!row_ok(w, r, &leaf))
        return fault(w->state, LEDGER_CHANGED, at, at + 1);
    merkle_add(&w->top, &leaf);
    mark(&w->covered, &w->top);
    mark(&w->last, &w->top);
    return true;
}

/* Where two trees of one size first differ: the records below the first peak that does. */
static void differing(const MerkleTop *a, const MerkleTop *b, uint64_t *from, uint64_t *to)
{
    uint64_t at = 0;
    size_t   i = 0;
    for (int bit = 63; bit >= 0; bit--) {
        if (!(a->n >> bit & 1))
            continue;
        *from = at, *to = at + (1ull << bit);
        if (!digest_eq(&a->peak[i], &b->peak[i]))
            return;
        at = *to, i++;
    }
}

static bool compare_stored(Walk *w)
{
    MerkleTop stored;
    LedgerState *s = w->state;
    uint64_t  from = 0, to = w->top.n;
    if (!db_tree(&w->l->db, &stored, w->e))
        return w->e->code == E_FORMAT ? fault(s, LEDGER_TREE, 0, w->top.n) : false;
    if (stored.n != w->top.n) {
        err_set(w->e, E_FORMAT, "there are %" PRIu64 " records and the stored tree has %" PRIu64, w->top.n, stored.n);
        return fault(s, LEDGER_TREE, stored.n < w->top.n ? stored.n : w->top.n, stored.n > w->top.n ? stored.n : w->top.n);
    }
    Digest have = merkle_top(&stored);
    if (digest_eq(&have, &s->root))
        return true;
    differing(&w->top, &stored, &from, &to);
    err_set(w->e, E_FORMAT, "records %" PRIu64 " to %" PRIu64 " do not give the tree that was stored with them", from, to - 1);
    return fault(s, LEDGER_TREE, from, to);
}

/* ---- the last checkpoint that was signed here */

/* Copies its text; an empty *note when there is none yet. */
static bool last_note(Ledger *l, Buf *note, Err *e)
{
    defer_stmt sqlite3_stmt *s = db_prepare(&l->db, "SELECT note FROM signed WHERE id = 0", e);
    Str                      text;
    if (s == NULL)
        return false;
    int rc = sqlite3_step(s);
    if (rc == SQLITE_DONE)
        return true;
    if (rc != SQLITE_ROW)
        return db_fail(&l->db, rc, e);
    if (!db_bytes(s, 0, SQLITE_BLOB, &text))
        return db_fail(&l->db, SQLITE_CORRUPT, e);
    buf_str(note, text);
    return !note->bad || err_nomem(e);
}

static bool set_last_note(Ledger *l, Str note, Err *e)
{
    defer_stmt sqlite3_stmt *s = db_prepare(&l->db, "INSERT OR REPLACE INTO signed (id, note) VALUES (0, ?)", e);
    if (s == NULL)
        return false;
    sqlite3_bind_blob(s, 1, note.p, (int)note.n, SQLITE_STATIC);
    int rc = sqlite3_step(s);
    return rc == SQLITE_DONE || db_fail(&l->db, rc, e);
}

/* Its signature is not looked at: whoever could forge the row could as well delete it. */
static bool read_last(Walk *w, Checkpoint *last)
{
    defer_buf Buf note = { 0 };
    if (!last_note(w->l, &note, w->e))
        return w->e->code == E_FORMAT ? fault(w->state, LEDGER_FORKED, 0, 0) : false;
    last->size = UINT64_MAX;
    if (note.n > 0 && !checkpoint_peek(buf_view(&note), last, w->e))
        return fault(w->state, LEDGER_FORKED, 0, 0);
    last->origin = S("");                              /* it lived in the note */
    return true;
}

/* ---- the walk */

static void fault_of_root(Walk *w, const Mark *m, const char *whose, LedgerFault shorter, LedgerFault other)
{
    if (!m->seen) {
        err_set(w->e, E_FORMAT, "%" PRIu64 " records, and %s covers %" PRIu64, w->top.n, whose, m->size);
        fault(w->state, shorter, w->top.n, m->size);
    } else {
        err_set(w->e, E_FORMAT, "the first %" PRIu64 " records are not those that %s covers", m->size, whose);
        fault(w->state, other, 0, m->size);
    }
}

/* Everything but opening the checkpoint; `c` NULL: none.  In one transaction of the caller's. */
static bool walk(Walk *w, const Checkpoint *c)
{
    Checkpoint last;
    if (!read_last(w, &last))
        return false;
    w->last.size = last.size;
    w->covered.size = c ? c->size : UINT64_MAX;
    mark(&w->covered, &w->top);
    mark(&w->last, &w->top);
    if (!ledger_rows(w->l, 0, walk_row, w, w->e))
        return w->e->code == E_FORMAT ? fault(w->state, LEDGER_DAMAGED, w->top.n, w->top.n + 1) : false;
    if (w->failed || w->state->fault != LEDGER_SOUND)
        return false;
    w->state->size = w->top.n;
    w->state->root = merkle_top(&w->top);
    /* The checkpoint first: it is the strongest witness, and says most about what happened. */
    if (c != NULL && (!w->covered.seen || !digest_eq(&w->covered.root, &c->root)))
        return fault_of_root(w, &w->covered, "the checkpoint", LEDGER_SHORT, LEDGER_REWRITTEN), false;
    if (last.size != UINT64_MAX && (!w->last.seen || !digest_eq(&w->last.root, &last.root)))
        return fault_of_root(w, &w->last, "the checkpoint last signed here", LEDGER_FORKED, LEDGER_FORKED), false;
    return compare_stored(w);
}

static bool walk_all(Ledger *l, const Checkpoint *c, LedgerState *out, Err *e)
{
    Walk w = { .l = l, .state = out, .e = e };
    bool ok = walk(&w, c);
    arena_free(w.a);
    return ok || err_in(e, "%s", l->db.path);
}

/* SQLite's own consistency: without it an index could hide a record that the walk over the table sees. */
static bool pages_ok(Ledger *l, LedgerState *out, Err *e)
{
    defer_stmt sqlite3_stmt *s = db_prepare(&l->db, "PRAGMA integrity_check(1)", e);
    Str                      says;
    int                      rc = s ? sqlite3_step(s) : SQLITE_ERROR;
    if (s == NULL)
        return false;
    if (rc == SQLITE_ROW && db_bytes(s, 0, SQLITE_TEXT, &says) && str_is(says, "ok"))
        return true;
    if (rc == SQLITE_ROW)
        err_set(e, E_FORMAT, "%s: the database is damaged: %.*s", l->db.path, says.n < 200 ? (int)says.n : 200, says.p);
    else if (!db_fail(&l->db, rc, e) && (rc & 0xFF) != SQLITE_CORRUPT && (rc & 0xFF) != SQLITE_NOTADB)
        return false;
    return fault(out, LEDGER_DAMAGED, 0, 0);
}

bool ledger_verify(Ledger *l, Str checkpoint, const Key *signer, LedgerState *out, Err *e)
{
    Checkpoint c = { 0 };
    bool       alone = l->tx == TX_NONE;
    assert(e != NULL && (checkpoint.n == 0 || signer != NULL));
    *out = (LedgerState){ 0 };
    if (checkpoint.n && !checkpoint_open(checkpoint, S(""), signer, NULL, 0, &c, e))
        return fault(out, LEDGER_FORGED, 0, 0);
    out->covered = c.size;
    /* One snapshot for all of it, while others may be appending. */
    if (alone && !db_exec(&l->db, "BEGIN", e))
        return false;
    bool ok = pages_ok(l, out, e) && walk_all(l, checkpoint.n ? &c : NULL, out, e);
    if (alone)
        sqlite3_exec(l->db.h, "ROLLBACK", NULL, NULL, NULL);
    return ok;
}

/* ---- checkpoints */

static bool sign_now(Ledger *l, Str origin, const Key *signer, Buf *note, Checkpoint *c, Err *e)
{
    LedgerState state = { 0 };
    size_t      before = note->n;
    if (!walk_all(l, NULL, &state, e)) {
        err_in(e, "not signed");
        return err_hint(e, "moat ledger verify");
    }
    *c = (Checkpoint){ origin, state.size, state.root };
    if (!checkpoint_sign(c, signer, note, e))
        return false;
    if (set_last_note(l, str_from(buf_view(note), before), e))
        return true;
    note->n = before;
    return false;
}

/* Nothing leaves before the commit that remembers it. */
static bool sign_remembered(Ledger *l, Str origin, const Key *signer, Buf *note, Checkpoint *c, Err *e)
{
    defer_buf Buf fresh = { 0 };
    assert(e != NULL);
    if (!ledger_begin(l, e))
        return false;
    if (!sign_now(l, origin, signer, &fresh, c, e)) {
        ledger_rollback(l);
        return false;
    }
    if (!ledger_commit(l, e))
        return false;
    buf_str(note, buf_view(&fresh));
    return !note->bad || err_nomem(e);
}

bool ledger_checkpoint(Ledger *l, Str origin, const Key *signer, Buf *note, Err *e)
{
    Checkpoint c;
    return sign_remembered(l, origin, signer, note, &c, e);
}

/* ---- proofs */

typedef struct Path {                                  /* one pass: the ranges follow each other from left to right */
    MerkleRange range[MERKLE_PROOF_MAX];
    Digest      root[MERKLE_PROOF_MAX];
    size_t      len;
    MerkleTop   top;
    uint64_t    seq, size, next;
    Buf         bytes;                                 /* of the record itself */
    bool        whole;
} Path;

static bool path_row(void *ctx, const Row *r)
{
    Path  *p = ctx;
    Digest leaf = merkle_leaf(r->bytes);
    if (r->seq != p->next || r->seq >= p->size)
        return false;
    p->next++;
    if (r->seq == p->seq)
        buf_str(&p->bytes, r->bytes);
    for (size_t i = 0; i < p->len; i++)
        if (r->seq >= p->range[i].from && r->seq < p->range[i].to) {
            merkle_add(&p->top, &leaf);
            if (r->seq + 1 == p->range[i].to)
                p->root[i] = merkle_top(&p->top), p->top = (MerkleTop){ 0 };
        }
    p->whole = p->next == p->size;
    return true;
}

static bool prove(Ledger *l, Path *p, const Checkpoint *c, Str note, Buf *proof, Err *e)
{
    defer_buf Buf extra = { 0 };
    if (p->seq >= c->size)
        return err_set(e, E_IO, "%s: there is no record %" PRIu64, l->db.path, p->seq);
    p->size = c->size;
    p->len = merkle_path(c->size, p->seq, p->range);
    if (!ledger_rows(l, 0, path_row, p, e))
        return false;
    base64_put(&extra, buf_view(&p->bytes));
    Proof  out = { .extra = buf_view(&extra), .index = p->seq, .len = p->len, .checkpoint = note };
    Digest leaf = merkle_leaf(buf_view(&p->bytes));
    memcpy(out.path, p->root, p->len * sizeof out.path[0]);
    if (!p->whole || !proof_ok(&out, &leaf, c))
        return err_set(e, E_FORMAT, "%s: changed while it was being proved", l->db.path);
    return proof_put(&out, proof) || err_nomem(e);
}

bool ledger_prove(Ledger *l, uint64_t seq, Str origin, const Key *signer, Buf *proof, Err *e)
{
    defer_buf Buf note = { 0 };
    Checkpoint    c;
    Path         *p = calloc(1, sizeof *p);
    if (p == NULL)
        return err_nomem(e);
    p->seq = seq;
    bool ok = sign_remembered(l, origin, signer, &note, &c, e) && prove(l, p, &c, buf_view(&note), proof, e);
    buf_free(&p->bytes);
    free(p);
    return ok;
}
