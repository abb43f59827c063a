/* model.c - `moat model`: the verbs, and how a model is named. */
#include "cli/model_cmds.h"

static bool same_file(const char *a, const char *b)
{
    char *ra = realpath(a, NULL), *rb = realpath(b, NULL);
    bool  same = ra != NULL && rb != NULL && strcmp(ra, rb) == 0;
    free(ra), free(rb);
    return same;
}

static const Model *model_called(const Pipeline *p, const char *arg)
{
    const Model *m = pipeline_model(p, str(arg));
    for (size_t i = 0; m == NULL && i < p->model_count; i++)
        if (same_file(arg, pipeline_path(p, p->models[i].path)))
            m = &p->models[i];
    return m;
}

bool model_target(Arena *a, const char *arg, ModelTarget *out, Err *e)
{
    *out = (ModelTarget){ .c = { .path = arg } };
    if (!cli_pipeline_if_any(a, &out->p, e))
        return false;
    if (out->p != NULL && (out->m = model_called(out->p, arg)) != NULL)
        out->c = model_check_of(out->p, out->m);
    return true;
}

bool model_proof(ModelTarget *t, const char *signature, const char *key, const char *sha256, Err *e)
{
    t->c.signature = signature ? signature : t->c.signature;
    t->c.signer = key ? key : t->c.signer;
    t->c.sha256 = sha256 ? str(sha256) : t->c.sha256;
    if (t->c.signer != NULL || t->c.sha256.n != 0)
        return true;
    err_set(e, E_USAGE, "who must have signed %s?", t->c.path);
    return err_hint(e, "give --key PUB or --sha256 HEX, or declare signer: in moat.yaml");
}

bool model_note(const ModelTarget *t, RecordKind kind, const ModelVerdict *v, Str serve, Err *e)
{
    char                actor[32];
    defer_ledger Ledger *l = t->p ? cli_ledger(t->p, e) : NULL;
    if (t->p == NULL)
        return true;
    return l != NULL && model_record(l, clock_system(), kind, actor_text(actor), &t->c, v, serve, e);
}

void model_verdict_json(const ModelVerdict *v, JsonOut *w)
{
    char hex[DIGEST_HEX];
    digest_hex(&v->digest, hex);
    json_key(w, "digest"), json_put_z(w, v->has_digest ? hex : NULL);
    json_key(w, "signer"), json_put_z(w, *v->signer ? v->signer : NULL);
    json_key(w, "files"), json_put_u64(w, v->files);
    json_key(w, "bytes"), json_put_u64(w, v->bytes);
    json_key(w, "ignored"), json_open(w, '[');
    for (size_t i = 0; i < v->ignored_count; i++)
        json_put_str(w, v->ignored[i]);
    json_close(w, ']');
    json_key(w, "note"), json_put_z(w, v->note.n ? v->note.p : NULL);
}

static const Cmd cmds[] = {
    { "scan", "PATH|NAME...", "say what loading a model file would do; every file and archive member, by its content",
      "Nothing is loaded: the files are parsed in a worker that can open and call nothing. Exit 0: all clean; 1: findings;\n"
      "3: something could not be judged. In a pipeline the outcome is kept in the ledger.\n"
      "  moat model scan scorer.pt\n"
      "  find models -type f | moat model scan --files-from - --json", model_scan_opts, len_of(model_scan_opts), model_scan_cmd },
    { "sign", "PATH|NAME", "sign a model file or folder (OpenSSF Model Signing v1.0)",
      "The signature covers every file, by name and digest. It is written to PATH.sig, for a folder to PATH/model.sig.\n"
      "  moat key new --kind p256 --out release.key\n"
      "  moat model sign scorer.safetensors --key release.key", model_sign_opts, len_of(model_sign_opts), model_sign_cmd },
    { "verify", "PATH|NAME", "prove that a model is the one its signer released",
      "Without --key and --sha256 moat.yaml must say who signs the model. Exit 0: proven; 1: not; 3: it could not be judged.\n"
      "  moat model verify scorer.safetensors --key release.key.pub\n"
      "A model that moat.yaml declares must also scan clean, and the ledger must know where it came from.\n"
      "  moat model verify scorer --accept", model_verify_opts, len_of(model_verify_opts),
      model_verify_cmd },
    { "seal", "PATH|NAME", "encrypt a model at rest (age v1): for the holders of keys, or with a passphrase",
      "Any age reads it. Nothing is removed: delete the plain file yourself when the sealed one is where it belongs.\n"
      "  moat key new --kind age --out seal.key\n"
      "  moat model seal scorer.safetensors --recipient age1...", model_seal_opts, len_of(model_seal_opts), model_seal_cmd },
    { "open", "FILE.age [-- CMD...]", "decrypt a sealed model, or a part of it, or hand it to a program without touching the disk",
      "Nothing appears under the output's name unless all of it verified.\n"
      "  moat model open scorer.safetensors.age --identity seal.key\n"
      "  moat model open scorer.safetensors.age --identity seal.key --memfd -- moat model serve {} --key release.key.pub", model_open_opts,
      len_of(model_open_opts), model_open_cmd },
    { "serve", "PATH|NAME", "answer for a model that verifies (KServe v1 and v2, TensorFlow Serving)",
      "Loads nothing that its signer or its published digest does not prove. SIGTERM ends it.\n"
      "  moat model serve scorer.safetensors --key release.key.pub --listen 127.0.0.1:8500\n"
      "  curl -d '{\"instances\":[[5.1,3.5,1.4,0.2]]}' -H 'content-type: application/json' http://127.0.0.1:8500/v1/models/model:predict",
      model_serve_opts, len_of(model_serve_opts), model_serve_cmd },
};

const Noun noun_model = { "model", "model files: scan, sign, verify, seal, open, serve", cmds, len_of(cmds) };
