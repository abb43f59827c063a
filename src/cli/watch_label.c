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

int watch_label_cmd(int argc, char **argv)
{
    defer_arena Arena *a = arena_new(64 << 20);
    Err    e = { 0 };
    Clock  clock = clock_system();
    Labels l = { .now_ns = clock_ns(clock) };
    bool   single = one_id != NULL && one_y != NULL && argc == 0;
    if (!single && (argc != 1 || one_id != NULL || one_y != NULL))
        return usage("moat watch label FILE.csv, or moat watch label --id ID --y Y");
    Pipeline *p = a ? cli_pipeline(a, &e) : NULL;
    if (p == NULL || !pipeline_state_make(p, &e))
        return die(&e);
    l.spool = spool_open_free(pipeline_state(p, "spool/labels"), (SpoolOptions){ .segment_bytes = 1 << 20, .cap_bytes = (uint64_t)1 << 30, .clock = clock }, &e);
    if (l.spool == NULL)
        return die(&e);
    bool ok = single ? put_label(&l, str(one_id), str(one_y), &e) : take_file(&l, argv[0], &e);
    bool kept = spool_tend(l.spool, ok ? &e : NULL);
    spool_close(l.spool);
    if (l.n > 0 && !common.json)
        printf("%" PRIu64 " label%s kept\n", l.n, l.n == 1 ? "" : "s");
    if (common.json)
        printf("{\"schema\":\"moat.watch.label/1\",\"findings\":[],\"labels\":%" PRIu64 "}\n", l.n);
    return ok && kept ? EXIT_CLEAN : die(&e);
}
