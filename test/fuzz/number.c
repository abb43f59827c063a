/* Any bytes: what we accept equals strtod and strtof to the bit, and every double survives being written. */
#include "format/json.h"
#include <math.h>

static void round_trip(double v)
{
    char   text[NUMBER_TEXT];
    double back;
    size_t n = number_text(v, text);
    assert(n < NUMBER_TEXT && number_f64((Str){ text, n }, &back) && memcmp(&back, &v, sizeof v) == 0);
}

/* A literal inside a larger text reads like one that stands alone. */
static void inside(Str text, size_t n)
{
    double a = 0, b = 0;
    float  s = 0, t = 0;
    char  *alone = malloc(n + 1);
    memcpy(alone, text.p, n);
    bool ok = number_f64((Str){ alone, n }, &a) && number_f32((Str){ alone, n }, &s);
    assert(ok == number_f64_in((Str){ text.p, n }, text.p + text.n, &b) && ok == number_f32_in((Str){ text.p, n }, text.p + text.n, &t));
    assert(memcmp(&a, &b, sizeof a) == 0 && memcmp(&s, &t, sizeof s) == 0);
    free(alone);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    double d, d2;
    float  f, f2;
    char   text[2000], *end;
    if (n == sizeof d) {
        memcpy(&d, data, sizeof d);
        if (isfinite(d))
            round_trip(d);
    }
    if (n >= sizeof text)
        return 0;
    Str literal = { (const char *)data, n };
    for (size_t k = 0; k <= n && k < 40; k++)
        inside(literal, k);
    bool ok = number_f64(literal, &d);
    assert(ok == number_f32(literal, &f));
    if (!ok)
        return 0;
    memcpy(text, data, n), text[n] = '\0';
    d2 = strtod(text, &end), f2 = strtof(text, NULL);
    assert(end == text + n && memcmp(&d, &d2, sizeof d) == 0 && memcmp(&f, &f2, sizeof f) == 0);
    if (isfinite(d))
        round_trip(d);
    return 0;
}
