/* watch_cmds.h - the verbs of `moat watch`.
 *
 * How to add one more: declare the function and its options here, and a row in watch.c. */
#ifndef WATCH_CMDS_H
#define WATCH_CMDS_H
#include "cli/cli.h"

int watch_drift_cmd(int argc, char **argv);            /* watch_drift.c */

enum { WATCH_DRIFT_OPTS = 6 };
extern const Opt watch_drift_opts[WATCH_DRIFT_OPTS];

#endif
