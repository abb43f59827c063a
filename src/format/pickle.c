/* pickle.c - see pickle.h.  The table of opcodes, what follows each, and the loop over them. */
#include "format/pickle_own.h"

static void op_stop(Pickle *p, const PickleOp *op)
{
    p->hear(p->ctx, p, &(PickleFact){ .kind = PICKLE_STOP, .op = op->code, .at = op->at, .on = pickle_pop(p, op) });
    if (p->n > 0 || p->marks_n > 0)
        pickle_tell(p, PICKLE_UNNATURAL, op, "leaves values on the stack");
    if (p->frame_end > p->at)
        pickle_tell(p, PICKLE_FRAMES, op, "the frame goes on after STOP");
    p->stopped = true;
}

static void op_proto(Pickle *p, const PickleOp *op)
{
    if (op->at != p->begin)
        pickle_tell(p, PICKLE_UNNATURAL, op, p->protos ? "comes a second time" : "is not the first opcode");
    if (op->num > 5)
        pickle_tell(p, PICKLE_BROKEN, op, "names a protocol that does not exist");
    p->protos++;
    if (op->num > p->protocol)
        p->protocol = (unsigned)op->num;
}

static void op_frame(Pickle *p, const PickleOp *op)
{
    if (p->frame_end > p->at)
        pickle_tell(p, PICKLE_FRAMES, op, "a frame begins inside a frame");
    if (op->num > p->in.n - p->at)
        pickle_tell(p, PICKLE_FRAMES, op, "a frame ends past the last byte");
    p->frame_end = op->num > p->in.n - p->at ? 0 : p->at + op->num;
    p->frame_size = op->num;
}

const PickleOpRow pickle_ops[256] = {
    ['('] = { "MARK", ARG_NONE, op_mark },
    [')'] = { "EMPTY_TUPLE", ARG_NONE, op_empty_tuple },
    ['.'] = { "STOP", ARG_NONE, op_stop },
    ['0'] = { "POP", ARG_NONE, op_pop },
    ['1'] = { "POP_MARK", ARG_NONE, op_pop_mark },
    ['2'] = { "DUP", ARG_NONE, op_dup },
    ['B'] = { "BINBYTES", ARG_TEXT4, op_text },
    ['C'] = { "SHORT_BINBYTES", ARG_TEXT1, op_text },
    ['F'] = { "FLOAT", ARG_LINE, op_constant },
    ['G'] = { "BINFLOAT", ARG_F8, op_constant },
    ['I'] = { "INT", ARG_LINE, op_constant },
    ['J'] = { "BININT", ARG_I4, op_int },
    ['K'] = { "BININT1", ARG_U1, op_int },
    ['L'] = { "LONG", ARG_LINE, op_constant },
    ['M'] = { "BININT2", ARG_U2, op_int },
    ['N'] = { "NONE", ARG_NONE, op_constant },
    ['P'] = { "PERSID", ARG_LINE, op_persid },
    ['Q'] = { "BINPERSID", ARG_NONE, op_binpersid },
    ['R'] = { "REDUCE", ARG_NONE, op_reduce },
    ['S'] = { "STRING", ARG_LINE, op_text },
    ['T'] = { "BINSTRING", ARG_TEXTI4, op_text },
    ['U'] = { "SHORT_BINSTRING", ARG_TEXT1, op_text },
    ['V'] = { "UNICODE", ARG_LINE, op_text },
    ['X'] = { "BINUNICODE", ARG_TEXT4, op_text },
    [']'] = { "EMPTY_LIST", ARG_NONE, op_container },
    ['a'] = { "APPEND", ARG_NONE, op_append },
    ['b'] = { "BUILD", ARG_NONE, op_build },
    ['c'] = { "GLOBAL", ARG_LINES, op_global },
    ['d'] = { "DICT", ARG_NONE, op_dict },
    ['e'] = { "APPENDS", ARG_NONE, op_appends },
    ['g'] = { "GET", ARG_LINE, op_get },
    ['h'] = { "BINGET", ARG_U1, op_get },
    ['i'] = { "INST", ARG_LINES, op_inst },
    ['j'] = { "LONG_BINGET", ARG_U4, op_get },
    ['l'] = { "LIST", ARG_NONE, op_list },
    ['o'] = { "OBJ", ARG_NONE, op_obj },
    ['p'] = { "PUT", ARG_LINE, op_put },
    ['q'] = { "BINPUT", ARG_U1, op_put },
    ['r'] = { "LONG_BINPUT", ARG_U4, op_put },
    ['s'] = { "SETITEM", ARG_NONE, op_setitem },
    ['t'] = { "TUPLE", ARG_NONE, op_tuple },
    ['u'] = { "SETITEMS", ARG_NONE, op_setitems },
    ['}'] = { "EMPTY_DICT", ARG_NONE, op_container },
    [0x80] = { "PROTO", ARG_U1, op_proto },
    [0x81] = { "NEWOBJ", ARG_NONE, op_reduce },
    [0x82] = { "EXT1", ARG_U1, op_ext },
    [0x83] = { "EXT2", ARG_U2, op_ext },
    [0x84] = { "EXT4", ARG_I4, op_ext },
    [0x85] = { "TUPLE1", ARG_NONE, op_tuple_n },
    [0x86] = { "TUPLE2", ARG_NONE, op_tuple_n },
    [0x87] = { "TUPLE3", ARG_NONE, op_tuple_n },
    [0x88] = { "NEWTRUE", ARG_NONE, op_constant },
    [0x89] = { "NEWFALSE", ARG_NONE, op_constant },
    [0x8a] = { "LONG1", ARG_TEXT1, op_constant },
    [0x8b] = { "LONG4", ARG_TEXTI4, op_constant },
    [0x8c] = { "SHORT_BINUNICODE", ARG_TEXT1, op_text },
    [0x8d] = { "BINUNICODE8", ARG_TEXT8, op_text },
    [0x8e] = { "BINBYTES8", ARG_TEXT8, op_text },
    [0x8f] = { "EMPTY_SET", ARG_NONE, op_container },
    [0x90] = { "ADDITEMS", ARG_NONE, op_additems },
    [0x91] = { "FROZENSET", ARG_NONE, op_frozenset },
    [0x92] = { "NEWOBJ_EX", ARG_NONE, op_newobj_ex },
    [0x93] = { "STACK_GLOBAL", ARG_NONE, op_stack_global },
    [0x94] = { "MEMOIZE", ARG_NONE, op_memoize },
    [0x95] = { "FRAME", ARG_U8, op_frame },
    [0x96] = { "BYTEARRAY8", ARG_TEXT8, op_text },
    [0x97] = { "NEXT_BUFFER", ARG_NONE, op_next_buffer },
    [0x98] = { "READONLY_BUFFER", ARG_NONE, op_readonly_buffer },
};

const char *pickle_opcode_name(uint8_t op) { return pickle_ops[op].name; }

/* ---- arguments */

static inline bool fixed(Pickle *p, size_t n, uint64_t *v)
{
    uint64_t got = 0;
    if (p->in.n - p->at < n)
        return false;
    for (size_t i = 0; i < n; i++)
        got |= (uint64_t)(uint8_t)p->in.p[p->at + i] << 8 * i;
    p->at += n, *v = got;
    return true;
}

static bool counted(Pickle *p, size_t width, bool is_signed, PickleOp *op)
{
    uint64_t n;
    if (!fixed(p, width, &n) || (is_signed && n > INT32_MAX) || n > p->in.n - p->at)
        return false;
    op->text = (Str){ p->in.p + p->at, n };
    p->at += n;
    return true;
}

static bool line(Pickle *p, Str *out)
{
    const char *from = p->in.p + p->at, *end = memchr(from, '\n', p->in.n - p->at);
    if (end == NULL)
        return false;
    *out = (Str){ from, (size_t)(end - from) };
    p->at += out->n + 1;
    return true;
}

static inline bool argument(Pickle *p, PickleArg arg, PickleOp *op)
{
    switch (arg) {
    case ARG_NONE: return true;
    case ARG_U1: return fixed(p, 1, &op->num);
    case ARG_U2: return fixed(p, 2, &op->num);
    case ARG_U4: return fixed(p, 4, &op->num);
    case ARG_U8: case ARG_F8: return fixed(p, 8, &op->num);
    case ARG_I4:
        if (!fixed(p, 4, &op->num))
            return false;
        op->num = (uint64_t)(int64_t)(int32_t)(uint32_t)op->num;
        return true;
    case ARG_LINE: return line(p, &op->text);
    case ARG_LINES: return line(p, &op->text) && line(p, &op->more);
    case ARG_TEXT1: return counted(p, 1, false, op);
    case ARG_TEXT4: return counted(p, 4, false, op);
    case ARG_TEXTI4: return counted(p, 4, true, op);
    case ARG_TEXT8: return counted(p, 8, false, op);
    }
    return false;
}

/* ---- the loop */

/* Picklers end a frame once it has FRAME_TARGET bytes, before a text of as many, and at the end. */
enum { FRAME_TARGET = 64 << 10 };

static void leave_frame(Pickle *p, const PickleOp *op)
{
    if (op->at < p->frame_end)
        pickle_tell(p, PICKLE_FRAMES, op, "an opcode lies across the end of its frame");
    else if (op->code != 0x95 && p->frame_size < FRAME_TARGET && op->text.n < FRAME_TARGET)
        pickle_tell(p, PICKLE_UNNATURAL, op, "follows a frame that ended too early");
    p->frame_end = 0;
}

static bool step(Pickle *p, PickleEnd *end)
{
    PickleOp           op = { .at = p->at, .code = (uint8_t)p->in.p[p->at] };
    const PickleOpRow *row = &pickle_ops[op.code];
    p->at++;
    if (row->run == NULL) {
        p->at--;
        pickle_tell(p, PICKLE_BROKEN, &op, "is no opcode");
        return *end = PICKLE_BAD, false;
    }
    if (!argument(p, row->arg, &op)) {
        p->at = op.at;
        pickle_tell(p, PICKLE_BROKEN, &op, "has an argument that is cut short or longer than the file");
        return *end = PICKLE_CUT, false;
    }
    if (p->frame_end != 0 && p->at > p->frame_end)
        leave_frame(p, &op);
    row->run(p, &op);
    p->opcodes++;
    return true;
}

static void begin(Pickle *p, uint64_t at)
{
    memo_clear(p);
    free(p->kept);
    p->kept = NULL, p->kept_count = 0;
    p->n = p->fence = p->marks_n = p->cells_n = 0;
    p->protocol = p->protos = 0;
    p->stopped = p->over = p->unfolded = false;
    p->begin = p->at = at, p->frame_end = 0;
}

PickleEnd pickle_run(Pickle *p, uint64_t at)
{
    PickleEnd end;
    begin(p, at < p->in.n ? at : p->in.n);
    while (p->at < p->in.n && !p->stopped && !p->over)
        if (!step(p, &end))
            return end;
    if (p->stopped)
        return PICKLE_ENDED;
    if (p->over)
        return PICKLE_OVER;
    pickle_tell(p, PICKLE_BROKEN, &(PickleOp){ .at = p->at }, "ends without STOP");
    return PICKLE_CUT;
}

Pickle *pickle_new(Str bytes, const Str *keep, size_t keep_count, PickleHear *hear, void *ctx)
{
    Pickle *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    p->in = bytes, p->hear = hear, p->ctx = ctx;
    assert(keep_count <= PICKLE_KEYS);
    if (keep_count > 0)
        memcpy(p->keep, keep, keep_count * sizeof *keep);
    p->keep_count = keep_count;
    p->arena = arena_new(32 << 20);
    p->names = p->arena ? dict_new(p->arena) : NULL;
    if (p->names == NULL || !pickle_grow(p, &p->stack, &p->cap, sizeof *p->stack, "stack"))
        return pickle_free(p), NULL;
    return p;
}

void pickle_free(Pickle *p)
{
    if (p == NULL)
        return;
    memo_clear(p);
    free(p->kept), free(p->stack), free(p->marks), free(p->cells), free(p->globals);
    arena_free(p->arena);
    free(p);
}

size_t pickle_walk(Str bytes, bool *imports)
{
    Pickle p = { .in = bytes };
    *imports = false;
    while (p.at < bytes.n) {
        PickleOp           op = { .at = p.at, .code = (uint8_t)bytes.p[p.at] };
        const PickleOpRow *row = &pickle_ops[op.code];
        p.at++;
        if (row->run == NULL || !argument(&p, row->arg, &op))
            return 0;
        if (op.code == '.')
            return p.at;
        *imports |= op.code == 'c' || op.code == 'i' || op.code == 0x93 || (op.code >= 0x82 && op.code <= 0x84);
    }
    return 0;
}

uint64_t pickle_at(const Pickle *p) { return p->at; }
uint64_t pickle_opcodes(const Pickle *p) { return p->opcodes; }
unsigned pickle_protocol(const Pickle *p) { return p->protocol; }

void pickle_skip(Pickle *p, uint64_t n)
{
    p->at += n < p->in.n - p->at ? n : p->in.n - p->at;
    if (n > 0)
        p->frame_end = 0;                              /* what is skipped lies between frames */
}
