/* A policy that loads can be used: every endpoint is found by name and by route, its numbers are in their ranges, and a
 * request to it gets a verdict. */
#include "gate/gate.h"

static void check_request(const GateEndpoint *ep)
{
    static _Alignas(64) char memory[1 << 14];
    static Slots *slots;
    GateVerdict   v;
    if (slots == NULL)
        slots = slots_init(memory, sizeof memory, (const uint64_t[]){ 1, 2 });
    GateEnv     env = { NULL, slots };
    GateRequest r = { .method = ep->methods.v[0], .raw_path = ep->route, .path = ep->route, .content_type = S("application/json"),
                      .content_length = 2, .address_len = 4, .now_ns = 1000000000, .now_s = 1 };
    bool pass = gate_head(&env, ep, &r, &v);
    if (pass != (v.status == 0) || pass != (v.reason == GATE_OK) || v.reason == GATE_ROUTE || v.reason == GATE_METHOD)
        abort();
    if (ep->keys_required && pass)
        abort();
    char text[GATE_PROBLEM_MAX], rate[GATE_RATE_TEXT];
    gate_problem(&v, text);
    gate_ratelimit(&v, rate);
    gate_ratelimit_policy(&v, rate);
}

static void check_body(const GateEndpoint *ep)
{
    GateVerdict v = { .cost = 1, .record = true };
    size_t      size = (gate_body_size(ep) + 15) & ~(size_t)15;
    void       *memory = aligned_alloc(16, size);
    if (memory == NULL)
        return;
    GateBody *b = gate_body_begin(ep, memory, &v);
    if ((gate_body_feed(b, S("[1,{\"a\":")) && gate_body_feed(b, S("\"x\"}]")) && gate_body_end(b)) != (v.status == 0))
        abort();
    free(memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    Err e = { 0 };
    defer_arena Arena *a = arena_new((size_t)1 << 30);
    char *copy = malloc(n ? n : 1);                    /* exact, so that a read past it is seen */
    memcpy(copy, data, n);
    GatePolicySet *s = gate_policy_load(a, (Str){ copy, n }, &e);
    if (s == NULL && !*e.message)
        abort();
    for (size_t i = 0; s != NULL && i < s->count; i++) {
        const GateEndpoint *ep = &s->endpoints[i];
        if (gate_policy_find(s, ep->name) != ep || gate_policy_route(s, ep->route) != ep || ep->limit_count > GATE_LIMITS_MAX ||
            ep->control.round > RESP_ROUND_MAX || ep->max_body == 0)
            abort();
        check_request(ep);
        check_body(ep);
    }
    free(copy);
    return 0;
}
