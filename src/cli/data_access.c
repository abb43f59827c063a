/* data_access.c - `moat data access audit|plan|apply`. */
#include "cli/data_cmds.h"
#include "data/access.h"
#include <grp.h>
#include <pwd.h>

static bool        undo, entries;
static const char *user_name;

const Opt data_access_opts[DATA_ACCESS_OPTS] = {
    { "entries", 0, OPT_FLAG, &entries, NULL, "audit: every file's ACL as getfacl -nce shows it" },
    { "user", 0, OPT_TEXT, &user_name, "NAME|UID", "audit: what this user may do with every file" },
    { "undo", 0, OPT_FLAG, &undo, NULL, "apply: take back the last change, finished or not" },
};

typedef struct Job {
    Arena      *a;
    Pipeline   *p;
    Findings   *found;
    AccessTree *v;                                     /* one for each dataset asked for */
    size_t      n;
    bool        unjudged;
    AclWho   who;                                   /* of --user */
} Job;

enum { GROUPS_MAX = 1024 };

/* ---- which datasets */

static bool wanted(const Job *j, int argc, char **argv, const Dataset *d)
{
    for (int i = 0; i < argc; i++)
        if (str_is(d->part.name, argv[i]))
            return true;
    return argc == 0 && j->p != NULL;
}

static bool known(const Job *j, int argc, char **argv, Err *e)
{
    for (int i = 0; i < argc; i++)
        if (pipeline_dataset(j->p, str(argv[i])) == NULL)
            return err_set(e, E_USAGE, "%s declares no dataset '%s'", j->p->file, argv[i]);
    return true;
}

static bool audit_all(Job *j, int argc, char **argv, Err *e)
{
    j->v = arena_get(j->a, j->p->dataset_count + 1, sizeof *j->v);
    if (j->v == NULL)
        return err_nomem(e);
    for (size_t i = 0; i < j->p->dataset_count; i++) {
        const Dataset *d = &j->p->datasets[i];
        if (!wanted(j, argc, argv, d))
            continue;
        if (!access_audit(j->a, j->p, d, j->found, &j->v[j->n], e))
            return false;
        j->unjudged |= j->v[j->n++].unjudged;
    }
    return true;
}

/* ---- a user and its groups */

static bool who_of(Job *j, Err *e)
{
    uint64_t       uid;
    int            n = GROUPS_MAX;
    struct passwd *pw = getpwnam(user_name);
    if (pw == NULL && str_u64(str(user_name), &uid) && uid < UINT32_MAX) {
        pw = getpwuid((uid_t)uid);
        j->who.uid = (uint32_t)uid;
        if (pw == NULL)
            return true;                               /* a number without a name is in no group */
    }
    if (pw == NULL)
        return err_set(e, E_USAGE, "no user '%s' on this machine", user_name);
    gid_t *gids = arena_get(j->a, GROUPS_MAX, sizeof *gids);
    if (gids == NULL)
        return err_nomem(e);
    if (getgrouplist(pw->pw_name, pw->pw_gid, gids, &n) < 0)
        return err_set(e, E_LIMIT, "%s is in more than %d groups", user_name, GROUPS_MAX);
    j->who = (AclWho){ pw->pw_uid, gids, (size_t)n };
    return true;
}

/* ---- audit */

static void put_acl(const Acl *acl, const char *prefix, Buf *out)
{
    for (size_t i = 0; i < acl->n; i++) {
        buf_z(out, prefix);
        acl_entry_text(acl, &acl->v[i], true, out);
        buf_byte(out, '\n');
    }
}

static void print_entries(const AccessTree *t)
{
    for (size_t i = 0; i < t->n; i++) {
        const AccessItem *item = &t->v[i];
        defer_buf Buf     b = { 0 };
        buf_z(&b, "# file: "), buf_clean(&b, str(item->shown)), buf_byte(&b, '\n');
        put_acl(&item->access, "", &b);
        put_acl(&item->fallback, "default:", &b);
        printf("%.*s\n", STR(buf_view(&b)));
    }
}

static void print_rights(const Job *j, const AccessTree *t)
{
    for (size_t i = 0; i < t->n; i++) {
        char              text[4];
        const AccessItem *item = &t->v[i];
        defer_buf Buf     shown = { 0 };
        acl_perm_text(acl_rights(&item->access, item->uid, item->gid, &j->who), text);
        buf_clean(&shown, str(item->shown));
        printf("%s %.*s\n", text, STR(buf_view(&shown)));
    }
}

static bool audit_json(const Job *j)
{
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    json_begin(&w, "moat.data.access/1", j->found);
    json_key(&w, "datasets"), json_open(&w, '[');
    for (size_t i = 0; i < j->n; i++) {
        json_open(&w, '{');
        json_member(&w, "name", j->v[i].dataset->part.name);
        json_member(&w, "path", str(j->v[i].root));
        json_key(&w, "files"), json_put_u64(&w, j->v[i].n);
        json_key(&w, "differ"), json_put_u64(&w, j->v[i].changes);
        json_close(&w, '}');
    }
    json_close(&w, ']');
    return json_finish(&w);
}

static int audit(Job *j)
{
    Err e = { 0 };
    if (user_name != NULL && !who_of(j, &e))
        return die(&e);
    findings_sort(j->found);
    if (common.json)
        return audit_json(j) ? exit_of(j->found, SEV_HIGH, j->unjudged) : EXIT_BROKEN;
    for (size_t i = 0; i < j->n; i++) {
        if (entries)
            print_entries(&j->v[i]);
        if (user_name != NULL)
            print_rights(j, &j->v[i]);
    }
    findings_text(j->found, stdout, colour_on(stdout));
    for (size_t i = 0; i < j->n && !entries && user_name == NULL; i++)
        printf("%.*s: %zu files and folders, %zu with other rights than declared\n", STR(j->v[i].dataset->part.id), j->v[i].n, j->v[i].changes);
    return exit_of(j->found, SEV_HIGH, j->unjudged);
}

/* ---- plan */

static int plan(const Job *j)
{
    defer_buf Buf b = { 0 };
    for (size_t i = 0; i < j->n; i++)
        for (size_t k = 0; k < j->v[i].n; k++)
            access_commands(&j->v[i].v[k], &b);
    if (!common.json)
        return fwrite(b.p ? b.p : "", 1, b.n, stdout) == b.n && fflush(stdout) == 0 ? EXIT_CLEAN : EXIT_BROKEN;
    defer_buf Buf text = { 0 };
    JsonOut       w = json_out(&text);
    Str           left = buf_view(&b), line;
    json_begin(&w, "moat.data.access.plan/1", findings_new(j->a));
    json_key(&w, "commands"), json_open(&w, '[');
    while (str_cut(left, '\n', &line, &left))
        json_put_str(&w, line);
    json_close(&w, ']');
    return json_finish(&w) ? EXIT_CLEAN : EXIT_BROKEN;
}

/* ---- apply */

static bool note(Ledger *l, const Dataset *d, const char *action, const AccessChange *c, Err *e)
{
    char          actor[32];
    defer_buf Buf body = { 0 };
    JsonOut       w = json_out(&body);
    json_open(&w, '{');
    json_member(&w, "name", d->part.name);
    json_member(&w, "action", str(action));
    json_key(&w, "changed"), json_put_u64(&w, c->changed);
    json_key(&w, "skipped"), json_put_u64(&w, c->skipped);
    json_close(&w, '}');
    return (!body.bad || err_nomem(e)) && ledger_append(l, clock_system(), RECORD_DATA_ACCESS, actor_text(actor), &c->journal, buf_view(&body), NULL, e);
}

static bool change(const Job *j, Ledger *l, const AccessTree *t, AccessChange *all, Err *e)
{
    AccessChange c;
    if (!(undo ? access_undo(j->a, j->p, t->dataset, &c, e) : access_apply(j->a, j->p, t, &c, e)))
        return false;
    all->changed += c.changed, all->skipped += c.skipped;
    printf("%.*s: %zu %s%s\n", STR(t->dataset->part.id), c.changed, undo ? "put back" : "changed", c.skipped ? ", some were replaced meanwhile and left alone" : "");
    return c.changed + c.skipped == 0 || note(l, t->dataset, undo ? "undo" : "apply", &c, e);
}

static int apply(const Job *j)
{
    Err                  e = { 0 };
    AccessChange         all = { 0 };
    defer_ledger Ledger *l = cli_ledger(j->p, &e);
    if (l == NULL)
        return die(&e);
    for (size_t i = 0; i < j->n; i++)
        if (!change(j, l, &j->v[i], &all, &e))
            return die(&e);
    return all.skipped > 0 ? EXIT_BROKEN : EXIT_CLEAN;
}

typedef enum { AUDIT, PLAN, APPLY, VERBS } Verb;

static bool verb_of(int argc, char **argv, Verb *out, Err *e)
{
    static const char *const names[VERBS] = { "audit", "plan", "apply" };
    for (*out = AUDIT; *out < VERBS; ++*out)
        if (argc > 0 && strcmp(argv[0], names[*out]) == 0)
            break;
    if (*out == VERBS)
        return err_set(e, E_USAGE, "moat data access audit|plan|apply [DATASET...]");
    if ((undo && *out != APPLY) || ((entries || user_name) && *out != AUDIT))
        return err_set(e, E_USAGE, "--undo belongs to apply; --entries and --user to audit");
    return !undo || argc == 2 || err_set(e, E_USAGE, "moat data access apply DATASET --undo");
}

int data_access_cmd(int argc, char **argv)
{
    defer_arena Arena *a = arena_new(DATA_ARENA);
    Err                e = { 0 };
    Verb               verb;
    Job                j = { .a = a, .found = findings_new(a) };
    if (!verb_of(argc, argv, &verb, &e))
        return die(&e);
    j.p = cli_pipeline(a, &e);
    if (j.p == NULL || !known(&j, argc - 1, argv + 1, &e) || !audit_all(&j, argc - 1, argv + 1, &e))
        return die(&e);
    return verb == AUDIT ? audit(&j) : verb == PLAN ? plan(&j) : apply(&j);
}
