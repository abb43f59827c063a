/* privacy_train.c - `moat privacy train`: a model from a dataset, and the record of how it came to be. */
#include "privacy/privacy.h"
#include "base/file.h"
#include "cli/privacy_cmds.h"
#include "data/data.h"
#include <math.h>
#include <unistd.h>

static const size_t arena_limit = (size_t)16 << 30;

/* NAN and -1 mean "not given": then the training in moat.yaml decides, then the defaults. */
static const char *data_opt, *labels_opt, *test_opt, *model_opt, *out_opt, *scale_opt, *epsilon_opt;
static double      l2_opt = NAN, rate_opt = NAN, momentum_opt = 0.9;
static long        epochs_opt = -1, batch_opt = -1, seed_opt = -1, threads_opt = 0;

typedef struct Input {                                 /* a dataset of the pipeline, or a file with its labels */
    const char    *path, *labels;
    const Dataset *dataset;                            /* NULL: just a file */
    DataVersion    version;                            /* 0: not committed  */
} Input;

typedef struct Job {
    Arena        *arena;
    Pipeline     *pipeline;                            /* NULL outside of one */
    Input         data, test;                          /* test.path NULL: none */
    const Model  *model;                               /* NULL: just a file   */
    const char   *out, *training;
    TrainOptions  o;
} Job;

/* ---- what to do */

static const Dataset *dataset_of(const Job *j, const char *name)
{
    return j->pipeline != NULL ? pipeline_dataset(j->pipeline, str(name)) : NULL;
}

/* The labels of an npy or IDX dataset are a file, of a CSV a column. */
static const char *labels_of(const Job *j, const Dataset *d)
{
    if (d->labels.n == 0)
        return NULL;
    bool column = str_is(d->format, "csv") || (d->format.n == 0 && str_ends(d->path, S(".csv")));
    return column ? arena_printf(j->arena, "%.*s", STR(d->labels)) : pipeline_path(j->pipeline, d->labels);
}

static bool input(const Job *j, const char *name, const char *labels, Input *out, Err *e)
{
    out->dataset = dataset_of(j, name);
    if (out->dataset == NULL && !file_exists(name)) {
        err_set(e, E_USAGE, "'%s' is neither a dataset of moat.yaml nor a file", name);
        return err_hint(e, "moat map shows the datasets");
    }
    out->path = out->dataset ? pipeline_path(j->pipeline, out->dataset->path) : name;
    out->labels = labels ? labels : out->dataset ? labels_of(j, out->dataset) : NULL;
    if (out->labels != NULL)
        return true;
    err_set(e, E_USAGE, "%s: which are the labels?", name);
    return err_hint(e, "--labels COLUMN for CSV, --labels FILE for npy and IDX");
}

/* A record must name the data that were trained on: files that differ from their committed version are refused. */
static bool known_version(const Job *j, Input *in, bool *differs, Err *e)
{
    Findings    *found = findings_new(j->arena);
    DataVerified v;
    DataVerify   how = { .skip_store = true, .clock = clock_system() };
    if (in->dataset == NULL || found == NULL)
        return found != NULL || err_nomem(e);
    how.dataset = in->dataset->part.name;
    if (!data_head(j->arena, j->pipeline, how.dataset, &in->version, e))
        return false;
    if (in->version.version == 0)
        return true;
    if (!data_verify(j->arena, j->pipeline, &how, found, &v, e))
        return false;
    *differs = findings_count(found) > 0;
    if (*differs)
        findings_text(found, stderr, colour_on(stderr));
    return true;
}

static const char *text_of(const Job *j, Str s) { return s.n ? arena_printf(j->arena, "%.*s", STR(s)) : NULL; }

/* IDX starts with two zero bytes; of all that is read here only IDX comes in gzip. */
static bool is_idx(const char *path)
{
    defer_file FILE *f = fopen(path, "rbe");
    uint8_t          head[2];
    return f != NULL && fread(head, 1, 2, f) == 2 && ((head[0] == 0 && head[1] == 0) || (head[0] == 0x1F && head[1] == 0x8B));
}

static ScaleKind scale_of(const Input *in)
{
    if (scale_opt != NULL)
        return strcmp(scale_opt, "range") == 0 ? SCALE_RANGE : SCALE_STANDARD;
    return is_idx(in->path) ? SCALE_RANGE : SCALE_STANDARD;
}

/* The one of moat.yaml that is called so; without a name the defaults. */
static const Training *training_called(const Job *j, const char *name, Err *e)
{
    static const Training defaults = { .l2 = 0.0001, .rate = 0.1, .epochs = 20, .batch = 256, .seed = 1 };
    if (name == NULL)
        return &defaults;
    const Training *t = j->pipeline ? pipeline_training(j->pipeline, str(name)) : NULL;
    if (t == NULL) {
        err_set(e, E_USAGE, "no training '%s' in %s", name, j->pipeline ? j->pipeline->file : "a moat.yaml (there is none)");
        err_hint(e, "moat map, or moat privacy train --data FILE --labels L --out FILE");
    }
    return t;
}

static bool inputs(Job *j, const Training *t, Err *e)
{
    const char *data = data_opt ? data_opt : text_of(j, t->data), *test = test_opt ? test_opt : text_of(j, t->test);
    if (data == NULL)
        return err_set(e, E_USAGE, "train what?"), err_hint(e, "moat privacy train TRAINING, or --data FILE --labels L --out FILE");
    return input(j, data, labels_opt, &j->data, e) && (test == NULL || input(j, test, labels_opt, &j->test, e));
}

static bool output(Job *j, const Training *t, Err *e)
{
    const char *model = model_opt ? model_opt : text_of(j, t->model);
    j->model = model && j->pipeline ? pipeline_model(j->pipeline, str(model)) : NULL;
    if (model != NULL && j->model == NULL)
        return err_set(e, E_USAGE, "no model '%s' in moat.yaml", model);
    j->out = out_opt ? out_opt : j->model ? pipeline_path(j->pipeline, j->model->path) : NULL;
    return j->out != NULL || (err_set(e, E_USAGE, "where to?"), err_hint(e, "--out FILE.safetensors, or --model NAME of moat.yaml"));
}

static bool plan(Job *j, const char *training, Err *e)
{
    const Training *t = training_called(j, training, e);
    j->training = training ? training : "";
    if (t == NULL || !inputs(j, t, e) || !output(j, t, e))
        return false;
    j->o = (TrainOptions){ .l2 = isnan(l2_opt) ? t->l2 : l2_opt,
                           .rate = isnan(rate_opt) ? t->rate : rate_opt,
                           .momentum = momentum_opt,
                           .epochs = epochs_opt < 0 ? t->epochs : (uint64_t)epochs_opt,
                           .batch = batch_opt < 0 ? t->batch : (uint64_t)batch_opt,
                           .seed = seed_opt < 0 ? t->seed : (uint64_t)seed_opt,
                           .scale = scale_of(&j->data) };
    return true;
}

/* ---- doing it */

typedef struct Result {
    Matrix data;
    Mlp    model;
    Score  train, test;
    Str   *class;
    Digest digest;
} Result;

static bool load(const Job *j, const Input *in, Matrix *out, Err *e)
{
    MatrixAsk ask = { .label = in->labels };
    return matrix_read(j->arena, in->path, &ask, out, e);
}

static void progress(void *ctx, uint64_t epoch, uint64_t epochs, double loss)
{
    (void)ctx;
    fprintf(stderr, "\repoch %" PRIu64 " of %" PRIu64 ", loss %.4f%s", epoch, epochs, loss, epoch == epochs ? "\n" : "");
}

/* moat.yaml may name the classes; otherwise they are called as in the data. */
static bool name_classes(const Job *j, Result *r, Err *e)
{
    r->class = r->data.class;
    if (j->model == NULL || j->model->labels.n == 0)
        return true;
    if (j->model->labels.n != r->data.classes)
        return err_set(e, E_FORMAT, "%.*s names %zu labels; the data has %zu classes", STR(j->model->part.id), j->model->labels.n,
                       r->data.classes);
    r->class = j->model->labels.v;
    return true;
}

static bool work(const Job *j, Result *r, Err *e)
{
    Pool *pool = pool_new((unsigned)threads_opt);
    bool  ok = load(j, &j->data, &r->data, e) && name_classes(j, r, e);
    if (ok && !train_model(j->arena, pool, &r->data, &j->o, isatty(STDERR_FILENO) ? progress : NULL, NULL, &r->model, &r->train, NULL, e))
        ok = err_in(e, "%s", j->data.path);
    if (ok && j->test.path != NULL) {
        Matrix test;
        ok = load(j, &j->test, &test, e) &&
             (measure_model(j->arena, pool, &r->model, r->data.class, &test, &r->test, e) || err_in(e, "%s", j->test.path));
    }
    pool_free(pool);
    return ok;
}

static bool save(const Job *j, Result *r, Err *e)
{
    defer_buf Buf file = { 0 };
    char          root[DIGEST_HEX] = "";
    if (j->data.version.version)
        digest_hex(&j->data.version.root, root);
    const Str extra[][2] = { { S("data_root"), str(root) }, { S("moat"), S(MOAT_VERSION) }, { S("private"), S("false") } };
    if (!model_write(j->arena, &r->model, r->class, extra, len_of(extra), &file, e))
        return false;
    r->digest = sha256(buf_view(&file));
    return file_replace(j->out, buf_view(&file), 0644, e);
}

/* ---- saying it */

static void put_score(JsonOut *w, const char *name, const Score *s)
{
    char key[32];
    if (s->rows == 0)
        return;
    snprintf(key, sizeof key, "%s_accuracy", name);
    json_key(w, key), json_put_f64(w, s->accuracy);
    snprintf(key, sizeof key, "%s_loss", name);
    json_key(w, key), json_put_f64(w, s->loss);
    snprintf(key, sizeof key, "%s_rows", name);
    json_key(w, key), json_put_u64(w, s->rows);
}

/* The members that the record and --json share. */
static void put_result(JsonOut *w, const Job *j, const Result *r)
{
    char   root[DIGEST_HEX] = "", code[DIGEST_HEX] = "";
    Digest self;
    if (j->data.version.version)
        digest_hex(&j->data.version.root, root);
    if (sha256_file("/proc/self/exe", &self, NULL, NULL))
        digest_hex(&self, code);
    json_key(w, "name"), json_put_z(w, j->training);
    json_key(w, "model"), json_put_str(w, j->model ? j->model->part.name : str(j->out));
    json_key(w, "data"), json_put_str(w, j->data.dataset ? j->data.dataset->part.name : str(j->data.path));
    json_key(w, "data_root"), json_put_z(w, root);
    json_key(w, "data_version"), json_put_u64(w, j->data.version.version);
    json_key(w, "code"), json_open(w, '{');
    json_key(w, "moat"), json_put_z(w, MOAT_VERSION);
    json_key(w, "sha256"), json_put_z(w, code);
    json_close(w, '}');
    json_key(w, "parameters"), json_open(w, '{');
    json_key(w, "kind"), json_put_z(w, mlp_kind(&r->model));
    json_key(w, "l2"), json_put_f64(w, j->o.l2);
    json_key(w, "rate"), json_put_f64(w, j->o.rate);
    json_key(w, "momentum"), json_put_f64(w, j->o.momentum);
    json_key(w, "epochs"), json_put_u64(w, j->o.epochs);
    json_key(w, "batch"), json_put_u64(w, j->o.batch);
    json_key(w, "seed"), json_put_u64(w, j->o.seed);
    json_key(w, "scale"), json_put_z(w, j->o.scale == SCALE_RANGE ? "range" : "standard");
    json_close(w, '}');
    json_key(w, "metrics"), json_open(w, '{');
    put_score(w, "train", &r->train);
    put_score(w, "test", &r->test);
    json_close(w, '}');
    json_key(w, "private"), json_put_bool(w, false);
}

static bool record(const Job *j, const Result *r, Err *e)
{
    char          who[32];
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    json_open(&w, '{');
    put_result(&w, j, r);
    json_close(&w, '}');
    defer_ledger Ledger *l = cli_ledger(j->pipeline, e);
    return l != NULL && (!b.bad || err_nomem(e)) &&
           ledger_append(l, clock_system(), RECORD_TRAINING, actor_text(who), &r->digest, buf_view(&b), NULL, e);
}

static int say_json(const Job *j, const Result *r)
{
    char          hex[DIGEST_HEX];
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    digest_hex(&r->digest, hex);
    json_begin(&w, "moat.privacy.train/1", findings_new(j->arena));
    json_key(&w, "path"), json_put_z(&w, j->out);
    json_key(&w, "digest"), json_put_z(&w, hex);
    json_key(&w, "features"), json_put_u64(&w, r->model.features);
    json_key(&w, "classes"), json_put_u64(&w, r->model.classes);
    put_result(&w, j, r);
    return json_finish(&w) ? EXIT_CLEAN : EXIT_BROKEN;
}

static int say(const Job *j, const Result *r)
{
    char hex[DIGEST_HEX];
    digest_hex(&r->digest, hex);
    if (common.json)
        return say_json(j, r);
    printf("trained    %" PRIu64 " rows, %zu features, %zu classes, %" PRIu64 " epochs, l2 %g\n", r->train.rows, r->model.features,
           r->model.classes, j->o.epochs, j->o.l2);
    printf("accuracy   %.4f on the training data", r->train.accuracy);
    if (r->test.rows)
        printf(", %.4f on %" PRIu64 " test rows", r->test.accuracy, r->test.rows);
    printf("\nmodel      %s\nsha256     %s\n", j->out, hex);
    if (j->data.version.version)
        printf("data       version %" PRIu64 " of %.*s\n", j->data.version.version, STR(j->data.dataset->part.id));
    else
        puts("data       not committed: the record cannot say which data this was (moat data commit)");
    return EXIT_CLEAN;
}

static bool misused(int argc)
{
    if (argc > 1)
        return usage("privacy train takes one training: moat privacy train TRAINING");
    if (epsilon_opt != NULL)
        return usage("--epsilon: training with differential privacy is not in this version of moat");
    if (scale_opt != NULL && strcmp(scale_opt, "range") != 0 && strcmp(scale_opt, "standard") != 0)
        return usage("--scale wants standard or range, not '%s'", scale_opt);
    return false;
}

int privacy_train_cmd(int argc, char **argv)
{
    Err                e = { 0 };
    bool               differs = false;
    defer_arena Arena *a = arena_new(arena_limit);
    Job                j = { .arena = a };
    Result             r = { 0 };
    if (a == NULL)
        return err_nomem(&e), die(&e);
    if (misused(argc))
        return EXIT_USAGE;
    j.pipeline = cli_pipeline(a, &e);
    if (j.pipeline == NULL && (argc == 1 || common.config != NULL || out_opt == NULL || e.code == E_FORMAT))
        return die(&e);
    e = (Err){ 0 };
    if (!plan(&j, argc == 1 ? argv[0] : NULL, &e) || !known_version(&j, &j.data, &differs, &e))
        return die(&e);
    if (differs)
        return fputs("moat: error: the data is not what was committed; `moat data commit` or `moat data restore` first\n", stderr),
               EXIT_FINDINGS;
    if (!work(&j, &r, &e) || !save(&j, &r, &e) || (j.pipeline != NULL && !record(&j, &r, &e)))
        return die(&e);
    return say(&j, &r);
}

const Opt privacy_train_opts[PRIVACY_TRAIN_OPTS] = {
    { "data", 'd', OPT_TEXT, &data_opt, "DATASET", "dataset of moat.yaml, or a CSV, npy or IDX file" },
    { "labels", 'l', OPT_TEXT, &labels_opt, "L", "label column (CSV) or file (npy, IDX)" },
    { "test", 't', OPT_TEXT, &test_opt, "DATASET", "measure on this one too" },
    { "model", 'm', OPT_TEXT, &model_opt, "MODEL", "model of moat.yaml to write" },
    { "out", 'o', OPT_TEXT, &out_opt, "FILE", "write there instead" },
    { "l2", 0, OPT_REAL, &l2_opt, "X", "penalty l2/2 |W|^2 on the weights" },
    { "rate", 0, OPT_REAL, &rate_opt, "X", "learning rate at the start; falls to 0" },
    { "momentum", 0, OPT_REAL, &momentum_opt, "X", "default 0.9" },
    { "epochs", 'n', OPT_INT, &epochs_opt, "N", "passes over the data" },
    { "batch", 'b', OPT_INT, &batch_opt, "N", "rows a step" },
    { "seed", 's', OPT_INT, &seed_opt, "N", "seed of the shuffles: same seed, same model" },
    { "scale", 0, OPT_TEXT, &scale_opt, "HOW", "standard (each column) or range (images); default: range for IDX" },
    { "threads", 0, OPT_INT, &threads_opt, "N", "0: one a processor; the result is the same" },
    { "epsilon", 0, OPT_TEXT, &epsilon_opt, "E", "not in this version" },
};
