/* acl.c - any bytes as an ACL: what is accepted is written back the same, and a mask only takes rights away. */
#include "format/acl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Acl           acl;
    Arena        *a = arena_new(4 << 20);
    defer_buf Buf b = { 0 };
    Err           e = { 0 };
    if (acl_read(a, (Str){ (const char *)data, size }, &acl, &e)) {
        AclWho who = { .uid = acl.n, .gids = &acl.v[0].id, .gid_count = 1 };
        acl_write(&acl, &b);
        for (size_t i = 0; i < acl.n; i++)
            if (acl_effective(&acl, &acl.v[i]) & ~(unsigned)acl.v[i].perm)
                abort();
        if (b.n != size || acl_rights(&acl, 1, 2, &who) > 7)
            abort();
    } else if (e.code == E_OK)
        abort();
    arena_free(a);
    return 0;
}
