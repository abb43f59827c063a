/* body.c - the request's body as it comes in; see gate.h. */
#include "gate/gate.h"
#include "gate/schema.h"

struct GateBody {
    const GateEndpoint *ep;
    GateVerdict        *v;
    uint64_t            bytes;
    SchemaRun          *run;
    Features           *features;                      /* NULL: not wanted */
    bool                refused;
    max_align_t         state[];
};

static size_t features_at(const GateEndpoint *ep) { return (schema_state_size(ep->schema) + 15) & ~(size_t)15; }

size_t gate_body_size(const GateEndpoint *ep)
{
    return sizeof(GateBody) + features_at(ep) + (ep->record.features != RECORD_NONE ? features_size(false) : 0);
}

static bool hear(void *ctx, const JsonEvent *ev)
{
    features_event(ctx, ev);
    return true;
}

static Features *listen(GateBody *b)
{
    static const FeaturesFormat formats[] = { [FORMAT_JSON] = FEATURES_JSON, [FORMAT_TF] = FEATURES_ROWS, [FORMAT_V1] = FEATURES_ROWS,
                                              [FORMAT_V2] = FEATURES_V2 };
    Features *f = features_begin((char *)b->state + features_at(b->ep), formats[b->ep->format], false);
    schema_listen(b->run, hear, f);
    return f;
}

GateBody *gate_body_begin(const GateEndpoint *ep, void *memory, GateVerdict *v)
{
    GateBody *b = memory;
    b->ep = ep, b->v = v, b->bytes = 0, b->refused = false;
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

bool gate_body_end(GateBody *b)
{
    SchemaFault f;
    if (b->refused)
        return false;
    if (b->bytes == 0)
        return refuse(b, GATE_NO_BODY);
    return schema_end(b->run, &f) || refuse_fault(b, &f);
}

uint64_t gate_body_bytes(const GateBody *b) { return b->bytes; }

const Features *gate_body_features(GateBody *b, Str *text)
{
    *text = b->features != NULL && !b->refused ? features_end(b->features) : (Str){ "", 0 };
    return b->features;
}
