/* scores.c - see scores.h. */
#include "gate/scores.h"
#include "format/decimal.h"
#include "format/json.h"

/* The exact order; doubles decide where they differ, as rounding keeps the order. */
int score_cmp(const Score *a, const Score *b)
{
    Decimal x, y;
    if (a->value != b->value)
        return a->value < b->value ? -1 : 1;
    if (!decimal_of(a->literal, &x) || !decimal_of(b->literal, &y))
        return 0;
    return decimal_cmp(&x, &y);
}

bool score_below(const Score *a, const Score *b)
{
    int c = score_cmp(a, b);
    return c < 0 || (c == 0 && a->index > b->index);
}

Score score_of(Str literal, size_t index)
{
    Score s = { .literal = literal, .index = index };
    number_f64(literal, &s.value);                     /* the strict parser has accepted it */
    return s;
}

static void sift_down(Best *b)
{
    for (size_t i = 0, least;; i = least) {
        size_t left = 2 * i + 1, right = left + 1;
        least = left < b->n && score_below(&b->v[left], &b->v[i]) ? left : i;
        if (right < b->n && score_below(&b->v[right], &b->v[least]))
            least = right;
        if (least == i)
            return;
        Score s = b->v[i];
        b->v[i] = b->v[least], b->v[least] = s;
    }
}

static void sift_up(Best *b)
{
    for (size_t i = b->n - 1; i > 0 && score_below(&b->v[i], &b->v[(i - 1) / 2]); i = (i - 1) / 2) {
        Score s = b->v[i];
        b->v[i] = b->v[(i - 1) / 2], b->v[(i - 1) / 2] = s;
    }
}

void best_add(Best *b, Score s)
{
    if (s.index == 0 || score_below(&b->top, &s))
        b->top = s;
    b->negative |= s.literal.p[0] == '-' && score_cmp(&s, &(Score){ .literal = S("0") }) < 0;
    if (b->n < b->cap) {
        b->v[b->n++] = s;
        sift_up(b);
    } else if (b->cap > 0 && score_below(&b->v[0], &s)) {
        b->v[0] = s;
        sift_down(b);
    }
}
