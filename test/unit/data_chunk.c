#include "../test.h"
#include "base/file.h"
#include "base/rng.h"
#include "crypto/digest.h"
#include "data/chunk.h"
#include "format/json.h"

static void cuts_are(Str s, const Json *want)
{
    Gear g = gear_public();
    for (const Json *v = want->first; v != NULL; v = v->next) {
        uint64_t n;
        CHECK(json_u64(v, &n) && chunk_cut(&g, s) == n);
        s = str_from(s, n);
    }
    CHECK(s.n == 0);
}

TEST(data_chunk, cuts_where_the_vectors_do)
{
    const char        *path = test_vectors("data/fastcdc.json");
    defer_arena Arena *a = arena_new(16 << 20);
    Str                text;
    uint64_t           seed = 7;
    if (path == NULL)
        return;
    CHECK(file_read(a, path, 1 << 20, &text, NULL));
    const Json *v = json_parse(a, text, JSON_STRICT, NULL);
    uint64_t   *data = arena_get(a, 1 << 18, sizeof *data);
    for (size_t i = 0; i < 1 << 18; i++)
        data[i] = splitmix64(&seed);
    Digest got = sha256((Str){ (char *)data, 2 << 20 }), want;
    CHECK(digest_parse(json_text(json_get(v, "data_sha256"), S("")), &want) && digest_eq(&got, &want));
    cuts_are((Str){ (char *)data, 2 << 20 }, json_get(v, "cuts"));
    cuts_are((Str){ arena_get(a, 300000, 1), 300000 }, json_get(v, "zeros_300000"));
}

/* The format promises the lengths; an insertion moves no cut but the nearest. */
TEST(data_chunk, an_insertion_moves_no_cut_far_away)
{
    enum { N = 4 << 20, AT = 1 << 20 };
    defer_arena Arena *a = arena_new(16 << 20);
    uint8_t           *x = arena_get(a, N, 1), *y = arena_get(a, N + 1, 1), *cut = arena_get(a, N + 2, 1);
    Rng                r = rng_of(3);
    Gear               g = gear_public();
    size_t             same = 0, all = 0;
    for (size_t i = 0; i < N; i++)
        x[i] = (uint8_t)rng_u64(&r);
    memcpy(y, x, AT), y[AT] = 7, memcpy(y + AT + 1, x + AT, N - AT);
    for (size_t at = 0, n; at < N; at += n)
        n = chunk_cut(&g, (Str){ (char *)x + at, N - at }), cut[at + n] = 1;
    for (size_t at = 0, n; at < N + 1; at += n, all++) {
        n = chunk_cut(&g, (Str){ (char *)y + at, N + 1 - at });
        CHECK(n <= CHUNK_MAX && (n > CHUNK_MIN || at + n == N + 1));
        same += cut[at + n - (at + n > AT)];
    }
    CHECK(all > 20 && same >= all - 3);
}
