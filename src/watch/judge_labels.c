/* judge_labels.c - performance and fairness from predictions that met their labels; see judge.h. */
#include "num/perf.h"
#include "watch/judge_own.h"
#include "watch/window.h"
#include <math.h>

enum { GROUPS_MAX = 64, GROUP_NAME = 48 };

typedef struct GroupOf {
    char   name[GROUP_NAME + 1];
    size_t n;
} GroupOf;

typedef struct Joined {                                /* the window's rows, as far as they are labelled */
    const Monitor *m;
    Arena         *a;
    Scored        *v;                                  /* of the positive class, or values */
    double        *said, *truth;                       /* classes */
    size_t         n, cap;
    uint64_t       predictions, labelled, strange;     /* strange: labels that are no class */
    GroupOf        name[GROUPS_MAX];
    Group          group[GROUPS_MAX];
    size_t         groups;
    uint64_t       grouped_out;                        /* rows of groups beyond GROUPS_MAX */
} Joined;

/* ---- groups: lines of MONITOR=VALUE */

void groups_put(Buf *out, const Monitor *m, const Json *row)
{
    const Json *v = row ? row_at(row, m->group, m->group_position) : NULL;
    Str         text = v == NULL || v->type == JSON_NULL ? S("") : v->type == JSON_TRUE ? S("true") : v->type == JSON_FALSE ? S("false") : v->text;
    if (text.n == 0)
        return;
    buf_str(out, m->name), buf_byte(out, '=');
    for (size_t i = 0; i < text.n && i < GROUP_NAME; i++)
        buf_byte(out, (uint8_t)text.p[i] < ' ' ? '?' : (uint8_t)text.p[i]);
    buf_byte(out, '\n');
}

static Str group_of(const Monitor *m, Str groups)
{
    Str line, name, value;
    while (str_cut(groups, '\n', &line, &groups))
        if (str_cut(line, '=', &name, &value) && str_eq(name, m->name))
            return value;
    return S("");
}

static Group *find_group(Joined *j, Str name)
{
    for (size_t i = 0; i < j->groups; i++)
        if (str_eq((Str){ j->name[i].name, j->name[i].n }, name))
            return &j->group[i];
    if (j->groups == GROUPS_MAX || name.n > GROUP_NAME)
        return NULL;
    memcpy(j->name[j->groups].name, name.p, name.n);
    j->name[j->groups].n = name.n;
    return &j->group[j->groups++];
}

/* ---- rows */

static bool grow(Joined *j)
{
    if (j->n < j->cap)
        return true;
    size_t  cap = j->cap ? 2 * j->cap : 1024;
    Scored *v = arena_get(j->a, cap, sizeof *v);
    double *said = arena_get(j->a, cap, sizeof *said), *truth = arena_get(j->a, cap, sizeof *truth);
    if (v == NULL || said == NULL || truth == NULL)
        return false;
    if (j->n > 0) {
        memcpy(v, j->v, j->n * sizeof *v);
        memcpy(said, j->said, j->n * sizeof *said), memcpy(truth, j->truth, j->n * sizeof *truth);
    }
    j->v = v, j->said = said, j->truth = truth, j->cap = cap;
    return true;
}

static bool is_value_metric(const Monitor *m) { return strcmp(m->metric->name, "mae") == 0 || strcmp(m->metric->name, "rmse") == 0; }

/* The class that was said; a bare value is a probability where there are two classes, else a class itself. */
static double class_said(const Monitor *m, const Waiting *p)
{
    if (!isnan(p->label))
        return p->label;
    return m->classes <= 2 ? p->score >= 0.5 : p->score;
}

/* The score of the positive class, as far as an answer of one label and its score tells it. */
static double positive_score(const Monitor *m, const Waiting *p)
{
    if (isnan(p->label) || p->label == (double)m->positive)
        return p->score;
    return 1 - p->score;
}

static void add_to_group(Joined *j, const Waiting *p, bool said, bool truth)
{
    Group *g = find_group(j, group_of(j->m, p->groups));
    if (g == NULL) {
        j->grouped_out++;
        return;
    }
    *(said ? truth ? &g->c.tp : &g->c.fp : truth ? &g->c.fn : &g->c.tn) += 1;
}

static bool add_row(void *ctx, const Waiting *p)
{
    Joined *j = ctx;
    double  y = NAN, said = class_said(j->m, p);
    bool    has = p->y.n > 0 && (is_value_metric(j->m) ? number_f64(p->y, &y) : monitor_class(j->m, p->y, &y));
    bool    selection = strcmp(j->m->metric->name, "demographic_parity") == 0;
    j->predictions++, j->labelled += has, j->strange += p->y.n > 0 && !has;
    if (j->m->metric->from == FROM_GROUPS && (has || selection) && group_of(j->m, p->groups).n > 0)
        add_to_group(j, p, said == (double)j->m->positive, has && y == (double)j->m->positive);
    if (!has)
        return true;
    if (!grow(j))
        return false;
    bool value = is_value_metric(j->m);
    j->v[j->n] = (Scored){ value ? p->score : positive_score(j->m, p), value ? y : y == (double)j->m->positive };
    j->said[j->n] = said, j->truth[j->n++] = y;
    return true;
}

/* ---- values */

static Counts2 one_against_rest(const Joined *j)
{
    Counts2 c = { 0 };
    for (size_t i = 0; i < j->n; i++) {
        bool said = j->said[i] == (double)j->m->positive, truth = j->truth[i] == (double)j->m->positive;
        *(said ? truth ? &c.tp : &c.fp : truth ? &c.fn : &c.tn) += 1;
    }
    return c;
}

static double accuracy(const Joined *j)
{
    size_t right = 0;
    for (size_t i = 0; i < j->n; i++)
        right += j->said[i] == j->truth[i];
    return (double)right / (double)j->n;
}

static bool multiclass(const Joined *j, Multiclass *out)
{
    size_t    k = j->m->classes;
    uint64_t *confusion = arena_get(j->a, k * k, sizeof *confusion);
    if (confusion == NULL)
        return false;
    for (size_t i = 0; i < j->n; i++)
        if (j->said[i] >= 0 && j->said[i] < (double)k && j->truth[i] >= 0 && j->truth[i] < (double)k)
            confusion[(size_t)j->truth[i] * k + (size_t)j->said[i]]++;
    *out = multiclass_of(confusion, k);
    return true;
}

typedef struct Performance {                           /* everything that is said of labelled rows */
    double accuracy, balanced_accuracy, f1, precision, recall, specificity, mcc, auc, ap, brier, log_loss, mae, rmse;
} Performance;

static const struct { const char *name; size_t offset; } performance_rows[] = {
#define ROW(name) { #name, offsetof(Performance, name) }
    ROW(accuracy), ROW(balanced_accuracy), ROW(f1), ROW(precision), ROW(recall), ROW(specificity), ROW(mcc), ROW(auc), ROW(ap), ROW(brier),
    ROW(log_loss), ROW(mae), ROW(rmse),
#undef ROW
};

static bool performance_of(Joined *j, Performance *out)
{
    if (is_value_metric(j->m)) {
        Regression r = regression_of(j->v, j->n);
        for (size_t i = 0; i < len_of(performance_rows); i++)
            *(double *)((char *)out + performance_rows[i].offset) = NAN;
        out->mae = r.mae, out->rmse = r.rmse;
        return true;
    }
    Binary  b = binary_of(one_against_rest(j));
    double  loss = log_loss(j->v, j->n), square = brier(j->v, j->n);
    Ranking r = ranking_of(j->v, j->n);
    *out = (Performance){ accuracy(j), b.balanced_accuracy, b.f1, b.precision, b.recall, b.specificity, b.mcc, r.undefined ? NAN : r.auc,
                          r.undefined ? NAN : r.ap, square, loss, NAN, NAN };
    Multiclass m;
    if (j->m->classes <= 2)
        return true;
    if (!multiclass(j, &m))
        return false;
    out->f1 = m.f1_macro, out->mcc = m.mcc;
    return true;
}

static bool judge_performance(Joined *j, Judged *out, JsonOut *w, Buf *message, Err *e)
{
    Performance p;
    out->value = NAN;
    if (j->n == 0)
        return true;
    if (!performance_of(j, &p))
        return err_nomem(e);
    for (size_t i = 0; i < len_of(performance_rows); i++) {
        double v = *(const double *)((const char *)&p + performance_rows[i].offset);
        json_key(w, performance_rows[i].name), json_put_f64(w, v);
        if (strcmp(performance_rows[i].name, j->m->metric->name) == 0 && j->n >= j->m->min_rows)
            out->value = v;
    }
    buf_printf(message, "%s is %.4g over %zu labelled of %" PRIu64 " predictions", j->m->metric->name, out->value, j->n, j->predictions);
    return true;
}

/* ---- fairness */

static double fairness_value(const Monitor *m, const Fairness *f)
{
    if (f->judged < 2)
        return NAN;
    const struct { const char *name; double v; } rows[] = {
        { "demographic_parity", f->demographic_parity }, { "equal_opportunity", f->equal_opportunity },
        { "equalized_odds", f->equalized_odds }, { "predictive_parity", f->predictive_parity },
    };
    for (size_t i = 0; i < len_of(rows); i++)
        if (strcmp(rows[i].name, m->metric->name) == 0)
            return rows[i].v;
    return NAN;
}

static void put_groups(const Joined *j, JsonOut *w)
{
    json_key(w, "groups");
    json_open(w, '[');
    for (size_t i = 0; i < j->groups; i++) {
        const Group *g = &j->group[i];
        json_open(w, '{');
        json_member(w, "name", (Str){ j->name[i].name, j->name[i].n });
        json_key(w, "n"), json_put_f64(w, g->c.tp + g->c.fp + g->c.fn + g->c.tn);
        json_key(w, "selection"), json_put_f64(w, g->selection);
        json_key(w, "tpr"), json_put_f64(w, g->tpr);
        json_key(w, "fpr"), json_put_f64(w, g->fpr);
        json_key(w, "ppv"), json_put_f64(w, g->ppv);
        json_close(w, '}');
    }
    json_close(w, ']');
}

static void judge_fairness(Joined *j, Judged *out, JsonOut *w, Buf *message)
{
    Fairness f = fairness_of(j->group, j->groups);
    bool     selection = strcmp(j->m->metric->name, "demographic_parity") == 0;
    out->value = (selection ? j->predictions : j->labelled) >= j->m->min_rows ? fairness_value(j->m, &f) : NAN;
    put_groups(j, w);
    if (selection && f.judged >= 2) {
        json_key(w, "low"), json_put_f64(w, f.demographic_parity_range.low);
        json_key(w, "high"), json_put_f64(w, f.demographic_parity_range.high);
        out->by_chance = f.demographic_parity_range.low < j->m->threshold;
    }
    buf_printf(message, "%s by %.*s is %.3g over %zu groups", j->m->metric->name, STR(j->m->group), out->value, f.judged);
}

bool judge_labels(Arena *a, const Monitor *m, State *s, int64_t start, Judged *out, Err *e)
{
    defer_buf Buf details = { 0 }, message = { 0 };
    JsonOut       w = json_out(&details);
    Joined       *j = arena_get(a, 1, sizeof *j);
    if (j == NULL)
        return err_nomem(e);
    j->m = m, j->a = a;
    if (!state_joined(s, m->endpoint, start, start + m->window_ns, add_row, j, e))
        return false;
    *out = (Judged){ .n = j->predictions, .labelled = j->labelled };
    json_open(&w, '{');
    json_member_u64(&w, "n", j->predictions), json_member_u64(&w, "labelled", j->labelled), json_member_u64(&w, "strange", j->strange);
    if (m->metric->from == FROM_GROUPS)
        judge_fairness(j, out, &w, &message);
    else if (!judge_performance(j, out, &w, &message, e))
        return false;
    json_close(&w, '}');
    judge_verdict(m, out);
    return judge_finish(a, out, &details, &message, e);
}
