/* pickle_call.c - opcodes that reach outside: names looked up, calls, state, persistent ids, extension codes. */
#include "format/pickle_own.h"

static PickleValue opaque(const PickleOp *op) { return (PickleValue){ .kind = PV_OPAQUE, .at = op->at }; }

/* Tells the import; the value that stands for it. */
static PickleValue import(Pickle *p, const PickleOp *op, Str module, Str name)
{
    PickleGlobal *g = global_of(p, module, name);
    if (g == NULL)
        return opaque(op);
    PickleValue v = { .kind = PV_GLOBAL, .n = g->number + 1, .at = op->at };
    p->hear(p->ctx, p, &(PickleFact){ .kind = PICKLE_IMPORT, .op = op->code, .at = op->at, .on = v });
    return v;
}

void op_global(Pickle *p, const PickleOp *op) { pickle_push(p, import(p, op, op->text, op->more)); }

void op_stack_global(Pickle *p, const PickleOp *op)
{
    char        room[2][PICKLE_NAME_MAX];
    Str         text[2];
    PickleValue name = pickle_pop(p, op), module = pickle_pop(p, op);
    if (name.kind == PV_STR && module.kind == PV_STR) {
        pickle_text(p, module, room[0], sizeof room[0], &text[0]);
        pickle_text(p, name, room[1], sizeof room[1], &text[1]);
        pickle_push(p, import(p, op, text[0], text[1]));
        return;
    }
    p->hear(p->ctx, p, &(PickleFact){ .kind = PICKLE_DYNAMIC, .op = op->code, .at = op->at, .on = module, .with = name });
    pickle_push(p, opaque(op));
}

static void call(Pickle *p, const PickleOp *op, PickleValue callee, PickleValue args)
{
    PickleFact f = { .kind = PICKLE_CALL, .op = op->code, .at = op->at, .on = callee, .with = args,
                     .result = { .kind = PV_RESULT, .n = callee.kind == PV_GLOBAL ? callee.n : 0, .at = op->at } };
    p->hear(p->ctx, p, &f);
    pickle_push(p, f.result);
}

/* REDUCE and NEWOBJ */
void op_reduce(Pickle *p, const PickleOp *op)
{
    PickleValue args = pickle_pop(p, op), callee = pickle_pop(p, op);
    call(p, op, callee, args);
}

void op_newobj_ex(Pickle *p, const PickleOp *op)
{
    pickle_pop(p, op);
    op_reduce(p, op);
}

void op_inst(Pickle *p, const PickleOp *op)
{
    size_t             n;
    const PickleValue *v = pickle_cut(p, op, &n);
    p->n += n;
    PickleValue args = tuple_of(p, v, n);
    p->n -= n;
    PickleValue callee = import(p, op, op->text, op->more);
    call(p, op, callee, args);
}

void op_obj(Pickle *p, const PickleOp *op)
{
    size_t             n;
    const PickleValue *v = pickle_cut(p, op, &n);
    if (n == 0) {
        pickle_tell(p, PICKLE_BROKEN, op, "has no class to call");
        pickle_push(p, opaque(op));
        return;
    }
    PickleValue callee = v[0];
    p->n += n;
    PickleValue args = tuple_of(p, v + 1, n - 1);
    p->n -= n;
    call(p, op, callee, args);
}

void op_build(Pickle *p, const PickleOp *op)
{
    PickleValue state = pickle_pop(p, op);
    PickleValue on = pickle_pop(p, op);
    PickleFact  f = { .kind = PICKLE_BUILD, .op = op->code, .at = op->at, .on = on, .with = state, .result = on };
    p->hear(p->ctx, p, &f);
    if (state.kind == PV_DICT)
        kept_drop(p, state);
    pickle_push(p, f.result);
}

void op_persid(Pickle *p, const PickleOp *op)
{
    p->hear(p->ctx, p, &(PickleFact){ .kind = PICKLE_PERSISTENT, .op = op->code, .at = op->at, .text = op->text });
    pickle_push(p, (PickleValue){ .kind = PV_PERSID, .at = op->at });
}

void op_binpersid(Pickle *p, const PickleOp *op)
{
    PickleFact f = { .kind = PICKLE_PERSISTENT, .op = op->code, .at = op->at, .with = pickle_pop(p, op) };
    f.result = (PickleValue){ .kind = PV_PERSID, .at = op->at };
    p->hear(p->ctx, p, &f);
    pickle_push(p, f.result);
}

void op_ext(Pickle *p, const PickleOp *op)
{
    p->hear(p->ctx, p, &(PickleFact){ .kind = PICKLE_EXTENSION, .op = op->code, .at = op->at, .with = { .kind = PV_INT, .at = op->num } });
    pickle_push(p, opaque(op));
}

void op_next_buffer(Pickle *p, const PickleOp *op)
{
    pickle_tell(p, PICKLE_BUFFER, op, "");
    pickle_push(p, opaque(op));
}

void op_readonly_buffer(Pickle *p, const PickleOp *op)
{
    pickle_push(p, pickle_pop(p, op));
}

PickleGlobal *pickle_global(const Pickle *p, PickleValue v)
{
    return (v.kind == PV_GLOBAL || v.kind == PV_RESULT) && v.n > 0 && v.n <= p->globals_count ? p->globals[v.n - 1] : NULL;
}

const PickleValue *pickle_items(const Pickle *p, PickleValue v)
{
    return v.kind == PV_TUPLE && v.form & PF_KEPT ? p->cells + v.at : NULL;
}

PickleValue pickle_item(const Pickle *p, PickleValue v, size_t i)
{
    const PickleValue *items = pickle_items(p, v);
    return items != NULL && i < v.n ? items[i] : (PickleValue){ .kind = PV_OPAQUE };
}

PickleValue pickle_result_of(const Pickle *p, const PickleGlobal *g, uint64_t at)
{
    (void)p;
    return (PickleValue){ .kind = PV_RESULT, .n = g->number + 1, .at = at };
}
