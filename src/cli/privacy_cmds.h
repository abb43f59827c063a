/* privacy_cmds.h - the verbs of `moat privacy`.
 *
 * How to add one more: declare the function and its options here, and a row in privacy.c. */
#ifndef PRIVACY_CMDS_H
#define PRIVACY_CMDS_H
#include "cli/cli.h"

int privacy_train_cmd(int argc, char **argv);          /* privacy_train.c   */

int privacy_account_cmd(int argc, char **argv);        /* privacy_account.c */
int privacy_attack_cmd(int argc, char **argv);         /* privacy_attack.c  */

enum { PRIVACY_TRAIN_OPTS = 19, PRIVACY_ATTACK_OPTS = 24, PRIVACY_ACCOUNT_OPTS = 12 };
extern const Opt privacy_train_opts[PRIVACY_TRAIN_OPTS], privacy_attack_opts[PRIVACY_ATTACK_OPTS],
    privacy_account_opts[PRIVACY_ACCOUNT_OPTS];

/* The offline half of audit: files instead of a target; the names are options of both halves. */
typedef struct AuditOpts {
    const char *signals, *population, *canaries, *scores;
    double      delta, confidence, offline_a, claim;
    long        seed;
} AuditOpts;
extern AuditOpts audit_opts;
int privacy_offline_audit(const char *attack, const char *members, const char *target);   /* privacy_audit.c */

#endif
