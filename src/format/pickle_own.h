/* pickle_own.h - shared by the files of the pickle machine; nobody else includes it. */
#ifndef PICKLE_OWN_H
#define PICKLE_OWN_H
#include "base/dict.h"
#include "format/pickle.h"

typedef enum {                                         /* what follows an opcode                                */
    ARG_NONE, ARG_U1, ARG_U2, ARG_I4, ARG_U4, ARG_U8, ARG_F8, ARG_LINE, ARG_LINES, ARG_TEXT1, ARG_TEXT4, ARG_TEXTI4, ARG_TEXT8
} PickleArg;

typedef struct PickleOp {
    uint8_t  code;
    uint64_t at;
    uint64_t num;                                      /* U1..U8; I4 sign-extended                              */
    Str      text, more;                               /* counted bytes, or the line(s)                         */
} PickleOp;

typedef struct PickleOpRow {
    const char *name;                                  /* NULL: no opcode                                       */
    PickleArg   arg;
    void      (*run)(Pickle *p, const PickleOp *op);
} PickleOpRow;
extern const PickleOpRow pickle_ops[256];

enum { MEMO_BITS = 10, MEMO_PAGE = 1 << MEMO_BITS, MEMO_TOP = 1 << (32 - 2 * MEMO_BITS) };     /* slots are below 2^32 */
typedef struct PickleKept {                            /* a dictionary with a key that was asked for            */
    uint64_t    dict;                                  /* 1 + the byte that made it; 0: free                    */
    uint32_t    have;                                  /* bit i: value[i] is known                              */
    PickleValue value[PICKLE_KEYS];
} PickleKept;
enum { KEPT_SLOTS = 1 << 14 };

struct Pickle {
    Str          in;
    uint64_t     at;
    PickleHear  *hear;
    void        *ctx;
    bool         stopped, over;                        /* STOP was read; a limit was met                        */
    bool         unfolded;                             /* PICKLE_UNFOLDS was told                               */
    unsigned     protocol, protos;                     /* highest declared, how often                           */
    uint64_t     begin, frame_end, frame_size;         /* of this pickle; frame_end 0: no frame                 */
    uint64_t     opcodes;

    PickleValue *stack;
    size_t       n, cap, fence;                        /* nothing below the fence can be popped                 */
    size_t      *marks;                                /* fences of the marks below                             */
    size_t       marks_n, marks_cap;

    PickleValue **memo[MEMO_TOP];                      /* tables of MEMO_PAGE pages of as many slots; NULL until needed */
    size_t       memo_tops, memo_count;                /* all tables lie below memo_tops; slots in use          */
    PickleValue *cells;                                /* contents of tuples                                    */
    size_t       cells_n, cells_cap;
    size_t       bytes;                                /* of all the above                                      */

    Str          keep[PICKLE_KEYS];
    size_t       keep_count;
    PickleKept  *kept;                                 /* KEPT_SLOTS of them once one is needed                 */
    size_t       kept_count;

    Arena         *arena;                              /* names                                                 */
    Dict          *names;
    PickleGlobal **globals;                            /* by number                                             */
    size_t         globals_count, globals_cap;
};

/* ---- pickle_heap.c */
bool         pickle_grow(Pickle *p, void *array, size_t *cap, size_t size, const char *what);
void         pickle_over(Pickle *p, const char *what);
bool         memo_put(Pickle *p, uint64_t slot, PickleValue v);
PickleValue *memo_get(const Pickle *p, uint64_t slot); /* NULL: empty                                           */
void         memo_clear(Pickle *p);
PickleValue  tuple_of(Pickle *p, const PickleValue *v, size_t n);
PickleGlobal *global_of(Pickle *p, Str module, Str name);
void         kept_set(Pickle *p, PickleValue dict, PickleValue key, PickleValue value);
void         kept_drop(Pickle *p, PickleValue dict);

/* ---- pickle_text.c */
bool     pickle_index(Str line, uint64_t *out);        /* as int() and PyLong_FromString read a memo index      */
bool     pickle_int(Str line, int64_t *out);
int64_t  pickle_long(Str bytes);                       /* up to 8 bytes, little-endian, signed                  */
Str      pickle_decode(PickleValue v, Str raw, char *room, size_t size);

/* ---- pickle_stack.c */
PickleValue pickle_pop(Pickle *p, const PickleOp *op);             /* PV_OPAQUE, told as broken, when there is none       */
/* Down to the topmost mark, which goes too; the values stay readable until the next push. */
const PickleValue *pickle_cut(Pickle *p, const PickleOp *op, size_t *n);
void        pickle_tell(Pickle *p, PickleFactKind kind, const PickleOp *op, const char *text);
typedef void PickleDo(Pickle *p, const PickleOp *op);
PickleDo op_mark, op_pop, op_pop_mark, op_dup, op_int, op_constant, op_text, op_container, op_tuple, op_tuple_n, op_append, op_appends,
         op_setitem, op_setitems, op_additems, op_frozenset, op_dict, op_list, op_put, op_get, op_memoize, op_empty_tuple;

/* ---- pickle_call.c */
PickleDo op_global, op_stack_global, op_reduce, op_newobj_ex, op_inst, op_obj, op_build, op_persid, op_binpersid, op_ext,
         op_next_buffer, op_readonly_buffer;

static inline void pickle_push(Pickle *p, PickleValue v)
{
    if (p->n < p->cap || pickle_grow(p, &p->stack, &p->cap, sizeof v, "stack"))
        p->stack[p->n++] = v;
}

static inline double weight_of(PickleValue v)
{
    uint32_t bits = (uint32_t)v.weight << 16;
    float    f;
    memcpy(&f, &bits, sizeof f);
    return v.weight ? (double)f : 1;
}

#endif
