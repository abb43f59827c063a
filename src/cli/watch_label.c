/* watch_label.c - `moat watch label`: the truth about predictions, told later, into the spool. */
#include "base/file.h"
#include "cli/watch_cmds.h"
#include "format/cell.h"
#include "spool/event.h"
#include "spool/spool.h"

static const char *one_id, *one_y;

const Opt watch_label_opts[WATCH_LABEL_OPTS] = {
    { "id", 0, OPT_TEXT, &one_id, "ID", "request id of one prediction (X-Request-Id, $moat_request_id, or `request` of its event)" },
    { "y", 0, OPT_TEXT, &one_y, "Y", "its class or value" },
};

enum { ID_MAX = 64, Y_MAX = 256 };

typedef struct Labels {
    Spool   *spool;
    int64_t  now_ns;
    size_t   id, y;                                    /* columns */
    uint64_t n;
} Labels;

static bool is_id(Str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f')))
            return false;
    return s.n > 0 && s.n <= ID_MAX;
}

static bool put_label(Labels *l, Str id, Str y, Err *e)
{
    defer_buf Buf b = { 0 };
    if (!is_id(id))
        return err_set(e, E_FORMAT, "'%.*s' is not a request's id", (int)(id.n < 80 ? id.n : 80), id.p);
    if (y.n == 0 || y.n > Y_MAX || !str_utf8(y))
        return err_set(e, E_FORMAT, "a label wants 1 to %d bytes of text", Y_MAX);
    if (!label_event_put(&b, &(LabelEvent){ id, y }))
        return err_nomem(e);
    if (!spool_append(l->spool, SPOOL_LABEL, l->now_ns, buf_view(&b), NULL))
        return err_set(e, E_IO, "the spool did not take it: is the disk full?");
    l->n++;
    return true;
}

static bool find_columns(Labels *l, const CsvRow *row, Err *e)
{
    bool id = false, y = false;
    for (size_t i = 0; i < row->count; i++) {
        if (str_is(row->field[i], "id") || str_is(row->field[i], "request"))
            id = true, l->id = i;
        if (str_is(row->field[i], "y") || str_is(row->field[i], "label"))
            y = true, l->y = i;
    }
    return (id && y) || err_line(e, 1, "wants the columns id and y");
}

static bool take_row(void *ctx, const CsvRow *row, Err *e)
{
    Labels *l = ctx;
    char    where[40];
    if (row->index == 0)
        return find_columns(l, row, e);
    if (put_label(l, row->field[l->id], row->field[l->y], e))
        return true;
    snprintf(where, sizeof where, "line %" PRIu64, row->line);
    return err_in(e, "%s", where);
}

static bool take_file(Labels *l, const char *path, Err *e)
{
    defer_map Map m = { 0 };
    CsvOptions    o = { .delimiter = ',' };
    return file_map(path, &m, e) && (cell_rows(m.bytes, &o, take_row, l, e) || err_in(e, "%s", path));
}

static void show(uint64_t n)
{
    if (common.json)
        printf("{\"schema\":\"moat.watch.label/1\",\"findings\":[],\"labels\":%" PRIu64 "}\n", n);
    else if (n > 0)
        printf("%" PRIu64 " label%s kept\n", n, n == 1 ? "" : "s");
}

/* `path` NULL: the one of --id and --y. */
static bool keep(const Pipeline *p, const char *path, uint64_t *n, Err *e)
{
    enum { SEGMENT = 1 << 20, CAP = 1 << 30 };
    Clock  clock = clock_system();
    Labels l = { .now_ns = clock_ns(clock) };
    l.spool = spool_open_free(pipeline_state(p, "spool/labels"), (SpoolOptions){ .segment_bytes = SEGMENT, .cap_bytes = CAP, .clock = clock }, e);
    if (l.spool == NULL)
        return false;
    bool ok = path == NULL ? put_label(&l, str(one_id), str(one_y), e) : take_file(&l, path, e);
    bool on_disk = spool_tend(l.spool, ok ? e : NULL);
    spool_close(l.spool);
    *n = l.n;
    return ok && on_disk;
}

int watch_label_cmd(int argc, char **argv)
{
    defer_arena Arena *a = arena_new(64 << 20);
    Err      e = { 0 };
    uint64_t n = 0;
    bool     single = one_id != NULL && one_y != NULL && argc == 0;
    if (!single && (argc != 1 || one_id != NULL || one_y != NULL))
        return usage("moat watch label FILE.csv, or moat watch label --id ID --y Y");
    Pipeline *p = a ? cli_pipeline(a, &e) : NULL;
    if (p == NULL || !pipeline_state_make(p, &e))
        return die(&e);
    bool ok = keep(p, single ? NULL : argv[0], &n, &e);
    show(n);
    return ok ? EXIT_CLEAN : die(&e);
}
