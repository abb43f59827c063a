/* respctl_ctl.h - what the files of output control share: the copy in progress.  Not for others. */
#ifndef RESPCTL_CTL_H
#define RESPCTL_CTL_H
#include "gate/jsonwalk.h"
#include "gate/respctl.h"

typedef struct Ctl {
    const RespPolicy *p;
    Str       body;                                    /* checked: strict JSON          */
    size_t    copied;                                  /* of it, up to here, is in `out` */
    Buf      *out;
    RespInfo *info;
    Arena    *arena;                                   /* of the call: only what is too large for the stack */
    Err      *e;
} Ctl;

static inline Str literal_at(const Ctl *c, size_t at)
{
    return (Str){ c->body.p + at, walk_end(c->body, at) - at };
}
static inline bool literal_is_integer(Str literal)     /* no point, no exponent */
{
    for (size_t i = 0; i < literal.n; i++)
        if (literal.p[i] == '.' || literal.p[i] == 'e' || literal.p[i] == 'E')
            return false;
    return true;
}
void copy_up_to(Ctl *c, size_t at);
/* The number that was just put from `from` on, when it is the whole answer to the first row. */
void note_value(Ctl *c, size_t from);
bool put_number(Ctl *c, Str literal);                  /* rounded, when the policy rounds */

/* The numbers of an array, one after the other, however they are nested. */
typedef struct Numbers {
    Str    t;
    size_t at;
} Numbers;
bool numbers_next(Numbers *n, Str *literal);

/* One score vector of `count` numbers.  `flat`: the numbers alone, with commas (KServe v2); else each in its place. */
bool put_numbers(Ctl *c, Numbers *n, size_t count, bool flat);
/* The array at *at, all of whose `count` elements are numbers, or [label, score] pairs; *at moves behind it. */
bool put_vector(Ctl *c, size_t *at, size_t count);
bool put_pairs(Ctl *c, size_t *at, size_t count);
bool is_pair(Str t, size_t at, size_t *score);

bool v2_answer(Ctl *c, size_t at);

#endif
