/* model_sign.c - `moat model sign`. */
#include "cli/model_cmds.h"

static const char *key_file, *signature;
static OptMany     ignore;
static long        shard_size;
static bool        reference, blake2b, links;

const Opt model_sign_opts[7] = {
    { "key", 'k', OPT_TEXT, &key_file, "FILE", "private key that signs; default ~/.config/moat/key" },
    { "signature", 0, OPT_TEXT, &signature, "FILE", "where the signature goes; default: PATH.sig, DIR/model.sig" },
    { "ignore", 0, OPT_MANY, &ignore, "NAME", "file or folder inside the model that is left out; may be repeated" },
    { "shards", 0, OPT_INT, &shard_size, "BYTES", "a digest every so many bytes, so that one huge file uses all cores" },
    { "blake2b", 0, OPT_FLAG, &blake2b, NULL, "BLAKE2b-512 instead of SHA-256" },
    { "reference", 0, OPT_FLAG, &reference, NULL, "spell shards and single files as the reference implementation reads them" },
    { "allow-symlinks", 0, OPT_FLAG, &links, NULL, "sign what links point at, under the link's name" },
};

/* moat.yaml may expect somebody else's signature; better said now than when verifying fails. */
static bool expected_signer(const ModelTarget *t, const ModelVerdict *v)
{
    char           id[DIGEST_HEX] = "";
    Err            ignored = { 0 };
    defer_key Key *k = t->c.signer ? key_load_public(t->c.signer, &ignored) : NULL;
    if (k != NULL)
        key_id(k, id);
    return k == NULL || strcmp(id, v->signer) == 0;
}

static int report(const ModelTarget *t, const char *path, const ModelVerdict *v, const Findings *none)
{
    if (v->note.n != 0)
        fprintf(stderr, "moat: note: %.*s\n", STR(v->note));
    if (!expected_signer(t, v))
        fprintf(stderr, "moat: note: moat.yaml expects another signer for this model (%s)\n", t->c.signer);
    if (!common.json)
        return printf("%s: signed by %.16s, %" PRIu64 " file%s, %" PRIu64 " bytes\n", path, v->signer, v->files, v->files == 1 ? "" : "s",
                      v->bytes) < 0 ? EXIT_BROKEN : EXIT_CLEAN;
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    json_begin(&w, "moat.model.sign/1", none);
    json_key(&w, "path"), json_put_z(&w, t->c.path);
    json_key(&w, "signature"), json_put_z(&w, path);
    model_verdict_json(v, &w);
    return json_finish(&w) ? EXIT_CLEAN : EXIT_BROKEN;
}

int model_sign_cmd(int argc, char **argv)
{
    defer_arena Arena *a = arena_new(MODEL_ARENA);
    Err                e = { 0 };
    ModelTarget        t;
    ModelVerdict       v;
    if (argc != 1)
        return usage("moat model sign PATH [--key KEY]");
    if (shard_size < 0)
        return usage("--shards wants a positive number of bytes");
    if (a == NULL || !model_target(a, argv[0], &t, &e))
        return die(&e);
    ModelSign s = { .path = t.c.path, .signature = signature ? signature : t.c.signature, .ignore = ignore.v, .ignore_count = ignore.n,
                    .shard_size = (uint64_t)shard_size, .reference = reference, .blake2b = blake2b, .allow_symlinks = links };
    if (s.signature == NULL)
        s.signature = model_signature_path(a, s.path);
    const char    *key_path = cli_key_path(a, key_file, &e);
    defer_key Key *k = key_path ? key_load_private(key_path, &e) : NULL;
    if (k == NULL)
        return die(&e);
    Pool *pool = pool_new(0);
    bool  ok = model_sign(a, pool, &s, k, &v, &e) && model_note(&t, RECORD_MODEL_SIGN, &v, S(""), &e);
    pool_free(pool);
    return ok ? report(&t, s.signature, &v, findings_new(a)) : die(&e);
}
