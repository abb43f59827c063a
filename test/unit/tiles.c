#include "../test.h"
#include "base/file.h"
#include "ledger/own.h"
#include "ledger/tiles.h"

/* The example of c2sp.org/tlog-tiles: 70,000 records. */
enum { SIZE = 70000, WIDTH = 256 };

static const char *root_dir;

static bool there(Arena *a, const char *name, Str *out)
{
    return file_read(a, arena_printf(a, "%s/log/tile/%s", root_dir, name), 32 << 20, out, NULL);
}

static bool leaf_of(void *ctx, const Row *r)
{
    ((Digest *)ctx)[r->seq] = merkle_leaf(r->bytes);
    return true;
}

static void fill(Ledger *l, size_t n)
{
    int64_t now = 1769851800000000000;
    Err     e = { 0 };
    CHECK(ledger_begin(l, &e));
    for (size_t i = 0; i < n; i++) {
        char body[32];
        snprintf(body, sizeof body, "{\"i\":%zu}", i);
        CHECK_ROW(ledger_append(l, clock_fixed(&now), RECORD_CHECK, S("me"), NULL, str(body), NULL, &e), e.message);
    }
    CHECK(ledger_commit(l, &e));
}

/* Hash i of tile n at a level is the root over the leaves that it stands for. */
static void check_tile(Arena *a, const Digest *leaves, unsigned level, size_t n, size_t width)
{
    char   name[64];
    Str    bytes;
    size_t span = (size_t)1 << 8 * level;
    snprintf(name, sizeof name, width < WIDTH ? "%u/%03zu.p/%zu" : "%u/%03zu", level, n, width);
    CHECK_ROW(there(a, name, &bytes) && bytes.n == width * sizeof(Digest), name);
    for (size_t i = 0; i < width; i++) {
        Digest want = merkle_root(leaves + (n * WIDTH + i) * span, span);
        CHECK_ROW(memcmp(bytes.p + i * sizeof want, &want, sizeof want) == 0, name);
    }
}

/* The records of a bundle hash to the leaves again. */
static void check_entries(Arena *a, const Digest *leaves, size_t n, size_t width)
{
    char   name[64];
    Str    bytes;
    size_t i = 0;
    snprintf(name, sizeof name, width < WIDTH ? "entries/%03zu.p/%zu" : "entries/%03zu", n, width);
    CHECK_ROW(there(a, name, &bytes), name);
    Cur c = cur_of(bytes);
    for (; cur_left(&c) > 0 && i < width; i++) {
        Digest leaf = merkle_leaf(cur_bytes(&c, cur_be16(&c)));
        CHECK_ROW(!c.bad && digest_eq(&leaf, &leaves[n * WIDTH + i]), name);
    }
    CHECK_ROW(i == width && cur_left(&c) == 0, name);
}

TEST(tiles, seventy_thousand_records_lie_where_the_specification_says)
{
    char   path[128], log[128];
    Err    e = { 0 };
    Digest *leaves = malloc(SIZE * sizeof *leaves);
    defer_arena Arena *a = arena_new(256 << 20);
    root_dir = test_dir();
    snprintf(path, sizeof path, "%s/ledger.db", root_dir), snprintf(log, sizeof log, "%s/log", root_dir);
    defer_ledger Ledger *l = ledger_open(path, &e);
    CHECK_ROW(l != NULL && leaves != NULL, e.message);
    fill(l, SIZE);
    CHECK(ledger_rows(l, 0, leaf_of, leaves, &e));
    CHECK_ROW(ledger_tiles(l, SIZE, log, &e), e.message);
    for (size_t n = 0; n < 273; n += 34) {
        check_tile(a, leaves, 0, n, WIDTH);
        check_entries(a, leaves, n, WIDTH);
    }
    check_tile(a, leaves, 0, 273, 112);
    check_entries(a, leaves, 273, 112);
    check_tile(a, leaves, 1, 0, WIDTH);
    check_tile(a, leaves, 1, 1, 17);
    check_tile(a, leaves, 2, 0, 1);
    free(leaves);
    Str none;
    CHECK(!there(a, "0/274", &none) && !there(a, "1/002.p/1", &none) && !there(a, "3/000.p/1", &none));
}

TEST(tiles, an_export_grows_and_another_history_is_refused)
{
    char path[128], log[128], tile[160];
    Err  e = { 0 };
    root_dir = test_dir();
    snprintf(path, sizeof path, "%s/ledger.db", root_dir), snprintf(log, sizeof log, "%s/log", root_dir);
    defer_ledger Ledger *l = ledger_open(path, &e);
    defer_arena Arena   *a = arena_new(1 << 20);
    Str                  bytes;
    fill(l, 300);
    CHECK_ROW(ledger_tiles(l, 300, log, &e), e.message);
    fill(l, 300);
    CHECK_ROW(ledger_tiles(l, 600, log, &e) && ledger_tiles(l, 512, log, &e) && ledger_tiles(l, 0, log, &e), e.message);
    CHECK(there(a, "0/001", &bytes) && there(a, "0/002.p/88", &bytes) && bytes.n == 88 * 32 && there(a, "1/000.p/2", &bytes));
    CHECK(!ledger_tiles(l, 601, log, &e) && strstr(e.message, "record 600 is missing") != NULL);
    snprintf(tile, sizeof tile, "%s/tile/0/000", log);
    CHECK(file_replace(tile, S("another"), 0644, &e));
    CHECK(!ledger_tiles(l, 600, log, &e) && e.code == E_FORMAT && strstr(e.message, tile) != NULL);
}

TEST(tiles, numbers_are_paths_of_three_digits)
{
    static const struct {
        uint64_t    n;
        const char *path;
    } rows[] = { { 0, "000" }, { 67, "067" }, { 999, "999" }, { 1000, "x001/000" }, { 1234067, "x001/x234/067" }, { 999999, "x999/999" },
                 { 1000000, "x001/x000/000" }, { UINT64_MAX, "x018/x446/x744/x073/x709/x551/615" } };
    for (size_t i = 0; i < len_of(rows); i++) {
        defer_buf Buf b = { 0 };
        tile_number(&b, rows[i].n);
        CHECK_ROW(str_is(buf_view(&b), rows[i].path), rows[i].path);
    }
}
