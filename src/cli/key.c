/* key.c - moat key: signing keys of people and houses. */
#include "base/file.h"
#include "cli/cli.h"
#include "crypto/age.h"
#include <dirent.h>
#include <sys/stat.h>

enum { RULE_OPEN, RULE_UNUSABLE, RULE_PAIR };

const Rule key_rules[] = {
    [RULE_OPEN] = { "MOAT-K001", SEV_HIGH, "private key that others may reach",
        "Whoever can read a signing key can sign in its owner's name.", "chmod 600 PATH; if others had accounts, make a new key", "CWE-732" },
    [RULE_UNUSABLE] = { "MOAT-K002", SEV_LOW, "key file that cannot be used",
        "It looks like a key and is of another kind, broken or unreadable.", "moat key new", "" },
    [RULE_PAIR] = { "MOAT-K003", SEV_MEDIUM, "public key of another private key",
        "What is signed with the private key does not verify with the public key that lies beside it.",
        "find the right public key before handing it out", "CWE-345" },
};
const size_t key_rules_len = len_of(key_rules);

static const char *kind_name = "ed25519", *out_path;

/* ---- new */

typedef struct Made {
    const char *path, *kind, *half;                    /* half: what to hand out */
    const Key  *key;                                   /* NULL: an age identity  */
    char        id[DIGEST_HEX];
    bool        recorded;
    uint64_t    seq;
} Made;

/* One record of the pipeline that we stand in, if any: the subject is the key id. */
static bool record(Ledger *l, Made *m, Err *e)
{
    char          actor[32];
    defer_buf Buf body = { 0 };
    JsonOut       w = json_out(&body);
    Digest        subject;
    digest_parse(str(m->id), &subject);
    json_open(&w, '{');
    json_key(&w, "name");
    json_put_z(&w, m->path);
    json_key(&w, "kind");
    json_put_z(&w, m->kind);
    json_key(&w, "key_id");
    json_put_z(&w, m->id);
    json_close(&w, '}');
    if (body.bad)
        return err_nomem(e);
    m->recorded = ledger_append(l, clock_system(), RECORD_KEY_NEW, actor_text(actor), &subject, buf_view(&body), &m->seq, e);
    return m->recorded || err_in(e, "%s was made, and not recorded", m->path);
}

static int print_new(const Made *m, const Findings *none)
{
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    if (!common.json) {
        printf("%s      %s, private: keep it, and a copy in a safe place\n%s  public: hand it out\nkey id %s\n", m->path, m->kind, m->half, m->id);
        return EXIT_CLEAN;
    }
    json_begin(&w, "moat.key.new/1", none);
    json_key(&w, "path");
    json_put_z(&w, m->path);
    json_key(&w, "kind");
    json_put_z(&w, m->kind);
    json_key(&w, "key_id");
    json_put_z(&w, m->id);
    json_key(&w, "public");
    json_put_z(&w, m->half);
    json_key(&w, "record");
    if (m->recorded)
        json_put_u64(&w, m->seq);
    else
        json_put_null(&w);
    return json_finish(&w) ? EXIT_CLEAN : EXIT_BROKEN;
}

static bool save_signing(Arena *a, Made *m, Err *e)
{
    key_id(m->key, m->id);
    m->half = arena_printf(a, "%s.pub", m->path);
    return m->half == NULL ? err_nomem(e) : key_save(m->key, m->path, e);
}

/* The id of an age identity is the digest of its recipient's text. */
static bool save_sealing(Arena *a, Made *m, Err *e)
{
    AgeRecipient r;
    char         now[TIME_TEXT], text[AGE_TEXT];
    time_text(clock_ns(clock_system()), now);
    if (!age_identity_save(m->path, now, &r, e))
        return false;
    age_recipient_text(&r, text);
    Digest d = sha256(str(text));
    digest_hex(&d, m->id);
    m->half = arena_str(a, str(text)).p;
    return m->half != NULL || err_nomem(e);
}

static bool make(Arena *a, Made *m, Ledger *l, Err *e)
{
    char *dir = path_dir(a, m->path);
    if (dir == NULL)
        return err_nomem(e);
    if (out_path == NULL && !dir_make(dir, 0700, e))
        return false;
    if (!(m->key ? save_signing(a, m, e) : save_sealing(a, m, e))) {
        if (e->code == E_DENIED)
            err_hint(e, "moat key new --out OTHER");
        return false;
    }
    return l == NULL || record(l, m, e);
}

static int run_new(int argc, char **argv)
{
    defer_arena Arena   *a = arena_new(256 << 20);
    defer_ledger Ledger *l = NULL;
    Err                  e = { 0 };
    Pipeline            *p;
    KeyKind              kind = KEY_ED25519;
    Made                 m = { .kind = kind_name };
    bool                 sealing = strcmp(kind_name, "age") == 0;
    (void)argv;
    if (argc > 0)
        return usage("moat key new takes no arguments; --out PATH says where");
    if (!sealing && !key_kind_parse(str(kind_name), &kind))
        return usage("--kind wants ed25519, p256, p384, p521 or age, not '%s'", kind_name);
    if (sealing && out_path == NULL)
        return usage("say where the sealing key goes: --out FILE");
    m.path = cli_key_path(a, out_path, &e);
    if (m.path == NULL || !cli_pipeline_if_any(a, &p, &e) || (p != NULL && (l = cli_ledger(p, &e)) == NULL))
        return die(&e);
    defer_key Key *k = sealing ? NULL : key_new(kind, &e);
    m.key = k;
    return (sealing || k != NULL) && make(a, &m, l, &e) ? print_new(&m, findings_new(a)) : die(&e);
}

/* ---- list */

typedef struct Entry {
    char       *path;
    const char *half, *kind;                           /* NULL kind: unusable */
    char        id[DIGEST_HEX];
} Entry;

typedef struct Listing {
    Arena    *a;
    Findings *findings;
    Entry    *v;
    size_t    n;
    bool      unjudged;
} Listing;

static bool raise(Listing *l, size_t rule, const char *path, const char *message, const char *fix)
{
    Finding f = finding_of(&key_rules[rule], S(""), str(path));
    if (rule == RULE_UNUSABLE)
        f.state = STATE_UNKNOWN, l->unjudged = true;
    f.message = message ? str(message) : f.message;
    f.fix = fix ? str(fix) : f.fix;
    return finding_add(l->findings, f);
}

/* 'P' private, 'p' public, 0 no key: by the first PEM header in the first bytes. */
static char half_of(const char *path)
{
    char         text[512];
    defer_file FILE *f = fopen(path, "rbe");
    if (f == NULL)
        return 0;
    size_t      n = fread(text, 1, sizeof text - 1, f);
    const char *at = memmem(text, n, "-----BEGIN ", 11);
    text[n] = '\0';
    if (at == NULL)
        return 0;
    return strstr(at, "PRIVATE KEY-----") ? 'P' : strstr(at, "PUBLIC KEY-----") ? 'p' : 0;
}

static bool judge_mode(Listing *l, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0 || !(st.st_mode & 077))
        return true;
    return raise(l, RULE_OPEN, path, arena_printf(l->a, "private key that others may reach (mode %04o)", st.st_mode & 07777),
                 arena_printf(l->a, "chmod 600 %s", path));
}

/* The same key in PATH.pub, when there is one. */
static bool judge_pair(Listing *l, const char *path, const char *id)
{
    char           other[DIGEST_HEX];
    char          *pub = arena_printf(l->a, "%s.pub", path);
    defer_key Key *k = pub && file_exists(pub) ? key_load_public(pub, NULL) : NULL;
    if (pub == NULL)
        return false;
    if (k == NULL)
        return true;
    key_id(k, other);
    return strcmp(id, other) == 0 || raise(l, RULE_PAIR, pub, NULL, NULL);
}

/* A private key that others may reach is judged by its mode and not opened further: its id then stays unknown. */
static bool list_one(Listing *l, char *path)
{
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return true;
    char half = half_of(path);
    if (half == 0)
        return true;
    Err            e = { 0 };
    Entry         *one = &l->v[l->n++];
    defer_key Key *k = half == 'P' ? key_load_private(path, &e) : key_load_public(path, &e);
    *one = (Entry){ .path = path, .half = half == 'P' ? "private" : "public" };
    if (k != NULL) {
        one->kind = key_kind_name(key_kind(k));
        key_id(k, one->id);
    }
    if (k == NULL && e.code != E_DENIED && !raise(l, RULE_UNUSABLE, path, e.message, e.hint[0] ? e.hint : NULL))
        return false;
    return half == 'p' || (judge_mode(l, path) && (k == NULL || judge_pair(l, path, one->id)));
}

static int not_hidden(const struct dirent *d) { return d->d_name[0] != '.'; }

static bool list_dir(Listing *l, const char *dir, Err *e)
{
    struct dirent **names;
    int             n = scandir(dir, &names, not_hidden, alphasort);
    if (n < 0)
        return err_set(e, E_IO, "%s: %m", dir);
    l->v = arena_get(l->a, (size_t)n + 1, sizeof *l->v);
    bool ok = l->v != NULL;
    for (int i = 0; i < n; i++) {
        char *path = ok ? path_join(l->a, dir, str(names[i]->d_name)) : NULL;
        ok = path != NULL && list_one(l, path);
        free(names[i]);
    }
    free(names);
    return ok || err_nomem(e);
}

static void print_list(const Listing *l)
{
    defer_buf Buf b = { 0 };
    for (size_t i = 0; i < l->n; i++) {
        const Entry *one = &l->v[i];
        buf_printf(&b, "%-16.16s  %-8s %-8s ", one->id[0] ? one->id : "-", one->kind ? one->kind : "-", one->half);
        buf_clean(&b, str(one->path));
        buf_byte(&b, '\n');
    }
    fwrite(b.p, 1, b.n, stdout);
    findings_text(l->findings, stdout, colour_on(stdout));
}

static bool print_list_json(const Listing *l)
{
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    json_begin(&w, "moat.key.list/1", l->findings);
    json_key(&w, "keys");
    json_open(&w, '[');
    for (size_t i = 0; i < l->n; i++) {
        const Entry *one = &l->v[i];
        json_open(&w, '{');
        json_key(&w, "path");
        json_put_z(&w, one->path);
        json_key(&w, "half");
        json_put_z(&w, one->half);
        json_key(&w, "kind");
        json_put_z(&w, one->kind);
        json_key(&w, "key_id");
        json_put_z(&w, one->id[0] ? one->id : NULL);
        json_close(&w, '}');
    }
    json_close(&w, ']');
    return json_finish(&w);
}

static int run_list(int argc, char **argv)
{
    defer_arena Arena *a = arena_new(64 << 20);
    Err                e = { 0 };
    Listing            l = { .a = a, .findings = findings_new(a) };
    if (argc > 1)
        return usage("moat key list takes one folder");
    char *path = argc ? argv[0] : cli_key_path(a, NULL, &e);
    char *dir = argc || path == NULL ? path : path_dir(a, path);
    if (dir == NULL)
        return die(&e);
    if (argc == 0 && !file_exists(dir)) {
        err_set(&e, E_IO, "no keys: there is no %s", dir);
        err_hint(&e, "moat key new");
        return die(&e);
    }
    if (!list_dir(&l, dir, &e))
        return die(&e);
    findings_sort(l.findings);
    if (!common.json)
        print_list(&l);
    else if (!print_list_json(&l))
        return EXIT_BROKEN;
    return exit_of(l.findings, SEV_HIGH, l.unjudged);
}

static const Opt new_opts[] = {
    { "kind", 'k', OPT_TEXT, &kind_name, "KIND", "ed25519 (default), p256, p384 or p521 sign; age seals" },
    { "out", 'o', OPT_TEXT, &out_path, "PATH", "the private key; the public one is PATH.pub; default ~/.config/moat/key" },
};

static const Cmd cmds[] = {
    { "new", "", "make a signing key, or one that seals models",
      "Writes the private key (PKCS#8, readable by its owner alone) and PATH.pub beside it, and never over an existing file.\n"
      "Inside a pipeline the ledger records it.\n\n  moat key new\n  moat key new --kind p256 --out release.key\n  moat key new --kind age --out seal.key",
      new_opts, len_of(new_opts), run_new },
    { "list", "[DIR]", "show the keys in a folder, and which of them others may read", NULL, NULL, 0, run_list },
};
const Noun noun_key = { "key", "signing keys of people and houses", cmds, len_of(cmds) };
