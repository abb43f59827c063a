/* number.c - decimal text to binary floating point, always the nearest value, ties to even.
 *
 * The first 19 digits make w * 10^q.  The product of w and a 128-bit 5^q decides the rounding (Lemire 2021; Mushtak
 * and Lemire 2022 prove that it always does).  Longer literals lie between w and w + 1: where these two round apart,
 * big integers compare the whole literal with the point half way.  float32 is rounded once, from the text: going
 * through double rounds twice and is wrong for literals near half-way points. */
#include "format/json.h"
#include "format/power5.h"

typedef struct Shape {
    int bits, min_exp;                                /* stored mantissa bits; exponent bias, negated        */
    int least, most;                                  /* 10^q below or above these is 0 or infinity          */
    int tie_least, tie_most;                          /* only for these q can w * 10^q lie exactly half way  */
} Shape;
static const Shape f64 = { 52, -1023, -342, 308, -4, 23 };
static const Shape f32 = { 23, -127, -64, 38, -17, 10 };

enum { WORD_DIGITS = 19 };

typedef struct Decimal {
    Str      mantissa;                                /* digits with at most one point          */
    int64_t  exponent;                                /* of the mantissa read as a whole number */
    uint64_t w;                                       /* its first 19 digits ...                */
    int64_t  q;                                       /* ... times 10^q                         */
    bool     negative, more;                          /* more: w lost digits other than 0       */
} Decimal;

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* ---- the literal */

/* [e[+-]digits] from `at` to the end.  An exponent past all reason saturates; it means 0 or infinity anyway. */
static bool scan_exponent(Str s, size_t at, int64_t *out)
{
    enum { HUGE_EXPONENT = 1 << 30 };
    bool    negative = false;
    int64_t v = 0;
    *out = 0;
    if (at == s.n)
        return true;
    if (s.p[at] != 'e' && s.p[at] != 'E')
        return false;
    at++;
    if (at < s.n && (s.p[at] == '+' || s.p[at] == '-'))
        negative = s.p[at++] == '-';
    if (at == s.n)
        return false;
    for (; at < s.n; at++) {
        if (!is_digit(s.p[at]))
            return false;
        if (v < HUGE_EXPONENT)
            v = v * 10 + (s.p[at] - '0');
    }
    *out = negative ? -v : v;
    return true;
}

/* w and q again for a mantissa that has more than 19 characters: leading zeros do not count, late digits are cut. */
static void scan_long(Decimal *d)
{
    int digits = 0;
    d->w = 0, d->q = d->exponent;
    for (size_t i = 0; i < d->mantissa.n; i++) {
        char c = d->mantissa.p[i];
        if (c == '.' || (digits == 0 && c == '0'))
            continue;
        if (digits < WORD_DIGITS)
            d->w = d->w * 10 + (uint64_t)(c - '0'), digits++;
        else
            d->q++, d->more |= c != '0';
    }
}

static bool scan(Str s, Decimal *d)
{
    size_t   at = s.n && (s.p[0] == '+' || s.p[0] == '-'), start = at, point = 0;
    uint64_t w = 0;
    for (; at < s.n && is_digit(s.p[at]); at++)
        w = w * 10 + (uint64_t)(s.p[at] - '0');
    size_t whole = at - start, fraction = 0;
    if (at < s.n && s.p[at] == '.') {
        for (point = 1, at++; at < s.n && is_digit(s.p[at]); at++)
            w = w * 10 + (uint64_t)(s.p[at] - '0');
        fraction = at - start - whole - 1;
    }
    *d = (Decimal){ .mantissa = { s.p + start, whole + point + fraction }, .w = w, .negative = start && s.p[0] == '-' };
    if (whole + fraction == 0 || !scan_exponent(s, at, &d->exponent))
        return false;
    d->exponent -= (int64_t)fraction;
    d->q = d->exponent;
    if (whole + fraction > WORD_DIGITS)
        scan_long(d);
    return true;
}

/* ---- Eisel-Lemire */

/* The top 128 bits of w * 5^q; the second product is needed only when the first leaves the kept bits open. */
static unsigned __int128 product(uint64_t w, int64_t q, int kept)
{
    const Power5     *t = &power5[q - POWER5_LEAST];
    uint64_t          open = UINT64_MAX >> kept;
    unsigned __int128 first = (unsigned __int128)w * t->hi;
    if (((uint64_t)(first >> 64) & open) == open)
        first += (uint64_t)((unsigned __int128)w * t->lo >> 64);
    return first;
}

/* Below the least normal number bits fall off before rounding; no such number is a tie. */
static uint64_t round_subnormal(uint64_t mantissa, int power)
{
    if (power <= -63)
        return 0;
    mantissa >>= 1 - power;
    return (mantissa + (mantissa & 1)) >> 1;          /* a carry out of the mantissa is the least normal number */
}

/* The bits, without sign, of the value nearest to w * 10^q. */
static uint64_t nearest(uint64_t w, int64_t q, const Shape *f)
{
    uint64_t infinity = (uint64_t)(1 - 2 * f->min_exp) << f->bits;
    if (w == 0 || q < f->least)
        return 0;
    if (q > f->most)
        return infinity;
    int               zeros = __builtin_clzll(w);
    unsigned __int128 wide = product(w << zeros, q, f->bits + 3);
    uint64_t          hi = (uint64_t)(wide >> 64), lo = (uint64_t)wide;
    int               top = (int)(hi >> 63), shift = top + 64 - f->bits - 3;
    uint64_t          mantissa = hi >> shift;
    int power = (int)(217706 * q >> 16) + 63 + top - zeros - f->min_exp; /* floor(q * log2(10)) = q * 217706 >> 16 */
    if (power <= 0)
        return round_subnormal(mantissa, power);
    if (lo <= 1 && q >= f->tie_least && q <= f->tie_most && (mantissa & 3) == 1 && mantissa << shift == hi)
        mantissa &= ~(uint64_t)1;                     /* an exact tie goes to the even neighbour */
    mantissa = (mantissa + (mantissa & 1)) >> 1;
    uint64_t bits = ((uint64_t)(power - 1) << f->bits) + mantissa; /* the hidden bit, and a carry, raise the exponent */
    return bits < infinity ? bits : infinity;
}

/* ---- big integers, for the literals that need every digit */

enum { BIG_LIMBS = 64, BIG_DIGITS = 800 };             /* 767 digits decide any double; the rest only says "more" */
typedef struct Big {
    size_t   n;
    uint64_t limb[BIG_LIMBS];                         /* least first, the top one is not 0 */
} Big;

static void big_muladd(Big *b, uint64_t factor, uint64_t add)
{
    for (size_t i = 0; i < b->n; i++) {
        unsigned __int128 v = (unsigned __int128)b->limb[i] * factor + add;
        b->limb[i] = (uint64_t)v, add = (uint64_t)(v >> 64);
    }
    if (add) {
        assert(b->n < BIG_LIMBS);
        b->limb[b->n++] = add;
    }
}

static void big_power5(Big *b, int64_t n)
{
    const uint64_t five27 = 7450580596923828125u;
    for (; n >= 27; n -= 27)
        big_muladd(b, five27, 0);
    for (; n > 0; n--)
        big_muladd(b, 5, 0);
}

static void big_shift(Big *b, int64_t n)
{
    size_t limbs = (size_t)n / 64;
    assert(b->n + limbs < BIG_LIMBS);
    big_muladd(b, (uint64_t)1 << n % 64, 0);
    memmove(b->limb + limbs, b->limb, b->n * sizeof *b->limb);
    memset(b->limb, 0, limbs * sizeof *b->limb);
    b->n += limbs;
}

static int big_cmp(const Big *a, const Big *b)
{
    if (a->n != b->n)
        return a->n < b->n ? -1 : 1;
    for (size_t i = a->n; i-- > 0;)
        if (a->limb[i] != b->limb[i])
            return a->limb[i] < b->limb[i] ? -1 : 1;
    return 0;
}

/* The mantissa's digits; those past BIG_DIGITS are cut, and a 1 stands for them when any is not 0. */
static Big big_digits(const Decimal *d, int64_t *exponent)
{
    Big    b = { 0 };
    size_t digits = 0;
    bool   more = false;
    *exponent = d->exponent;
    for (size_t i = 0; i < d->mantissa.n; i++) {
        char c = d->mantissa.p[i];
        if (c == '.' || (digits == 0 && c == '0'))
            continue;
        if (digits++ < BIG_DIGITS)
            big_muladd(&b, 10, (uint64_t)(c - '0'));
        else
            more |= c != '0', ++*exponent;
    }
    if (more)
        big_muladd(&b, 10, 1), --*exponent;
    return b;
}

/* `low` is the nearest value to w * 10^q, and so the answer or just below it: compare the literal with the middle
 * (2m + 1) * 2^(k - 1) between low = m * 2^k and its upper neighbour. */
static uint64_t decide(const Decimal *d, uint64_t low, const Shape *f)
{
    int64_t  exponent, biased = (int64_t)(low >> f->bits);
    uint64_t m = low & (((uint64_t)1 << f->bits) - 1);
    Big      left = big_digits(d, &exponent), right = { 1, { (biased ? m | (uint64_t)1 << f->bits : m) * 2 + 1 } };
    int64_t  middle = (biased ? biased : 1) + f->min_exp - f->bits - 1;
    big_power5(exponent >= 0 ? &left : &right, exponent >= 0 ? exponent : -exponent);
    big_shift(exponent > middle ? &left : &right, exponent > middle ? exponent - middle : middle - exponent);
    int c = big_cmp(&left, &right);
    return low + (c > 0 || (c == 0 && (low & 1)));
}

static bool read_bits(Str literal, const Shape *f, uint64_t *bits, bool *negative)
{
    Decimal d;
    if (!scan(literal, &d))
        return false;
    *negative = d.negative;
    *bits = nearest(d.w, d.q, f);
    if (d.more && *bits != nearest(d.w + 1, d.q, f))
        *bits = decide(&d, *bits, f);
    return true;
}

bool number_f64(Str literal, double *out)
{
    uint64_t bits;
    bool     negative;
    if (!read_bits(literal, &f64, &bits, &negative))
        return false;
    bits |= (uint64_t)negative << 63;
    memcpy(out, &bits, sizeof *out);
    return true;
}

bool number_f32(Str literal, float *out)
{
    uint64_t bits;
    bool     negative;
    if (!read_bits(literal, &f32, &bits, &negative))
        return false;
    uint32_t word = (uint32_t)bits | (uint32_t)negative << 31;
    memcpy(out, &word, sizeof *out);
    return true;
}
