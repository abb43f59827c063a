/* An envelope of arbitrary bytes: no key of ours signed it, and what is read survives being written again. */
#include "ledger/envelope.h"

static Key *signer;

static void again(Arena *a, const Envelope *v)
{
    defer_buf Buf b = { 0 };
    Envelope      back;
    assert(envelope_write(&b, v->type, v->body, signer, NULL) && envelope_parse(a, buf_view(&b), &back, NULL));
    assert(str_eq(back.type, v->type) && str_eq(back.body, v->body) && back.count == 1);
    assert(envelope_signed_by(&back, signer));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    defer_arena Arena *a = arena_new(64 << 20);
    Envelope           v;
    Err                e = { 0 };
    if (signer == NULL)
        signer = key_new(KEY_ED25519, NULL);
    if (envelope_parse(a, (Str){ (const char *)data, n }, &v, &e)) {
        assert(v.count > 0 && v.count <= ENVELOPE_SIGNATURES_MAX && !envelope_signed_by(&v, signer));
        again(a, &v);
    } else
        assert(e.message[0] != '\0');
    return 0;
}
