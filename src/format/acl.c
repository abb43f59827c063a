/* acl.c - see acl.h. */
#include "format/acl.h"

enum { VERSION = 2, ENTRY = 8 };

static bool named(uint16_t tag) { return tag == ACL_USER || tag == ACL_GROUP; }
static bool masked(uint16_t tag) { return named(tag) || tag == ACL_GROUP_OBJ; }

static int order(const AclEntry *a, uint16_t tag, uint32_t id)
{
    if (a->tag != tag)
        return a->tag < tag ? -1 : 1;
    return !named(tag) || a->id == id ? 0 : a->id < id ? -1 : 1;
}

/* ---- bytes */

static bool known_tag(uint16_t tag)
{
    return tag != 0 && tag <= ACL_OTHER && (tag & (tag - 1)) == 0;
}

/* Order, one of each base entry, and a mask when anything is named. */
static bool well_formed(const Acl *acl, Err *e)
{
    unsigned seen = 0;
    for (size_t i = 0; i < acl->n; i++) {
        const AclEntry *v = &acl->v[i];
        if (!known_tag(v->tag) || v->perm > 7 || (named(v->tag) && v->id == UINT32_MAX))
            return err_at(e, 4 + i * ENTRY, "ACL entry %zu: unknown tag, permission or id", i + 1);
        if (i > 0 && order(&acl->v[i - 1], v->tag, v->id) >= 0)
            return err_at(e, 4 + i * ENTRY, "ACL entry %zu: out of order, or there twice", i + 1);
        seen |= v->tag;
    }
    if ((seen & (ACL_USER_OBJ | ACL_GROUP_OBJ | ACL_OTHER)) != (ACL_USER_OBJ | ACL_GROUP_OBJ | ACL_OTHER))
        return err_set(e, E_FORMAT, "ACL without an entry for owner, group or others");
    return !(seen & (ACL_USER | ACL_GROUP)) || (seen & ACL_MASK) || err_set(e, E_FORMAT, "ACL with named entries and no mask");
}

bool acl_read(Arena *a, Str xattr, Acl *out, Err *e)
{
    Cur c = cur_of(xattr);
    if (cur_u32(&c) != VERSION || cur_left(&c) % ENTRY != 0 || cur_left(&c) / ENTRY > ACL_MAX)
        return err_at(e, 0, "not a version 2 ACL of whole entries");
    *out = (Acl){ .n = cur_left(&c) / ENTRY };
    out->v = arena_get(a, out->n + 1, sizeof *out->v);
    if (out->v == NULL)
        return err_nomem(e);
    for (size_t i = 0; i < out->n; i++) {
        out->v[i].tag = cur_u16(&c), out->v[i].perm = cur_u16(&c), out->v[i].id = cur_u32(&c);
        if (!named(out->v[i].tag))
            out->v[i].id = UINT32_MAX;
    }
    return well_formed(out, e);
}

void acl_write(const Acl *acl, Buf *out)
{
    buf_u32(out, VERSION);
    for (size_t i = 0; i < acl->n; i++)
        buf_u16(out, acl->v[i].tag), buf_u16(out, acl->v[i].perm), buf_u32(out, acl->v[i].id);
}

bool acl_of_mode(Arena *a, unsigned mode, Acl *out)
{
    *out = (Acl){ .v = arena_get(a, 3, sizeof *out->v), .n = 3 };
    if (out->v == NULL)
        return false;
    out->v[0] = (AclEntry){ ACL_USER_OBJ, mode >> 6 & 7, UINT32_MAX };
    out->v[1] = (AclEntry){ ACL_GROUP_OBJ, mode >> 3 & 7, UINT32_MAX };
    out->v[2] = (AclEntry){ ACL_OTHER, mode & 7, UINT32_MAX };
    return true;
}

/* ---- entries */

bool acl_is_mode(const Acl *acl) { return acl->n == 3; }

static size_t place(const Acl *acl, uint16_t tag, uint32_t id)
{
    size_t i = 0;
    while (i < acl->n && order(&acl->v[i], tag, id) < 0)
        i++;
    return i;
}

const AclEntry *acl_find(const Acl *acl, uint16_t tag, uint32_t id)
{
    size_t i = place(acl, tag, id);
    return i < acl->n && order(&acl->v[i], tag, id) == 0 ? &acl->v[i] : NULL;
}

bool acl_put(Arena *a, Acl *acl, AclEntry entry)
{
    size_t i = place(acl, entry.tag, entry.id);
    if (i < acl->n && order(&acl->v[i], entry.tag, entry.id) == 0)
        return acl->v[i] = entry, true;
    AclEntry *v = acl->n < ACL_MAX ? arena_get(a, acl->n + 1, sizeof *v) : NULL;
    if (v == NULL)
        return false;
    memcpy(v, acl->v, i * sizeof *v);
    v[i] = entry;
    memcpy(v + i + 1, acl->v + i, (acl->n - i) * sizeof *v);
    *acl = (Acl){ v, acl->n + 1 };
    return true;
}

void acl_drop(Acl *acl, uint16_t tag, uint32_t id)
{
    size_t i = place(acl, tag, id);
    if (i == acl->n || order(&acl->v[i], tag, id) != 0)
        return;
    memmove(&acl->v[i], &acl->v[i + 1], (acl->n - i - 1) * sizeof *acl->v);
    acl->n--;
}

bool acl_remask(Arena *a, Acl *acl)
{
    uint16_t perm = 0;
    bool     any = false;
    for (size_t i = 0; i < acl->n; i++) {
        any |= named(acl->v[i].tag);
        perm |= masked(acl->v[i].tag) ? acl->v[i].perm : 0;
    }
    if (any)
        return acl_put(a, acl, (AclEntry){ ACL_MASK, perm, UINT32_MAX });
    acl_drop(acl, ACL_MASK, UINT32_MAX);
    return true;
}

bool acl_same(const Acl *a, const Acl *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (order(&a->v[i], b->v[i].tag, b->v[i].id) != 0 || a->v[i].perm != b->v[i].perm)
            return false;
    return true;
}

/* ---- rights */

unsigned acl_effective(const Acl *acl, const AclEntry *entry)
{
    const AclEntry *mask = masked(entry->tag) ? acl_find(acl, ACL_MASK, UINT32_MAX) : NULL;
    return entry->perm & (mask ? mask->perm : 7u);
}

static bool in_group(const AclWho *who, uint32_t gid)
{
    for (size_t i = 0; i < who->gid_count; i++)
        if (who->gids[i] == gid)
            return true;
    return false;
}

/* The union over matching group entries says what some request could get: the kernel grants a request that one of them covers. */
unsigned acl_rights(const Acl *acl, uint32_t owner, uint32_t group, const AclWho *who)
{
    const AclEntry *other = acl_find(acl, ACL_OTHER, UINT32_MAX), *user = acl_find(acl, ACL_USER, who->uid);
    unsigned        rights = 0;
    bool            matched = false;
    if (who->uid == owner)
        return acl_find(acl, ACL_USER_OBJ, UINT32_MAX)->perm;
    if (user != NULL)
        return acl_effective(acl, user);
    for (size_t i = 0; i < acl->n; i++) {
        const AclEntry *v = &acl->v[i];
        if ((v->tag == ACL_GROUP_OBJ && in_group(who, group)) || (v->tag == ACL_GROUP && in_group(who, v->id)))
            matched = true, rights |= acl_effective(acl, v);
    }
    return matched ? rights : other->perm;
}

/* ---- text */

void acl_perm_text(unsigned perm, char out[static 4])
{
    snprintf(out, 4, "%c%c%c", perm & ACL_R ? 'r' : '-', perm & ACL_W ? 'w' : '-', perm & ACL_X ? 'x' : '-');
}

static const char *tag_name(uint16_t tag)
{
    return tag == ACL_USER_OBJ || tag == ACL_USER ? "user" : tag == ACL_MASK ? "mask" : tag == ACL_OTHER ? "other" : "group";
}

void acl_entry_text(const Acl *acl, const AclEntry *entry, bool effective, Buf *out)
{
    char text[4];
    acl_perm_text(entry->perm, text);
    if (named(entry->tag))
        buf_printf(out, "%s:%" PRIu32 ":%s", tag_name(entry->tag), entry->id, text);
    else
        buf_printf(out, "%s::%s", tag_name(entry->tag), text);
    if (effective && masked(entry->tag) && acl_find(acl, ACL_MASK, UINT32_MAX) != NULL) {
        acl_perm_text(acl_effective(acl, entry), text);
        buf_printf(out, " #effective:%s", text);
    }
}
