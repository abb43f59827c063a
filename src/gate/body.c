/* body.c - the request's body as it comes in; see gate.h. */
#include "gate/gate.h"
#include "gate/schema.h"

struct GateBody {
    const GateEndpoint *ep;
    GateVerdict        *v;
    uint64_t            bytes;
    SchemaRun          *run;
    Features           *features;                      /* NULL: not wanted */
    RowTap             *tap;                           /* NULL: nobody watches */
    Watchman            watch;
    Watched             seen;
    bool                refused;
    max_align_t         state[];
};

static size_t features_at(const GateEndpoint *ep) { return (schema_state_size(ep->schema) + 15) & ~(size_t)15; }

static size_t tap_at(const GateEndpoint *ep)
{
    return (features_at(ep) + (ep->record.features != RECORD_NONE ? sizeof(Features) : 0) + 15) & ~(size_t)15;
}

size_t gate_body_size(const GateEndpoint *ep)
{
    return sizeof(GateBody) + tap_at(ep) + (ep->detector ? rowtap_size(ep->detector->map.features) : 0);
}

static bool hear(void *ctx, const JsonEvent *ev)
{
    GateBody *b = ctx;
    if (b->features != NULL)
        features_event(b->features, ev);
    if (b->tap != NULL)
        rowtap_event(b->tap, ev);
    return true;
}

static const FeaturesFormat formats[] = { [FORMAT_JSON] = FEATURES_JSON, [FORMAT_TF] = FEATURES_ROWS, [FORMAT_V1] = FEATURES_ROWS,
                                          [FORMAT_V2] = FEATURES_V2 };

static Features *listen(GateBody *b)
{
    Features *f = features_begin((char *)b->state + features_at(b->ep), formats[b->ep->format]);
    schema_listen(b->run, hear, b);
    return f;
}

GateBody *gate_body_begin(const GateEndpoint *ep, void *memory, GateVerdict *v)
{
    GateBody *b = memory;
    b->ep = ep, b->v = v, b->bytes = 0, b->refused = false, b->tap = NULL, b->seen = (Watched){ 0 };
    b->run = schema_begin(ep->schema, b->state);
    b->features = v->record && ep->record.features != RECORD_NONE ? listen(b) : NULL;
    v->checks |= CHECK_SIZE | CHECK_JSON | (ep->schema ? CHECK_SCHEMA : 0);
    return b;
}

static bool refuse(GateBody *b, GateReason r)
{
    b->refused = true;
    return gate_refuse(b->v, r);
}

static bool refuse_fault(GateBody *b, const SchemaFault *f)
{
    b->v->keyword = f->keyword;
    b->v->at = f->at + 1;
    snprintf(b->v->param, sizeof b->v->param, "%s", f->pointer);
    return refuse(b, f->keyword ? GATE_SCHEMA : GATE_JSON);
}

bool gate_body_feed(GateBody *b, Str bytes)
{
    SchemaFault f;
    if (b->refused)
        return false;
    if (bytes.n > b->ep->max_body - b->bytes)
        return refuse(b, GATE_TOO_LARGE);
    b->bytes += bytes.n;
    return schema_feed(b->run, bytes, &f) || refuse_fault(b, &f);
}

/* ---- the detector */

static void watch_row(void *ctx, const float *row)
{
    GateBody *b = ctx;
    if (b->seen.rows + b->seen.unseen >= WATCHED_ROWS) {
        b->seen.unseen++;
        return;
    }
    DetectRow alone;
    detect_row(b->watch.model, row, &alone);
    b->watch.lock(b->watch.ctx);
    DetectSeen q = detect_query(b->watch.model, detect_state(b->watch.state), &alone, b->watch.client, b->watch.now_s);
    b->watch.unlock(b->watch.ctx);
    if (b->seen.rows++ == 0 || q.level > b->seen.worst.level)
        b->seen.worst = q;
}

void gate_body_watch(GateBody *b, const Watchman *w)
{
    b->watch = *w;
    b->tap = rowtap_begin((char *)b->state + tap_at(b->ep), formats[b->ep->format], w->model->map.features, watch_row, b);
    b->v->checks |= CHECK_DETECT;
    schema_listen(b->run, hear, b);
}

const Watched *gate_body_watched(const GateBody *b) { return b->tap ? &b->seen : NULL; }

/* An alarm, or rows that nobody could look at, under a policy that acts. */
static bool judge_watched(GateBody *b)
{
    b->seen.unseen += b->tap->unseen;
    bool alarm = b->seen.worst.level == DETECT_ALARM, blind = b->seen.unseen > 0 || b->seen.rows == 0;
    if (b->ep->detect == DETECT_BLOCK && alarm)
        return refuse(b, GATE_DETECTED);
    b->v->coarse = b->ep->detect >= DETECT_DEGRADE && (alarm || blind);
    return true;
}

bool gate_body_end(GateBody *b)
{
    SchemaFault f;
    if (b->refused)
        return false;
    if (b->bytes == 0)
        return refuse(b, GATE_NO_BODY);
    if (!schema_end(b->run, &f))
        return refuse_fault(b, &f);
    return b->tap == NULL || judge_watched(b);
}

uint64_t gate_body_bytes(const GateBody *b) { return b->bytes; }

const Features *gate_body_features(GateBody *b, Str *text)
{
    *text = b->features != NULL && !b->refused ? features_end(b->features) : (Str){ "", 0 };
    return b->features;
}
