/* data_restore.c - `moat data restore`. */
#include "cli/data_cmds.h"

static const char *key_file, *signer, *to, *reason;
static bool        as_head, keep;

const Opt data_restore_opts[DATA_RESTORE_OPTS] = {
    { "as-head", 0, OPT_FLAG, &as_head, NULL, "sign a new version that brings this one back" },
    { "to", 0, OPT_TEXT, &to, "DIR", "restore into this folder instead of where the dataset lives" },
    { "keep", 0, OPT_FLAG, &keep, NULL, "keep what is replaced as NAME.replaced-TIME" },
    { "reason", 'm', OPT_TEXT, &reason, "TEXT", "why, for those who read the log" },
    { "key", 'k', OPT_TEXT, &key_file, "FILE", "private key that signs, for --as-head; default: ~/.config/moat/key" },
    { "signer", 0, OPT_TEXT, &signer, "PUB", "public key that must have signed; default: the one pinned at first use" },
};

static void print_text(const DataRestore *how, const DataRestored *r)
{
    printf("%.*s: version %" PRIu64 " restored, %" PRIu64 " file%s\n", STR(how->dataset), r->version.version, r->files, r->files == 1 ? "" : "s");
    if (r->kept.n)
        printf("  what was there is now %.*s\n", STR(r->kept));
    if (how->as_head)
        printf("  and is the head as version %" PRIu64 "\n", r->head.version);
}

static bool print_json(const DataRestore *how, const DataRestored *r, const Findings *none)
{
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    json_begin(&w, "moat.data.restore/1", none);
    data_version_json(&r->version, how->dataset, &w);
    json_key(&w, "head"), json_put_u64(&w, r->head.version);
    json_key(&w, "restored_files"), json_put_u64(&w, r->files);
    json_key(&w, "kept"), json_put_z(&w, r->kept.n ? r->kept.p : NULL);
    return json_finish(&w);
}

int data_restore_cmd(int argc, char **argv)
{
    defer_arena Arena *a = arena_new(DATA_ARENA);
    Err                e = { 0 };
    char               actor[32];
    DataRestored       done;
    DataRestore        how = { .actor = actor_text(actor), .reason = str(reason), .to = to, .signer = signer, .as_head = as_head, .keep = keep,
                               .clock = clock_system() };
    if (argc != 1 || !data_at(str(argv[0]), &how.dataset, &how.version) || how.version == 0)
        return usage("moat data restore DATASET@VERSION [--as-head] [--to DIR]");
    Pipeline *p = cli_pipeline(a, &e);
    if (p != NULL && as_head)
        how.key = cli_key_path(a, key_file, &e);
    defer_ledger Ledger *l = p && (!as_head || how.key) ? cli_ledger(p, &e) : NULL;
    if (l == NULL || !data_restore(a, p, l, &how, &done, &e))
        return die(&e);
    if (common.json)
        return print_json(&how, &done, findings_new(a)) ? EXIT_CLEAN : EXIT_BROKEN;
    print_text(&how, &done);
    return EXIT_CLEAN;
}
