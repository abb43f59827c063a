/* anchor.c - see anchor.h. */
#include "watch/anchor.h"
#include "spool/spool.h"
#include <dirent.h>

enum { PRODUCERS_MAX = 1024, ID_HEX = 2 * SPOOL_PRODUCER + 1, SCRATCH = 1 << 20 };

typedef struct Producer {
    char         folder[256], id[ID_HEX];
    SpoolReader *reader;
    bool         started;                              /* the ledger was asked where the last batch ended */
    uint64_t     next;                                 /* first seq not anchored yet                      */
    char         previous[DIGEST_HEX];                 /* root of the last batch, or empty                */
} Producer;

struct Anchor {
    char      dir[512];
    Producer *v;
    size_t    n;
};

Anchor *anchor_open(const char *dir, Err *e)
{
    Anchor *a = calloc(1, sizeof *a);
    if (a == NULL || (a->v = calloc(PRODUCERS_MAX, sizeof *a->v)) == NULL) {
        anchor_close(a);
        return err_nomem(e), NULL;
    }
    if (snprintf(a->dir, sizeof a->dir, "%s", dir) < (int)sizeof a->dir)
        return a;
    err_set(e, E_IO, "%s: path too long", dir);
    anchor_close(a);
    return NULL;
}

void anchor_close(Anchor *a)
{
    if (a == NULL)
        return;
    for (size_t i = 0; i < a->n; i++)
        spool_reader_close(a->v[i].reader);
    free(a->v);
    free(a);
}

static bool known(const Anchor *a, const char *folder)
{
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->v[i].folder, folder) == 0)
            return true;
    return false;
}

static void find_producers(Anchor *a)
{
    DIR *d = opendir(a->dir);
    if (d == NULL)
        return;                                        /* the gateway has not started yet */
    for (struct dirent *f; (f = readdir(d)) != NULL && a->n < PRODUCERS_MAX;)
        if (f->d_name[0] != '.' && !known(a, f->d_name))
            snprintf(a->v[a->n++].folder, sizeof a->v->folder, "%s", f->d_name);
    closedir(d);
}

static bool open_reader(const Anchor *a, Producer *p, uint64_t next, Err *e)
{
    char path[800];
    snprintf(path, sizeof path, "%s/%s", a->dir, p->folder);
    spool_reader_close(p->reader);
    p->reader = spool_reader_open(path, (SpoolCursor){ .next_seq = next }, e);
    return p->reader != NULL;
}

/* A producer is known by the id in its segments, not by its folder's name. */
static bool read_id(Producer *p)
{
    uint8_t raw[SPOOL_PRODUCER];
    if (!spool_read_producer(p->reader, raw))
        return false;
    for (size_t i = 0; i < sizeof raw; i++)
        snprintf(p->id + 2 * i, 3, "%02x", raw[i]);
    return true;
}

static bool ask_ledger(Producer *p, Ledger *l, Err *e)
{
    defer_arena Arena *a = arena_new(SCRATCH);
    Record             last;
    Err                mine = { 0 };
    uint64_t           first = 0, count = 0;
    if (a == NULL)
        return err_nomem(e);
    p->next = 0, p->previous[0] = '\0';
    if (!ledger_last(l, a, RECORD_EVENT_BATCH, NULL, str(p->id), &last, &mine)) {
        if (mine.code != E_OK && e != NULL)
            *e = mine;
        return p->started = mine.code == E_OK;
    }
    if (!json_u64(json_get(last.body, "first"), &first) || !json_u64(json_get(last.body, "count"), &count))
        return err_set(e, E_FORMAT, "ledger record %" PRIu64 ": not an event batch", last.seq);
    p->next = first + count;
    snprintf(p->previous, sizeof p->previous, "%.*s", STR(last.subject));
    return p->started = true;
}

/* The first read tells who the producer is; then the ledger tells where to go on, and the reader starts again there. */
static bool start(const Anchor *a, Producer *p, Ledger *l, Err *e)
{
    SpoolFrame f;
    if (!open_reader(a, p, 0, e) || spool_next(p->reader, &f, e) == SPOOL_FAILED)
        return false;
    if (!read_id(p))
        return true;                                   /* no segment in use yet */
    return ask_ledger(p, l, e) && open_reader(a, p, p->next, e);
}

static bool append(Producer *p, Ledger *l, Clock clock, uint64_t first, uint64_t count, const Digest *root, Err *e)
{
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    json_open(&w, '{');
    json_key(&w, "name"), json_put_z(&w, p->id);
    json_key(&w, "first"), json_put_u64(&w, first);
    json_key(&w, "count"), json_put_u64(&w, count);
    json_key(&w, "lost"), json_put_u64(&w, first - p->next);
    json_key(&w, "previous"), json_put_z(&w, p->previous);
    json_close(&w, '}');
    if (b.bad)
        return err_nomem(e);
    if (!ledger_append(l, clock, RECORD_EVENT_BATCH, S("moat watch"), root, buf_view(&b), NULL, e))
        return false;
    p->next = first + count;
    digest_hex(root, p->previous);
    return true;
}

/* One batch: consecutive events, at most ANCHOR_BATCH.  A hole ends it; the frame behind the hole is read again. */
static bool batch(const Anchor *a, Producer *p, Ledger *l, Clock clock, uint64_t *events, Err *e)
{
    MerkleTop   top = { 0 };
    SpoolFrame  f;
    uint64_t    first = p->next;
    SpoolRead   got = SPOOL_END;
    while (top.n < ANCHOR_BATCH && (got = spool_next(p->reader, &f, e)) == SPOOL_FRAME_READ) {
        if (top.n == 0)
            first = f.seq;
        if (f.seq != first + top.n)
            break;
        Digest leaf = merkle_leaf(f.payload);
        merkle_add(&top, &leaf);
    }
    if (got == SPOOL_FAILED)
        return false;
    *events = top.n;
    if (top.n == 0)
        return true;
    Digest root = merkle_top(&top);
    bool   ok = append(p, l, clock, first, top.n, &root, e);
    if (ok && (got != SPOOL_FRAME_READ || top.n == ANCHOR_BATCH))
        return true;
    return open_reader(a, p, p->next, ok ? e : NULL) && ok;
}

bool anchor_run(Anchor *a, Ledger *l, Clock clock, uint64_t *events, Err *e)
{
    uint64_t n;
    *events = 0;
    find_producers(a);
    for (size_t i = 0; i < a->n; i++) {
        Producer *p = &a->v[i];
        if (!p->started && !start(a, p, l, e))
            return err_in(e, "%s/%s", a->dir, p->folder);
        if (!p->started)
            continue;
        do {
            if (!batch(a, p, l, clock, &n, e))
                return err_in(e, "%s/%s", a->dir, p->folder);
            *events += n;
        } while (n > 0);
    }
    return true;
}
