/* data_scan_out.c - what `moat data scan` tells: on stdout, as a file of scores, in the ledger. */
#include "cli/data_scan.h"
#include "base/file.h"

enum { PIECE = 1 << 20, JOINT_CLASSES = 256 };

/* scikit-learn's score_samples is ours with the other sign. */
static double shown(const Scan *s, double score) { return s->sklearn ? -score : score; }
static double limit(const Scan *s) { return shown(s, forest_threshold(&s->odd.forest)); }

/* ---- every row's score */

static void put_number(Buf *b, double v)
{
    char text[NUMBER_TEXT];
    buf_put(b, text, number_text(v, text));
}

static void put_score(const Scan *s, uint64_t row, Buf *b)
{
    double score = shown(s, s->score[row]);
    buf_printf(b, "%" PRIu64 ",", row);
    put_number(b, score);
    if (s->sklearn) {
        buf_byte(b, ',');
        put_number(b, score - s->odd.forest.offset);
        buf_z(b, s->stays[row] ? ",1" : ",-1");
    }
    buf_byte(b, '\n');
}

static bool put_scores(const Scan *s, const Replace *to, Buf *b, Err *e)
{
    buf_z(b, s->sklearn ? "row,score_samples,decision_function,predict\n" : "row,score\n");
    for (uint64_t i = 0; i < s->m.rows; i++) {
        put_score(s, i, b);
        if (b->n < PIECE && i + 1 < s->m.rows)
            continue;
        if (b->bad || !file_write(to->fd, buf_view(b), to->path, e))
            return b->bad ? err_nomem(e) : false;
        b->n = 0;
    }
    return true;
}

bool scan_scores(const Scan *s, const char *path, Err *e)
{
    defer_buf Buf b = { 0 };
    Replace       to;
    if (!replace_begin(&to, path, 0644, e))
        return false;
    if (put_scores(s, &to, &b, e) && replace_commit(&to, e))
        return true;
    replace_abort(&to);
    return false;
}

/* ---- for people */

static void print_outlier(const Scan *s, const Outlier *o)
{
    defer_buf Buf b = { 0 };
    buf_printf(&b, "%10" PRIu64 "  %8.4f  ", o->row, shown(s, o->score));
    for (size_t k = 0; k < OUTLIER_REASONS && o->why[k].share > 0; k++) {
        buf_z(&b, k ? ", " : "");
        reason_text(&s->m, &o->why[k], &b);
    }
    buf_byte(&b, '\n');
    fwrite(b.p, 1, b.n, stdout);
}

static void print_issue(const Scan *s, const LabelIssue *v)
{
    defer_buf Buf b = { 0 };
    buf_printf(&b, "%10" PRIu64 "  %8.4f  ", v->row, v->score);
    buf_clean(&b, s->m.class[v->given]);
    buf_z(&b, ", probably ");
    buf_clean(&b, s->m.class[v->suggested]);
    buf_byte(&b, '\n');
    fwrite(b.p, 1, b.n, stdout);
}

static void print_head(const Scan *s)
{
    if (s->by_labels)
        printf("%.*s: %" PRIu64 " row%s, %zu labels; %" PRIu64 " probably wrong; by estimate %.2g %% are\n", STR(s->subject), s->m.rows, s->m.rows == 1 ? "" : "s",
               s->m.classes, s->flagged, 100 * s->noise.noise);
    else
        printf("%.*s: %" PRIu64 " row%s of %" PRIu64 " columns; %" PRIu64 " %s odd: score %s %.4f\n", STR(s->subject), s->m.rows, s->m.rows == 1 ? "" : "s", s->m.cols, s->flagged,
           s->flagged == 1 ? "is" : "are", s->sklearn ? "below" : "above", limit(s));
}

static void print_text(const Scan *s)
{
    uint64_t n = s->flagged < s->top ? s->flagged : s->top;
    n = n < OUTLIER_FINDINGS ? n : OUTLIER_FINDINGS;
    print_head(s);
    if (s->filled > 0)
        printf("  %" PRIu64 " missing cells count as their column's median\n", s->filled);
    if (n > 0)
        printf("\n       row     score  %s\n", s->by_labels ? "label" : "because");
    for (uint64_t i = 0; i < n; i++)
        s->by_labels ? print_issue(s, &s->noise.v[i]) : print_outlier(s, &s->odd.v[i]);
    if (n < s->flagged)
        printf("       ... and %" PRIu64 " more; --scores FILE writes every row's score\n", s->flagged - n);
}

/* ---- for programs */

static void put_outlier(const Scan *s, const Outlier *o, JsonOut *w)
{
    json_open(w, '{');
    json_member_u64(w, "row", o->row);
    json_key(w, "score"), json_put_f64(w, shown(s, o->score));
    json_key(w, "features"), json_open(w, '[');
    for (size_t k = 0; k < OUTLIER_REASONS && o->why[k].share > 0; k++) {
        json_open(w, '{');
        json_member(w, "name", s->m.name[o->why[k].feature]);
        json_key(w, "share"), json_put_f64(w, o->why[k].share);
        json_key(w, "value"), json_put_f64(w, (double)o->why[k].value);
        json_close(w, '}');
    }
    json_close(w, ']'), json_close(w, '}');
}

static void put_issue(const Scan *s, const LabelIssue *v, JsonOut *w)
{
    json_open(w, '{');
    json_member_u64(w, "row", v->row);
    json_key(w, "score"), json_put_f64(w, v->score);
    json_member(w, "given", s->m.class[v->given]);
    json_member(w, "suggested", s->m.class[v->suggested]);
    json_close(w, '}');
}

/* The joint as shares of all rows: joint[given][true].  With many classes it would be most of the answer, and empty. */
static void put_joint(const Scan *s, JsonOut *w)
{
    json_key(w, "classes"), json_open(w, '[');
    for (size_t k = 0; k < s->m.classes; k++)
        json_put_str(w, s->m.class[k]);
    json_close(w, ']');
    json_key(w, "joint"), json_open(w, '[');
    for (size_t i = 0; i < s->m.classes; i++) {
        json_open(w, '[');
        for (size_t k = 0; k < s->m.classes; k++)
            json_put_f64(w, (double)s->noise.found.joint[i * s->m.classes + k] / (double)s->m.rows);
        json_close(w, ']');
    }
    json_close(w, ']');
}

static void put_forest(const Forest *f, JsonOut *w)
{
    json_key(w, "forest"), json_open(w, '{');
    json_member_u64(w, "trees", f->trees);
    json_member_u64(w, "samples", f->samples);
    json_member_u64(w, "seed", f->seed);
    json_member_u64(w, "rows", f->rows);
    json_key(w, "contamination"), json_put_f64(w, f->contamination);
    json_close(w, '}');
}

/* The members that the record and --json share. */
static void put_summary(const Scan *s, JsonOut *w)
{
    json_member(w, "detector", s->by_labels ? S("labels") : S("iforest"));
    json_member_u64(w, "rows", s->m.rows);
    json_member_u64(w, "columns", s->m.cols);
    json_member_u64(w, "flagged", s->flagged);
    json_member_u64(w, "filled", s->filled);
    json_key(w, "threshold");
    if (s->by_labels) {
        json_put_null(w);
        json_key(w, "noise"), json_put_f64(w, s->noise.noise);
    } else {
        json_put_f64(w, limit(s));
        put_forest(&s->odd.forest, w);
    }
}

static bool print_json(const Scan *s)
{
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    json_begin(&w, "moat.data.scan/1", s->found);
    put_summary(s, &w);
    json_key(&w, "outliers"), json_open(&w, '[');
    for (size_t i = 0; i < s->flagged; i++)
        s->by_labels ? put_issue(s, &s->noise.v[i], &w) : put_outlier(s, &s->odd.v[i], &w);
    json_close(&w, ']');
    if (s->by_labels && s->m.classes <= JOINT_CLASSES)
        put_joint(s, &w);
    return json_finish(&w);
}

bool scan_show(const Scan *s)
{
    if (common.json)
        return print_json(s);
    print_text(s);
    return true;
}

bool scan_record(const Scan *s, Err *e)
{
    char          who[32];
    Digest        file;
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    if (s->dataset == NULL)
        return true;
    json_open(&w, '{');
    json_member(&w, "name", s->dataset->part.name);
    put_summary(s, &w);
    json_close(&w, '}');
    defer_ledger Ledger *l = cli_ledger(s->pipeline, e);
    return l != NULL && (!b.bad || err_nomem(e)) && sha256_file(s->path, &file, NULL, e) &&
           ledger_append(l, clock_system(), RECORD_DATA_SCAN, actor_text(who), &file, buf_view(&b), NULL, e);
}
