/* data_filter.c - `moat data filter`, `sample` and `split`: rows taken over as they are, with an exact map. */
#include "cli/data_step.h"
#include "cli/out_path.h"
#include "data/transform.h"
#include <math.h>

static const char *out_opt, *where_opt, *by_opt, *share_opt, *signing_key;
static OptMany     into_opt;
static long        rows_opt = -1, seed_opt = 1;

#define OUT_OPT { "out", 'o', OPT_TEXT, &out_opt, "DS|FILE", "where the rows go" }
#define SEED_OPT { "seed", 's', OPT_INT, &seed_opt, "N", "same seed, same rows; default: 1" }
#define SIGNING_OPT { "signing-key", 'k', OPT_TEXT, &signing_key, "FILE", "private key that signs; default: ~/.config/moat/key" }
const Opt data_filter_opts[DATA_FILTER_OPTS] = {
    OUT_OPT, { "where", 'w', OPT_TEXT, &where_opt, "CONDITION", "keep the rows for which it holds" }, SIGNING_OPT
};
const Opt data_sample_opts[DATA_SAMPLE_OPTS] = {
    OUT_OPT, { "rows", 'n', OPT_INT, &rows_opt, "N", "keep so many" },
    { "share", 0, OPT_TEXT, &share_opt, "S", "keep this share of them: 0.1" }, SEED_OPT, SIGNING_OPT
};
const Opt data_split_opts[DATA_SPLIT_OPTS] = {
    { "into", 'i', OPT_MANY, &into_opt, "DS=SHARE", "a part and its share: train=0.8; again for more" },
    { "by", 0, OPT_TEXT, &by_opt, "COL", "rows with the same value there stay in one part" }, SEED_OPT, SIGNING_OPT
};

typedef struct Piece {
    const char *name;
    double      share;
    StepMade    made;
    Replace     file;
    RowSet      rows;
    uint32_t   *from;
    uint8_t    *evidence;
} Piece;

typedef struct Transform {
    const char *verb, *schema;
    StepJob     job;
    RowPlace    in;
    StepInput   input;
    RowSet      rows;
    Piece        part[TRANSFORM_OUTPUTS];
    size_t      parts;
    uint16_t   *to;
    Str         detail;
    int64_t     begun_ns;
} Transform;

static bool open_parts(Transform *t, Err *e)
{
    for (size_t i = 0; i < t->parts; i++) {
        Piece *p = &t->part[i];
        if (!place_of(t->job.arena, t->job.pipeline, p->name, true, &p->made.at, e) || !step_ready(&t->job, &p->made.at, e))
            return false;
        if (!out_free(&(OutPath){ t->job.pipeline, &t->in.path, 1, p->made.at.dataset != NULL }, p->made.at.path, e))
            return false;
        if (p->made.at.rows != t->in.rows)
            return err_set(e, E_USAGE, "%s: rows of %s do not become %s here", p->name, rows_kind_name(t->in.rows), rows_kind_name(p->made.at.rows));
        if (!replace_begin(&p->file, p->made.at.path, mode_like(p->made.at.path), e))
            return false;
    }
    return true;
}

static bool open_all(Transform *t, const char *in, Err *e)
{
    if (!place_of(t->job.arena, t->job.pipeline, in, false, &t->in, e))
        return false;
    if (t->in.rows != ROWS_CSV && t->in.rows != ROWS_LINES)
        return err_set(e, E_USAGE, "%s: is %s; %s takes csv and lines", in, rows_kind_name(t->in.rows), t->verb),
               err_hint(e, "moat data run follows the rows of any program");
    t->begun_ns = clock_ns(t->job.clock);
    if (!open_parts(t, e) || !rowset_read(t->job.arena, t->in.path, t->in.rows, &t->rows, e) ||
        !place_input(t->job.arena, t->job.pipeline, &t->in, &t->rows, &t->input, e))
        return false;
    t->to = calloc(t->rows.rows + 1, sizeof *t->to);
    return t->to != NULL || err_nomem(e);
}

/* The map is what was decided; the file that was written must hold exactly those rows. */
static bool map_part(Transform *t, uint16_t i, Err *e)
{
    Piece    *p = &t->part[i];
    uint64_t n = 0;
    p->from = malloc((t->rows.rows + 1) * sizeof *p->from), p->evidence = calloc(t->rows.rows + 1, 1);
    if (p->from == NULL || p->evidence == NULL)
        return err_nomem(e);
    for (uint64_t row = 0; row < t->rows.rows; row++)
        if (t->to[row] == i)
            p->from[n++] = (uint32_t)row;
    if (!rowset_read(t->job.arena, p->file.temp, t->in.rows, &p->rows, e))
        return false;
    bool same = p->rows.rows == n;
    for (uint64_t k = 0; same && k < n; k++)
        same = str_eq(rowset_row(&p->rows, k), rowset_row(&t->rows, p->from[k]));
    if (same)
        return true;
    err_set(e, E_FORMAT, "%s: its rows would read otherwise on their own", t->in.path);
    return err_hint(e, "a first row without any number is taken for column names: put a line of them before the first row");
}

static bool make_part(Transform *t, uint16_t i, Err *e)
{
    Piece *p = &t->part[i];
    if (!transform_write(t->in.path, &t->rows, t->to, i, p->file.fd, e) || !map_part(t, i, e))
        return false;
    p->made.step = (Step){ .verb = str(t->verb), .name = p->made.at.name, .kind = p->made.at.kind, .root = p->rows.sum.root, .rows = p->rows.rows,
                           .in = { t->input }, .inputs = 1, .detail = t->detail, .begun_ns = t->begun_ns };
    return true;
}

static int finish(Transform *t)
{
    Err      e = { 0 };
    StepMade made[TRANSFORM_OUTPUTS];
    for (uint16_t i = 0; i < t->parts; i++)
        if (!make_part(t, i, &e))
            return die(&e);
    for (size_t i = 0; i < t->parts; i++) {
        Piece *p = &t->part[i];
        if (!step_publish(&t->job, &p->made.step, p->from, p->evidence, &p->made.at, &p->file, &p->made.version, &e))
            return die(&e);
        made[i] = p->made;
    }
    return step_say(&t->job, t->schema, made, t->parts, NULL, NULL);
}

static void drop(Transform *t)
{
    for (size_t i = 0; i < t->parts; i++) {
        replace_abort(&t->part[i].file);
        rowset_free(&t->part[i].rows);
        free(t->part[i].from), free(t->part[i].evidence);
    }
    rowset_free(&t->rows);
    free(t->to);
    step_close(&t->job);
}

/* What was asked for, as the statement keeps it. */
static Str describe(Transform *t)
{
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    json_open(&w, '{');
    if (where_opt != NULL)
        json_member(&w, "where", str(where_opt));
    else
        json_key(&w, "seed"), json_put_i64(&w, seed_opt);
    if (by_opt != NULL)
        json_member(&w, "by", str(by_opt));
    for (size_t i = 0; i < t->parts && into_opt.n > 0; i++)
        json_key(&w, t->part[i].name), json_put_f64(&w, t->part[i].share);
    json_close(&w, '}');
    return arena_str(t->job.arena, buf_view(&b));
}

typedef bool KeepFn(Transform *t, Err *e);

static int run(Transform *t, const char *in, KeepFn *keep)
{
    Err e = { 0 };
    int code;
    if (!step_open(t->job.arena, signing_key, &t->job, &e) || !open_all(t, in, &e))
        code = die(&e);
    else if (t->detail = describe(t), !keep(t, &e))
        err_in(&e, "%s", in), code = die(&e);
    else
        code = finish(t);
    drop(t);
    return code;
}

static bool filter(Transform *t, Err *e) { return keep_where(&t->rows, str(where_opt), t->to, e); }

static bool sample(Transform *t, Err *e)
{
    uint64_t n = rows_opt >= 0 ? (uint64_t)rows_opt : (uint64_t)llround(t->part[0].share * (double)t->rows.rows);
    return keep_sample(&t->rows, n, (uint64_t)seed_opt, t->to, e);
}

static bool split(Transform *t, Err *e)
{
    double share[TRANSFORM_OUTPUTS];
    for (size_t i = 0; i < t->parts; i++)
        share[i] = t->part[i].share;
    return keep_split(&t->rows, share, t->parts, by_opt, (uint64_t)seed_opt, t->to, e);
}

static int with_one(const char *verb, const char *schema, char **argv, double share, KeepFn *keep)
{
    defer_arena Arena *a = arena_new(DATA_ARENA);
    Transform         *t = arena_get(a, 1, sizeof *t);
    if (t == NULL)
        return die(&(Err){ .message = "out of memory" });
    t->verb = verb, t->schema = schema, t->job.arena = a, t->parts = 1, t->part[0].name = out_opt, t->part[0].share = share;
    return run(t, argv[0], keep);
}

int data_filter_cmd(int argc, char **argv)
{
    if (argc != 1 || out_opt == NULL || where_opt == NULL)
        return usage("moat data filter DATASET|FILE --out DATASET|FILE --where CONDITION");
    return with_one("filter", "moat.data.filter/1", argv, 0, filter);
}

static bool parse_share(const char *text, double *out)
{
    return text != NULL && number_f64(str(text), out) && *out > 0 && *out <= 1;
}

int data_sample_cmd(int argc, char **argv)
{
    double share = 0;
    if (argc != 1 || out_opt == NULL || (rows_opt < 0) == (share_opt == NULL) || (share_opt != NULL && !parse_share(share_opt, &share)))
        return usage("moat data sample DATASET|FILE --out DATASET|FILE with --rows N or --share S, 0 < S <= 1");
    return with_one("sample", "moat.data.sample/1", argv, share, sample);
}

static bool parse_parts(Transform *t)
{
    double sum = 0;
    for (; t->parts < into_opt.n; t->parts++) {
        const char *text = into_opt.v[t->parts], *mark = strrchr(text, '=');
        Piece       *p = &t->part[t->parts];
        if (mark == NULL || !parse_share(mark + 1, &p->share))
            return false;
        p->name = arena_printf(t->job.arena, "%.*s", (int)(mark - text), text);
        sum += p->share;
    }
    return t->parts >= 2 && fabs(sum - 1) < 1e-9;
}

int data_split_cmd(int argc, char **argv)
{
    defer_arena Arena *a = arena_new(DATA_ARENA);
    Transform         *t = arena_get(a, 1, sizeof *t);
    if (argc != 1 || t == NULL || into_opt.n > TRANSFORM_OUTPUTS)
        return usage("moat data split DATASET|FILE --into train=0.8 --into test=0.2, at most %d parts", TRANSFORM_OUTPUTS);
    t->verb = "split", t->schema = "moat.data.split/1", t->job.arena = a;
    if (!parse_parts(t))
        return usage("--into wants two parts or more, NAME=SHARE, whose shares add up to 1");
    return run(t, argv[0], split);
}
