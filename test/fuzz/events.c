/* Any bytes: a run that is accepted is one that can be written down again phase by phase, within the limits. */
#include "privacy/events.h"
#include <math.h>

static uint64_t sane(const Events *o)
{
    uint64_t steps = 0;
    assert(o->n > 0 && o->n <= PHASES_MAX);
    for (size_t i = 0; i < o->n; i++) {
        const Phase *p = &o->phase[i];
        assert(p->sigma > 0 && p->rate >= 0 && p->rate <= 1 && p->steps <= STEPS_MAX - steps);
        assert(i == 0 || p->sigma != p[-1].sigma || p->rate != p[-1].rate);
        steps += p->steps;
    }
    return steps;
}

/* The same run as an Opacus history. */
static void again(Arena *a, const Events *o)
{
    Buf     b = { 0 };
    JsonOut w = json_out(&b);
    Events  back;
    Err     e = { 0 };
    json_open(&w, '[');
    for (size_t i = 0; i < o->n; i++) {
        json_open(&w, '[');
        json_put_f64(&w, o->phase[i].sigma), json_put_f64(&w, o->phase[i].rate), json_put_u64(&w, o->phase[i].steps);
        json_close(&w, ']');
    }
    json_close(&w, ']');
    assert(events_read(a, buf_view(&b), &back, &e) && back.n == o->n);
    for (size_t i = 0; i < o->n; i++)
        assert(back.phase[i].sigma == o->phase[i].sigma && back.phase[i].steps == o->phase[i].steps);
    buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    Arena *a = arena_new(64 << 20);
    Str    text = { (const char *)data, n };
    Events o;
    Claim  c;
    Err    e = { 0 };
    if (events_read(a, text, &o, &e))
        sane(&o), again(a, &o);
    else
        assert(e.message[0]);
    e = (Err){ 0 };
    if (claim_read(a, text, &c, &e)) {
        sane(&c.events);
        assert(c.delta >= 0 && c.delta <= 1 && c.error >= 0 && c.up >= 0 && c.low >= 0);
    } else {
        assert(e.message[0]);
    }
    arena_free(a);
    return 0;
}
