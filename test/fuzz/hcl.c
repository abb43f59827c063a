/* Any bytes as Terraform: a refusal has a line inside the text; what is read lies inside it, in order and no deeper than the limit. */
#include "format/hcl.h"

static uint64_t lines(Str s)
{
    uint64_t n = 1;
    for (size_t i = 0; i < s.n; i++)
        n += s.p[i] == '\n';
    return n;
}

static void check_inside(Str part, Str text)
{
    assert(part.n == 0 || (part.p >= text.p && part.p + part.n <= text.p + text.n));
}

static void check(const HclBlock *b, Str text, uint64_t last, int depth)
{
    assert(depth <= HCL_DEPTH && b->line >= 1 && b->line <= last && b->label_count <= HCL_LABELS);
    uint64_t line = b->line;
    for (const HclAttr *x = b->attrs; x != NULL; x = x->next) {
        assert(x->name.n > 0 && x->line >= line && x->line <= last);
        check_inside(x->name, text);
        check_inside(x->raw, text);
        assert(x->text.p == NULL || (x->raw.n >= 2 && x->raw.p[0] == '"' && x->text.n <= x->raw.n - 2));
        line = x->line;
    }
    for (size_t i = 0; i < b->label_count; i++)
        check_inside(b->labels[i], text);
    line = b->line;
    for (const HclBlock *x = b->blocks; x != NULL; x = x->next) {
        assert(x->type.n > 0 && x->line >= line);
        check_inside(x->type, text);
        check(x, text, last, depth + 1);
        line = x->line;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    Err                e = { 0 };
    Str                text = { (const char *)data, n };
    defer_arena Arena *a = arena_new(64 << 20);
    uint64_t           last = lines(text);
    const HclBlock    *root = hcl_parse(a, text, &e);
    if (root == NULL)
        assert(*e.message && (e.code == E_NOMEM || (e.line >= 1 && e.line <= last)));
    else
        check(root, text, last, 0);
    return 0;
}
