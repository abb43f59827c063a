/* acl.h - POSIX ACLs as Linux keeps them in extended attributes: bytes <-> entries <-> text.
 *
 * system.posix_acl_access and _default are u32 2 (the version) and entries of u16 tag, u16 permissions, u32 id, all little-endian,
 * in a fixed order (linux/posix_acl_xattr.h; IEEE 1003.1e draft 17).  Without the attribute the mode bits are the ACL.
 * Reading refuses whatever the kernel would refuse to set.  Trusted: nothing. */
#ifndef ACL_H
#define ACL_H
#include "base/base.h"

typedef enum { ACL_USER_OBJ = 1, ACL_USER = 2, ACL_GROUP_OBJ = 4, ACL_GROUP = 8, ACL_MASK = 16, ACL_OTHER = 32 } AclTag;
enum { ACL_X = 1, ACL_W = 2, ACL_R = 4, ACL_MAX = 8190, ACL_NO_ID = -1 };

typedef struct AclEntry {
    uint16_t tag, perm;                                /* perm: ACL_R | ACL_W | ACL_X             */
    uint32_t id;                                       /* of a user or group; else UINT32_MAX     */
} AclEntry;

typedef struct Acl {                                   /* in the kernel's order: by tag, then id  */
    AclEntry *v;
    size_t    n;
} Acl;

bool acl_read(Arena *a, Str xattr, Acl *out, Err *e);
void acl_write(const Acl *acl, Buf *out);
/* The three base entries of a mode; false when memory ends. */
bool acl_of_mode(Arena *a, unsigned mode, Acl *out);
/* True when the mode bits say all of it. */
bool acl_is_mode(const Acl *acl);
/* Adds or replaces the entry; false when memory ends or there are too many. */
bool acl_put(Arena *a, Acl *acl, AclEntry entry);
void acl_drop(Acl *acl, uint16_t tag, uint32_t id);
const AclEntry *acl_find(const Acl *acl, uint16_t tag, uint32_t id);   /* NULL: none */
/* Sets the mask to the union of what it limits; drops it when there is nothing named. */
bool acl_remask(Arena *a, Acl *acl);
bool acl_same(const Acl *a, const Acl *b);

/* What an entry really grants: the mask limits named users and all groups. */
unsigned acl_effective(const Acl *acl, const AclEntry *entry);
/* What the kernel gives this user (POSIX.1e 23.1.5), capabilities aside. */
typedef struct AclWho {
    uint32_t        uid;
    const uint32_t *gids;
    size_t          gid_count;
} AclWho;
unsigned acl_rights(const Acl *acl, uint32_t owner, uint32_t group, const AclWho *who);

/* One entry as getfacl -n and setfacl spell it: "user:1001:r-x"; `effective` adds getfacl -e's comment. */
void acl_entry_text(const Acl *acl, const AclEntry *entry, bool effective, Buf *out);
void acl_perm_text(unsigned perm, char out[static 4]);

#endif
