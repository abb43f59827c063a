/* respctl.c - see respctl.h.  The body is checked as strict JSON first; then it is walked, and only numbers in the
 * output members are replaced on the way to `out`. */
#include "gate/respctl.h"
#include "format/json.h"
#include "gate/respctl_ctl.h"

/* ---- TF Serving and KServe v1: axis 0 is the batch, an array of numbers below it is a score vector */

/* Handles the value at *at and moves behind it. */
static bool rows(Ctl *c, size_t *at, unsigned depth);

static bool round_at(Ctl *c, size_t *at, bool is_row)
{
    Str literal = literal_at(c, *at);
    copy_up_to(c, *at);
    c->copied += literal.n;
    *at += literal.n;
    size_t from = c->out->n;
    if (!put_number(c, literal))
        return false;
    if (is_row && !c->out->bad)
        note_value(c, from);
    return true;
}

typedef struct Kinds {                                 /* what an array is made of */
    size_t count, numbers, pairs;
} Kinds;

static Kinds kinds_of(Str t, size_t at)
{
    Kinds  k = { 0 };
    size_t score;
    for (Walk w = walk_of(t, at); walk_next(&w); walk_past(&w)) {
        k.count++;
        k.numbers += walk_is_number(t, w.at);
        k.pairs += is_pair(t, w.at, &score);
    }
    return k;
}

static bool rows_inside(Ctl *c, size_t *at, unsigned depth)
{
    Walk w = walk_of(c->body, *at);
    while (walk_next(&w))
        if (!rows(c, &w.at, depth))
            return false;
    *at = w.at + 1;
    return true;
}

/* An array within the batch: a score vector, a list of pairs, or more arrays. */
static bool rows_array(Ctl *c, size_t *at, unsigned depth)
{
    Kinds k = kinds_of(c->body, *at);
    if (k.count > 0 && k.numbers == k.count)
        return put_vector(c, at, k.count);
    if (k.count > 0 && k.pairs == k.count)
        return put_pairs(c, at, k.count);
    if (k.numbers > 0 && (c->p->label_only || c->p->top_k != 0))
        return err_at(c->e, *at, "an array mixes scores with other values");
    return rows_inside(c, at, depth);
}

static bool rows(Ctl *c, size_t *at, unsigned depth)
{
    if (walk_is_number(c->body, *at))
        return round_at(c, at, depth == 1);
    char b = walk_byte(c->body, *at);
    if (b == '[')
        return depth == 0 ? rows_inside(c, at, 1) : rows_array(c, at, depth + 1);
    if (b == '{')
        return rows_inside(c, at, depth);
    *at = walk_end(c->body, *at);
    return true;
}

static bool is_output(Str key)
{
    static const char *const names[] = { "predictions", "outputs", "result", "results" };
    for (size_t i = 0; i < len_of(names); i++)
        if (walk_text_is(key, names[i]))
            return true;
    return false;
}

static bool rows_answer(Ctl *c, size_t at)
{
    bool found = false;
    Walk w = walk_of(c->body, at);
    while (walk_next(&w))
        if (!is_output(w.key))
            walk_past(&w);
        else if (found = true, !rows(c, &w.at, 0))
            return false;
    return found || err_at(c->e, at, "no predictions, outputs or result in the answer");
}

/* ---- any other JSON: only rounding, everywhere */

static bool round_everywhere(Ctl *c)
{
    Str body = c->body;
    for (size_t at = 0; at < body.n;)
        if (!walk_is_number(body, at))
            at = body.p[at] == '"' ? walk_end(body, at) : at + 1;
        else if (!round_at(c, &at, false))
            return false;
    return true;
}

static bool check_json(Ctl *c)
{
    static const uint64_t known[2] = { 0 };            /* names that collide are taken for the same and refused: no way in */
    JsonPush     push;
    JsonPushConf conf = { .profile = JSON_STRICT, .grow = c->arena, .hash_key = known };
    if (c->body.n > RESP_MAX)
        return err_set(c->e, E_LIMIT, "the answer is longer than %d bytes", RESP_MAX);
    json_push_begin(&push, &conf);
    return json_push_feed(&push, c->body, c->e) && json_push_end(&push, c->e);
}

bool respctl_apply(const RespPolicy *p, Str body, Buf *out, RespInfo *info, Err *e)
{
    RespInfo unused;
    defer_arena Arena *a = arena_new(JSON_PUSH_GROW + (size_t)RESP_MAX * 32);
    Ctl c = { .p = p, .body = body, .out = out, .info = info ? info : &unused, .arena = a, .e = e };
    *c.info = (RespInfo){ 0 };
    if (a == NULL)
        return err_nomem(e);
    if (!check_json(&c))
        return false;
    size_t root = walk_blank(body, 0);
    if (p->format != RESP_JSON && walk_byte(body, root) != '{')
        return err_at(e, root, "the answer is no object");
    bool ok = p->format == RESP_JSON ? round_everywhere(&c) : p->format == RESP_V2 ? v2_answer(&c, root) : rows_answer(&c, root);
    if (!ok)
        return false;
    copy_up_to(&c, body.n);
    return !out->bad || err_nomem(e);
}
