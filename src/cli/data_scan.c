/* data_scan.c - `moat data scan`: what to look at and how. */
#include "cli/data_scan.h"
#include "base/file.h"
#include "cli/out_path.h"
#include "data/keep.h"
#include <math.h>

static const char *detector = "iforest", *contamination, *samples, *missing = "refuse", *format = "moat", *labels, *prune = "noise-rate";
static const char *scores_file, *save_file, *load_file, *kept_file, *kept_labels_file, *probabilities_file;
static OptMany     only, ignore;
static long        trees = FOREST_TREES, seed, threads, top = 20;

const Opt data_scan_opts[DATA_SCAN_OPTS] = {
    { "detector", 0, OPT_TEXT, &detector, "NAME", "iforest: rows that few cuts isolate (default); labels: rows whose label is wrong" },
    { "labels", 0, OPT_TEXT, &labels, "COLUMN", "CSV: the label's column; npy, IDX: the labels' file. Never a feature" },
    { "columns", 0, OPT_MANY, &only, "NAME", "CSV: look at this column only; may be repeated" },
    { "ignore", 0, OPT_MANY, &ignore, "NAME", "CSV: leave this column out; may be repeated" },
    { "missing", 0, OPT_TEXT, &missing, "HOW", "refuse (default), or impute: the column's median" },
    { "contamination", 0, OPT_TEXT, &contamination, "SHARE", "this share of the rows is odd; default auto: score above 0.5" },
    { "trees", 0, OPT_INT, &trees, "N", "default 100" },
    { "max-samples", 0, OPT_TEXT, &samples, "N", "rows a tree sees: auto (256), a number, or a share like 0.1" },
    { "seed", 0, OPT_INT, &seed, "N", "same seed, same forest; default 0" },
    { "probabilities", 0, OPT_TEXT, &probabilities_file, "NPY", "labels: out-of-fold, rows x classes; default: of the 10 nearest rows" },
    { "prune", 0, OPT_TEXT, &prune, "HOW", "labels: noise-rate (default), class, or both (fewer, surer)" },
    { "save", 0, OPT_TEXT, &save_file, "FILE", "keep the fitted forest" },
    { "load", 0, OPT_TEXT, &load_file, "FILE", "score with a kept forest instead of fitting one" },
    { "scores", 0, OPT_TEXT, &scores_file, "FILE", "write every row's score as CSV" },
    { "kept", 0, OPT_TEXT, &kept_file, "FILE", "write the rows that are not odd, as they were" },
    { "kept-labels", 0, OPT_TEXT, &kept_labels_file, "FILE", "and their labels, where these are a file of their own" },
    { "format", 0, OPT_TEXT, &format, "NAME", "sklearn: scores with scikit-learn's names and signs" },
    { "top", 0, OPT_INT, &top, "N", "odd rows to show; default 20; --json has all" },
    { "threads", 0, OPT_INT, &threads, "N", "default: one a processor; the answer does not depend on it" },
};

/* ---- what was asked */

static bool one_of(const char *what, const char *v, const char *const *of, size_t n, Err *e)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(v, of[i]) == 0)
            return true;
    const char *near = nearest_word(str(v), of, n);
    err_set(e, E_USAGE, "--%s is %s%s%s or %s, not '%s'", what, of[0], n > 2 ? ", " : "", n > 2 ? of[1] : "", of[n - 1], v);
    return near ? err_hint(e, "did you mean '%s'?", near) : false;
}

static bool words_ok(Err *e)
{
    static const char *const hows[] = { "refuse", "impute" }, *const formats[] = { "moat", "sklearn" };
    static const char *const detectors[] = { "iforest", "labels" }, *const prunes[] = { "noise-rate", "class", "both" };
    return one_of("detector", detector, detectors, 2, e) && one_of("prune", prune, prunes, 3, e) && one_of("missing", missing, hows, 2, e) && one_of("format", format, formats, 2, e);
}

/* Options of one detector that were given to the other. */
static bool fits_detector(Err *e)
{
    bool of_labels = strcmp(detector, "labels") == 0;
    if (of_labels && (load_file != NULL || save_file != NULL || contamination != NULL || strcmp(format, "moat") != 0))
        return err_set(e, E_USAGE, "--load, --save, --contamination and --format are of the isolation forest, not of --detector labels");
    return of_labels || probabilities_file == NULL || err_set(e, E_USAGE, "--probabilities goes with --detector labels");
}

static bool fit_together(Err *e)
{
    if (!fits_detector(e))
        return false;
    if (load_file != NULL && (trees != FOREST_TREES || samples != NULL || seed != 0 || save_file != NULL))
        return err_set(e, E_USAGE, "--load brings a forest: --trees, --max-samples, --seed and --save are for fitting one");
    if (only.n > 0 && ignore.n > 0)
        return err_set(e, E_USAGE, "--columns says which, --ignore all but which: give one of them");
    return kept_labels_file == NULL || kept_file != NULL || err_set(e, E_USAGE, "--kept-labels goes with --kept");
}

static bool numbers_ok(Err *e)
{
    if (trees < 1 || trees > FOREST_TREES_MAX)
        return err_set(e, E_USAGE, "--trees is 1 to %d, not %ld", FOREST_TREES_MAX, trees);
    if (seed < 0 || threads < 0 || threads > 1024 || top < 0)
        return err_set(e, E_USAGE, "--seed, --threads and --top are not negative; --threads is at most 1024");
    return true;
}

static bool contamination_of(double *out, Err *e)
{
    *out = 0;
    if (contamination == NULL || strcmp(contamination, "auto") == 0)
        return true;
    if (number_f64(str(contamination), out) && *out > 0 && *out <= 0.5)
        return true;
    err_set(e, E_USAGE, "--contamination is auto or a share above 0 and up to 0.5, not '%s'", contamination);
    return err_hint(e, "0.01 is one row in a hundred");
}

/* A number with a point is a share of the rows, one without a count, as scikit-learn tells 1.0 from 1. */
static bool samples_of(uint64_t rows, uint32_t *out, Err *e)
{
    uint64_t count;
    double   share;
    *out = 0;
    if (samples == NULL || strcmp(samples, "auto") == 0)
        return true;
    if (str_u64(str(samples), &count) && count > 0) {
        if (count > rows)
            fprintf(stderr, "moat: note: --max-samples %s is more than the %" PRIu64 " rows; all of them are taken\n", samples, rows);
        *out = count > UINT32_MAX ? UINT32_MAX : (uint32_t)count;
        return true;
    }
    if (strchr(samples, '.') != NULL && number_f64(str(samples), &share) && share > 0 && share <= 1) {
        *out = (uint32_t)(share * (double)rows);
        return *out > 0 || err_set(e, E_USAGE, "--max-samples %s of %" PRIu64 " rows is less than one row", samples, rows);
    }
    return err_set(e, E_USAGE, "--max-samples is auto, a number of rows, or a share like 0.1, not '%s'", samples);
}

/* ---- the rows */

static bool is_csv(const Dataset *d) { return str_is(d->format, "csv") || (d->format.n == 0 && str_ends(d->path, S(".csv"))); }

static bool looks_like_array(const char *path)
{
    defer_file FILE *f = fopen(path, "rbe");
    uint8_t          head[2];
    if (f == NULL || fread(head, 1, 2, f) != 2)
        return false;
    return (head[0] == 0x93 && head[1] == 'N') || (head[0] == 0x1F && head[1] == 0x8B) || (head[0] == 0 && head[1] == 0);
}

static bool find_input(Scan *s, const char *name, Err *e)
{
    s->dataset = s->pipeline ? pipeline_dataset(s->pipeline, str(name)) : NULL;
    s->path = s->dataset ? pipeline_path(s->pipeline, s->dataset->path) : name;
    s->subject = s->dataset ? s->dataset->path : str(name);
    s->part = s->dataset ? s->dataset->part.id : (Str){ 0 };
    if (s->dataset == NULL && !file_exists(name)) {
        err_set(e, E_USAGE, "'%s' is neither a dataset of moat.yaml nor a file", name);
        return err_hint(e, s->pipeline ? "moat map shows the datasets" : "a dataset's name needs a moat.yaml here or above");
    }
    s->labels = labels;
    if (labels == NULL && s->dataset != NULL && s->dataset->labels.n > 0)
        s->labels = is_csv(s->dataset) ? arena_printf(s->a, "%.*s", STR(s->dataset->labels)) : pipeline_path(s->pipeline, s->dataset->labels);
    s->labels_apart = s->labels != NULL && looks_like_array(s->path);
    return true;
}

static bool texts_of(Arena *a, const OptMany *o, const Str **out, Err *e)
{
    Str *v = arena_get(a, o->n, sizeof *v);
    if (v == NULL)
        return err_nomem(e);
    for (size_t i = 0; i < o->n; i++)
        v[i] = str(o->v[i]);
    *out = v;
    return true;
}

static bool read_rows(Scan *s, Err *e)
{
    MatrixAsk ask = { .label = s->labels, .keeps = only.n, .skips = ignore.n };
    if (!texts_of(s->a, &only, &ask.keep, e) || !texts_of(s->a, &ignore, &ask.skip, e))
        return false;
    if ((only.n > 0 || ignore.n > 0) && looks_like_array(s->path))
        return err_set(e, E_USAGE, "%s: --columns and --ignore need names; only CSV has them", s->path);
    if (matrix_read(s->a, s->path, &ask, &s->m, e))
        return true;
    if (e->code == E_FORMAT && strstr(e->message, "is no number") != NULL)
        err_hint(e, "--ignore NAME leaves a text column out, --labels NAME says which one is the label");
    return false;
}

/* ---- looking */

static bool load_forest(Scan *s, Forest *f, Err *e)
{
    defer_map Map file;
    return file_map(load_file, &file, e) && (forest_read(s->a, file.bytes, f, e) || err_in(e, "%s", load_file));
}

static bool find_outliers(Scan *s, Err *e)
{
    Forest     loaded;
    OutlierAsk ask = { .forest = { (uint32_t)trees, 0, (uint64_t)seed }, .impute = strcmp(missing, "impute") == 0 };
    if (!contamination_of(&ask.contamination, e) || !samples_of(s->m.rows, &ask.forest.samples, e) || (load_file != NULL && !load_forest(s, &loaded, e)))
        return false;
    ask.loaded = load_file ? &loaded : NULL;
    if (!outliers_find(s->a, s->pool, &s->m, &ask, &s->odd, &s->filled, e))
        return err_in(e, "%s", s->path);
    s->score = s->odd.score, s->flagged = s->odd.n;
    for (size_t i = 0; i < s->odd.n; i++)
        s->stays[s->odd.v[i].row] = false;
    return outliers_findings(&s->odd, &s->m, s->part, s->subject, s->found) || err_nomem(e);
}

/* Probabilities that were brought need no features, so holes in those do not matter. */
static bool probabilities(Scan *s, double **p, Err *e)
{
    float *fill = NULL;
    if (probabilities_file != NULL)
        return labels_probabilities(s->a, probabilities_file, &s->m, p, e);
    if (s->m.rows < 2 || s->m.cols == 0)
        return err_set(e, E_FORMAT, "%s: has %s", s->path, s->m.rows < 2 ? "too few rows: neighbours need two" : "no columns to judge by");
    if (!missing_fill(s->a, &s->m, strcmp(missing, "impute") == 0, &fill, &s->filled, e))
        return err_in(e, "%s", s->path);
    return labels_by_neighbours(s->a, s->pool, &s->m, p, e);
}

static bool find_wrong_labels(Scan *s, Err *e)
{
    Prune   how = prune[0] == 'n' ? PRUNE_BY_NOISE_RATE : prune[0] == 'c' ? PRUNE_BY_CLASS : PRUNE_BOTH;
    double *p;
    if (s->labels == NULL) {
        err_set(e, E_USAGE, "%s: which are the labels?", s->path);
        return err_hint(e, "--labels COLUMN for CSV, --labels FILE for npy and IDX");
    }
    if (!labels_few(&s->m, e))
        return err_in(e, "%s", s->path);
    if (!probabilities(s, &p, e))
        return false;
    if (!labels_find(s->a, &s->m, p, how, &s->noise, e))
        return err_in(e, "%s", s->path);
    s->by_labels = true, s->score = s->noise.score, s->flagged = s->noise.n;
    for (size_t i = 0; i < s->noise.n; i++)
        s->stays[s->noise.v[i].row] = false;
    return labels_findings(&s->noise, &s->m, s->part, s->subject, s->found) || err_nomem(e);
}

static bool look(Scan *s, Err *e)
{
    if (!read_rows(s, e))
        return false;
    s->stays = arena_get(s->a, s->m.rows, sizeof *s->stays);
    s->found = findings_new(s->a);
    if (s->stays == NULL || s->found == NULL)
        return err_nomem(e);
    memset(s->stays, true, s->m.rows);
    return strcmp(detector, "labels") == 0 ? find_wrong_labels(s, e) : find_outliers(s, e);
}

/* ---- files */

static bool save_forest(const Scan *s, Err *e)
{
    defer_buf Buf b = { 0 };
    forest_write(&s->odd.forest, &b);
    return b.bad ? err_nomem(e) : file_replace(save_file, buf_view(&b), 0644, e);
}

static bool write_files(const Scan *s, Err *e)
{
    Keep k = { s->stays, s->m.rows };
    if ((scores_file != NULL && !scan_scores(s, scores_file, e)) || (save_file != NULL && !save_forest(s, e)))
        return false;
    if (kept_file != NULL && !keep_rows(s->a, s->path, &k, kept_file, e))
        return false;
    if (kept_labels_file != NULL && !s->labels_apart)
        return err_set(e, E_USAGE, "--kept-labels: the labels are not a file of their own");
    if (kept_labels_file != NULL)
        return keep_rows(s->a, s->labels, &k, kept_labels_file, e);
    if (kept_file != NULL && s->labels_apart)
        fprintf(stderr, "moat: note: %s has fewer rows than %s now; --kept-labels FILE writes the labels that belong to it\n", kept_file, s->labels);
    return true;
}

/* Also before anything is looked at: a refusal should not come after an hour. */
static bool outputs_free(const Scan *s, Err *e)
{
    const char *const outs[] = { save_file, scores_file, kept_file, kept_labels_file };
    const char *const in[] = { s->path, s->labels_apart ? s->labels : NULL, load_file, probabilities_file };
    for (size_t i = 0; i < len_of(outs); i++)
        if (!out_free(&(OutPath){ .pipeline = s->pipeline, .in = in, .ins = len_of(in) }, outs[i], e))
            return false;
    return true;
}

int data_scan_cmd(int argc, char **argv)
{
    defer_arena Arena *a = arena_new(DATA_ARENA);
    Err                e = { 0 };
    Scan               s = { .a = a, .top = (uint64_t)top, .sklearn = strcmp(format, "sklearn") == 0 };
    if (argc != 1)
        return usage("moat data scan FILE|DATASET [--contamination SHARE] [--labels COLUMN]");
    if (!words_ok(&e) || !numbers_ok(&e) || !fit_together(&e) || !cli_pipeline_if_any(a, &s.pipeline, &e) || !find_input(&s, argv[0], &e) ||
        !outputs_free(&s, &e))
        return die(&e);
    s.pool = pool_new((unsigned)threads);
    bool ok = look(&s, &e) && write_files(&s, &e) && scan_record(&s, &e);
    pool_free(s.pool);
    if (!ok)
        return die(&e);
    findings_sort(s.found);
    return scan_show(&s) ? exit_of(s.found, SEV_HIGH, false) : EXIT_BROKEN;
}
