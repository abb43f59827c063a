#include "../test.h"
#include "base/file.h"
#include "base/rng.h"
#include "crypto/note.h"
#include "ledger/own.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ORIGIN S("example.com/log")

static int64_t now_ns = 1769851800250000000;           /* 2026-01-31T09:30:00.250Z */

static const char *fresh_path(void)
{
    static char path[64][128];
    static int  n;
    char       *p = path[n++ % 64];
    snprintf(p, sizeof path[0], "%s/ledger.db", test_dir());
    return p;
}

static bool append(Ledger *l, RecordKind kind, const char *body, uint64_t *seq, Err *e)
{
    return ledger_append(l, clock_fixed(&now_ns), kind, S("uid:1000"), NULL, str(body), seq, e);
}

static void fill(Ledger *l, size_t n)
{
    Err e = { 0 };
    CHECK(ledger_begin(l, &e));
    for (size_t i = 0; i < n; i++) {
        char body[64];
        snprintf(body, sizeof body, "{\"name\":\"d%zu\",\"rows\":%zu}", i % 3, i);
        CHECK_ROW(append(l, RECORD_DATA_COMMIT, body, NULL, &e), e.message);
    }
    CHECK(ledger_commit(l, &e));
}

static Ledger *filled(const char *path, size_t n)
{
    Err     e = { 0 };
    Ledger *l = ledger_open(path, &e);
    CHECK_ROW(l != NULL, e.message);
    fill(l, n);
    return l;
}

static bool sound(Ledger *l, Str note, const Key *k)
{
    LedgerState s;
    Err         e = { 0 };
    bool        ok = ledger_verify(l, note, k, &s, &e);
    CHECK_ROW(ok == (s.fault == LEDGER_SOUND && e.code == E_OK), e.message);
    return ok;
}

/* ---- records */

TEST(ledger, a_record_is_these_bytes_and_reads_back)
{
    static const char   want[] = "{\"kind\":\"data.commit\",\"time\":\"2026-01-31T09:30:00.250Z\",\"actor\":\"uid:1000\",\"subject\":\""
                                 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\",\"body\":{\"name\":\"train\",\"rows\":3}}";
    defer_arena Arena  *a = arena_new(1 << 20);
    defer_ledger Ledger *l = ledger_open(fresh_path(), NULL);
    Digest              subject = sha256(S("abc"));
    uint64_t            seq = 99;
    Record              r;
    Err                 e = { 0 };
    CHECK(l != NULL);
    CHECK(ledger_append(l, clock_fixed(&now_ns), RECORD_DATA_COMMIT, S("uid:1000"), &subject, S(" {\"name\" : \"train\",\n\"rows\":3}"), &seq, &e));
    CHECK_ROW(seq == 0 && ledger_size(l) == 1 && ledger_get(l, a, 0, &r, &e), e.message);
    CHECK_STR(r.bytes.p, want);
    CHECK(str_is(r.kind, "data.commit") && str_is(r.actor, "uid:1000") && r.subject.n == 64 && r.seq == 0);
    CHECK(str_is(json_text(json_get(r.body, "name"), S("")), "train"));
    CHECK(!ledger_get(l, a, 1, &r, &e) && e.code == E_IO);
}

TEST(ledger, bodies_that_are_no_objects_or_too_large_are_refused_and_leave_nothing)
{
    static const char *const bad[] = { "", "[]", "1", "{", "{}{}", "{\"a\":1,\"a\":2}", "{\"a\":\"\xFF\"}" };
    defer_ledger Ledger     *l = ledger_open(fresh_path(), NULL);
    defer_buf Buf            big = { 0 };
    Err                      e = { 0 };
    for (size_t i = 0; i < len_of(bad); i++)
        CHECK_ROW(!append(l, RECORD_CHECK, bad[i], NULL, &e) && e.code == E_FORMAT, bad[i]);
    buf_z(&big, "{\"a\":\"");
    while (big.n < RECORD_LIMIT - 20)
        buf_byte(&big, 'a');
    buf_z(&big, "\"}");
    buf_byte(&big, 0);
    CHECK(!append(l, RECORD_CHECK, big.p, NULL, &e) && e.code == E_LIMIT);
    CHECK(ledger_size(l) == 0 && sound(l, S(""), NULL));
    CHECK(ledger_begin(l, &e));                        /* in a group, a bad body costs nobody else anything */
    CHECK(append(l, RECORD_CHECK, "{}", NULL, &e) && !append(l, RECORD_CHECK, "[]", NULL, &e) && append(l, RECORD_CHECK, "{}", NULL, &e));
    CHECK(ledger_commit(l, &e) && ledger_size(l) == 2);
}

TEST(ledger, the_largest_record_fits)
{
    defer_ledger Ledger *l = ledger_open(fresh_path(), NULL);
    defer_arena Arena   *a = arena_new(RECORD_ARENA);
    Err                  e = { 0 };
    Record               r;
    for (size_t n = 65000, grown = 0; !grown; n++) {
        defer_buf Buf b = { 0 };
        buf_z(&b, "{\"a\":\"");
        for (size_t i = 0; i < n; i++)
            buf_byte(&b, 'a');
        buf_z(&b, "\"}"), buf_byte(&b, 0);
        grown = !append(l, RECORD_CHECK, b.p, NULL, &e);
    }
    CHECK(e.code == E_LIMIT && ledger_get(l, a, ledger_size(l) - 1, &r, &e) && r.bytes.n == RECORD_LIMIT && sound(l, S(""), NULL));
}

TEST(ledger, a_group_is_all_or_nothing)
{
    const char          *path = fresh_path();
    defer_ledger Ledger *l = filled(path, 3), *other = ledger_open_read(path, NULL);
    Err                  e = { 0 };
    uint64_t             seq;
    CHECK(ledger_begin(l, &e) && append(l, RECORD_CHECK, "{}", &seq, &e) && seq == 3 && ledger_size(l) == 4);
    CHECK(ledger_size(other) == 3);                    /* nobody sees it before the commit */
    ledger_rollback(l);
    CHECK(ledger_size(l) == 3 && append(l, RECORD_CHECK, "{}", &seq, &e) && seq == 3);
    CHECK(ledger_size(other) == 4 && sound(other, S(""), NULL));
}

static bool count(void *ctx, const Record *r)
{
    size_t *n = ctx;
    CHECK(json_num(json_get(r->body, "rows"), -1) == (double)r->seq);
    return ++*n < 100;
}

TEST(ledger, records_are_walked_in_order_and_the_newest_is_found)
{
    defer_ledger Ledger *l = filled(fresh_path(), 500);
    defer_arena Arena   *a = arena_new(1 << 20);
    Digest               subject = sha256(S("s"));
    Record               r;
    Err                  e = { 0 };
    size_t               n = 0;
    CHECK(ledger_each(l, 0, count, &n, &e) && n == 100);
    n = 0;
    CHECK(ledger_each(l, 450, count, &n, &e) && n == 50);
    CHECK(ledger_last(l, a, RECORD_DATA_COMMIT, NULL, S(""), &r, &e) && r.seq == 499);
    CHECK(ledger_last(l, a, RECORD_DATA_COMMIT, NULL, S("d0"), &r, &e) && r.seq == 498);
    CHECK(!ledger_last(l, a, RECORD_DATA_COMMIT, NULL, S("d9"), &r, &e) && e.code == E_OK);
    CHECK(!ledger_last(l, a, RECORD_DATA_COMMIT, &subject, S(""), &r, &e) && e.code == E_OK);
    CHECK(!ledger_last(l, a, RECORD_CHECK, NULL, S(""), &r, &e) && e.code == E_OK);
    CHECK(ledger_append(l, clock_fixed(&now_ns), RECORD_MODEL_SIGN, S("me"), &subject, S("{\"name\":\"m\"}"), NULL, &e));
    CHECK(append(l, RECORD_MODEL_SIGN, "{\"name\":\"n\"}", NULL, &e));
    CHECK(ledger_last(l, a, RECORD_MODEL_SIGN, &subject, S(""), &r, &e) && r.seq == 500);
    CHECK(!ledger_last(l, a, RECORD_MODEL_SIGN, &subject, S("n"), &r, &e) && e.code == E_OK);
}

/* ---- checkpoints and proofs */

TEST(ledger, growth_stays_consistent_with_every_checkpoint)
{
    defer_ledger Ledger *l = ledger_open(fresh_path(), NULL);
    Err                  e = { 0 };
    defer_key Key       *k = key_new(KEY_ED25519, &e), *other = key_new(KEY_ED25519, &e);
    Buf                  notes[6] = { 0 };
    for (size_t i = 0; i < len_of(notes); i++) {
        CHECK_ROW(ledger_checkpoint(l, ORIGIN, k, &notes[i], &e), e.message);
        fill(l, 1 + i * 13);
        for (size_t j = 0; j <= i; j++)
            CHECK(sound(l, buf_view(&notes[j]), k));
        LedgerState s;
        CHECK(!ledger_verify(l, buf_view(&notes[i]), other, &s, &e) && s.fault == LEDGER_FORGED);
        e = (Err){ 0 };
    }
    for (size_t i = 0; i < len_of(notes); i++)
        buf_free(&notes[i]);
}

TEST(ledger, a_proof_file_stands_alone)
{
    defer_ledger Ledger *l = filled(fresh_path(), 21);
    Err                  e = { 0 };
    defer_key Key       *k = key_new(KEY_ED25519, &e);
    for (uint64_t seq = 0; seq < 21; seq++) {
        defer_buf Buf text = { 0 }, record = { 0 };
        Proof         p;
        Checkpoint    c;
        CHECK_ROW(ledger_prove(l, seq, ORIGIN, k, &text, &e), e.message);
        CHECK(proof_parse(buf_view(&text), &p, &e) && p.index == seq && base64_get(&record, p.extra));
        CHECK(checkpoint_open(p.checkpoint, ORIGIN, k, NULL, 0, &c, &e) && c.size == 21);
        Digest leaf = merkle_leaf(buf_view(&record));
        CHECK(proof_ok(&p, &leaf, &c));
        record.p[10] ^= 1;
        leaf = merkle_leaf(buf_view(&record));
        CHECK(!proof_ok(&p, &leaf, &c));
    }
    defer_buf Buf none = { 0 };
    CHECK(!ledger_prove(l, 21, ORIGIN, k, &none, &e) && e.code == E_IO && none.n == 0);
}

static void sql(const char *path, const char *text)
{
    sqlite3 *h;
    CHECK(sqlite3_open(path, &h) == SQLITE_OK);
    char *why = NULL;
    CHECK_ROW(sqlite3_exec(h, text, NULL, NULL, &why) == SQLITE_OK, why ? why : text);
    CHECK(sqlite3_close(h) == SQLITE_OK);
}

/* What the database alone shows: accidents, and attackers who did not recompute everything. */
static const struct {
    const char *sql;
    LedgerFault fault;
    int64_t     from;
} careless[] = {
    { "UPDATE record SET bytes = CAST(replace(CAST(bytes AS TEXT), 'd0', 'd9') AS BLOB) WHERE seq = 6", LEDGER_CHANGED, 6 },
    { "UPDATE record SET leaf = zeroblob(32) WHERE seq = 3", LEDGER_CHANGED, 3 },
    { "UPDATE record SET leaf = zeroblob(31) WHERE seq = 3", LEDGER_DAMAGED, 3 },
    { "UPDATE record SET kind = 'check' WHERE seq = 4", LEDGER_CHANGED, 4 },
    { "DELETE FROM record WHERE seq = 5", LEDGER_GAP, 5 },
    { "DELETE FROM record WHERE seq = 19", LEDGER_FORKED, 19 },
    { "DELETE FROM signed; DELETE FROM record WHERE seq = 19", LEDGER_TREE, 19 },
    { "UPDATE record SET seq = 40 WHERE seq = 19", LEDGER_GAP, 19 },
    { "UPDATE record SET seq = -1 WHERE seq = 0", LEDGER_GAP, 0 },
    { "INSERT INTO record SELECT 20, kind, leaf, bytes FROM record WHERE seq = 7", LEDGER_TREE, 20 },
    { "UPDATE record SET seq = 99 WHERE seq = 17; UPDATE record SET seq = 17 WHERE seq = 18; UPDATE record SET seq = 18 WHERE seq = 99", LEDGER_FORKED, 0 },
    { "DELETE FROM signed; UPDATE record SET seq = 99 WHERE seq = 17; UPDATE record SET seq = 17 WHERE seq = 18; UPDATE record SET seq = 18 WHERE seq = 99",
      LEDGER_TREE, 16 },
    { "UPDATE tree SET size = 21", LEDGER_TREE, 0 },
    { "UPDATE tree SET size = 16", LEDGER_TREE, 0 },
    { "UPDATE tree SET peaks = zeroblob(64)", LEDGER_TREE, 0 },
    { "DELETE FROM tree", LEDGER_TREE, 0 },
    { "UPDATE signed SET note = CAST('nonsense' AS BLOB)", LEDGER_FORKED, 0 },
};

TEST(ledger, what_was_changed_without_recomputing_is_found_and_located)
{
    Err            e = { 0 };
    defer_key Key *k = key_new(KEY_ED25519, &e);
    for (size_t i = 0; i < len_of(careless); i++) {
        const char *path = fresh_path();
        Ledger     *l = filled(path, 20);
        defer_buf Buf note = { 0 };
        CHECK(ledger_checkpoint(l, ORIGIN, k, &note, &e) && sound(l, S(""), NULL));
        ledger_close(l);
        sql(path, careless[i].sql);
        LedgerState s = { 0 };
        l = ledger_open(path, &e);
        CHECK(l != NULL);
        bool ok = ledger_verify(l, S(""), NULL, &s, &e);
        CHECK_ROW(!ok && s.fault == careless[i].fault && (int64_t)s.from == careless[i].from, careless[i].sql);
        defer_buf Buf again = { 0 };
        CHECK_ROW(!ledger_checkpoint(l, ORIGIN, k, &again, &e) && again.n == 0, careless[i].sql);
        ledger_close(l);
    }
}

/* The row that remembers the last checkpoint makes a second history fail here, even one that is sound by itself. */
TEST(ledger, a_second_history_is_not_signed)
{
    const char    *path = fresh_path(), *other = fresh_path();
    Err            e = { 0 };
    defer_key Key *k = key_new(KEY_ED25519, &e);
    defer_buf Buf  note = { 0 }, more = { 0 };
    char           text[256];
    Ledger        *l = filled(path, 8);
    CHECK(ledger_checkpoint(l, ORIGIN, k, &note, &e));
    ledger_close(l);
    ledger_close(filled(other, 11));
    snprintf(text, sizeof text, "ATTACH '%s' AS o; DELETE FROM record; INSERT INTO record SELECT * FROM o.record WHERE seq > 99", other);
    sql(path, text);
    snprintf(text, sizeof text, "ATTACH '%s' AS o; DELETE FROM o.record WHERE seq = 0; UPDATE o.record SET seq = seq - 1", other);
    sql(path, text);
    /* ten other records, their own tree beside them, the old checkpoint left in place */
    l = ledger_open(other, &e);
    MerkleTop top = { 0 };
    LedgerState s;
    CHECK(l != NULL && !ledger_verify(l, S(""), NULL, &s, &e));
    for (uint64_t i = 0; i < 10; i++) {
        defer_arena Arena *a = arena_new(1 << 20);
        Record             r;
        CHECK(ledger_get(l, a, i, &r, &e));
        Digest leaf = merkle_leaf(r.bytes);
        merkle_add(&top, &leaf);
    }
    CHECK(db_set_tree(&l->db, &top, &e));
    CHECK(sound(l, S(""), NULL));
    ledger_close(l);
    snprintf(text, sizeof text, "ATTACH '%s' AS o; INSERT OR REPLACE INTO record SELECT * FROM o.record; INSERT OR REPLACE INTO tree SELECT * FROM o.tree", other);
    sql(path, text);
    l = ledger_open(path, &e);
    CHECK(!ledger_verify(l, S(""), NULL, &s, &e) && s.fault == LEDGER_FORKED);
    CHECK(!ledger_verify(l, buf_view(&note), k, &s, &e) && s.fault == LEDGER_REWRITTEN);
    CHECK(!ledger_checkpoint(l, ORIGIN, k, &more, &e) && strstr(e.message, "not signed") != NULL && more.n == 0);
    ledger_close(l);
}

/* ---- other people's files */

TEST(ledger, what_is_no_ledger_is_refused_clearly)
{
    static const struct {
        const char *sql, *says;
    } rows[] = {
        { "CREATE TABLE t (a)", "not a ledger of moat" },
        { "PRAGMA application_id = 0x4D4F4154; PRAGMA user_version = 1; CREATE TABLE t (a)", "not those of a ledger" },
        { "PRAGMA application_id = 0x4D4F4154; PRAGMA user_version = 2", "version 2" },
        { "PRAGMA application_id = 0x4D4F4154; PRAGMA user_version = 1", "not those of a ledger" },
    };
    Err e = { 0 };
    for (size_t i = 0; i < len_of(rows); i++) {
        const char *path = fresh_path();
        sql(path, rows[i].sql);
        for (int write = 0; write < 2; write++) {
            Ledger *l = write ? ledger_open(path, &e) : ledger_open_read(path, &e);
            CHECK_ROW(l == NULL && e.code == E_FORMAT && strstr(e.message, rows[i].says) && strstr(e.message, path), e.message);
        }
    }
    const char *path = fresh_path();
    CHECK(file_create(path, S("this is a text, and longer than a header of a database could be, by some way: 100 bytes and more"), 0600, &e));
    CHECK(ledger_open(path, &e) == NULL && e.code == E_FORMAT && ledger_open_read(path, &e) == NULL && e.code == E_FORMAT);
    CHECK(ledger_open_read("/nowhere/ledger.db", &e) == NULL && e.code == E_IO);
    CHECK(ledger_open("/nowhere/ledger.db", &e) == NULL && e.code == E_IO);
    CHECK(ledger_open(test_dir(), &e) == NULL && e.code == E_IO);
    path = fresh_path();
    CHECK(file_create(path, S(""), 0600, &e));
    CHECK(ledger_open_read(path, &e) == NULL && e.code == E_FORMAT && ledger_open(path, &e) == NULL && e.code == E_FORMAT);
}

TEST(ledger, hidden_triggers_views_and_indexes_are_refused)
{
    static const char *const rows[] = {
        "CREATE TRIGGER t AFTER INSERT ON record BEGIN DELETE FROM record WHERE seq = 0; END",
        "CREATE VIEW v AS SELECT 1", "CREATE INDEX i ON record (seq, kind)", "CREATE TABLE more (a)", "DROP INDEX record_kind",
    };
    Err e = { 0 };
    for (size_t i = 0; i < len_of(rows); i++) {
        const char *path = fresh_path();
        ledger_close(filled(path, 3));
        sql(path, rows[i]);
        CHECK_ROW(ledger_open(path, &e) == NULL && e.code == E_FORMAT && ledger_open_read(path, &e) == NULL, rows[i]);
    }
}

/* Every page flipped somewhere: an error or a fault, never a crash and never sound. */
TEST(ledger, a_damaged_file_never_passes)
{
    const char *path = fresh_path();
    Err         e = { 0 };
    defer_key Key *k = key_new(KEY_ED25519, &e);
    defer_buf Buf  note = { 0 };
    Ledger     *l = filled(path, 60);
    CHECK(ledger_checkpoint(l, ORIGIN, k, &note, &e));
    ledger_close(l);
    defer_arena Arena *a = arena_new(64 << 20);
    Str         whole;
    Rng         rng = rng_of(7);
    CHECK(file_read(a, path, 32 << 20, &whole, &e));
    char *bytes = (char *)whole.p;
    size_t missed = 0;
    for (int i = 0; i < 400; i++) {
        size_t at = (size_t)rng_below(&rng, whole.n), cut = i % 8 == 0 ? (size_t)rng_below(&rng, whole.n) : whole.n;
        char   old = bytes[at];
        bytes[at] ^= (char)(1 + rng_below(&rng, 255));
        const char *broken = path;
        CHECK(file_replace(broken, (Str){ bytes, cut }, 0600, &e));
        LedgerState s;
        l = i % 2 ? ledger_open(broken, &e) : ledger_open_read(broken, &e);
        if (l != NULL && ledger_verify(l, buf_view(&note), k, &s, &e))
            missed += s.size != 60 || s.covered != 60; /* bytes that hold nothing: free space, counters of SQLite */
        ledger_close(l);
        bytes[at] = old;
    }
    CHECK(missed == 0);
}

/* ---- writers */

TEST(ledger, processes_take_turns)
{
    enum { WRITERS = 4, EACH = 50 };
    const char *path = fresh_path();
    pid_t       child[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        child[i] = fork();
        CHECK(child[i] >= 0);
        if (child[i] > 0)
            continue;
        Err     e = { 0 };
        Ledger *l = ledger_open(path, &e);             /* all of them may find it absent */
        int     failed = l == NULL;
        for (int j = 0; j < EACH && !failed; j++)
            failed = !append(l, RECORD_CHECK, "{}", NULL, &e);
        if (failed)
            fprintf(stderr, "%s\n", e.message);
        ledger_close(l);
        _exit(failed);
    }
    for (int i = 0; i < WRITERS; i++) {
        int status;
        CHECK(waitpid(child[i], &status, 0) == child[i] && status == 0);
    }
    defer_ledger Ledger *l = ledger_open_read(path, NULL);
    CHECK(l != NULL && ledger_size(l) == WRITERS * EACH && sound(l, S(""), NULL));
}

TEST(ledger, readers_may_not_write)
{
    const char          *path = fresh_path();
    Err                  e = { 0 };
    ledger_close(filled(path, 2));
    defer_ledger Ledger *l = ledger_open_read(path, &e);
    CHECK(l != NULL && !append(l, RECORD_CHECK, "{}", NULL, &e) && e.code == E_DENIED);
    struct stat st;
    CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
}

/* A file that may not grow stands for a full disk: both end in a short write. */
TEST(ledger, a_full_disk_loses_nothing_that_was_acknowledged)
{
    const char *path = fresh_path();
    int         pipes[2];
    CHECK(pipe(pipes) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        struct rlimit small = { 200 << 10, 200 << 10 };
        Err           e = { 0 };
        uint64_t      acked = 0;
        signal(SIGXFSZ, SIG_IGN);
        Ledger *l = ledger_open(path, &e);
        if (l == NULL || setrlimit(RLIMIT_FSIZE, &small) != 0)
            _exit(9);
        while (acked < 5000 && append(l, RECORD_CHECK, "{\"a\":\"some text that fills the disk\"}", NULL, &e))
            acked++;
        bool said = e.code == E_IO && strstr(e.message, path) != NULL;
        bool again = !append(l, RECORD_CHECK, "{}", NULL, &e);
        if (write(pipes[1], &acked, sizeof acked) != sizeof acked)
            _exit(9);
        ledger_close(l);
        _exit(said && again && acked > 0 && acked < 5000 ? 0 : 1);
    }
    int      status;
    uint64_t acked = 0;
    close(pipes[1]);
    CHECK(read(pipes[0], &acked, sizeof acked) == sizeof acked);
    close(pipes[0]);
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    defer_ledger Ledger *l = ledger_open(path, NULL);
    CHECK(l != NULL && ledger_size(l) == acked && sound(l, S(""), NULL));
    CHECK(append(l, RECORD_CHECK, "{}", NULL, NULL) && ledger_size(l) == acked + 1);
}

/* An auditor's read-only medium: only somebody who is not root can tell. */
TEST(ledger, a_ledger_in_a_folder_that_may_not_be_written_is_read)
{
    char        dir[128];
    const char *path = fresh_path();
    ledger_close(filled(path, 5));
    snprintf(dir, sizeof dir, "%.*s", (int)(strrchr(path, '/') - path), path);
    CHECK(chmod(path, 0444) == 0 && chmod(dir, 0555) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        LedgerState s;
        Err         e = { 0 };
        if (getuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
            _exit(9);
        Ledger *l = ledger_open_read(path, &e);
        bool    ok = l != NULL && ledger_verify(l, S(""), NULL, &s, &e) && s.size == 5;
        if (!ok)
            fprintf(stderr, "%s\n", e.message);
        ledger_close(l);
        _exit(!ok || ledger_open(path, &e) != NULL || e.code != E_DENIED);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(chmod(dir, 0755) == 0);
    CHECK(status == 0);
}

TEST(ledger, the_table_of_records_is_what_the_manual_says)
{
    defer_buf Buf      text = { 0 };
    defer_arena Arena *a = arena_new(1 << 20);
    Str                file;
    Err                e = { 0 };
    ledger_records_text(&text);
    CHECK_ROW(file_read(a, "doc/records.md", 1 << 19, &file, &e), e.message);
    CHECK(str_eq(file, buf_view(&text)));
    for (size_t i = 0; i < RECORD_KINDS; i++)
        CHECK(record_table[i].name != NULL && record_table[i].body != NULL && record_table[i].meaning != NULL);
}
