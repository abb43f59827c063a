/* data_commit.c - `moat data commit`. */
#include "cli/data_cmds.h"

static const char *key_file, *reason, *expires;
static bool        rewrite, paranoid;

const Opt data_commit_opts[DATA_COMMIT_OPTS] = {
    { "key", 'k', OPT_TEXT, &key_file, "FILE", "private key that signs; default: ~/.config/moat/key" },
    { "reason", 'm', OPT_TEXT, &reason, "TEXT", "why, for those who read the log" },
    { "expires", 0, OPT_TEXT, &expires, "TIME", "vouch for it until then: 90d, or 2027-01-31" },
    { "paranoid", 0, OPT_FLAG, &paranoid, NULL, "read files again that look as they did at the last commit" },
    { "rewrite", 0, OPT_FLAG, &rewrite, NULL, "store every piece again, to mend a damaged store" },
};

static bool parse_expiry(Clock clock, int64_t *ns)
{
    int64_t span;
    *ns = 0;
    if (expires == NULL)
        return true;
    if (duration_parse(str(expires), &span))
        return !__builtin_add_overflow(clock_ns(clock), span, ns);
    return time_parse(str(expires), ns) && *ns > clock_ns(clock);
}

static void print_text(const DataCommit *how, const DataCommitted *r, const Findings *found)
{
    const DataVersion *v = &r->version;
    char               hex[DIGEST_HEX], all[SIZE_TEXT], stored[SIZE_TEXT];
    digest_hex(&v->root, hex);
    size_text(v->bytes, all), size_text(r->stored_bytes, stored);
    findings_text(found, stdout, colour_on(stdout));
    if (r->unchanged)
        printf("%.*s: unchanged, still version %" PRIu64 "\n", STR(how->dataset), v->version);
    else
        printf("%.*s: version %" PRIu64 ", %" PRIu64 " rows, %s in %" PRIu64 " file%s\n  root %s\n  signed by %.16s\n", STR(how->dataset),
               v->version, v->rows, all, v->files, v->files == 1 ? "" : "s", hex, v->keyid.p);
    if (r->new_chunks > 0)
        printf("  %" PRIu64 " of %" PRIu64 " pieces were new, %s stored\n", r->new_chunks, r->chunks, stored);
}

static bool print_json(const DataCommit *how, const DataCommitted *r, const Findings *found)
{
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    json_begin(&w, "moat.data.commit/1", found);
    data_version_json(&r->version, how->dataset, &w);
    json_key(&w, "unchanged"), json_put_bool(&w, r->unchanged);
    json_key(&w, "chunks"), json_put_u64(&w, r->chunks);
    json_key(&w, "new_chunks"), json_put_u64(&w, r->new_chunks);
    json_key(&w, "stored_bytes"), json_put_u64(&w, r->stored_bytes);
    return json_finish(&w);
}

int data_commit_cmd(int argc, char **argv)
{
    defer_arena Arena *a = arena_new(DATA_ARENA);
    Err                e = { 0 };
    char               actor[32];
    DataCommitted      done;
    DataCommit         how = { .actor = actor_text(actor), .reason = str(reason), .rewrite = rewrite, .paranoid = paranoid, .clock = clock_system() };
    if (argc != 1)
        return usage("moat data commit DATASET [--key FILE] [--reason TEXT]");
    if (!parse_expiry(how.clock, &how.expires_ns))
        return usage("--expires wants a span like 90d or a day to come, not '%s'", expires);
    Pipeline *p = cli_pipeline(a, &e);
    how.dataset = str(argv[0]);
    how.key = p ? cli_key_path(a, key_file, &e) : NULL;
    defer_ledger Ledger *l = how.key ? cli_ledger(p, &e) : NULL;
    if (l == NULL)
        return die(&e);
    Findings *found = findings_new(a);
    how.pool = pool_new(0);
    bool ok = data_commit(a, p, l, &how, found, &done, &e);
    pool_free(how.pool);
    if (!ok)
        return die(&e);
    if (done.pinned_now)
        fprintf(stderr, "moat: note: from now on every version of '%s' must be signed by key %.16s\n", argv[0], done.version.keyid.p);
    findings_sort(found);
    if (common.json && !print_json(&how, &done, found))
        return EXIT_BROKEN;
    if (!common.json)
        print_text(&how, &done, found);
    return exit_of(found, SEV_HIGH, false);
}
