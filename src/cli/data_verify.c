/* data_verify.c - `moat data verify`. */
#include "cli/data_cmds.h"

static const char *signer;
static bool        no_store, no_files;

const Opt data_verify_opts[DATA_VERIFY_OPTS] = {
    { "signer", 0, OPT_TEXT, &signer, "PUB", "public key that must have signed; default: the one pinned at first use" },
    { "no-store", 0, OPT_FLAG, &no_store, NULL, "do not hash the stored pieces again" },
    { "no-files", 0, OPT_FLAG, &no_files, NULL, "do not read the files where the dataset lives" },
};

static bool any_unknown(const Findings *l)
{
    for (size_t i = 0; i < findings_count(l); i++)
        if (findings_at(l, i)->state == STATE_UNKNOWN)
            return true;
    return false;
}

static void print_text(const DataVerify *how, const DataVerified *r, const Findings *found, bool verified)
{
    findings_text(found, stdout, colour_on(stdout));
    if (!verified) {
        printf("%.*s: NOT verified\n", STR(how->dataset));
        return;
    }
    printf("%.*s: version %" PRIu64 " verified, signed by %.16s", STR(how->dataset), r->version.version, r->version.keyid.p);
    if (!how->skip_store)
        printf(", %" PRIu64 " pieces in the store", r->chunks);
    printf(r->files_read ? ", %" PRIu64 " file%s in place\n" : ", files in place not compared\n", r->version.files,
           r->version.files == 1 ? "" : "s");
}

static bool print_json(const DataVerify *how, const DataVerified *r, const Findings *found, bool verified)
{
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    json_begin(&w, "moat.data.verify/1", found);
    json_key(&w, "verified"), json_put_bool(&w, verified);
    json_key(&w, "signature"), json_put_bool(&w, r->signature_ok);
    json_key(&w, "pinned_now"), json_put_bool(&w, r->pinned_now);
    json_key(&w, "files_read"), json_put_bool(&w, r->files_read);
    json_key(&w, "chunks"), json_put_u64(&w, r->chunks);
    json_key(&w, "packs"), json_put_u64(&w, r->packs);
    data_version_json(&r->version, how->dataset, &w);
    return json_finish(&w);
}

int data_verify_cmd(int argc, char **argv)
{
    defer_arena Arena *a = arena_new(DATA_ARENA);
    Err                e = { 0 };
    DataVerified       done;
    DataVerify         how = { .signer = signer, .skip_store = no_store, .skip_files = no_files, .clock = clock_system() };
    if (argc != 1 || !data_at(str(argv[0]), &how.dataset, &how.version))
        return usage("moat data verify DATASET[@VERSION] [--signer PUB]");
    Pipeline *p = cli_pipeline(a, &e);
    if (p == NULL)
        return die(&e);
    Findings *found = findings_new(a);
    how.pool = pool_new(0);
    bool ok = data_verify(a, p, &how, found, &done, &e);
    pool_free(how.pool);
    if (!ok)
        return die(&e);
    findings_sort(found);
    bool unknown = any_unknown(found);
    bool verified = done.signature_ok && !unknown && findings_at_or_above(found, SEV_LOW) == 0;
    if (common.json && !print_json(&how, &done, found, verified))
        return EXIT_BROKEN;
    if (!common.json)
        print_text(&how, &done, found, verified);
    return exit_of(found, SEV_HIGH, unknown || !done.signature_ok);
}
