/* watch_cmds.h - the verbs of `moat watch`.
 *
 * How to add one more: declare the function and its options here, and a row in watch.c. */
#ifndef WATCH_CMDS_H
#define WATCH_CMDS_H
#include "cli/cli.h"

int watch_drift_cmd(int argc, char **argv);            /* watch_drift.c */
int watch_ship_cmd(int argc, char **argv);             /* watch_ship.c  */

enum { WATCH_DRIFT_OPTS = 6, WATCH_SHIP_OPTS = 4 };
extern const Opt watch_drift_opts[WATCH_DRIFT_OPTS];
extern const Opt watch_ship_opts[WATCH_SHIP_OPTS];

#endif
