#include "../test.h"
#include "base/file.h"
#include "format/json.h"
#include "format/table.h"
#include "num/confident.h"
#include <math.h>

enum { MEMORY = 64 << 20 };

/* One file of $MOAT_VECTORS/data/labelnoise: digits with flipped labels, and what cleanlab 2.9 made of them. */
typedef struct Case {
    uint64_t  rows;
    double   *p;
    uint32_t *given, *truth;
    Table     table;
    const Json *want;                                  /* thresholds and joints */
} Case;

static double column_at(const Case *c, const char *name, uint64_t row) { return column_f64(table_column(&c->table, str(name)), row); }

static void load(Arena *a, const char *dir, const char *name, Case *c)
{
    Str csv, json;
    Err e = { 0 };
    CHECK_ROW(file_read(a, arena_printf(a, "%s/%s.csv", dir, name), 8 << 20, &csv, &e) && table_read(a, csv, NULL, &c->table, &e), e.message);
    CHECK_ROW(file_read(a, arena_printf(a, "%s/%s.json", dir, name), 8 << 20, &json, &e), e.message);
    c->want = json_parse(a, json, JSON_GRAMMAR, &e);
    c->rows = c->table.rows;
    c->p = arena_get(a, c->rows * 10, sizeof *c->p);
    c->given = arena_get(a, c->rows, sizeof *c->given), c->truth = arena_get(a, c->rows, sizeof *c->truth);
    for (uint64_t i = 0; i < c->rows; i++) {
        c->given[i] = (uint32_t)column_at(c, "given", i), c->truth[i] = (uint32_t)column_at(c, "true", i);
        for (uint32_t k = 0; k < 10; k++)
            c->p[i * 10 + k] = column_at(c, (const char[]){ 'p', (char)('0' + k), 0 }, i);
    }
}

static double f1_of(const Case *c, const bool *wrong, double *precision, double *recall)
{
    double hit = 0, said = 0, are = 0;
    for (uint64_t i = 0; i < c->rows; i++) {
        bool bad = c->given[i] != c->truth[i];
        hit += bad && wrong[i], said += wrong[i], are += bad;
    }
    *precision = hit / said, *recall = hit / are;
    return 2 * hit / (said + are);
}

static const char *const noises[] = { "sym10", "sym20", "pair10", "pair20" };
static const struct { Prune prune; const char *name; } prunes[] = {
    { PRUNE_BY_NOISE_RATE, "prune_by_noise_rate" }, { PRUNE_BY_CLASS, "prune_by_class" }, { PRUNE_BOTH, "both" },
};

static void same_estimates(const Case *c, const Confident *got, const char *row)
{
    const Json *t = json_get(c->want, "thresholds"), *joint = json_get(c->want, "joint_calibrated");
    for (size_t k = 0; k < 10; k++)
        CHECK_ROW(fabs(json_at(t, k)->num - got->threshold[k]) < 1e-12, row);
    for (size_t s = 0; s < 10; s++)
        for (size_t k = 0; k < 10; k++)
            CHECK_ROW((int64_t)json_at(json_at(joint, s), k)->num == got->joint[s * 10 + k], row);
}

TEST(confident, thresholds_joint_and_masks_are_cleanlabs)
{
    const char *dir = test_vectors("data/labelnoise");
    if (dir == NULL)
        skip();
    for (size_t n = 0; n < len_of(noises); n++) {
        defer_arena Arena *a = arena_new(MEMORY);
        char       *name = arena_printf(a, "digits_%s_logreg", noises[n]);
        Case        c;
        load(a, dir, name, &c);
        for (size_t i = 0; i < len_of(prunes); i++) {
            Confident got;
            CHECK(confident_find(a, &(ConfidentAsk){ c.p, c.given, c.rows, 10, prunes[i].prune }, &got, NULL));
            same_estimates(&c, &got, name);
            for (uint64_t r = 0; r < c.rows; r++)
                CHECK_ROW(got.wrong[r] == (column_at(&c, prunes[i].name, r) != 0), name);
        }
        for (uint64_t r = 0; r < c.rows; r++)
            CHECK_ROW(fabs(confident_margin(c.p + r * 10, 10, c.given[r]) - column_at(&c, "normalized_margin", r)) < 1e-6, name);
    }
}

/* Votes of ten neighbours tie, and which of equal rows is flagged moves F1 by what two rows weigh; on the whole ours must
 * not be worse. */
TEST(confident, finds_as_much_as_cleanlab_where_votes_tie)
{
    const char *dir = test_vectors("data/labelnoise");
    if (dir == NULL)
        skip();
    double gain = 0;
    for (size_t n = 0; n < len_of(noises); n++) {
        defer_arena Arena *a = arena_new(MEMORY);
        char *name = arena_printf(a, "digits_%s_knn10", noises[n]);
        Case  c;
        load(a, dir, name, &c);
        bool *theirs = arena_get(a, c.rows, sizeof *theirs);
        for (size_t i = 0; i < len_of(prunes); i++) {
            Confident got;
            double    p, r, q, s;
            CHECK(confident_find(a, &(ConfidentAsk){ c.p, c.given, c.rows, 10, prunes[i].prune }, &got, NULL));
            same_estimates(&c, &got, name);
            for (uint64_t k = 0; k < c.rows; k++)
                theirs[k] = column_at(&c, prunes[i].name, k) != 0;
            double ours = f1_of(&c, got.wrong, &p, &r), want = f1_of(&c, theirs, &q, &s);
            gain += ours - want;
            print_message("%s %s: P %.4f R %.4f F1 %.4f; cleanlab %.4f %.4f %.4f\n", name, prunes[i].name, p, r, ours, q, s, want);
            CHECK_ROW(ours >= want - 0.004, name);
        }
    }
    CHECK(gain >= 0);
}

/* ---- by hand */

TEST(confident, one_flipped_label_among_sure_rows_is_found)
{
    defer_arena Arena *a = arena_new(MEMORY);
    double    p[20 * 2];
    uint32_t  given[20];
    Confident got;
    for (size_t i = 0; i < 20; i++) {
        uint32_t is = i >= 10;
        p[i * 2 + is] = 0.9, p[i * 2 + !is] = 0.1;
        given[i] = i == 3 ? 1 : is;
    }
    CHECK(confident_find(a, &(ConfidentAsk){ p, given, 20, 2, PRUNE_BY_NOISE_RATE }, &got, NULL));
    CHECK(got.flagged == 1 && got.wrong[3] && got.joint[2] == 1 && got.joint[0] == 9 && got.joint[1] == 0);
    CHECK(fabs(got.threshold[0] - 0.9) < 1e-12 && fabs(got.threshold[1] - (0.9 * 10 + 0.1) / 11) < 1e-12);
}

/* A label without rows, a label of one row, rows no class is sure of, probabilities that are none: no harm is done. */
TEST(confident, takes_whatever_it_is_given)
{
    static const double odd[] = { 0, 0.5, 1, -1, 1e300, 1e-300, 0.1 };
    for (uint32_t classes = 1; classes < 6; classes++)
        for (uint32_t k = 0; k < 200; k++) {
            defer_arena Arena *a = arena_new(MEMORY);
            double    p[30 * 6];
            uint32_t  given[30], rows = 1 + k % 30;
            Confident got;
            for (uint32_t i = 0; i < rows * classes; i++)
                p[i] = odd[(i * 7919 + k * 104729 + i * i * k) % len_of(odd)];
            for (uint32_t i = 0; i < rows; i++)
                given[i] = (i * 31 + k * i * i) % classes * (k % 3 != 0);
            for (int prune = 0; prune < 3; prune++)
                CHECK(confident_find(a, &(ConfidentAsk){ p, given, rows, classes, (Prune)prune }, &got, NULL) && got.flagged <= rows);
        }
}

TEST(confident, ranks_equal_rows_by_their_place)
{
    defer_arena Arena *a = arena_new(MEMORY);
    double    p[12 * 2];
    uint32_t  given[12] = { 0 };
    Confident got;
    for (size_t i = 0; i < 12; i++)
        given[i] = i >= 6, p[i * 2] = i < 3 || i > 8 ? 0.2 : 0.8, p[i * 2 + 1] = 1 - p[i * 2];
    CHECK(confident_find(a, &(ConfidentAsk){ p, given, 12, 2, PRUNE_BY_CLASS }, &got, NULL));
    for (size_t i = 1; i < 3; i++)
        CHECK(got.wrong[i - 1] >= got.wrong[i] && got.wrong[5 + i] >= got.wrong[6 + i]);
    CHECK(got.flagged > 0 && !got.wrong[3] && !got.wrong[11]);
}
