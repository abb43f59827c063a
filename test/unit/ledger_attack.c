/* An attacker who can write the database and knows everything but the key: changes the history, then recomputes every
 * number, leaf and tree, and forgets or forges the last signature.  MOAT_TRIALS=10000 runs the long form. */
#include "../test.h"
#include "base/file.h"
#include "base/rng.h"
#include "crypto/note.h"
#include "ledger/own.h"

#define ORIGIN S("example.com/log")

enum { GROWN = 40, COVERED = 32, STEP = 4, MOST = 2 * GROWN };

typedef struct History {                               /* the attacker's copy, in memory */
    Str    record[MOST];
    size_t n;
} History;

typedef struct Scene {
    Arena    *a;
    char      path[128];
    Str       snapshot[GROWN / STEP + 1];              /* the file after each STEP records */
    Str       note;
    Key      *key, *thief;
    History   truth;
    Rng       rng;
    int64_t   now;
} Scene;

static size_t below(Scene *s, size_t n) { return (size_t)rng_below(&s->rng, n); }

static void must_append(Scene *s, Ledger *l)
{
    char body[80];
    Err  e = { 0 };
    s->now += 1000000;
    snprintf(body, sizeof body, "{\"name\":\"train\",\"rows\":%" PRIu64 "}", rng_u64(&s->rng) >> 20);
    CHECK_ROW(ledger_append(l, clock_fixed(&s->now), RECORD_DATA_COMMIT, S("uid:1000"), NULL, str(body), NULL, &e), e.message);
}

static bool keep(void *ctx, const Record *r)
{
    Scene *s = ctx;
    s->truth.record[s->truth.n++] = arena_str(s->a, r->bytes);
    return true;
}

/* An honest ledger of GROWN records; the checkpoint that somebody keeps covers COVERED of them. */
static void set_up(Scene *s)
{
    Err e = { 0 };
    *s = (Scene){ .a = arena_new(64 << 20), .rng = rng_of(20260131), .now = 1769851800000000000 };
    snprintf(s->path, sizeof s->path, "%s/ledger.db", test_dir());
    s->key = key_new(KEY_ED25519, &e), s->thief = key_new(KEY_ED25519, &e);
    for (size_t i = 0; i <= GROWN / STEP; i++) {
        Ledger   *l = ledger_open(s->path, &e);
        defer_buf Buf note = { 0 };
        CHECK_ROW(l != NULL, e.message);
        for (size_t k = 0; i > 0 && k < STEP; k++)
            must_append(s, l);
        if (i * STEP == COVERED) {
            CHECK_ROW(ledger_checkpoint(l, ORIGIN, s->key, &note, &e), e.message);
            s->note = arena_str(s->a, buf_view(&note));
        }
        if (i * STEP == GROWN)
            CHECK(ledger_each(l, 0, keep, s, &e) && s->truth.n == GROWN);
        ledger_close(l);
        CHECK_ROW(file_read(s->a, s->path, 16 << 20, &s->snapshot[i], &e), e.message);
    }
}

static void tear_down(Scene *s)
{
    key_free(s->key), key_free(s->thief);
    arena_free(s->a);
}

/* ---- the attacks; each leaves the first COVERED records other than they were */

static Str forged(Scene *s)
{
    Digest     d = { 0 };
    defer_buf Buf b = { 0 };
    Err        e = { 0 };
    char       body[64];
    random_bytes(d.b, 1);
    snprintf(body, sizeof body, "{\"name\":\"forged\",\"rows\":%zu}", below(s, 1 << 30));
    CHECK_ROW(record_write(&b, RECORD_DATA_COMMIT, s->now + (int64_t)below(s, 1000000000), S("uid:0"), &d, str(body), &e), e.message);
    return arena_str(s->a, buf_view(&b));
}

static void flip(Scene *s, History *h)                 /* any bit: most leave no record at all */
{
    size_t i = below(s, COVERED);
    Str    copy = arena_str(s->a, h->record[i]);
    ((char *)copy.p)[below(s, copy.n)] ^= (char)(1 << below(s, 8));
    h->record[i] = copy;
}

static void edit(Scene *s, History *h)                 /* one digit of the body: still a record */
{
    size_t i = below(s, COVERED);
    Str    copy = arena_str(s->a, h->record[i]);
    char  *digit = (char *)copy.p + copy.n - 3;        /* ...7}} */
    *digit = (char)('0' + (*digit - '0' + 1 + (int)below(s, 9)) % 10);
    h->record[i] = copy;
}

static void drop(Scene *s, History *h)
{
    size_t i = below(s, COVERED);
    memmove(&h->record[i], &h->record[i + 1], (--h->n - i) * sizeof h->record[0]);
}

static void put_in(Scene *s, History *h)
{
    size_t i = below(s, COVERED);
    memmove(&h->record[i + 1], &h->record[i], (h->n++ - i) * sizeof h->record[0]);
    h->record[i] = below(s, 2) ? forged(s) : h->record[below(s, i + 1)];
}

static void swap(Scene *s, History *h)
{
    size_t i = below(s, COVERED), j = (i + 1 + below(s, h->n - 1)) % h->n;
    Str    t = h->record[i];
    h->record[i] = h->record[j], h->record[j] = t;
}

static void cut(Scene *s, History *h) { h->n = below(s, COVERED); }

static void cut_and_regrow(Scene *s, History *h)
{
    size_t want = COVERED + below(s, GROWN);
    for (cut(s, h); h->n < want; h->n++)
        h->record[h->n] = forged(s);
}

static void replace(Scene *s, History *h) { h->record[below(s, COVERED)] = forged(s); }

static void (*const attacks[])(Scene *, History *) = { flip, edit, drop, put_in, swap, cut, cut_and_regrow, replace };

/* ---- making it look right */

static void run(sqlite3 *h, const char *sql) { CHECK_ROW(sqlite3_exec(h, sql, NULL, NULL, NULL) == SQLITE_OK, sqlite3_errmsg(h)); }

static void put_record(sqlite3_stmt *s, size_t seq, Str bytes, const Digest *leaf)
{
    sqlite3_bind_int64(s, 1, (sqlite3_int64)seq);
    sqlite3_bind_blob(s, 2, leaf->b, sizeof leaf->b, SQLITE_STATIC);
    sqlite3_bind_blob(s, 3, bytes.p, (int)bytes.n, SQLITE_STATIC);
    CHECK(sqlite3_step(s) == SQLITE_DONE && sqlite3_reset(s) == SQLITE_OK);
}

/* The row of the last signature: left, forgotten, or signed anew with a key that the attacker has. */
static void forge_signature(Scene *s, sqlite3 *h, const MerkleTop *top)
{
    defer_buf Buf note = { 0 };
    Checkpoint    c = { ORIGIN, top->n, merkle_top(top) };
    sqlite3_stmt *stmt;
    size_t        how = below(s, 3);
    if (how == 0)
        return;
    run(h, "DELETE FROM signed");
    if (how == 1)
        return;
    CHECK(checkpoint_sign(&c, s->thief, &note, NULL));
    CHECK(sqlite3_prepare_v2(h, "INSERT INTO signed VALUES (0, ?)", -1, &stmt, NULL) == SQLITE_OK);
    sqlite3_bind_blob(stmt, 1, note.p, (int)note.n, SQLITE_STATIC);
    CHECK(sqlite3_step(stmt) == SQLITE_DONE && sqlite3_finalize(stmt) == SQLITE_OK);
}

static void recompute(Scene *s, const History *h)
{
    Db            d = { .path = s->path };
    MerkleTop     top = { 0 };
    sqlite3_stmt *insert;
    CHECK(sqlite3_open(s->path, &d.h) == SQLITE_OK);
    run(d.h, "PRAGMA synchronous = OFF; BEGIN; DELETE FROM record");
    CHECK(sqlite3_prepare_v2(d.h, "INSERT INTO record VALUES (?, 'data.commit', ?, ?)", -1, &insert, NULL) == SQLITE_OK);
    for (size_t i = 0; i < h->n; i++) {
        Digest leaf = merkle_leaf(h->record[i]);
        put_record(insert, i, h->record[i], &leaf);
        merkle_add(&top, &leaf);
    }
    sqlite3_finalize(insert);
    CHECK(db_set_tree(&d, &top, NULL));
    forge_signature(s, d.h, &top);
    run(d.h, "COMMIT; PRAGMA wal_checkpoint(TRUNCATE)");
    CHECK(sqlite3_close(d.h) == SQLITE_OK);
}

/* Without an fsync: the attack is on the content. */
static void put_file(const Scene *s, Str bytes)
{
    defer_file FILE *f = fopen(s->path, "wbe");
    CHECK(f != NULL && fwrite(bytes.p, 1, bytes.n, f) == bytes.n);
}

static bool verifies(Scene *s, Str note, LedgerState *state)
{
    Err     e = { 0 };
    Ledger *l = ledger_open_read(s->path, &e);
    CHECK_ROW(l != NULL, e.message);
    bool ok = ledger_verify(l, note, s->key, state, &e);
    CHECK_ROW(ok || state->fault != LEDGER_SOUND, e.message);
    ledger_close(l);
    return ok;
}

static size_t trials(void)
{
    const char *want = getenv("MOAT_TRIALS");
    return want ? (size_t)strtoul(want, NULL, 10) : 600;
}

/* Back to an older state of the file, bit for bit: the database is then sound by itself, always. */
static bool roll_back(Scene *s, size_t *fooled)
{
    LedgerState state;
    put_file(s, s->snapshot[below(s, COVERED / STEP)]);
    *fooled += verifies(s, S(""), &state);
    return verifies(s, s->note, &state);
}

static bool attack(Scene *s, size_t *fooled)
{
    LedgerState state;
    History     h = s->truth;
    size_t      kind = below(s, len_of(attacks) + 1);
    if (kind == len_of(attacks))
        return roll_back(s, fooled);
    do
        attacks[kind](s, &h);
    while (h.n >= COVERED && memcmp(h.record, s->truth.record, COVERED * sizeof h.record[0]) == 0);
    put_file(s, s->snapshot[GROWN / STEP]);
    recompute(s, &h);
    *fooled += verifies(s, S(""), &state);
    return verifies(s, s->note, &state);
}

/* The other half of the claim: honest growth is never accused. */
static bool honest(Scene *s)
{
    LedgerState state;
    Err         e = { 0 };
    put_file(s, s->snapshot[COVERED / STEP + below(s, (GROWN - COVERED) / STEP + 1)]);
    Ledger *l = ledger_open(s->path, &e);
    CHECK_ROW(l != NULL && ledger_begin(l, &e), e.message);
    for (size_t n = below(s, 20); n > 0; n--)
        must_append(s, l);
    CHECK_ROW(ledger_commit(l, &e), e.message);
    ledger_close(l);
    return verifies(s, s->note, &state) && state.covered == COVERED;
}

TEST(ledger_attack, no_rewriting_escapes_a_checkpoint_kept_outside)
{
    Scene  s;
    size_t n = trials(), caught = 0, fooled = 0, accused = 0, grown = 0;
    set_up(&s);
    Arena *own = s.a;
    for (size_t i = 0; i < n; i++) {
        s.a = arena_new(1 << 20);                      /* what one trial forges */
        caught += !attack(&s, &fooled);
        if (i % 10 == 0)
            grown++, accused += !honest(&s);
        arena_free(s.a);
        s.a = own;
    }
    print_message("%zu of %zu attacks caught (%zu of them sound without the checkpoint); %zu of %zu honest growths accused\n", caught, n, fooled,
                  accused, grown);
    CHECK(caught == n && accused == 0);
    CHECK(fooled > n / 3);                             /* or our attacker is too weak to prove anything */
    tear_down(&s);
}
