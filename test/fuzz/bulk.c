/* Elasticsearch's answer to _bulk: never more judged than was asked, nothing judged by an answer that is refused, and
 * nothing done that the answer does not call 200, 201 or 409. */
#include "watch/sink.h"

enum { N = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Str                in = { (const char *)data, size };
    defer_arena Arena *a = arena_new(64 << 20);
    ShipItem           item[N] = { 0 }, *v[N];
    Err                e = { 0 };
    bool               stop = true;
    for (size_t i = 0; i < N; i++)
        v[i] = &item[i], item[i].id[0] = (char)('a' + i);
    bool   ok = bulk_answer(a, in, v, N, &stop, &e);
    size_t done = 0;
    for (size_t i = 0; i < N; i++) {
        done += item[i].state == ITEM_DONE;
        if ((!ok && item[i].state != ITEM_PENDING) || (item[i].state == ITEM_DEAD) != (item[i].reason[0] != '\0') ||
            strlen(item[i].reason) >= sizeof item[i].reason || strchr(item[i].reason, '\n') != NULL)
            abort();
    }
    if (ok ? done > 0 && memmem(in.p, in.n, "2", 1) == NULL && memmem(in.p, in.n, "9", 1) == NULL : e.code == E_OK || stop)
        abort();
    return 0;
}
