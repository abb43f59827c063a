/* privacy_attack.c - `moat privacy audit --attack`: the attacks of privacy/attack.h on endpoints, side by side. */
#include "base/file.h"
#include "cli/privacy_cmds.h"
#include "net/http_client.h"
#include "privacy/attack.h"
#include <math.h>
#include <unistd.h>

enum { BUDGETS = 16, KEY_MAX = 4096, TARGETS = OPT_MANY_MAX };
static const size_t arena_limit = (size_t)16 << 30;

static const char *attack_opt, *before_opt, *after_opt, *labels_opt, *known_opt, *members_opt, *others_opt, *test_opt, *queries_opt, *range_opt,
                  *ca_opt;
static OptMany     target_opt, key_opt;
static long        class_opt, seed_opt = 1, batch_opt = 16;

const Opt privacy_attack_opts[PRIVACY_ATTACK_OPTS] = {
    { "attack", 'a', OPT_TEXT, &attack_opt, "LIST", "of extract, invert, membership" },
    { "target", 0, OPT_MANY, &target_opt, "URL", "an endpoint of moat.yaml, or the URL of its predictions; again for a second one" },
    { "before", 0, OPT_TEXT, &before_opt, "URL", "the target without output control" },
    { "after", 0, OPT_TEXT, &after_opt, "URL", "the target with it" },
    { "key", 'k', OPT_MANY, &key_opt, "FILE", "holds the API key; for all targets, or one for each" },
    { "test", 't', OPT_TEXT, &test_opt, "DATASET", "extract: share of these rows on which copy and target agree" },
    { "data", 'd', OPT_TEXT, &known_opt, "DATASET", "extract, invert: rows like the real ones that the attacker has" },
    { "members", 0, OPT_TEXT, &members_opt, "DATASET", "membership: rows trained on; invert: what the class really looks like" },
    { "others", 0, OPT_TEXT, &others_opt, "DATASET", "membership: rows not trained on" },
    { "labels", 'l', OPT_TEXT, &labels_opt, "COLUMN", "label column of CSV files" },
    { "queries", 'q', OPT_TEXT, &queries_opt, "LIST", "rows the attacker may ask, e.g. 785,7850; default: features + 1" },
    { "class", 'c', OPT_INT, &class_opt, "N", "invert: the class, counted from 0" },
    { "range", 0, OPT_TEXT, &range_opt, "LOW:HIGH", "what an input number may be; default: 0:255 for IDX" },
    { "batch", 'b', OPT_INT, &batch_opt, "N", "rows a request; default: 16" },
    { "seed", 's', OPT_INT, &seed_opt, "N", "seed of the questions" },
    { "ca", 0, OPT_TEXT, &ca_opt, "FILE", "certificates to trust; default: the system's" },
    { "signals", 0, OPT_TEXT, &audit_opts.signals, "FILE", "npy, rows by models: probabilities of the true label; with --members of that shape" },
    { "population", 0, OPT_TEXT, &audit_opts.population, "FILE", "signals of rows that no model was trained on, for rmia" },
    { "canaries", 0, OPT_TEXT, &audit_opts.canaries, "FILE", "JSON {in, out}: scores of canaries trained on or not" },
    { "scores", 0, OPT_TEXT, &audit_opts.scores, "FILE", "write the attack's score of each row there, npy" },
    { "offline-a", 0, OPT_REAL, &audit_opts.offline_a, "A", "rmia: how far models without a row stand for all; default .33" },
    { "delta", 0, OPT_REAL, &audit_opts.delta, "D", "of the lower bound of epsilon; default 1e-5" },
    { "confidence", 0, OPT_REAL, &audit_opts.confidence, "P", "of intervals and bounds; default .95" },
    { "claim", 0, OPT_REAL, &audit_opts.claim, "E", "exit 1 when epsilon is shown to be larger" },
};

typedef struct Job {
    Arena    *a;
    Pipeline *p;
    Pool     *pool;
    Matrix    test, known, members, others;            /* rows 0: not given */
    size_t    features, classes, targets, budgets;
    Str      *class;
    uint64_t  budget[BUDGETS];
    double    low, high;
    Remote    target[TARGETS];
    Findings *found;
} Job;

typedef struct Row {                                   /* one line of the table */
    const char *attack, *method;
    const Remote *target;
    Released    seen;
    uint64_t    queries;
    double      agreement, auc, advantage, score, likeness;    /* NAN: not of this attack */
    struct Row *next;
} Row;

/* ---- what is attacked, with what */

static bool has(const char *attack)
{
    Str one, rest = str(attack_opt);
    for (bool more = true; more;) {
        more = str_cut(rest, ',', &one, &rest);
        if (str_is(str_trim(one), attack))
            return true;
    }
    return false;
}

static bool attacks_known(Err *e)
{
    Str one, rest = str(attack_opt);
    if (attack_opt == NULL)
        return err_set(e, E_USAGE, "which attack?"), err_hint(e, "--attack extract,invert,membership --target URL");
    for (bool more = true; more;) {
        more = str_cut(rest, ',', &one, &rest);
        one = str_trim(one);
        if (!str_is(one, "extract") && !str_is(one, "invert") && !str_is(one, "membership"))
            return err_set(e, E_USAGE, "no attack is called '%.*s': extract, invert or membership", STR(one));
    }
    return true;
}

/* A dataset of moat.yaml, a CSV file with --labels, or FILE,LABELS for IDX and npy. */
static bool read_rows(Job *j, const char *name, Matrix *out, Err *e)
{
    const Dataset *d = j->p ? pipeline_dataset(j->p, str(name)) : NULL;
    Str            path, labels;
    MatrixAsk      ask = { .label = labels_opt };
    if (name == NULL)
        return true;
    if (d != NULL) {
        bool csv = str_is(d->format, "csv") || (d->format.n == 0 && str_ends(d->path, S(".csv")));
        ask.label = d->labels.n == 0 ? labels_opt : csv ? arena_str(j->a, d->labels).p : pipeline_path(j->p, d->labels);
        return matrix_read(j->a, pipeline_path(j->p, d->path), &ask, out, e);
    }
    if (str_cut(str(name), ',', &path, &labels))
        ask.label = arena_str(j->a, labels).p;
    return matrix_read(j->a, arena_str(j->a, path).p, &ask, out, e);
}

static void note_shape(Job *j, const Matrix *m)
{
    j->features = m->rows ? m->cols : j->features;
    if (m->label != NULL && m->classes > j->classes)
        j->classes = m->classes, j->class = m->class;
}

/* Classes are numbered as in the dataset that has most of them, which should be all. */
static bool same_classes(const Job *j, Matrix *m, Err *e)
{
    uint32_t *map = arena_get(j->a, m->classes + 1, sizeof *map);
    if (map == NULL)
        return err_nomem(e);
    if (m->rows && m->cols != j->features)
        return err_set(e, E_USAGE, "datasets of %" PRIu64 " and %zu columns", m->cols, j->features);
    for (size_t c = 0; m->label && c < m->classes; c++) {
        size_t k = 0;
        while (k < j->classes && !str_eq(j->class[k], m->class[c]))
            k++;
        if (k == j->classes)
            return err_set(e, E_USAGE, "label '%.*s' is not in all datasets", STR(m->class[c]));
        map[c] = (uint32_t)k;
    }
    for (uint64_t i = 0; m->label && i < m->rows; i++)
        m->label[i] = map[m->label[i]];
    return true;
}

static bool data(Job *j, Err *e)
{
    Matrix *all[] = { &j->test, &j->known, &j->members, &j->others };
    if (!read_rows(j, test_opt, &j->test, e) || !read_rows(j, known_opt, &j->known, e) || !read_rows(j, members_opt, &j->members, e) ||
        !read_rows(j, others_opt, &j->others, e))
        return false;
    for (size_t i = 0; i < len_of(all); i++)
        note_shape(j, all[i]);
    for (size_t i = 0; i < len_of(all); i++)
        if (!same_classes(j, all[i], e))
            return false;
    if (j->features == 0 || j->classes < 2)
        return err_set(e, E_USAGE, "labelled rows tell features and classes: give --test, --members or --data with labels");
    return true;
}

/* Numbers that fit a byte each and go beyond 1 are grey values. */
static bool range(Job *j, Err *e)
{
    Str           low, high;
    const Matrix *m = j->test.rows ? &j->test : j->members.rows ? &j->members : &j->known;
    if (range_opt != NULL) {
        if (str_cut(str(range_opt), ':', &low, &high) && number_f64(low, &j->low) && number_f64(high, &j->high) && j->low < j->high)
            return true;
        return err_set(e, E_USAGE, "--range wants LOW:HIGH, not '%s'", range_opt);
    }
    for (uint64_t i = 0; i < m->rows * m->cols; i++)
        if (!(m->x[i] >= 0 && m->x[i] <= 255 && m->x[i] == floorf(m->x[i])))
            return err_set(e, E_USAGE, "what may an input number be?"), err_hint(e, "--range LOW:HIGH");
    j->low = 0, j->high = 255;
    return true;
}

static bool budgets(Job *j, Err *e)
{
    Str one, rest = str(queries_opt);
    for (bool more = queries_opt != NULL; more; j->budgets++) {
        more = str_cut(rest, ',', &one, &rest);
        uint64_t *n = &j->budget[j->budgets];
        if (j->budgets == BUDGETS || !str_u64(str_trim(one), n) || *n < 4 || *n > 10000000)
            return err_set(e, E_USAGE, "--queries wants up to %d numbers from 4 to 10000000, like 785,7850", BUDGETS);
    }
    if (j->budgets == 0)
        j->budget[j->budgets++] = j->features + 1;
    return true;
}

/* "Authorization: Bearer KEY" of the file's first line. */
static bool key_header(Job *j, size_t i, const char **header, Err *e)
{
    Str file, line, rest;
    if (key_opt.n == 0)
        return true;
    if (key_opt.n > 1 && i >= key_opt.n)
        return err_set(e, E_USAGE, "%zu keys for more targets: one for all, or one for each", key_opt.n);
    if (!file_read(j->a, key_opt.v[key_opt.n == 1 ? 0 : i], KEY_MAX, &file, e))
        return false;
    str_cut(file, '\n', &line, &rest);
    *header = arena_printf(j->a, "Authorization: Bearer %.*s", STR(str_trim(line)));
    return *header != NULL || err_nomem(e);
}

static bool target(Job *j, const char *name, Err *e)
{
    Remote         *r = &j->target[j->targets];
    const Endpoint *ep = j->p ? pipeline_endpoint(j->p, str(name)) : NULL;
    if (name == NULL)
        return true;
    if (j->targets == TARGETS)
        return err_set(e, E_USAGE, "at most %d targets", TARGETS);
    r->url = ep ? arena_printf(j->a, "http://%.*s%.*s", STR(j->p->listen), STR(ep->route)) : name;
    if (strstr(r->url, "://") == NULL)
        return err_set(e, E_USAGE, "'%s' is neither an endpoint of moat.yaml nor a URL", name);
    r->features = j->features, r->classes = j->classes, r->rows_a_request = (size_t)batch_opt, r->ca_file = ca_opt;
    if (!key_header(j, j->targets, &r->header, e) || (r->client = http_client_new(e)) == NULL)
        return false;
    j->targets++;
    return true;
}

static bool targets(Job *j, Err *e)
{
    if (batch_opt < 1 || batch_opt > 4096)
        return err_set(e, E_USAGE, "--batch wants 1 to 4096");
    if (!target(j, before_opt, e) || !target(j, after_opt, e))
        return false;
    for (size_t i = 0; i < target_opt.n; i++)
        if (!target(j, target_opt.v[i], e))
            return false;
    return j->targets > 0 || (err_set(e, E_USAGE, "attack what?"), err_hint(e, "--target URL"));
}

static bool enough(const Job *j, Err *e)
{
    if (has("extract") && j->test.rows == 0)
        return err_set(e, E_USAGE, "extract compares copy and target on --test rows");
    if (has("membership") && (j->members.label == NULL || j->others.label == NULL))
        return err_set(e, E_USAGE, "membership needs labelled --members and --others");
    if (has("invert") && (class_opt < 0 || (size_t)class_opt >= j->classes))
        return err_set(e, E_USAGE, "--class wants 0 to %zu", j->classes - 1);
    return true;
}

/* ---- attacking */

static Oracle oracle(const Job *j, Remote *r)
{
    return (Oracle){ .features = j->features, .classes = j->classes, .low = j->low, .high = j->high, .ask = remote_ask, .ctx = r };
}

static void raise(Job *j, int rule, const Remote *r, const char *what, double value)
{
    Finding f = finding_of(&attack_rules[rule], S(""), str(r->url));
    char   *message = arena_printf(j->a, "%s %.4f", what, value);
    f.message = str(message);
    finding_add(j->found, f);
}

static bool extract(Job *j, Remote *r, uint64_t budget, Row *row, Err *e)
{
    Oracle     o = oracle(j, r);
    Extraction x;
    if (!attack_extract(j->a, j->pool, &o, j->known.rows ? &j->known : NULL, budget, (uint64_t)seed_opt, &x, e) ||
        !attack_agreement(j->a, &o, &x.stolen, &j->test, &row->agreement, e))
        return false;
    row->seen = x.seen, row->queries = x.queries, row->method = x.method;
    if (x.theta != NULL && row->agreement >= 0.99)
        raise(j, ATTACK_COPIED, r, "share of rows on which a copy made from its answers agrees:", row->agreement);
    return true;
}

static bool invert(Job *j, Remote *r, uint64_t budget, Row *row, Err *e)
{
    Oracle    o = oracle(j, r);
    Inversion x;
    if (!attack_invert(j->a, &o, (size_t)class_opt, j->known.rows ? &j->known : NULL, budget, (uint64_t)seed_opt, &x, e))
        return false;
    row->queries = x.queries, row->method = x.method, row->score = x.score;
    if (j->members.label != NULL)
        row->likeness = attack_likeness(x.x, &j->members, (uint32_t)class_opt);
    return true;
}

static bool membership(Job *j, Remote *r, Row *row, Err *e)
{
    Oracle  o = oracle(j, r);
    double *in, *out;
    if (!attack_scores(j->a, &o, &j->members, &in, e) || !attack_scores(j->a, &o, &j->others, &out, e))
        return false;
    Membership m = attack_membership(j->a, in, j->members.rows, out, j->others.rows);
    row->queries = o.queries, row->method = "confidence", row->auc = m.auc, row->advantage = m.advantage;
    if (m.auc >= 0.6)
        raise(j, ATTACK_MEMBERS, r, "scores part members from others with an AUC of", m.auc);
    return true;
}

static Row *row_new(Job *j, Row ***end, const char *attack, const Remote *r)
{
    Row *row = arena_get(j->a, 1, sizeof *row);
    if (row == NULL)
        return NULL;
    *row = (Row){ .attack = attack, .target = r, .agreement = NAN, .auc = NAN, .advantage = NAN, .score = NAN, .likeness = NAN };
    **end = row, *end = &row->next;
    return row;
}

static bool attack(Job *j, Row **first, Err *e)
{
    static const char *const names[] = { "extract", "invert", "membership" };
    Row                    **end = first;
    for (size_t n = 0; n < len_of(names); n++)
        for (size_t b = 0; has(names[n]) && b < (n == 2 ? 1 : j->budgets); b++)
            for (size_t t = 0; t < j->targets; t++) {
                Remote *r = &j->target[t];
                Row    *row = row_new(j, &end, names[n], r);
                if (row == NULL)
                    return err_nomem(e);
                if (!(n == 0 ? extract(j, r, j->budget[b], row, e) : n == 1 ? invert(j, r, j->budget[b], row, e) : membership(j, r, row, e)))
                    return err_in(e, "%s", names[n]);
            }
    return true;
}

/* ---- saying it */

static void put_number(JsonOut *w, const char *key, double v)
{
    if (!isnan(v))
        json_key(w, key), json_put_f64(w, v);
}

static int say_json(const Job *j, const Row *row)
{
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    char          text[48];
    json_begin(&w, "moat.privacy.audit/1", j->found);
    json_key(&w, "attacks"), json_open(&w, '[');
    for (; row != NULL; row = row->next) {
        json_open(&w, '{');
        json_key(&w, "attack"), json_put_z(&w, row->attack);
        json_key(&w, "method"), json_put_z(&w, row->method);
        json_key(&w, "target"), json_put_z(&w, row->target->url);
        json_member_u64(&w, "queries", row->queries);
        if (row->seen.shown)
            json_key(&w, "released"), json_put_z(&w, released_text(row->seen, j->classes, text));
        put_number(&w, "agreement", row->agreement);
        put_number(&w, "auc", row->auc), put_number(&w, "advantage", row->advantage);
        put_number(&w, "score", row->score), put_number(&w, "likeness", row->likeness);
        json_close(&w, '}');
    }
    json_close(&w, ']');
    return json_finish(&w) ? exit_of(j->found, SEV_HIGH, false) : EXIT_BROKEN;
}

static int say(const Job *j, const Row *row)
{
    char text[48];
    if (common.json)
        return say_json(j, row);
    printf("%-11s %-11s %-22s %9s  %s\n", "attack", "method", "released", "queries", "result");
    for (; row != NULL; row = row->next) {
        const char *seen = row->seen.shown ? released_text(row->seen, j->classes, text) : "";
        printf("%-11s %-11s %-22s %9" PRIu64 "  ", row->attack, row->method, seen, row->queries);
        if (!isnan(row->agreement))
            printf("agreement %.4f", row->agreement);
        if (!isnan(row->auc))
            printf("AUC %.4f, advantage %.4f", row->auc, row->advantage);
        if (!isnan(row->score))
            printf("score %.4f", row->score);
        if (!isnan(row->likeness))
            printf(", likeness %.4f", row->likeness);
        printf("   %s\n", row->target->url);
    }
    findings_text(j->found, stdout, colour_on(stdout));
    return exit_of(j->found, SEV_HIGH, false);
}

int privacy_attack_cmd(int argc, char **argv)
{
    Err                e = { 0 };
    defer_arena Arena *a = arena_new(arena_limit);
    Job                j = { .a = a };
    Row               *first = NULL;
    int                code;
    (void)argv;
    if (argc > 0)
        return usage("moat privacy audit --attack LIST --target URL, or --signals FILE --members FILE");
    if (audit_opts.signals != NULL || audit_opts.canaries != NULL) {
        audit_opts.seed = seed_opt;
        return privacy_offline_audit(attack_opt, members_opt, target_opt.n ? target_opt.v[0] : NULL);
    }
    if (a == NULL || (j.found = findings_new(a)) == NULL)
        return err_nomem(&e), die(&e);
    bool ok = attacks_known(&e) && cli_pipeline_if_any(a, &j.p, &e) && data(&j, &e) && range(&j, &e) && budgets(&j, &e) && enough(&j, &e) &&
              targets(&j, &e);
    j.pool = ok ? pool_new(0) : NULL;
    ok = ok && attack(&j, &first, &e);
    code = ok ? say(&j, first) : die(&e);
    pool_free(j.pool);
    for (size_t i = 0; i < j.targets; i++)
        http_client_free(j.target[i].client);
    return code;
}
