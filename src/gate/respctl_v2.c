/* respctl_v2.c - KServe v2: the last axis of rank 2 and more holds the scores; see respctl.h. */
#include "format/json.h"
#include "gate/respctl_ctl.h"

enum { RANK_MAX = 16 };

typedef struct Tensor {
    uint64_t shape[RANK_MAX], elements;
    size_t   rank, data;
    bool     scores;                                   /* a floating datatype */
    bool     text;                                     /* BYTES               */
} Tensor;

static bool read_shape(Ctl *c, size_t at, Tensor *t)
{
    t->elements = 1;
    if (walk_byte(c->body, at) != '[')
        return err_at(c->e, at, "an output's shape is no array");
    for (Walk w = walk_of(c->body, at); walk_next(&w); walk_past(&w)) {
        if (t->rank == RANK_MAX || !str_u64(literal_at(c, w.at), &t->shape[t->rank]) ||
            __builtin_mul_overflow(t->elements, t->shape[t->rank], &t->elements))
            return err_at(c->e, w.at, "an output's shape is not a product of up to %d whole numbers", RANK_MAX);
        t->rank++;
    }
    return true;
}

static bool read_datatype(Ctl *c, size_t at, Tensor *t)
{
    static const char *const scores[] = { "FP16", "BF16", "FP32", "FP64" };
    static const char *const others[] = { "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64" };
    Str name = literal_at(c, at);
    for (size_t i = 0; i < len_of(scores); i++)
        t->scores |= walk_text_is(name, scores[i]);
    t->text = walk_text_is(name, "BYTES");
    bool known = t->scores || t->text;
    for (size_t i = 0; i < len_of(others); i++)
        known |= walk_text_is(name, others[i]);
    return known || err_at(c->e, at, "an output's datatype is unknown");
}

/* "value:index" or "value:index:label": a score in disguise (Triton's classification extension). */
static bool is_disguised(Str quoted)
{
    double value;
    Str    head, rest, index;
    uint64_t i;
    Str inside = { quoted.p + 1, quoted.n - 2 };
    if (!str_cut(inside, ':', &head, &rest) || memchr(head.p, '.', head.n) == NULL || !number_f64(head, &value))
        return false;
    str_cut(rest, ':', &index, &rest);
    return str_u64(index, &i);
}

/* Counts the leaves of (nested) data and refuses those that the datatype has no place for. */
static bool count_leaves(Ctl *c, size_t at, const Tensor *t, uint64_t *n)
{
    char b = walk_byte(c->body, at);
    if (b == '[') {
        for (Walk w = walk_of(c->body, at); walk_next(&w); walk_past(&w))
            if (!count_leaves(c, w.at, t, n))
                return false;
        return true;
    }
    ++*n;
    if (t->scores && !walk_is_number(c->body, at))
        return err_at(c->e, at, "a floating output holds something that is no number");
    if (b == '{' || (b == '"') != t->text)
        return err_at(c->e, at, "an output's data are not of its datatype");
    if (t->text && is_disguised(literal_at(c, at)))
        return err_at(c->e, at, "scores as text (the classification extension) escape output control");
    return true;
}

static bool put_tensor(Ctl *c, const Tensor *t)
{
    uint64_t last = t->rank >= 2 ? t->shape[t->rank - 1] : 0;
    Numbers  n = { { c->body.p, walk_end(c->body, t->data) }, t->data };
    Str      literal;
    copy_up_to(c, t->data);
    c->copied = n.t.n;
    buf_byte(c->out, '[');
    for (uint64_t row = 0; last > 0 && row < t->elements / last; row++)
        if (!put_numbers(c, &n, last, true))
            return false;
    for (uint64_t i = 0; t->rank < 2 && i < t->elements && numbers_next(&n, &literal); i++) {
        if (i > 0)
            buf_byte(c->out, ',');
        size_t from = c->out->n;
        if (!put_number(c, literal))
            return false;
        if (i == 0 && !c->out->bad)
            note_value(c, from);
    }
    buf_byte(c->out, ']');
    return true;
}

/* Class numbers leave as they are; the first is the answer when there are no scores. */
static void note_whole(Ctl *c, size_t at)
{
    Numbers n = { { c->body.p, walk_end(c->body, at) }, at };
    Str     literal;
    if (c->info->vectors == 0 && !c->info->has_value && numbers_next(&n, &literal))
        c->info->has_value = number_f64(literal, &c->info->value);
}

static bool tensor(Ctl *c, size_t at)
{
    Tensor   t = { 0 };
    size_t   shape, datatype;
    uint64_t leaves = 0;
    if (walk_byte(c->body, at) != '{')
        return err_at(c->e, at, "an output is no object");
    if (!walk_member(c->body, at, "shape", &shape) || !walk_member(c->body, at, "datatype", &datatype) ||
        !walk_member(c->body, at, "data", &t.data))
        return err_at(c->e, at, "an output without shape, datatype or data (binary output escapes output control)");
    if (!read_shape(c, shape, &t) || !read_datatype(c, datatype, &t))
        return false;
    if (walk_byte(c->body, t.data) != '[')
        return err_at(c->e, t.data, "an output's data are no array");
    if (!count_leaves(c, t.data, &t, &leaves))
        return false;
    if (leaves != t.elements)
        return err_at(c->e, t.data, "%" PRIu64 " elements where the shape says %" PRIu64, leaves, t.elements);
    if (!t.scores && !t.text)
        note_whole(c, t.data);
    return !t.scores || put_tensor(c, &t);
}

bool v2_answer(Ctl *c, size_t at)
{
    size_t outputs;
    if (!walk_member(c->body, at, "outputs", &outputs) || walk_byte(c->body, outputs) != '[')
        return err_at(c->e, at, "no outputs in the answer");
    for (Walk w = walk_of(c->body, outputs); walk_next(&w); walk_past(&w))
        if (!tensor(c, w.at))
            return false;
    return true;
}
