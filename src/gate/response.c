/* response.c - the answer on its way out; see gate.h. */
#include "gate/gate.h"
#include "gate/media.h"

static GateResponseAction refuse(GateVerdict *v, GateReason r)
{
    gate_refuse(v, r);
    return RESPONSE_REFUSE;
}

/* Without scores for whom the detector holds for an attacker; where nobody knows which numbers are scores, whole numbers. */
static RespPolicy control_of(const GateEndpoint *ep, const GateVerdict *v)
{
    RespPolicy p = ep->control;
    if (v->coarse && ep->format == FORMAT_JSON)
        p.round = 0;
    else if (v->coarse)
        p.label_only = true;
    return p;
}

/* A short JSON answer of a format that says where the scores are. */
static bool worth_a_look(const GateEndpoint *ep, const GateResponse *r)
{
    return ep->record.prediction != PREDICTION_NONE && ep->format != FORMAT_JSON && r->content_length <= GATE_LOOK_MAX &&
           encoding_is_identity(r->content_encoding) && r->status != 206 && media_is_json(r->content_type);
}

GateResponseAction gate_response_begin(const GateEndpoint *ep, const GateResponse *r, GateVerdict *v)
{
    bool       has_body = !r->head && r->status != 204 && r->status != 304;
    RespPolicy control = control_of(ep, v);
    if (!has_body || r->status < 200 || r->status > 299)
        return RESPONSE_PASS;
    if (!respctl_on(&control))
        return worth_a_look(ep, r) ? RESPONSE_LOOK : RESPONSE_PASS;
    if (!encoding_is_identity(r->content_encoding))
        return refuse(v, GATE_RESPONSE_ENCODING);
    if (r->status == 206 || !media_is_json(r->content_type))
        return refuse(v, GATE_RESPONSE_TYPE);
    if (r->content_length > RESP_MAX)
        return refuse(v, GATE_RESPONSE_SIZE);
    return RESPONSE_HOLD;
}

bool gate_response_end(const GateEndpoint *ep, Str body, Buf *out, RespInfo *info, GateVerdict *v)
{
    Err        e = { 0 };
    RespPolicy control = control_of(ep, v);
    out->n = 0;
    v->checks |= CHECK_OUTPUT;
    if (respctl_apply(&control, body, out, info, &e))
        return true;
    out->n = 0;
    v->at = e.at;
    return gate_refuse(v, e.code == E_NOMEM ? GATE_INTERNAL : e.code == E_LIMIT ? GATE_RESPONSE_SIZE : GATE_RESPONSE_BODY);
}

void gate_response_look(const GateEndpoint *ep, Str body, Buf *scratch, RespInfo *info)
{
    RespPolicy open = { .format = ep->control.format, .round = -1 };
    scratch->n = 0;
    if (!respctl_apply(&open, body, scratch, info, NULL))
        *info = (RespInfo){ 0 };
    scratch->n = 0;
}
