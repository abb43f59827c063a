#include "../test.h"
#include "data/stamps.h"

enum { NS = 1000000000 };

TEST(data_stamps, are_believed_when_equal_and_not_too_young)
{
    defer_arena Arena *a = arena_new(1 << 20);
    defer_buf Buf      b = { 0 };
    Stamp              at = { 1, 2, 3, 40LL * NS, 41LL * NS };
    Member             list[] = { { .name = S("data/a"), .type = TREE_FILE, .stamp = at }, { .name = S("data/b"), .type = TREE_LINK } };
    Members            m = { .v = list, .n = 2 };
    Digest             tree = { { 5 } };
    Stamps             s;
    stamps_put(&b, 44LL * NS, &tree, &m);
    CHECK(stamps_parse(a, buf_view(&b), &s) && s.n == 1 && digest_eq(&s.tree, &tree) && stamps_same(&s, &list[0]));
    for (int field = 0; field < 5; field++) {
        Member x = list[0];
        uint64_t *u[] = { &x.stamp.dev, &x.stamp.ino, &x.stamp.size };
        int64_t  *t[] = { &x.stamp.mtime_ns, &x.stamp.ctime_ns };
        if (field < 3)
            ++*u[field];
        else
            ++*t[field - 3];
        CHECK(!stamps_same(&s, &x));
    }
    Member other = list[0];
    other.name = S("data/c");
    CHECK(!stamps_same(&s, &other));
    s.time_ns = 43LL * NS;
    CHECK(!stamps_same(&s, &list[0]));
    for (size_t n = 0; n < b.n; n++)
        CHECK(!stamps_parse(a, (Str){ b.p, n }, &s));
}
