/* access_own.h - what the files of access share; nobody else needs it. */
#ifndef ACCESS_OWN_H
#define ACCESS_OWN_H
#include "data/access.h"
#include <sys/stat.h>

enum { XATTR_MAX = 65536, FD_PATH = 32 };
#define ACCESS_XATTR  "system.posix_acl_access"
#define DEFAULT_XATTR "system.posix_acl_default"

static inline bool access_is_dir(const AccessItem *i) { return S_ISDIR(i->mode); }
/* "/proc/self/fd/N": attributes of what an O_PATH descriptor holds, without a second look at its name. */
void fd_path(int fd, char out[static FD_PATH]);
/* When what an open descriptor holds was made, in nanoseconds; 0 where the file system does not say. */
uint64_t fd_born_ns(int fd);
/* The ACL of an open O_PATH descriptor; *there says whether the attribute exists.  ENODATA and no support are no ACL. */
bool acl_get_fd(Arena *a, int fd, const char *xattr, Acl *out, bool *there, Err *e);

/* ---- access_policy.c */
bool access_policy(Arena *a, const Pipeline *p, const Dataset *d, Findings *found, AccessPolicy *out, Err *e);
bool access_want(Arena *a, const AccessPolicy *policy, AccessItem *item);
/* What the policy gives a user or group, NULL: nothing. */
const AccessGrant *access_grant(const AccessPolicy *policy, uint16_t tag, uint32_t id);

/* ---- access_judge.c */
typedef enum {
    A_WORLD_READ, A_WORLD_WRITE, A_OUTSIDE, A_GROUP, A_LACKS, A_DEFAULT, A_PARENT, A_ODD, A_UNKNOWN_ACCOUNT, A_NO_POLICY, A_FOREIGN_FS, A_UNREAD, A_RULES
} AccessRule;
bool access_raise(Findings *l, const Dataset *d, AccessRule rule, FindingState state, Str subject, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));
bool access_judge(Arena *a, const AccessTree *t, Findings *found);

#endif
