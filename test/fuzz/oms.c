/* Whatever a bundle says: nothing but our own signature verifies, and what parses as a statement is whole. */
#include "model/bundle.h"
#include "model/statement.h"

static void judge_statement(Arena *a, Str payload)
{
    Statement     s, back;
    Err           e = { 0 };
    defer_buf Buf out = { 0 };
    if (!statement_parse(a, payload, &s, &e)) {
        assert(e.code != E_OK && *e.message);
        return;
    }
    Digest root = statement_root(s.hash, s.v, s.n);
    assert(s.n > 0 && digest_eq(&root, &s.root));
    for (size_t i = 0; i < s.n; i++)
        assert(resource_name_ok(s.v[i].name, true) && s.v[i].from < s.v[i].to);
    if (s.old)
        return;
    statement_write(&s, payload.n & 1, &out);
    assert(statement_parse(a, buf_view(&out), &back, &e) && back.n == s.n && digest_eq(&back.root, &s.root) &&
           back.ignore_count == s.ignore_count && back.shard_size == s.shard_size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static Key *key;
    Bundle      b;
    bool        old;
    Err         e = { 0 };
    Str         text = { (const char *)data, size };
    defer_arena Arena *a = arena_new(64 << 20);
    if (key == NULL && (key = key_new(KEY_ED25519, &e)) == NULL)
        abort();
    judge_statement(a, text);
    if (!bundle_parse(a, text, &b, &e)) {
        assert(e.code != E_OK && *e.message);
        return 0;
    }
    assert(!bundle_signed_by(&b, key, &old));
    judge_statement(a, b.payload);
    return 0;
}
