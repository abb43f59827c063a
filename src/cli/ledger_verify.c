/* ledger_verify.c - moat ledger verify: a ledger against a checkpoint kept elsewhere, or one proof file by itself. */
#include "base/file.h"
#include "cli/ledger_cmds.h"
#include "crypto/note.h"

/* A row for each LedgerFault but LEDGER_SOUND; what is not the ledger's own comes behind. */
#define ROW(fault) [(fault) - 1]
enum { FAULT_PROOF = LEDGER_FAULTS };

#define REFS "CWE-345 CWE-778"
#define LOOK "keep the file as evidence; restore the ledger from a copy that verifies, and find out who could write it"

const Rule ledger_rules[] = {
    ROW(LEDGER_DAMAGED) = { "MOAT-L001", SEV_HIGH, "the ledger's database is damaged",
        "It cannot be read as what it says it is, so nothing in it counts as evidence.", LOOK, REFS },
    ROW(LEDGER_GAP) = { "MOAT-L002", SEV_CRITICAL, "a record is missing",
        "Records are numbered without gaps; one was removed or moved.", LOOK, REFS },
    ROW(LEDGER_CHANGED) = { "MOAT-L003", SEV_CRITICAL, "a record was changed",
        "Its bytes do not have the hash they were stored with, or are no record.", LOOK, REFS },
    ROW(LEDGER_TREE) = { "MOAT-L004", SEV_CRITICAL, "the records do not give the stored tree",
        "Records were added, removed or reordered without the program that keeps the tree.", LOOK, REFS },
    ROW(LEDGER_FORKED) = { "MOAT-L005", SEV_CRITICAL, "the ledger is not the one that was last signed here",
        "The last checkpoint signed from this file covers other records; signing again would give two histories.", LOOK, REFS },
    ROW(LEDGER_FORGED) = { "MOAT-L006", SEV_HIGH, "the checkpoint is not signed by the key",
        "Either the checkpoint was made up, or it is of another log or another key.",
        "get the checkpoint and the public key again from where they were kept", REFS },
    ROW(LEDGER_SHORT) = { "MOAT-L007", SEV_CRITICAL, "records that the checkpoint covers are gone",
        "The ledger was cut or rolled back to an older state.", LOOK, REFS },
    ROW(LEDGER_REWRITTEN) = { "MOAT-L008", SEV_CRITICAL, "records that the checkpoint covers were rewritten",
        "The ledger is consistent by itself and is not the history that was signed.", LOOK, REFS },
    ROW(FAULT_PROOF) = { "MOAT-L009", SEV_HIGH, "the proof does not prove its record",
        "The record is not at that place of the tree that the checkpoint signs.",
        "get the proof again: moat ledger prove SEQ", REFS },
};
const size_t ledger_rules_len = len_of(ledger_rules);

static bool raise(Findings *l, size_t fault, const char *path, const char *message, Str evidence)
{
    Finding f = finding_of(&ledger_rules[fault - 1], S(""), str(path));
    f.message = str(message);
    f.evidence = evidence;
    return finding_add(l, f);
}

bool ledger_raise(Findings *l, const char *path, const LedgerState *s, const Err *e)
{
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    json_open(&w, '{');
    if (s->to > s->from) {
        json_key(&w, "from");
        json_put_u64(&w, s->from);
        json_key(&w, "to");
        json_put_u64(&w, s->to - 1);
    }
    json_close(&w, '}');
    size_t n = strlen(path);                           /* the subject says the path already */
    bool   named = strncmp(e->message, path, n) == 0 && strncmp(e->message + n, ": ", 2) == 0;
    return raise(l, s->fault, path, e->message + (named ? n + 2 : 0), b.bad ? S("") : buf_view(&b));
}

int ledger_refused(Findings *l, const char *schema)
{
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    if (!common.json) {
        findings_text(l, stdout, colour_on(stdout));
        return exit_of(l, SEV_HIGH, false);
    }
    json_begin(&w, schema, l);
    json_key(&w, "verified");
    json_put_bool(&w, false);
    return json_finish(&w) ? exit_of(l, SEV_HIGH, false) : EXIT_BROKEN;
}

/* ---- what the verifier brings */

typedef struct Brought {
    Key       *key;
    Str        note;                                   /* empty: no checkpoint */
    Verifier   witness[OPT_MANY_MAX];
    Key       *witness_key[OPT_MANY_MAX];
    size_t     witnesses;
    Checkpoint claim;
} Brought;

static void brought_drop(Brought *b)
{
    key_free(b->key);
    for (size_t i = 0; i < b->witnesses; i++)
        key_free(b->witness_key[i]);
}
#define defer_brought __attribute__((cleanup(brought_drop)))

static bool bring(Arena *a, Brought *b, Err *e)
{
    const LedgerArgs *o = &ledger_args;
    for (size_t i = 0; i < o->witnesses.n && i < 60; i++, b->witnesses++)
        if (!verifier_parse(str(o->witnesses.v[i]), &b->witness[i], &b->witness_key[i], e))
            return false;
    if (o->key != NULL && (b->key = key_load_public(o->key, e)) == NULL)
        return false;
    return o->checkpoint == NULL || file_read(a, o->checkpoint, NOTE_LIMIT, &b->note, e);
}

/* ---- one proof file, without any ledger */

static int proved(const Proof *p, const Checkpoint *c, Str record, const Findings *none)
{
    defer_buf Buf out = { 0 };
    JsonOut       w = json_out(&out);
    if (!common.json) {
        buf_printf(&out, "%s: record %" PRIu64 " of the %" PRIu64 " that ", ledger_args.proof, p->index, c->size);
        buf_clean(&out, c->origin);
        buf_z(&out, " signed\n");
        buf_clean(&out, record);
        buf_byte(&out, '\n');
        return fwrite(out.p, 1, out.n, stdout) == out.n ? EXIT_CLEAN : EXIT_BROKEN;
    }
    json_begin(&w, "moat.ledger.verify/1", none);
    json_key(&w, "verified");
    json_put_bool(&w, true);
    json_key(&w, "index");
    json_put_u64(&w, p->index);
    json_key(&w, "size");
    json_put_u64(&w, c->size);
    json_key(&w, "origin");
    json_put_str(&w, c->origin);
    json_key(&w, "record");
    json_put_str(&w, record);
    return json_finish(&w) ? EXIT_CLEAN : EXIT_BROKEN;
}

static int verify_proof(Arena *a, const Brought *b)
{
    Findings     *l = findings_new(a);
    defer_buf Buf record = { 0 };
    const char   *path = ledger_args.proof;
    Err           e = { 0 };
    Proof         p;
    Checkpoint    c;
    Str           text;
    if (!file_read(a, path, PROOF_LIMIT, &text, &e))
        return die(&e);
    bool ok = proof_parse(text, &p, &e) && (base64_get(&record, p.extra), true) &&
              checkpoint_open(p.checkpoint, str(ledger_args.origin), b->key, b->witness, b->witnesses, &c, &e);
    Digest leaf = merkle_leaf(buf_view(&record));
    if (ok && record.n == 0)
        ok = err_set(&e, E_FORMAT, "the proof does not carry its record");
    if (ok && !proof_ok(&p, &leaf, &c))
        ok = err_set(&e, E_CRYPTO, "the record is not number %" PRIu64 " of the tree that was signed", p.index);
    if (ok)
        return proved(&p, &c, buf_view(&record), l);
    return raise(l, FAULT_PROOF, path, e.message, S("")) ? ledger_refused(l, "moat.ledger.verify/1") : EXIT_BROKEN;
}

/* ---- a ledger */

static void print_sound(const char *path, const LedgerState *s, const Brought *b)
{
    char root[DIGEST_HEX];
    digest_hex(&s->root, root);
    printf("%s: %" PRIu64 " record%s, sound\nroot %s\n", path, s->size, s->size == 1 ? "" : "s", root);
    if (b->note.n) {
        defer_buf Buf out = { 0 };
        buf_clean(&out, b->claim.origin);
        buf_printf(&out, " signed exactly the first %" PRIu64 "; %" PRIu64 " came later\n", s->covered, s->size - s->covered);
        fwrite(out.p, 1, out.n, stdout);
        return;
    }
    fputs("moat: note: no checkpoint was given; that everything was rewritten together would not show\n"
          "moat: hint: keep what `moat ledger checkpoint --out FILE` writes elsewhere, and verify with --checkpoint FILE --key PUB\n", stderr);
}

static bool print_sound_json(const LedgerState *s, const Brought *b, const Findings *none)
{
    defer_buf Buf out = { 0 };
    JsonOut       w = json_out(&out);
    char          root[DIGEST_HEX];
    digest_hex(&s->root, root);
    json_begin(&w, "moat.ledger.verify/1", none);
    json_key(&w, "verified");
    json_put_bool(&w, true);
    json_key(&w, "size");
    json_put_u64(&w, s->size);
    json_key(&w, "covered");
    json_put_u64(&w, s->covered);
    json_key(&w, "root");
    json_put_z(&w, root);
    json_key(&w, "origin");
    json_put_str(&w, b->claim.origin);
    return json_finish(&w);
}

/* Witnesses are asked apart: ledger_verify() knows the log's own key alone. */
static bool judge(Ledger *l, Brought *b, LedgerState *s, Err *e)
{
    if (b->note.n && !checkpoint_open(b->note, str(ledger_args.origin), b->key, b->witness, b->witnesses, &b->claim, e)) {
        *s = (LedgerState){ .fault = LEDGER_FORGED };
        return false;
    }
    return ledger_verify(l, b->note, b->key, s, e);
}

static int verify_ledger(Arena *a, Brought *b)
{
    Findings            *found = findings_new(a);
    Err                  e = { 0 };
    Pipeline            *p;
    LedgerState          s = { 0 };
    char                *path = ledger_where(a, &p, &e);
    defer_ledger Ledger *l = path ? ledger_open_read(path, &e) : NULL;
    if (l == NULL && (path == NULL || e.code != E_FORMAT))
        return die(&e);
    bool ok = l != NULL && judge(l, b, &s, &e);
    if (l == NULL)
        s.fault = LEDGER_DAMAGED;                      /* there is a file, and it is not what it must be */
    if (!ok && s.fault == LEDGER_SOUND)
        return die(&e);
    if (!ok)
        return ledger_raise(found, path, &s, &e) ? ledger_refused(found, "moat.ledger.verify/1") : EXIT_BROKEN;
    if (common.json)
        return print_sound_json(&s, b, found) ? EXIT_CLEAN : EXIT_BROKEN;
    print_sound(path, &s, b);
    return EXIT_CLEAN;
}

int run_ledger_verify(int argc, char **argv)
{
    const LedgerArgs   *o = &ledger_args;
    defer_arena Arena  *a = arena_new(256 << 20);
    defer_brought Brought b = { .note = S("") };
    Err                 e = { 0 };
    (void)argv;
    if (argc > 0 || (o->proof && (o->checkpoint || o->ledger)))
        return usage("moat ledger verify [--checkpoint FILE --key PUB], or --proof FILE --key PUB");
    if ((o->checkpoint || o->proof) && o->key == NULL)
        return usage("--key PUB: the public key that must have signed is needed to judge a checkpoint");
    if (o->witnesses.n && !o->checkpoint && !o->proof)
        return usage("--witness goes with --checkpoint or --proof");
    if (!bring(a, &b, &e))
        return die(&e);
    return o->proof ? verify_proof(a, &b) : verify_ledger(a, &b);
}
