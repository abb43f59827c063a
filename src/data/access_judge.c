/* access_judge.c - what of a dataset's rights is a risk, and why. */
#include "data/access_own.h"
#include <grp.h>
#include <libgen.h>
#include <pwd.h>

const Rule access_rules[] = {
    [A_WORLD_READ] = { "MOAT-D301", SEV_HIGH, "everybody on this machine can read the data",
        "Training data leaks through the first account that is taken over.", "moat data access apply DATASET", "AML.T0035 AC-3 AC-6 CWE-732" },
    [A_WORLD_WRITE] = { "MOAT-D302", SEV_CRITICAL, "everybody on this machine can change the data",
        "Whoever can write training data decides what the model learns.", "moat data access apply DATASET", "AML.T0020 ML02 AC-3 CWE-732" },
    [A_OUTSIDE] = { "MOAT-D303", SEV_HIGH, "an account that is neither reader nor writer has rights",
        "Rights that nobody declared are rights that nobody reviews.", "declare the identity in moat.yaml, or: moat data access apply DATASET", "AC-6 CWE-732" },
    [A_GROUP] = { "MOAT-D304", SEV_MEDIUM, "a group that is neither reader nor writer has rights",
        "All members of the owning group can reach the data.", "declare the group in moat.yaml, or: moat data access apply DATASET", "AC-6 CWE-732" },
    [A_LACKS] = { "MOAT-D305", SEV_LOW, "a declared reader or writer lacks the right",
        "A job that cannot read its data tempts somebody into chmod 777.", "moat data access apply DATASET", "AC-3" },
    [A_DEFAULT] = { "MOAT-D306", SEV_MEDIUM, "new files in a folder will get other rights than the policy's",
        "Without a default ACL a new file is as open as its writer's umask.", "moat data access apply DATASET", "AC-6" },
    [A_PARENT] = { "MOAT-D307", SEV_HIGH, "others may replace the dataset in the folder that holds it",
        "Who can write the folder above can rename the dataset away and put another in its place.", "chmod o-w,g-w the folder, or set its sticky bit", "AML.T0020 CWE-732" },
    [A_ODD] = { "MOAT-D308", SEV_MEDIUM, "a file with a second way in",
        "Links, devices, set-user-id files and hard links are reached or changed from elsewhere.", "replace it by a plain file of its own", "CWE-59" },
    [A_UNKNOWN_ACCOUNT] = { "MOAT-D309", SEV_MEDIUM, "an identity has no account on this machine",
        "Its rights can be neither judged nor granted.", "create the account, or name it with `account:` in moat.yaml", "IA-4" },
    [A_NO_POLICY] = { "MOAT-D310", SEV_MEDIUM, "nobody says who may read and write the dataset",
        "Without a policy no right is too much.", "declare readers: and writers: in moat.yaml", "AC-6" },
    [A_FOREIGN_FS] = { "MOAT-D311", SEV_MEDIUM, "the file system's server decides who may read",
        "Modes and ACLs seen here are not what is enforced.", "audit the rights on the server", "AC-3" },
    [A_UNREAD] = { "MOAT-D312", SEV_MEDIUM, "rights could not be read", "What cannot be read is not known to be safe.",
        "run as root or as the owner", "" },
};
const size_t access_rules_len = len_of(access_rules);

bool access_raise(Findings *l, const Dataset *d, AccessRule rule, FindingState state, Str subject, const char *fmt, ...)
{
    char    text[480];
    Finding f = finding_of(&access_rules[rule], d->part.id, subject);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    f.state = state, f.message = str(text);
    return finding_add(l, f);
}

typedef struct Judge {
    Arena            *a;
    const AccessTree *t;
    Findings         *found;
    bool              world_comes_in;                  /* every folder above lets others through */
} Judge;

#define RAISE(j, item, rule, ...) access_raise((j)->found, (j)->t->dataset, (rule), STATE_FAIL, str((item)->shown), __VA_ARGS__)

static const char *account_name(const AclEntry *v, char out[static 64])
{
    struct passwd *user = v->tag == ACL_USER ? getpwuid(v->id) : NULL;
    struct group  *group = v->tag == ACL_GROUP ? getgrgid(v->id) : NULL;
    if (user != NULL || group != NULL)
        snprintf(out, 64, "%s %s", user ? "user" : "group", user ? user->pw_name : group->gr_name);
    else
        snprintf(out, 64, "%s %" PRIu32, v->tag == ACL_USER ? "user" : "group", v->id);
    return out;
}

static bool judge_world(const Judge *j, const AccessItem *item)
{
    unsigned other = acl_find(&item->access, ACL_OTHER, UINT32_MAX)->perm;
    if (!j->world_comes_in || !(other & (ACL_R | ACL_W)))
        return true;
    if (other & ACL_W)
        return RAISE(j, item, A_WORLD_WRITE, "everybody may write here (mode %04o)", item->mode & 07777);
    return RAISE(j, item, A_WORLD_READ, "everybody may read here (mode %04o)", item->mode & 07777);
}

static bool judge_entry(const Judge *j, const AccessItem *item, const AclEntry *v)
{
    char            name[64], has[4];
    const AclEntry *want = acl_find(&item->want, v->tag, v->id);
    unsigned        too_much = acl_effective(&item->access, v) & ~(want ? want->perm : 0u) & (ACL_R | ACL_W);
    if (too_much == 0)
        return true;
    acl_perm_text(acl_effective(&item->access, v), has);
    if (v->tag == ACL_GROUP_OBJ)
        return RAISE(j, item, A_GROUP, "its %s has %s", account_name(&(AclEntry){ ACL_GROUP, 0, item->gid }, name), has);
    return RAISE(j, item, A_OUTSIDE, "%s has %s", account_name(v, name), has);
}

/* What a declared account really gets, its groups counted. */
static bool judge_grant(const Judge *j, const AccessItem *item, const AccessGrant *g)
{
    uint16_t        tag = g->tag == ACL_GROUP && g->id == item->gid ? ACL_GROUP_OBJ : g->tag;
    uint32_t        id = tag == ACL_GROUP_OBJ ? UINT32_MAX : g->id;
    const AclEntry *want = acl_find(&item->want, tag, id), *is = acl_find(&item->access, tag, id);
    char            needs[4], has[4];
    if (g->tag == ACL_USER && g->id == item->uid)
        return true;
    unsigned got = is ? acl_effective(&item->access, is) : 0;
    if (want == NULL || (want->perm & ~got) == 0)
        return true;
    acl_perm_text(want->perm, needs), acl_perm_text(got, has);
    return RAISE(j, item, A_LACKS, "'%.*s' (%s %.*s) needs %s and has %s", STR(g->identity), g->tag == ACL_USER ? "user" : "group", STR(g->account), needs, has);
}

static bool judge_kind(const Judge *j, const AccessItem *item)
{
    if (!S_ISREG(item->mode) && !S_ISDIR(item->mode))
        return RAISE(j, item, A_ODD, "is a device, pipe or socket");
    if (S_ISREG(item->mode) && (item->mode & 06000))
        return RAISE(j, item, A_ODD, "runs as its owner or group (mode %04o)", item->mode & 07777);
    if (S_ISREG(item->mode) && item->links > 1)
        return RAISE(j, item, A_ODD, "has %" PRIu64 " names, not all of which need lie in the dataset", item->links);
    return true;
}

static bool judge_policy(const Judge *j, const AccessItem *item)
{
    bool ok = true;
    for (size_t i = 0; ok && i < item->access.n; i++)
        if (item->access.v[i].tag & (ACL_USER | ACL_GROUP | ACL_GROUP_OBJ))
            ok = judge_entry(j, item, &item->access.v[i]);
    for (size_t i = 0; ok && i < j->t->policy.n; i++)
        ok = judge_grant(j, item, &j->t->policy.v[i]);
    if (ok && access_is_dir(item) && !acl_same(&item->fallback, &item->want_fallback))
        ok = RAISE(j, item, A_DEFAULT, item->fallback.n ? "its default ACL is not the policy's" : "has no default ACL");
    return ok;
}

static bool judge_item(const Judge *j, const AccessItem *item)
{
    return judge_kind(j, item) && judge_world(j, item) && (!j->t->policy.declared || judge_policy(j, item));
}

/* The folders above: may the world walk through, may it replace what we judge? */
static bool judge_above(Judge *j)
{
    struct stat st;
    char       *at = realpath(j->t->root, NULL);
    bool        ok = true, nearest = true;
    j->world_comes_in = true;
    for (char *up = at ? dirname(at) : NULL; ok && up != NULL; up = dirname(up), nearest = false) {
        if (stat(up, &st) != 0)
            break;
        j->world_comes_in &= (st.st_mode & S_IXOTH) != 0;
        if (nearest && (st.st_mode & (S_IWOTH | S_IWGRP)) && !(st.st_mode & S_ISVTX) && ((st.st_mode & S_IWOTH) || st.st_gid != 0))
            ok = access_raise(j->found, j->t->dataset, A_PARENT, STATE_FAIL, str(up), "%s may replace the dataset (mode %04o)",
                              st.st_mode & S_IWOTH ? "everybody" : "its group", st.st_mode & 07777);
        if (strcmp(up, "/") == 0)
            break;
    }
    free(at);
    return ok;
}

/* Others come no further than the folders that let them through; in order of path, a folder is judged before what it holds. */
bool access_judge(Arena *a, const AccessTree *t, Findings *found)
{
    Judge  j = { .a = a, .t = t, .found = found };
    bool   ok = judge_above(&j), above = j.world_comes_in;
    Str    shut = { 0 };                               /* the folder below which others cannot come */
    for (size_t i = 0; ok && i < t->n; i++) {
        const AccessItem *item = &t->v[i];
        if (shut.p != NULL && !(str_starts(item->path, shut) && (shut.n == 0 || item->path.p[shut.n] == '/')))
            shut = (Str){ 0 };
        j.world_comes_in = above && shut.p == NULL;
        ok = judge_item(&j, item);
        if (shut.p == NULL && access_is_dir(item) && !(acl_find(&item->access, ACL_OTHER, UINT32_MAX)->perm & ACL_X))
            shut = (Str){ item->path.p ? item->path.p : "", item->path.n };
    }
    return ok;
}
