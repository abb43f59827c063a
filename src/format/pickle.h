/* pickle.h - Python pickles, protocols 0 to 5, followed step by step without running anything.
 *
 * A pickle is a program for a small stack machine.  This is that machine with the hands tied: it keeps the real stack, the
 * real memo and the real marks, but a value is only a note of 16 bytes saying what would be there: "a text at byte 40",
 * "what collections.OrderedDict returned".  Whatever a pickle would import, call or change is told to a listener with the
 * byte where it happens; what to think of it is the listener's business (model/scan_pickle.c).
 *
 *     pickle.c        opcodes, what follows each, and the loop       pickle_stack.c  opcodes that move values
 *     pickle_call.c   opcodes that reach outside                     pickle_heap.c   memo, tuples, names
 *     pickle_text.c   texts and numbers as Python reads them
 *
 * Two unpicklers exist in CPython (C and Python) and they differ in places; here both are heard: what one of them accepts is
 * followed, what one of them refuses is told as broken and followed further as long as the next opcode can be found.
 *
 * Contents are kept only of tuples of up to 9 values (they are arguments) and, of dictionaries, under the few keys that the
 * listener named.  Everything else is a kind and the byte where it was made, which is also its identity: no opcode runs
 * twice.  Texts stay where they are in the file.  Memory therefore follows the live stack and the memo, not the file.
 *
 * Trusted: nothing.  No recursion; every length meets the bytes that remain, every growth PICKLE_MEMORY_MAX. */
#ifndef PICKLE_H
#define PICKLE_H
#include "base/base.h"

enum {
    PICKLE_MEMORY_MAX = 448 << 20,                     /* stack, memo and tuples together                       */
    PICKLE_GLOBALS_MAX = 65536,                        /* different names in one run of pickles                 */
    PICKLE_NAME_MAX = 4096,                            /* a longer name is cut: it is nobody's                  */
    PICKLE_ARGS = 9,                                   /* the longest tuple whose contents are kept             */
    PICKLE_NESTING = 6,                                /* the deepest                                           */
    PICKLE_KEYS = 4                                    /* keys of dictionaries that can be asked for            */
};

typedef enum {
    PV_NONE, PV_BOOL, PV_INT, PV_FLOAT, PV_STR, PV_BYTES, PV_GLOBAL, PV_RESULT, PV_LIST, PV_DICT, PV_SET, PV_TUPLE, PV_PERSID,
    PV_OPAQUE                                          /* not known: a lost memo slot, an extension code        */
} PickleKind;

enum {                                                 /* PickleValue.form                                      */
    PF_QUOTED = 1, PF_ESCAPED = 2,                     /* texts: quoted with escapes; raw-unicode-escape        */
    PF_BIG = 1,                                        /* ints: `at` is where n bytes of it lie, not its value  */
    PF_KEPT = 8,                                       /* tuples: contents are known; the bits below: nesting   */
    PF_CALLS = 0x80                                    /* containers: a global or a call's result is inside     */
};

typedef struct PickleValue {
    uint8_t  kind, form;
    uint16_t weight;                                   /* of a container: how many values it unfolds to, as the upper half of a float */
    uint32_t n;                                        /* text: length; tuple: count; global, result: 1 + its number; else 1 + memo slot */
    uint64_t at;                                       /* text: where it begins; int, bool: the value; tuple: its contents; else the opcode that made it */
} PickleValue;

typedef struct PickleGlobal {                          /* a name, the first time it was met                     */
    Str      module, name;                             /* decoded; never longer than PICKLE_NAME_MAX            */
    uint64_t at;
    uint32_t number;
    uint32_t tag, seen;                                /* the listener's; 0 at first                            */
} PickleGlobal;

typedef enum {
    PICKLE_IMPORT,                                     /* a global is looked up: on                             */
    PICKLE_DYNAMIC,                                    /* STACK_GLOBAL of what is no known text: on, with       */
    PICKLE_CALL,                                       /* on(*with); `result` may be changed by the listener    */
    PICKLE_BUILD,                                      /* on gets state `with`                                  */
    PICKLE_PUT_INTO,                                   /* items for `on`, which is not of the opcode's own kind */
    PICKLE_PERSISTENT,                                 /* persistent id: with, or text for PERSID               */
    PICKLE_EXTENSION,                                  /* EXT code, in with.at                                  */
    PICKLE_BUFFER,                                     /* out-of-band buffer                                    */
    PICKLE_CONSTANT,                                   /* text: str or bytes of PICKLE_CONSTANT_MIN or more     */
    PICKLE_SPARSE,                                     /* memo slot far beyond the others, in with.at           */
    PICKLE_UNFOLDS,                                    /* few bytes that unfold to very many values: on         */
    PICKLE_FRAMES,                                     /* text: a frame that the two unpicklers read differently */
    PICKLE_UNNATURAL,                                  /* text: what no pickler writes                          */
    PICKLE_BROKEN,                                     /* text: why a loader would stop here                    */
    PICKLE_LIMIT,                                      /* text: which limit                                     */
    PICKLE_STOP                                        /* on: the value                                         */
} PickleFactKind;
enum { PICKLE_CONSTANT_MIN = 8 };

typedef struct PickleFact {
    PickleFactKind kind;
    uint8_t        op;                                 /* the opcode's byte                                     */
    uint64_t       at;                                 /* where it lies                                         */
    PickleValue    on, with, result;
    Str            text;                               /* borrowed for the call                                 */
} PickleFact;

typedef struct Pickle Pickle;
typedef void PickleHear(void *ctx, Pickle *p, PickleFact *f);
typedef enum { PICKLE_ENDED, PICKLE_CUT, PICKLE_BAD, PICKLE_OVER } PickleEnd;   /* STOP; bytes ran out; no opcode; limit */

/* Over `bytes`, borrowed.  `keep` names up to PICKLE_KEYS keys for pickle_member.  Owned: pickle_free.  NULL: out of memory. */
Pickle   *pickle_new(Str bytes, const Str *keep, size_t keep_count, PickleHear *hear, void *ctx);
void      pickle_free(Pickle *p);                      /* NULL is fine                                          */
/* Follows one pickle from byte `at`, with a fresh stack and memo.  Globals and their tags stay. */
PickleEnd pickle_run(Pickle *p, uint64_t at);
uint64_t  pickle_at(const Pickle *p);                  /* the first byte that was not read                      */
uint64_t  pickle_opcodes(const Pickle *p);             /* of all runs                                           */
unsigned  pickle_protocol(const Pickle *p);            /* the highest that this pickle declared                 */

/* How many bytes of opcodes there are up to the first STOP, that too; 0: there is none.  Nothing is followed, only read over.
 * `imports` says whether one of them looks a name up. */
size_t    pickle_walk(Str bytes, bool *imports);

/* For the listener, while it is called. */
void               pickle_skip(Pickle *p, uint64_t n); /* the next n bytes are no opcodes; at most what is left */
PickleGlobal      *pickle_global(const Pickle *p, PickleValue v);    /* of a global or a result; NULL: not known */
const PickleValue *pickle_items(const Pickle *p, PickleValue v);     /* v.n values of a kept tuple, else NULL    */
PickleValue        pickle_item(const Pickle *p, PickleValue v, size_t i);   /* PV_OPAQUE where there is none     */
/* Value under a kept key; false when unknown, also once the dictionary was used as a state. */
bool               pickle_member(const Pickle *p, PickleValue dict, size_t key, PickleValue *out);
/* A str or bytes as Python would have it, decoded into `room` where it has escapes; cut at room's size.  False: no text. */
bool               pickle_text(const Pickle *p, PickleValue v, char *room, size_t room_size, Str *out);
PickleValue        pickle_result_of(const Pickle *p, const PickleGlobal *g, uint64_t at);
const char        *pickle_opcode_name(uint8_t op);     /* "REDUCE"; NULL: no opcode                             */

#endif
