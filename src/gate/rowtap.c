/* rowtap.c - see rowtap.h. */
#include "gate/rowtap.h"
#include <math.h>

size_t rowtap_size(uint32_t width) { return sizeof(RowTap) + width * sizeof(float); }

RowTap *rowtap_begin(void *memory, FeaturesFormat format, uint32_t width, void (*row)(void *ctx, const float *row), void *ctx)
{
    RowTap *t = memory;
    *t = (RowTap){ .format = format, .width = width, .row = row, .ctx = ctx };
    return t;
}

static void take(RowTap *t, const JsonEvent *ev)
{
    float v = NAN;
    if (ev->step != JSON_VALUE || !ev->first)
        return;
    if (ev->type == JSON_NUMBER)
        number_f32(ev->text, &v);
    if (t->n < t->width)
        t->value[t->n] = v;
    t->n += t->n <= t->width;                          /* one too many is as good as many */
}

static void finish(RowTap *t)
{
    if (t->n == t->width)
        t->rows++, t->row(t->ctx, t->value);
    else
        t->unseen++;
    t->n = 0;
}

static bool starts(const JsonEvent *ev) { return ev->step == JSON_OPEN || (ev->step == JSON_VALUE && ev->first); }
static bool ends(const JsonEvent *ev) { return ev->step == JSON_CLOSE || (ev->step == JSON_VALUE && !ev->more); }

static void row_event(RowTap *t, const JsonEvent *ev)
{
    if (ev->depth == t->base && starts(ev))
        t->n = 0;
    take(t, ev);
    if (ev->depth == t->base && ends(ev))
        finish(t);
}

static void instances_event(RowTap *t, const JsonEvent *ev)
{
    t->base = 2;
    if (ev->depth == 1 && ev->step == JSON_KEY)
        t->member = str_is(ev->text, "instances");
    else if (t->member && ev->depth >= 2)
        row_event(t, ev);
}

/* A root array of scalars is one row; `single` once that is known. */
static void json_event(RowTap *t, const JsonEvent *ev)
{
    if (ev->depth == 0 && ev->step == JSON_OPEN && ev->type == JSON_ARRAY)
        t->base = 1;
    else if (ev->depth == 1 && t->base == 1 && ev->step == JSON_VALUE && t->rows + t->unseen == 0)
        t->base = 0, take(t, ev);
    else if (ev->depth >= t->base)
        row_event(t, ev);
}

static void tensor_event(RowTap *t, const JsonEvent *ev)
{
    if (ev->depth == 2 && ev->step == JSON_OPEN)
        t->tensors++, t->n = 0;
    else if (ev->depth == 2 && ev->step == JSON_CLOSE)
        t->unseen += t->n > 0 || t->tensors > 1;
    else if (ev->depth == 3 && ev->step == JSON_KEY)
        t->data = str_is(ev->text, "data");
    else if (t->data && ev->depth >= 3) {
        take(t, ev);
        if (t->n == t->width)
            finish(t);
    }
}

static void v2_event(RowTap *t, const JsonEvent *ev)
{
    if (ev->depth == 1 && ev->step == JSON_KEY)
        t->member = str_is(ev->text, "inputs");
    else if (t->member && ev->depth >= 2)
        tensor_event(t, ev);
}

void rowtap_event(RowTap *t, const JsonEvent *ev)
{
    if (t->format == FEATURES_ROWS)
        instances_event(t, ev);
    else if (t->format == FEATURES_V2)
        v2_event(t, ev);
    else
        json_event(t, ev);
}
