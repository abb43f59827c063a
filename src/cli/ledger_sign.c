/* ledger_sign.c - moat ledger prove, checkpoint and export: what leaves the house, signed. */
#include "base/file.h"
#include "cli/ledger_cmds.h"
#include "crypto/note.h"
#include "ledger/tiles.h"

typedef struct Signing {
    Arena    *a;
    Pipeline *p;
    char     *path;
    Ledger   *l;
    Key      *key;
    Str       origin;
    const char *out, *dir;                             /* the file to write (NULL: standard output); of an export its folder */
} Signing;

static void signing_drop(Signing *s)
{
    ledger_close(s->l);
    key_free(s->key);
    arena_free(s->a);
}
#define defer_signing __attribute__((cleanup(signing_drop)))

/* --origin, or the pipeline's name when it can be one. */
static bool find_origin(Signing *s, Err *e)
{
    s->origin = str(ledger_args.origin);
    if (ledger_args.origin == NULL && s->p != NULL)
        s->origin = s->p->name;
    if (note_name_ok(s->origin))
        return true;
    if (ledger_args.origin != NULL)
        return err_set(e, E_USAGE, "--origin '%s': not empty, and without blanks, controls and '+'", ledger_args.origin);
    err_set(e, E_USAGE, "the log needs a name that nobody else uses");
    return err_hint(e, "--origin example.com/scoring");
}

static bool begin(Signing *s, Err *e)
{
    s->a = arena_new(256 << 20);
    s->path = s->a ? ledger_where(s->a, &s->p, e) : NULL;
    if (s->path == NULL || !find_origin(s, e))
        return false;
    char *key = cli_key_path(s->a, ledger_args.key, e);
    if (key == NULL || (s->key = key_load_private(key, e)) == NULL)
        return false;
    if (!file_exists(s->path))
        return err_set(e, E_IO, "%s: there is no ledger", s->path);
    s->l = ledger_open(s->path, e);
    return s->l != NULL;
}

static bool put_out(const char *path, Str bytes, Err *e)
{
    if (path != NULL)
        return file_replace(path, bytes, 0644, e);
    return (fwrite(bytes.p, 1, bytes.n, stdout) == bytes.n && fflush(stdout) == 0) || err_set(e, E_IO, "standard output: %m");
}

static void put_common(JsonOut *w, const Signing *s, const Checkpoint *c)
{
    char          hex[DIGEST_HEX];
    defer_buf Buf vkey = { 0 };
    Verifier      v = verifier_of(s->origin, s->key);
    json_key(w, "origin");
    json_put_str(w, s->origin);
    json_key(w, "size");
    json_put_u64(w, c->size);
    json_key(w, "root");
    digest_hex(&c->root, hex);
    json_put_z(w, hex);
    json_key(w, "key_id");
    key_id(s->key, hex);
    json_put_z(w, hex);
    json_key(w, "verifier_key");
    verifier_put(&v, &vkey);
    json_put_str(w, buf_view(&vkey));
}

/* ---- prove */

int run_ledger_prove(int argc, char **argv)
{
    defer_signing Signing s = { 0 };
    defer_buf Buf         proof = { 0 }, b = { 0 };
    JsonOut               w = json_out(&b);
    Err                   e = { 0 };
    uint64_t              seq;
    Proof                 p;
    Checkpoint            c;
    if (argc != 1 || !str_u64(str(argv[0]), &seq))
        return usage("moat ledger prove SEQ: the number that `moat ledger log` shows in front");
    if (!begin(&s, &e) || !ledger_prove(s.l, seq, s.origin, s.key, &proof, &e))
        return die(&e);
    if (!common.json || ledger_args.out != NULL)
        if (!put_out(ledger_args.out, buf_view(&proof), &e))
            return die(&e);
    if (!common.json)
        return EXIT_CLEAN;
    if (!proof_parse(buf_view(&proof), &p, &e) || !checkpoint_peek(p.checkpoint, &c, &e))
        return die(&e);
    json_begin(&w, "moat.ledger.prove/1", findings_new(s.a));
    put_common(&w, &s, &c);
    json_key(&w, "index");
    json_put_u64(&w, seq);
    json_key(&w, "proof");
    json_put_str(&w, buf_view(&proof));
    return json_finish(&w) ? EXIT_CLEAN : EXIT_BROKEN;
}

/* ---- checkpoint */

/* The checkpoint that would be replaced must be one of this very history: somebody may rely on it. */
static bool consistent_with_old(const Signing *s, Findings *found, bool *differs, Err *e)
{
    Str         old;
    LedgerState state;
    *differs = false;
    if (s->out == NULL || !file_exists(s->out))
        return true;
    if (!file_read(s->a, s->out, NOTE_LIMIT, &old, e))
        return false;
    if (ledger_verify(s->l, old, s->key, &state, e))
        return true;
    if (state.fault == LEDGER_SOUND)
        return false;
    *differs = true;
    return ledger_raise(found, s->path, &state, e);
}

static bool record(const Signing *s, const Checkpoint *c, Err *e)
{
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    char          actor[32];
    json_open(&w, '{');
    put_common(&w, s, c);
    json_close(&w, '}');
    return ledger_append(s->l, clock_system(), RECORD_CHECKPOINT, actor_text(actor), NULL, buf_view(&b), NULL, e);
}

static int print_signed(const Signing *s, const char *schema, const Checkpoint *c, Str note, const Findings *none)
{
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    if (!common.json) {
        fprintf(stderr, "moat: note: signed %" PRIu64 " record%s as %.*s; keep this where who can write the ledger cannot\n", c->size,
                c->size == 1 ? "" : "s", STR(s->origin));
        return EXIT_CLEAN;
    }
    json_begin(&w, schema, none);
    put_common(&w, s, c);
    json_key(&w, "note");
    json_put_str(&w, note);
    return json_finish(&w) ? EXIT_CLEAN : EXIT_BROKEN;
}

/* Signs, hands the note to `deliver`, and only then records that it was handed out. */
static int sign_and_deliver(Signing *s, const char *schema, bool (*deliver)(Signing *, const Checkpoint *, Str note, Err *))
{
    defer_buf Buf note = { 0 };
    Err           e = { 0 };
    Checkpoint    c;
    Findings     *found = findings_new(s->a);
    bool          differs;
    if (!consistent_with_old(s, found, &differs, &e))
        return die(&e);
    if (differs) {
        fprintf(stderr, "moat: note: not signed, and %s is left as it is\n", s->out);
        return ledger_refused(found, schema);
    }
    if (!ledger_checkpoint(s->l, s->origin, s->key, &note, &e) || !checkpoint_peek(buf_view(&note), &c, &e))
        return die(&e);
    if (!deliver(s, &c, buf_view(&note), &e) || !record(s, &c, &e))
        return die(&e);
    return print_signed(s, schema, &c, buf_view(&note), found);
}

static bool deliver_note(Signing *s, const Checkpoint *c, Str note, Err *e)
{
    (void)c;
    return (common.json && s->out == NULL) || put_out(s->out, note, e);
}

int run_ledger_checkpoint(int argc, char **argv)
{
    defer_signing Signing s = { 0 };
    Err                   e = { 0 };
    (void)argv;
    if (argc > 0)
        return usage("moat ledger checkpoint takes no arguments; --out FILE says where");
    s.out = ledger_args.out;
    return begin(&s, &e) ? sign_and_deliver(&s, "moat.ledger.checkpoint/1", deliver_note) : die(&e);
}

/* ---- export */

/* The checkpoint last: whoever sees it finds everything that it covers. */
static bool deliver_tiles(Signing *s, const Checkpoint *c, Str note, Err *e)
{
    return dir_make(s->dir, 0755, e) && ledger_tiles(s->l, c->size, s->dir, e) && file_replace(s->out, note, 0644, e);
}

int run_ledger_export(int argc, char **argv)
{
    defer_signing Signing s = { 0 };
    Err                   e = { 0 };
    if (argc != 1)
        return usage("moat ledger export DIR");
    s.dir = argv[0];
    if (!begin(&s, &e))
        return die(&e);
    s.out = path_join(s.a, s.dir, S("checkpoint"));
    return s.out ? sign_and_deliver(&s, "moat.ledger.export/1", deliver_tiles) : EXIT_BROKEN;
}
