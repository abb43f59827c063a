/* ship.c - see ship.h: batches, backoff, and the loop of one sink. */
#include "watch/ship.h"
#include "base/file.h"
#include "base/rng.h"
#include "crypto/secret.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

enum { PATIENCE = 5, SAY_AFTER = 3, IDLE_MS = 50, CONF_ARENA = 1 << 20, BATCH_ARENA = 1 << 30 };
static const int64_t save_every_ns = 200000000;

typedef struct Ship {
    ShipJob    *job;
    Sink        sink;
    ShipSource *source;
    Arena      *arena;                                 /* of the settings                        */
    Rng         rng;
    ShipItem  **picked;
    size_t      width;                                 /* events in one request                  */
    unsigned    attempt;                               /* failures in a row                      */
    bool        told;                                  /* that it is down                        */
    int64_t     progress_ns, saved_ns;
    uint64_t    lost_before;                           /* by the cursor file                     */
    char       *cursor, *dead;
    int         lock;
} Ship;

static int64_t now(const Ship *h) { return clock_ns(h->job->clock); }

static void say(const Ship *h, const char *line)
{
    if (h->job->say != NULL)
        h->job->say(h->job->ctx, h->sink.c.name, line);
}

/* ---- state */

static bool save(Ship *h, Err *e)
{
    if (h->source == NULL)                             /* dead letters have no cursor */
        return true;
    h->saved_ns = now(h);
    return ship_source_save(h->source, h->sink.c.name, &h->job->status, h->saved_ns, e);
}

/* The cursor file tells what happens even while nothing moves; its failure is reported where the cursor has to move. */
static void enter(Ship *h, ShipState to, const char *why)
{
    ShipStatus *s = &h->job->status;
    bool        changed = s->state != to;
    s->state = to;
    snprintf(s->error, sizeof s->error, "%s", why);
    if (changed)
        save(h, NULL);
    if (to == SHIP_OK && h->told)
        say(h, "takes events again"), h->told = false;
    else if (to != SHIP_OK && !h->told && (to == SHIP_STOPPED || h->attempt >= SAY_AFTER))
        say(h, why), h->told = true;
}

/* ---- waiting: full jitter, so that a crowd of shippers does not come back at one moment */

static bool out_of_patience(const Ship *h)
{
    return h->job->once && now(h) - h->progress_ns > PATIENCE * h->sink.c.retry_max_ns + h->sink.c.ack_timeout_ns;
}

static void back_off(Ship *h)
{
    int64_t  most = h->sink.c.retry_min_ns;
    for (unsigned i = 0; i < h->attempt && most < h->sink.c.retry_max_ns; i++)
        most *= 2;
    most = most < h->sink.c.retry_max_ns ? most : h->sink.c.retry_max_ns;
    uint64_t ms = rng_below(&h->rng, (uint64_t)most / 1000000 + 1);
    h->attempt++;
    sink_pause(&h->sink, (unsigned)(ms > h->sink.retry_after_ms ? ms : h->sink.retry_after_ms));
    h->sink.retry_after_ms = 0;
}

static void advanced(Ship *h)
{
    h->attempt = 0, h->progress_ns = now(h);
    enter(h, SHIP_OK, "");
}

/* ---- one batch */

static size_t pick(const Ship *h, ShipItem *v, size_t n)
{
    size_t k = 0;
    for (size_t i = 0; i < n && k < h->width; i++)
        if (v[i].state == ITEM_PENDING)
            h->picked[k++] = &v[i];
    return k;
}

static size_t pending(ShipItem *const *v, size_t n)
{
    size_t left = 0;
    for (size_t i = 0; i < n; i++)
        left += v[i]->state == ITEM_PENDING;
    return left;
}

/* What one answer means for the pace.  False: the sink stops. */
static bool take_result(Ship *h, SinkResult r, size_t k, const Err *why, Err *e)
{
    size_t left = pending(h->picked, k);
    if (left < k)
        advanced(h);
    if (r == SINK_SPLIT && k == 1)
        item_dead(h->picked[0], "%.180s", why->message);
    else if (r == SINK_SPLIT)
        h->width = k / 2;
    else if (r == SINK_STOP) {
        *e = *why;
        return false;
    } else if (left > 0) {
        h->job->status.retried += left;
        if (left == k)
            enter(h, SHIP_WAITING, why->message);
        if (out_of_patience(h)) {
            *e = *why;
            return err_in(e, "sinks.%s: nothing is taken", h->sink.c.name);
        }
        back_off(h);
    } else
        h->width = h->width * 2 < h->sink.c.batch ? h->width * 2 : h->sink.c.batch;
    return true;
}

/* Everything that is DEAD is on the disk before the cursor may pass it: a full disk holds the sink, and loses nothing. */
static bool bury(Ship *h, ShipItem *v, size_t n, Err *e)
{
    size_t dead = 0;
    for (size_t i = 0; i < n; i++)
        dead += v[i].state == ITEM_DEAD;
    while (dead > 0) {
        Err mine = { 0 };
        if (ship_dead_append(h->dead, v, n, h->job->clock, &mine))
            break;
        enter(h, SHIP_STOPPED, mine.message);
        if (sink_stopping(&h->sink) || out_of_patience(h))
            return *e = mine, false;
        back_off(h);
    }
    if (dead > 0)
        advanced(h);
    h->job->status.dead += dead, h->job->status.sent += n - dead;
    return true;
}

/* False with e->code E_OK: told to stop before everything was judged. */
static bool deliver(Ship *h, ShipItem *v, size_t n, Err *e)
{
    for (size_t k; (k = pick(h, v, n)) > 0;) {
        Err why = { 0 };
        if (sink_stopping(&h->sink))
            return false;
        SinkResult r = h->sink.kind->send(&h->sink, h->picked, k, &why);
        if (!take_result(h, r, k, &why, e))
            return false;
    }
    return bury(h, v, n, e);
}

/* ---- the spool */

/* Other kinds (labels ...) are no events for a SIEM. */
static bool wanted(const Ship *h, const SpoolFrame *f)
{
    return (f->kind == SPOOL_ALERT && h->sink.c.alerts) || (f->kind == SPOOL_REQUEST && h->sink.c.requests);
}

typedef struct Batch {
    ShipItem *v;
    size_t    n, bytes;
    int64_t   began_ns;
    bool      end;                                     /* the spool had no more */
} Batch;

static bool add(Ship *h, Arena *a, Batch *b, const SpoolFrame *f, const char *producer, const uint8_t *id, Err *e)
{
    if (!wanted(h, f))
        return true;
    if (!ship_item(a, &h->sink, h->job->pipeline, f, producer, id, &b->v[b->n]))
        return err_nomem(e);
    if (b->n == 0)
        b->began_ns = now(h), h->job->status.oldest_ns = f->time_ns;
    b->bytes += b->v[b->n++].text.n;
    return true;
}

/* Until it is full, old enough, or there is nothing more to come. */
static bool gather(Ship *h, Arena *a, Batch *b, Err *e)
{
    const SinkConf *c = &h->sink.c;
    SpoolFrame      f;
    const char     *producer;
    const uint8_t  *id;
    b->v = arena_get(a, c->batch, sizeof *b->v);
    if (b->v == NULL)
        return err_nomem(e);
    while (b->n < c->batch && b->bytes < c->batch_bytes && !sink_stopping(&h->sink)) {
        SpoolRead got = ship_source_next(h->source, &f, &producer, &id, e);
        if (got == SPOOL_FAILED)
            return false;
        b->end = got == SPOOL_END;
        if (!b->end && !add(h, a, b, &f, producer, id, e))
            return false;
        if (!b->end)
            continue;
        if (b->n == 0 || h->job->once || now(h) - b->began_ns >= c->batch_age_ns)
            return true;
        sink_pause(&h->sink, 10);
    }
    return true;
}

/* What the cursor says is shipped is shipped: it moves last. */
static bool pass(Ship *h, bool idle, Err *e)
{
    ShipStatus *s = &h->job->status;
    ship_source_commit(h->source);
    uint64_t lost = h->lost_before + ship_source_lost(h->source);
    if (lost > s->lost) {
        char line[120];
        snprintf(line, sizeof line, "%" PRIu64 " events had left the spool before they were shipped", lost - s->lost);
        s->lost = lost, say(h, line);
    }
    if (idle)
        s->oldest_ns = 0;
    return now(h) - h->saved_ns < save_every_ns || save(h, e);
}

static bool round_trip(Ship *h, bool *more, Err *e)
{
    defer_arena Arena *a = arena_new(BATCH_ARENA);
    Batch              b = { 0 };
    if (a == NULL)
        return err_nomem(e);
    if (!gather(h, a, &b, e) || (b.n > 0 && !deliver(h, b.v, b.n, e)) || !pass(h, b.end, e))
        return false;
    *more = b.n > 0 || !h->job->once;
    if (b.n == 0 && !h->job->once)
        sink_pause(&h->sink, IDLE_MS);
    return true;
}

static bool follow(Ship *h, Err *e)
{
    bool more = true;
    while (more && !sink_stopping(&h->sink))
        if (!round_trip(h, &more, e))
            return e->code == E_OK;                    /* told to stop */
    return true;
}

/* ---- dead letters again */

static bool again_batch(Ship *h, Str *text, Err *e)
{
    defer_arena Arena *a = arena_new(BATCH_ARENA);
    ShipItem          *v = a != NULL ? arena_get(a, h->sink.c.batch, sizeof *v) : NULL;
    Str                line;
    size_t             n = 0;
    if (v == NULL)
        return err_nomem(e);
    while (n < h->sink.c.batch && text->n > 0) {
        str_cut(*text, '\n', &line, text);
        const Json *tree = json_parse(a, line, JSON_GRAMMAR, NULL);
        if (tree == NULL)
            continue;                                  /* cut by a crash: its event was written again behind it */
        if (!ship_item_again(a, &h->sink, h->job->pipeline, tree, &v[n++]))
            return err_nomem(e);
    }
    return n == 0 || deliver(h, v, n, e);
}

static bool again(Ship *h, Err *e)
{
    char *path;
    if (!ship_dead_take(h->arena, h->dead, &path, e))
        return false;
    if (path == NULL)
        return true;
    defer_map Map m = { 0 };
    if (!file_map(path, &m, e))
        return false;
    for (Str rest = m.bytes; rest.n > 0;)
        if (!again_batch(h, &rest, e))
            return e->code == E_OK;                    /* what is left stays in the file */
    return unlink(path) == 0 || err_set(e, E_IO, "%s: %m", path);
}

/* ---- opening */

static bool lock(Ship *h, const char *path, Err *e)
{
    h->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (h->lock < 0)
        return err_set(e, E_IO, "%s: %m", path);
    if (flock(h->lock, LOCK_EX | LOCK_NB) == 0)
        return true;
    err_set(e, E_DENIED, "sinks.%s: another process ships to it", h->sink.c.name);
    return err_hint(e, "stop it first (moat up, or moat watch ship)");
}

static char *own_path(const Ship *h, const char *ending)
{
    return arena_printf(h->arena, "%s/ship/%s%s", h->job->pipeline->state, h->sink.c.name, ending);
}

static bool settings(Ship *h, Err *e)
{
    const Pipeline *p = h->job->pipeline;
    char            host[256] = "localhost";
    if (!ship_conf(h->arena, p, h->job->sink, &h->sink.kind, &h->sink.c, e))
        return false;
    gethostname(host, sizeof host - 1);
    h->sink.clock = h->job->clock, h->sink.stop = h->job->stop;
    h->sink.from = (SiemSource){ arena_str(h->arena, str(host)), p->name, S(MOAT_VERSION) };
    h->width = h->sink.c.batch, h->picked = arena_get(h->arena, h->width, sizeof *h->picked);
    h->cursor = own_path(h, ".json"), h->dead = own_path(h, ".dead.jsonl");
    return h->picked != NULL && h->cursor != NULL && h->dead != NULL ? true : err_nomem(e);
}

static bool begin(Ship *h, Err *e)
{
    uint64_t seed;
    random_bytes(&seed, sizeof seed);
    h->rng = rng_of(seed), h->progress_ns = now(h);
    h->arena = arena_new(CONF_ARENA + 100000 * sizeof *h->picked);
    if (h->arena == NULL)
        return err_nomem(e);
    if (!settings(h, e))
        return false;
    char *folder = path_dir(h->arena, h->dead), *lock_path = own_path(h, h->job->dead_letter ? ".replay.lock" : ".lock");
    if (folder == NULL || lock_path == NULL)
        return err_nomem(e);
    return dir_make(folder, 0700, e) && lock(h, lock_path, e) && h->sink.kind->open(&h->sink, e);
}

static void end(Ship *h)
{
    if (h->sink.kind != NULL)
        h->sink.kind->close(&h->sink);
    ship_source_close(h->source);
    wipe(h->sink.token, sizeof h->sink.token);
    arena_free(h->arena);
    if (h->lock >= 0)
        close(h->lock);
}

static bool stream(Ship *h, Err *e)
{
    ShipStatus *s = &h->job->status;
    char       *spool = arena_printf(h->arena, "%s/spool", h->job->pipeline->state);
    if (spool == NULL)
        return err_nomem(e);
    h->source = ship_source_open(spool, h->cursor, s, e);
    if (h->source == NULL)
        return false;
    h->lost_before = s->lost;
    enter(h, SHIP_OK, "");
    bool ok = follow(h, e);
    if (!ok) {
        s->state = SHIP_STOPPED;
        snprintf(s->error, sizeof s->error, "%.399s", e->message);
    }
    return save(h, ok ? e : NULL) && ok;
}

bool ship_run(ShipJob *job, Err *e)
{
    Ship h = { .job = job, .lock = -1 };
    Err  mine = { 0 };
    bool ok = begin(&h, &mine) && (job->dead_letter ? again(&h, &mine) : stream(&h, &mine));
    end(&h);
    if (!ok && e != NULL)
        *e = mine;
    return ok;
}
