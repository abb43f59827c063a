/* features_v2.c - the first row of KServe v2's tensors: how wide it is may be said before or after the data.
 *
 * A tensor of one dimension is a row when it is the only one, and a column of rows when there are several. */
#include "gate/features.h"

enum { DEPTH_INPUTS = 1, DEPTH_TENSOR = 2, DEPTH_MEMBER = 3 };
enum { FIELD_OTHER, FIELD_NAME, FIELD_SHAPE, FIELD_DATA };

/* Of the tensor being read. */
static void cut_to(Features *f, uint64_t width)
{
    uint32_t values = 0, at = f->tensor_at;
    f->cut |= width == 0;
    if (f->tensor_values <= width || f->cut)
        return;
    for (; at < f->text_n; at++)                       /* numbers only: every comma is between two */
        if (f->text[at] == ',' && ++values == width)
            break;
    f->text_n = at;
    f->n -= f->tensor_values - (uint32_t)width;
    f->tensor_values = (uint32_t)width;
}

static void begin_data(Features *f)
{
    if (f->name_n == 0 || f->unnamed)
        f->name_n = (uint32_t)snprintf(f->name, sizeof f->name, "input%u", f->tensors);
    features_put(f, f->tensors > 1 ? ",\"" : "{\"", 2);
    features_put(f, f->name, f->name_n);
    features_put(f, "\":[", 3);
    f->comma = false, f->tensor_at = f->text_n, f->tensor_values = 0;
}

static uint64_t width_of(const Features *f)
{
    if (f->dims == 0)
        return FEATURES_ROW;
    return f->dims > 1 ? f->width : f->tensors == 1 ? f->shape0 : 1;
}

static void begin_tensor(Features *f)
{
    if (f->tensors == 1 && f->dims == 1) {             /* it was a column after all */
        f->text_n -= f->text_n > 0;                    /* without the ] */
        cut_to(f, 1);
        features_put(f, "]", 1);
        f->rows = f->shape0;
    }
    f->tensors++;
    f->dims = 0, f->width = 1, f->shape0 = 0, f->name_n = 0, f->unnamed = false, f->field = FIELD_OTHER;
    f->tensor_at = f->text_n, f->tensor_values = 0;
}

static void end_tensor(Features *f)
{
    uint64_t width = width_of(f);
    if (f->tensor_at == f->text_n && f->tensor_values == 0) {
        f->cut = true;                                 /* no data at all */
        return;
    }
    cut_to(f, width);
    f->cut |= f->tensor_values < width && f->dims > 0;
    features_put(f, "]", 1);
    if (f->tensors == 1)
        f->rows = f->dims > 1 ? f->shape0 : 1;
}

/* Names that JSON would have to escape, and long ones, are not worth it: such a tensor goes by its number. */
static void take_name(Features *f, const JsonEvent *ev)
{
    bool plain = ev->type == JSON_STRING;
    if (ev->first)
        f->name_n = 0, f->unnamed = false;
    for (size_t i = 0; plain && i < ev->text.n; i++)
        plain = (unsigned char)ev->text.p[i] >= ' ' && ev->text.p[i] != '"' && ev->text.p[i] != '\\';
    f->unnamed |= !plain || ev->text.n > sizeof f->name - f->name_n;
    if (f->unnamed)
        return;
    memcpy(f->name + f->name_n, ev->text.p, ev->text.n);
    f->name_n += (uint32_t)ev->text.n;
}

static void take_size(Features *f, const JsonEvent *ev)
{
    uint64_t size;
    if (ev->step != JSON_VALUE || ev->type != JSON_NUMBER || !str_u64(ev->text, &size))
        return;
    if (f->dims++ == 0)
        f->shape0 = size;
    else if (__builtin_mul_overflow(f->width, size, &f->width))
        f->width = UINT64_MAX;
}

static void take_data(Features *f, const JsonEvent *ev)
{
    if (ev->step == JSON_OPEN && ev->depth == DEPTH_MEMBER)
        begin_data(f);
    if (ev->step != JSON_VALUE || f->tensor_values >= width_of(f))
        return;
    f->cut |= ev->type != JSON_NUMBER;                 /* texts and truths have no place in a row of numbers */
    if (f->cut)
        return;
    features_value(f, ev);
    f->tensor_values++;
}

static void take_key(Features *f, Str key)
{
    f->field = str_is(key, "name") ? FIELD_NAME : str_is(key, "shape") ? FIELD_SHAPE : str_is(key, "data") ? FIELD_DATA : FIELD_OTHER;
}

void features_v2(Features *f, const JsonEvent *ev)
{
    if (ev->depth == DEPTH_INPUTS && ev->step == JSON_KEY)
        f->member = str_is(ev->text, "inputs");
    if (!f->member || ev->depth < DEPTH_TENSOR)
        return;
    if (ev->depth == DEPTH_TENSOR && ev->step == JSON_OPEN)
        begin_tensor(f);
    else if (ev->depth == DEPTH_TENSOR && ev->step == JSON_CLOSE)
        end_tensor(f);
    else if (ev->depth == DEPTH_MEMBER && ev->step == JSON_KEY)
        take_key(f, ev->text);
    else if (f->field == FIELD_NAME)
        take_name(f, ev);
    else if (f->field == FIELD_SHAPE)
        take_size(f, ev);
    else if (f->field == FIELD_DATA)
        take_data(f, ev);
}

Str features_v2_end(Features *f)
{
    f->done = f->tensors > 0 && f->n > 0 && !f->cut;
    if (!f->done)
        return (Str){ "", 0 };
    if (f->tensors > 1) {
        features_put(f, "}", 1);
        return f->cut ? (Str){ "", 0 } : (Str){ f->text, f->text_n };
    }
    return (Str){ f->text + f->tensor_at - 1, f->text_n - f->tensor_at + 1 };      /* a single input needs no name */
}
