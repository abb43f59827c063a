/* ledger.c - moat ledger: the noun, its options, and reading the log. */
#include "cli/ledger_cmds.h"

LedgerArgs ledger_args = { .limit = 100 };

char *ledger_where(Arena *a, Pipeline **p, Err *e)
{
    *p = NULL;
    if (ledger_args.ledger != NULL)
        return cli_pipeline_if_any(a, p, e) ? arena_printf(a, "%s", ledger_args.ledger) : NULL;
    *p = cli_pipeline(a, e);
    if (*p == NULL && strcmp(e->hint, "moat init") == 0)
        err_hint(e, "moat init, or --ledger FILE");
    return *p ? pipeline_state(*p, "ledger.db") : NULL;
}

/* ---- log */

typedef struct Log {
    Buf     *text;
    JsonOut *json;                                     /* NULL: text */
    long     left;                                     /* below 0: all of them */
} Log;

static void log_json(JsonOut *w, const Record *r)
{
    json_open(w, '{');
    json_key(w, "seq");
    json_put_u64(w, r->seq);
    json_key(w, "record");
    json_put_raw(w, r->bytes);
    json_close(w, '}');
}

static void log_text(Buf *b, const Record *r)
{
    defer_buf Buf body = { 0 };
    JsonOut       w = json_out(&body);
    json_put_tree(&w, r->body);
    buf_printf(b, "%6" PRIu64 "  ", r->seq);
    buf_clean(b, r->time);
    buf_z(b, "  ");
    buf_clean(b, r->kind);
    buf_printf(b, "%*s", r->kind.n < 14 ? 14 - (int)r->kind.n : 1, "");
    buf_clean(b, r->actor);
    buf_printf(b, "  %.12s  ", r->subject.n ? r->subject.p : "-");
    buf_clean(b, buf_view(&body));
    buf_byte(b, '\n');
}

static bool log_one(void *ctx, const Record *r)
{
    Log *g = ctx;
    if (g->left == 0)
        return false;
    g->left -= g->left > 0;
    if (g->json != NULL)
        return log_json(g->json, r), true;
    g->text->n = 0;
    log_text(g->text, r);
    return fwrite(g->text->p, 1, g->text->n, stdout) == g->text->n;
}

static bool kind_of(const char *name, RecordKind *out, Err *e)
{
    const char *names[RECORD_KINDS];
    for (size_t i = 0; i < RECORD_KINDS; i++) {
        names[i] = record_table[i].name;
        if (strcmp(name, names[i]) == 0)
            return *out = (RecordKind)i, true;
    }
    const char *guess = nearest_word(str(name), names, RECORD_KINDS);
    err_set(e, E_USAGE, "there is no kind of record '%s'", name);
    return guess ? err_hint(e, "did you mean '%s'?", guess) : err_hint(e, "moat help records");
}

static int log_all(Ledger *l, RecordKind kind, const Findings *none)
{
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    Log           g = { .text = &b, .json = common.json ? &w : NULL, .left = ledger_args.limit ? ledger_args.limit : -1 };
    Err           e = { 0 };
    if (common.json) {
        json_begin(&w, "moat.ledger.log/1", none);
        json_key(&w, "records");
        json_open(&w, '[');
    }
    if (!ledger_newest(l, kind, log_one, &g, &e))
        return die(&e);
    if (common.json) {
        json_close(&w, ']');
        return json_finish(&w) ? EXIT_CLEAN : EXIT_BROKEN;
    }
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_CLEAN;
    err_set(&e, E_IO, "standard output: %m");
    return die(&e);
}

static int run_log(int argc, char **argv)
{
    defer_arena Arena *a = arena_new(256 << 20);
    RecordKind         kind = RECORD_KINDS;
    Err                e = { 0 };
    Pipeline          *p;
    (void)argv;
    if (argc > 0 || ledger_args.limit < 0)
        return usage("moat ledger log [--kind KIND] [--limit N]");
    if (ledger_args.kind != NULL && !kind_of(ledger_args.kind, &kind, &e))
        return die(&e);
    char                *path = ledger_where(a, &p, &e);
    defer_ledger Ledger *l = path ? ledger_open_read(path, &e) : NULL;
    return l != NULL ? log_all(l, kind, findings_new(a)) : die(&e);
}

/* ---- the noun */

#define OPT_LEDGER { "ledger", 0, OPT_TEXT, &ledger_args.ledger, "FILE", "the ledger; default: .moat/ledger.db of the pipeline" }
#define OPT_ORIGIN { "origin", 0, OPT_TEXT, &ledger_args.origin, "NAME", "the log's name, such as example.com/scoring; default: the pipeline's" }
#define OPT_KEY    { "key", 'k', OPT_TEXT, &ledger_args.key, "KEY", "the private key that signs; default ~/.config/moat/key" }
#define OPT_OUT    { "out", 'o', OPT_TEXT, &ledger_args.out, "FILE", "write it there instead of to standard output" }

static const Opt log_opts[] = {
    OPT_LEDGER,
    { "kind", 0, OPT_TEXT, &ledger_args.kind, "KIND", "only records of this kind" },
    { "limit", 'n', OPT_INT, &ledger_args.limit, "N", "at most so many, the newest; default 100, 0: all" },
};
static const Opt verify_opts[] = {
    OPT_LEDGER,
    { "checkpoint", 0, OPT_TEXT, &ledger_args.checkpoint, "FILE", "a checkpoint that was kept elsewhere" },
    { "key", 'k', OPT_TEXT, &ledger_args.key, "PUB", "the public key that must have signed it" },
    { "origin", 0, OPT_TEXT, &ledger_args.origin, "NAME", "the log's name that it must bear" },
    { "witness", 0, OPT_MANY, &ledger_args.witnesses, "VKEY", "a verifier key that must have cosigned; may be repeated" },
    { "proof", 0, OPT_TEXT, &ledger_args.proof, "FILE", "verify this proof file alone, without a ledger" },
};
static const Opt prove_opts[] = { OPT_LEDGER, OPT_KEY, OPT_ORIGIN, OPT_OUT };
static const Opt checkpoint_opts[] = { OPT_LEDGER, OPT_KEY, OPT_ORIGIN, OPT_OUT };
static const Opt export_opts[] = { OPT_LEDGER, OPT_KEY, OPT_ORIGIN };

static const Cmd cmds[] = {
    { "log", "", "show what happened, the newest first", NULL, log_opts, len_of(log_opts), run_log },
    { "verify", "", "recompute the log, and hold it against a checkpoint",
      "Without a checkpoint, accidents and careless changes show. With one that was kept where the attacker could not write, every\n"
      "change to what it covers shows, however complete.\n\n"
      "  moat ledger verify --checkpoint /mnt/elsewhere/scoring.checkpoint --key key.pub\n"
      "  moat ledger verify --proof 17.tlog-proof --key key.pub",
      verify_opts, len_of(verify_opts), run_ledger_verify },
    { "prove", "SEQ", "write a file that proves one record to anybody, offline",
      "The file is a tlog-proof of c2sp.org with the record inside.\n\n  moat ledger prove 17 --out 17.tlog-proof", prove_opts,
      len_of(prove_opts), run_ledger_prove },
    { "checkpoint", "", "sign the size and root of the log",
      "The checkpoint is a signed note of c2sp.org. Keep it where who can write the ledger cannot. An existing FILE is replaced only\n"
      "when the log still starts with what it covers.\n\n  moat ledger checkpoint --out /mnt/elsewhere/scoring.checkpoint",
      checkpoint_opts, len_of(checkpoint_opts), run_ledger_checkpoint },
    { "export", "DIR", "write the log as static files that public tools read",
      "The folder holds tiles, records and a signed checkpoint as c2sp.org/tlog-tiles lays them out. A folder that holds an earlier\n"
      "export is brought up to date; one of another history is refused.\n\n  moat ledger export /srv/www/log",
      export_opts, len_of(export_opts), run_ledger_export },
};
const Noun noun_ledger = { "ledger", "the tamper-evident log of everything that happened", cmds, len_of(cmds) };
