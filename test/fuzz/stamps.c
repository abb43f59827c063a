/* A file of stamps of arbitrary bytes: what is read is written back to the same bytes. */
#include "data/stamps.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    defer_arena Arena *a = arena_new(64 << 20);
    defer_buf Buf      b = { 0 };
    Stamps             s;
    if (!stamps_parse(a, (Str){ (const char *)data, n }, &s))
        return 0;
    stamps_put(&b, s.time_ns, &s.tree, &(Members){ .v = s.v, .n = s.n });
    assert(str_eq(buf_view(&b), (Str){ (const char *)data, n }));
    return 0;
}
