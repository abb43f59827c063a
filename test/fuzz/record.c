/* Ledger records: whatever parses has its members inside the bytes' meaning, and what we write ourselves parses back. */
#include "ledger/record.h"

static void round_trip(Str body)
{
    defer_arena Arena *a = arena_new(RECORD_ARENA);
    defer_buf Buf      b = { 0 }, again = { 0 };
    Digest             subject = sha256(body);
    Record             r;
    Err                e = { 0 };
    if (a == NULL || !record_write(&b, RECORD_CHECK, 1769851800250000000, body.n < 64 ? body : S("uid:0"), &subject, body, &e)) {
        if (b.n != 0 || e.code == E_OK)
            abort();                                   /* a refusal leaves nothing and has a reason */
        return;
    }
    if (!record_parse(a, buf_view(&b), &r, &e) || !str_is(r.kind, "check") || r.subject.n != 64 || b.n > RECORD_LIMIT)
        abort();
    JsonOut w = json_out(&again);                      /* the same body written again is the same bytes */
    defer_buf Buf twice = { 0 };
    json_put_tree(&w, r.body);
    if (!record_write(&twice, RECORD_CHECK, 1769851800250000000, r.actor, &subject, buf_view(&again), &e) || !str_eq(buf_view(&twice), buf_view(&b)))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Str                in = { (const char *)data, size };
    defer_arena Arena *a = arena_new(RECORD_ARENA);
    Record             r = { .seq = 7 };
    Err                e = { 0 };
    if (record_parse(a, in, &r, &e)) {
        if (!str_eq(r.bytes, in) || r.seq != 7 || r.body == NULL || r.body->type != JSON_OBJECT || (r.subject.n != 0 && r.subject.n != 64))
            abort();
    } else if (e.code == E_OK)
        abort();
    round_trip(in);
    return 0;
}
