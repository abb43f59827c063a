/* A label event that is accepted has both texts, and writes what it read. */
#include "spool/event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    defer_arena Arena *a = arena_new(64 << 20);
    defer_buf Buf b = { 0 };
    LabelEvent one, two;
    AlertEvent alert;
    Err        e = { 0 };
    Str        text = { (const char *)data, n };
    if (!label_event_get(a, text, &one, &e)) {
        assert(*e.message);
    } else {
        assert(label_event_put(&b, &one) && label_event_get(a, buf_view(&b), &two, &e));
        assert(str_eq(one.request, two.request) && str_eq(one.y, two.y));
    }
    alert_event_get(a, text, &alert, &e);
    return 0;
}
