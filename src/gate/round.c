/* round.c - rounding half to even on the decimal text; see respctl.h. */
#include "format/decimal.h"
#include "gate/respctl_ctl.h"

enum { DIGITS_MAX = 130, POINT_MAX = 400, PLAIN_MAX = 100 };   /* a strict literal has 128 bytes, a double's point stands at 309 */

typedef struct Digits {                                /* 0.d1d2d3... times 10^point */
    char    d[DIGITS_MAX + 1];
    int64_t n, point;
} Digits;

static void drop_zeros(Digits *x)
{
    while (x->n > 0 && x->d[x->n - 1] == 0)
        x->n--;
}

/* Keeps the first `keep` digits, rounded half to even. */
static void cut_at(Digits *x, int64_t keep)
{
    bool up = false;
    if (keep >= x->n)
        return;
    if (keep >= 0) {
        bool more = keep + 1 < x->n, odd = keep > 0 && (x->d[keep - 1] & 1);       /* no zero at the end: more is real */
        up = x->d[keep] > 5 || (x->d[keep] == 5 && (more || odd));
    }
    x->n = keep > 0 ? keep : 0;
    if (!up)
        return;
    int64_t i = x->n;
    while (i > 0 && x->d[i - 1] == 9)
        x->d[--i] = 0;
    if (i > 0) {
        x->d[i - 1]++;
        return;
    }
    memmove(x->d + 1, x->d, (size_t)x->n);             /* 9.99 -> 10.0; or the first digit of all */
    x->d[0] = 1, x->n++, x->point++;
}

static void put_digits(const Digits *x, int64_t from, int64_t to, Buf *out)
{
    for (int64_t i = from; i < to; i++)
        buf_byte(out, (uint8_t)('0' + (i >= 0 && i < x->n ? x->d[i] : 0)));
}

bool decimal_round(Str literal, unsigned decimals, Buf *out)
{
    Decimal d;
    Digits  x = { .n = 0 };
    if (!decimal_of(literal, &d))
        return false;
    if (literal_is_integer(literal))
        return buf_str(out, literal), true;
    DecimalDigits digits = { d.digits, 0 };
    if (d.digits.n > 0)
        x.n = d.exponent - d.last + 1, x.point = d.exponent + 1;
    if (x.n > DIGITS_MAX || x.point > POINT_MAX)
        return false;
    if (x.point > PLAIN_MAX && x.n <= x.point)         /* whole, and in plain notation longer than strict readers take */
        return buf_str(out, literal), true;
    for (int64_t i = 0; i < x.n; i++)
        x.d[i] = (char)decimal_next(&digits);
    cut_at(&x, x.point + (int64_t)decimals);
    drop_zeros(&x);
    if (x.n == 0)
        return buf_z(out, "0.0"), true;
    if (d.minus)
        buf_byte(out, '-');
    put_digits(&x, x.point > 0 ? 0 : -1, x.point > 0 ? x.point : 0, out);
    buf_byte(out, '.');
    put_digits(&x, x.point, x.n > x.point ? x.n : x.point + 1, out);
    return true;
}
