/* How fast an event becomes what a SIEM reads: one core, events a second and bytes each. */
#include "format/siem.h"
#include "spool/event.h"
#include <time.h>

enum { ROUNDS = 500000 };

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(void)
{
    const SiemSource from = { S("host1"), S("shop"), S(MOAT_VERSION) };
    const Event      q = { .request = S("0123456789abcdef0123456789abcdef"), .endpoint = S("endpoints.predict"), .key = S("AbCdEfGh"),
                           .model = S("abababababababababababababababababababababababababababababababab"), .address = S("192.0.2.7"), .method = S("POST"),
                           .status = 200, .verdict = S("pass"), .checks = 1023, .cost = 1, .bytes_in = 812, .bytes_out = 96, .upstream_us = 700,
                           .total_us = 900, .prediction = S("{\"predictions\":[[0.1,0.9]]}") };
    SiemEvent v = { .id = S("fi5vyorupvxq3utmvp4h3utc4qaaaaaaaaaaaaa"), .time_ns = 1700000000250000000, .producer = S("gate.0"), .severity = SIEM_INFO,
                    .request = q.request, .endpoint = q.endpoint, .method = q.method, .address = q.address, .key = q.key, .model = S("scorer"),
                    .model_digest = q.model, .verdict = q.verdict, .status = 200, .checks = 1023, .cost = 1, .bytes_in = 812, .bytes_out = 96,
                    .upstream_us = 700, .total_us = 900, .prediction = q.prediction };
    defer_buf Buf raw = { 0 }, b = { 0 };
    event_put(&raw, &q);
    v.raw = buf_view(&raw);
    printf("%-8s %12s %8s\n", "format", "events/s", "bytes");
    for (size_t f = 0; f < siem_format_count; f++) {
        double start = seconds();
        for (v.seq = 0; v.seq < ROUNDS; v.seq++)
            b.n = 0, siem_formats[f].put(&b, &from, &v);
        printf("%-8s %12.0f %8zu\n", siem_formats[f].name, ROUNDS / (seconds() - start), b.n);
    }
    double start = seconds();
    for (size_t i = 0; i < ROUNDS / 10; i++) {
        defer_arena Arena *a = arena_new(1 << 20);
        Event              back;
        if (!event_get(a, buf_view(&raw), &back, NULL))
            return 1;
    }
    printf("%-8s %12.0f %8zu\n", "(read)", ROUNDS / 10 / (seconds() - start), raw.n);
    return 0;
}
