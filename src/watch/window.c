/* window.c - see window.h. */
#include "watch/window.h"
#include "spool/spool.h"
#include "watch/reference.h"
#include <math.h>

Window *window_new(Arena *a, const Monitor *m, int64_t start)
{
    Window *w = arena_get(a, 1, sizeof *w);
    if (w == NULL)
        return NULL;
    w->start = start;
    w->bins = arena_get(a, m->bins + 1, sizeof *w->bins);
    w->missing = arena_get(a, m->feature_count + 1, sizeof *w->missing);
    w->classes = arena_get(a, m->classes + 1, sizeof *w->classes);
    return w->bins && w->missing && w->classes ? w : NULL;
}

/* ---- rows */

typedef struct Walker {
    const Monitor *m;
    Window        *w;
    size_t         position;
} Walker;

static void count_value(Walker *k, const FeatureRef *f, const Json *v)
{
    size_t bin = feature_bin(f, v);
    if (bin < f->bins)
        k->w->bins[f->at + bin]++;
    else
        k->w->missing[f - k->m->features]++;
}

/* An array counts positions however it is nested. */
static void count_positions(Walker *k, const Json *v)
{
    if (v->type == JSON_ARRAY || v->type == JSON_OBJECT) {
        for (const Json *c = v->first; c != NULL; c = c->next)
            count_positions(k, c);
        return;
    }
    size_t at = k->position++, feature = at < k->m->positions ? k->m->by_position[at] : 0;
    if (feature > 0)
        count_value(k, &k->m->features[feature - 1], v);
}

/* The value of a member: itself, or the one value of an array, as tensors of one row have them. */
static const Json *only_value(const Json *v)
{
    while (v != NULL && v->type == JSON_ARRAY)
        v = v->count == 1 ? v->first : NULL;
    return v != NULL && v->type != JSON_OBJECT ? v : NULL;
}

static void count_members(Walker *k, const Json *row)
{
    for (size_t i = 0; i < k->m->feature_count; i++) {
        const FeatureRef *f = &k->m->features[i];
        const Json       *v = row_at(row, f->name, SIZE_MAX);
        if (v != NULL)
            count_value(k, f, v);
        else
            k->w->missing[i]++;
    }
}

const Json *row_at(const Json *row, Str name, size_t position)
{
    if (row->type == JSON_OBJECT) {
        for (const Json *c = row->first; c != NULL; c = c->next)
            if (str_eq(c->key, name))
                return only_value(c);
        return NULL;
    }
    return position == SIZE_MAX ? NULL : only_value(json_at(row, position));
}

/* ---- predictions */

Prediction prediction_of(Arena *a, const Event *ev)
{
    Str         text = ev->computed.n > 0 ? ev->computed : ev->prediction;
    const Json *v = text.n > 0 ? json_parse(a, text, JSON_GRAMMAR, NULL) : NULL;
    double      label = json_num(json_get(v, "label"), NAN), score = json_num(json_get(v, "score"), json_num(json_get(v, "value"), NAN));
    return (Prediction){ isfinite(score), label, score };
}

static void count_class(const Monitor *m, Window *w, const Event *ev)
{
    defer_arena Arena *a = arena_new(1 << 20);
    if (a == NULL || m->classes == 0)
        return;
    Prediction p = prediction_of(a, ev);
    double     class = isnan(p.label) ? p.score : p.label;
    if (p.there)
        w->classes[class >= 0 && class < (double)m->classes ? (size_t)class : m->classes]++;
}

void window_add(const Monitor *m, Window *w, const Event *ev, const Json *row)
{
    bool passed = str_is(ev->verdict, "pass");
    w->n++;
    w->refused += str_is(ev->verdict, "refuse");
    w->failed += str_is(ev->verdict, "fail");
    if (!passed)
        return;
    log_hist_add(&w->latency, ev->total_us);
    if (m->metric->from == FROM_CLASSES)
        count_class(m, w, ev);
    if (m->metric->from != FROM_FEATURES)
        return;
    Walker k = { m, w, 0 };
    w->rows += row != NULL, w->no_row += row == NULL;
    if (row != NULL && row->type == JSON_OBJECT)
        count_members(&k, row);
    else if (row != NULL)
        count_positions(&k, row);
}

/* ---- bytes */

static void put_counts(Buf *b, const uint64_t *v, size_t n)
{
    buf_varint(b, n);
    for (size_t i = 0; i < n; i++)
        buf_varint(b, v[i]);
}

bool window_put(const Monitor *m, const Window *w, Buf *out)
{
    defer_buf Buf b = { 0 };
    buf_put(&b, m->reference.b, sizeof m->reference.b);
    buf_u64(&b, (uint64_t)w->start);
    put_counts(&b, (const uint64_t[]){ w->n, w->refused, w->failed, w->rows, w->no_row }, 5);
    put_counts(&b, w->bins, m->bins), put_counts(&b, w->missing, m->feature_count), put_counts(&b, w->classes, m->classes + 1);
    put_counts(&b, w->latency.count, LOG_HIST);
    buf_u32(out, WINDOW_MAGIC), buf_u16(out, WINDOW_VERSION), buf_u16(out, WINDOW_KIND);
    buf_u32(out, (uint32_t)b.n), buf_u32(out, crc32c(0, buf_view(&b)));
    buf_str(out, buf_view(&b));
    return !b.bad && !out->bad;
}

static uint64_t get_varint(Cur *c)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint64_t byte = cur_u8(c);
        c->bad |= shift == 63 && byte > 1;
        v |= (byte & 0x7f) << shift;
        if (!(byte & 0x80) || c->bad)
            return v;
    }
    c->bad = true;
    return 0;
}

/* Sums stay far below overflow: no window counts 2^48 of anything. */
static uint64_t get_counts(Cur *c, uint64_t *v, size_t n)
{
    uint64_t sum = 0;
    c->bad |= get_varint(c) != n;
    for (size_t i = 0; i < n && !c->bad; i++) {
        v[i] = get_varint(c);
        c->bad |= v[i] > (uint64_t)1 << 48;
        sum += c->bad ? 0 : v[i];
        c->bad |= sum > (uint64_t)1 << 48;
    }
    return sum;
}

static bool sums_fit(const Monitor *m, const Window *w)
{
    if (w->refused + w->failed > w->n || w->rows + w->no_row > w->n || w->latency.n > w->n)
        return false;
    for (size_t i = 0; i < m->feature_count; i++) {
        const FeatureRef *f = &m->features[i];
        uint64_t          sum = w->missing[i];
        for (size_t k = 0; k < f->bins; k++)
            sum += w->bins[f->at + k];
        if (sum > w->rows)
            return false;
    }
    return true;
}

static bool get_body(const Monitor *m, Cur *c, Window *out, Err *e)
{
    uint64_t head[5];
    Str      digest = cur_bytes(c, sizeof m->reference.b);
    if (!c->bad && memcmp(digest.p, m->reference.b, sizeof m->reference.b) != 0)
        return err_set(e, E_DENIED, "window: was counted against another reference");
    out->start = (int64_t)cur_u64(c);
    get_counts(c, head, 5);
    out->n = head[0], out->refused = head[1], out->failed = head[2], out->rows = head[3], out->no_row = head[4];
    get_counts(c, out->bins, m->bins), get_counts(c, out->missing, m->feature_count);
    uint64_t classes = get_counts(c, out->classes, m->classes + 1);
    out->latency.n = get_counts(c, out->latency.count, LOG_HIST);
    if (c->bad || cur_left(c) > 0)
        return err_at(e, c->at, "window: is not of this monitor's form");
    return (classes <= out->n && sums_fit(m, out)) || err_set(e, E_FORMAT, "window: its counts do not add up");
}

bool window_get(const Monitor *m, Str bytes, Window *out, Err *e)
{
    Cur      c = cur_of(bytes);
    uint32_t magic = cur_u32(&c);
    uint16_t version = cur_u16(&c), kind = cur_u16(&c);
    uint32_t n = cur_u32(&c), crc = cur_u32(&c);
    if (c.bad || magic != WINDOW_MAGIC || version != WINDOW_VERSION || kind != WINDOW_KIND)
        return err_set(e, E_FORMAT, "window: not one of this version");
    if (cur_left(&c) != n || crc32c(0, str_from(bytes, c.at)) != crc)
        return err_set(e, E_FORMAT, "window: is cut short or damaged");
    return get_body(m, &c, out, e);
}
