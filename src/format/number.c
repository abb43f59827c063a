/* number.c - decimal text to binary floating point, always the nearest value, ties to even.
 *
 * The first 19 digits make w * 10^q.  The product of w and a 128-bit 5^q decides the rounding (Lemire 2021; Mushtak
 * and Lemire 2022 prove that it always does).  Longer literals lie between w and w + 1: where these two round apart,
 * big integers compare the whole literal with the point half way.  float32 is rounded once, from the text: going
 * through double rounds twice and is wrong for literals near half-way points. */
#include "format/json.h"
#include "format/power5.h"
#include <endian.h>

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
    bool     more;                                    /* w lost digits other than 0             */
} Decimal;

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* ---- the literal */

/* e[+-]digits from `at` to the end.  An exponent past all reason saturates; it means 0 or infinity anyway. */
static bool scan_exponent(Str s, size_t at, int64_t *out)
{
    enum { HUGE_EXPONENT = 1 << 30 };
    bool    negative = false;
    int64_t v = 0;
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

/* Eight bytes from `at`, the first one lowest; what lies behind `limit` is zero. */
static inline uint64_t next_eight(const char *at, const char *limit)
{
    uint64_t v = 0;
    if (limit - at >= 8)
        memcpy(&v, at, 8);                            /* one load */
    else
        memcpy(&v, at, (size_t)(limit - at));
    return le64toh(v);
}

/* How many of eight bytes are digits before the first that is not: only up to there is the mask exact. */
static inline size_t digits_first(uint64_t v)
{
    uint64_t t = v ^ 0x3030303030303030u, other = ((t + 0x7676767676767676u) | t) & 0x8080808080808080u;
    return other ? (size_t)__builtin_ctzll(other) / 8 : 8;
}

/* The first n of eight digits as a number: neighbours join to pairs, pairs to fours, fours to eight. */
static inline uint64_t digits_value(uint64_t v, size_t n)
{
    const uint64_t pairs = 0x000000FF000000FFu;
    v = (v & 0x0F0F0F0F0F0F0F0Fu) << 4 * (8 - n) << 4 * (8 - n); /* leading zeros; one shift by 64 would be undefined */
    v = v * 10 + (v >> 8);
    return (uint32_t)(((v & pairs) * (100 + (1000000ull << 32)) + (v >> 16 & pairs) * (1 + (10000ull << 32))) >> 32);
}

/* Adds the digits from `at` to *w (which may wrap; scan() sees that there were too many); returns where they end. */
static inline size_t scan_digits(Str s, const char *limit, size_t at, uint64_t *w)
{
    static const uint64_t power[] = { 1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000 };
    for (size_t n = 8; n == 8; at += n) {
        uint64_t v = next_eight(s.p + at, limit);
        n = digits_first(v);
        n = n < s.n - at ? n : s.n - at;
        *w = *w * power[n] + digits_value(v, n);
    }
    return at;
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

static inline bool scan(Str s, const char *limit, Decimal *d)
{
    size_t   start = s.n > 0 && ((s.p[0] == '+') | (s.p[0] == '-')); /* signs come at random: no branch on them */
    uint64_t w = 0;
    size_t   at = scan_digits(s, limit, start, &w), whole = at - start, point = 0, fraction = 0;
    if (at < s.n && s.p[at] == '.') {
        point = 1;
        at = scan_digits(s, limit, at + 1, &w);
        fraction = at - start - whole - 1;
    }
    d->mantissa = (Str){ s.p + start, whole + point + fraction };
    d->exponent = 0, d->w = w, d->more = false;
    if (whole + fraction == 0 || (at < s.n && !scan_exponent(s, at, &d->exponent)))
        return false;
    d->exponent -= (int64_t)fraction;
    d->q = d->exponent;
    if (whole + fraction > WORD_DIGITS)
        scan_long(d);
    return true;
}

/* ---- Eisel-Lemire */

/* The top 128 bits of w * 5^q; the second product is needed only when the first leaves the kept bits open. */
static inline unsigned __int128 product(uint64_t w, int64_t q, int kept)
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
static inline uint64_t nearest(uint64_t w, int64_t q, const Shape *f)
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
static __attribute__((noinline)) uint64_t decide(const Decimal *d, uint64_t low, const Shape *f)
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

/* The bits of the value nearest to the literal; the sign is at `sign`.  Inlined so that each type has its own numbers. */
static inline __attribute__((always_inline)) bool read_bits(Str literal, const char *limit, const Shape *f, int sign, uint64_t *bits)
{
    Decimal d;
    if (!scan(literal, limit, &d))
        return false;
    *bits = nearest(d.w, d.q, f);
    if (d.more && *bits != nearest(d.w + 1, d.q, f))
        *bits = decide(&d, *bits, f);
    *bits |= (uint64_t)(literal.p[0] == '-') << sign;
    return true;
}

bool number_f64_in(Str literal, const char *limit, double *out)
{
    uint64_t bits;
    if (!read_bits(literal, limit, &f64, 63, &bits))
        return false;
    memcpy(out, &bits, sizeof *out);
    return true;
}

bool number_f32_in(Str literal, const char *limit, float *out)
{
    uint64_t bits;
    if (!read_bits(literal, limit, &f32, 31, &bits))
        return false;
    uint32_t word = (uint32_t)bits;
    memcpy(out, &word, sizeof *out);
    return true;
}

bool number_f64(Str literal, double *out) { return number_f64_in(literal, literal.p + literal.n, out); }
bool number_f32(Str literal, float *out) { return number_f32_in(literal, literal.p + literal.n, out); }
