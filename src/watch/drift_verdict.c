/* drift_verdict.c - all features of two files, and which of them have drifted; see drift.h. */
#include "num/stats.h"
#include "watch/drift_own.h"
#include <math.h>

static const double default_threshold = 0.1, significance = 0.05, missing_gap = 0.05;
enum { DEFAULT_ROWS = 200 };
#define SCRATCH ((size_t)16 << 30)                     /* a limit, not a size */

typedef struct Job {
    const Columns  *ref, *cur;
    const DriftAsk *ask;
    DriftFeature   *v;
    size_t         *column;                            /* of the reference, one a feature */
} Job;

static void compare_one(void *arg, size_t i)
{
    const Job      *j = arg;
    DriftFeature   *f = &j->v[i];
    const ColumnOf *ref = &j->ref->v[j->column[i]], *cur = columns_find(j->cur, ref->name);
    drift_undefined(f);
    f->name = ref->name, f->categorical = ref->num == NULL;
    if (cur == NULL || (cur->num == NULL) != f->categorical)
        return;
    defer_arena Arena *a = arena_new(SCRATCH);
    f->failed = a == NULL || !(f->categorical ? drift_texts(a, ref, j->ref->rows, cur, j->cur->rows, j->ask->seed, f)
                                              : drift_numbers(a, ref, j->ref->rows, cur, j->cur->rows, f));
    if (j->ref->rows > 0 && j->cur->rows > 0)
        f->missing_p = proportions_p(f->ref.missing, j->ref->rows, f->cur.missing, j->cur->rows);
}

/* ---- which columns */

static bool choose(Arena *a, const Columns *ref, const DriftAsk *ask, size_t **column, size_t *n, Err *e)
{
    size_t *v = arena_get(a, ref->count + ask->only_count, sizeof *v);
    if (v == NULL)
        return err_nomem(e);
    for (size_t i = 0; i < ask->only_count; i++) {
        const ColumnOf *c = columns_find(ref, ask->only[i]);
        if (c == NULL)
            return err_set(e, E_USAGE, "the reference has no column '%.*s'", STR(ask->only[i]));
        v[(*n)++] = (size_t)(c - ref->v);
    }
    for (size_t i = 0; ask->only_count == 0 && i < ref->count; i++)
        v[(*n)++] = i;
    *column = v;
    return true;
}

/* ---- judging */

static bool adjust(Arena *a, DriftReport *r, Err *e)
{
    double *p = arena_get(a, r->count + 1, sizeof *p);
    size_t *order = arena_get(a, r->count + 1, sizeof *order);
    if (p == NULL || order == NULL)
        return err_nomem(e);
    for (size_t i = 0; i < r->count; i++)
        p[i] = r->v[i].p, r->tests += !isnan(p[i]);
    adjust_p(p, order, r->count);
    for (size_t i = 0; i < r->count; i++)
        r->v[i].p_adjusted = p[i];
    return true;
}

static bool raise_one(Findings *found, WatchRule rule, const DriftFeature *f, FindingState state, const char *message)
{
    Finding v = finding_of(&watch_rules[rule], S(""), f->name);
    v.state = state;
    if (message == NULL)
        return false;
    v.message = str(message);
    return finding_add(found, v);
}

static bool judge_categories(Arena *a, const DriftFeature *f, Findings *found)
{
    if (f->new_categories > 0 &&
        !raise_one(found, W_NEW_CATEGORY, f, STATE_FAIL, arena_printf(a, "%" PRIu64 " categor%s that the reference does not have, first '%.*s'",
               f->new_categories, f->new_categories == 1 ? "y" : "ies", (int)(f->new_example.n & 0x3f), f->new_example.p)))
        return false;
    return f->gone_categories == 0 ||
           raise_one(found, W_GONE_CATEGORY, f, STATE_FAIL, arena_printf(a, "%" PRIu64 " categor%s of the reference no longer come%s, first '%.*s'",
                 f->gone_categories, f->gone_categories == 1 ? "y" : "ies", f->gone_categories == 1 ? "s" : "",
                 (int)(f->gone_example.n & 0x3f), f->gone_example.p));
}

static bool judge_missing(Arena *a, const Job *j, const DriftFeature *f, Findings *found)
{
    double x = (double)f->ref.missing / (double)j->ref->rows, y = (double)f->cur.missing / (double)j->cur->rows;
    if (!(f->missing_p <= significance / 10) || fabs(x - y) < missing_gap)
        return true;
    return raise_one(found, W_MISSING, f, STATE_FAIL, arena_printf(a, "%.1f %% of the values are missing; %.1f %% in the reference", 100 * y, 100 * x));
}

static bool judge_drift(Arena *a, const DriftAsk *ask, DriftFeature *f, Findings *found)
{
    double   threshold = ask->threshold > 0 ? ask->threshold : default_threshold;
    uint64_t least = ask->min_rows > 0 ? ask->min_rows : DEFAULT_ROWS;
    if (f->ref.n < least || f->cur.n < least) {
        f->verdict = DRIFT_UNKNOWN;
        return raise_one(found, W_FEW, f, STATE_UNKNOWN, arena_printf(a, "%" PRIu64 " values in the reference and %" PRIu64 " now; %" PRIu64 " are needed",
                     f->ref.n, f->cur.n, least));
    }
    f->verdict = f->effect >= threshold && f->p_adjusted <= significance ? DRIFT_FOUND : DRIFT_NONE;
    return f->verdict == DRIFT_NONE ||
           raise_one(found, W_DRIFT, f, STATE_FAIL, arena_printf(a, "%s is %.3g, from %.3g on is drift; p %.2g over %s", f->effect_name, f->effect, threshold,
                 f->p_adjusted, f->test));
}

static bool judge(Arena *a, const Job *j, DriftFeature *f, Findings *found)
{
    const ColumnOf *cur = columns_find(j->cur, f->name);
    if (cur == NULL || (cur->num == NULL) != f->categorical) {
        f->verdict = DRIFT_UNKNOWN;
        return raise_one(found, W_COLUMN, f, STATE_FAIL, cur == NULL ? "the column is missing" : f->categorical ? "numbers where the reference has texts" : "texts where the reference has numbers");
    }
    return judge_missing(a, j, f, found) && judge_categories(a, f, found) && judge_drift(a, j->ask, f, found);
}

bool drift_compare(Arena *a, Pool *pool, const Columns *ref, const Columns *cur, const DriftAsk *ask, Findings *found, DriftReport *out, Err *e)
{
    Job job = { .ref = ref, .cur = cur, .ask = ask };
    *out = (DriftReport){ 0 };
    if (ref->rows == 0 || cur->rows == 0)
        return err_set(e, E_FORMAT, "the %s has no rows", ref->rows == 0 ? "reference" : "current data");
    if (ref->rows > INT32_MAX || cur->rows > INT32_MAX)
        return err_set(e, E_LIMIT, "more than %d rows", INT32_MAX);
    if (!choose(a, ref, ask, &job.column, &out->count, e))
        return false;
    job.v = out->v = arena_get(a, out->count, sizeof *out->v);
    if (out->v == NULL)
        return err_nomem(e);
    pool_each(pool, out->count, compare_one, &job);
    if (!adjust(a, out, e))
        return false;
    for (size_t i = 0; i < out->count; i++)
        if (out->v[i].failed || !judge(a, &job, &out->v[i], found))
            return err_nomem(e);
    return true;
}
