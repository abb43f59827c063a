#include "../test.h"
#include "base/file.h"
#include "base/rng.h"
#include "data/store.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Compressible when `plain`, noise otherwise. */
static Str bytes_of(Arena *a, Rng *r, size_t n, bool plain)
{
    char *p = arena_get(a, n + 1, 1);
    for (size_t i = 0; i < n; i++)
        p[i] = plain ? (char)('a' + rng_below(r, 3)) : (char)rng_u64(r);
    return (Str){ p, n };
}

static Digest put(Store *s, Str raw)
{
    defer_buf Buf stored = { 0 };
    Digest        id = sha256(raw);
    CodecKind     codec = codec_pack(store_codec(s), raw, &stored);
    CHECK(store_put(s, PACK_CHUNK, &id, raw, codec, buf_view(&stored), NULL));
    return id;
}

static bool reads_as(const Store *s, const Digest *id, Str want)
{
    defer_buf Buf raw = { 0 };
    Err           e = { 0 };
    return store_read(s, id, PACK_CHUNK, &raw, &e) && str_eq(buf_view(&raw), want);
}

static Store *reopen(Store *s, const char *dir)
{
    store_close(s);
    s = store_open(dir, NULL);
    CHECK(s != NULL);
    return s;
}

TEST(data_pack, what_is_put_is_read_back_and_compressed_where_it_pays)
{
    enum { N = 200 };
    defer_arena Arena *a = arena_new(64 << 20);
    const char        *dir = test_dir();
    Store             *s = store_open(dir, NULL);
    Rng                r = rng_of(1);
    Str                raw[N];
    Digest             id[N];
    for (size_t i = 0; i < N; i++) {
        raw[i] = bytes_of(a, &r, i < 3 ? i : (size_t)rng_below(&r, 100000), i % 2);
        id[i] = put(s, raw[i]);
        CHECK(store_has(s, &id[i]));
    }
    CHECK(store_flush(s, NULL));
    s = reopen(s, dir);
    CHECK(store_packs(s) == 1 && store_damaged(s) == 0 && pack_check(store_pack(s, 0), NULL));
    uint64_t plain = 0, noise = 0;
    for (size_t i = 0; i < N; i++) {
        CHECK(reads_as(s, &id[i], raw[i]));
        *(i % 2 ? &plain : &noise) += raw[i].n;
    }
    CHECK(store_pack(s, 0)->size > noise && store_pack(s, 0)->size < noise + plain / 2);
    Digest absent = sha256(S("absent"));
    Err    e = { 0 };
    CHECK(!store_has(s, &absent) && !store_read(s, &absent, PACK_CHUNK, &(Buf){ 0 }, &e) && e.code == E_FORMAT);
    store_close(s);
}

TEST(data_pack, an_empty_store_is_a_folder_that_is_not_there_yet)
{
    defer_arena Arena *a = arena_new(1 << 20);
    Digest             id = sha256(S("x"));
    Store             *s = store_open(arena_printf(a, "%s/none", test_dir()), NULL);
    CHECK(s != NULL && store_packs(s) == 0 && !store_has(s, &id) && store_flush(s, NULL));
    store_close(s);
}

/* A small pack of three entries, and its bytes. */
typedef struct Small {
    const char *dir, *path;
    Str         file, raw[3];
    Digest      id[3];
} Small;

static Small small_pack(Arena *a)
{
    Small  v = { .dir = test_dir() };
    Store *s = store_open(v.dir, NULL);
    Rng    r = rng_of(2);
    for (size_t i = 0; i < 3; i++)
        v.raw[i] = bytes_of(a, &r, 20 + 30 * i, i == 1), v.id[i] = put(s, v.raw[i]);
    CHECK(store_flush(s, NULL));
    s = reopen(s, v.dir);
    v.path = arena_printf(a, "%s", store_pack(s, 0)->path);
    store_close(s);
    CHECK(file_read(a, v.path, 1 << 20, &v.file, NULL));
    return v;
}

/* Whether anything is wrong with the folder's one pack, by all the means verify has. */
static bool noticed(Arena *a, const char *path)
{
    Pack   p;
    Err    e = { 0 };
    return !pack_open(a, path, &p, &e) || !pack_check(&p, &e) ? (CHECK(e.message[0]), true) : false;
}

TEST(data_pack, every_flipped_bit_is_noticed_and_no_wrong_byte_is_given_out)
{
    defer_arena Arena *a = arena_new(256 << 20);
    Small              v = small_pack(a);
    chmod(v.path, 0600);
    CHECK(!noticed(a, v.path));
    for (size_t at = 0; at < v.file.n; at++) {
        char    *copy = (char *)(uintptr_t)v.file.p, was = copy[at];
        unsigned bit = (unsigned)at % 8;
        copy[at] ^= (char)(1 << bit);
        CHECK(file_replace(v.path, v.file, 0600, NULL) && noticed(a, v.path));
        Store *s = store_open(v.dir, NULL);
        for (size_t i = 0; i < 3; i++) {
            defer_buf Buf raw = { 0 };
            Err           e = { 0 };
            CHECK(!store_read(s, &v.id[i], PACK_CHUNK, &raw, &e) || str_eq(buf_view(&raw), v.raw[i]));
        }
        store_close(s);
        copy[at] = was;
    }
}

TEST(data_pack, every_truncation_and_any_tail_is_noticed)
{
    defer_arena Arena *a = arena_new(256 << 20);
    Small              v = small_pack(a);
    for (size_t n = 0; n < v.file.n; n++)
        CHECK(file_replace(v.path, (Str){ v.file.p, n }, 0600, NULL) && noticed(a, v.path));
    defer_buf Buf more = { 0 };
    buf_str(&more, v.file), buf_byte(&more, 0);
    CHECK(file_replace(v.path, buf_view(&more), 0600, NULL) && noticed(a, v.path));
    CHECK(file_replace(v.path, v.file, 0600, NULL) && !noticed(a, v.path));
    char *other = arena_printf(a, "%s/pack-%064d.moatpack", v.dir, 7);
    CHECK(rename(v.path, other) == 0 && noticed(a, other));
}

/* A damaged copy does not hide a good one; store_forget() is how the good one gets written. */
TEST(data_pack, a_second_copy_mends_the_first)
{
    defer_arena Arena *a = arena_new(64 << 20);
    Small              v = small_pack(a);
    ((char *)(uintptr_t)v.file.p)[PACK_HEAD + PACK_ENTRY + 1] ^= 1;
    CHECK(file_replace(v.path, v.file, 0600, NULL));
    Store *s = store_open(v.dir, NULL);
    CHECK(!reads_as(s, &v.id[0], v.raw[0]) && store_has(s, &v.id[0]));
    store_forget(s);
    CHECK(!store_has(s, &v.id[0]));
    put(s, v.raw[0]);
    put(s, bytes_of(a, &(Rng){ { 5, 6, 7, 8 } }, 99, false));
    CHECK(store_flush(s, NULL));
    s = reopen(s, v.dir);
    CHECK(store_packs(s) == 2 && reads_as(s, &v.id[0], v.raw[0]) && reads_as(s, &v.id[2], v.raw[2]));
    store_close(s);
}

TEST(data_pack, temporaries_of_the_dead_are_swept_and_those_of_the_living_are_not)
{
    defer_arena Arena *a = arena_new(1 << 20);
    const char        *dir = test_dir();
    char              *dead = arena_printf(a, "%s/.new-dead00", dir);
    CHECK(file_create(dead, S("x"), 0600, NULL));
    Store *s = store_open(dir, NULL);
    Digest id = put(s, S("living"));
    pack_sweep(dir);
    CHECK(!file_exists(dead) && store_flush(s, NULL));
    s = reopen(s, dir);
    CHECK(reads_as(s, &id, S("living")));
    store_close(s);
}
