/* confident.c - see confident.h; the steps are numbered as there told, 1 thresholds to 7 second thoughts. */
#include "num/confident.h"
#include "num/order.h"
#include <math.h>

static const double slack = 1e-6;                      /* probabilities this near count as equal */

typedef struct Ranked {
    double   first, second;                            /* the smaller, the sooner */
    uint32_t row;
} Ranked;

typedef struct Run {
    const ConfidentAsk *ask;
    Confident          *out;
    uint32_t            k;                             /* classes                                        */
    size_t             *from;                          /* rows of label c: row[from[c]] .. row[from[c + 1]] */
    uint32_t           *row;
    double             *scaled;                        /* k * k, before rounding                         */
    int64_t            *prune;                         /* [true][given]: rows to flag; the diagonal: to leave */
    Ranked             *ranked, *remainder;            /* scratch: rows, classes                         */
    double             *value;                         /* ... rows                                       */
    bool               *by_class;
} Run;

uint32_t confident_guess(const double *p, uint32_t classes, uint32_t not)
{
    uint32_t best = not == 0 ? 1 : 0;
    for (uint32_t c = best + 1; c < classes; c++)
        if (c != not && p[c] > p[best])
            best = c;
    return best;
}

double confident_margin(const double *p, uint32_t classes, uint32_t given)
{
    return classes < 2 ? 1 : (p[given] - p[confident_guess(p, classes, given)] + 1) / 2;
}

static const double *p_of(const Run *r, size_t row) { return r->ask->p + row * r->k; }
static size_t        count_of(const Run *r, uint32_t c) { return r->from[c + 1] - r->from[c]; }

/* ---- 1 thresholds, 2 guesses, 3 counts */

static void sort_by_label(Run *r)
{
    for (size_t i = 0; i < r->ask->rows; i++)
        r->from[r->ask->given[i] + 1]++;
    for (uint32_t c = 0; c < r->k; c++)
        r->from[c + 1] += r->from[c];
    for (size_t i = r->ask->rows; i-- > 0;)              /* from the end; `from` slides down to the starts ... */
        r->row[--r->from[r->ask->given[i] + 1]] = (uint32_t)i;
    for (uint32_t c = 0; c < r->k; c++)                  /* ... one place too high */
        r->from[c] = r->from[c + 1];
    r->from[r->k] = r->ask->rows;
}

static void thresholds(Run *r)
{
    for (uint32_t c = 0; c < r->k; c++) {
        double sum = 0;
        for (size_t i = r->from[c]; i < r->from[c + 1]; i++)
            sum += p_of(r, r->row[i])[c];
        double mean = count_of(r, c) ? sum / (double)count_of(r, c) : 2;
        r->out->threshold[c] = mean > 2 * slack ? mean : 2 * slack;
    }
}

/* The class the model is confident of; k: none. */
static uint32_t confident_of(const Run *r, const double *p)
{
    uint32_t only = r->k, hits = 0;
    for (uint32_t c = 0; c < r->k; c++)
        if (p[c] >= r->out->threshold[c] - slack)
            only = c, hits++;
    return hits > 1 ? confident_guess(p, r->k, CONFIDENT_CLASSES_MAX) : only;
}

static void count_pairs(Run *r)
{
    for (size_t i = 0; i < r->ask->rows; i++) {
        uint32_t guess = confident_of(r, p_of(r, i));
        if (guess < r->k)
            r->scaled[r->ask->given[i] * (size_t)r->k + guess]++;
    }
    for (uint32_t c = 0; c < r->k; c++)
        if (r->scaled[c * (size_t)r->k + c] < 1)
            r->scaled[c * (size_t)r->k + c] = 1;
}

/* ---- 4 calibration */

static double row_sum(const double *v, uint32_t n)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += v[i];
    return sum;
}

static int by_rank(const void *x, const void *y)
{
    const Ranked *a = x, *b = y;
    if (a->first != b->first)
        return a->first < b->first ? -1 : 1;
    if (a->second != b->second)
        return a->second < b->second ? -1 : 1;
    return (a->row > b->row) - (a->row < b->row);
}

/* Integers with the row's total: half to even; what is missing goes to the largest remainders, an excess is taken from the smallest. */
static void round_row(Run *r, const double *v, int64_t *out)
{
    int64_t missing = (int64_t)rint(row_sum(v, r->k)), step;
    for (uint32_t i = 0; i < r->k; i++) {
        out[i] = (int64_t)rint(v[i]);
        missing -= out[i];
    }
    for (step = missing < 0 ? -1 : 1; missing != 0;) {
        for (uint32_t i = 0; i < r->k; i++)            /* of equal remainders the last grows, the first shrinks */
            r->remainder[i] = (Ranked){ (double)-step * (v[i] - (double)out[i]), step > 0 ? -(double)i : (double)i, i };
        qsort(r->remainder, r->k, sizeof *r->remainder, by_rank);
        for (uint32_t i = 0; i < r->k && missing != 0; i++, missing -= step)
            out[r->remainder[i].row] += step;
    }
}

static void calibrate(Run *r)
{
    double all = 0;
    for (uint32_t c = 0; c < r->k; c++) {
        double *v = r->scaled + c * (size_t)r->k, sum = row_sum(v, r->k);
        for (uint32_t j = 0; j < r->k; j++)
            v[j] = v[j] / sum * (double)count_of(r, c);
        all += row_sum(v, r->k);
    }
    for (size_t i = 0; i < (size_t)r->k * r->k; i++)
        r->scaled[i] = r->scaled[i] / all * (double)r->ask->rows;
    for (uint32_t c = 0; c < r->k; c++)
        round_row(r, r->scaled + c * (size_t)r->k, r->out->joint + c * (size_t)r->k);
}

/* ---- 5 how many to flag: the joint seen from the true label; of each label one row is left at least */

static void plan_column(Run *r, uint32_t given)
{
    uint32_t others = 0;
    double  *m = r->scaled + given, diagonal = m[given * (size_t)r->k], gain = diagonal < 1 ? 1 - diagonal : 0;
    for (uint32_t j = 0; j < r->k; j++)
        others += m[j * (size_t)r->k] != 0;
    double each = gain / (others > 2 ? others - 1 : 1);
    for (uint32_t j = 0; j < r->k; j++) {
        double *v = &m[j * (size_t)r->k];
        *v = j == given ? diagonal + gain : *v > each ? *v - each : 0;
    }
}

static void plan(Run *r)
{
    for (uint32_t j = 0; j < r->k; j++)
        for (uint32_t c = 0; c < r->k; c++)
            r->scaled[j * (size_t)r->k + c] = (double)r->out->joint[c * (size_t)r->k + j];
    for (uint32_t c = 0; c < r->k; c++)
        plan_column(r, c);
    for (uint32_t j = 0; j < r->k; j++)
        round_row(r, r->scaled + j * (size_t)r->k, r->prune + j * (size_t)r->k);
}

/* ---- 6 flags */

/* Flags the first n of the ranked rows: only those up to the n-th one's value need sorting. */
static void flag_first(const Run *r, size_t ranked, int64_t n, bool *mask)
{
    size_t near = 0, flags = (int64_t)ranked < n ? ranked : (size_t)n;
    if (n <= 0)
        return;
    for (size_t i = 0; i < ranked; i++)
        r->value[i] = r->ranked[i].first;
    double last = order_statistic(r->value, ranked, flags - 1);
    for (size_t i = 0; i < ranked; i++)
        if (r->ranked[i].first <= last)
            r->ranked[near++] = r->ranked[i];
    qsort(r->ranked, near, sizeof *r->ranked, by_rank);
    for (size_t i = 0; i < flags; i++)
        mask[r->ranked[i].row] = true;
}

static void flag_by_noise_rate(const Run *r, uint32_t given, bool *mask)
{
    for (uint32_t j = 0; j < r->k; j++) {
        int64_t n = r->prune[j * (size_t)r->k + given];
        if (j == given || n <= 0)
            continue;
        for (size_t i = 0; i < count_of(r, given); i++) {
            const double *p = p_of(r, r->row[r->from[given] + i]);
            r->ranked[i] = (Ranked){ p[given] - p[j], p[given], r->row[r->from[given] + i] };
        }
        flag_first(r, count_of(r, given), n, mask);
    }
}

static void flag_by_class(const Run *r, uint32_t given, bool *mask)
{
    int64_t n = (int64_t)count_of(r, given) - r->prune[given * (size_t)r->k + given];
    for (size_t i = 0; i < count_of(r, given); i++) {
        const double *p = p_of(r, r->row[r->from[given] + i]);
        r->ranked[i] = (Ranked){ p[given], -p[confident_guess(p, r->k, given)], r->row[r->from[given] + i] };
    }
    flag_first(r, count_of(r, given), n, mask);
}

static void flag(Run *r)
{
    bool *mask = r->out->wrong;
    for (uint32_t c = 0; c < r->k; c++) {
        if (count_of(r, c) < 2)
            continue;
        if (r->ask->prune != PRUNE_BY_CLASS)
            flag_by_noise_rate(r, c, mask);
        if (r->ask->prune != PRUNE_BY_NOISE_RATE)
            flag_by_class(r, c, r->by_class);
    }
    for (size_t i = 0; r->ask->prune != PRUNE_BY_NOISE_RATE && i < r->ask->rows; i++)
        mask[i] = r->by_class[i] && (mask[i] || r->ask->prune == PRUNE_BY_CLASS);
}

/* ---- 7 a row whose own label is the model's first choice, or as good as, is not wrong */

static bool first_choice(const Run *r, size_t row)
{
    const double *p = p_of(r, row);
    uint32_t      given = r->ask->given[row], other = r->k > 1 ? confident_guess(p, r->k, given) : given;
    double        own = p[given] + slack;
    return own > p[other] || (own == p[other] && given <= other);
}

static void second_thoughts(Run *r)
{
    for (size_t i = 0; i < r->ask->rows; i++) {
        r->out->wrong[i] &= !first_choice(r, i);
        r->out->flagged += r->out->wrong[i];
    }
}

static bool room(Arena *a, Run *r)
{
    size_t k2 = (size_t)r->k * r->k, n = r->ask->rows;
    r->out->threshold = arena_get(a, r->k, sizeof(double)), r->out->joint = arena_get(a, k2, sizeof(int64_t));
    r->out->wrong = arena_get(a, n, sizeof(bool)), r->by_class = arena_get(a, n, sizeof(bool));
    r->from = arena_get(a, (size_t)r->k + 1, sizeof *r->from), r->row = arena_get(a, n, sizeof *r->row);
    r->scaled = arena_get(a, k2, sizeof *r->scaled), r->prune = arena_get(a, k2, sizeof *r->prune);
    r->ranked = arena_get(a, n, sizeof *r->ranked), r->remainder = arena_get(a, r->k, sizeof *r->remainder);
    r->value = arena_get(a, n, sizeof *r->value);
    return r->out->threshold && r->out->joint && r->out->wrong && r->by_class && r->from && r->row && r->scaled && r->prune &&
           r->ranked && r->remainder && r->value;
}

bool confident_find(Arena *a, const ConfidentAsk *ask, Confident *out, Err *e)
{
    Run r = { .ask = ask, .out = out, .k = ask->classes };
    *out = (Confident){ 0 };
    if (ask->classes > CONFIDENT_CLASSES_MAX)
        return err_set(e, E_LIMIT, "%" PRIu32 " classes; label errors are looked for among at most %d", ask->classes, CONFIDENT_CLASSES_MAX);
    if (ask->rows == 0 || ask->classes == 0)
        return err_set(e, E_FORMAT, "has no %s", ask->rows ? "classes" : "rows");
    if (ask->rows > UINT32_MAX)
        return err_set(e, E_LIMIT, "%zu rows; at most %u can be judged", ask->rows, UINT32_MAX);
    if (!room(a, &r))
        return err_nomem(e);
    sort_by_label(&r);
    thresholds(&r);
    count_pairs(&r);
    calibrate(&r);
    plan(&r);
    flag(&r);
    second_thoughts(&r);
    return true;
}
