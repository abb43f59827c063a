/* access_policy.c - from identities to accounts, and from those to the ACL that a file should have. */
#include "data/access_own.h"
#include <grp.h>
#include <pwd.h>

static const Named *identity_called(const Pipeline *p, Str name)
{
    for (size_t i = 0; i < p->identity_count; i++)
        if (str_eq(p->identities[i].part.name, name))
            return &p->identities[i];
    return NULL;
}

/* A group or role is a group here, a user or service a user. */
static bool account_find(Arena *a, const Named *id, AccessGrant *out)
{
    Str   account = named_text(id, "account");
    bool  group = str_is(id->kind, "group") || str_is(id->kind, "role");
    char *name = arena_printf(a, "%.*s", STR(account.n ? account : id->part.name));
    struct passwd *user = name && !group ? getpwnam(name) : NULL;
    struct group  *members = name && group ? getgrnam(name) : NULL;
    out->tag = group ? ACL_GROUP : ACL_USER;
    out->identity = id->part.name, out->account = str(name);
    out->id = user ? user->pw_uid : members ? members->gr_gid : UINT32_MAX;
    return user != NULL || members != NULL;
}

static bool add(Arena *a, const Pipeline *p, const Dataset *d, Str name, bool write, Findings *found, AccessPolicy *out)
{
    AccessGrant  g = { .write = write };
    const Named *id = identity_called(p, name);
    if (id == NULL)
        return true;                                   /* the loader refuses unknown names */
    if (!account_find(a, id, &g))
        return access_raise(found, d, A_UNKNOWN_ACCOUNT, STATE_UNKNOWN, id->part.id, "no %s '%.*s' on this machine",
                            g.tag == ACL_USER ? "user" : "group", STR(g.account));
    for (size_t i = 0; i < out->n; i++)
        if (out->v[i].tag == g.tag && out->v[i].id == g.id)
            return out->v[i].write |= write, true;
    out->v[out->n++] = g;
    return true;
}

bool access_policy(Arena *a, const Pipeline *p, const Dataset *d, Findings *found, AccessPolicy *out, Err *e)
{
    *out = (AccessPolicy){ .declared = d->readers.n + d->writers.n > 0 };
    out->v = arena_get(a, d->readers.n + d->writers.n + 1, sizeof *out->v);
    bool ok = out->v != NULL;
    for (size_t i = 0; ok && i < d->readers.n; i++)
        ok = add(a, p, d, d->readers.v[i], false, found, out);
    for (size_t i = 0; ok && i < d->writers.n; i++)
        ok = add(a, p, d, d->writers.v[i], true, found, out);
    if (ok && !out->declared)
        ok = access_raise(found, d, A_NO_POLICY, STATE_UNKNOWN, d->part.id, "neither readers nor writers are declared");
    return ok || err_nomem(e);
}

const AccessGrant *access_grant(const AccessPolicy *policy, uint16_t tag, uint32_t id)
{
    for (size_t i = 0; i < policy->n; i++)
        if (policy->v[i].tag == tag && policy->v[i].id == id)
            return &policy->v[i];
    return NULL;
}

static uint16_t perm_of(const AccessGrant *g, bool dir)
{
    return (uint16_t)(g == NULL ? 0 : ACL_R | (g->write ? ACL_W : 0) | (dir ? ACL_X : 0));
}

/* The owner keeps what it has; the owning group and everybody named get what the policy says; others nothing. */
static bool build(Arena *a, const AccessPolicy *policy, const AccessItem *item, uint16_t owner, Acl *out)
{
    bool dir = access_is_dir(item);
    if (!acl_of_mode(a, 0, out))
        return false;
    out->v[0].perm = owner;
    out->v[1].perm = perm_of(access_grant(policy, ACL_GROUP, item->gid), dir);
    for (size_t i = 0; i < policy->n; i++) {
        const AccessGrant *g = &policy->v[i];
        if (g->tag == ACL_GROUP && g->id == item->gid)
            continue;
        if (!acl_put(a, out, (AclEntry){ g->tag, perm_of(g, dir), g->id }))
            return false;
    }
    return acl_remask(a, out);
}

bool access_want(Arena *a, const AccessPolicy *policy, AccessItem *item)
{
    item->want = item->access, item->want_fallback = item->fallback;
    if (!policy->declared || !(S_ISREG(item->mode) || S_ISDIR(item->mode)))
        return true;
    const AclEntry *owner = acl_find(item->fallback.n ? &item->fallback : &item->access, ACL_USER_OBJ, UINT32_MAX);
    return build(a, policy, item, item->access.v[0].perm, &item->want) &&
           (!access_is_dir(item) || build(a, policy, item, owner->perm, &item->want_fallback));
}

bool access_differs(const AccessItem *item)
{
    return !acl_same(&item->access, &item->want) || !acl_same(&item->fallback, &item->want_fallback);
}

/* ---- the same as commands */

static void quoted(Buf *out, const char *path)
{
    bool plain = *path != '\0' && *path != '-';
    for (const char *c = path; *c; c++)
        plain = plain && (strchr("/._-+=,:@%", *c) || (*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z'));
    if (plain) {
        buf_z(out, path);
        return;
    }
    buf_z(out, *path == '-' ? "./'" : "'");
    for (const char *c = path; *c; c++)
        *c == '\'' ? buf_z(out, "'\\''") : buf_byte(out, (uint8_t)*c);
    buf_z(out, "'");
}

static void who(uint16_t tag, uint32_t id, Buf *out)
{
    struct passwd *user = tag == ACL_USER ? getpwuid(id) : NULL;
    struct group  *group = tag == ACL_GROUP ? getgrgid(id) : NULL;
    buf_z(out, tag == ACL_USER || tag == ACL_USER_OBJ ? "u:" : tag == ACL_OTHER ? "o:" : "g:");
    if (user != NULL || group != NULL)
        buf_z(out, user ? user->pw_name : group->gr_name);
    else if (tag == ACL_USER || tag == ACL_GROUP)
        buf_printf(out, "%" PRIu32, id);
}

/* What must be set: `named` entries apart from the base ones, so that the everyday grant reads as everybody knows it. */
static void put_set(const Acl *from, const Acl *to, bool named, const char *option, const char *path, Buf *out)
{
    bool first = true;
    for (size_t i = 0; i < to->n; i++) {
        char            perm[4];
        const AclEntry *v = &to->v[i], *old = acl_find(from, v->tag, v->id);
        if (v->tag == ACL_MASK || (v->tag == ACL_USER || v->tag == ACL_GROUP) != named || (old != NULL && old->perm == v->perm))
            continue;
        buf_z(out, first ? "setfacl " : ","), buf_z(out, first ? option : "");
        who(v->tag, v->id, out);
        acl_perm_text(v->perm, perm);
        buf_byte(out, ':'), buf_z(out, perm);
        first = false;
    }
    if (!first)
        buf_byte(out, ' '), quoted(out, path), buf_byte(out, '\n');
}

static void put_removed(const Acl *from, const Acl *to, const char *option, const char *path, Buf *out)
{
    bool first = true;
    for (size_t i = 0; i < from->n; i++) {
        const AclEntry *v = &from->v[i];
        if ((v->tag != ACL_USER && v->tag != ACL_GROUP) || acl_find(to, v->tag, v->id) != NULL)
            continue;
        buf_z(out, first ? "setfacl " : ","), buf_z(out, first ? option : "");
        who(v->tag, v->id, out);
        first = false;
    }
    if (!first)
        buf_byte(out, ' '), quoted(out, path), buf_byte(out, '\n');
}

/* setfacl recalculates the mask as acl_remask() does whenever it sets or removes an entry; alone it must be said. */
static void put_mask(const Acl *from, const Acl *to, const char *option, const char *path, size_t before, Buf *out)
{
    char            perm[4];
    const AclEntry *mask = acl_find(to, ACL_MASK, UINT32_MAX), *old = acl_find(from, ACL_MASK, UINT32_MAX);
    if (mask == NULL && old != NULL)
        buf_printf(out, "setfacl %s-x m: ", option);
    else if (mask != NULL && out->n == before) {
        acl_perm_text(mask->perm, perm);
        buf_printf(out, "setfacl %s-m m::%s ", option, perm);
    } else
        return;
    quoted(out, path), buf_byte(out, '\n');
}

static void put_acl(const Acl *from, const Acl *to, bool fallback, const char *path, Buf *out)
{
    size_t before = out->n;
    if (acl_same(from, to))
        return;
    put_removed(from, to, fallback ? "-d -x " : "-x ", path, out);
    put_set(from, to, true, fallback ? "-d -m " : "-m ", path, out);
    put_set(from, to, false, fallback ? "-d -m " : "-m ", path, out);
    put_mask(from, to, fallback ? "-d " : "", path, before, out);
}

void access_commands(const AccessItem *item, Buf *out)
{
    put_acl(&item->access, &item->want, false, item->shown, out);
    put_acl(&item->fallback, &item->want_fallback, true, item->shown, out);
}
