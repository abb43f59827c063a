/* privacy_train.c - `moat privacy train`: a model from a dataset, and the record of how it came to be. */
#include "cli/privacy_train.h"
#include "base/file.h"
#include <errno.h>
#include <math.h>
#include <unistd.h>

static const size_t arena_limit = (size_t)16 << 30;

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

typedef struct Result {
    Matrix    data;
    Mlp       model;
    Score     train, test;
    Str      *class;
    Digest    digest;
    Promise s;                                       /* of a private training */
    Str       statement;                               /* ... as JSON           */
} Result;

static bool load(const Job *j, const Input *in, Matrix *out, Err *e)
{
    MatrixAsk ask = { .label = in->labels };
    return matrix_read(j->arena, in->path, &ask, out, e);
}

static void progress(void *ctx, uint64_t epoch, uint64_t epochs, double loss)
{
    (void)ctx;
    if (isnan(loss))
        fprintf(stderr, "\rstep %" PRIu64 " of %" PRIu64 "%s", epoch, epochs, epoch == epochs ? "\n" : "");
    else
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

static bool train(Job *j, Pool *pool, Result *r, Err *e)
{
    uint64_t parameters = 0, in = r->data.cols;
    for (size_t l = 0; l <= j->o.hiddens; l++) {
        uint64_t out = l < j->o.hiddens ? j->o.hidden[l] : r->data.classes;
        parameters += (in + 1) * out, in = out;
    }
    if (is_private(j) && !promise_plan(&r->s, &j->o, r->data.rows, parameters, j->epsilon, j->delta, e))
        return false;
    return train_model(j->arena, pool, &r->data, &j->o, isatty(STDERR_FILENO) ? progress : NULL, NULL, &r->model, &r->train, &r->s.run, e);
}

static bool work(Job *j, Result *r, Err *e)
{
    Pool *pool = pool_new(j->threads);
    bool  ok = load(j, &j->data, &r->data, e) && name_classes(j, r, e);
    if (ok && !train(j, pool, r, e))
        ok = err_in(e, "%s", j->data.path);
    if (ok && j->test.path != NULL) {
        Matrix test;
        ok = load(j, &j->test, &test, e) &&
             (measure_model(j->arena, pool, &r->model, r->data.class, &test, &r->test, e) || err_in(e, "%s", j->test.path));
    }
    pool_free(pool);
    return ok;
}

/* PATH.privacy.json */
static const char *statement_path(const Job *j) { return arena_printf(j->arena, "%s.privacy.json", j->out); }

static bool state(const Job *j, Result *r, Str root, Err *e)
{
    defer_buf Buf b = { 0 };
    r->s.m = &r->model, r->s.test = r->test, r->s.name = str(j->training), r->s.root = root, r->s.version = j->data.version.version;
    r->s.data = j->data.dataset ? j->data.dataset->part.name : str(j->data.path);
    promise_write(&r->s, &b);
    r->statement = arena_str(j->arena, buf_view(&b));
    if (b.bad || r->statement.p == NULL)
        return err_nomem(e);
    buf_byte(&b, '\n');
    const char *path = statement_path(j);
    return path != NULL ? file_replace(path, buf_view(&b), 0644, e) : err_nomem(e);
}

/* A statement that lies there is of the model that is about to be replaced: it must not vouch for one that is not private. */
static bool drop_statement(const Job *j, Err *e)
{
    const char *path = statement_path(j);
    if (path == NULL)
        return err_nomem(e);
    return unlink(path) == 0 || errno == ENOENT || err_set(e, E_IO, "%s: %m", path);
}

static bool keeps_secrets(const Job *j) { return is_private(j) && !j->o.seeded; }

static bool save(const Job *j, Result *r, Err *e)
{
    defer_buf Buf file = { 0 };
    char          root[DIGEST_HEX] = "";
    if (j->data.version.version)
        digest_hex(&j->data.version.root, root);
    if (is_private(j) ? !state(j, r, str(root), e) : !drop_statement(j, e))
        return false;
    const Str extra[][2] = { { S("data_root"), str(root) }, { S("moat"), S(MOAT_VERSION) },
                             { S("private"), keeps_secrets(j) ? S("true") : S("false") }, { S("privacy"), r->statement } };
    if (!model_write(j->arena, &r->model, r->class, extra, len_of(extra) - !is_private(j), &file, e))
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

static void put_scale(JsonOut *w, const TrainOptions *o)
{
    char text[64];
    snprintf(text, sizeof text, "%g:%g", o->low, o->high);
    json_key(w, "scale"), json_put_z(w, o->scale == SCALE_FIXED ? text : o->scale == SCALE_RANGE ? "range" : "standard");
}

static void put_private(JsonOut *w, const Job *j)
{
    json_key(w, "epsilon"), j->epsilon > 0 ? json_put_f64(w, j->epsilon) : json_put_null(w);
    json_key(w, "delta"), json_put_f64(w, j->delta);
    json_key(w, "clip"), json_put_f64(w, j->o.clip);
    json_key(w, "sigma"), json_put_f64(w, j->o.sigma);
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
    put_scale(w, &j->o);
    json_key(w, "dropout"), json_put_f64(w, j->o.dropout);
    json_key(w, "hidden"), json_open(w, '[');
    for (size_t l = 0; l < j->o.hiddens; l++)
        json_put_u64(w, j->o.hidden[l]);
    json_close(w, ']');
    if (is_private(j))
        put_private(w, j);
    json_close(w, '}');
    json_key(w, "metrics"), json_open(w, '{');
    put_score(w, "train", &r->train);
    put_score(w, "test", &r->test);
    json_close(w, '}');
    json_key(w, "private"), json_put_bool(w, keeps_secrets(j));
}

static bool append(const Job *j, RecordKind kind, const Result *r, Str body, Err *e)
{
    char                 who[32];
    defer_ledger Ledger *l = cli_ledger(j->pipeline, e);
    return l != NULL && ledger_append(l, clock_system(), kind, actor_text(who), &r->digest, body, NULL, e);
}

static bool record(const Job *j, const Result *r, Err *e)
{
    defer_buf Buf b = { 0 }, p = { 0 };
    JsonOut       w = json_out(&b), s = json_out(&p);
    json_open(&w, '{');
    put_result(&w, j, r);
    json_close(&w, '}');
    json_open(&s, '{');
    json_key(&s, "name"), json_put_z(&s, j->training);
    json_key(&s, "model"), json_put_str(&s, j->model ? j->model->part.name : str(j->out));
    json_key(&s, "statement"), json_put_raw(&s, r->statement);
    json_close(&s, '}');
    if (b.bad || p.bad)
        return err_nomem(e);
    return append(j, RECORD_TRAINING, r, buf_view(&b), e) && (!is_private(j) || append(j, RECORD_PRIVACY, r, buf_view(&p), e));
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
    if (is_private(j))
        json_key(&w, "statement"), json_put_raw(&w, r->statement);
    return json_finish(&w) ? EXIT_CLEAN : EXIT_BROKEN;
}

static void say_private(const Job *j, const Result *r)
{
    printf("private    epsilon %.4f at delta %g (true value %.4f; noise %.4f, clip %g, rate %.6f, %" PRIu64 " steps)%s\n",
           r->s.a.up + r->s.run.law_error, j->delta, r->s.a.epsilon, j->o.sigma, j->o.clip, r->s.run.rate, r->s.run.steps,
           j->o.seeded ? "\n           NOT PRIVATE: the noise came from a seed" : "");
    printf("statement  %s\n", statement_path(j));
}

/* Of a private training only what other data show: its own accuracy on its data would be one more release. */
static void say_accuracy(const Result *r)
{
    if (r->train.rows)
        printf("accuracy   %.4f on the training data\n", r->train.accuracy);
    if (r->test.rows)
        printf("accuracy   %.4f on %" PRIu64 " test rows\n", r->test.accuracy, r->test.rows);
}

static int say(const Job *j, const Result *r)
{
    char hex[DIGEST_HEX];
    digest_hex(&r->digest, hex);
    if (common.json)
        return say_json(j, r);
    printf("trained    %s, %" PRIu64 " rows, %zu features, %zu classes, %" PRIu64 " epochs, l2 %g\n", mlp_kind(&r->model), r->data.rows,
           r->model.features, r->model.classes, j->o.epochs, j->o.l2);
    if (is_private(j))
        say_private(j, r);
    say_accuracy(r);
    printf("model      %s\nsha256     %s\n", j->out, hex);
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
    if (j.pipeline == NULL && (argc == 1 || common.config != NULL || !train_needs_no_pipeline() || e.code == E_FORMAT))
        return die(&e);
    e = (Err){ 0 };
    if (!train_plan(&j, argc == 1 ? argv[0] : NULL, &e) || !known_version(&j, &j.data, &differs, &e))
        return die(&e);
    if (differs)
        return fputs("moat: error: the data is not what was committed; `moat data commit` or `moat data restore` first\n", stderr),
               EXIT_FINDINGS;
    if (!work(&j, &r, &e) || !save(&j, &r, &e) || (j.pipeline != NULL && !record(&j, &r, &e)))
        return die(&e);
    return say(&j, &r);
}
