/* detect_map.c - rows as vectors of 64 bytes in which likeness is distance. */
#include "gate/detect.h"
#include "base/rng.h"
#include <math.h>

/* Where a value stands among the benign ones, 0..1. */
static float rank_of(const float *q, float x)
{
    size_t i = 0;
    if (isnan(x))
        return 0.5f;
    while (i < DETECT_QUANTILES && q[i] < x)
        i++;
    if (i == 0 || i == DETECT_QUANTILES)
        return i == 0 ? 0.0f : 1.0f;
    float step = q[i] - q[i - 1];
    return ((float)(i - 1) + (step > 0 ? (x - q[i - 1]) / step : 0.0f)) / (DETECT_QUANTILES - 1);
}

void detect_unit(const DetectMap *m, const float *row, float *unit)
{
    for (uint32_t f = 0; f < m->features; f++) {
        float u = m->kind == DETECT_TABLE ? rank_of(&m->quantile[(size_t)f * DETECT_QUANTILES], row[f]) : (row[f] - m->low) / m->range;
        unit[f] = u >= -4 && u <= 4 ? u : isnan(u) ? 0.5f : u < 0 ? -4.0f : 4.0f;
    }
}

/* ---- images: dark pixels away, centred, 14 x 14, length one */

static float pixel(const DetectMap *m, const float *unit, uint32_t at)
{
    uint32_t channels = m->features / (m->width * m->height);
    float    sum = 0;
    for (uint32_t c = 0; c < channels; c++)
        sum += unit[at * channels + c];
    return sum / (float)channels;
}

/* The value below which 60 of 100 pixels lie, to one part in 256 of the unit range. */
static float dark(const DetectMap *m, const float *unit)
{
    uint32_t count[257] = { 0 }, n = m->width * m->height, sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        float p = pixel(m, unit, i);
        count[p <= 0 ? 0 : p >= 1 ? 256 : (uint32_t)(p * 256)]++;
    }
    uint32_t bin = 0;
    while (bin < 256 && (sum += count[bin]) * 10 < n * 6)
        bin++;
    return (float)bin / 256;
}

static float bright(const DetectMap *m, const float *unit, uint32_t i, float floor)
{
    float p = pixel(m, unit, i);
    return p > floor ? p : 0.0f;
}

void detect_grid(const DetectMap *m, const float *unit, float *cells)
{
    float  floor = dark(m, unit);
    double mass = 0, my = 0, mx = 0, square = 0;
    for (uint32_t i = 0; i < m->width * m->height; i++) {
        double p = bright(m, unit, i, floor);
        mass += p, my += p * (i / m->width), mx += p * (i % m->width);
    }
    uint32_t down = mass > 0 ? m->height + m->height / 2 - (uint32_t)lround(my / mass) : 0;
    uint32_t right = mass > 0 ? m->width + m->width / 2 - (uint32_t)lround(mx / mass) : 0;
    memset(cells, 0, DETECT_CELLS * sizeof *cells);
    for (uint32_t i = 0; i < m->width * m->height; i++) {
        uint32_t y = (i / m->width + down) % m->height, x = (i % m->width + right) % m->width;
        cells[y * DETECT_GRID / m->height * DETECT_GRID + x * DETECT_GRID / m->width] += bright(m, unit, i, floor);
    }
    for (size_t i = 0; i < DETECT_CELLS; i++)
        square += (double)cells[i] * cells[i];
    for (size_t i = 0; i < DETECT_CELLS && square > 0; i++)
        cells[i] = (float)(cells[i] / sqrt(square));
}

/* ---- to 64 dimensions: random signs keep distances (Achlioptas 2003) */

bool detect_planes(Arena *a, DetectMap *m)
{
    uint64_t state = 0x6d6f61742d6d6170;               /* the same everywhere, so they are not in the file */
    size_t   n = m->features > DETECT_CELLS ? m->features : DETECT_CELLS;
    m->plane = arena_get(a, n * RECENT_DIM, sizeof *m->plane);
    for (size_t f = 0; m->plane != NULL && f < n; f++) {
        uint64_t signs = splitmix64(&state);
        for (int i = 0; i < RECENT_DIM; i++)
            m->plane[f * RECENT_DIM + i] = signs >> i & 1 ? 1.0f : -1.0f;
    }
    return m->plane != NULL;
}

void detect_project(const DetectMap *m, const float *unit, uint32_t n, float out[static RECENT_DIM])
{
    const float *plane = m->plane;
    float        sum[RECENT_DIM] = { 0 };              /* of its own, so that the compiler may take several at once */
    for (uint32_t f = 0; f < n; f++, plane += RECENT_DIM) {
        float u = unit[f];
        for (int i = 0; i < RECENT_DIM; i++)
            sum[i] += plane[i] * u;
    }
    memcpy(out, sum, sizeof sum);
}

void detect_bytes(const float *v, float gain, int8_t out[static RECENT_DIM])
{
    for (int i = 0; i < RECENT_DIM; i++) {
        float x = v[i] * gain;
        out[i] = (int8_t)(x > 127 ? 127 : x < -127 ? -127 : (int)lrintf(x));
    }
}

void detect_vectors(const DetectMap *m, const float *row, float *scratch, int8_t *near, int8_t *far)
{
    float v[RECENT_DIM], cells[DETECT_CELLS];
    detect_unit(m, row, scratch);
    detect_project(m, scratch, m->features, v);
    detect_bytes(v, m->gain_far, far);
    if (m->kind == DETECT_TABLE) {
        memcpy(near, far, RECENT_DIM);
        return;
    }
    detect_grid(m, scratch, cells);
    detect_project(m, cells, DETECT_CELLS, v);
    detect_bytes(v, m->gain_near, near);
}
