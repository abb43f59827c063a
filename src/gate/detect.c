/* detect.c - scores a query and adds it to its trails; see detect.h. */
#include "gate/detect.h"
#include "base/rng.h"
#include <math.h>

enum { STATE_VERSION = 1, WAYS = 8, HITS_WANTED = 3, HITS_WINDOW = 20, CHAIN_HITS = 8 };
static const double near_attack = 0.2, near_height = 13.815510557964274;   /* hits among an attacker's queries; ln 10^6 */
static const double slack = 0.75, clip = 4;
static const double fade_s = 3600;                     /* a chain's hits count half after this time */

const char *detect_level_name(DetectLevel l)
{
    static const char *const names[] = { "quiet", "watch", "alarm" };
    return names[l];
}

const char *detect_family_name(DetectFamily f)
{
    static const char *const names[] = { "near", "far", "odd" };
    return names[f];
}

/* ---- the state */

size_t detect_state_size(void)
{
    return offsetof(DetectState, recent) + recent_size(DETECT_HISTORY);
}

DetectState *detect_state(void *memory)
{
    DetectState *s = memory;
    if (s->version != STATE_VERSION || s->recent.capacity != DETECT_HISTORY) {
        memset(s, 0, detect_state_size());
        recent_init(&s->recent, DETECT_HISTORY);
        s->version = STATE_VERSION;
    }
    return s;
}

/* The trail of that id, else the one of its set that was silent longest. */
static DetectTrail *trail_of(DetectTrail *table, size_t n, uint64_t id)
{
    static const uint64_t key[2] = { 0x7472, 0x61696c };
    size_t       set = siphash(key, (Str){ (char *)&id, sizeof id }) % (n / WAYS) * WAYS;
    DetectTrail *oldest = &table[set];
    for (size_t i = set; i < set + WAYS; i++) {
        if (table[i].id == id)
            return &table[i];
        if (table[i].seen_s < oldest->seen_s)
            oldest = &table[i];
    }
    *oldest = (DetectTrail){ .id = id };
    return oldest;
}

/* ---- scores */

double detect_far(const DetectModel *m, const int8_t *v)
{
    uint32_t best[3] = { UINT32_MAX, UINT32_MAX, UINT32_MAX };
    for (uint32_t i = 0; i < m->ref_count; i++) {
        uint32_t d = recent_distance2(v, &m->refs[(size_t)i * RECENT_DIM]);
        if (d >= best[2])
            continue;
        size_t at = d < best[0] ? 0 : d < best[1] ? 1 : 2;
        memmove(&best[at + 1], &best[at], (2 - at) * sizeof *best);
        best[at] = d;
    }
    return (sqrt(best[0]) + sqrt(best[1]) + sqrt(best[2])) / 3;
}

static float add_z(float sum, const DetectBand *b, double score)
{
    double z = b->sd > 0 ? (score - b->mean) / b->sd : 0;
    double s = sum + (z > clip ? clip : z < -clip ? -clip : z) - slack;
    return (float)(s > 0 ? s : 0);
}

/* Bernoulli CUSUM of the hits, from the benign rate to an attacker's. */
static float add_hit(float sum, double benign, bool hit)
{
    double p0 = benign > 1e-4 ? benign : 1e-4;
    double s = sum + (hit ? log(near_attack / p0) : log((1 - near_attack) / (1 - p0)));
    return (float)(s > 0 ? s < 10 * near_height ? s : 10 * near_height : 0);
}

static unsigned bits_of(uint32_t v) { return (unsigned)__builtin_popcount(v); }

/* ---- trails */

static DetectLevel level_of(double sum, double height)
{
    return sum > height ? DETECT_ALARM : sum > height / 2 ? DETECT_WATCH : DETECT_QUIET;
}

static DetectLevel worse(DetectLevel a, DetectLevel b) { return a > b ? a : b; }

/* Adds the query and says how the trail stands; an alarm lasts a while after its last cause. */
static DetectLevel add(const DetectModel *m, DetectTrail *t, const DetectSeen *q, int64_t now_s, unsigned *families)
{
    DetectLevel level = DETECT_QUIET, each[DETECT_FAMILIES];
    t->seen_s = now_s, t->queries++;
    if (!q->retry) {
        t->recent = t->recent << 1 | q->hit;
        t->sum[DETECT_NEAR] = add_hit(t->sum[DETECT_NEAR], m->near_rate, q->hit);
        t->sum[DETECT_FAR] = add_z(t->sum[DETECT_FAR], &m->far, q->far);
        t->sum[DETECT_ODD] = add_z(t->sum[DETECT_ODD], &m->odd, q->odd);
    }
    bool enough = bits_of(t->recent & ((1u << HITS_WINDOW) - 1)) >= HITS_WANTED;
    each[DETECT_NEAR] = enough ? level_of(t->sum[DETECT_NEAR], near_height) : t->sum[DETECT_NEAR] > near_height / 2 ? DETECT_WATCH : DETECT_QUIET;
    each[DETECT_FAR] = level_of(t->sum[DETECT_FAR], m->far.height);
    each[DETECT_ODD] = level_of(t->sum[DETECT_ODD], m->odd.height);
    for (unsigned f = 0; f < DETECT_FAMILIES; f++) {
        *families |= each[f] != DETECT_QUIET ? 1u << f : 0;
        t->alarms |= each[f] == DETECT_ALARM ? 1u << f : 0;
        level = worse(level, each[f]);
    }
    if (level == DETECT_ALARM)
        t->alarm_s = now_s;
    if (t->alarms != 0 && now_s - t->alarm_s < DETECT_HOLD_S)
        *families |= t->alarms, level = DETECT_ALARM;
    return level;
}

/* A chain grows by hits alone; old ones fade, so that a picture everybody sends over weeks is no campaign. */
static DetectLevel add_chain(DetectState *s, const DetectSeen *q, int64_t now_s, unsigned *families)
{
    if (!q->hit)
        return DETECT_QUIET;
    DetectTrail *t = trail_of(s->chain, DETECT_CHAINS, (uint64_t)q->chain + 1);
    double       kept = t->queries ? exp2(-(double)(now_s - t->seen_s) / fade_s) : 0;
    t->sum[DETECT_NEAR] = (float)(t->sum[DETECT_NEAR] * (kept <= 1 ? kept : 1) + 1);
    t->seen_s = now_s, t->queries++;
    DetectLevel level = level_of(t->sum[DETECT_NEAR], CHAIN_HITS - 0.5);
    *families |= level != DETECT_QUIET ? 1u << DETECT_NEAR : 0;
    return level;
}

/* ---- one query */

static uint64_t hash_of(const float *row, uint32_t n)
{
    static const uint64_t key[2] = { 0x7361, 0x6d65 };
    uint64_t h = siphash(key, (Str){ (const char *)row, n * sizeof *row });
    return h ? h : 1;
}

void detect_row(const DetectModel *m, const float *row, DetectRow *out)
{
    int8_t far[RECENT_DIM];
    float  scratch[DETECT_FEATURES_MAX];
    detect_vectors(&m->map, row, scratch, out->near, far);
    recent_bands(out->near, out->band);
    out->same = hash_of(row, m->map.features);
    out->far = detect_far(m, far), out->odd = forest_score(&m->forest, row);
}

static void look_back(const DetectModel *m, DetectState *s, const DetectRow *row, uint64_t client, DetectSeen *q)
{
    RecentNear near = recent_nearest(&s->recent, row->near, row->band, row->same);
    q->retry = near.same;
    q->near = near.place != RECENT_NONE ? sqrt(near.distance2) : -1;
    q->hit = !q->retry && near.place != RECENT_NONE && near.distance2 < m->near2;
    uint32_t root = q->hit ? s->recent.entry[near.place].root : RECENT_NONE;
    q->chain = q->hit ? root % s->recent.capacity : RECENT_NONE;
    if (!q->retry)
        recent_add(&s->recent, row->near, row->band, row->same, root, (uint32_t)client);
}

DetectSeen detect_query(const DetectModel *m, DetectState *s, const DetectRow *row, uint64_t client, int64_t now_s)
{
    DetectSeen q = { .chain = RECENT_NONE, .far = row->far, .odd = row->odd };
    unsigned   ignored = 0;
    look_back(m, s, row, client, &q);
    q.client = add(m, trail_of(s->client, DETECT_CLIENTS, client ? client : 1), &q, now_s, &q.families);
    q.level = worse(q.client, add_chain(s, &q, now_s, &q.families));
    q.together = add(m, &s->everybody, &q, now_s, &ignored);
    return q;
}
