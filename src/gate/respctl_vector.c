/* respctl_vector.c - score vectors and lists of [label, score]; see respctl.h. */
#include "format/json.h"
#include "gate/respctl_ctl.h"
#include "gate/scores.h"

enum { KEPT_ON_STACK = 64 };

void copy_up_to(Ctl *c, size_t at)
{
    buf_put(c->out, c->body.p + c->copied, at - c->copied);
    c->copied = at;
}

bool put_number(Ctl *c, Str literal)
{
    c->info->numbers++;
    if (c->p->round < 0)
        return buf_str(c->out, literal), true;
    return decimal_round(literal, (unsigned)c->p->round, c->out) || err_set(c->e, E_FORMAT, "a number out of range");
}

static bool is_integer(Str literal)
{
    for (size_t i = 0; i < literal.n; i++)
        if (literal.p[i] == '.' || literal.p[i] == 'e' || literal.p[i] == 'E')
            return false;
    return true;
}

bool numbers_next(Numbers *n, Str *literal)
{
    while (n->at < n->t.n && !walk_is_number(n->t, n->at))
        n->at++;
    if (n->at >= n->t.n)
        return false;
    size_t end = walk_end(n->t, n->at);
    *literal = (Str){ n->t.p + n->at, end - n->at };
    n->at = end;
    return true;
}

/* Room for the `count` best: on the caller's stack when they fit. */
static bool best_room(Ctl *c, Best *b, Score stack[static KEPT_ON_STACK], size_t count)
{
    *b = (Best){ .v = stack, .cap = count };
    if (count > KEPT_ON_STACK)
        b->v = arena_get(c->arena, count, sizeof *b->v);
    return b->v != NULL || err_nomem(c->e);
}

static size_t to_keep(const Ctl *c, size_t count)
{
    if (c->p->label_only)
        return count > 0;
    return c->p->top_k != 0 && c->p->top_k < count ? (size_t)c->p->top_k : 0;
}

/* ---- one score vector: `count` numbers from `from` on */

typedef struct Verdicts {                              /* what becomes of each of them */
    Best best;
    bool all;                                          /* every one stays */
} Verdicts;

static bool kept(const Verdicts *v, const Score *s) { return v->all || !score_below(s, &v->best.v[0]); }

/* With logits zero would beat what is kept, so the fill is far below; what is kept must be above that. */
static bool fill_is_below(const Ctl *c, const Verdicts *v)
{
    Score fill = { .literal = S("-1000000000"), .value = -1e9 };
    if (v->all || c->p->label_only || !v->best.negative || score_cmp(&fill, &v->best.v[0]) < 0)
        return true;
    return err_set(c->e, E_FORMAT, "scores at or below -1e9 leave no room for a fill");
}

static bool put_score(Ctl *c, const Verdicts *v, Str literal, size_t index)
{
    static const char *const fills[2][2] = { { "0.0", "0" }, { "-1000000000.0", "-1000000000" } };
    if (v->all)
        return put_number(c, literal);
    Score s = score_of(literal, index);
    bool  stays = kept(v, &s), whole = is_integer(literal);
    if (c->p->label_only)
        return c->info->numbers++, buf_z(c->out, stays ? whole ? "1" : "1.0" : fills[0][whole]), true;
    if (stays)
        return put_number(c, literal);
    c->info->numbers++;
    return buf_z(c->out, fills[v->best.negative][whole]), true;
}

static void note_label(Ctl *c, const Best *best, size_t index, size_t from)
{
    if (c->info->vectors > 0 || index != best->top.index)
        return;
    c->info->has_label = true, c->info->label = index;
    number_f64((Str){ c->out->p + from, c->out->n - from }, &c->info->score);
}

bool put_vector(Ctl *c, Numbers *n, size_t count, bool flat)
{
    Score    stack[KEPT_ON_STACK];
    Verdicts v = { .all = to_keep(c, count) == 0 };
    Numbers  ahead = *n;
    Str      literal;
    if (!best_room(c, &v.best, stack, to_keep(c, count)))
        return false;
    for (size_t i = 0; i < count && numbers_next(&ahead, &literal); i++)
        best_add(&v.best, score_of(literal, i));
    if (!fill_is_below(c, &v))
        return false;
    for (size_t i = 0; i < count && numbers_next(n, &literal); i++) {
        if (!flat) {
            copy_up_to(c, (size_t)(literal.p - c->body.p));
            c->copied += literal.n;
        } else if (c->out->n > 0 && c->out->p[c->out->n - 1] != '[')
            buf_byte(c->out, ',');
        size_t from = c->out->n;
        if (!put_score(c, &v, literal, i) || c->out->bad)
            return c->out->bad ? err_nomem(c->e) : false;
        note_label(c, &v.best, i, from);
    }
    c->info->vectors++;
    return true;
}

/* ---- lists of [label, score] */

bool is_pair(Str t, size_t at, size_t *score)
{
    Walk w = walk_of(t, at);
    if (walk_byte(t, at) != '[' || !walk_next(&w) || walk_byte(t, w.at) != '"')
        return false;
    walk_past(&w);
    if (!walk_next(&w) || !walk_is_number(t, w.at))
        return false;
    *score = w.at;
    walk_past(&w);
    return !walk_next(&w);
}

static bool put_pair(Ctl *c, size_t at, size_t score)
{
    Str literal = literal_at(c, score);
    buf_put(c->out, c->body.p + at, score - at);
    if (c->p->label_only)
        c->info->numbers++, buf_z(c->out, is_integer(literal) ? "1" : "1.0");
    else if (!put_number(c, literal))
        return false;
    size_t tail = score + literal.n;
    buf_put(c->out, c->body.p + tail, walk_end(c->body, at) - tail);
    return true;
}

bool put_pairs(Ctl *c, size_t at, size_t count)
{
    Score    stack[KEPT_ON_STACK];
    Verdicts v = { .all = to_keep(c, count) == 0 };
    size_t   i = 0, score;
    if (!best_room(c, &v.best, stack, to_keep(c, count)))
        return false;
    for (Walk w = walk_of(c->body, at); walk_next(&w); walk_past(&w))
        if (is_pair(c->body, w.at, &score))
            best_add(&v.best, score_of(literal_at(c, score), i++));
    copy_up_to(c, at + 1);
    i = 0;
    bool first = true;
    for (Walk w = walk_of(c->body, at); walk_next(&w); walk_past(&w)) {
        Score s = is_pair(c->body, w.at, &score) ? score_of(literal_at(c, score), i++) : (Score){ 0 };
        if (!kept(&v, &s))
            continue;
        if (!first)
            buf_byte(c->out, ',');
        first = false;
        if (!put_pair(c, w.at, score))
            return false;
    }
    c->copied = walk_end(c->body, at) - 1;
    return true;
}
