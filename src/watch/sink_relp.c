/* sink_relp.c - RELP, rsyslog's protocol with acknowledgements: a window of frames, each answered by its number.
 *
 * A frame that was not answered when the connection broke is sent again.  What "200 OK" is worth is the receiver's
 * configuration: rsyslog says it when the message is in its queue, so a queue on disk must be set for it to survive. */
#include "format/syslog.h"
#include "net/wire.h"
#include "watch/sink.h"

enum { WINDOW = 128, CLOSE_MS = 500 };
#define OFFER "relp_version=0\nrelp_software=moat\ncommands=syslog"

typedef struct Relp {
    Wire    *wire;
    uint32_t txnr;                                     /* the last one used   */
    Buf      in, out;                                  /* in: not yet a frame */
} Relp;

static uint32_t txnr_next(uint32_t txnr) { return txnr >= RELP_TXNR_MAX ? 1 : txnr + 1; }

static SinkResult lost(Relp *r)
{
    wire_close(r->wire);
    r->wire = NULL, r->in.n = r->out.n = 0;
    return SINK_RETRY;
}

/* The next whole frame, which stays valid until the next call; false when the connection is no good any more. */
static bool frame_read(Sink *s, RelpAnswer *out, size_t *used, Err *e)
{
    Relp *r = s->state;
    char  piece[4096];
    for (;;) {
        size_t   n;
        RelpRead got = relp_get(buf_view(&r->in), out, used);
        if (got == RELP_FRAME)
            return true;
        if (got == RELP_BROKEN || r->in.bad)
            return err_set(e, E_FORMAT, "%s: not a RELP answer", s->c.uri);
        WireRead read = wire_read(r->wire, piece, sizeof piece, s->c.timeout_ms, &n);
        if (read != WIRE_DATA)
            return err_set(e, E_IO, "%s: %s", s->c.uri, read == WIRE_QUIET ? "no answer in time" : "the connection ended");
        buf_put(&r->in, piece, n);
    }
}

static void frame_drop(Relp *r, size_t used)
{
    memmove(r->in.p, r->in.p + used, r->in.n - used);
    r->in.n -= used;
}

static bool session_open(Sink *s, Err *e)
{
    Relp       *r = s->state;
    RelpAnswer  a;
    size_t      used;
    WireOptions o = { .address = sink_address(s), .timeout_ms = s->c.timeout_ms };
    r->wire = wire_open(&o, e);
    if (r->wire == NULL)
        return false;
    r->txnr = 1, r->in.n = r->out.n = 0;
    relp_put(&r->out, r->txnr, "open", S(OFFER));
    if (!wire_write(r->wire, buf_view(&r->out), e) || !frame_read(s, &a, &used, e))
        return false;
    if (!a.rsp || a.txnr != 1 || a.code != 200)
        return err_set(e, E_IO, "%s: does not open a RELP session", s->c.uri);
    frame_drop(r, used);
    return true;
}

/* Items at [0, n) have the numbers first, first + 1, ... with the wrap in between. */
static bool answer_take(const RelpAnswer *a, uint32_t first, ShipItem **v, size_t sent, size_t *open)
{
    size_t i = ((size_t)a->txnr + RELP_TXNR_MAX - first) % RELP_TXNR_MAX;
    if (!a->rsp || a->txnr == 0 || i >= sent || v[i]->state != ITEM_PENDING)
        return false;
    if (a->code == 200)
        item_done(v[i]);
    else
        item_dead(v[i], "relp %u: %.*s", a->code, (int)(a->data.n < 120 ? a->data.n : 120), a->data.p);
    --*open;
    return true;
}

static SinkResult relp_send(Sink *s, ShipItem **v, size_t n, Err *e)
{
    Relp *r = s->state;
    if (r->wire == NULL && !session_open(s, e))
        return lost(r);
    uint32_t first = txnr_next(r->txnr);
    for (size_t sent = 0, open = 0; sent < n || open > 0;) {
        r->out.n = 0;
        for (; sent < n && open < WINDOW; sent++, open++)
            relp_put(&r->out, r->txnr = txnr_next(r->txnr), "syslog", v[sent]->text);
        RelpAnswer a;
        size_t     used;
        if (r->out.bad || !wire_write(r->wire, buf_view(&r->out), e) || !frame_read(s, &a, &used, e))
            return lost(r);
        if (!answer_take(&a, first, v, sent, &open))
            return err_set(e, E_IO, "%s: %s", s->c.uri, a.rsp ? "answers what was not asked" : "ends the session"), lost(r);
        frame_drop(r, used);
    }
    return SINK_JUDGED;
}

static bool relp_open(Sink *s, Err *e)
{
    s->state = calloc(1, sizeof(Relp));
    if (s->state == NULL)
        return err_nomem(e);
    return sink_needs_uri(s, e) && (s->c.facility <= 23 || err_set(e, E_USAGE, "sinks.%s: facility goes from 0 to 23", s->c.name));
}

static void relp_close(Sink *s)
{
    Relp  *r = s->state;
    char   rest[256];
    size_t n;
    if (r == NULL)
        return;
    r->out.n = 0;
    relp_put(&r->out, txnr_next(r->txnr), "close", S(""));
    if (r->wire != NULL && wire_write(r->wire, buf_view(&r->out), NULL))
        wire_read(r->wire, rest, sizeof rest, CLOSE_MS, &n);
    wire_close(r->wire);
    buf_free(&r->in), buf_free(&r->out);
    free(r);
    s->state = NULL;
}

const SinkKind sink_relp = {
    "relp",
    "an event is shipped when the receiver answers its frame with 200; it may arrive twice. rsyslog answers when the message is in "
    "its queue: give the input's ruleset a queue on disk (queue.type=\"LinkedList\" with a queue.filename is not enough, "
    "queue.type=\"Disk\" with queue.checkpointInterval=\"1\" is), or no queue (\"Direct\") and an action that syncs.",
    true, sink_message, relp_open, relp_send, relp_close,
};
