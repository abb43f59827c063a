/* RELP answers: what reads as frames reads the same however the wire cut it, never beyond its bytes, and always ends. */
#include "format/syslog.h"

static size_t frames(Str in, size_t piece, uint64_t *sum, RelpRead *last)
{
    size_t n = 0, have = 0, at = 0;
    *sum = 0, *last = RELP_MORE;
    while (*last != RELP_BROKEN) {
        RelpAnswer r;
        size_t     used = 0;
        *last = relp_get((Str){ in.p + at, have - at }, &r, &used);
        if (*last == RELP_FRAME) {
            if (used == 0 || used > have - at || r.data.n > used || r.txnr > RELP_TXNR_MAX || in.p[at + used - 1] != '\n')
                abort();
            *sum = *sum * 31 + r.txnr + r.code + r.data.n + r.rsp;
            at += used, n++;
        } else if (have == in.n)
            break;
        else
            have = in.n - have < piece ? in.n : have + piece;
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Str      in = { (const char *)data, size };
    uint64_t whole, cut;
    RelpRead a, b;
    size_t   n = frames(in, in.n > 0 ? in.n : 1, &whole, &a);
    for (size_t piece = 1; piece < 6; piece++)
        if (frames(in, piece, &cut, &b) != n || cut != whole || a != b)
            abort();
    return 0;
}
