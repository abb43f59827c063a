/* decimal.c - see decimal.h. */
#include "format/decimal.h"

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static size_t digits_from(Str s, size_t i)
{
    while (i < s.n && is_digit(s.p[i]))
        i++;
    return i;
}

/* The exponent part that starts at i; saturates. */
static bool exponent_from(Str s, size_t i, int64_t *out)
{
    const int64_t top = 100000000000000000;
    bool          minus = i < s.n && s.p[i] == '-';
    i += i < s.n && (s.p[i] == '-' || s.p[i] == '+');
    if (i == s.n || digits_from(s, i) != s.n)
        return false;
    for (*out = 0; i < s.n; i++)
        *out = *out >= top / 10 ? top : *out * 10 + (s.p[i] - '0');
    *out = minus ? -*out : *out;
    return true;
}

static bool is_nought(char c) { return c == '0' || c == '.'; }

/* Cuts the noughts off both sides of s[start, end), whose point (or end) is at `point`. */
static void significant(Decimal *d, Str s, size_t start, size_t end, size_t point, int64_t exponent)
{
    while (start < end && is_nought(s.p[start]))
        start++;
    while (end > start && is_nought(s.p[end - 1]))
        end--;
    if (start == end)
        return;
    d->digits = (Str){ s.p + start, end - start };
    d->exponent = exponent + (int64_t)point - (int64_t)start - (start < point);
    d->last = exponent + (int64_t)point - (int64_t)(end - 1) - (end - 1 < point);
}

bool decimal_of(Str s, Decimal *out)
{
    bool    minus = s.n > 0 && s.p[0] == '-';
    size_t  start = minus || (s.n > 0 && s.p[0] == '+'), point = digits_from(s, start), end = point;
    int64_t exponent = 0;
    *out = (Decimal){ .digits = { "", 0 }, .minus = minus };
    if (end < s.n && s.p[end] == '.')
        end = digits_from(s, end + 1);
    if (end - start < 1 + (size_t)(end > point))       /* at least one digit beside the point */
        return false;
    if (end < s.n && ((s.p[end] | 32) != 'e' || !exponent_from(s, end + 1, &exponent)))
        return false;
    significant(out, s, start, end, point, exponent);
    return true;
}

int decimal_next(DecimalDigits *d)
{
    d->at += d->at < d->digits.n && d->digits.p[d->at] == '.';
    return d->at < d->digits.n ? d->digits.p[d->at++] - '0' : 0;
}

static int cmp_size(const Decimal *a, const Decimal *b)
{
    DecimalDigits x = { a->digits, 0 }, y = { b->digits, 0 };
    if (a->digits.n == 0 || b->digits.n == 0)
        return (a->digits.n != 0) - (b->digits.n != 0);
    if (a->exponent != b->exponent)
        return a->exponent < b->exponent ? -1 : 1;
    while (x.at < x.digits.n || y.at < y.digits.n) {
        int p = decimal_next(&x), q = decimal_next(&y);
        if (p != q)
            return p - q;
    }
    return 0;
}

int decimal_cmp(const Decimal *a, const Decimal *b)
{
    bool am = a->minus && a->digits.n, bm = b->minus && b->digits.n;
    if (am != bm)
        return am ? -1 : 1;
    return am ? cmp_size(b, a) : cmp_size(a, b);
}

bool decimal_u64(const Decimal *d, uint64_t *out)
{
    DecimalDigits digits = { d->digits, 0 };
    *out = 0;
    if (!decimal_whole(d) || (d->digits.n && d->exponent > 19))
        return false;
    for (int64_t i = d->exponent; d->digits.n && i >= 0; i--)
        if (__builtin_mul_overflow(*out, 10, out) || __builtin_add_overflow(*out, (uint64_t)decimal_next(&digits), out))
            return false;
    return true;
}
