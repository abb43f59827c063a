/* watch_cmds.h - the verbs of `moat watch`.
 *
 * How to add one more: declare the function and its options here, and a row in watch.c. */
#ifndef WATCH_CMDS_H
#define WATCH_CMDS_H
#include "cli/cli.h"

int watch_drift_cmd(int argc, char **argv);            /* watch_drift.c */
int watch_ship_cmd(int argc, char **argv);             /* watch_ship.c  */
int watch_run_cmd(int argc, char **argv);              /* watch_run.c   */
int watch_label_cmd(int argc, char **argv);            /* watch_label.c */
int watch_events_cmd(int argc, char **argv);           /* watch_events.c */

enum { WATCH_DRIFT_OPTS = 6, WATCH_SHIP_OPTS = 5, WATCH_RUN_OPTS = 2, WATCH_LABEL_OPTS = 2, WATCH_EVENTS_OPTS = 4 };
extern const Opt watch_drift_opts[WATCH_DRIFT_OPTS];
extern const Opt watch_ship_opts[WATCH_SHIP_OPTS];
extern const Opt watch_run_opts[WATCH_RUN_OPTS], watch_label_opts[WATCH_LABEL_OPTS], watch_events_opts[WATCH_EVENTS_OPTS];

#endif
