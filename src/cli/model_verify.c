/* model_verify.c - `moat model verify`. */
#include "cli/model_cmds.h"

static const char *signature, *key_file, *sha256_hex;
static bool        ignore_unsigned, accept_flag;

const Opt model_verify_opts[5] = {
    { "key", 'k', OPT_TEXT, &key_file, "FILE", "public key that must have signed" },
    { "signature", 0, OPT_TEXT, &signature, "FILE", "the signature; default: PATH.sig, DIR/model.sig" },
    { "sha256", 0, OPT_TEXT, &sha256_hex, "HEX", "digest that the model must have" },
    { "ignore-unsigned-files", 0, OPT_FLAG, &ignore_unsigned, NULL, "accept files that the signature does not cover" },
    { "accept", 0, OPT_FLAG, &accept_flag, NULL, "record that you expect this model, when it was made and signed elsewhere" },
};

static bool print_json(const ModelTarget *t, const Findings *found, const ModelVerdict *v, const Err *e)
{
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    json_begin(&w, "moat.model.verify/1", found);
    json_key(&w, "path"), json_put_z(&w, t->c.path);
    json_key(&w, "verified"), json_put_bool(&w, v->verified);
    model_verdict_json(v, &w);
    json_key(&w, "error"), json_put_z(&w, e->code ? e->message : NULL);
    return json_finish(&w);
}

static void print_text(const ModelTarget *t, const Findings *found, const ModelVerdict *v, const Err *e)
{
    findings_text(found, stdout, colour_on(stdout));
    if (v->verified)
        printf("%s: verified, %s%.16s%s%" PRIu64 " file%s, %" PRIu64 " bytes\n", t->c.path, *v->signer ? "signed by " : "by its digest",
               v->signer, ", ", v->files, v->files == 1 ? "" : "s", v->bytes);
    else
        printf("%s: NOT verified\n", t->c.path);
    for (size_t i = 0; i < v->ignored_count; i++) {
        defer_buf Buf shown = { 0 };
        buf_clean(&shown, v->ignored[i]);
        printf("  the signer left out '%.*s'\n", STR(buf_view(&shown)));
    }
    if (v->note.n != 0 && e->code == E_OK)
        printf("  note: %.*s\n", STR(v->note));
}

/* A declared model must be trusted, any other only proven.  Accepting comes after the proof and before the question who knows it. */
static bool judge(Arena *a, Pool *pool, const ModelTarget *t, Findings *found, ModelVerdict *v, Err *e)
{
    defer_ledger Ledger *l = t->m ? cli_ledger(t->p, e) : NULL;
    if (t->m == NULL)
        return model_verify(a, pool, &t->c, found, v, e);
    if (l == NULL)
        return false;
    if (accept_flag && !(model_verify(a, pool, &t->c, findings_new(a), v, e) && (!v->verified || model_note(t, RECORD_MODEL_ACCEPT, v, S(""), e))))
        return false;
    return model_trust(a, pool, &t->c, l, found, v, e);
}

int model_verify_cmd(int argc, char **argv)
{
    defer_arena Arena *a = arena_new(MODEL_ARENA);
    Err                e = { 0 };
    ModelTarget        t;
    ModelVerdict       v;
    if (argc != 1)
        return usage("moat model verify PATH [--key PUB] [--sha256 HEX]");
    if (a == NULL || !model_target(a, argv[0], &t, &e) || !model_proof(&t, signature, key_file, sha256_hex, &e))
        return die(&e);
    if (accept_flag && t.m == NULL)
        return usage("--accept wants a model that moat.yaml declares");
    t.c.ignore_unsigned_files = ignore_unsigned;
    Findings *found = findings_new(a);
    Pool     *pool = pool_new(0);
    bool      judged = judge(a, pool, &t, found, &v, &e);
    pool_free(pool);
    if (!judged && e.code == E_USAGE)
        return die(&e);
    findings_sort(found);
    if (common.json && !print_json(&t, found, &v, &e))
        return EXIT_BROKEN;
    if (!common.json)
        print_text(&t, found, &v, &e);
    if (!judged)
        die(&e);
    else if (!model_note(&t, RECORD_MODEL_VERIFY, &v, S(""), &e))
        return die(&e);
    return exit_of(found, SEV_MEDIUM, !judged);
}
