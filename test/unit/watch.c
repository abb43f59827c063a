#include "../test.h"
#include "spool/spool.h"
#include "watch/anchor.h"
#include <unistd.h>

static int64_t now = 1700000000000000000;

typedef struct Seen {                                  /* what the ledger's batches say, read in order */
    uint64_t batches, events, lost;
    bool     right;
    MerkleTop top;
} Seen;

static bool look(void *ctx, const Record *r)
{
    Seen    *s = ctx;
    uint64_t first = 0, count = 0, lost = 0;
    if (!str_is(r->kind, "event.batch"))
        return true;
    s->right = s->right && json_u64(json_get(r->body, "first"), &first) && json_u64(json_get(r->body, "count"), &count) &&
               json_u64(json_get(r->body, "lost"), &lost) && first == s->events + s->lost + lost;
    s->batches++, s->events += count, s->lost += lost;
    return true;
}

static void append(const char *dir, uint64_t from, uint64_t to)
{
    Err    e = { 0 };
    char   text[40];
    Spool *s = spool_open(dir, (SpoolOptions){ .segment_bytes = 64 << 10, .clock = clock_fixed(&now) }, &e);
    CHECK(s != NULL);
    for (uint64_t i = from; i < to; i++) {
        int n = snprintf(text, sizeof text, "{\"n\":%" PRIu64 "}", i);
        CHECK(spool_append(s, SPOOL_REQUEST, now, (Str){ text, (size_t)n }, NULL));
    }
    spool_close(s);
}

TEST(watch, every_event_is_in_exactly_one_batch_over_restarts)
{
    char        db[256], spool[256], producer[300];
    Err         e = { 0 };
    const char *dir = test_dir();
    uint64_t    got, total = 0;
    snprintf(db, sizeof db, "%s/ledger.db", dir);
    snprintf(spool, sizeof spool, "%s/spool", dir);
    snprintf(producer, sizeof producer, "%s/gate.0", spool);
    Ledger *l = ledger_open(db, &e);
    CHECK(l != NULL);
    for (uint64_t round = 0; round < 5; round++) {
        Anchor *a = anchor_open(spool, &e);            /* a new process each time */
        CHECK(anchor_run(a, l, clock_fixed(&now), &got, &e));
        total += got;
        append(producer, round * 3000, round * 3000 + 3000);
        CHECK(anchor_run(a, l, clock_fixed(&now), &got, &e));
        total += got;
        CHECK(anchor_run(a, l, clock_fixed(&now), &got, &e) && got == 0);
        anchor_close(a);
    }
    Seen s = { .right = true };
    CHECK(ledger_each(l, 0, look, &s, &e));
    CHECK(total == 15000 && s.right && s.events == 15000 && s.lost == 0 && s.batches >= 5);
    ledger_close(l);
}

TEST(watch, the_root_in_the_ledger_is_the_events_own)
{
    char        db[256], spool[256], producer[300], text[40], want[DIGEST_HEX];
    Err         e = { 0 };
    const char *dir = test_dir();
    uint64_t    got;
    MerkleTop   top = { 0 };
    Record      r;
    snprintf(db, sizeof db, "%s/ledger.db", dir);
    snprintf(spool, sizeof spool, "%s/spool", dir);
    snprintf(producer, sizeof producer, "%s/gate.0", spool);
    append(producer, 0, 100);
    for (int i = 0; i < 100; i++) {
        int    n = snprintf(text, sizeof text, "{\"n\":%d}", i);
        Digest leaf = merkle_leaf((Str){ text, (size_t)n });
        merkle_add(&top, &leaf);
    }
    Digest root = merkle_top(&top);
    digest_hex(&root, want);
    Ledger            *l = ledger_open(db, &e);
    Anchor            *a = anchor_open(spool, &e);
    defer_arena Arena *arena = arena_new(1 << 20);
    CHECK(anchor_run(a, l, clock_fixed(&now), &got, &e) && got == 100);
    CHECK(ledger_last(l, arena, RECORD_EVENT_BATCH, &root, S(""), &r, &e) && str_is(r.subject, want));
    anchor_close(a);
    ledger_close(l);
}
