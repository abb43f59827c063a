#include "../test.h"
#include "data/tree.h"

static const Digest chunk[2] = { { { 1 } }, { { 2 } } };

static TreeEntry file_named(Str name)
{
    return (TreeEntry){ .name = name, .type = TREE_FILE, .mode = 0111, .size = 70000, .sha256 = { { 9 } }, .chunk = chunk, .chunks = 2 };
}

static TreeEntry folder_named(Str name) { return (TreeEntry){ .name = name, .type = TREE_FOLDER }; }

static bool parses(const TreeEntry *v, size_t n, Err *e)
{
    defer_arena Arena *a = arena_new(1 << 20);
    defer_buf Buf      b = { 0 };
    Tree               t = { (TreeEntry *)(uintptr_t)v, n }, back;
    tree_put(&b, &t);
    return tree_parse(a, buf_view(&b), &back, e);
}

TEST(data_tree, reads_what_it_wrote)
{
    defer_arena Arena *a = arena_new(1 << 20);
    defer_buf Buf      b = { 0 }, again = { 0 };
    TreeEntry          v[] = { file_named(S("labels")), file_named(S("data/b/x")), folder_named(S("data/b")), folder_named(S("data")),
                               { .name = S("data/a"), .type = TREE_LINK, .size = 4, .target = S("../b") }, { .name = S("data/b-"), .type = TREE_FILE } };
    Tree               t = { v, len_of(v) }, back;
    Err                e = { 0 };
    v[0].has_rows = true, v[0].rows = 5, v[0].row_root.b[0] = 7;
    tree_sort(&t);
    tree_put(&b, &t);
    CHECK(tree_parse(a, buf_view(&b), &back, &e) && back.count == len_of(v));
    const TreeEntry *x = tree_find(&back, S("data/b/x")), *l = tree_find(&back, S("data/a")), *y = tree_find(&back, S("labels"));
    CHECK(x && x->chunks == 2 && memcmp(x->chunk, chunk, sizeof chunk) == 0 && x->mode == 0111 && x->size == 70000 && x->sha256.b[0] == 9);
    CHECK(l && l->type == TREE_LINK && str_is(l->target, "../b"));
    CHECK(y && y->has_rows && y->rows == 5 && y->row_root.b[0] == 7 && tree_find(&back, S("data/c")) == NULL);
    tree_put(&again, &back);
    CHECK(str_eq(buf_view(&b), buf_view(&again)));
    for (size_t n = 0; n < b.n; n++)
        CHECK(!tree_parse(a, (Str){ b.p, n }, &back, &e) && e.message[0]);
    buf_byte(&b, 0);
    CHECK(!tree_parse(a, buf_view(&b), &back, &e));
}

TEST(data_tree, hostile_names_are_refused)
{
    static const struct { Str name; bool ok; } rows[] = {
        { S("data/a"), true },         { S("data/\xff\x01"), true },  { S("data/..a"), true },      { S("data/a..b"), true },
        { S("data/.."), false },       { S("data/../x"), false },     { S("data/a\0b"), false },    { S("/data/a"), false },
        { S("data//a"), false },       { S("data/"), false },         { S("data/."), false },       { S("data/./a"), false },
        { S(""), false },              { S("."), false },             { S(".."), false },           { S("other"), false },
        { S("labels/a"), false },      { S("data/no/folder"), false },
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        TreeEntry v[] = { folder_named(S("data")), file_named(rows[i].name) };
        Tree      t = { v, 2 };
        Err       e = { 0 };
        tree_sort(&t);
        CHECK_ROW(parses(v, 2, &e) == rows[i].ok, rows[i].name.p);
    }
    char long_part[TREE_PART_MAX + 8] = "data/", long_name[TREE_NAME_MAX + 10] = "data";
    memset(long_part + 5, 'a', TREE_PART_MAX + 1);
    for (size_t i = 4; i < TREE_NAME_MAX + 2; i++)
        long_name[i] = i % 2 ? 'a' : '/';
    CHECK(tree_name_flaw(str(long_part)) && tree_name_flaw(str(long_name)));
}

TEST(data_tree, a_name_leads_through_folders_only)
{
    TreeEntry file_in_file[] = { file_named(S("data")), file_named(S("data/a")) };
    TreeEntry file_in_link[] = { folder_named(S("data")), { .name = S("data/l"), .type = TREE_LINK, .size = 4, .target = S("/etc") },
                                 file_named(S("data/l/passwd")) };
    TreeEntry twice[] = { folder_named(S("data")), file_named(S("data/a")), file_named(S("data/a")) };
    TreeEntry disorder[] = { folder_named(S("data")), file_named(S("data/b")), file_named(S("data/a")) };
    TreeEntry link_on_top[] = { { .name = S("data"), .type = TREE_LINK, .size = 4, .target = S("/etc") } };
    TreeEntry labels_folder[] = { folder_named(S("data")), folder_named(S("labels")) };
    TreeEntry no_data[] = { file_named(S("labels")) };
    TreeEntry good[] = { folder_named(S("data")), folder_named(S("data/l")), file_named(S("data/l/passwd")) };
    Err       e = { 0 };
    CHECK(!parses(file_in_file, 2, &e) && !parses(file_in_link, 3, &e) && !parses(twice, 3, &e) && !parses(disorder, 3, &e));
    CHECK(!parses(link_on_top, 1, &e) && !parses(labels_folder, 2, &e) && !parses(no_data, 1, &e) && !parses(NULL, 0, &e));
    CHECK(parses(good, 3, &e));
}

TEST(data_tree, impossible_fields_are_refused)
{
    TreeEntry v = file_named(S("data"));
    Err       e = { 0 };
    CHECK(parses(&v, 1, &e));
    v.mode = 0644;
    CHECK(!parses(&v, 1, &e));
    v = file_named(S("data")), v.size = 0;
    CHECK(!parses(&v, 1, &e));
    v = file_named(S("data")), v.chunks = 0;
    CHECK(!parses(&v, 1, &e));
    v = file_named(S("data")), v.rows = 3;
    CHECK(!parses(&v, 1, &e));
    v = folder_named(S("data")), v.size = 1;
    CHECK(!parses(&v, 1, &e));
    v.type = 7;
    CHECK(!parses(&v, 1, &e));
    defer_arena Arena *a = arena_new(1 << 20);
    Tree               t;
    CHECK(!tree_parse(a, S("MOATTR01\xff\xff\xff\xff"), &t, &e) && !tree_parse(a, S("MOATTR02\0\0\0\0"), &t, &e));
}
