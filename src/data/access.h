/* access.h - who may read and write a dataset on this machine, against who moat.yaml says may.
 *
 * The policy of a dataset is its `readers` and `writers`: identities, each an account of this machine.  Nobody else may reach
 * it, its owner and root apart.  access_audit() walks the tree without following a link, reads mode and ACLs of everything
 * and says what differs, as Findings and as the ACLs each file should have.  access_apply() makes it so: the old state of all that
 * changes is on the disk before the first change, so access_undo() restores exactly, also after a crash in the middle.
 *
 * Files:  access.c        the walk                    access_policy.c   accounts, and the ACL a file should have
 *         access_judge.c  findings                    access_apply.c    journal, change, undo
 * Trusted: the account database.  Not trusted: names, links, modes and attributes below the dataset. */
#ifndef ACCESS_H
#define ACCESS_H
#include "data/data.h"
#include "format/acl.h"
#include <sys/types.h>

typedef struct AccessGrant {                           /* one account and what the policy gives it */
    uint16_t tag;                                      /* ACL_USER or ACL_GROUP                    */
    uint32_t id;
    bool     write;
    Str      identity, account;
} AccessGrant;

typedef struct AccessPolicy {
    AccessGrant *v;
    size_t       n;
    bool         declared;                             /* readers or writers are named at all */
} AccessPolicy;

typedef struct AccessItem {
    Str      path;                                     /* below the dataset; empty: the dataset itself */
    char    *shown;                                    /* as the user would name it                    */
    unsigned mode;
    uint32_t uid, gid;
    uint64_t dev, ino, born_ns, links;                 /* born: tells a file from a later one with its number; 0: not known */
    Acl      access, fallback;                         /* fallback: a folder's default ACL, n = 0: none */
    Acl      want, want_fallback;                      /* what the policy asks for                      */
} AccessItem;

typedef struct AccessTree {
    const Dataset *dataset;
    char          *root;
    AccessPolicy   policy;
    AccessItem    *v;                                  /* in order of path, folders before what they hold */
    size_t         n, changes;                         /* changes: items that differ from what they want  */
    bool           unjudged;                           /* something could not be read                     */
} AccessTree;

/* Findings are MOAT-D3xx.  False only when the question could not be asked. */
bool access_audit(Arena *a, const Pipeline *p, const Dataset *d, Findings *found, AccessTree *out, Err *e);
bool access_differs(const AccessItem *item);
/* The setfacl commands that turn what is into what is wanted, a line each. */
void access_commands(const AccessItem *item, Buf *out);

typedef struct AccessChange {
    size_t changed, skipped;                           /* skipped: replaced meanwhile, or gone */
    Digest journal;
} AccessChange;
bool access_apply(Arena *a, const Pipeline *p, const AccessTree *t, AccessChange *out, Err *e);
/* Takes back the last apply of this dataset, finished or not. */
bool access_undo(Arena *a, const Pipeline *p, const Dataset *d, AccessChange *out, Err *e);

extern const Rule   access_rules[];
extern const size_t access_rules_len;

#endif
