/* detect_file.c - the calibrated detector as bytes; the layout is in detect.h. */
#include "gate/detect.h"
#include <math.h>
#include <zlib.h>

#define MAGIC "moatdtct"
enum { VERSION = 1 };

static void put_f32(Buf *b, float v)
{
    uint32_t u;
    memcpy(&u, &v, sizeof u);
    buf_u32(b, u);
}

static void put_f64(Buf *b, double v)
{
    uint64_t u;
    memcpy(&u, &v, sizeof u);
    buf_u64(b, u);
}

static void put_band(Buf *b, const DetectBand *v)
{
    put_f64(b, v->mean), put_f64(b, v->sd), put_f64(b, v->height);
}

void detect_write(const DetectModel *m, Buf *out)
{
    defer_buf Buf forest = { 0 };
    size_t        start = out->n, cells = m->map.kind == DETECT_TABLE ? (size_t)m->map.features * DETECT_QUANTILES : 0;
    buf_put(out, MAGIC, sizeof MAGIC - 1);
    buf_u32(out, VERSION), buf_u32(out, m->map.kind), buf_u32(out, m->map.features), buf_u32(out, m->map.width), buf_u32(out, m->map.height);
    put_f32(out, m->map.low), put_f32(out, m->map.range), put_f32(out, m->map.gain_near), put_f32(out, m->map.gain_far);
    buf_put(out, m->model.b, sizeof m->model.b);
    buf_u64(out, m->rows), buf_u32(out, m->near2), put_f64(out, m->near_rate);
    put_band(out, &m->far), put_band(out, &m->odd);
    buf_u32(out, m->ref_count);
    for (size_t i = 0; i < cells; i++)
        put_f32(out, m->map.quantile[i]);
    buf_put(out, m->refs, (size_t)m->ref_count * RECENT_DIM);
    forest_write(&m->forest, &forest);
    out->bad |= forest.bad;
    buf_u32(out, (uint32_t)forest.n), buf_str(out, buf_view(&forest));
    if (!out->bad)
        buf_u32(out, (uint32_t)crc32(0, (const Bytef *)out->p + start, (uInt)(out->n - start)));
}

/* ---- reading */

static float get_f32(Cur *c)
{
    uint32_t u = cur_u32(c);
    float    v;
    memcpy(&v, &u, sizeof v);
    return v;
}

static double get_f64(Cur *c)
{
    uint64_t u = cur_u64(c);
    double   v;
    memcpy(&v, &u, sizeof v);
    return v;
}

static bool band_get(Cur *c, DetectBand *out)
{
    out->mean = get_f64(c), out->sd = get_f64(c), out->height = get_f64(c);
    return isfinite(out->mean) && isfinite(out->sd) && out->sd >= 0 && isfinite(out->height) && out->height > 0;
}

static bool map_get(Cur *c, DetectMap *m)
{
    m->kind = cur_u32(c), m->features = cur_u32(c), m->width = cur_u32(c), m->height = cur_u32(c);
    m->low = get_f32(c), m->range = get_f32(c), m->gain_near = get_f32(c), m->gain_far = get_f32(c);
    if (m->features == 0 || m->features > DETECT_FEATURES_MAX || !isfinite(m->gain_near) || !isfinite(m->gain_far))
        return false;
    if (m->kind == DETECT_TABLE)
        return true;
    uint64_t pixels = (uint64_t)m->width * m->height;
    return m->kind == DETECT_IMAGE && pixels > 0 && pixels <= m->features && m->features % pixels == 0 && isfinite(m->low) && isfinite(m->range) && m->range > 0;
}

static bool parts_get(Arena *a, Cur *c, DetectModel *m, Err *e)
{
    size_t cells = m->map.kind == DETECT_TABLE ? (size_t)m->map.features * DETECT_QUANTILES : 0;
    if (m->ref_count < 3 || m->ref_count > DETECT_REFS_MAX || cur_left(c) / sizeof(float) < cells)
        return false;
    m->map.quantile = arena_get(a, cells + 1, sizeof *m->map.quantile);
    if (m->map.quantile == NULL || !detect_planes(a, &m->map))
        return err_nomem(e);
    for (size_t i = 0; i < cells; i++)
        m->map.quantile[i] = get_f32(c);
    Str refs = cur_bytes(c, (uint64_t)m->ref_count * RECENT_DIM);
    Str forest = cur_bytes(c, cur_u32(c));
    if (c->bad || cur_left(c) != 0)
        return false;
    m->refs = (int8_t *)arena_str(a, refs).p;
    return m->refs != NULL ? forest_read(a, forest, &m->forest, e) && m->forest.features == m->map.features : err_nomem(e);
}

bool detect_read(Arena *a, Str file, DetectModel *out, Err *e)
{
    Cur c = cur_of(file);
    *out = (DetectModel){ 0 };
    if (!str_starts(file, S(MAGIC)) || file.n < sizeof MAGIC + 8)
        return err_at(e, 0, "not a detector of moat gate calibrate");
    Cur tail = cur_of(str_from(file, file.n - 4));
    if (cur_u32(&tail) != (uint32_t)crc32(0, (const Bytef *)file.p, (uInt)(file.n - 4)))
        return err_at(e, file.n - 4, "detector: its checksum is wrong: cut off or changed");
    c.n -= 4;
    cur_skip(&c, sizeof MAGIC - 1);
    if (cur_u32(&c) != VERSION)
        return err_at(e, sizeof MAGIC - 1, "detector of another version: calibrate again");
    bool map = map_get(&c, &out->map);
    Str  digest = cur_bytes(&c, sizeof out->model.b);
    if (digest.n == sizeof out->model.b)
        memcpy(out->model.b, digest.p, digest.n);
    out->rows = cur_u64(&c), out->near2 = cur_u32(&c), out->near_rate = get_f64(&c);
    bool bands = band_get(&c, &out->far);
    bands = band_get(&c, &out->odd) && bands && out->near_rate >= 0 && out->near_rate < 0.2;
    out->ref_count = cur_u32(&c);
    if (map && bands && !c.bad && parts_get(a, &c, out, e))
        return true;
    return e != NULL && e->code != E_OK ? false : err_at(e, c.at, "detector: not what moat gate calibrate writes");
}
