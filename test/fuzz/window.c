/* A window that is accepted adds up, and writes the same bytes again. */
#include "spool/spool.h"
#include "watch/reference.h"
#include "watch/window.h"

static Monitor *monitor(void)
{
    static Monitor    m;
    static FeatureRef f[2];
    static const Metric metric = { "psi", "drift", FROM_FEATURES, false, 0.25, W_INPUT_DRIFT };
    f[0] = (FeatureRef){ .name = S("x"), .ordered = true, .bins = 5 };
    f[1] = (FeatureRef){ .name = S("c"), .bins = 3, .at = 5 };
    m = (Monitor){ .metric = &metric, .features = f, .feature_count = 2, .bins = 8, .classes = 2 };
    return &m;
}

/* With the right sums of length and crc in front, so that the body is what is fuzzed. */
static void seal(Buf *b, Str body)
{
    buf_u32(b, WINDOW_MAGIC), buf_u16(b, WINDOW_VERSION), buf_u16(b, WINDOW_KIND);
    buf_u32(b, (uint32_t)body.n), buf_u32(b, crc32c(0, body));
    buf_str(b, body);
}

static void check(Arena *a, const Monitor *m, Str bytes)
{
    Err     e = { 0 };
    Window *w = window_new(a, m, 0);
    if (!window_get(m, bytes, w, &e)) {
        assert(*e.message);
        return;
    }
    uint64_t sum = 0;
    for (size_t i = 0; i < 5; i++)
        sum += w->bins[i];
    assert(sum + w->missing[0] <= w->rows && w->rows <= w->n && w->refused + w->failed <= w->n);
    defer_buf Buf again = { 0 }, last = { 0 };
    Window       *second = window_new(a, m, 0);
    assert(window_put(m, w, &again) && window_get(m, buf_view(&again), second, &e) && window_put(m, second, &last));
    assert(str_eq(buf_view(&again), buf_view(&last)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    defer_arena Arena *a = arena_new(16 << 20);
    defer_buf Buf b = { 0 };
    char *copy = malloc(n ? n : 1);                    /* exact, so that a read past it is seen */
    memcpy(copy, data, n);
    check(a, monitor(), (Str){ copy, n });
    seal(&b, (Str){ copy, n });
    check(a, monitor(), buf_view(&b));
    free(copy);
    return 0;
}
