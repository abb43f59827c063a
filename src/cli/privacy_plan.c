/* privacy_plan.c - what `moat privacy train` is to do: its options, over the training of moat.yaml, over the defaults. */
#include "base/file.h"
#include "cli/out_path.h"
#include "cli/privacy_train.h"
#include <limits.h>
#include <math.h>

/* NAN and ABSENT mean "not given": then the training in moat.yaml decides, then the defaults. */
enum { ABSENT = INT_MIN };
static const char *data_opt, *labels_opt, *test_opt, *model_opt, *out_opt, *scale_opt;
static double      l2_opt = NAN, rate_opt = NAN, momentum_opt = 0.9, dropout_opt = NAN, epsilon_opt = NAN, delta_opt = NAN, clip_opt = NAN,
                   sigma_opt = NAN;
static long        epochs_opt = ABSENT, batch_opt = ABSENT, seed_opt = ABSENT, threads_opt = 0, seed_noise_opt = ABSENT;

const Opt privacy_train_opts[PRIVACY_TRAIN_OPTS] = {
    { "data", 'd', OPT_TEXT, &data_opt, "DATASET", "dataset of moat.yaml, or a CSV, npy or IDX file" },
    { "labels", 'l', OPT_TEXT, &labels_opt, "L", "label column (CSV) or file (npy, IDX)" },
    { "test", 't', OPT_TEXT, &test_opt, "DATASET", "measure on this one too" },
    { "model", 'm', OPT_TEXT, &model_opt, "MODEL", "model of moat.yaml to write; or the kind: softmax, mlp:256, mlp:256,128" },
    { "out", 'o', OPT_TEXT, &out_opt, "FILE", "write there instead" },
    { "l2", 0, OPT_REAL, &l2_opt, "X", "penalty l2/2 |W|^2 on the weights" },
    { "rate", 0, OPT_REAL, &rate_opt, "X", "learning rate at the start; falls to 0" },
    { "momentum", 0, OPT_REAL, &momentum_opt, "X", "default 0.9" },
    { "epochs", 'n', OPT_INT, &epochs_opt, "N", "passes over the data" },
    { "batch", 'b', OPT_INT, &batch_opt, "N", "rows a step" },
    { "seed", 's', OPT_INT, &seed_opt, "N", "seed of the shuffles: same seed, same model" },
    { "dropout", 0, OPT_REAL, &dropout_opt, "P", "mlp: share of hidden units left out in each step" },
    { "scale", 0, OPT_TEXT, &scale_opt, "HOW", "standard (each column), range (images) or LOW:HIGH; default: range for IDX" },
    { "threads", 0, OPT_INT, &threads_opt, "N", "0: one a processor; the result is the same" },
    { "epsilon", 'e', OPT_REAL, &epsilon_opt, "E", "differential privacy: noise is chosen so that epsilon is at most this" },
    { "delta", 0, OPT_REAL, &delta_opt, "D", "... at this delta; default: 1e-5" },
    { "clip", 0, OPT_REAL, &clip_opt, "C", "... norm to which the gradient of a row is cut; default: 1" },
    { "sigma", 0, OPT_REAL, &sigma_opt, "S", "... noise multiplier, instead of --epsilon" },
    { "seed-noise", 0, OPT_INT, &seed_noise_opt, "N", "noise from a seed, for tests: the model is not private" },
};

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

static const char *text_of(const Job *j, Str s) { return s.n ? arena_printf(j->arena, "%.*s", STR(s)) : NULL; }

/* IDX starts with two zero bytes; of all that is read here only IDX comes in gzip. */
static bool is_idx(const char *path)
{
    defer_file FILE *f = fopen(path, "rbe");
    uint8_t          head[2];
    return f != NULL && fread(head, 1, 2, f) == 2 && ((head[0] == 0 && head[1] == 0) || (head[0] == 0x1F && head[1] == 0x8B));
}

static bool scale_fixed(const char *text, TrainOptions *o)
{
    Str low, high;
    o->scale = SCALE_FIXED;
    return str_cut(str(text), ':', &low, &high) && number_f64(low, &o->low) && number_f64(high, &o->high) && o->low < o->high;
}

/* What is not said: images by their range, which the format fixes at 255 when the data must not be asked; other columns
 * by what they hold, which is refused later when it must not be asked. */
static bool scale(const Job *j, const char *text, TrainOptions *o, Err *e)
{
    bool image = is_idx(j->data.path);
    if (text == NULL && is_private(j) && !image) {
        err_set(e, E_USAGE, "%s: mean and size of its columns are data too; which range do they have?", j->data.path);
        return err_hint(e, "--scale LOW:HIGH, known without looking at the data");
    }
    if (text == NULL && is_private(j))
        text = "0:255";
    if (text == NULL || strcmp(text, "standard") == 0 || strcmp(text, "range") == 0) {
        o->scale = text == NULL ? (image ? SCALE_RANGE : SCALE_STANDARD) : *text == 'r' ? SCALE_RANGE : SCALE_STANDARD;
        if (o->scale == SCALE_FIXED || !is_private(j))
            return true;
        return err_set(e, E_USAGE, "--scale %s looks at the data; a private training wants LOW:HIGH", text);
    }
    return scale_fixed(text, o) || err_set(e, E_USAGE, "--scale wants standard, range or LOW:HIGH, not '%s'", text);
}

/* "256,128" */
static bool widths(Str text, TrainOptions *o, Err *e)
{
    Str      one, rest = text;
    uint64_t n;
    for (bool more = true; more; o->hidden[o->hiddens++] = n) {
        more = str_cut(rest, ',', &one, &rest);
        if (o->hiddens == len_of(o->hidden) || !str_u64(str_trim(one), &n) || n < 1 || n > MLP_WIDTH_MAX)
            return err_set(e, E_USAGE, "'%.*s': one to %d hidden layers of 1 to %d units are wanted, like 256,128", STR(text),
                           MLP_LAYERS_MAX - 1, MLP_WIDTH_MAX);
    }
    return true;
}

/* --model may say the kind: softmax, mlp, mlp:256,128. */
static bool is_kind(const Job *j, const char *model)
{
    if (j->pipeline && pipeline_model(j->pipeline, str(model)))
        return false;
    return strcmp(model, "softmax") == 0 || strcmp(model, "mlp") == 0 || strncmp(model, "mlp:", 4) == 0;
}

static bool kind(const Job *j, const Training *t, TrainOptions *o, Err *e)
{
    const char *said = model_opt && is_kind(j, model_opt) ? model_opt : NULL;
    if (said && strncmp(said, "mlp:", 4) == 0)
        return widths(str(said + 4), o, e);
    if (said ? strcmp(said, "mlp") == 0 : str_is(t->kind, "mlp"))
        return widths(t->hidden, o, e);
    return true;
}

/* The one of moat.yaml that is called so; without a name the defaults. */
static const Training *training_called(const Job *j, const char *name, Err *e)
{
    static const Training defaults = { .kind = { "softmax", 7 }, .hidden = { "256", 3 }, .l2 = 0.0001, .rate = 0.1, .epochs = 20,
                                       .batch = 256, .seed = 1, .delta = 1e-5, .clip = 1 };
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
    const char *model = model_opt && !is_kind(j, model_opt) ? model_opt : text_of(j, t->model);
    j->model = model && j->pipeline ? pipeline_model(j->pipeline, str(model)) : NULL;
    if (model != NULL && j->model == NULL)
        return err_set(e, E_USAGE, "no model '%s' in moat.yaml", model);
    j->out = out_opt ? out_opt : j->model ? pipeline_path(j->pipeline, j->model->path) : NULL;
    return j->out != NULL || (err_set(e, E_USAGE, "where to?"), err_hint(e, "--out FILE.safetensors, or --model NAME of moat.yaml"));
}

/* Labels of CSV are a column, not a file. */
static const char *labels_file(const Input *in) { return in->path && !str_ends(str(in->path), S(".csv")) ? in->labels : NULL; }

static bool output_free(const Job *j, Err *e)
{
    const char *const in[] = { j->data.path, j->test.path, labels_file(&j->data), labels_file(&j->test) };
    OutPath           q = { j->pipeline, in, len_of(in), out_opt == NULL };
    const char       *statement = arena_printf(j->arena, "%s.privacy.json", j->out);
    return (statement != NULL || err_nomem(e)) && out_free(&q, j->out, e) && out_free(&q, statement, e);
}

static double real_or(double given, double otherwise) { return isnan(given) ? otherwise : given; }
static uint64_t whole_or(long given, uint64_t otherwise) { return given == ABSENT ? otherwise : (uint64_t)given; }

/* A count below 0 is no wish for the default. */
static bool no_negative(Err *e)
{
    const struct { const char *name; long value; } counts[] = {
        { "epochs", epochs_opt }, { "batch", batch_opt }, { "seed", seed_opt }, { "threads", threads_opt }, { "seed-noise", seed_noise_opt },
    };
    for (size_t i = 0; i < len_of(counts); i++)
        if (counts[i].value < 0 && counts[i].value != ABSENT)
            return err_set(e, E_USAGE, "--%s is not negative; %ld is", counts[i].name, counts[i].value);
    return true;
}

static bool privacy(Job *j, const Training *t, Err *e)
{
    j->epsilon = isnan(sigma_opt) ? real_or(epsilon_opt, t->epsilon) : 0;
    j->delta = real_or(delta_opt, t->delta);
    j->o.sigma = real_or(sigma_opt, 0);
    j->o.clip = real_or(clip_opt, t->clip);
    j->o.seeded = seed_noise_opt >= 0, j->o.noise_seed = (uint64_t)seed_noise_opt;
    if (!isnan(epsilon_opt) && (!isnan(sigma_opt) || !(epsilon_opt > 0)))
        return err_set(e, E_USAGE, isnan(sigma_opt) ? "--epsilon wants a number above 0" : "--epsilon finds the noise, --sigma gives it: not both");
    if (!isnan(sigma_opt) && !(sigma_opt > 0))
        return err_set(e, E_USAGE, "--sigma wants a number above 0");
    if (!is_private(j) && (!isnan(clip_opt) || !isnan(delta_opt) || j->o.seeded))
        return err_set(e, E_USAGE, "--clip, --delta and --seed-noise belong to private training"), err_hint(e, "--epsilon 3 --delta 1e-5");
    return true;
}

bool train_needs_no_pipeline(void) { return out_opt != NULL; }

bool train_plan(Job *j, const char *training, Err *e)
{
    const Training *t = training_called(j, training, e);
    j->training = training ? training : "";
    if (t == NULL || !no_negative(e) || !inputs(j, t, e) || !output(j, t, e) || !output_free(j, e))
        return false;
    j->o = (TrainOptions){ .l2 = real_or(l2_opt, t->l2), .rate = real_or(rate_opt, t->rate), .momentum = momentum_opt,
                           .dropout = real_or(dropout_opt, t->dropout), .epochs = whole_or(epochs_opt, t->epochs),
                           .batch = whole_or(batch_opt, t->batch), .seed = whole_or(seed_opt, t->seed) };
    j->threads = (unsigned)threads_opt;
    return privacy(j, t, e) && kind(j, t, &j->o, e) && scale(j, scale_opt ? scale_opt : text_of(j, t->scale), &j->o, e);
}
