/* privacy_cmds.h - the verbs of `moat privacy`.
 *
 * How to add one more: declare the function and its options here, and a row in privacy.c. */
#ifndef PRIVACY_CMDS_H
#define PRIVACY_CMDS_H
#include "cli/cli.h"

int privacy_train_cmd(int argc, char **argv);          /* privacy_train.c   */

int privacy_account_cmd(int argc, char **argv);        /* privacy_account.c */
int privacy_attack_cmd(int argc, char **argv);         /* privacy_attack.c  */

enum { PRIVACY_TRAIN_OPTS = 19, PRIVACY_ATTACK_OPTS = 16, PRIVACY_ACCOUNT_OPTS = 12 };
extern const Opt privacy_train_opts[PRIVACY_TRAIN_OPTS], privacy_attack_opts[PRIVACY_ATTACK_OPTS],
    privacy_account_opts[PRIVACY_ACCOUNT_OPTS];

#endif
