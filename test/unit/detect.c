/* detect.c - the index against brute force, rows of every format, and the detector's file. */
#include "../test.h"
#include "base/rng.h"
#include "gate/detect.h"
#include "gate/rowtap.h"
#include "num/recent.h"

/* ---- the index */

static void random_vector(Rng *r, int8_t *v)
{
    for (int i = 0; i < RECENT_DIM; i++)
        v[i] = (int8_t)(rng_below(r, 121) - 60);
}

static void near_vector(Rng *r, const int8_t *from, int8_t *v)
{
    for (int i = 0; i < RECENT_DIM; i++)
        v[i] = (int8_t)(from[i] + (int)rng_below(r, 7) - 3);
}

TEST(recent, finds_what_is_near_and_forgets_the_oldest)
{
    enum { N = 4096, CAPACITY = 1024 };
    Rng     r = rng_of(4);
    Recent *index = recent_init(calloc(1, recent_size(CAPACITY)), CAPACITY);
    int8_t *all = malloc(N * RECENT_DIM);
    size_t  found = 0, asked = 0;
    for (size_t i = 0; i < N; i++) {
        int8_t  *v = all + i * RECENT_DIM;
        uint16_t band[RECENT_BANDS];
        size_t   parent = i > 0 ? (i < CAPACITY ? rng_below(&r, i) : i - 1 - rng_below(&r, CAPACITY - 1)) : 0;
        bool     close = i > 0 && i % 2;
        close ? near_vector(&r, all + parent * RECENT_DIM, v) : random_vector(&r, v);
        recent_bands(v, band);
        RecentNear near = recent_nearest(index, v, band, i + 1);
        asked += close;
        found += close && near.place != RECENT_NONE && near.distance2 <= recent_distance2(v, all + parent * RECENT_DIM);
        if (near.place != RECENT_NONE)
            CHECK(near.distance2 == recent_distance2(v, index->entry[near.place].v) && index->entry[near.place].seq + CAPACITY > i);
        recent_add(index, v, band, i + 1, RECENT_NONE, 0);
    }
    CHECK(found * 100 >= asked * 99);
    free(index), free(all);
}

TEST(recent, steps_over_retries_and_survives_a_hostile_block)
{
    Rng      r = rng_of(6);
    Recent  *index = recent_init(calloc(1, recent_size(64)), 64);
    int8_t   v[RECENT_DIM];
    uint16_t band[RECENT_BANDS];
    random_vector(&r, v), recent_bands(v, band);
    recent_add(index, v, band, 7, RECENT_NONE, 0);
    RecentNear same = recent_nearest(index, v, band, 7), other = recent_nearest(index, v, band, 8);
    CHECK(same.same && same.place == RECENT_NONE && !other.same && other.place == 0 && other.distance2 == 0);
    for (int round = 0; round < 50; round++) {
        uint8_t *p = (uint8_t *)index->entry;
        for (size_t i = 0; i < 64 * sizeof(RecentEntry); i++)
            p[i] = (uint8_t)rng_u64(&r);
        for (size_t i = 0; i < sizeof index->head / sizeof(uint32_t); i++)
            (&index->head[0][0])[i] = (uint32_t)rng_u64(&r) % 80;
        recent_nearest(index, v, band, 7);
        recent_add(index, v, band, 7, RECENT_NONE, 0);
    }
    free(index);
}

/* ---- rows */

typedef struct Heard {
    float  v[64];
    size_t n;
} Heard;

static void hear_row(void *ctx, const float *row)
{
    Heard *h = ctx;
    memcpy(h->v + h->n, row, 2 * sizeof *row);
    h->n += 2;
}

static bool pass(void *ctx, const JsonEvent *ev)
{
    rowtap_event(ctx, ev);
    return true;
}

TEST(rowtap, shows_every_row_of_each_format_however_it_is_cut)
{
    static const struct { FeaturesFormat format; const char *body; size_t rows, unseen; float last; } cases[] = {
        { FEATURES_ROWS, "{\"x\":[[9,9]],\"instances\":[[1,2],[3,4],[5,6]],\"y\":[[7,7]]}", 3, 0, 6 },
        { FEATURES_ROWS, "{\"instances\":[{\"a\":1,\"b\":2},{\"a\":3,\"b\":4}]}", 2, 0, 4 },
        { FEATURES_ROWS, "{\"instances\":[[1,2],[3],[4,5,6],7]}", 1, 3, 2 },
        { FEATURES_ROWS, "{\"instances\":[[[1],[2]]]}", 1, 0, 2 },
        { FEATURES_JSON, "[1,2]", 1, 0, 2 },
        { FEATURES_JSON, "[[1,2],[3,4]]", 2, 0, 4 },
        { FEATURES_JSON, "{\"a\":1,\"b\":{\"c\":8}}", 1, 0, 8 },
        { FEATURES_JSON, "[1,2,3]", 0, 1, 0 },
        { FEATURES_V2, "{\"inputs\":[{\"name\":\"x\",\"data\":[1,2,3,4],\"shape\":[2,2]}]}", 2, 0, 4 },
        { FEATURES_V2, "{\"inputs\":[{\"shape\":[2,2],\"data\":[[1,2],[3,4]]}]}", 2, 0, 4 },
        { FEATURES_V2, "{\"inputs\":[{\"data\":[1,2,3]}]}", 1, 1, 2 },
        { FEATURES_V2, "{\"inputs\":[{\"data\":[1,2]},{\"data\":[3,4]}]}", 2, 1, 4 },
    };
    RowTap *t = malloc(rowtap_size(2));
    for (size_t i = 0; i < len_of(cases); i++)
        for (size_t cut = 0; cut <= strlen(cases[i].body); cut++) {
            JsonPush p;
            Heard    h = { .n = 0 };
            Err      e = { 0 };
            rowtap_begin(t, cases[i].format, 2, hear_row, &h);
            json_push_begin(&p, &(JsonPushConf){ .profile = JSON_STRICT, .fn = pass, .ctx = t });
            CHECK_ROW(json_push_feed(&p, (Str){ cases[i].body, cut }, &e) && json_push_feed(&p, str(cases[i].body + cut), &e) && json_push_end(&p, &e), cases[i].body);
            CHECK_ROW(t->rows == cases[i].rows && t->unseen == cases[i].unseen && h.n == 2 * cases[i].rows, cases[i].body);
            CHECK_ROW(h.n == 0 || h.v[h.n - 1] == cases[i].last, cases[i].body);
        }
    free(t);
}

/* ---- the file */

TEST(detector, comes_back_from_its_file_and_refuses_any_other)
{
    Arena       *a = arena_new(256 << 20);
    Rng          r = rng_of(9);
    float       *x = arena_get(a, 400 * 6, sizeof *x);
    DetectModel  m, back;
    Calibrated   how;
    Err          e = { 0 };
    Buf          file = { 0 }, again = { 0 };
    for (size_t i = 0; i < 400 * 6; i++)
        x[i] = (float)rng_unit(&r);
    CHECK_ROW(detect_calibrate(a, NULL, &(CalibrateAsk){ .seed = 3 }, x, 400, 6, &m, &how, &e), e.message);
    CHECK(how.rows == 400 && how.hits == 0 && how.needed > 400);
    detect_write(&m, &file);
    CHECK_ROW(detect_read(a, buf_view(&file), &back, &e), e.message);
    detect_write(&back, &again);
    CHECK(str_eq(buf_view(&file), buf_view(&again)));
    for (size_t n = 0; n < file.n; n += 1 + file.n / 97) {
        Err bad = { 0 };
        CHECK(!detect_read(a, (Str){ file.p, n }, &back, &bad) && bad.code != E_OK);
        file.p[n] ^= 16;
        CHECK(!detect_read(a, buf_view(&file), &back, &bad));
        file.p[n] ^= 16;
    }
    buf_free(&file), buf_free(&again);
    arena_free(a);
}
