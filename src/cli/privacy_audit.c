/* privacy_audit.c - `moat privacy audit` without a live target: scores or signals in files, metrics and bounds out. */
#include "base/file.h"
#include "cli/privacy_cmds.h"
#include "format/npy.h"
#include "privacy/bounds.h"
#include "privacy/events.h"
#include "privacy/mia.h"
#include <math.h>

static const size_t arena_limit = (size_t)8 << 30;
enum { CANARIES_MAX = 256 << 20 };

AuditOpts audit_opts = { .delta = 1e-5, .confidence = 0.95, .offline_a = 0.33, .claim = NAN };

typedef struct Result {
    const char *attack;
    Roc         roc;
    double      split, one_run, clopper_pearson, gaussian, fit;
} Result;

/* ---- reading */

static bool array(Arena *a, const char *path, bool flags, double **out, size_t *rows, size_t *width, Err *e)
{
    defer_map Map map = { 0 };
    Npy           n;
    if (!file_map(path, &map, e))
        return false;
    if (!npy_read(map.bytes, &n, e))
        return err_in(e, "%s", path);
    if (n.dims < 1 || n.dims > 2 || n.count == 0)
        return err_set(e, E_FORMAT, "%s: wants rows, or rows by models", path);
    double *v = arena_get(a, n.count, sizeof *v);
    if (v == NULL)
        return err_nomem(e);
    for (uint64_t i = 0; i < n.count; i++) {
        v[i] = npy_f64(&n, i);
        if (flags && v[i] != 0 && v[i] != 1)
            return err_set(e, E_FORMAT, "%s: element %" PRIu64 " is %g; members are 0 or 1", path, i, v[i]);
    }
    *out = v, *rows = n.rows, *width = n.dims == 2 ? n.width : 1;
    return true;
}

static bool study(Arena *a, const char *members, Study *s, Err *e)
{
    double *v, *m;
    size_t  rows, models;
    if (members == NULL)
        return err_set(e, E_USAGE, "--members is missing: which rows was each model trained on?");
    if (!array(a, audit_opts.signals, false, &v, &s->rows.rows, &s->rows.models, e) || !array(a, members, true, &m, &rows, &models, e))
        return false;
    s->rows.p = v;
    if (rows != s->rows.rows || models != s->rows.models)
        return err_set(e, E_FORMAT, "%s is %zu x %zu, %s %zu x %zu: they must agree", audit_opts.signals, s->rows.rows, s->rows.models, members,
                       rows, models);
    bool *flag = arena_get(a, rows * models, sizeof *flag);
    if (flag == NULL)
        return err_nomem(e);
    for (size_t i = 0; i < rows * models; i++)
        flag[i] = m[i] == 1;
    s->member = flag, s->offline_a = audit_opts.offline_a;
    if (audit_opts.population == NULL)
        return true;
    double *p;
    if (!array(a, audit_opts.population, false, &p, &s->population.rows, &s->population.models, e))
        return false;
    s->population.p = p;
    return signals_check(&s->population, audit_opts.population, e);
}

static bool target_of(const char *text, size_t *out, Err *e)
{
    uint64_t v = 0;
    if (text != NULL && (!str_u64(str(text), &v) || v > 1 << 20))
        return err_set(e, E_USAGE, "--target %s: with --signals it is a column, counted from 0", text);
    *out = (size_t)v;
    return true;
}

/* ---- scoring */

static bool attack(Arena *a, const Study *s, const char *name, double *score, Err *e)
{
    if (strcmp(name, "rmia") == 0)
        return signals_check(&s->rows, audit_opts.signals, e) && mia_rmia(a, s, score, e);
    if (strcmp(name, "lira") == 0 || strcmp(name, "lira-offline") == 0)
        return signals_check(&s->rows, audit_opts.signals, e) && mia_lira(a, s, name[4] != 0, score, e);
    if (strcmp(name, "loss") != 0) {
        err_set(e, E_USAGE, "'%s' is no attack on signals", name);
        return err_hint(e, "loss, rmia, lira or lira-offline");
    }
    if (s->target >= s->rows.models)
        return err_set(e, E_USAGE, "there is no model %zu", s->target);
    for (size_t i = 0; i < s->rows.rows; i++)
        score[i] = s->rows.p[i * s->rows.models + s->target];
    return true;
}

static bool write_scores(const double *score, size_t n, Err *e)
{
    defer_buf Buf b = { 0 };
    if (audit_opts.scores == NULL)
        return true;
    npy_header(&b, SCALAR_F64, &(uint64_t){ n }, 1);
    buf_put(&b, score, n * sizeof *score);
    return b.bad ? err_nomem(e) : file_replace(audit_opts.scores, buf_view(&b), 0644, e);
}

/* The scores of rows the target was trained on, and of the others. */
static bool from_signals(Arena *a, const char *name, const char *members, const char *target, Result *r, Err *e)
{
    Study s = { 0 };
    if (!target_of(target, &s.target, e) || !study(a, members, &s, e))
        return false;
    r->attack = name ? name : s.population.rows ? "rmia" : s.rows.models >= 4 ? "lira" : "loss";
    double *score = arena_get(a, s.rows.rows, sizeof *score), *in = arena_get(a, s.rows.rows, sizeof *in);
    double *out = arena_get(a, s.rows.rows, sizeof *out);
    size_t  n_in = 0, n_out = 0;
    if (!score || !in || !out)
        return err_nomem(e);
    if (!attack(a, &s, r->attack, score, e) || !write_scores(score, s.rows.rows, e))
        return false;
    for (size_t i = 0; i < s.rows.rows; i++)
        if (s.member[i * s.rows.models + s.target])
            in[n_in++] = score[i];
        else
            out[n_out++] = score[i];
    return roc_new(a, in, n_in, out, n_out, &r->roc, e) || err_in(e, "%s", audit_opts.signals);
}

static double *list(Arena *a, const Json *v, size_t *n, Err *e)
{
    double *out = v != NULL && v->type == JSON_ARRAY ? arena_get(a, v->count + 1, sizeof *out) : NULL;
    if (out == NULL)
        return err_set(e, E_FORMAT, "wants {\"in\": [scores], \"out\": [scores]}"), NULL;
    *n = 0;
    for (const Json *i = v->first; i != NULL; i = i->next) {
        if (i->type != JSON_NUMBER)
            return err_at(e, i->at, "a score must be a number"), NULL;
        out[(*n)++] = i->num;
    }
    return out;
}

static bool from_canaries(Arena *a, Result *r, Err *e)
{
    Str    text;
    size_t n_in = 0, n_out = 0;
    r->attack = "canaries";
    if (!file_read(a, audit_opts.canaries, CANARIES_MAX, &text, e))
        return false;
    const Json *root = json_parse(a, text, JSON_STRICT, e);
    double     *in = root ? list(a, json_get(root, "in"), &n_in, e) : NULL, *out = in ? list(a, json_get(root, "out"), &n_out, e) : NULL;
    return (out != NULL && roc_new(a, in, n_in, out, n_out, &r->roc, e)) || err_in(e, "%s", audit_opts.canaries);
}

/* ---- the answer */

static const double rates[] = { 0.0001, 0.001, 0.01, 0.1 };

static bool bounds(Result *r, Err *e)
{
    double delta = audit_opts.delta, confidence = audit_opts.confidence;
    r->one_run = bound_one_run(&r->roc, delta, confidence);
    r->clopper_pearson = bound_clopper_pearson(&r->roc, delta, confidence);
    r->gaussian = bound_one_run_gaussian(&r->roc, delta, confidence);
    r->fit = bound_gaussian_fit(&r->roc, delta, confidence);
    return bound_split(&r->roc, delta, confidence, (uint64_t)audit_opts.seed, &r->split, e);
}

static const char *rate_text(double rate, char out[static NUMBER_TEXT + 1])
{
    out[number_text(rate, out)] = 0;
    return out;
}

static void put_rates(JsonOut *w, const Result *r)
{
    char key[NUMBER_TEXT + 1];
    json_key(w, "tpr_at_fpr"), json_open(w, '{');
    for (size_t i = 0; i < len_of(rates); i++) {
        Tpr t = roc_tpr(&r->roc, rates[i], audit_opts.confidence);
        json_key(w, rate_text(rates[i], key)), t.enough ? json_put_f64(w, t.tpr) : json_put_null(w);
    }
    json_close(w, '}');
    json_key(w, "tpr_interval"), json_open(w, '{');
    for (size_t i = 0; i < len_of(rates); i++) {
        Tpr t = roc_tpr(&r->roc, rates[i], audit_opts.confidence);
        if (!t.enough)
            continue;
        json_key(w, rate_text(rates[i], key)), json_open(w, '[');
        json_put_f64(w, t.low), json_put_f64(w, t.high);
        json_close(w, ']');
    }
    json_close(w, '}');
}

static void put_real(JsonOut *w, const char *key, double v) { json_key(w, key), json_put_f64(w, v); }

static void put_bounds(JsonOut *w, const Result *r)
{
    put_real(w, "epsilon_lower", r->split);
    put_real(w, "delta", audit_opts.delta);
    put_real(w, "confidence", audit_opts.confidence);
    json_key(w, "bounds"), json_open(w, '{');
    put_real(w, "one_run_split", r->split), put_real(w, "one_run", r->one_run);
    put_real(w, "clopper_pearson", r->clopper_pearson), put_real(w, "one_run_if_gaussian", r->gaussian);
    json_close(w, '}');
    json_key(w, "estimates"), json_open(w, '{');
    put_real(w, "gaussian_fit", r->fit);
    json_close(w, '}');
    json_key(w, "hull"), json_open(w, '{');
    put_real(w, "auc", hull_auc(&r->roc)), put_real(w, "accuracy", hull_accuracy(&r->roc));
    json_member_u64(w, "vertices", r->roc.n);
    json_close(w, '}');
}

static bool say_json(const Findings *found, const Result *r)
{
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    json_begin(&w, "moat.privacy.audit/1", found);
    json_key(&w, "attack"), json_put_z(&w, r->attack);
    json_member_u64(&w, "members", r->roc.n_in), json_member_u64(&w, "others", r->roc.n_out);
    put_real(&w, "auc", roc_auc(&r->roc)), put_real(&w, "balanced_accuracy", roc_balanced_accuracy(&r->roc));
    put_rates(&w, r), put_bounds(&w, r);
    return json_finish(&w);
}

static void say_text(const Findings *found, const Result *r)
{
    findings_text(found, stdout, colour_on(stdout));
    printf("attack       %s, %zu members, %zu others\n", r->attack, r->roc.n_in, r->roc.n_out);
    printf("AUC          %.4f, balanced accuracy %.4f\n", roc_auc(&r->roc), roc_balanced_accuracy(&r->roc));
    for (size_t i = 0; i < len_of(rates); i++) {
        Tpr t = roc_tpr(&r->roc, rates[i], audit_opts.confidence);
        if (t.enough)
            printf("TPR at %-6g%.4f  (%.4f to %.4f)\n", rates[i], t.tpr, t.low, t.high);
    }
    printf("epsilon      >= %.4f at delta %g with %g %% confidence, if rows were in or out by fair coins\n", r->split, audit_opts.delta,
           100 * audit_opts.confidence);
    printf("             >= %.4f over all thresholds; %.4f if the trade-off is Gaussian\n", r->one_run, r->gaussian);
}

static bool judge(Findings *found, const Result *r, Err *e)
{
    char    text[160];
    Finding f = finding_of(&claim_rules[CLAIM_BROKEN], S(""), str(audit_opts.canaries ? audit_opts.canaries : audit_opts.signals));
    if (!(r->split > audit_opts.claim))
        return true;
    snprintf(text, sizeof text, "epsilon is at least %.4g with %g %% confidence; claimed is %.4g", r->split, 100 * audit_opts.confidence,
             audit_opts.claim);
    f.message = str(text);
    return finding_add(found, f) || err_nomem(e);
}

static bool usable(Err *e)
{
    if ((audit_opts.signals != NULL) == (audit_opts.canaries != NULL))
        return err_set(e, E_USAGE, "--signals and --canaries are two different audits");
    if (!(audit_opts.delta >= 0 && audit_opts.delta < 1) || !(audit_opts.confidence > 0 && audit_opts.confidence < 1))
        return err_set(e, E_USAGE, "--delta lies in [0,1), --confidence between 0 and 1");
    if (!(audit_opts.offline_a >= 0 && audit_opts.offline_a <= 1))
        return err_set(e, E_USAGE, "--offline-a lies in [0,1]");
    return true;
}

int privacy_offline_audit(const char *name, const char *members, const char *target)
{
    defer_arena Arena *a = arena_new(arena_limit);
    Err                e = { 0 };
    Result             r = { 0 };
    Findings          *found = a ? findings_new(a) : NULL;
    if (found == NULL)
        return err_nomem(&e), die(&e);
    if (!usable(&e) || !(audit_opts.canaries ? from_canaries(a, &r, &e) : from_signals(a, name, members, target, &r, &e)) || !bounds(&r, &e) ||
        !judge(found, &r, &e))
        return die(&e);
    if (common.json && !say_json(found, &r))
        return EXIT_BROKEN;
    if (!common.json)
        say_text(found, &r);
    return exit_of(found, SEV_CRITICAL, false);
}
