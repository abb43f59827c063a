/* data_exec.h - a program of somebody else's, run and waited for, with its files named in its arguments and environment. */
#ifndef DATA_EXEC_H
#define DATA_EXEC_H
#include "base/base.h"

typedef struct ExecFiles {                             /* paths: "{in}" and "{in1}" in an argument are the first input */
    const char *const *in, *const *out;
    size_t             ins, outs;
} ExecFiles;

/* Arguments with the names put in, ended by NULL; *named says which outputs ("{out}", "{out2}") occur.  NULL past the arena. */
char **exec_args(Arena *a, char **argv, int argc, const ExecFiles *files, bool *named);
/* The file that execvp() would run; NULL when there is none. */
char *exec_find(Arena *a, const char *program);
/* Runs it with MOAT_IN_1.., MOAT_OUT_1.. in its environment and `out_fd` as its standard output, or ours when that is -1.  It
 * gets the keyboard's signals, and a TERM when we die.  True with its exit code (128 + the signal that ended it). */
bool exec_run(char **argv, const ExecFiles *files, int out_fd, int *code, Err *e);

#endif
