/* gate_detect.c - `moat gate calibrate` and `moat gate replay`: the detector made from benign queries, and tried on any. */
#include "base/file.h"
#include "cli/gate_cmds.h"
#include "format/table.h"
#include "gate/detect.h"
#include <time.h>

static const char *benign_path, *image_text, *out_path, *detector_path, *clients_text = "one", *skip_column;
static double      rate = 0.001;
static long        seed = 1;

const Opt gate_calibrate_opts[GATE_CALIBRATE_OPTS] = {
    { "benign", 'b', OPT_TEXT, &benign_path, "FILE", "csv, npy or IDX of inputs as honest clients send them; default: the dataset its model was trained on" },
    { "labels", 0, OPT_TEXT, &skip_column, "COLUMN", "csv: a column that clients do not send" },
    { "image", 0, OPT_TEXT, &image_text, "WIDTHxHEIGHT", "rows are pictures: likeness survives shifts and brightness; default: what moat.yaml says" },
    { "rate", 0, OPT_REAL, &rate, "SHARE", "of benign queries that may look alike to an earlier one; default .001" },
    { "seed", 0, OPT_INT, &seed, "N", "same seed, same detector" },
    { "out", 'o', OPT_TEXT, &out_path, "FILE", "default: .moat/detect/ENDPOINT.detector" },
};

const Opt gate_replay_opts[GATE_REPLAY_OPTS] = {
    { "detector", 'd', OPT_TEXT, &detector_path, "FILE", "what moat gate calibrate wrote" },
    { "clients", 0, OPT_TEXT, &clients_text, "one|each", "one client sends them all, or each query comes from another" },
};

enum { CALIBRATE_ARENA = 1 << 30 };

static bool size_of(Str text, CalibrateAsk *ask, Err *e)
{
    Str      w, h;
    uint64_t width, height;
    if (text.n == 0)
        return true;
    if (!str_cut(text, 'x', &w, &h) || !str_u64(w, &width) || !str_u64(h, &height) || width == 0 || height == 0 || width > 4096 || height > 4096)
        return err_set(e, E_USAGE, "an image is WIDTHxHEIGHT, not '%.*s'", STR(text));
    ask->kind = DETECT_IMAGE, ask->width = (uint32_t)width, ask->height = (uint32_t)height;
    return true;
}

/* ---- calibrate */

typedef struct Calibration {
    Arena          *a;
    Pipeline       *p;
    const Endpoint *ep;
    CalibrateAsk    ask;
    const char     *from, *label, *to;
    DetectModel     model;
    Calibrated      how;
} Calibration;

/* The dataset of the model behind the endpoint: what it learned is what it expects. */
static bool benign_default(Calibration *c, Err *e)
{
    const Model   *m = pipeline_model(c->p, c->ep->model);
    const Dataset *d = m && m->from.n ? pipeline_dataset(c->p, m->from.v[0]) : NULL;
    if (d == NULL) {
        err_set(e, E_USAGE, "%.*s: nobody says what its honest queries look like", STR(c->ep->part.id));
        return err_hint(e, "--benign FILE, or declare what its model was trained on: from: [DATASET]");
    }
    c->from = pipeline_path(c->p, d->path);
    bool csv = str_is(d->format, "csv") || (d->format.n == 0 && str_ends(d->path, S(".csv")));
    if (c->label == NULL && csv && d->labels.n > 0)
        c->label = arena_printf(c->a, "%.*s", STR(d->labels));
    return c->from != NULL || err_nomem(e);
}

static bool bind_model(Calibration *c, Err *e)
{
    const Model *m = pipeline_model(c->p, c->ep->model);
    const char  *path = m && m->path.n ? pipeline_path(c->p, m->path) : NULL;
    Digest       d;
    if (path != NULL && file_exists(path) && sha256_file(path, &d, NULL, e))
        c->ask.model = d;
    return e->code == E_OK;
}

static bool plan(Calibration *c, const char *name, Err *e)
{
    c->p = cli_pipeline(c->a, e);
    c->ep = c->p ? pipeline_endpoint(c->p, str(name)) : NULL;
    if (c->ep == NULL)
        return c->p == NULL ? false : err_set(e, E_USAGE, "%s declares no endpoint '%s'", c->p->file, name);
    c->from = benign_path, c->label = skip_column;
    if (!pipeline_state_make(c->p, e) || !size_of(image_text ? str(image_text) : c->ep->detect_image, &c->ask, e) || !bind_model(c, e))
        return false;
    c->ask.rate = rate, c->ask.seed = (uint64_t)seed;
    c->to = out_path ? out_path : pipeline_state(c->p, arena_printf(c->a, "detect/%s.detector", name));
    return c->from != NULL || benign_default(c, e);
}

static bool build(Calibration *c, Err *e)
{
    Matrix m;
    if (!matrix_read(c->a, c->from, &(MatrixAsk){ .label = c->label }, &m, e))
        return false;
    if (m.not_finite > 0)
        return err_set(e, E_FORMAT, "%s: row %" PRIu64 " has a cell that is no number; a benign query has all its features", c->from, m.bad_row + 1);
    Pool *pool = pool_new(0);
    bool  ok = detect_calibrate(c->a, pool, &c->ask, m.x, m.rows, m.cols, &c->model, &c->how, e);
    pool_free(pool);
    return ok || err_in(e, "%s", c->from);
}

static bool keep(const Calibration *c, Err *e)
{
    char                 actor[32], hex[DIGEST_HEX];
    defer_buf Buf        file = { 0 }, body = { 0 };
    JsonOut              w = json_out(&body);
    defer_ledger Ledger *l = cli_ledger(c->p, e);
    detect_write(&c->model, &file);
    if (l == NULL || file.bad || !dir_make(path_dir(c->a, c->to), 0700, e) || !file_replace(c->to, buf_view(&file), 0600, e))
        return file.bad ? err_nomem(e) : false;
    Digest d = sha256(buf_view(&file));
    digest_hex(&c->model.model, hex);
    json_open(&w, '{');
    json_member(&w, "name", c->ep->part.name);
    json_member(&w, "model", str(hex));
    json_key(&w, "rows"), json_put_u64(&w, c->how.rows);
    json_key(&w, "rate_bound"), json_put_f64(&w, c->how.rate_bound);
    json_close(&w, '}');
    return (!body.bad || err_nomem(e)) && ledger_append(l, clock_system(), RECORD_GATE_CALIBRATE, actor_text(actor), &d, buf_view(&body), NULL, e);
}

static int said(const Calibration *c)
{
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    if (c->how.needed > 0)
        fprintf(stderr, "moat: note: %" PRIu64 " rows cannot prove a rate of %g; %" PRIu64 " without a hit would\n", c->how.rows, rate, c->how.needed);
    if (!common.json) {
        printf("%s: %" PRIu64 " benign queries of %" PRIu32 " features; %" PRIu64 " looked like an earlier one (95%% bound %.3g%%)\n", c->to, c->how.rows,
               c->model.map.features, c->how.hits, 100 * c->how.rate_bound);
        return EXIT_CLEAN;
    }
    json_begin(&w, "moat.gate.calibrate/1", findings_new(c->a));
    json_member(&w, "detector", str(c->to));
    json_key(&w, "rows"), json_put_u64(&w, c->how.rows);
    json_key(&w, "features"), json_put_u64(&w, c->model.map.features);
    json_key(&w, "hits"), json_put_u64(&w, c->how.hits);
    json_key(&w, "rate_bound"), json_put_f64(&w, c->how.rate_bound);
    json_key(&w, "rows_needed"), json_put_u64(&w, c->how.needed);
    return json_finish(&w) ? EXIT_CLEAN : EXIT_BROKEN;
}

int gate_calibrate(int argc, char **argv)
{
    defer_arena Arena *a = arena_new(CALIBRATE_ARENA);
    Err                e = { 0 };
    Calibration        c = { .a = a };
    if (argc != 1)
        return usage("moat gate calibrate ENDPOINT [--benign FILE]");
    if (!(rate > 0 && rate < 0.1))
        return usage("--rate wants a share between 0 and .1");
    return plan(&c, argv[0], &e) && build(&c, &e) && keep(&c, &e) ? said(&c) : die(&e);
}

/* ---- replay */

static void put_line(const DetectSeen *q, uint64_t request, uint64_t ns, Buf *b)
{
    JsonOut w = json_out(b);
    json_open(&w, '{');
    json_key(&w, "request"), json_put_u64(&w, request);
    json_key(&w, "status"), json_put_u64(&w, 0);
    json_member(&w, "reason", S("ok"));
    json_key(&w, "cost"), json_put_u64(&w, 1);
    json_member(&w, "level", str(detect_level_name(q->level)));
    json_key(&w, "near"), json_put_f64(&w, q->near);
    json_key(&w, "far"), json_put_f64(&w, q->far);
    json_key(&w, "odd"), json_put_f64(&w, q->odd);
    json_key(&w, "hit"), json_put_bool(&w, q->hit);
    json_key(&w, "retry"), json_put_bool(&w, q->retry);
    json_key(&w, "families"), json_open(&w, '[');
    for (unsigned f = 0; f < DETECT_FAMILIES; f++)
        if (q->families >> f & 1)
            json_put_z(&w, detect_family_name((DetectFamily)f));
    json_close(&w, ']');
    json_member(&w, "together", str(detect_level_name(q->together)));
    json_key(&w, "ns"), json_put_u64(&w, ns);
    json_close(&w, '}');
    buf_byte(b, '\n');
}

static uint64_t elapsed(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* The queries come a second apart. */
static bool replay(const DetectModel *m, const Matrix *x, bool each, Err *e)
{
    void *memory = calloc(1, detect_state_size());
    bool  ok = memory != NULL || err_nomem(e);
    for (uint64_t i = 0; ok && i < x->rows; i++) {
        defer_buf Buf b = { 0 };
        uint64_t      from = elapsed();
        DetectRow     row;
        detect_row(m, x->x + i * x->cols, &row);
        DetectSeen q = detect_query(m, detect_state(memory), &row, each ? i + 1 : 1, (int64_t)i + 1);
        put_line(&q, i, elapsed() - from, &b);
        ok = !b.bad && fwrite(b.p, 1, b.n, stdout) == b.n;
    }
    free(memory);
    return (ok && fflush(stdout) == 0) || e->code != E_OK ? ok : err_set(e, E_IO, "standard output: %m");
}

int gate_replay(int argc, char **argv)
{
    defer_arena Arena *a = arena_new(CALIBRATE_ARENA);
    Err                e = { 0 };
    Str                file;
    DetectModel        m;
    Matrix             x;
    bool               each = strcmp(clients_text, "each") == 0;
    if (argc != 1 || detector_path == NULL || (!each && strcmp(clients_text, "one") != 0))
        return usage("moat gate replay FILE --detector FILE [--clients one|each]");
    if (!file_read(a, detector_path, 1 << 30, &file, &e))
        return die(&e);
    if (!detect_read(a, file, &m, &e))
        return err_in(&e, "%s", detector_path), die(&e);
    if (!matrix_read(a, argv[0], &(MatrixAsk){ 0 }, &x, &e))
        return die(&e);
    if (x.cols != m.map.features) {
        err_set(&e, E_FORMAT, "%s: %" PRIu64 " features, the detector knows %" PRIu32, argv[0], x.cols, m.map.features);
        return die(&e);
    }
    return replay(&m, &x, each, &e) ? EXIT_CLEAN : die(&e);
}
