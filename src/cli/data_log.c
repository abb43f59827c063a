/* data_log.c - `moat data log`. */
#include "cli/data_cmds.h"

static const char *signer;

const Opt data_log_opts[DATA_LOG_OPTS] = {
    { "signer", 0, OPT_TEXT, &signer, "PUB", "public key that must have signed; default: the one pinned at first use" },
};

static void print_reason(Str reason)
{
    defer_buf Buf b = { 0 };
    buf_clean(&b, reason);
    printf(b.n ? "  %.*s\n" : "%.*s\n", STR(buf_view(&b)));
}

static void print_text(const DataVersion *v, size_t n)
{
    for (size_t i = 0; i < n; i++, v++) {
        char hex[DIGEST_HEX], size[SIZE_TEXT];
        digest_hex(&v->root, hex);
        size_text(v->bytes, size);
        printf("%6" PRIu64 "  %.*s  %12" PRIu64 " rows  %10s  %.16s", v->version, STR(v->time), v->rows, size, hex);
        if (v->reverts)
            printf("  brings back %" PRIu64, v->reverts);
        print_reason(v->reason);
    }
}

static bool print_json(Str dataset, const DataVersion *v, size_t n, const Findings *none)
{
    static const DataVersion never;
    defer_buf Buf            b = { 0 };
    JsonOut                  w = json_out(&b);
    json_begin(&w, "moat.data.log/1", none);
    data_version_json(n ? v : &never, dataset, &w);
    json_key(&w, "steps");
    json_open(&w, '[');
    for (size_t i = 0; i < n; i++) {
        json_open(&w, '{');
        data_version_json(&v[i], dataset, &w);
        json_close(&w, '}');
    }
    json_close(&w, ']');
    return json_finish(&w);
}

int data_log_cmd(int argc, char **argv)
{
    defer_arena Arena *a = arena_new(DATA_ARENA);
    Err                e = { 0 };
    DataVersion       *v;
    size_t             n;
    if (argc != 1)
        return usage("moat data log DATASET");
    Pipeline *p = cli_pipeline(a, &e);
    if (p == NULL || !data_log(a, p, str(argv[0]), signer, &v, &n, &e))
        return die(&e);
    if (common.json)
        return print_json(str(argv[0]), v, n, findings_new(a)) ? EXIT_CLEAN : EXIT_BROKEN;
    if (n == 0)
        fprintf(stderr, "moat: note: '%s' was never committed\n", argv[0]);
    print_text(v, n);
    return EXIT_CLEAN;
}
