/* globals.h - what is known about the names that pickles import.
 *
 * A name gets the tier of its row.  Allow rows name exactly what was reviewed, module and name; there are no wildcards and
 * no prefixes among them.  Deny rows may cover a module with all that lies under it: they only raise the severity and
 * explain, because what has no row is not clean either.
 *
 * How to add one more: a row in globals_allow.c (globals_sklearn.c) or globals_deny.c, with the reason why it is safe, or what it can do. */
#ifndef GLOBALS_H
#define GLOBALS_H
#include "base/base.h"

typedef enum {
    TIER_SAFE,                                         /* T0: any arguments                                     */
    TIER_CLASS,                                        /* T1: made without its __init__, given a state, named   */
    TIER_ARGS,                                         /* T2: only with the arguments of its shape              */
    TIER_UNKNOWN,                                      /* T3: nobody has reviewed it                            */
    TIER_DENY                                          /* T4: runs code, reaches files or the network, loads    */
} Tier;

typedef enum {                                         /* what a T2 call must look like: scan_args.c            */
    SHAPE_NONE, SHAPE_SIZED, SHAPE_NDARRAY, SHAPE_SCALAR, SHAPE_DTYPE, SHAPE_FROMBUFFER, SHAPE_RANDOM, SHAPE_TENSOR, SHAPE_PARAMETER,
    SHAPE_TYPED, SHAPE_RECONSTRUCTOR, SHAPE_NEWOBJ, SHAPE_ENCODE, SHAPE_DEFAULTDICT, SHAPE_CLASS_FIRST, SHAPE_PLAIN, SHAPES
} Shape;

enum { GIVES_MAPPING = 1, GIVES_SEQUENCE = 2, GIVES_SET = 4 };     /* what an object takes by SETITEM, APPEND, ADDITEMS */

typedef struct GlobalRow {
    const char *module;                                /* one or more, blank-separated                          */
    const char *names;                                 /* blank-separated; in a deny row "*" is everything under it */
    Tier        tier;
    Shape       shape;
    unsigned    gives;
    const char *reason;
} GlobalRow;

extern const GlobalRow globals_allow[], globals_sklearn[], globals_deny[];
extern const size_t    globals_allow_len, globals_sklearn_len, globals_deny_len;

typedef struct GlobalVerdict {
    Tier             tier;
    const GlobalRow *row;                              /* NULL: none                                            */
    bool             odd;                              /* a name nobody would write: blanks, control characters, not ASCII */
    bool             dotted;                           /* leads through a module or a dunder                    */
    bool             acts;                             /* unknown, but by its name it runs, opens or loads      */
} GlobalVerdict;

/* The worst that the name can mean, under its Python 2 and Python 3 spelling. */
GlobalVerdict global_judge(Str module, Str name);
/* Bytes of an element of a torch storage class; 0: it is none. */
unsigned      storage_itemsize(Str module, Str name);

/* ---- python2.c: CPython's renaming for pickles of Python 2 (Lib/_compat_pickle.py) */
/* The other spelling; texts are static or the arguments themselves.  False: there is none. */
bool python2_to_3(Str module, Str name, Str *module3, Str *name3);
bool python3_to_2(Str module, Str name, Str *module2, Str *name2);

#endif
