/* promise.c - see promise.h. */
#include "privacy/promise.h"
#include "format/json.h"
#include "privacy/noise.h"
#include <math.h>

/* What imperfect noise can add, known before the first step (noise.h). */
static double law_error(uint64_t parameters, uint64_t steps)
{
    return 2 * (double)parameters * (double)steps * NOISE_LAW_ERROR;
}

static double epsilon_unsampled(Phase p, double delta)
{
    AccountAnswer a;
    p.rate = 1;
    return privacy_account(&(AccountQuery){ &p, 1, delta }, &a, NULL) ? a.up : INFINITY;
}

static bool asked_well(const TrainOptions *o, uint64_t rows, double epsilon, double delta, Err *e)
{
    if (!(delta > 0) || !(delta * (double)rows < 1)) {
        err_set(e, E_USAGE, "a delta of %g for %" PRIu64 " rows: 1 / rows or more lets a row out whole", delta, rows);
        return err_hint(e, "--delta 1e-5, or less for more than 100,000 rows");
    }
    if (o->batch > rows || o->batch < 1)
        return err_set(e, E_USAGE, "a batch of %" PRIu64 " of %" PRIu64 " rows", o->batch, rows);
    return epsilon >= 0 || err_set(e, E_USAGE, "epsilon must be above 0");
}

bool promise_plan(Promise *s, TrainOptions *o, uint64_t rows, uint64_t parameters, double epsilon, double delta, Err *e)
{
    if (!asked_well(o, rows, epsilon, delta, e))
        return false;
    o->sigma = epsilon > 0 ? 1 : o->sigma;             /* so that the steps are counted as those of a private run */
    Phase        p = { o->sigma, train_rate(o, rows), train_steps(o, rows) };
    AccountQuery q = { &p, 1, delta };
    double       error = law_error(parameters, p.steps);
    if (epsilon > 0 && epsilon <= 2 * error)
        return err_set(e, E_LIMIT, "epsilon %g is below what the noise's rounding adds (%g)", epsilon, error);
    if (!(epsilon > 0 ? privacy_calibrate(&q, epsilon - error, &o->sigma, &s->a, e) : privacy_account(&q, &s->a, e)))
        return false;
    p.sigma = o->sigma;
    s->o = o, s->rows = rows, s->target = epsilon, s->delta = delta, s->unsampled = epsilon_unsampled(p, delta);
    return true;
}

Digest weights_digest(const Mlp *m)
{
    Str    part[2 * MLP_LAYERS_MAX];
    size_t n = 0;
    for (size_t l = 0; l < m->layers; l++) {
        const Dense *d = &m->layer[l];
        part[n++] = (Str){ (const char *)d->weight, d->in * d->out * sizeof *d->weight };
        part[n++] = (Str){ (const char *)d->bias, d->out * sizeof *d->bias };
    }
    return sha256_of(part, n);
}

/* ---- writing */

static void put_real(JsonOut *w, const char *key, double v) { json_key(w, key), json_put_f64(w, v); }
static void put_text(JsonOut *w, const char *key, const char *v) { json_key(w, key), json_put_z(w, v); }

static void put_epsilons(const Promise *s, JsonOut *w)
{
    double error = s->run.law_error;
    put_real(w, "epsilon_low", s->a.low);
    put_real(w, "epsilon", s->a.epsilon);
    put_real(w, "epsilon_up", s->a.up + error);
    put_real(w, "epsilon_rdp", s->a.rdp + error);
    put_real(w, "epsilon_without_sampling", s->unsampled + error);
    json_key(w, "epsilon_target"), s->target > 0 ? json_put_f64(w, s->target) : json_put_null(w);
    put_real(w, "delta", s->delta);
    put_real(w, "delta_times_rows", s->delta * (double)s->rows);
    json_key(w, "accountant"), json_open(w, '{');
    put_text(w, "method", s->a.method), put_text(w, "point", s->a.point);
    put_text(w, "version", MOAT_VERSION);
    put_real(w, "error", error);
    json_close(w, '}');
}

static void put_mechanism(const Promise *s, JsonOut *w)
{
    put_text(w, "sampler", "poisson");
    json_key(w, "phases"), json_open(w, '['), json_open(w, '{');
    put_real(w, "sigma", s->o->sigma), put_real(w, "rate", s->run.rate);
    json_member_u64(w, "steps", s->run.steps);
    json_close(w, '}'), json_close(w, ']');
    put_real(w, "clip", s->o->clip);
    put_text(w, "clipping", "flat: one norm over all layers and biases, held in whole numbers");
    json_member_u64(w, "expected_batch", s->o->batch);
    json_member_u64(w, "rows", s->rows);
    json_key(w, "noise"), json_open(w, '{');
    put_text(w, "law", "rounded Gaussian on a grid");
    json_member_u64(w, "bits", s->run.bits);
    put_text(w, "generator", s->o->seeded ? "ChaCha20, key from a seed for tests" : "ChaCha20, key from getrandom");
    json_close(w, '}');
    put_text(w, "released", "final model");
}

static void put_choices(const Promise *s, JsonOut *w)
{
    json_key(w, "preprocessing"), json_open(w, '{');
    put_text(w, "kind", "public"), put_real(w, "low", s->o->low), put_real(w, "high", s->o->high);
    json_close(w, '}');
    json_key(w, "assumed_public"), json_open(w, '[');
    json_put_z(w, "number of rows"), json_put_z(w, "columns"), json_put_z(w, "class names");
    json_close(w, ']');
    put_text(w, "tuning", "not accounted: other runs on the same data add to this epsilon");
    json_key(w, "regularisation"), json_open(w, '{');
    put_real(w, "l2", s->o->l2), put_real(w, "dropout", s->o->dropout);
    json_close(w, '}');
    json_key(w, "not_covered"), json_open(w, '[');
    json_put_z(w, "timing of the sampler"), json_put_z(w, "memory and files of the training machine");
    json_close(w, ']');
}

static void put_subject(const Promise *s, JsonOut *w)
{
    char   hex[DIGEST_HEX];
    Digest d = weights_digest(s->m);
    digest_hex(&d, hex);
    json_key(w, "data"), json_open(w, '{');
    json_member(w, "name", s->data);
    json_member_u64(w, "version", s->version);
    json_member(w, "root", s->root);
    json_close(w, '}');
    json_key(w, "model"), json_open(w, '{');
    put_text(w, "kind", mlp_kind(s->m)), put_text(w, "weights_sha256", hex);
    json_close(w, '}');
    if (s->test.rows) {
        json_key(w, "test"), json_open(w, '{');
        json_member_u64(w, "rows", s->test.rows);
        put_real(w, "accuracy", s->test.accuracy);
        json_close(w, '}');
    }
    if (s->name.n)
        json_member(w, "training", s->name);
}

void promise_write(const Promise *s, Buf *out)
{
    JsonOut w = json_out(out);
    json_open(&w, '{');
    put_text(&w, "schema", STATEMENT_SCHEMA);
    json_key(&w, "private"), json_put_bool(&w, !s->o->seeded);
    put_text(&w, "unit", "example"), put_text(&w, "adjacency", "add or remove one");
    put_epsilons(s, &w);
    put_mechanism(s, &w);
    put_choices(s, &w);
    put_subject(s, &w);
    json_close(&w, '}');
}
