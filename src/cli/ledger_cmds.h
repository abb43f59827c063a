/* ledger_cmds.h - what the files of `moat ledger` share: its options, and which ledger they mean. */
#ifndef LEDGER_CMDS_H
#define LEDGER_CMDS_H
#include "cli/cli.h"

typedef struct LedgerArgs {
    const char *ledger, *kind, *out, *key, *origin, *checkpoint, *proof;
    OptMany     witnesses;
    long        limit;
} LedgerArgs;
extern LedgerArgs ledger_args;

/* The path of --ledger, or of the pipeline's (*p NULL when there is none).  NULL with *e set. */
char *ledger_where(Arena *a, Pipeline **p, Err *e);

/* Raises what ledger_verify() found; `e` says how it shows. */
bool ledger_raise(Findings *l, const char *path, const LedgerState *s, const Err *e);
/* Findings as text or as one object with verified: false; returns the exit code. */
int ledger_refused(Findings *l, const char *schema);

int run_ledger_verify(int argc, char **argv);
int run_ledger_prove(int argc, char **argv);
int run_ledger_checkpoint(int argc, char **argv);
int run_ledger_export(int argc, char **argv);

#endif
