/* data_prove.c - `moat data prove`: a file that shows a row in a signed version to anybody. */
#include "data/prove.h"
#include "base/file.h"
#include "cli/data_lineage.h"
#include "cli/out_path.h"

static const char *out_file, *signer;

const Opt data_prove_opts[DATA_PROVE_OPTS] = {
    { "out", 'o', OPT_TEXT, &out_file, "FILE", "write the proof there" },
    { "signer", 0, OPT_TEXT, &signer, "PUB", "public key that must have signed; default: the one pinned at first use" },
};

static void put_digest(JsonOut *w, const char *key, const Digest *d)
{
    char hex[DIGEST_HEX];
    digest_hex(d, hex);
    json_member(w, key, str(hex));
}

static void put_proof(JsonOut *w, Str dataset, const RowProof *p)
{
    char          hex[DIGEST_HEX];
    defer_buf Buf row = { 0 };
    base64_put(&row, p->row);
    json_open(w, '{');
    json_member(w, "dataset", dataset);
    json_member_u64(w, "version", p->version.version);
    json_member(w, "hash", S("rfc6962-sha256"));
    json_member_u64(w, "index", p->index);
    json_member_u64(w, "size", p->version.rows);
    json_member(w, "row", buf_view(&row));
    put_digest(w, "leaf", &p->leaf);
    json_key(w, "path"), json_open(w, '[');
    for (size_t i = 0; i < p->len; i++)
        digest_hex(&p->path[i], hex), json_put_z(w, hex);
    json_close(w, ']');
    put_digest(w, "root", &p->version.root);
    json_key(w, "statement"), json_put_raw(w, str_trim(p->envelope));
    json_member(w, "signer", p->version.signer);
    json_close(w, '}');
    w->b->bad |= row.bad;
}

int data_prove_cmd(int argc, char **argv)
{
    defer_arena Arena *a = arena_new(DATA_ARENA);
    Err                e = { 0 };
    Str                name;
    uint64_t           version, index;
    RowProof           proof;
    defer_buf Buf      b = { 0 };
    JsonOut            w = json_out(&b);
    if (argc != 1 || !row_arg(argv[0], &name, &version, &index))
        return usage("moat data prove DATASET[@VERSION]:ROW [--out FILE], the first row is 1");
    Pipeline *p = cli_pipeline(a, &e);
    if (p == NULL || !out_free(&(OutPath){ .pipeline = p }, out_file, &e) || !data_prove(a, p, name, version, index, signer, &proof, &e))
        return die(&e);
    json_begin(&w, "moat.data.prove/1", findings_new(a));
    json_key(&w, "proof"), put_proof(&w, name, &proof);
    if (out_file == NULL)
        return json_finish(&w) ? EXIT_CLEAN : EXIT_BROKEN;
    json_close(&w, '}');
    buf_byte(&b, '\n');
    if (b.bad ? !err_nomem(&e) : !file_replace(out_file, buf_view(&b), 0644, &e))
        return die(&e);
    if (!common.json)
        printf("%s: row %" PRIu64 " of %" PRIu64 " in %.*s@%" PRIu64 "\n", out_file, index + 1, proof.version.rows, STR(name), proof.version.version);
    return EXIT_CLEAN;
}
