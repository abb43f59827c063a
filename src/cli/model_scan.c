/* model_scan.c - `moat model scan`. */
#include "cli/model_cmds.h"
#include "base/file.h"
#include "model/scan.h"

enum { LINE_MAX_BYTES = 8192 };

static bool        deep;
static const char *list_file;
static long        seconds = SCAN_SECONDS;

const Opt model_scan_opts[3] = {
    { "deep", 0, OPT_FLAG, &deep, NULL, "read the bytes of tensors too, for archives and pickles that hide there" },
    { "files-from", 0, OPT_TEXT, &list_file, "FILE", "take paths from FILE, one a line; - is standard input" },
    { "seconds", 0, OPT_INT, &seconds, "N", "longest time for one file; default: 60" },
};

typedef struct Run {
    Arena      *a;
    Findings   *found;
    ScanSummary all;                                   /* of every path                                      */
    size_t      cap;
    bool        failed;                                /* a path could not be scanned; said on stderr        */
} Run;

/* ---- results of several scans in one */

static bool gather(Run *r, const ScanSummary *s, Err *e)
{
    ScanSummary *t = &r->all;
    if (t->n + s->n > r->cap) {
        size_t   cap = 2 * (t->n + s->n);
        ScanRow *v = arena_get(r->a, cap, sizeof *v);
        if (v == NULL)
            return err_nomem(e);
        if (t->n != 0)
            memcpy(v, t->v, t->n * sizeof *v);
        t->v = v, r->cap = cap;
    }
    if (s->n != 0)
        memcpy(t->v + t->n, s->v, s->n * sizeof *s->v);
    t->n += s->n, t->files += s->files, t->bytes += s->bytes;
    t->verdict = s->verdict > t->verdict ? s->verdict : t->verdict;
    return true;
}

static void failed(Run *r, const Err *e)
{
    die(e);
    r->failed = true;
}

/* What was asked for and not looked at has a row too, or a reader of the rows takes it for clean. */
static void failed_path(Run *r, const char *path, const Err *e)
{
    Str         none = { "", 0 };
    ScanRow     row = { arena_str(r->a, str(path)), none, S("unknown"), arena_str(r->a, str(e->message)), SCAN_UNSCANNABLE };
    ScanSummary one = { .verdict = SCAN_UNSCANNABLE, .v = &row, .n = 1 };
    Err         second = { 0 };
    failed(r, e);
    if (!gather(r, &one, &second))
        failed(r, &second);
}

/* ---- one path of the command line, with its record */

static bool note(const ModelTarget *t, const ScanSummary *s, Err *e)
{
    char                 actor[32];
    defer_ledger Ledger *l = cli_ledger(t->p, e);
    return l != NULL && model_scan_record(l, clock_system(), actor_text(actor), t->m ? t->m->part.name : S(""), t->c.path, s, e);
}

static void scan_one(Run *r, const char *arg)
{
    Err         e = { 0 };
    ModelTarget t;
    ScanSummary s;
    if (!model_target(r->a, arg, &t, &e)) {
        failed_path(r, arg, &e);
        return;
    }
    ScanOptions o = { .part = t.c.part, .deep = deep, .digest = t.p != NULL, .seconds = (unsigned)seconds };
    bool        ok = model_scan(r->a, t.c.path, &o, r->found, &s, &e);
    if (!gather(r, &s, ok ? &e : NULL) || !ok)
        failed_path(r, arg, &e);
    else if (t.p != NULL && !note(&t, &s, &e))
        failed(r, &e);
}

/* ---- paths from a list: no records, but workers that take many files each */

static bool next_line(FILE *f, char *line, Err *e)
{
    if (fgets(line, LINE_MAX_BYTES, f) == NULL)
        return ferror(f) ? err_set(e, E_IO, "--files-from %s: %m", list_file) : false;
    size_t n = strcspn(line, "\n");
    if (n == LINE_MAX_BYTES - 1)
        return err_set(e, E_LIMIT, "--files-from: a line of more than %d bytes", LINE_MAX_BYTES - 2);
    line[n] = '\0';
    return true;
}

static void scan_lines(Run *r, FILE *f, Scanner *s)
{
    char line[LINE_MAX_BYTES];
    Err  e = { 0 };
    while (next_line(f, line, &e))
        if (*line != '\0' && !scanner_add(s, line, &e)) {
            failed_path(r, line, &e);
            e = (Err){ 0 };
        }
    if (e.code != E_OK)
        failed_path(r, list_file, &e);
}

static void scan_list(Run *r)
{
    Err             e = { 0 };
    ScanSummary     sum = { 0 };
    ScanOptions     o = { .deep = deep, .seconds = (unsigned)seconds };
    bool            piped = strcmp(list_file, "-") == 0;
    defer_file FILE *own = piped ? NULL : fopen(list_file, "re");
    FILE           *f = piped ? stdin : own;
    Scanner        *s = f ? scanner_open(r->a, &o, r->found, &sum, &e) : NULL;
    if (f == NULL)
        err_set(&e, E_IO, "%s: %m", list_file);
    if (s == NULL) {
        failed_path(r, list_file, &e);
        return;
    }
    scan_lines(r, f, s);
    if (!scanner_close(s, &e) || !gather(r, &sum, &e))
        failed_path(r, list_file, &e);
}

/* ---- output */

static bool print_json(const Run *r)
{
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    json_begin(&w, "moat.model.scan/1", r->found);
    json_key(&w, "verdict"), json_put_z(&w, scan_verdict_name(r->all.verdict));
    json_member(&w, "scanner", str(scanner_version()));
    json_member(&w, "rules", S(SCAN_RULES_VERSION));
    json_key(&w, "files"), json_open(&w, '[');
    for (size_t i = 0; i < r->all.n; i++) {
        const ScanRow *x = &r->all.v[i];
        json_open(&w, '{');
        json_member(&w, "path", x->path);
        json_member(&w, "inner", x->inner);
        json_member(&w, "format", x->format);
        json_member(&w, "verdict", str(scan_verdict_name(x->verdict)));
        if (x->why.n != 0)
            json_member(&w, "why", x->why);
        json_close(&w, '}');
    }
    json_close(&w, ']');
    return json_finish(&w);
}

/* The findings, then a line for each file; of members only what could not be judged. */
static bool print_text(const Run *r)
{
    defer_buf Buf b = { 0 };
    findings_text(r->found, stdout, colour_on(stdout));
    for (size_t i = 0; i < r->all.n; i++) {
        const ScanRow *x = &r->all.v[i];
        if (x->inner.n != 0 && x->verdict != SCAN_UNSCANNABLE && x->verdict != SCAN_BROKEN)
            continue;
        buf_z(&b, x->inner.n ? "  " : ""), buf_clean(&b, x->path);
        if (x->inner.n != 0)
            buf_z(&b, " > "), buf_clean(&b, x->inner);
        buf_printf(&b, ": %s (%.*s)", scan_verdict_name(x->verdict), STR(x->format));
        if (x->why.n != 0 && x->verdict <= SCAN_BROKEN)
            buf_z(&b, ": "), buf_clean(&b, x->why);
        buf_byte(&b, '\n');
    }
    return !b.bad && fwrite(b.p ? b.p : "", 1, b.n, stdout) == b.n && fflush(stdout) == 0;
}

int model_scan_cmd(int argc, char **argv)
{
    defer_arena Arena *a = arena_new(MODEL_ARENA);
    Err                e = { 0 };
    if (argc == 0 && list_file == NULL)
        return usage("moat model scan PATH|NAME... [--deep] [--files-from FILE]");
    if (seconds < 1 || seconds > 86400)
        return usage("--seconds wants a number from 1 to 86400");
    Run r = { .a = a, .found = a ? findings_new(a) : NULL };
    if (r.found == NULL) {
        err_nomem(&e);
        return die(&e);
    }
    for (int i = 0; i < argc; i++)
        scan_one(&r, argv[i]);
    if (list_file != NULL)
        scan_list(&r);
    if (r.all.n == 0 && !r.failed) {
        err_set(&e, E_FORMAT, "nothing to scan: no file in what was given");
        failed(&r, &e);
    }
    if (r.failed && r.all.verdict < SCAN_UNSCANNABLE)
        r.all.verdict = SCAN_UNSCANNABLE;
    findings_sort(r.found);
    if (!(common.json ? print_json(&r) : print_text(&r)))
        return EXIT_BROKEN;
    bool unjudged = r.failed;
    for (size_t i = 0; i < r.all.n; i++)
        unjudged |= r.all.v[i].verdict == SCAN_UNSCANNABLE || r.all.v[i].verdict == SCAN_BROKEN;
    return exit_of(r.found, SEV_MEDIUM, unjudged);
}
