/* watch_events.c - `moat watch events`: what lies in the spool, the newest last. */
#include "cli/watch_cmds.h"
#include "spool/event.h"
#include "spool/spool.h"
#include <dirent.h>

static const char *kind, *endpoint, *verdict;
static long        limit = 100;

const Opt watch_events_opts[WATCH_EVENTS_OPTS] = {
    { "kind", 0, OPT_TEXT, &kind, "KIND", "requests, alerts or labels; default: all" },
    { "endpoint", 0, OPT_TEXT, &endpoint, "NAME", "only requests to this endpoint" },
    { "verdict", 0, OPT_TEXT, &verdict, "V", "only requests with this verdict: pass, refuse or fail" },
    { "limit", 'n', OPT_INT, &limit, "N", "at most so many, the newest; default 100" },
};

static const char *const kinds[] = { [SPOOL_REQUEST] = "requests", [SPOOL_ALERT] = "alerts", [SPOOL_LABEL] = "labels" };
enum { LIMIT_MAX = 1000000 };

typedef struct Line {
    int64_t  time_ns;
    uint64_t order;
    uint16_t kind;
    Str      payload;
} Line;

typedef struct Newest {                                /* a heap of the newest `cap`, the oldest of them on top */
    Arena   *a;
    Line    *v;
    size_t   n, cap;
    uint64_t seen;
} Newest;

static bool older(const Line *a, const Line *b) { return a->time_ns != b->time_ns ? a->time_ns < b->time_ns : a->order < b->order; }

static void sift_down(Newest *h)
{
    for (size_t i = 0, least;; i = least) {
        size_t left = 2 * i + 1, right = left + 1;
        least = left < h->n && older(&h->v[left], &h->v[i]) ? left : i;
        if (right < h->n && older(&h->v[right], &h->v[least]))
            least = right;
        if (least == i)
            return;
        Line t = h->v[i];
        h->v[i] = h->v[least], h->v[least] = t;
    }
}

static void sift_up(Newest *h)
{
    for (size_t i = h->n - 1; i > 0 && older(&h->v[i], &h->v[(i - 1) / 2]); i = (i - 1) / 2) {
        Line t = h->v[i];
        h->v[i] = h->v[(i - 1) / 2], h->v[(i - 1) / 2] = t;
    }
}

static bool add(Newest *h, Line l)
{
    l.order = h->seen++;
    if (h->cap == 0 || (h->n == h->cap && older(&l, &h->v[0])))
        return true;
    l.payload = arena_str(h->a, l.payload);
    if (l.payload.p == NULL)
        return false;
    if (h->n < h->cap) {
        h->v[h->n++] = l;
        sift_up(h);
    } else {
        h->v[0] = l;
        sift_down(h);
    }
    return true;
}

static bool wanted(const SpoolFrame *f)
{
    if (f->kind >= len_of(kinds) || kinds[f->kind] == NULL || (kind != NULL && strcmp(kinds[f->kind], kind) != 0))
        return false;
    if (endpoint == NULL && verdict == NULL)
        return true;
    defer_arena Arena *a = arena_new(64 << 20);
    Event              ev;
    Str                name = { 0 }, head;
    if (f->kind != SPOOL_REQUEST || a == NULL || !event_get(a, f->payload, &ev, NULL))
        return false;
    str_cut(ev.endpoint, '.', &head, &name);
    return (endpoint == NULL || str_is(name, endpoint)) && (verdict == NULL || str_is(ev.verdict, verdict));
}

static bool read_folder(const char *path, Newest *h, Err *e)
{
    SpoolReader *r = spool_reader_open(path, (SpoolCursor){ 0 }, e);
    SpoolFrame   f;
    SpoolRead    got = SPOOL_FAILED;
    bool         room = true;
    while (r != NULL && room && (got = spool_next(r, &f, e)) == SPOOL_FRAME_READ)
        room = !wanted(&f) || add(h, (Line){ f.time_ns, 0, f.kind, f.payload });
    spool_reader_close(r);
    return room ? got == SPOOL_END : err_nomem(e);
}

static bool read_all(Arena *a, const char *dir, Newest *h, Err *e)
{
    DIR *d = opendir(dir);
    bool ok = true;
    if (d == NULL)
        return true;                                   /* nothing ran yet */
    for (struct dirent *f; ok && (f = readdir(d)) != NULL;)
        ok = f->d_name[0] == '.' || read_folder(arena_printf(a, "%s/%s", dir, f->d_name), h, e) || err_in(e, "%s", f->d_name);
    closedir(d);
    return ok;
}

static int by_time(const void *a, const void *b) { return older(a, b) ? -1 : 1; }

static void show_text(const Line *l)
{
    defer_buf Buf b = { 0 };
    char          when[TIME_TEXT];
    time_text(l->time_ns, when);
    buf_clean(&b, l->payload);
    printf("%s %-8s %.*s\n", when, kinds[l->kind], STR(buf_view(&b)));
}

static void show_json(JsonOut *w, const Line *l)
{
    char when[TIME_TEXT];
    time_text(l->time_ns, when);
    json_open(w, '{');
    json_member(w, "time", str(when));
    json_member(w, "kind", str(kinds[l->kind]));
    json_key(w, "event");
    defer_arena Arena *a = arena_new(64 << 20);
    const Json        *v = a ? json_parse(a, l->payload, JSON_STRICT, NULL) : NULL;
    if (v != NULL)                                     /* a frame whose crc holds can hold anything all the same */
        json_put_tree(w, v);
    else
        json_put_str(w, l->payload);
    json_close(w, '}');
}

static bool known_kind(void)
{
    for (size_t i = 0; kind != NULL && i < len_of(kinds); i++)
        if (kinds[i] != NULL && strcmp(kinds[i], kind) == 0)
            return true;
    return kind == NULL;
}

int watch_events_cmd(int argc, char **argv)
{
    defer_arena Arena *a = arena_new((size_t)4 << 30);
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    Err           e = { 0 };
    Newest        h = { .a = a, .cap = (size_t)limit };
    (void)argv;
    if (argc > 0 || limit < 1 || limit > LIMIT_MAX || !known_kind())
        return usage("moat watch events [--kind requests|alerts|labels] [--endpoint NAME] [--verdict V] [--limit N]");
    Pipeline *p = a ? cli_pipeline(a, &e) : NULL;
    if (p == NULL || (h.v = arena_get(a, h.cap, sizeof *h.v)) == NULL || !read_all(a, pipeline_state(p, "spool"), &h, &e))
        return die(&e);
    qsort(h.v, h.n, sizeof *h.v, by_time);
    Findings *none = findings_new(a);
    json_begin(&w, "moat.watch.events/1", none);
    json_key(&w, "events");
    json_open(&w, '[');
    for (size_t i = 0; i < h.n; i++) {
        if (common.json)
            show_json(&w, &h.v[i]);
        else
            show_text(&h.v[i]);
    }
    json_close(&w, ']');
    return !common.json || json_finish(&w) ? EXIT_CLEAN : EXIT_BROKEN;
}
