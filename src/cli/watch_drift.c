/* watch_drift.c - `moat watch drift`. */
#include "base/file.h"
#include "cli/watch_cmds.h"
#include "watch/drift.h"

static OptMany only, categorical;
static double  threshold;
static long    min_rows, seed = 1;
static bool    strict;

const Opt watch_drift_opts[WATCH_DRIFT_OPTS] = {
    { "columns", 0, OPT_MANY, &only, "NAME", "compare this column only; may be repeated" },
    { "categorical", 0, OPT_MANY, &categorical, "NAME", "a column of numbers that are names; may be repeated" },
    { "threshold", 0, OPT_REAL, &threshold, "R", "effect from which it is drift; default 0.1" },
    { "min-rows", 0, OPT_INT, &min_rows, "N", "fewer values on either side are not judged; default 200" },
    { "seed", 0, OPT_INT, &seed, "N", "of permutations for rare categories; default 1" },
    { "strict", 0, OPT_FLAG, &strict, NULL, "infinite values are an error" },
};

#define ARENA ((size_t)64 << 30)                       /* a limit, not a size */

static bool texts_of(Arena *a, const OptMany *o, Str **out, Err *e)
{
    *out = arena_get(a, o->n + 1, sizeof **out);
    if (*out == NULL)
        return err_nomem(e);
    for (size_t i = 0; i < o->n; i++)
        (*out)[i] = str(o->v[i]);
    return true;
}

static bool read_file(Arena *a, const char *path, const Map *m, Columns *out, Err *e)
{
    Str *texts;
    return texts_of(a, &categorical, &texts, e) && (columns_read(a, m->bytes, texts, categorical.n, out, e) || err_in(e, "%s", path));
}

static bool categories_exist(Arena *a, const Columns *ref, Err *e)
{
    for (size_t i = 0; i < categorical.n; i++) {
        char *all = arena_printf(a, "%s", "");
        if (columns_find(ref, str(categorical.v[i])) != NULL)
            continue;
        for (size_t c = 0; c < ref->count && c < 50 && all != NULL; c++)
            all = arena_printf(a, "%s%s%.*s", all, c ? ", " : "", STR(ref->v[c].name));
        err_set(e, E_USAGE, "--categorical: the reference has no column '%s'", categorical.v[i]);
        return all != NULL ? err_hint(e, "it has %s", all) : err_nomem(e);
    }
    return true;
}

static bool no_infinite(const DriftReport *r, Err *e)
{
    for (size_t i = 0; strict && i < r->count; i++)
        if (r->v[i].ref.infinite + r->v[i].cur.infinite > 0)
            return err_set(e, E_FORMAT, "column '%.*s': %" PRIu64 " infinite values", STR(r->v[i].name), r->v[i].ref.infinite + r->v[i].cur.infinite);
    return true;
}

static bool show(const DriftReport *r, const Findings *found)
{
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    if (common.json) {
        json_begin(&w, "moat.watch.drift/1", found);
        drift_json(r, &w);
        return json_finish(&w);
    }
    drift_text(r, &b);
    fwrite(b.p, 1, b.n, stdout);
    findings_text(found, stdout, colour_on(stdout));
    return true;
}

static bool any_unknown(const DriftReport *r)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->v[i].verdict == DRIFT_UNKNOWN)
            return true;
    return false;
}

int watch_drift_cmd(int argc, char **argv)
{
    Err e = { 0 };
    if (argc != 2 || threshold < 0 || min_rows < 0)
        return usage("moat watch drift REF CUR [--columns NAME] [--threshold R]");
    defer_arena Arena *a = arena_new(ARENA);
    defer_map Map ref_map = { 0 }, cur_map = { 0 };
    Columns       ref, cur;
    DriftReport   r;
    DriftAsk      ask = { .threshold = threshold, .min_rows = (uint64_t)min_rows, .seed = (uint64_t)seed, .only_count = only.n };
    Findings     *found = a ? findings_new(a) : NULL;
    Str          *names;
    if (found == NULL)
        return err_nomem(&e), die(&e);
    if (!file_map(argv[0], &ref_map, &e) || !file_map(argv[1], &cur_map, &e) || !read_file(a, argv[0], &ref_map, &ref, &e) || !categories_exist(a, &ref, &e) ||
        !read_file(a, argv[1], &cur_map, &cur, &e) || !texts_of(a, &only, &names, &e))
        return die(&e);
    ask.only = names;
    Pool *pool = pool_new(0);
    bool  ok = drift_compare(a, pool, &ref, &cur, &ask, found, &r, &e) && no_infinite(&r, &e);
    pool_free(pool);
    if (!ok)
        return die(&e);
    findings_sort(found);
    if (!show(&r, found))
        return EXIT_BROKEN;
    return exit_of(found, SEV_HIGH, any_unknown(&r));
}
