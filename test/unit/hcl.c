#include "../test.h"
#include "format/hcl.h"

static HclBlock *parse(Arena *a, const char *text, Err *e)
{
    *e = (Err){ 0 };
    return hcl_parse(a, str(text), e);
}

TEST(hcl, reads_blocks_labels_and_attributes)
{
    defer_arena Arena *a = arena_new(1 << 20);
    Err                e;
    const HclBlock    *f = parse(a,
        "# a comment\n"
        "resource \"aws_s3_bucket\" \"raw\" {\n"
        "  bucket = \"acme-raw\" // behind\n"
        "  tags = {\n    a = \"}\"\n    b = [1, 2]\n  }\n"
        "  dynamic \"rule\" { for_each = var.x }\n"
        "}\n"
        "locals { region = \"eu\" }\n", &e);
    CHECK_ROW(f != NULL, e.message);
    const HclBlock *b = hcl_block(f, "resource");
    CHECK(b != NULL && b->label_count == 2 && str_is(b->labels[0], "aws_s3_bucket") && str_is(b->labels[1], "raw") && b->line == 2);
    CHECK(str_is(hcl_attr(b, "bucket")->text, "acme-raw") && hcl_attr(b, "bucket")->line == 3);
    CHECK(hcl_attr(b, "tags")->text.p == NULL && str_ends(hcl_attr(b, "tags")->raw, S("}")));
    CHECK(str_is(hcl_block(b, "dynamic")->labels[0], "rule") && str_is(hcl_attr(hcl_block(b, "dynamic"), "for_each")->raw, "var.x"));
    CHECK(b->next != NULL && str_is(hcl_attr(b->next, "region")->text, "eu") && b->next->line == 10);
    CHECK(hcl_attr(b, "nothing") == NULL && hcl_block(b, "nothing") == NULL);
}

TEST(hcl, knows_what_a_plain_string_is)
{
    static const struct { const char *raw, *text; } rows[] = {
        { "\"x\"", "x" },          { "\"a\\\"b\"", "a\"b" },  { "\"${var.x}\"", NULL },      { "\"a${f(\"}\")}b\"", NULL },
        { "\"%{if x}y%{endif}\"", NULL }, { "\"a\" ", "a" },   { "var.x", NULL },             { "\"a\\nb\"", "a\nb" },
        { "\"$5\"", "$5" },        { "[\"a\"]", NULL },       { "\"a\" == \"b\"", NULL },    { "\"\"", "" },
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        defer_arena Arena *a = arena_new(1 << 20);
        Err                e;
        const HclBlock    *f = parse(a, arena_printf(a, "x = %s\ny = 1\n", rows[i].raw), &e);
        CHECK_ROW(f != NULL && hcl_attr(f, "y") != NULL, rows[i].raw);
        Str text = hcl_attr(f, "x")->text;
        CHECK_ROW((text.p == NULL) == (rows[i].text == NULL), rows[i].raw);
        if (rows[i].text != NULL)
            CHECK_ROW(str_is(text, rows[i].text), rows[i].raw);
    }
}

TEST(hcl, comments_strings_and_heredocs_hide_braces)
{
    static const char *const rows[] = {
        "a = <<EOT\n} \" {\nEOT\n",         "a = <<-EOT\n   x }\n   EOT\n", "a = \"}\"\n",        "/* } */ a = 1\n",
        "a = [ # ]\n 1 ]\n",                "a = \"${x[\"}\"]}\"\n",        "a = f(\"(\", 1)\n",  "a = { // }\n b = 1 }\n",
        "a = 1 << 2\n",                     "a = \"\\\"}\"\n",              "\"k\" = 1\n a = 2\n", ", a = 1\n",
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        defer_arena Arena *a = arena_new(1 << 20);
        Err                e;
        const HclBlock    *f = parse(a, arena_printf(a, "b {\n%s}\nlast = 1\n", rows[i]), &e);
        CHECK_ROW(f != NULL && hcl_attr(f, "last") != NULL && hcl_block(f, "b") != NULL, rows[i]);
    }
}

TEST(hcl, what_is_not_closed_is_an_error_with_its_line)
{
    static const struct { const char *in; uint64_t line; } rows[] = {
        { "a {\n b {\n }\n", 1 }, { "a = \"x\nb = 1\n", 1 }, { "\n/* x\n", 2 }, { "x = <<E\n a\n", 1 }, { "\n\nx = [1,\n", 3 },
        { "a {\n  x = \"${\"\n}\n", 2 },
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        defer_arena Arena *a = arena_new(1 << 20);
        Err                e;
        CHECK_ROW(parse(a, rows[i].in, &e) == NULL, rows[i].in);
        CHECK_ROW(e.line == rows[i].line, rows[i].in);
    }
}

TEST(hcl, one_odd_line_does_not_hide_the_rest)
{
    defer_arena Arena *a = arena_new(1 << 20);
    Err                e;
    const HclBlock    *f = parse(a, "????\nresource \"a\" \"b\" {\n  ! odd\n  x = 1\n}\n", &e);
    CHECK(f != NULL && f->skipped == 1);
    CHECK(hcl_block(f, "resource")->skipped == 1 && hcl_attr(hcl_block(f, "resource"), "x") != NULL);
}

TEST(hcl, depth_has_a_limit)
{
    defer_arena Arena *a = arena_new(8 << 20);
    defer_buf Buf      b = { 0 };
    Err                e;
    for (int i = 0; i < 100000; i++)
        buf_z(&b, "a {\n");
    buf_byte(&b, '\0');
    CHECK(parse(a, b.p, &e) == NULL && e.line == HCL_DEPTH + 1);
}
