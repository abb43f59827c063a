/* pickle_stack.c - opcodes that move values: constants, containers, marks and the memo. */
#include "format/pickle_own.h"

void pickle_tell(Pickle *p, PickleFactKind kind, const PickleOp *op, const char *text)
{
    p->hear(p->ctx, p, &(PickleFact){ .kind = kind, .op = op->code, .at = op->at, .text = str(text) });
}

PickleValue pickle_pop(Pickle *p, const PickleOp *op)
{
    if (p->n > p->fence)
        return p->stack[--p->n];
    pickle_tell(p, PICKLE_BROKEN, op, "takes a value from the empty stack");
    return (PickleValue){ .kind = PV_OPAQUE, .at = op->at };
}

/* The value on top, which stays; an unknown one is put there when there is none.  NULL only past a limit. */
static PickleValue *top(Pickle *p, const PickleOp *op)
{
    if (p->n == p->fence)
        pickle_push(p, pickle_pop(p, op));
    return p->n > p->fence ? &p->stack[p->n - 1] : NULL;
}

const PickleValue *pickle_cut(Pickle *p, const PickleOp *op, size_t *n)
{
    *n = 0;
    if (p->marks_n == 0) {
        pickle_tell(p, PICKLE_BROKEN, op, "needs a mark and there is none");
        return p->stack + p->n;
    }
    size_t begin = p->fence;
    *n = p->n - begin;
    p->n = begin, p->fence = p->marks[--p->marks_n];
    return p->stack + begin;
}

void op_mark(Pickle *p, const PickleOp *op)
{
    (void)op;
    if (p->marks_n == p->marks_cap && !pickle_grow(p, &p->marks, &p->marks_cap, sizeof *p->marks, "marks"))
        return;
    p->marks[p->marks_n++] = p->fence;
    p->fence = p->n;
}

void op_pop_mark(Pickle *p, const PickleOp *op)
{
    size_t n;
    pickle_cut(p, op, &n);
}

void op_pop(Pickle *p, const PickleOp *op)
{
    if (p->n == p->fence && p->marks_n > 0)
        op_pop_mark(p, op);
    else
        pickle_pop(p, op);
}

void op_dup(Pickle *p, const PickleOp *op)
{
    PickleValue *v = top(p, op);
    if (v != NULL)
        pickle_push(p, *v);
}

/* ---- constants */

static PickleValue big(Pickle *p, Str bytes)
{
    return (PickleValue){ .kind = PV_INT, .form = PF_BIG, .n = (uint32_t)bytes.n, .at = (uint64_t)(bytes.p - p->in.p) };
}

static PickleValue int_line(Pickle *p, Str line)
{
    int64_t v;
    if (str_is(line, "00") || str_is(line, "01"))
        return (PickleValue){ .kind = PV_BOOL, .at = line.p[1] == '1' };
    return pickle_int(line, &v) ? (PickleValue){ .kind = PV_INT, .at = (uint64_t)v } : big(p, line);
}

static PickleValue int_bytes(Pickle *p, Str bytes)
{
    return bytes.n > 8 ? big(p, bytes) : (PickleValue){ .kind = PV_INT, .at = (uint64_t)pickle_long(bytes) };
}

void op_int(Pickle *p, const PickleOp *op) { pickle_push(p, (PickleValue){ .kind = PV_INT, .at = op->num }); }

void op_constant(Pickle *p, const PickleOp *op)
{
    PickleValue v = { .kind = PV_OPAQUE };
    switch (op->code) {
    case 'N': v = (PickleValue){ .kind = PV_NONE, .at = op->at }; break;
    case 0x88: case 0x89: v = (PickleValue){ .kind = PV_BOOL, .at = op->code == 0x88 }; break;
    case 'F': case 'G': v = (PickleValue){ .kind = PV_FLOAT, .at = op->at }; break;
    case 'I': case 'L': v = int_line(p, op->text); break;
    case 0x8a: case 0x8b: v = int_bytes(p, op->text); break;
    default: break;
    }
    pickle_push(p, v);
}

/* STRING: quotes of one kind on both sides. */
static Str unquote(Pickle *p, const PickleOp *op)
{
    Str s = op->text;
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\r' || s.p[s.n - 1] == '\t'))
        s.n--;
    if (s.n >= 2 && (s.p[0] == '\'' || s.p[0] == '"') && s.p[s.n - 1] == s.p[0])
        return (Str){ s.p + 1, s.n - 2 };
    pickle_tell(p, PICKLE_BROKEN, op, "has a text without its quotes");
    return s;
}

void op_text(Pickle *p, const PickleOp *op)
{
    bool        bytes = op->code == 'B' || op->code == 'C' || op->code == 0x8e || op->code == 0x96;
    Str         s = op->code == 'S' ? unquote(p, op) : op->text;
    PickleValue v = { .kind = bytes ? PV_BYTES : PV_STR, .form = op->code == 'S' ? PF_QUOTED : op->code == 'V' ? PF_ESCAPED : 0,
                      .n = s.n > UINT32_MAX ? UINT32_MAX : (uint32_t)s.n, .at = (uint64_t)(s.p - p->in.p) };
    if (s.n >= PICKLE_CONSTANT_MIN)
        p->hear(p->ctx, p, &(PickleFact){ .kind = PICKLE_CONSTANT, .op = op->code, .at = op->at, .on = v, .text = s });
    pickle_push(p, v);
}

/* ---- containers */

static uint16_t weight_bits(double w)
{
    float    f = w > 3e38 ? 3e38f : (float)w;
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return (uint16_t)(bits >> 16);
}

enum { UNFOLDS_MIN = 10000000, UNFOLDS_RATIO = 64 };

/* `values` go into `c`: it unfolds to as many values more, and has a callable inside if one of them is one. */
static void weigh(Pickle *p, const PickleOp *op, PickleValue *c, const PickleValue *values, size_t n)
{
    double w = weight_of(*c) + (double)n;
    for (size_t i = 0; i < n; i++) {
        if (values[i].weight)
            w += weight_of(values[i]) - 1;
        if (values[i].kind == PV_GLOBAL || values[i].kind == PV_RESULT || (values[i].kind >= PV_LIST && values[i].form & PF_CALLS))
            c->form |= PF_CALLS;
    }
    c->weight = weight_bits(w);
    if (w > UNFOLDS_MIN && w > UNFOLDS_RATIO * (double)(p->at - p->begin) && !p->unfolded) {
        p->unfolded = true;
        p->hear(p->ctx, p, &(PickleFact){ .kind = PICKLE_UNFOLDS, .op = op->code, .at = op->at, .on = *c });
    }
}

void op_empty_tuple(Pickle *p, const PickleOp *op)
{
    (void)op;
    pickle_push(p, (PickleValue){ .kind = PV_TUPLE });
}

static void push_tuple(Pickle *p, const PickleOp *op, const PickleValue *v, size_t n)
{
    PickleValue t = tuple_of(p, v, n);
    weigh(p, op, &t, v, n);
    p->n -= (size_t)(p->stack + p->n - v);
    pickle_push(p, t);
}

void op_tuple(Pickle *p, const PickleOp *op)
{
    size_t             n;
    const PickleValue *v = pickle_cut(p, op, &n);
    p->n += n;                                         /* still live, should the tuples be swept */
    push_tuple(p, op, v, n);
}

void op_tuple_n(Pickle *p, const PickleOp *op)
{
    size_t n = op->code - 0x84u;
    while (p->n - p->fence < n && !p->over) {
        pickle_tell(p, PICKLE_BROKEN, op, "takes a value from the empty stack");
        pickle_push(p, (PickleValue){ .kind = PV_OPAQUE, .at = op->at });
    }
    if (!p->over)
        push_tuple(p, op, p->stack + p->n - n, n);
}

void op_container(Pickle *p, const PickleOp *op)
{
    PickleKind kind = op->code == '}' ? PV_DICT : op->code == ']' ? PV_LIST : PV_SET;
    pickle_push(p, (PickleValue){ .kind = (uint8_t)kind, .at = op->at });
}

/* Keys and values in turn.  Lists, dictionaries and sets that can change have no hash: no loader comes past them. */
static void pairs(Pickle *p, const PickleOp *op, PickleValue dict, const PickleValue *v, size_t n)
{
    for (size_t i = 0; i + 1 < n; i += 2) {
        if (v[i].kind == PV_LIST || v[i].kind == PV_DICT)
            pickle_tell(p, PICKLE_BROKEN, op, "has a list or dictionary as key");
        if (p->keep_count > 0)
            kept_set(p, dict, v[i], v[i + 1]);
    }
    if (n % 2)
        pickle_tell(p, PICKLE_BROKEN, op, "has a key without a value");
}

/* A container made of all that lies above the mark. */
static void made_of(Pickle *p, const PickleOp *op, PickleKind kind)
{
    size_t             n;
    const PickleValue *v = pickle_cut(p, op, &n);
    PickleValue        made = { .kind = (uint8_t)kind, .at = op->at };
    weigh(p, op, &made, v, n);
    if (kind == PV_DICT)
        pairs(p, op, made, v, n);
    pickle_push(p, made);
}

void op_list(Pickle *p, const PickleOp *op) { made_of(p, op, PV_LIST); }
void op_dict(Pickle *p, const PickleOp *op) { made_of(p, op, PV_DICT); }
void op_frozenset(Pickle *p, const PickleOp *op) { made_of(p, op, PV_SET); }

/* The memo's copy of a container learns what was put into it. */
static void refresh(Pickle *p, const PickleValue *c)
{
    PickleValue *m = c->n ? memo_get(p, c->n - 1) : NULL;
    if (m != NULL && m->kind == c->kind && m->at == c->at)
        m->weight = c->weight, m->form = c->form;
}

static void put_into(Pickle *p, const PickleOp *op, PickleKind kind, const PickleValue *v, size_t n)
{
    PickleValue *c = top(p, op);
    if (c == NULL)
        return;
    if (c->kind != kind)
        p->hear(p->ctx, p, &(PickleFact){ .kind = PICKLE_PUT_INTO, .op = op->code, .at = op->at, .on = *c });
    if (c->kind < PV_LIST || c->kind > PV_SET)
        return;
    weigh(p, op, c, v, n);
    if (c->kind == PV_DICT && kind == PV_DICT)
        pairs(p, op, *c, v, n);
    refresh(p, c);
}

void op_append(Pickle *p, const PickleOp *op)
{
    PickleValue v = pickle_pop(p, op);
    put_into(p, op, PV_LIST, &v, 1);
}

void op_setitem(Pickle *p, const PickleOp *op)
{
    PickleValue pair[2];
    pair[1] = pickle_pop(p, op), pair[0] = pickle_pop(p, op);
    put_into(p, op, PV_DICT, pair, 2);
}

/* The container lies below the mark: its place is not touched while the values above are read. */
static void put_many(Pickle *p, const PickleOp *op, PickleKind kind)
{
    size_t             n;
    const PickleValue *v = pickle_cut(p, op, &n);
    put_into(p, op, kind, p->n > p->fence ? v : NULL, p->n > p->fence ? n : 0);
}

void op_appends(Pickle *p, const PickleOp *op) { put_many(p, op, PV_LIST); }
void op_setitems(Pickle *p, const PickleOp *op) { put_many(p, op, PV_DICT); }
void op_additems(Pickle *p, const PickleOp *op) { put_many(p, op, PV_SET); }

/* ---- memo */

enum { SPARSE_SLOT = 1 << 20 };

static void remember(Pickle *p, const PickleOp *op, uint64_t slot)
{
    PickleValue *v = top(p, op);
    if (v == NULL)
        return;
    if (slot >= SPARSE_SLOT && slot / 16 > p->memo_count)
        p->hear(p->ctx, p, &(PickleFact){ .kind = PICKLE_SPARSE, .op = op->code, .at = op->at, .with = { .kind = PV_INT, .at = slot } });
    if (v->kind >= PV_LIST && v->kind <= PV_SET && slot < UINT32_MAX)
        v->n = (uint32_t)slot + 1;
    memo_put(p, slot, *v);
}

void op_memoize(Pickle *p, const PickleOp *op) { remember(p, op, p->memo_count); }

void op_put(Pickle *p, const PickleOp *op)
{
    uint64_t slot = op->num;
    if (op->code == 'p' && !pickle_index(op->text, &slot))
        pickle_tell(p, PICKLE_BROKEN, op, "has no memo index");
    else
        remember(p, op, slot);
}

void op_get(Pickle *p, const PickleOp *op)
{
    uint64_t     slot = op->num;
    bool         known = op->code != 'g' || pickle_index(op->text, &slot);
    PickleValue *v = known ? memo_get(p, slot) : NULL;
    if (v == NULL)
        pickle_tell(p, PICKLE_BROKEN, op, known ? "reads a memo slot that was never written" : "has no memo index");
    pickle_push(p, v ? *v : (PickleValue){ .kind = PV_OPAQUE, .at = op->at });
}
