/* Splunk's answers: an acknowledgement is believed only when the answer spells out that very number and `true`. */
#include "watch/sink.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Str                in = { (const char *)data, size };
    defer_arena Arena *a = arena_new(64 << 20);
    HecAnswer          r;
    bool               known = hec_answer(a, in, &r);
    if ((r.acked && memmem(in.p, in.n, "ack", 3) == NULL && memchr(in.p, '\\', in.n) == NULL) || (!known && r.code != -1))
        abort();
    for (uint64_t id = 0; id < 12; id++) {
        char name[24];
        snprintf(name, sizeof name, "%" PRIu64, id);
        bool spelt = memmem(in.p, in.n, name, strlen(name)) != NULL || memchr(in.p, '\\', in.n) != NULL;
        if (hec_acked(a, in, id) && (!spelt || memmem(in.p, in.n, "true", 4) == NULL))
            abort();
    }
    return 0;
}
