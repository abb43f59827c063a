/* model_seal.c - `moat model seal` and `moat model open`: models encrypted at rest, as age files. */
#include "base/file.h"
#include "cli/model_cmds.h"
#include "cli/passphrase.h"
#include "crypto/age.h"
#include "crypto/secret.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

static OptMany     recipients, recipient_files, identity_files;
static const char *passphrase_file, *out_path, *range_text;
static bool        ask_passphrase, armor, memfd;

const Opt model_seal_opts[6] = {
    { "recipient", 'r', OPT_MANY, &recipients, "AGE1...", "who may open it; may be repeated" },
    { "recipients-file", 'R', OPT_MANY, &recipient_files, "FILE", "the same, one a line" },
    { "passphrase", 'p', OPT_FLAG, &ask_passphrase, NULL, "seal with a passphrase instead, asked for at the terminal" },
    { "passphrase-file", 0, OPT_TEXT, &passphrase_file, "FILE", "the passphrase is the first line of FILE" },
    { "armor", 'a', OPT_FLAG, &armor, NULL, "write text instead of bytes" },
    { "out", 'o', OPT_TEXT, &out_path, "FILE", "default: PATH.age; - is standard output" },
};

const Opt model_open_opts[6] = {
    { "identity", 'i', OPT_MANY, &identity_files, "FILE", "file with an AGE-SECRET-KEY; may be repeated" },
    { "passphrase", 'p', OPT_FLAG, &ask_passphrase, NULL, "it was sealed with a passphrase, ask for it at the terminal" },
    { "passphrase-file", 0, OPT_TEXT, &passphrase_file, "FILE", "the passphrase is the first line of FILE" },
    { "out", 'o', OPT_TEXT, &out_path, "FILE", "default: PATH without .age; - is standard output" },
    { "range", 0, OPT_TEXT, &range_text, "FROM:COUNT", "only these bytes, without opening the rest; to standard output" },
    { "memfd", 0, OPT_FLAG, &memfd, NULL, "open into memory and run CMD, with {} as its path; nothing reaches the disk" },
};

/* The passphrase, by file or from the terminal; empty when neither was asked for. */
static bool passphrase_get(Arena *a, bool twice, Str *out, Err *e)
{
    *out = (Str){ 0 };
    if (passphrase_file != NULL)
        return passphrase_read(a, passphrase_file, out, e);
    return !ask_passphrase || passphrase_ask(a, twice, out, e);
}

/* Opened files may be 0600 at most as open as what they were made of. */
static unsigned mode_of(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 ? st.st_mode & 0666 : 0600;
}

static bool is_std(const char *path) { return strcmp(path, "-") == 0; }   /* standard input or output */

static int open_input(const char *path, Err *e)
{
    struct stat st;
    int         fd = is_std(path) ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) != 0)
        return err_set(e, E_IO, "%s: %m", path), fd;
    if (S_ISREG(st.st_mode) || is_std(path))
        return fd;
    close(fd);
    err_set(e, E_USAGE, "%s: not a regular file", path);
    err_hint(e, S_ISDIR(st.st_mode) ? "seal its files one by one, or: tar -cf model.tar %s" : "%s", S_ISDIR(st.st_mode) ? path : "give a file");
    return -1;
}

static bool refuse_existing(const char *path, Err *e)
{
    if (is_std(path) || !file_exists(path))
        return true;
    err_set(e, E_USAGE, "%s: there is one already", path);
    return err_hint(e, "remove it, or give --out FILE");
}

/* ---- seal */

static bool add_recipients(Arena *a, AgeSeal *s, AgeRecipient *v, Err *e)
{
    for (size_t i = 0; i < recipients.n; i++)
        if (!age_recipient_parse(str(recipients.v[i]), &v[s->count++], e))
            return false;
    for (size_t i = 0; i < recipient_files.n; i++) {
        AgeRecipient *more;
        size_t        n;
        if (!age_recipients_load(a, recipient_files.v[i], &more, &n, e))
            return false;
        if (n > AGE_RECIPIENTS_MAX - s->count)
            return err_set(e, E_LIMIT, "more than %d recipients", AGE_RECIPIENTS_MAX);
        memcpy(v + s->count, more, n * sizeof *v);
        s->count += n;
    }
    return true;
}

static bool seal_job(Arena *a, AgeSeal *s, Err *e)
{
    AgeRecipient *v = arena_get(a, AGE_RECIPIENTS_MAX, sizeof *v);
    if (v == NULL)
        return err_nomem(e);
    s->recipients = v, s->armor = armor;
    if (!add_recipients(a, s, v, e) || !passphrase_get(a, true, &s->passphrase, e))
        return false;
    if ((s->count == 0) == (s->passphrase.n == 0)) {
        err_set(e, E_USAGE, s->count ? "a passphrase cannot stand beside recipients" : "who may open it?");
        return err_hint(e, "moat key new --kind age --out seal.key, then --recipient age1...; or --passphrase");
    }
    return true;
}

static bool run_seal(const AgeSeal *s, int in, const char *to, Err *e)
{
    Replace r = { 0 };
    Pool   *pool = pool_new(0);
    bool    ok = is_std(to) ? age_seal(s, in, STDOUT_FILENO, pool, e)
                               : replace_begin(&r, to, mode_of(in), e) && age_seal(s, in, r.fd, pool, e) && replace_commit(&r, e);
    replace_abort(&r);
    pool_free(pool);
    return ok;
}

/* RECORD_MODEL_SEAL: the subject is what was sealed, the body says what it became. */
static bool seal_note(const ModelTarget *t, const char *to, const AgeSeal *s, Err *e)
{
    bool                 noted = !is_std(to) && !is_std(t->c.path);
    char                 actor[32], hex[DIGEST_HEX];
    Digest               plain, sealed;
    defer_ledger Ledger *l = t->p && noted ? cli_ledger(t->p, e) : NULL;
    defer_buf Buf        body = { 0 };
    JsonOut              w = json_out(&body);
    if (t->p == NULL || !noted)
        return true;
    if (l == NULL || !sha256_file(t->c.path, &plain, NULL, e) || !sha256_file(to, &sealed, NULL, e))
        return false;
    digest_hex(&sealed, hex);
    json_open(&w, '{');
    json_member(&w, "name", t->c.part);
    json_member(&w, "path", str(to));
    json_member(&w, "sealed", str(hex));
    json_key(&w, "recipients"), json_put_u64(&w, s->count);
    json_close(&w, '}');
    return (!body.bad || err_nomem(e)) && ledger_append(l, clock_system(), RECORD_MODEL_SEAL, actor_text(actor), &plain, buf_view(&body), NULL, e);
}

static int seal_report(Arena *a, const char *path, const char *to, const AgeSeal *s)
{
    if (is_std(to))
        return EXIT_CLEAN;
    if (!common.json) {
        printf("%s: sealed for %s as %s\n", path, s->count ? arena_printf(a, "%zu recipient%s", s->count, s->count == 1 ? "" : "s") : "a passphrase", to);
        return EXIT_CLEAN;
    }
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    json_begin(&w, "moat.model.seal/1", findings_new(a));
    json_member(&w, "path", str(path));
    json_member(&w, "sealed", str(to));
    json_key(&w, "recipients"), json_put_u64(&w, s->count);
    return json_finish(&w) ? EXIT_CLEAN : EXIT_BROKEN;
}

int model_seal_cmd(int argc, char **argv)
{
    defer_arena Arena *a = arena_new(64 << 20);
    Err                e = { 0 };
    ModelTarget        t;
    AgeSeal            s = { 0 };
    if (argc != 1)
        return usage("moat model seal PATH --recipient AGE1...");
    prctl(PR_SET_DUMPABLE, 0);
    if (a == NULL || !model_target(a, argv[0], &t, &e))
        return die(&e);
    const char *to = out_path ? out_path : is_std(t.c.path) ? "-" : arena_printf(a, "%s.age", t.c.path);
    if (!refuse_existing(to, &e) || !seal_job(a, &s, &e))
        return die(&e);
    defer_fd int in = open_input(t.c.path, &e);
    bool ok = in >= 0 && run_seal(&s, in, to, &e) && seal_note(&t, to, &s, &e);
    wipe((void *)s.passphrase.p, s.passphrase.n);
    return ok ? seal_report(a, t.c.path, to, &s) : die(&e);
}

/* ---- open */

typedef struct Opening {
    AgeOpen       o;
    AgeIdentities ids;
    uint64_t      from, count;
} Opening;

static bool add_identities(Opening *j, Err *e)
{
    for (size_t i = 0; i < identity_files.n; i++) {
        AgeIdentities more;
        if (!age_identities_load(identity_files.v[i], &more, e))
            return false;
        AgeIdentity *all = realloc(j->ids.v, (j->ids.n + more.n) * sizeof *all);
        if (all != NULL) {
            memcpy(all + j->ids.n, more.v, more.n * sizeof *all);
            j->ids = (AgeIdentities){ all, j->ids.n + more.n };
        }
        age_identities_free(&more);
        if (all == NULL)
            return err_nomem(e);
    }
    return true;
}

static bool opening_begin(Arena *a, Opening *j, Err *e)
{
    Str from, count;
    if (!add_identities(j, e) || !passphrase_get(a, false, &j->o.passphrase, e))
        return false;
    j->o.identities = j->ids.v, j->o.count = j->ids.n;
    if (j->o.count == 0 && j->o.passphrase.n == 0) {
        err_set(e, E_USAGE, "what opens it?");
        return err_hint(e, "--identity seal.key, or --passphrase");
    }
    if (range_text != NULL && !(str_cut(str(range_text), ':', &from, &count) && str_u64(from, &j->from) && str_u64(count, &j->count)))
        return err_set(e, E_USAGE, "--range wants FROM:COUNT in bytes, not '%s'", range_text);
    return true;
}

static void opening_end(Opening *j)
{
    age_identities_free(&j->ids);
    wipe((void *)j->o.passphrase.p, j->o.passphrase.n);
}

static bool opened(AgeFault f, const char *path, Err *e)
{
    if (f == AGE_FINE)
        return true;
    err_in(e, "%s: %s", path, age_fault_name(f));
    return false;
}

/* To a file: nothing stands under its name before the last chunk has verified. */
static bool open_to_file(const Opening *j, const char *path, int in, const char *to, Err *e)
{
    Replace r = { 0 };
    Pool   *pool = pool_new(0);
    bool    ok = replace_begin(&r, to, mode_of(in) & 0600, e) && opened(age_open(&j->o, in, r.fd, pool, e), path, e) && replace_commit(&r, e);
    replace_abort(&r);
    pool_free(pool);
    return ok;
}

/* Into memory that nobody can change any more. */
static int open_to_memory(const Opening *j, const char *path, int in, Err *e)
{
    int   fd = memfd_create("model", MFD_ALLOW_SEALING);
    Pool *pool = pool_new(0);
    bool  ok = fd >= 0 ? opened(age_open(&j->o, in, fd, pool, e), path, e) : err_set(e, E_IO, "memfd_create: %m");
    pool_free(pool);
    if (ok && fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
        ok = err_set(e, E_IO, "sealing the memory of %s: %m", path);
    if (!ok && fd >= 0)
        close(fd);
    return ok ? fd : -1;
}

/* Becomes the command, with every {} replaced by the path of the opened model. */
static int run_with(Arena *a, int fd, int argc, char **argv, Err *e)
{
    char  *at = arena_printf(a, "/proc/self/fd/%d", fd);
    char **args = arena_get(a, (size_t)argc + 1, sizeof *args);
    if (at == NULL || args == NULL)
        return err_nomem(e), die(e);
    for (int i = 0; i < argc; i++)
        args[i] = strcmp(argv[i], "{}") == 0 ? at : argv[i];
    execvp(args[0], args);
    err_set(e, E_IO, "%s: %m", args[0]);
    return die(e);
}

static const char *opened_name(Arena *a, const char *path, Err *e)
{
    Str name = str(path);
    if (out_path != NULL || is_std(path))
        return out_path ? out_path : path;
    if (str_ends(name, S(".age")))
        return arena_printf(a, "%.*s", (int)(name.n - 4), path);
    err_set(e, E_USAGE, "%s: does not end in .age", path);
    err_hint(e, "say where it goes: --out FILE");
    return NULL;
}

static bool open_run(Arena *a, const Opening *j, const char *path, int in, Err *e)
{
    if (range_text != NULL)
        return opened(age_open_range(&j->o, in, j->from, j->count, STDOUT_FILENO, e), path, e);
    const char *to = opened_name(a, path, e);
    if (to == NULL || !refuse_existing(to, e))
        return false;
    if (is_std(to))
        return opened(age_open(&j->o, in, STDOUT_FILENO, NULL, e), path, e);
    return open_to_file(j, path, in, to, e) && (common.json || printf("%s: opened as %s\n", path, to) > 0);
}

int model_open_cmd(int argc, char **argv)
{
    defer_arena Arena *a = arena_new(64 << 20);
    Err                e = { 0 };
    Opening            j = { 0 };
    int                fd = -1;
    if (argc < 1 || (memfd ? argc < 2 : argc > 1))
        return usage("moat model open FILE.age --identity KEY [--memfd -- CMD... {}]");
    prctl(PR_SET_DUMPABLE, 0);
    if (a == NULL || !opening_begin(a, &j, &e))
        return opening_end(&j), die(&e);
    defer_fd int in = open_input(argv[0], &e);
    bool ok = in >= 0 && (memfd ? (fd = open_to_memory(&j, argv[0], in, &e)) >= 0 : open_run(a, &j, argv[0], in, &e));
    opening_end(&j);
    if (!ok)
        return die(&e);
    return memfd ? run_with(a, fd, argc - 1, argv + 1, &e) : EXIT_CLEAN;
}
