/* A tree object of arbitrary bytes: what is read is written back to the same bytes, and no name leaves its folder. */
#include "data/tree.h"

static void check_entry(const Tree *t, const TreeEntry *v)
{
    const char *slash = memrchr(v->name.p, '/', v->name.n);
    assert(tree_name_flaw(v->name) == NULL && tree_find(t, v->name) == v);
    assert(memmem(v->name.p, v->name.n, "/../", 4) == NULL && memchr(v->name.p, 0, v->name.n) == NULL);
    if (slash == NULL)
        return;
    const TreeEntry *folder = tree_find(t, (Str){ v->name.p, (size_t)(slash - v->name.p) });
    assert(folder != NULL && folder->type == TREE_FOLDER);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    defer_arena Arena *a = arena_new(64 << 20);
    defer_buf Buf      b = { 0 };
    Str                bytes = { (const char *)data, n };
    Tree               t;
    TreeSum            sum;
    Err                e = { 0 };
    if (!tree_parse(a, bytes, &t, &e)) {
        assert(e.message[0] != '\0');
        return 0;
    }
    for (size_t i = 0; i < t.count; i++)
        check_entry(&t, &t.entry[i]);
    tree_put(&b, &t);
    assert(str_eq(buf_view(&b), bytes) && tree_sum(&t, &sum));
    return 0;
}
