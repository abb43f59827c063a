/* privacy_account.c - `moat privacy account`: epsilon of a run, or the noise for an epsilon; one, many, or a statement's. */
#include "base/file.h"
#include "base/pool.h"
#include "cli/privacy_cmds.h"
#include "format/csv.h"
#include "privacy/events.h"
#include <math.h>

enum { INPUT_MAX = 64 << 20, ROWS_MAX = 1000 * 1000 };
static const size_t arena_limit = (size_t)1 << 30;
static const double same = 1e-6;                       /* relative: what a statement's numbers may differ by */

static double      sigma_opt = NAN, rate_opt = NAN, delta_opt = NAN, epsilon_opt = NAN, epochs_opt = NAN;
static long        steps_opt = -1, rows_opt = -1, size_opt = -1;
static const char *batch_opt, *sampler_opt = "poisson", *events_opt, *verify_opt;

const Opt privacy_account_opts[PRIVACY_ACCOUNT_OPTS] = {
    { "sigma", 's', OPT_REAL, &sigma_opt, "S", "noise sd / clipping norm" },
    { "epsilon", 'e', OPT_REAL, &epsilon_opt, "E", "instead of --sigma: find the least noise that keeps it" },
    { "rate", 'q', OPT_REAL, &rate_opt, "Q", "probability of a row to be in a step" },
    { "steps", 't', OPT_INT, &steps_opt, "T", "steps of the run" },
    { "delta", 'd', OPT_REAL, &delta_opt, "D", "the chance that more leaks; less than 1 / rows" },
    { "rows", 0, OPT_INT, &rows_opt, "N", "with --batch-size and --epochs, instead of --rate and --steps" },
    { "batch-size", 0, OPT_INT, &size_opt, "B", "expected rows of a step: rate = B / N" },
    { "epochs", 0, OPT_REAL, &epochs_opt, "E", "steps = E N / B, rounded up" },
    { "sampler", 0, OPT_TEXT, &sampler_opt, "KIND", "poisson, full (all rows, each step), shuffle (no theorem: not amplified)" },
    { "events", 0, OPT_TEXT, &events_opt, "FILE", "the run as JSON: dp_accounting events, or an Opacus history" },
    { "batch", 'b', OPT_TEXT, &batch_opt, "FILE", "CSV with columns sigma, rate, steps, delta: the same with the answers added" },
    { "verify", 0, OPT_TEXT, &verify_opt, "FILE", "compute a privacy statement's numbers again; exit 1 when they differ" },
};

/* ---- answers */

static void put_answer(JsonOut *w, const AccountAnswer *a)
{
    json_key(w, "epsilon_low"), json_put_f64(w, a->low);
    json_key(w, "epsilon"), json_put_f64(w, a->epsilon);
    json_key(w, "epsilon_up"), json_put_f64(w, a->up);
    json_key(w, "epsilon_rdp"), json_put_f64(w, a->rdp);
    json_key(w, "rdp_order"), json_put_f64(w, a->rdp_order);
    json_key(w, "method"), json_put_z(w, a->method);
    json_key(w, "point"), json_put_z(w, a->point);
}

static void put_phases(JsonOut *w, const AccountQuery *q)
{
    if (q->phases == 1) {
        json_key(w, "sigma"), json_put_f64(w, q->phase->sigma);
        json_key(w, "rate"), json_put_f64(w, q->phase->rate);
        json_key(w, "steps"), json_put_u64(w, q->phase->steps);
    } else {
        json_key(w, "phases"), json_put_u64(w, q->phases);
    }
    json_key(w, "delta"), json_put_f64(w, q->delta);
}

static bool say_json(Arena *a, const AccountQuery *q, const AccountAnswer *answer)
{
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    json_begin(&w, "moat.privacy.account/1", findings_new(a));
    put_phases(&w, q);
    json_key(&w, "sampler"), json_put_z(&w, sampler_opt);
    put_answer(&w, answer);
    return json_finish(&w);
}

static bool say(Arena *a, const AccountQuery *q, const AccountAnswer *answer)
{
    if (common.json)
        return say_json(a, q, answer);
    if (q->phases == 1)
        printf("run          sigma %.6g, rate %.6g, %" PRIu64 " steps, delta %g\n", q->phase->sigma, q->phase->rate, q->phase->steps, q->delta);
    else
        printf("run          %zu phases, delta %g\n", q->phases, q->delta);
    printf("epsilon      %.7g\n", answer->epsilon);
    printf("certified    %.7g <= epsilon <= %.7g  (%s)\n", answer->low, answer->up, answer->method);
    printf("by moments   %.7g  (order %g)\n", answer->rdp, answer->rdp_order);
    return true;
}

/* ---- one run */

static bool sampler(Phase *p, Err *e)
{
    if (strcmp(sampler_opt, "poisson") == 0)
        return true;
    if (strcmp(sampler_opt, "full") == 0)
        return p->rate = 1, true;
    if (strcmp(sampler_opt, "shuffle") != 0) {
        err_set(e, E_USAGE, "--sampler %s: no bound for it in this version", sampler_opt);
        return err_hint(e, "poisson, full or shuffle");
    }
    fputs("moat: warning: no theorem bounds shuffled batches tightly: each row is counted once an epoch, without amplification\n", stderr);
    p->steps = (uint64_t)ceil((double)p->steps * p->rate), p->rate = 1;
    return true;
}

static bool from_epochs(Phase *p, Err *e)
{
    if (rows_opt < 1 || size_opt < 1 || size_opt > rows_opt || !(epochs_opt > 0 && epochs_opt < 1e9))
        return err_set(e, E_USAGE, "--rows N, --batch-size B up to N and --epochs E go together");
    double steps = ceil(epochs_opt * (double)rows_opt / (double)size_opt);
    if (steps > (double)STEPS_MAX)
        return err_set(e, E_LIMIT, "more than %" PRIu64 " steps", STEPS_MAX);
    p->rate = (double)size_opt / (double)rows_opt, p->steps = (uint64_t)steps;
    return true;
}

static bool one_phase(Phase *p, Err *e)
{
    bool sugar = rows_opt >= 0 || size_opt >= 0 || !isnan(epochs_opt), full = strcmp(sampler_opt, "full") == 0;
    *p = (Phase){ isnan(sigma_opt) ? 1 : sigma_opt, full ? 1 : rate_opt, steps_opt < 0 ? 0 : (uint64_t)steps_opt };
    if (sugar && (!isnan(rate_opt) || steps_opt >= 0))
        return err_set(e, E_USAGE, "--rows, --batch-size and --epochs stand for --rate and --steps: give one or the other");
    if (sugar ? !from_epochs(p, e) : steps_opt < 0 || isnan(p->rate)) {
        if (!sugar)
            err_set(e, E_USAGE, "which run?"), err_hint(e, "moat privacy account --sigma 1.1 --rate 0.004 --steps 14000 --delta 1e-5");
        return false;
    }
    return sampler(p, e);
}

static bool query(Arena *a, Events *ev, AccountQuery *q, Err *e)
{
    Str text;
    if (isnan(delta_opt))
        return err_set(e, E_USAGE, "--delta is missing: the chance that more leaks, less than 1 / rows");
    if (isnan(sigma_opt) == isnan(epsilon_opt) && events_opt == NULL)
        return err_set(e, E_USAGE, "--sigma S answers epsilon, --epsilon E answers sigma: give one of them");
    if (events_opt != NULL) {
        if (!isnan(sigma_opt) || !isnan(rate_opt) || steps_opt >= 0 || !isnan(epsilon_opt))
            return err_set(e, E_USAGE, "--events says all of the run but --delta");
        if (!file_read(a, events_opt, INPUT_MAX, &text, e) || !(events_read(a, text, ev, e) || err_in(e, "%s", events_opt)))
            return false;
    } else {
        *ev = (Events){ arena_get(a, 1, sizeof(Phase)), 1 };
        if (ev->phase == NULL ? !err_nomem(e) : !one_phase(ev->phase, e))
            return false;
    }
    *q = (AccountQuery){ ev->phase, ev->n, delta_opt };
    return true;
}

static int one(Arena *a)
{
    Events        ev;
    AccountQuery  q;
    AccountAnswer answer;
    Err           e = { 0 };
    double        sigma;
    if (!query(a, &ev, &q, &e))
        return die(&e);
    if (isnan(epsilon_opt) ? !privacy_account(&q, &answer, &e) : !privacy_calibrate(&q, epsilon_opt, &sigma, &answer, &e))
        return die(&e);
    if (!isnan(epsilon_opt))
        for (size_t i = 0; i < ev.n; i++)
            ev.phase[i].sigma = sigma;
    return say(a, &q, &answer) ? EXIT_CLEAN : EXIT_BROKEN;
}

/* ---- a statement */

typedef struct Number {
    const char *name;
    double      claimed, found;
} Number;

static bool differs(const Number *n) { return !(fabs(n->claimed - n->found) <= same * fmax(n->found, 1e-9)); }

static bool put_difference(Findings *list, const Number *n)
{
    char    text[160];
    Finding f = finding_of(&claim_rules[STATEMENT_WRONG], S(""), str(verify_opt));
    snprintf(text, sizeof text, "%s is said to be %.9g; its inputs give %.9g", n->name, n->claimed, n->found);
    f.message = str(text);
    return finding_add(list, f);
}

static int say_verified(const Findings *found, const AccountQuery *q, const AccountAnswer *answer)
{
    bool          right = findings_count(found) == 0;
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    int           code = exit_of(found, SEV_CRITICAL, false);
    if (common.json) {
        json_begin(&w, "moat.privacy.account/1", found);
        json_key(&w, "verified"), json_put_bool(&w, right);
        put_phases(&w, q), put_answer(&w, answer);
        return json_finish(&w) ? code : EXIT_BROKEN;
    }
    findings_text(found, stdout, colour_on(stdout));
    if (right)
        printf("%s: every number follows from its inputs: epsilon %.7g, at most %.7g, at delta %g\n", verify_opt, answer->epsilon, answer->up,
               q->delta);
    return code;
}

static int verify(Arena *a)
{
    Err           e = { 0 };
    Str           text;
    Claim         c;
    AccountAnswer answer;
    Findings     *found = findings_new(a);
    if (found == NULL)
        return err_nomem(&e), die(&e);
    if (!file_read(a, verify_opt, INPUT_MAX, &text, &e) || !(claim_read(a, text, &c, &e) || err_in(&e, "%s", verify_opt)))
        return die(&e);
    AccountQuery q = { c.events.phase, c.events.n, c.delta };
    if (!privacy_account(&q, &answer, &e))
        return err_in(&e, "%s", verify_opt), die(&e);
    answer.up += c.error, answer.rdp += c.error;
    const Number numbers[] = { { "epsilon_low", c.low, answer.low },
                               { "epsilon", c.epsilon, answer.epsilon },
                               { "epsilon_up", c.up, answer.up },
                               { "epsilon_rdp", c.rdp, answer.rdp } };
    for (size_t i = 0; i < len_of(numbers); i++)
        if (differs(&numbers[i]) && !put_difference(found, &numbers[i]))
            return err_nomem(&e), die(&e);
    return say_verified(found, &q, &answer);
}

/* ---- many */

typedef struct Line {
    const Str    *field;
    size_t        fields;
    uint64_t      line;
    Phase         phase;
    AccountQuery  q;
    AccountAnswer answer;
    bool          ok;
    Err           e;
} Line;

typedef struct Sheet {
    Line  *line;                                       /* line[0] is the header */
    size_t n, cap;
    int    sigma, rate, steps, delta;
} Sheet;

static int column(const Line *head, const char *name, const char *other)
{
    for (size_t i = 0; i < head->fields; i++)
        if (str_is(head->field[i], name) || str_is(head->field[i], other))
            return (int)i;
    return -1;
}

static bool keep(Arena *a, Sheet *s, const CsvRow *row, Err *e)
{
    Str *field = arena_get(a, row->count, sizeof *field);
    if (s->n == ROWS_MAX)
        return err_set(e, E_LIMIT, "more than %d rows", ROWS_MAX);
    if (s->n == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 256;
        Line  *more = arena_get(a, cap, sizeof *more);
        if (more == NULL)
            return err_nomem(e);
        if (s->n)
            memcpy(more, s->line, s->n * sizeof *more);
        s->line = more, s->cap = cap;
    }
    if (field == NULL)
        return err_nomem(e);
    for (size_t i = 0; i < row->count; i++)
        if ((field[i] = arena_str(a, row->field[i])).p == NULL)
            return err_nomem(e);
    s->line[s->n++] = (Line){ .field = field, .fields = row->count, .line = row->line };
    return true;
}

static bool sheet_read(Arena *a, Str text, Sheet *s, Err *e)
{
    defer_csv Csv *csv = csv_new(NULL);
    CsvRow         row;
    CsvStep        got;
    if (csv == NULL)
        return err_nomem(e);
    csv_feed(csv, text, true);
    while ((got = csv_next(csv, &row, e)) == CSV_ROW)
        if (!keep(a, s, &row, e))
            return false;
    if (got == CSV_ERROR)
        return false;
    if (s->n == 0)
        return err_set(e, E_FORMAT, "is empty");
    s->sigma = column(s->line, "sigma", "noise_multiplier"), s->rate = column(s->line, "rate", "sampling_prob");
    s->steps = column(s->line, "steps", "steps"), s->delta = column(s->line, "delta", "delta");
    if (s->sigma < 0 || s->rate < 0 || s->steps < 0 || (s->delta < 0 && isnan(delta_opt)))
        return err_set(e, E_FORMAT, "wants columns sigma, rate, steps and delta (or --delta)");
    return true;
}

static bool take(const Line *l, int at, double *out)
{
    return at >= 0 && (size_t)at < l->fields && number_f64(str_trim(l->field[at]), out);
}

static void answer_line(void *arg, size_t i)
{
    Sheet *s = arg;
    Line  *l = &s->line[i + 1];
    double steps = NAN, delta = delta_opt;
    if (!take(l, s->sigma, &l->phase.sigma) || !take(l, s->rate, &l->phase.rate) || !take(l, s->steps, &steps) ||
        (s->delta >= 0 && !take(l, s->delta, &delta)) || !(steps >= 0 && steps <= (double)STEPS_MAX) || steps != floor(steps)) {
        err_set(&l->e, E_FORMAT, "sigma, rate, steps and delta must be numbers");
        return;
    }
    l->phase.steps = (uint64_t)steps;
    l->q = (AccountQuery){ &l->phase, 1, delta };
    l->ok = privacy_account(&l->q, &l->answer, &l->e);
}

static void put_field(Buf *b, Str f)
{
    bool quoted = false;
    for (size_t i = 0; i < f.n; i++)
        quoted = quoted || f.p[i] == ',' || f.p[i] == '"' || f.p[i] == '\n' || f.p[i] == '\r';
    if (!quoted)
        return buf_str(b, f);
    buf_byte(b, '"');
    for (size_t i = 0; i < f.n; i++) {
        if (f.p[i] == '"')
            buf_byte(b, '"');
        buf_byte(b, (uint8_t)f.p[i]);
    }
    buf_byte(b, '"');
}

static void put_number(Buf *b, double v)
{
    char text[NUMBER_TEXT];
    buf_byte(b, ',');
    buf_put(b, text, number_text(v, text));
}

static void put_line(Buf *b, const Line *l, bool head)
{
    for (size_t i = 0; i < l->fields; i++) {
        if (i > 0)
            buf_byte(b, ',');
        put_field(b, l->field[i]);
    }
    if (head)
        buf_z(b, ",epsilon_low,epsilon,epsilon_up,epsilon_rdp");
    else if (l->ok)
        put_number(b, l->answer.low), put_number(b, l->answer.epsilon), put_number(b, l->answer.up), put_number(b, l->answer.rdp);
    else
        buf_z(b, ",,,,");
    buf_byte(b, '\n');
}

static void put_object(Buf *b, const Line *l)
{
    JsonOut w = json_out(b);
    json_open(&w, '{');
    json_member_u64(&w, "line", l->line);
    if (l->ok)
        put_phases(&w, &l->q), put_answer(&w, &l->answer);
    else
        json_member(&w, "error", str(l->e.message));
    json_close(&w, '}');
    buf_byte(b, '\n');
}

static int say_sheet(const Sheet *s)
{
    defer_buf Buf b = { 0 };
    int           code = EXIT_CLEAN;
    Err           e = { 0 };
    if (!common.json)
        put_line(&b, s->line, true);
    for (size_t i = 1; i < s->n; i++) {
        const Line *l = &s->line[i];
        if (!l->ok)
            fprintf(stderr, "moat: error: %s:%" PRIu64 ": %s\n", batch_opt, l->line, l->e.message), code = EXIT_BROKEN;
        if (common.json)
            put_object(&b, l);
        else
            put_line(&b, l, false);
    }
    if (b.bad)
        return err_nomem(&e), die(&e);
    if (fwrite(b.p, 1, b.n, stdout) != b.n || fflush(stdout) != 0)
        return err_set(&e, E_IO, "standard output: %m"), die(&e);
    return code;
}

static int many(Arena *a)
{
    Err   e = { 0 };
    Str   text;
    Sheet s = { 0 };
    if (!file_read(a, batch_opt, INPUT_MAX, &text, &e) || !(sheet_read(a, text, &s, &e) || err_in(&e, "%s", batch_opt)))
        return die(&e);
    Pool *pool = pool_new(0);
    pool_each(pool, s.n - 1, answer_line, &s);
    pool_free(pool);
    return say_sheet(&s);
}

int privacy_account_cmd(int argc, char **argv)
{
    defer_arena Arena *a = arena_new(arena_limit);
    Err                e = { 0 };
    (void)argv;
    if (a == NULL)
        return err_nomem(&e), die(&e);
    if (argc > 0)
        return usage("moat privacy account --sigma S --rate Q --steps T --delta D");
    if ((verify_opt != NULL) + (batch_opt != NULL) + (events_opt != NULL) > 1)
        return usage("--verify, --batch and --events are three different questions");
    return verify_opt != NULL ? verify(a) : batch_opt != NULL ? many(a) : one(a);
}
