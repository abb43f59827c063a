/* daemon.c - see daemon.h. */
#include "watch/daemon.h"
#include "base/file.h"
#include "watch/daemon_own.h"
#include <dirent.h>
#include <math.h>

enum { TURN_FRAMES = 8192 };
#define SCRATCH ((size_t)256 << 20)
static const int64_t future_ns = 600000000000;

/* ---- counters */

static const struct { const char *key; size_t offset; } counter_rows[] = {
#define ROW(name) { #name, offsetof(DaemonCounters, name) }
    ROW(events), ROW(late), ROW(labels), ROW(matched), ROW(unmatched), ROW(strange), ROW(no_row), ROW(corrupt_bytes), ROW(lost_frames),
#undef ROW
};

bool daemon_counters(State *s, DaemonCounters *out, Err *e)
{
    for (size_t i = 0; i < len_of(counter_rows); i++)
        if (!state_number(s, counter_rows[i].key, (int64_t *)(void *)((char *)out + counter_rows[i].offset), e))
            return false;
    return true;
}

static bool counters_put(Daemon *d, Err *e)
{
    for (size_t i = 0; i < len_of(counter_rows); i++)
        if (!state_number_set(d->state, counter_rows[i].key, *(int64_t *)(void *)((char *)&d->count + counter_rows[i].offset), e))
            return false;
    return state_number_set(d->state, "newest", d->newest, e) && state_number_set(d->state, "watermark", d->watermark, e);
}

/* ---- one request */

static bool is_counted(const Monitor *m) { return m->metric->from == FROM_FEATURES || m->metric->from == FROM_CLASSES || m->metric->from == FROM_TRAFFIC; }

static bool is_over(const Daemon *d, const Monitor *m, int64_t start) { return start + m->window_ns + m->lateness_ns <= d->watermark; }

static bool count_event(Daemon *d, size_t i, const Event *ev, const Json *row, int64_t time, Err *e)
{
    const Monitor *m = &d->monitors->v[i];
    int64_t        start = window_start(m, time);
    bool           judged = false;
    OpenWindow    *w = window_find(d, i, start);
    if (w == NULL && !state_judged(d->state, m->name, start, &judged, e))
        return false;
    if (judged) {
        d->count.late++;
        return true;
    }
    if (w == NULL && (w = window_open(d, i, start, e)) == NULL)
        return false;
    window_add(m, w->w, ev, row);
    w->changed = true;
    return true;
}

/* Windows of an endpoint whose predictions or labels changed; `labelled` false: a prediction without a label yet. */
static bool mark_dirty(Daemon *d, Str endpoint, int64_t time, bool labelled, Err *e)
{
    for (size_t i = 0; i < d->monitors->n; i++) {
        const Monitor *m = &d->monitors->v[i];
        bool           selection = m->metric->from == FROM_GROUPS && strcmp(m->metric->name, "demographic_parity") == 0;
        if (is_counted(m) || !str_eq(m->endpoint, endpoint) || !(labelled || selection))
            continue;
        if (!state_dirty(d->state, m->name, window_start(m, time), e))
            return false;
    }
    return true;
}

static bool keep_prediction(Daemon *d, Arena *a, const Event *ev, const Json *row, int64_t time, Err *e)
{
    defer_buf Buf groups = { 0 };
    Prediction    p = prediction_of(a, ev);
    bool          wanted = false, joined;
    for (size_t i = 0; i < d->monitors->n; i++) {
        const Monitor *m = &d->monitors->v[i];
        bool           mine = !is_counted(m) && str_eq(m->endpoint, ev->endpoint);
        wanted |= mine;
        if (mine && m->metric->from == FROM_GROUPS)
            groups_put(&groups, m, row);
    }
    if (!wanted || !p.there || ev->request.n == 0 || !str_is(ev->verdict, "pass"))
        return true;
    if (groups.bad)
        return err_nomem(e);
    Waiting w = { .id = ev->request, .endpoint = ev->endpoint, .groups = buf_view(&groups), .time = time, .label = p.label, .score = p.score };
    if (!state_prediction(d->state, &w, &joined, e))
        return false;
    d->count.matched += joined;
    return mark_dirty(d, ev->endpoint, time, joined, e);
}

static bool take_request(Daemon *d, Arena *a, const SpoolFrame *f, Err *e)
{
    Event ev;
    if (!event_get(a, f->payload, &ev, NULL)) {
        d->count.strange++;
        return true;
    }
    const Json *row = ev.features.n > 0 ? json_parse(a, ev.features, JSON_GRAMMAR, NULL) : NULL;
    d->count.events++, d->count.no_row += ev.instances > 0 && row == NULL;
    d->newest = f->time_ns > d->newest ? f->time_ns : d->newest;
    for (size_t i = 0; i < d->monitors->n; i++)
        if (is_counted(&d->monitors->v[i]) && str_eq(d->monitors->v[i].endpoint, ev.endpoint) && !count_event(d, i, &ev, row, f->time_ns, e))
            return false;
    return keep_prediction(d, a, &ev, row, f->time_ns, e);
}

static bool take_label(Daemon *d, Arena *a, const SpoolFrame *f, Err *e)
{
    LabelEvent ev;
    Waiting    w;
    LabelState state;
    enum { ID_MAX = 64, Y_MAX = 256 };
    if (!label_event_get(a, f->payload, &ev, NULL) || ev.request.n == 0 || ev.request.n > ID_MAX || ev.y.n == 0 || ev.y.n > Y_MAX) {
        d->count.strange++;
        return true;
    }
    d->count.labels++;
    if (!state_label(d->state, ev.request, ev.y, f->time_ns, &w, &state, e))
        return false;
    if (state != LABEL_JOINED)
        return true;
    d->count.matched++;
    return mark_dirty(d, w.endpoint, w.time, true, e);
}

/* ---- producers */

static bool known(const Daemon *d, const char *folder)
{
    for (size_t i = 0; i < d->producers; i++)
        if (strcmp(d->producer[i].folder, folder) == 0)
            return true;
    return false;
}

static void find_producers(Daemon *d)
{
    DIR *dir = opendir(d->spool_dir);
    if (dir == NULL)
        return;                                        /* the gateway has not started yet */
    for (struct dirent *f; (f = readdir(dir)) != NULL && d->producers < PRODUCERS_MAX;)
        if (f->d_name[0] != '.' && !known(d, f->d_name))
            snprintf(d->producer[d->producers++].folder, sizeof d->producer->folder, "%s", f->d_name);
    closedir(dir);
}

/* Who writes there; false while nobody has. */
static bool producer_of(const char *path, Reading *p)
{
    SpoolFrame   f;
    uint8_t      id[SPOOL_PRODUCER];
    SpoolReader *r = spool_reader_open(path, (SpoolCursor){ 0 }, NULL);
    bool         seen = r != NULL && spool_next(r, &f, NULL) != SPOOL_FAILED && spool_read_producer(r, id);
    spool_reader_close(r);
    int n = seen ? snprintf(p->key, sizeof p->key, "%s/", p->folder) : 0;
    for (size_t i = 0; seen && i < sizeof id; i++)
        n += snprintf(p->key + n, sizeof p->key - (size_t)n, "%02x", id[i]);
    return seen;
}

/* True without a reader as long as there is nothing to read. */
static bool open_reader(Daemon *d, Reading *p, Err *e)
{
    char        path[800];
    SpoolCursor from;
    snprintf(path, sizeof path, "%s/%s", d->spool_dir, p->folder);
    if (p->reader != NULL || !producer_of(path, p))
        return true;
    if (!state_cursor(d->state, p->key, &from, e))
        return false;
    p->reader = spool_reader_open(path, from, e);
    p->gaps = (SpoolGaps){ 0 };
    return p->reader != NULL;
}

static bool take_frame(Daemon *d, const SpoolFrame *f, DaemonTurn *out, Err *e)
{
    defer_arena Arena *a = arena_new(SCRATCH);
    if (a == NULL)
        return err_nomem(e);
    if (f->kind == SPOOL_REQUEST)
        return out->events++, take_request(d, a, f, e);
    if (f->kind == SPOOL_LABEL)
        return out->labels++, take_label(d, a, f, e);
    return true;
}

static bool read_producer(Daemon *d, Reading *p, DaemonTurn *out, Err *e)
{
    SpoolFrame f;
    SpoolRead  got = SPOOL_END;
    size_t     frames = 0;
    if (!open_reader(d, p, e))
        return false;
    if (p->reader == NULL)
        return true;
    for (; frames < TURN_FRAMES && (got = spool_next(p->reader, &f, e)) == SPOOL_FRAME_READ; frames++)
        if (!take_frame(d, &f, out, e))
            return false;
    if (got == SPOOL_FAILED)
        return false;
    SpoolGaps now = spool_gaps(p->reader);
    d->count.corrupt_bytes += (int64_t)(now.bytes - p->gaps.bytes), d->count.lost_frames += (int64_t)(now.frames - p->gaps.frames);
    p->gaps = now;
    out->drained &= got == SPOOL_END;
    return frames == 0 || state_cursor_set(d->state, p->key, spool_tell(p->reader), e);
}

/* ---- judging */

static bool keep_result(Daemon *d, const Monitor *m, int64_t start, const Judged *j, Err *e)
{
    Result r = { m->name, start, j->value, j->breach, j->clear, j->json };
    return state_result(d->state, &r, e) && alert_step(m, d->state, j, clock_ns(d->clock), e);
}

static bool judge_open(Daemon *d, OpenWindow *w, Err *e)
{
    defer_arena Arena *a = arena_new(SCRATCH);
    const Monitor     *m = &d->monitors->v[w->monitor];
    int64_t            start = w->w->start;
    Judged             j;
    if (a == NULL)
        return err_nomem(e);
    if (!judge_window(a, m, w->w, &j, e) || !keep_result(d, m, start, &j, e) || !state_window_drop(d->state, m->name, start, e))
        return false;
    window_close(d, w);
    return true;
}

/* The oldest of a monitor first, so that its alert sees them in order. */
static OpenWindow *oldest_closed(Daemon *d)
{
    OpenWindow *best = NULL;
    for (OpenWindow *w = d->windows; w != NULL; w = w->next)
        if (is_over(d, &d->monitors->v[w->monitor], w->w->start) && (best == NULL || w->w->start < best->w->start))
            best = w;
    return best;
}

static bool judge_dirty(Daemon *d, const Monitor *m, DaemonTurn *out, Err *e)
{
    int64_t before = d->watermark - m->window_ns - m->lateness_ns + 1, start;
    bool    found;
    for (;;) {
        defer_arena Arena *a = arena_new((size_t)2 << 30);
        Judged             j;
        if (a == NULL)
            return err_nomem(e);
        if (!state_dirty_next(d->state, m->name, before, &start, &found, e))
            return false;
        if (!found)
            return true;
        if (!judge_labels(a, m, d->state, start, &j, e) || !keep_result(d, m, start, &j, e) || !state_dirty_drop(d->state, m->name, start, e))
            return false;
        out->judged++;
    }
}

static bool judge_all(Daemon *d, DaemonTurn *out, Err *e)
{
    int64_t now = clock_ns(d->clock);
    int64_t newest = d->newest < now + future_ns ? d->newest : now;   /* a clock that was far ahead must not close everything */
    d->watermark = newest > d->watermark ? newest : d->watermark;
    d->watermark = now > d->watermark ? now : d->watermark;
    for (OpenWindow *w; (w = oldest_closed(d)) != NULL; out->judged++)
        if (!judge_open(d, w, e))
            return false;
    for (size_t i = 0; i < d->monitors->n; i++)
        if (!is_counted(&d->monitors->v[i]) && !judge_dirty(d, &d->monitors->v[i], out, e))
            return false;
    uint64_t lost = 0;
    bool     due = now - d->expired > 60000000000;
    if (!due)
        return true;
    d->expired = now;
    bool ok = state_expire(d->state, now - d->keep_ns, &lost, e);
    d->count.unmatched += (int64_t)lost;
    return ok;
}

/* ---- a turn */

/* What memory holds may be ahead of the store now: everything is read back from it. */
static bool forget(Daemon *d, Err *e)
{
    d->stale = true;
    for (size_t i = 0; i < d->producers; i++)
        spool_reader_close(d->producer[i].reader), d->producer[i].reader = NULL;
    return daemon_counters(d->state, &d->count, e) && state_number(d->state, "newest", &d->newest, e) &&
           state_number(d->state, "watermark", &d->watermark, e) && windows_load(d, e) && (d->stale = false, true);
}

static bool work(Daemon *d, DaemonTurn *out, Err *e)
{
    if (!state_begin(d->state, e))
        return false;
    for (size_t i = 0; i < d->producers; i++)
        if (!read_producer(d, &d->producer[i], out, e))
            return err_in(e, "%s/%s", d->spool_dir, d->producer[i].folder);
    return (!out->drained || judge_all(d, out, e)) && windows_put(d, e) && counters_put(d, e) && state_commit(d->state, e);
}

bool daemon_turn(Daemon *d, DaemonTurn *out, Err *e)
{
    *out = (DaemonTurn){ .drained = true };
    if (d->stale && !forget(d, e))
        return false;
    find_producers(d);
    if (!work(d, out, e)) {
        state_rollback(d->state);
        return d->stale = true, false;
    }
    return alert_deliver(d->state, d->alerts, d->ledger, d->clock, d->log, &out->alerts, e);
}

/* ---- opening */

/* A monitor that compares with something else than last time: said in the ledger, because it can hide drift. */
static bool note_reference(Daemon *d, const Monitor *m, Err *e)
{
    defer_arena Arena *a = arena_new(4 << 20);
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    Record        last;
    Err           mine = { 0 };
    char          hex[DIGEST_HEX];
    if (a == NULL)
        return err_nomem(e);
    digest_hex(&m->reference, hex);
    if (ledger_last(d->ledger, a, RECORD_WATCH_REFERENCE, NULL, m->name, &last, &mine) && str_is(last.subject, hex))
        return true;
    json_open(&w, '{');
    json_member(&w, "name", m->name), json_member(&w, "metric", str(m->metric->name));
    json_member_u64(&w, "features", m->feature_count), json_member_u64(&w, "classes", m->classes);
    json_close(&w, '}');
    return b.bad ? err_nomem(e) : ledger_append(d->ledger, d->clock, RECORD_WATCH_REFERENCE, S("moat watch"), &m->reference, buf_view(&b), NULL, e);
}

static bool open_all(Daemon *d, const Pipeline *p, Err *e)
{
    if (!dir_make(pipeline_state(p, "watch"), 0700, e) || !dir_make(pipeline_state(p, "spool"), 0700, e))
        return false;
    if ((d->state = state_open(pipeline_state(p, "watch/state.db"), e)) == NULL || (d->ledger = ledger_open(pipeline_state(p, "ledger.db"), e)) == NULL)
        return false;
    d->alerts = spool_open_free(pipeline_state(p, "spool/watch"), (SpoolOptions){ .segment_bytes = 1 << 20, .cap_bytes = 64 << 20, .clock = d->clock }, e);
    if (d->alerts == NULL)
        return false;
    for (size_t i = 0; i < d->monitors->n; i++)
        if (!note_reference(d, &d->monitors->v[i], e))
            return false;
    return forget(d, e);
}

Daemon *daemon_open(const Pipeline *p, const Monitors *m, Clock clock, FILE *log, Err *e)
{
    Daemon *d = calloc(1, sizeof *d);
    if (d == NULL || (d->producer = calloc(PRODUCERS_MAX, sizeof *d->producer)) == NULL) {
        daemon_close(d);
        return err_nomem(e), NULL;
    }
    d->monitors = m, d->clock = clock, d->log = log;
    duration_parse(p->keep, &d->keep_ns);              /* the key table has checked it */
    snprintf(d->spool_dir, sizeof d->spool_dir, "%s", pipeline_state(p, "spool"));
    if (open_all(d, p, e))
        return d;
    return daemon_close(d), NULL;
}

void daemon_close(Daemon *d)
{
    if (d == NULL)
        return;
    windows_drop(d);
    for (size_t i = 0; i < d->producers; i++)
        spool_reader_close(d->producer[i].reader);
    spool_close(d->alerts);
    ledger_close(d->ledger);
    state_close(d->state);
    free(d->producer);
    free(d);
}

State *daemon_state(Daemon *d) { return d->state; }
