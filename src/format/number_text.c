/* number_text.c - the shortest decimal that reads back as the same double (Giulietti, "The Schubfach way to render
 * doubles", 2020): of all decimals inside the interval that rounds to v take one with the fewest digits, and of those
 * the nearest to v.  No locale is asked. */
#include "format/json.h"
#include "format/power5.h"

typedef struct Shortest {
    uint64_t digits;
    int      exponent;                                /* v = digits * 10^exponent */
} Shortest;

/* floor(log2(10^n)); right for |n| <= 1233. */
static int log2_pow10(int n) { return n * 1741647 >> 19; }

/* 10^n rounded up to 128 bits; the table holds exact powers and those that are rounded up already. */
static Power5 ceil_pow10(int n)
{
    Power5 g = power5[n - POWER5_LEAST];
    g.lo += n < -27 || n > 55;
    return g;
}

/* The top of g * v; its last bit also stands for everything below ("round to odd"), so later comparisons are exact. */
static uint64_t round_to_odd(Power5 g, uint64_t v)
{
    unsigned __int128 y = (unsigned __int128)g.hi * v + (uint64_t)((unsigned __int128)g.lo * v >> 64);
    return (uint64_t)(y >> 64) | ((uint64_t)y > 1);
}

/* The shortest decimal for c * 2^q.  `narrow`: c is the least mantissa, so the gap below it is half as wide. */
static Shortest shortest(uint64_t c, int q, bool narrow)
{
    int      k = (q * 1262611 - (narrow ? 524031 : 0)) >> 22; /* floor(log10 of the gap) */
    int      h = q + log2_pow10(-k) + 1;
    Power5   g = ceil_pow10(-k);
    uint64_t odd = c & 1;                             /* the ends of the interval belong to even mantissas */
    uint64_t lower = round_to_odd(g, (4 * c - 2 + narrow) << h) + odd;
    uint64_t v = round_to_odd(g, 4 * c << h);
    uint64_t upper = round_to_odd(g, (4 * c + 2) << h) - odd;
    uint64_t s = v / 4, tens = s / 10;
    if (s >= 10 && (lower <= 40 * tens) != (40 * tens + 40 <= upper))
        return (Shortest){ tens + (40 * tens + 40 <= upper), k + 1 };
    if ((lower <= 4 * s) != (4 * s + 4 <= upper))
        return (Shortest){ s + (4 * s + 4 <= upper), k };
    return (Shortest){ s + (v > 4 * s + 2 || (v == 4 * s + 2 && (s & 1))), k };
}

/* Of a binary float without its sign: `width` bits of mantissa below the exponent, which is `bias` too high. */
static Shortest shortest_of(uint64_t bits, int width, int bias)
{
    uint64_t hidden = (uint64_t)1 << width, m = bits & (hidden - 1);
    int      biased = (int)(bits >> width), q = (biased ? biased : 1) - bias - width;
    uint64_t c = biased ? m | hidden : m;
    Shortest d = { 0, 0 };
    if (c == 0)
        return d;
    if (q <= 0 && q >= -width && (c & (((uint64_t)1 << -q) - 1)) == 0)
        d.digits = c >> -q;                           /* whole numbers are exact as they are */
    else
        d = shortest(c, q, m == 0 && biased > 1);
    while (d.digits % 10 == 0)
        d.digits /= 10, d.exponent++;
    return d;
}

/* 123 * 10^e in plain notation, with zeros or a point where e asks for them. */
static char *put_plain(char *to, const char *digits, int n, int point)
{
    if (point <= 0) {
        memcpy(to, "0.", 2), memset(to + 2, '0', (size_t)-point);
        to += 2 - point;
    }
    for (int i = 0; i < n; i++) {
        if (i == point && point > 0)
            *to++ = '.';
        *to++ = digits[i];
    }
    for (int i = n; i < point; i++)
        *to++ = '0';
    return to;
}

static char *put_scientific(char *to, const char *digits, int n, int exponent)
{
    *to++ = digits[0];
    if (n > 1) {
        *to++ = '.';
        memcpy(to, digits + 1, (size_t)n - 1);
        to += n - 1;
    }
    return to + sprintf(to, "e%d", exponent);
}

static size_t put_number(bool minus, Shortest d, char out[static NUMBER_TEXT])
{
    char digits[24], *to = out;
    if (minus)
        *to++ = '-';
    int  n = sprintf(digits, "%" PRIu64, d.digits), exponent = n - 1 + d.exponent;
    bool plain = exponent >= -5 && exponent <= 16;
    to = plain ? put_plain(to, digits, n, exponent + 1) : put_scientific(to, digits, n, exponent);
    *to = '\0';
    return (size_t)(to - out);
}

size_t number_text(double v, char out[static NUMBER_TEXT])
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return put_number(bits >> 63, shortest_of(bits & (UINT64_MAX >> 1), 52, 1023), out);
}

size_t number_text_f32(float v, char out[static NUMBER_TEXT])
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return put_number(bits >> 31, shortest_of(bits & (UINT32_MAX >> 1), 23, 127), out);
}
