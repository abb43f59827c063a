/* scores.h - which scores of a vector stay: the largest by their exact decimal value, ties to the lower index.
 *
 * Two passes: best_add() each, then score_below(score, &best.v[0]) says for each whether it goes. */
#ifndef SCORES_H
#define SCORES_H
#include "base/base.h"

typedef struct Score {
    Str    literal;                                    /* a strict JSON number, borrowed */
    double value;
    size_t index;
} Score;

Score score_of(Str literal, size_t index);
int   score_cmp(const Score *a, const Score *b);       /* by value, exactly */
bool  score_below(const Score *a, const Score *b);     /* smaller, or as large but later */

/* The `cap` best so far: a heap with the least of them on top. */
typedef struct Best {
    Score *v;                                          /* room for cap, the caller's */
    size_t n, cap;
    Score  top;                                        /* the best of all */
    bool   negative;                                   /* one was below zero: logits */
} Best;
void best_add(Best *b, Score s);

#endif
