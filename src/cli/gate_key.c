/* gate_key.c - moat gate key new | list | rotate ID | revoke ID.
 *
 * A change is written to the ledger and to the key table together: the record is appended first, the table replaced, and
 * only then is the record committed, so a table that changed without a record is an error with its message. */
#include "cli/gate_cmds.h"
#include "crypto/secret.h"
#include "gate/keystore.h"

static const char *name, *org, *env, *expires, *grace;
static OptMany     scopes, models, cidrs;

const Opt gate_key_opts[GATE_KEY_OPTS] = {
    { "name", 'n', OPT_TEXT, &name, "NAME", "new: whose key it is, for people" },
    { "scope", 's', OPT_MANY, &scopes, "SCOPE,...", "new: endpoints it may use (their `scope`); default: all" },
    { "model", 'm', OPT_MANY, &models, "MODEL,...", "new: models it may use; default: all" },
    { "cidr", 0, OPT_MANY, &cidrs, "NET,...", "new: networks it may be used from, like 10.0.0.0/8; default: any" },
    { "expires", 'x', OPT_TEXT, &expires, "WHEN", "new: 30d, 12h or a date like 2027-01-31; default: never" },
    { "org", 0, OPT_TEXT, &org, "ORG", "new: the organisation it belongs to" },
    { "env", 0, OPT_TEXT, &env, "ENV", "new: 2 to 8 letters inside the key; default: live" },
    { "grace", 0, OPT_TEXT, &grace, "TIME", "rotate: how long the old secret still works; default: 1d" },
};

enum { WORDS_MAX = 64, SECOND = 1000000000 };

typedef struct Job {
    Arena    *a;
    Pipeline *p;
    KeyStore *store;
    int64_t   now_s;
    Err       e;
} Job;

/* ---- options to values */

typedef struct Words {
    Str    v[WORDS_MAX];
    size_t n;
} Words;

static bool split(const OptMany *given, Words *out, Err *e)
{
    out->n = 0;
    for (size_t i = 0; i < given->n; i++) {
        Str word, rest = str(given->v[i]);
        for (bool more = true; more;) {
            more = str_cut(rest, ',', &word, &rest);
            if (out->n == WORDS_MAX)
                return err_set(e, E_USAGE, "more than %d values in one option", WORDS_MAX);
            out->v[out->n++] = str_trim(word);
        }
    }
    return true;
}

/* A time from now ("30d") or a date, in seconds. */
static bool when(Str text, int64_t now_s, int64_t *out, Err *e)
{
    int64_t ns;
    if (duration_parse(text, &ns)) {
        if (__builtin_add_overflow(now_s, ns / SECOND, out))
            return err_set(e, E_USAGE, "'%.*s' is too far away", STR(text));
        return true;
    }
    if (!time_parse(text, &ns))
        return err_set(e, E_USAGE, "'%.*s' is neither a time like 30d nor a date like 2027-01-31", STR(text));
    *out = ns / SECOND;
    return true;
}

/* A scope that no endpoint asks for opens nothing: most likely a slip of the pen. */
static bool scopes_exist(const Pipeline *p, const Words *w, Err *e)
{
    const char *names[256];
    size_t      n = 0;
    for (size_t i = 0; i < p->endpoint_count && n < len_of(names); i++)
        names[n++] = p->endpoints[i].scope.p;
    for (size_t i = 0; i < w->n; i++) {
        bool known = str_is(w->v[i], "*");
        for (size_t k = 0; k < p->endpoint_count; k++)
            known |= str_eq(w->v[i], p->endpoints[k].scope);
        if (known)
            continue;
        const char *guess = nearest_word(w->v[i], names, n);
        err_set(e, E_USAGE, "no endpoint has the scope '%.*s'", STR(w->v[i]));
        return guess ? err_hint(e, "did you mean '%s'?", guess) : err_hint(e, "scopes are declared in %s, endpoints: ... scope:", p->file);
    }
    return true;
}

/* ---- the change and its record */

static void words_of(Str tags, KeyTag kind, JsonOut *w)
{
    size_t at = 0;
    KeyTag k;
    Str    v;
    char   text[64];
    json_open(w, '[');
    while (tag_next(tags, &at, &k, &v)) {
        if (k != kind)
            continue;
        if (kind == TAG_CIDR)
            v = (Str){ text, cidr_text(v, text) };
        json_put_str(w, v);
    }
    json_close(w, ']');
}

static const KeyRecord *record_of(const KeyStore *s, Str id)
{
    size_t           n;
    const KeyRecord *r = keystore_records(s, &n);
    for (size_t i = 0; i < n; i++)
        if (str_eq((Str){ r[i].id, TOKEN_ID }, id))
            return &r[i];
    return NULL;
}

static bool append(Ledger *l, const KeyRecord *r, const char *action, Err *e)
{
    defer_buf Buf body = { 0 };
    char    actor[32];
    JsonOut w = json_out(&body);
    json_open(&w, '{');
    json_key(&w, "name");
    json_put_str(&w, tag_find(r->tags, TAG_NAME));
    json_key(&w, "action");
    json_put_z(&w, action);
    json_key(&w, "id");
    json_put_z(&w, r->id);
    json_key(&w, "scopes");
    words_of(r->tags, TAG_SCOPE, &w);
    json_close(&w, '}');
    if (body.bad)
        return err_nomem(e);
    return ledger_append(l, clock_system(), RECORD_GATE_KEY, actor_text(actor), NULL, buf_view(&body), NULL, e);
}

static bool commit(Job *j, Str id, const char *action)
{
    defer_ledger Ledger *l = cli_ledger(j->p, &j->e);
    if (l == NULL || !ledger_begin(l, &j->e))
        return false;
    if (!append(l, record_of(j->store, id), action, &j->e) || !keystore_save(j->store, j->now_s, &j->e)) {
        ledger_rollback(l);
        return false;
    }
    return ledger_commit(l, &j->e) || err_in(&j->e, "key %.*s: the table has changed, but no record of it was made", STR(id));
}

static int print_text(Job *j, const Buf *b)
{
    if (b->bad)
        err_nomem(&j->e);
    else if ((b->n > 0 && fwrite(b->p, 1, b->n, stdout) != b->n) || fflush(stdout) != 0)
        err_set(&j->e, E_IO, "standard output: %m");
    else
        return EXIT_CLEAN;
    return die(&j->e);
}

static int print_key(Job *j, Str id, const char *action, const char *token)
{
    defer_buf Buf out = { 0 };
    if (!common.json) {
        if (token != NULL) {
            fprintf(stderr, "moat: key %.*s; this is the only time it is shown\n", STR(id));
            buf_printf(&out, "%s\n", token);
        } else
            fprintf(stderr, "moat: key %.*s is revoked; gateways follow within a second\n", STR(id));
        int rc = print_text(j, &out);
        if (out.p != NULL)
            wipe(out.p, out.n);
        return rc;
    }
    JsonOut w = json_out(&out);
    json_begin(&w, "moat.gate.key/1", findings_new(j->a));
    json_key(&w, "action");
    json_put_z(&w, action);
    json_key(&w, "id");
    json_put_str(&w, id);
    if (token != NULL) {
        json_key(&w, "token");
        json_put_z(&w, token);
    }
    bool ok = json_finish(&w);
    if (out.p != NULL)
        wipe(out.p, out.n);
    return ok ? EXIT_CLEAN : EXIT_BROKEN;
}

/* ---- the sub-verbs */

static int key_new_run(Job *j, __attribute__((unused)) const char *argument)
{
    Words   s, m, c;
    char    token[TOKEN_MAX];
    KeyWish w = { .env = str(env ? env : "live"), .name = str(name), .org = str(org) };
    if (!split(&scopes, &s, &j->e) || !split(&models, &m, &j->e) || !split(&cidrs, &c, &j->e) || !scopes_exist(j->p, &s, &j->e))
        return die(&j->e);
    if (expires != NULL && !when(str(expires), j->now_s, &w.not_after, &j->e))
        return die(&j->e);
    w.scopes = s.v, w.scope_count = s.n, w.models = m.v, w.model_count = m.n, w.cidrs = c.v, w.cidr_count = c.n;
    if (!keystore_new(j->store, j->now_s, &w, token, &j->e))
        return die(&j->e);
    Str id = { token + strlen("moat_") + w.env.n + 1, TOKEN_ID };
    int rc = commit(j, id, "new") ? print_key(j, id, "new", token) : die(&j->e);
    wipe(token, sizeof token);
    return rc;
}

static int key_rotate_run(Job *j, const char *argument)
{
    char    token[TOKEN_MAX];
    int64_t until;
    Str     id = str(argument);
    if (!when(str(grace ? grace : "1d"), j->now_s, &until, &j->e) ||
        !keystore_rotate(j->store, j->now_s, id, until, token, &j->e))
        return die(&j->e);
    int rc = commit(j, id, "rotate") ? print_key(j, id, "rotate", token) : die(&j->e);
    wipe(token, sizeof token);
    return rc;
}

static int key_revoke_run(Job *j, const char *argument)
{
    Str id = str(argument);
    if (!keystore_revoke(j->store, id, &j->e) || !commit(j, id, "revoke"))
        return die(&j->e);
    return print_key(j, id, "revoke", NULL);
}

/* ---- list */

static const char *state_of(const KeyRecord *r, int64_t now_s)
{
    if (r->flags & KEY_REVOKED)
        return "revoked";
    if (now_s < r->not_before)
        return "early";
    return r->not_after != 0 && now_s >= r->not_after ? "expired" : "live";
}

static int64_t created_of(const KeyRecord *r)
{
    Cur c = cur_of(tag_find(r->tags, TAG_CREATED));
    return (int64_t)cur_u64(&c);
}

/* The date of a second; "-" when there is none. */
static const char *date_of(int64_t s, char out[static TIME_TEXT])
{
    int64_t ns;
    snprintf(out, TIME_TEXT, "-");
    if (s > 0 && !__builtin_mul_overflow(s, (int64_t)SECOND, &ns)) {
        time_text(ns, out);
        out[10] = '\0';
    }
    return out;
}

static void list_row(Buf *b, const KeyRecord *r, int64_t now_s)
{
    char   made[TIME_TEXT], ends[TIME_TEXT];
    size_t at = 0;
    KeyTag kind;
    Str    v;
    buf_printf(b, "%-8s  %-7s  %-10s  %-10s ", r->id, state_of(r, now_s), date_of(created_of(r), made),
               date_of(r->not_after, ends));
    while (tag_next(r->tags, &at, &kind, &v))
        if (kind == TAG_SCOPE || kind == TAG_NAME) {
            buf_z(b, kind == TAG_NAME ? " name=" : " scope=");
            buf_clean(b, v);
        }
    buf_byte(b, '\n');
}

static void json_time(JsonOut *w, const char *key, int64_t s)
{
    char    text[TIME_TEXT];
    int64_t ns;
    json_key(w, key);
    if (s <= 0 || __builtin_mul_overflow(s, (int64_t)SECOND, &ns)) {
        json_put_null(w);
        return;
    }
    time_text(ns, text);
    json_put_z(w, text);
}

static void json_row(JsonOut *w, const KeyRecord *r, int64_t now_s)
{
    static const struct { const char *key; KeyTag tag; bool many; } members[] = {
        { "name", TAG_NAME, false }, { "org", TAG_ORG, false }, { "env", TAG_ENV, false },
        { "scopes", TAG_SCOPE, true }, { "models", TAG_MODEL, true }, { "cidrs", TAG_CIDR, true } };
    json_open(w, '{');
    json_key(w, "id");
    json_put_z(w, r->id);
    json_key(w, "state");
    json_put_z(w, state_of(r, now_s));
    for (size_t i = 0; i < len_of(members); i++) {
        json_key(w, members[i].key);
        if (members[i].many)
            words_of(r->tags, members[i].tag, w);
        else
            json_put_str(w, tag_find(r->tags, members[i].tag));
    }
    json_time(w, "created", created_of(r));
    json_time(w, "not_before", r->not_before);
    json_time(w, "not_after", r->not_after);
    json_close(w, '}');
}

static int key_list_run(Job *j, __attribute__((unused)) const char *argument)
{
    defer_buf Buf out = { 0 };
    size_t           n;
    const KeyRecord *r = keystore_records(j->store, &n);
    if (!common.json) {
        buf_printf(&out, "%-8s  %-7s  %-10s  %-10s  %s\n", "ID", "STATE", "MADE", "ENDS", "FOR");
        for (size_t i = 0; i < n; i++)
            list_row(&out, &r[i], j->now_s);
        return print_text(j, &out);
    }
    JsonOut w = json_out(&out);
    json_begin(&w, "moat.gate.key/1", findings_new(j->a));
    json_key(&w, "generation");
    json_put_u64(&w, keystore_generation(j->store));
    json_key(&w, "keys");
    json_open(&w, '[');
    for (size_t i = 0; i < n; i++)
        json_row(&w, &r[i], j->now_s);
    json_close(&w, ']');
    return json_finish(&w) ? EXIT_CLEAN : EXIT_BROKEN;
}

typedef struct Sub {
    const char *name;
    int (*run)(Job *j, const char *argument);
    int         args;                                  /* how many it wants: one is an ID            */
    bool        create;                                /* makes the folder and its secrets when there are none */
    const char *wrong;                                 /* said to any other number                   */
} Sub;

static const Sub subs[] = {
    { "new", key_new_run, 0, true, "moat gate key new takes options only, like --name NAME" },
    { "list", key_list_run, 0, false, "moat gate key list takes no arguments" },
    { "rotate", key_rotate_run, 1, false, "moat gate key rotate wants one ID; see moat gate key list" },
    { "revoke", key_revoke_run, 1, false, "moat gate key revoke wants one ID; see moat gate key list" },
};

static int run_sub(const Sub *sub, const char *argument)
{
    defer_arena Arena *a = arena_new(256 << 20);
    Job j = { .a = a, .now_s = clock_ns(clock_system()) / SECOND };
    if (a == NULL)
        return err_nomem(&j.e), die(&j.e);
    j.p = cli_pipeline(a, &j.e);
    if (j.p == NULL || (sub->create && !pipeline_state_make(j.p, &j.e)))
        return die(&j.e);
    defer_keystore KeyStore *store = keystore_open(pipeline_state(j.p, "keys"), sub->create, &j.e);
    j.store = store;
    return store ? sub->run(&j, argument) : die(&j.e);
}

int gate_key(int argc, char **argv)
{
    Err         e = { 0 };
    const char *names[len_of(subs)];
    if (argc == 0)
        return usage("moat gate key wants new, list, rotate ID or revoke ID");
    for (size_t i = 0; i < len_of(subs); i++) {
        names[i] = subs[i].name;
        if (strcmp(argv[0], subs[i].name) == 0)
            return argc - 1 == subs[i].args ? run_sub(&subs[i], argv[1]) : usage("%s", subs[i].wrong);
    }
    const char *guess = nearest_word(str(argv[0]), names, len_of(subs));
    err_set(&e, E_USAGE, "'%s' is no verb of moat gate key", argv[0]);
    err_hint(&e, "moat gate key %s", guess ? guess : "--help");
    return die(&e);
}
