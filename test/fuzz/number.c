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
