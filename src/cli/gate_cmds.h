/* gate_cmds.h - the verbs of `moat gate`.  Each lives in its file with its options; the rows that name them are in gate.c.
 *
 * How to add one more: declare the function and its options (with their number) here, and a row in gate.c. */
#ifndef GATE_CMDS_H
#define GATE_CMDS_H
#include "cli/cli.h"

enum { GATE_RUN_OPTS = 2, GATE_KEY_OPTS = 8, GATE_CALIBRATE_OPTS = 6, GATE_REPLAY_OPTS = 2 };
extern const Opt gate_run_opts[GATE_RUN_OPTS], gate_key_opts[GATE_KEY_OPTS], gate_calibrate_opts[GATE_CALIBRATE_OPTS],
    gate_replay_opts[GATE_REPLAY_OPTS];

int gate_run(int argc, char **argv);                   /* gate_run.c    */
int gate_key(int argc, char **argv);                   /* gate_key.c    */
int gate_schema(int argc, char **argv);                /* gate_schema.c */
int gate_calibrate(int argc, char **argv);             /* gate_detect.c */
int gate_replay(int argc, char **argv);

#endif
