/* Any bytes go through the whole walker, as the worker would judge them: a row for the file comes last, no row of a member is worse
 * than the file's, and what is clean has no finding of medium or more. */
#include "model/scan_walk.h"

typedef struct Said {
    ScanVerdict worst, last;
    Severity    finding;
    size_t      rows, hits;
    bool        whole;
} Said;

static void hit(void *ctx, const ScanHit *h)
{
    Said *s = ctx;
    s->hits++;
    if (h->rule >= model_rules_len || h->severity >= SEVERITIES || h->message.p == NULL)
        abort();
    s->finding = h->severity > s->finding ? h->severity : s->finding;
}

static void row(void *ctx, Str inner, const char *format, ScanVerdict v, Str why)
{
    Said *s = ctx;
    s->rows++;
    if (format == NULL || v > SCAN_MALICIOUS || why.n > SCAN_WHY)
        abort();
    s->worst = v > s->worst ? v : s->worst;
    s->last = v, s->whole = inner.n == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = { "m.pkl", "m.pt", "m.bin", "m.txt", "m.json", "m.npy", "m.safetensors", "m" };
    if (size == 0)
        return 0;
    Said        s = { 0 };
    ScanOut     out = { &s, hit, row };
    ScanVerdict v = scan_bytes((Str){ (const char *)data + 1, size - 1 }, str(names[data[0] & 7]), data[0] & 8, &out);
    if (s.rows == 0 || !s.whole || s.last != v || v < s.worst)
        abort();
    if ((v < SCAN_SUSPICIOUS) != (s.finding < SEV_MEDIUM))
        abort();
    return 0;
}
