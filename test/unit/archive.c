/* zip, tar, codecs and npy layouts: what is told of bytes that are cut, contradict themselves or lie. */
#include "../test.h"
#include "format/npy_layout.h"
#include "format/tar.h"
#include "format/unpack.h"
#include "format/zip.h"
#include "model/scan_names.h"
#include <zlib.h>

/* ---- zip: members are made by hand, so that each field can lie */

typedef struct Member {
    const char *name, *local, *data;                   /* local: its name in the header in front of it */
    uint16_t    flags, local_flags, method;
    int         more;                                  /* added to its size in the directory           */
    bool        unlisted;
} Member;

static void put_common(Buf *b, uint16_t flags, uint16_t method, size_t n, size_t name)
{
    buf_u16(b, flags), buf_u16(b, method), buf_u32(b, 0), buf_u32(b, 0);
    buf_u32(b, (uint32_t)n), buf_u32(b, (uint32_t)n), buf_u16(b, (uint16_t)name), buf_u16(b, 0);
}

static void put_zip(Buf *b, const Member *m, size_t n)
{
    Buf      central = { 0 };
    unsigned listed = 0;
    for (size_t i = 0; i < n; i++) {
        const char *local = m[i].local ? m[i].local : m[i].name;
        size_t      at = b->n, size = strlen(m[i].data);
        buf_put(b, "PK\3\4\24\0", 6);
        put_common(b, m[i].local_flags, m[i].method, size, strlen(local));
        buf_z(b, local), buf_z(b, m[i].data);
        if (m[i].unlisted)
            continue;
        listed++;
        buf_put(&central, "PK\1\2\24\0\24\0", 8);
        put_common(&central, m[i].flags, m[i].method, size + (size_t)m[i].more, strlen(m[i].name));
        buf_put(&central, "\0\0\0\0\0\0\0\0\0\0", 10);
        buf_u32(&central, (uint32_t)at), buf_z(&central, m[i].name);
    }
    size_t at = b->n;
    buf_str(b, buf_view(&central));
    buf_put(b, "PK\5\6\0\0\0\0", 8);
    buf_u16(b, (uint16_t)listed), buf_u16(b, (uint16_t)listed);
    buf_u32(b, (uint32_t)central.n), buf_u32(b, (uint32_t)at), buf_u16(b, 0);
    buf_free(&central);
}

TEST(archive, zip_tells_how_two_descriptions_differ)
{
    static const struct {
        const char *what;
        Member      m[2];
        size_t      n;
        unsigned    odd;                               /* of the last one */
    } rows[] = {
        { "plain", { { "a", NULL, "x" } }, 1, 0 },
        { "name", { { "a", "b", "x" } }, 1, ZIP_NAMES_DIFFER },
        { "flags", { { "a", NULL, "x", 1 } }, 1, ZIP_FLAGS_DIFFER },
        { "size", { { "a", NULL, "x", 0, 0, 0, 1 } }, 1, ZIP_SIZES_DIFFER },
        { "outside", { { "a", NULL, "x", 0, 0, 0, 5000 } }, 1, ZIP_SIZES_DIFFER | ZIP_OUTSIDE },
        { "over the next", { { "a", NULL, "x", 0, 0, 0, 20 }, { "b", NULL, "y" } }, 2, ZIP_OVERLAPS },
        { "not listed", { { "a", NULL, "x" }, { "b", NULL, "y", 0, 0, 0, 0, true } }, 2, ZIP_UNLISTED },
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        defer_arena Arena *a = arena_new(1 << 20);
        defer_buf Buf      b = { 0 };
        Zip                z;
        put_zip(&b, rows[i].m, rows[i].n);
        CHECK_ROW(zip_read(a, buf_view(&b), &z, NULL) && z.n == rows[i].n, rows[i].what);
        CHECK_ROW(z.v[z.n - 1].odd == rows[i].odd, rows[i].what);
        CHECK_ROW(z.end == b.n && z.ends == 1, rows[i].what);
    }
}

/* Every cut of an archive is told from a whole one, and none reads past its end (the sanitizers watch). */
TEST(archive, zip_that_is_cut_is_never_whole)
{
    Member        m[] = { { "a", NULL, "first" }, { "b", NULL, "second" } };
    defer_buf Buf b = { 0 };
    put_zip(&b, m, 2);
    for (size_t n = 0; n < b.n; n++) {
        defer_arena Arena *a = arena_new(1 << 20);
        char              *exact = malloc(n + 1);
        Zip                z;
        Err                e = { 0 };
        memcpy(exact, b.p, n);
        bool ok = zip_read(a, (Str){ exact, n }, &z, &e);
        CHECK(ok ? z.no_end : e.code == E_FORMAT);
        free(exact);
    }
}

TEST(archive, zip_says_what_stands_around_it)
{
    Member             m[] = { { "a", NULL, "x" } };
    defer_arena Arena *a = arena_new(1 << 20);
    defer_buf Buf      b = { 0 }, all = { 0 };
    Zip                z;
    put_zip(&b, m, 1);
    buf_z(&all, "in front"), buf_str(&all, buf_view(&b)), buf_z(&all, "behind");
    CHECK(zip_read(a, buf_view(&all), &z, NULL));
    CHECK(z.n == 1 && z.front == 8 && z.end == all.n - 6 && str_is(z.v[0].listed.data, "x"));
}

TEST(archive, zip_with_hostile_counts_costs_little)
{
    defer_arena Arena *a = arena_new(1 << 20);
    Zip                z;
    Err                e = { 0 };
    /* An end record that promises 65535 members and a directory of 4 GiB. */
    static const char end[] = "PK\5\6\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0";
    CHECK(zip_read(a, (Str){ end, 22 }, &z, &e) && z.n == 0 && z.missing);
}

/* ---- tar */

static void put_tar(Buf *b, const char *name, char type, const char *link, Str data)
{
    char     h[512] = { 0 };
    unsigned sum = 0;
    snprintf(h, 100, "%s", name);
    snprintf(h + 100, 8, "0000644");
    snprintf(h + 124, 12, "%011zo", data.n);
    h[156] = type;
    snprintf(h + 157, 100, "%s", link);
    memcpy(h + 257, "ustar\0" "00", 8);
    memset(h + 148, ' ', 8);
    for (size_t i = 0; i < sizeof h; i++)
        sum += (uint8_t)h[i];
    snprintf(h + 148, 8, "%06o", sum);
    buf_put(b, h, sizeof h), buf_str(b, data);
    while (b->n % 512 != 0)
        buf_byte(b, 0);
}

TEST(archive, tar_puts_long_names_together)
{
    defer_arena Arena *a = arena_new(1 << 20);
    defer_buf Buf      b = { 0 };
    TarEntry           x;
    Err                e = { 0 };
    put_tar(&b, "././@LongLink", 'L', "", S("gnu/long\0"));
    put_tar(&b, "short", '0', "", S("one"));
    put_tar(&b, "PaxHeaders/x", 'x', "", S("17 path=pax/long\n10 size=3\n"));
    put_tar(&b, "short", '0', "", S("two"));
    put_tar(&b, "link", '2', "../out", S(""));
    Tar t = tar_open(a, buf_view(&b));
    CHECK(tar_is(buf_view(&b)));
    CHECK(tar_next(&t, &x, &e) && str_is(x.name, "gnu/long") && str_is(x.data, "one") && x.odd == 0);
    CHECK(tar_next(&t, &x, &e) && str_is(x.name, "pax/long") && str_is(x.data, "two") && x.odd == 0);
    CHECK(tar_next(&t, &x, &e) && x.kind == TAR_SYMLINK && str_is(x.link, "../out"));
    CHECK(!tar_next(&t, &x, &e) && e.code == E_OK);
}

TEST(archive, tar_refuses_what_makes_no_sense)
{
    static const struct {
        const char *what;
        char        type;
        Str         data;
    } rows[] = {
        { "pax length past its end", 'x', { "99 path=a\n", 10 } },
        { "pax without a blank", 'x', { "path=a\n", 7 } },
        { "pax without a newline", 'x', { "9 path=ab", 9 } },
        { "pax size that is a word", 'x', { "11 size=ab\n", 11 } },
        { "a long name and no member", 'L', { "name", 4 } },
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        defer_arena Arena *a = arena_new(1 << 20);
        defer_buf Buf      b = { 0 };
        TarEntry           x;
        Err                e = { 0 };
        put_tar(&b, "x", rows[i].type, "", rows[i].data);
        Tar t = tar_open(a, buf_view(&b));
        CHECK_ROW(!tar_next(&t, &x, &e) && e.code == E_FORMAT, rows[i].what);
    }
    defer_buf Buf b = { 0 };
    put_tar(&b, "a", '0', "", S("data"));
    b.p[0] = 'b';
    CHECK(!tar_is(buf_view(&b)));
}

/* ---- codecs */

TEST(archive, unpacking_stops_at_the_limit_and_keeps_what_came_before_an_error)
{
    uint8_t       packed[4096];
    uLongf        n = sizeof packed;
    char         *plain = calloc(1, 1 << 20);
    defer_buf Buf b = { 0 };
    uint64_t      used;
    CHECK(compress(packed, &n, (uint8_t *)plain, 1 << 20) == Z_OK);
    free(plain);
    Str in = { (char *)packed, n };
    CHECK(unpack(UNPACK_ZLIB, in, 1 << 20, &b, &used) == UNPACK_DONE && b.n == 1 << 20 && used == n);
    b.n = 0;
    CHECK(unpack(UNPACK_ZLIB, in, (1 << 20) - 1, &b, NULL) == UNPACK_LIMIT && b.n == (1 << 20) - 1);
    b.n = 0;
    CHECK(unpack(UNPACK_ZLIB, in, 0, &b, NULL) == UNPACK_LIMIT && b.n == 0);
    in.n = n / 2;
    CHECK(unpack(UNPACK_ZLIB, in, 1 << 20, &b, NULL) == UNPACK_CUT && b.n > 0);
    packed[n - 1] ^= 1;
    b.n = 0, in.n = n;
    CHECK(unpack(UNPACK_ZLIB, in, 1 << 20, &b, NULL) == UNPACK_CORRUPT && b.n > 0);
    for (UnpackKind k = UNPACK_DEFLATE; k <= UNPACK_ZSTD; k++) {
        UnpackEnd end = unpack(k, S(""), 100, &b, &used);
        CHECK(end == UNPACK_CUT || end == UNPACK_CORRUPT);
        CHECK(unpack(k, S("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), 100, &b, &used) != UNPACK_DONE);
    }
}

/* A 4 GiB dictionary is refused before it is allocated. */
TEST(archive, unpacking_refuses_huge_dictionaries)
{
    defer_buf Buf b = { 0 };
    CHECK(unpack(UNPACK_LZMA, S("\x5d\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0\0\0"), 100, &b, NULL) == UNPACK_MEMORY);
    CHECK(unpack(UNPACK_ZIP_LZMA, S("\x09\x04\x05\0\x5d\xff\xff\xff\xff\0\0\0\0\0\0"), 100, &b, NULL) == UNPACK_MEMORY);
}

/* ---- npy layouts */

TEST(archive, npy_layouts_are_understood_or_refused)
{
    static const struct {
        const char *descr;
        uint64_t    item;                              /* 0: refused */
        bool        objects;
    } rows[] = {
        { "'<f4'", 4, false }, { "'|O'", 8, true }, { "'O'", 8, true }, { "'<U3'", 12, false }, { "'|S5'", 5, false }, { "'<M8[ns]'", 8, false },
        { "[('a', '<f4'), ('Ox', '<i2')]", 6, false }, { "[('a', '<f4'), ('b', '|O')]", 12, true }, { "[('a', [('b', 'O')], (2, 3))]", 48, true },
        { "[(('title', 'name'), '<i4')]", 4, false }, { "('<f4', (2,))", 8, false }, { "('|O', (2,))", 16, true },
        { "'|'+'O'", 0, false }, { "'x4'", 0, false }, { "[('a',)]", 0, false }, { "eval('1')", 0, false }, { "[[[[[[[[[[", 0, false },
        { "'|S99999999999999999999'", 0, false }, { "[('a', '|S9', 9999999999999999999)]", 0, false },
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        defer_buf Buf b = { 0 }, h = { 0 };
        NpyLayout     l;
        Err           e = { 0 };
        buf_printf(&h, "{'descr': %s, 'fortran_order': False, 'shape': (3, 2), }\n", rows[i].descr);
        buf_put(&b, "\x93NUMPY\1\0", 8), buf_u16(&b, (uint16_t)h.n), buf_str(&b, buf_view(&h));
        bool ok = npy_layout(buf_view(&b), &l, &e);
        CHECK_ROW(ok == (rows[i].item != 0), rows[i].descr);
        CHECK_ROW(!ok || (l.item == rows[i].item && l.objects == rows[i].objects && l.count == 6 && l.data_at == b.n), rows[i].descr);
    }
}

/* ---- names */

TEST(archive, names_and_links_that_leave_are_seen)
{
    static const struct {
        const char *name, *link;                       /* link NULL: only a name */
        bool        leaves;
    } rows[] = {
        { "a/b", NULL, false }, { "a..b/c", NULL, false }, { "...", NULL, false }, { "/a", NULL, true }, { "\\a", NULL, true }, { "C:a", NULL, true },
        { "a/../b", NULL, true }, { "..\\a", NULL, true }, { "a/..", NULL, true },
        { "a/b", "c", false }, { "a/b", "../c", false }, { "a/b", "../../c", true }, { "b", "../c", true }, { "a/b", "/c", true }, { "a/b", "./../c/..", false },
        { "a/b", "x/../../../c", true },
    };
    for (size_t i = 0; i < len_of(rows); i++)
        CHECK_ROW(((rows[i].link ? link_leaves(str(rows[i].name), str(rows[i].link)) : name_leaves(str(rows[i].name))) != NULL) == rows[i].leaves, rows[i].name);
}
