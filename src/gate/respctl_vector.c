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

void note_value(Ctl *c, size_t from)
{
    if (c->info->vectors == 0 && !c->info->has_value)
        c->info->has_value = number_f64((Str){ c->out->p + from, c->out->n - from }, &c->info->value);
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

/* ---- which of a vector stay */

typedef struct Kept {
    bool all;
    Best best;                                         /* else: these, by index once they are chosen */
    size_t next;
} Kept;

/* Room for those to keep: on the caller's stack when they fit. */
static bool kept_begin(Ctl *c, Kept *k, Score stack[static KEPT_ON_STACK], size_t count)
{
    size_t n = c->p->label_only ? 1 : c->p->top_k != 0 && c->p->top_k < count ? (size_t)c->p->top_k : 0;
    *k = (Kept){ .all = n == 0, .best = { .v = stack, .cap = n } };
    if (n > KEPT_ON_STACK)
        k->best.v = arena_get(c->arena, n, sizeof *k->best.v);
    return k->best.v != NULL || err_nomem(c->e);
}

/* With logits zero would beat what is kept, so the fill is far below; what is kept must be above that. */
static bool fill_is_below(const Ctl *c, const Kept *k)
{
    Score fill = { .literal = S("-1000000000"), .value = -1e9 };
    if (k->all || c->p->label_only || !k->best.negative || score_cmp(&fill, &k->best.v[0]) < 0)
        return true;
    return err_set(c->e, E_FORMAT, "scores at or below -1e9 leave no room for a fill");
}

static int by_index(const void *a, const void *b)
{
    size_t x = ((const Score *)a)->index, y = ((const Score *)b)->index;
    return (x > y) - (x < y);
}

static void kept_chosen(Kept *k)
{
    if (k->best.n > 1)
        qsort(k->best.v, k->best.n, sizeof *k->best.v, by_index);
}

/* To be asked for each index in turn. */
static bool kept_is(Kept *k, size_t index)
{
    if (k->all)
        return true;
    bool is = k->next < k->best.n && k->best.v[k->next].index == index;
    k->next += is;
    return is;
}

/* ---- one score vector */

static bool put_score(Ctl *c, Kept *k, Str literal, size_t index)
{
    static const char *const fills[2][2] = { { "0.0", "0" }, { "-1000000000.0", "-1000000000" } };
    bool stays = kept_is(k, index), whole = literal_is_integer(literal);
    if (stays && !c->p->label_only)
        return put_number(c, literal);
    c->info->numbers++;
    buf_z(c->out, stays ? whole ? "1" : "1.0" : fills[k->best.negative && !c->p->label_only][whole]);
    return true;
}

static void note_label(Ctl *c, const Best *best, size_t index, size_t from)
{
    if (c->info->vectors > 0 || index != best->top.index)
        return;
    c->info->has_label = true, c->info->label = index;
    number_f64((Str){ c->out->p + from, c->out->n - from }, &c->info->score);
}

/* What stays is chosen in a first pass; when all stay, only the first vector is looked at, for its label. */
static bool choose(Ctl *c, Kept *k, Numbers n, size_t count)
{
    Str literal;
    if (k->all && c->info->vectors > 0)
        return true;
    for (size_t i = 0; i < count && numbers_next(&n, &literal); i++)
        best_add(&k->best, score_of(literal, i));
    if (!fill_is_below(c, k))
        return false;
    kept_chosen(k);
    return true;
}

static void copy_between(Ctl *c, Str literal, bool flat)
{
    if (!flat) {
        copy_up_to(c, (size_t)(literal.p - c->body.p));
        c->copied += literal.n;
    } else if (c->out->n > 0 && c->out->p[c->out->n - 1] != '[')
        buf_byte(c->out, ',');
}

bool put_numbers(Ctl *c, Numbers *n, size_t count, bool flat)
{
    Score stack[KEPT_ON_STACK];
    Kept  k;
    Str   literal;
    if (!kept_begin(c, &k, stack, count) || !choose(c, &k, *n, count))
        return false;
    for (size_t i = 0; i < count && numbers_next(n, &literal); i++) {
        copy_between(c, literal, flat);
        size_t from = c->out->n;
        if (!put_score(c, &k, literal, i))
            return false;
        if (c->out->bad)
            return err_nomem(c->e);
        note_label(c, &k.best, i, from);
    }
    c->info->vectors++;
    return true;
}

bool put_vector(Ctl *c, size_t *at, size_t count)
{
    Numbers n = { c->body, *at };
    if (!put_numbers(c, &n, count, false))
        return false;
    *at = walk_blank(c->body, n.at) + 1;
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
        c->info->numbers++, buf_z(c->out, literal_is_integer(literal) ? "1" : "1.0");
    else if (!put_number(c, literal))
        return false;
    size_t tail = score + literal.n;
    buf_put(c->out, c->body.p + tail, walk_end(c->body, at) - tail);
    return true;
}

static void choose_pairs(Ctl *c, Kept *k, size_t at)
{
    size_t i = 0, score;
    for (Walk w = walk_of(c->body, at); walk_next(&w); walk_past(&w))
        if (is_pair(c->body, w.at, &score))
            best_add(&k->best, score_of(literal_at(c, score), i++));
    kept_chosen(k);
}

bool put_pairs(Ctl *c, size_t *at, size_t count)
{
    Score  stack[KEPT_ON_STACK];
    Kept   k;
    size_t i = 0, score, put = 0;
    if (!kept_begin(c, &k, stack, count))
        return false;
    choose_pairs(c, &k, *at);
    copy_up_to(c, *at + 1);
    Walk w = walk_of(c->body, *at);
    for (; walk_next(&w); walk_past(&w)) {
        if (!is_pair(c->body, w.at, &score) || !kept_is(&k, i++))
            continue;
        if (put++ > 0)
            buf_byte(c->out, ',');
        if (!put_pair(c, w.at, score))
            return false;
    }
    c->copied = w.at;
    *at = w.at + 1;
    return true;
}
