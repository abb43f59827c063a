/* cli - the `moat` command.  One file per noun; commands and options are rows, and the same rows parse argv, print
 * --help and write the man page and the completion, so they cannot disagree.
 *
 * How to add one more: a `static const Opt[]`, a function, and a row in the noun's `const Cmd[]` (see cli.h). */
#ifndef OPT_H
#define OPT_H
#include "base/base.h"

typedef enum { OPT_FLAG, OPT_TEXT, OPT_INT, OPT_REAL, OPT_MANY } OptKind;

enum { OPT_MANY_MAX = 64 };
typedef struct OptMany {                               /* an option that may be given again and again */
    const char *v[OPT_MANY_MAX];
    size_t      n;
} OptMany;

typedef struct Opt {
    const char *name;                                  /* "format"  -> --format                        */
    char        alias;                                 /* 'f'       -> -f, or 0                        */
    OptKind     kind;
    void       *to;                                    /* bool *, const char **, long *, double *, OptMany * */
    const char *arg;                                   /* "FILE" in help; NULL for flags               */
    const char *help;
} Opt;

/* Moves positional arguments to the front; *argc becomes their count.  "--" ends the options. */
bool opt_parse(const Opt *o, size_t n, int *argc, char **argv, Err *e);
void opt_help(FILE *f, const Opt *o, size_t n);

#endif
