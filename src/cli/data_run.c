/* data_run.c - `moat data run`: any program, and afterwards where each of its rows came from. */
#include "cli/data_exec.h"
#include "cli/data_step.h"
#include "cli/out_path.h"
#include "data/rules.h"
#include "format/csv_put.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OUTS_MAX = 16 };

static OptMany     in_opt, out_opt, key_opt, env_opt;
static const char *signing_key, *require_opt, *report_file;
static bool        to_stdout, allow_position;

const Opt data_run_opts[DATA_RUN_OPTS] = {
    { "in", 'i', OPT_MANY, &in_opt, "DS|FILE", "what the program reads; again for more" },
    { "out", 'o', OPT_MANY, &out_opt, "DS|FILE", "what it writes; again for more" },
    { "key", 0, OPT_MANY, &key_opt, "COL", "column that names a row, for rows that were edited; again for a key of several" },
    { "stdout", 0, OPT_FLAG, &to_stdout, NULL, "the program's standard output is the output" },
    { "require", 0, OPT_TEXT, &require_opt, "PERCENT", "keep nothing when the origin of fewer rows than this is known: 99%" },
    { "allow-position", 0, OPT_FLAG, &allow_position, NULL, "take rows by their number when nothing else matches" },
    { "report", 0, OPT_TEXT, &report_file, "FILE", "write what became of every row, as CSV" },
    { "env", 0, OPT_MANY, &env_opt, "NAME", "keep the value of this variable in the statement; of others only the name is kept" },
    { "signing-key", 'k', OPT_TEXT, &signing_key, "FILE", "private key that signs; default: ~/.config/moat/key" },
};

typedef struct Run {
    StepJob     job;
    RowPlace    in[MAP_INPUTS_MAX];
    StepInput   input[MAP_INPUTS_MAX];
    struct stat before[MAP_INPUTS_MAX], out_before[OUTS_MAX];
    RowSet      in_rows[MAP_INPUTS_MAX], out_rows[OUTS_MAX];
    StepMade    made[OUTS_MAX];
    Matched     matched[OUTS_MAX];
    Replace     temp[OUTS_MAX];
    bool        in_place[OUTS_MAX], named[OUTS_MAX];
    size_t      ins, outs;
    const char *in_path[MAP_INPUTS_MAX], *out_path[OUTS_MAX];
    uint8_t    *fate;                                  /* of all input rows */
    uint64_t    fates[FATES];
    int64_t     begun_ns;
    char      **argv;
    double      require;
} Run;

/* ---- before */

static bool open_inputs(Run *r, Err *e)
{
    for (; r->ins < in_opt.n; r->ins++) {
        RowPlace *at = &r->in[r->ins];
        if (!place_of(r->job.arena, r->job.pipeline, in_opt.v[r->ins], false, at, e))
            return false;
        if (stat(at->path, &r->before[r->ins]) != 0)
            return err_set(e, E_IO, "%s: %m", at->path);
        r->in_path[r->ins] = at->path;
    }
    return true;
}

static bool open_outputs(Run *r, Err *e)
{
    if (!out_free(&(OutPath){ r->job.pipeline, r->in_path, r->ins, false }, report_file, e))
        return false;
    for (; r->outs < out_opt.n; r->outs++) {
        RowPlace *at = &r->made[r->outs].at;
        Replace  *t = &r->temp[r->outs];
        if (!place_of(r->job.arena, r->job.pipeline, out_opt.v[r->outs], true, at, e) || !step_ready(&r->job, at, e))
            return false;
        if (!out_free(&(OutPath){ r->job.pipeline, r->in_path, r->ins, at->dataset != NULL }, at->path, e))
            return false;
        if (stat(at->path, &r->out_before[r->outs]) != 0)
            r->out_before[r->outs] = (struct stat){ 0 };
        if (!replace_begin(t, at->path, mode_like(at->path), e))
            return false;
        r->out_path[r->outs] = t->temp;
    }
    return true;
}

/* ---- after: which file is the output */

static bool same_stat(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* The program may have written the file we named, put another in its place, or known where to write by itself. */
static bool find_output(Run *r, size_t i, Err *e)
{
    Replace    *t = &r->temp[i];
    const char *path = r->made[i].at.path;
    struct stat st, now;
    int         fd = open(t->temp, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    bool        there = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    if (there && (st.st_size > 0 || r->named[i] || to_stdout)) {
        close(t->fd);
        return t->fd = fd, true;
    }
    if (fd >= 0)
        close(fd);
    if (stat(path, &now) == 0 && !same_stat(&now, &r->out_before[i])) {
        replace_abort(t);
        return r->in_place[i] = true;
    }
    err_set(e, E_IO, "%s: %s did not write it", path, r->argv[0]);
    return err_hint(e, "write {out} in its arguments where the output's name belongs, or use --stdout");
}

static bool read_inputs(Run *r, Err *e)
{
    for (size_t i = 0; i < r->ins; i++) {
        const RowPlace *at = &r->in[i];
        struct stat     now;
        if (!rowset_read(r->job.arena, at->path, at->rows, &r->in_rows[i], e))
            return false;
        if (stat(at->path, &now) != 0 || !same_stat(&now, &r->before[i]))
            return err_set(e, E_IO, "%s: changed while %s ran", at->path, r->argv[0]);
        if (!place_input(r->job.arena, r->job.pipeline, at, &r->in_rows[i], &r->input[i], e))
            return false;
        if (at->dataset != NULL && r->input[i].version == 0)
            fprintf(stderr, "moat: note: '%.*s' is not its committed version; its rows are known by their root alone\n", STR(at->name));
    }
    return true;
}

static bool match_output(Run *r, size_t i, Err *e)
{
    MatchAsk    ask = { r->in_rows, (uint32_t)r->ins, &r->out_rows[i], key_opt.v, key_opt.n, allow_position };
    const char *path = r->in_place[i] ? r->made[i].at.path : r->temp[i].temp;
    Matched    *m = &r->matched[i];
    if (!rowset_read(r->job.arena, path, r->made[i].at.rows, &r->out_rows[i], e) || !match_rows(&ask, m, e))
        return false;
    for (uint64_t k = 0; k < m->rows; k++)
        if (m->from[k] != NOWHERE)
            r->fate[m->from[k]] = FATE_USED;
    r->made[i].matched = m, r->made[i].rows = &r->out_rows[i];
    return true;
}

static bool match_all(Run *r, Err *e)
{
    uint64_t total = 0;
    for (size_t i = 0; i < r->ins; i++)
        total += r->in_rows[i].rows;
    r->fate = calloc(total + 1, 1);
    if (r->fate == NULL)
        return err_nomem(e);
    for (size_t i = 0; i < r->outs; i++)
        if (!match_output(r, i, e))
            return false;
    return match_fates(r->in_rows, (uint32_t)r->ins, r->fate, r->fates, e);
}

/* ---- the report: one line for each row */

static size_t input_of(const Run *r, uint64_t *id)
{
    size_t k = 0;
    for (; k + 1 < r->ins && *id >= r->in_rows[k].rows; k++)
        *id -= r->in_rows[k].rows;
    return k;
}

static const char *class_of(const Matched *m, uint64_t i, bool changed)
{
    if (m->from[i] == NOWHERE)
        return "opaque";
    return changed ? "modified" : m->evidence[i] == EDGE_EXACT && m->is_copy[i] ? "copy" : "kept";
}

static void report_output(Buf *b, const Run *r, size_t o, uint64_t i)
{
    const Matched *m = &r->matched[o];
    const RowSet  *rows = &r->out_rows[o];
    MatchAsk       ask = { .in = r->in_rows, .inputs = (uint32_t)r->ins, .out = rows };
    defer_buf Buf  changed = { 0 };
    for (size_t c = 0; m->evidence[i] == EDGE_KEY && c < rows->columns; c++)
        if (match_differs(&ask, m, i, c)) {
            buf_z(&changed, changed.n ? " " : "");
            if (rows->column != NULL)
                buf_str(&changed, rows->column[c]);
            else
                buf_printf(&changed, "%zu", c + 1);
        }
    csv_put(b, r->made[o].at.name);
    buf_printf(b, ",%" PRIu64 ",%s,%s,", i + 1, class_of(m, i, changed.n > 0), evidence_name((Evidence)m->evidence[i]));
    if (m->from[i] != NOWHERE) {
        uint64_t row = m->from[i];
        csv_put(b, r->in[input_of(r, &row)].name);
        buf_printf(b, ",%" PRIu64 ",", row + 1);
        csv_put(b, buf_view(&changed));
    } else
        buf_z(b, ",,");
    buf_byte(b, '\n');
}

static bool report(const Run *r, Err *e)
{
    defer_buf Buf b = { 0 };
    uint64_t      id = 0;
    if (report_file == NULL)
        return true;
    buf_z(&b, "place,row,class,evidence,from,from_row,changed\n");
    for (size_t o = 0; o < r->outs; o++)
        for (uint64_t i = 0; i < r->matched[o].rows; i++)
            report_output(&b, r, o, i);
    for (size_t k = 0; k < r->ins; k++)
        for (uint64_t i = 0; i < r->in_rows[k].rows; i++, id++) {
            if (r->fate[id] == FATE_USED)
                continue;
            csv_put(&b, r->in[k].name);
            buf_printf(&b, ",%" PRIu64 ",%s,,,,\n", i + 1, r->fate[id] == FATE_DUPLICATE ? "duplicate" : "dropped");
        }
    return b.bad ? err_nomem(e) : file_replace(report_file, buf_view(&b), 0644, e);
}

/* ---- what the statement says of the program */

static void put_file(JsonOut *w, const char *path)
{
    char   hex[DIGEST_HEX];
    Digest d;
    Err    none = { 0 };
    if (path == NULL || !sha256_file(path, &d, NULL, &none))
        return;
    digest_hex(&d, hex);
    json_open(w, '{');
    json_member(w, "path", str(path));
    json_member(w, "sha256", str(hex));
    json_close(w, '}');
}

static bool is_data(const Run *r, const char *arg)
{
    for (size_t i = 0; i < r->ins; i++)
        if (strcmp(arg, r->in_path[i]) == 0)
            return true;
    for (size_t i = 0; i < r->outs; i++)
        if (strcmp(arg, r->out_path[i]) == 0)
            return true;
    return false;
}

static void put_environment(JsonOut *w)
{
    json_key(w, "environment"), json_open(w, '{');
    for (char **v = environ; *v != NULL; v++) {
        Str  name, value;
        bool listed = false;
        str_cut(str(*v), '=', &name, &value);
        for (size_t i = 0; i < env_opt.n; i++)
            listed |= str_is(name, env_opt.v[i]);
        json_key_str(w, name);
        if (listed)
            json_put_str(w, value);
        else
            json_put_null(w);
    }
    json_close(w, '}');
}

static Str detail(Run *r, char **given, int argc)
{
    char          host[256] = "";
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    gethostname(host, sizeof host - 1);
    json_open(&w, '{');
    json_key(&w, "argv"), json_open(&w, '[');
    for (int i = 0; i < argc; i++)
        json_put_z(&w, given[i]);
    json_close(&w, ']');
    json_key(&w, "files"), json_open(&w, '[');
    put_file(&w, exec_find(r->job.arena, r->argv[0]));
    for (int i = 1; i < argc; i++)
        if (!is_data(r, r->argv[i]))
            put_file(&w, r->argv[i]);
    json_close(&w, ']');
    json_key(&w, "key"), json_open(&w, '[');
    for (size_t i = 0; i < key_opt.n; i++)
        json_put_z(&w, key_opt.v[i]);
    json_close(&w, ']');
    put_environment(&w);
    json_member(&w, "host", str(host));
    json_close(&w, '}');
    return b.bad ? (Str){ 0 } : arena_str(r->job.arena, buf_view(&b));
}

/* ---- the whole */

static bool known_enough(Run *r, Err *e)
{
    bool enough = true;
    for (size_t i = 0; i < r->outs; i++) {
        const Matched *m = &r->matched[i];
        double         known = m->rows ? 100 * (1 - (double)m->count[EDGE_OPAQUE] / (double)m->rows) : 100;
        if (known >= r->require)
            continue;
        enough = false;
        Finding f = finding_of(&data_rules[D_OPAQUE], r->made[i].at.dataset ? r->made[i].at.dataset->part.id : S(""), r->made[i].at.name);
        char    text[128];
        snprintf(text, sizeof text, "the origin of %.2f %% of %" PRIu64 " rows is known; %g %% are required", known, m->rows, r->require);
        f.message = str(text);
        if (!finding_add(r->job.findings, f))
            return err_nomem(e);
    }
    return enough;
}

static bool publish_all(Run *r, char **given, int argc, Err *e)
{
    Str said = detail(r, given, argc);
    if (said.p == NULL)
        return err_nomem(e);
    for (size_t i = 0; i < r->outs; i++) {
        StepMade *m = &r->made[i];
        m->step = (Step){ .verb = S("run"), .name = m->at.name, .kind = m->at.kind, .root = r->out_rows[i].sum.root, .rows = r->out_rows[i].rows,
                          .inputs = (uint32_t)r->ins, .detail = said, .begun_ns = r->begun_ns };
        memcpy(m->step.in, r->input, r->ins * sizeof *r->input);
        if (!step_publish(&r->job, &m->step, r->matched[i].from, r->matched[i].evidence, &m->at, r->in_place[i] ? NULL : &r->temp[i], &m->version, e))
            return false;
    }
    return true;
}

static bool run_program(Run *r, char **given, int argc, Err *e)
{
    ExecFiles files = { r->in_path, r->out_path, r->ins, r->outs };
    int       code, fd = to_stdout ? r->temp[0].fd : common.json ? STDERR_FILENO : -1;
    r->argv = exec_args(r->job.arena, given, argc, &files, r->named);
    if (r->argv == NULL)
        return err_nomem(e);
    r->begun_ns = clock_ns(r->job.clock);
    if (!exec_run(r->argv, &files, fd, &code, e))
        return false;
    if (code != 0)
        return err_set(e, E_IO, "%s: ended with %d; nothing was recorded", r->argv[0], code);
    for (size_t i = 0; i < r->outs; i++)
        if (!find_output(r, i, e))
            return false;
    return true;
}

static void more_json(void *ctx, JsonOut *w)
{
    const Run *r = ctx;
    json_key(w, "input_rows"), json_open(w, '{');
    json_member_u64(w, "used", r->fates[FATE_USED]);
    json_member_u64(w, "dropped", r->fates[FATE_DROPPED]);
    json_member_u64(w, "duplicates", r->fates[FATE_DUPLICATE]);
    json_close(w, '}');
}

static int work(Run *r, char **given, int argc)
{
    Err e = { 0 };
    if (!open_inputs(r, &e) || !open_outputs(r, &e) || !run_program(r, given, argc, &e) || !read_inputs(r, &e) || !match_all(r, &e) ||
        !report(r, &e))
        return die(&e);
    if (!known_enough(r, &e))
        return e.code != E_OK ? die(&e) : step_say(&r->job, "moat.data.run/1", NULL, 0, more_json, r);
    if (!publish_all(r, given, argc, &e))
        return die(&e);
    if (!common.json)
        printf("%" PRIu64 " input rows used, %" PRIu64 " dropped, %" PRIu64 " dropped as duplicates\n", r->fates[FATE_USED],
               r->fates[FATE_DROPPED], r->fates[FATE_DUPLICATE]);
    return step_say(&r->job, "moat.data.run/1", r->made, r->outs, more_json, r);
}

static void drop(Run *r)
{
    for (size_t i = 0; i < r->ins; i++)
        rowset_free(&r->in_rows[i]);
    for (size_t i = 0; i < OUTS_MAX; i++) {
        rowset_free(&r->out_rows[i]);
        matched_free(&r->matched[i]);
        replace_abort(&r->temp[i]);
    }
    free(r->fate);
    step_close(&r->job);
}

static bool parse_require(double *out)
{
    char *end;
    *out = 0;
    if (require_opt == NULL)
        return true;
    *out = strtod(require_opt, &end);
    return end != require_opt && (*end == '\0' || strcmp(end, "%") == 0) && *out >= 0 && *out <= 100;
}

int data_run_cmd(int argc, char **argv)
{
    defer_arena Arena *a = arena_new(DATA_ARENA);
    Err                e = { 0 };
    Run               *r = arena_get(a, 1, sizeof *r);
    if (argc == 0 || in_opt.n == 0 || out_opt.n == 0)
        return usage("moat data run --in DATASET|FILE --out DATASET|FILE [--key COL] -- PROGRAM [ARGS]");
    if (in_opt.n > MAP_INPUTS_MAX || out_opt.n > OUTS_MAX || key_opt.n > MATCH_KEYS_MAX)
        return usage("at most %d inputs, %d outputs and %d key columns", MAP_INPUTS_MAX, OUTS_MAX, MATCH_KEYS_MAX);
    if (to_stdout && out_opt.n != 1)
        return usage("--stdout wants exactly one --out");
    if (r == NULL || !parse_require(&r->require))
        return usage("--require wants a percentage like 99%%, not '%s'", require_opt);
    int code = step_open(a, signing_key, &r->job, &e) ? work(r, argv, argc) : die(&e);
    drop(r);
    return code;
}
