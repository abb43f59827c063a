/* Typed columns and float32 matrices, from small texts and from real files. */
#include "../test.h"
#include "base/file.h"
#include "format/npy.h"
#include "format/table.h"
#include <math.h>

static bool reads(Arena *a, const char *csv, const TableAsk *ask, Table *t, Err *e)
{
    *e = (Err){ 0 };
    return table_read(a, str(csv), ask, t, e);
}

TEST(table, infers_the_type_of_each_column)
{
    defer_arena Arena *a = arena_new(1 << 20);
    Table t;
    Err   e;
    CHECK(reads(a, "id,x,name,gap,none,big\n1,1.5,\"a\"\"b\",3,,9223372036854775807\n-2,2,bob,,,-9223372036854775808\n", NULL, &t, &e));
    CHECK(t.rows == 2 && t.count == 6 && t.delimiter == ',');
    CHECK(t.column[0].type == COLUMN_INT && t.column[0].i64[1] == -2 && str_is(t.column[0].name, "id"));
    CHECK(t.column[1].type == COLUMN_F64 && t.column[1].f64[0] == 1.5);
    CHECK(t.column[2].type == COLUMN_TEXT && str_is(t.column[2].text[0], "a\"b") && str_is(t.column[2].text[1], "bob"));
    CHECK(t.column[3].type == COLUMN_F64 && t.column[3].f64[0] == 3 && isnan(t.column[3].f64[1]) && t.column[3].missing == 1);
    CHECK(t.column[4].type == COLUMN_TEXT && t.column[4].missing == 2);
    CHECK(t.column[5].type == COLUMN_INT && t.column[5].i64[0] == INT64_MAX && t.column[5].i64[1] == INT64_MIN);
    CHECK(table_column(&t, S("x")) == &t.column[1] && table_column(&t, S("y")) == NULL);
    CHECK(column_f64(&t.column[0], 1) == -2 && isnan(column_f64(&t.column[2], 0)));
}

TEST(table, gives_the_types_that_were_asked_for)
{
    static const char csv[] = "1;16777217\n0.1;2\n";
    defer_arena Arena *a = arena_new(1 << 20);
    Table t;
    Err   e;
    CHECK(reads(a, csv, &(TableAsk){ .number = COLUMN_F32 }, &t, &e) && t.delimiter == ';' && t.rows == 2);
    CHECK(t.column[0].type == COLUMN_F32 && t.column[0].f32[1] == 0.1f && t.column[1].f32[0] == 16777216.0f && str_is(t.column[0].name, "c0"));
    CHECK(reads(a, csv, &(TableAsk){ .number = COLUMN_TEXT, .header = HEADER_YES }, &t, &e) && t.rows == 1);
    CHECK(t.column[0].type == COLUMN_TEXT && str_is(t.column[0].text[0], "0.1") && str_is(t.column[1].name, "16777217"));
    CHECK(reads(a, "a,b\nc,d\n", &(TableAsk){ .header = HEADER_NO }, &t, &e) && t.rows == 2 && str_is(t.column[1].text[0], "b"));
    CHECK(reads(a, "", NULL, &t, &e) && t.rows == 0 && t.count == 0);
    CHECK(reads(a, "a,b\n", NULL, &t, &e) && t.rows == 0 && t.count == 2);
}

TEST(table, refuses_duplicate_names_and_passes_on_what_csv_refuses)
{
    defer_arena Arena *a = arena_new(1 << 20), *small = arena_new(500);
    Table t;
    Err   e;
    CHECK(!reads(a, "a,b,a\n1,2,3\n", NULL, &t, &e) && e.line == 1 && strstr(e.message, "'a'"));
    CHECK(!reads(a, "a,b\n1\n", NULL, &t, &e) && e.line == 2);
    CHECK(!reads(small, "1,2\n3,4\n5,6\n7,8\n9,10\n11,12\n13,14\n15,16\n17,18\n19,20\n", NULL, &t, &e) && e.code == E_NOMEM);
}

/* ---- matrices */

static const char *file_with(const char *name, Str bytes)
{
    static char path[4][200];
    static int  next;
    Err         e;
    char       *to = path[next++ % 4];
    snprintf(to, sizeof path[0], "%s/%s", test_dir(), name);
    CHECK(file_replace(to, bytes, 0600, &e));
    return to;
}

TEST(matrix, reads_csv_with_a_label_column_by_name)
{
    defer_arena Arena *a = arena_new(1 << 20);
    Matrix m;
    Err    e = { 0 };
    const char *path = file_with("a.csv", S("x,kind,y\n1,dog,2\n3,cat,NA\n5,dog,1e99\n"));
    CHECK(matrix_read(a, path, &(MatrixAsk){ .label = "kind", .divide = 2 }, &m, &e));
    CHECK(m.rows == 3 && m.cols == 2 && str_is(m.name[0], "x") && str_is(m.name[1], "y"));
    CHECK(m.x[0] == 0.5f && m.x[1] == 1 && m.x[2] == 1.5f && isnan(m.x[3]) && isinf(m.x[5]));
    CHECK(m.not_finite == 2 && m.bad_row == 1 && m.bad_col == 1);
    CHECK(m.classes == 2 && str_is(m.class[0], "cat") && str_is(m.class[1], "dog") && m.label[0] == 1 && m.label[1] == 0 && m.label[2] == 1);
    CHECK(matrix_read(a, path, &(MatrixAsk){ .label = "x", .keep = (Str[]){ S("y") }, .keeps = 1 }, &m, &e) && m.cols == 1 && m.x[0] == 2);
}

TEST(matrix, orders_numeric_classes_by_value)
{
    defer_arena Arena *a = arena_new(1 << 20);
    Matrix m;
    Err    e = { 0 };
    CHECK(matrix_read(a, file_with("n.csv", S("x,y\n1,10\n1,9\n1,-1\n1,9\n")), &(MatrixAsk){ .label = "y" }, &m, &e));
    CHECK(m.classes == 3 && str_is(m.class[0], "-1") && str_is(m.class[1], "9") && str_is(m.class[2], "10"));
    CHECK(m.label[0] == 2 && m.label[1] == 1 && m.label[2] == 0 && m.label[3] == 1);
}

TEST(matrix, says_which_cell_of_which_file_is_wrong)
{
    static const struct { const char *csv, *label, *keep; uint64_t line; const char *says; } rows[] = {
        { "x,y\n1,2\n3,four\n", NULL, NULL, 3, "column 'y': 'four' is no number" }, { "x,y\n1,2\n3,\n", "y", NULL, 3, "is no label" },
        { "label,y\n1,2\n", "lable", NULL, 0, "no column 'lable'" }, { "x,y\n1,2\n", "y", "y", 0, "label and feature" }, { "", NULL, NULL, 0, "is empty" },
        { "x,x\n1,2\n", NULL, NULL, 1, "two columns" }, { "x,y\n1,2,3\n", NULL, NULL, 2, "3 fields" },
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        defer_arena Arena *a = arena_new(1 << 20);
        Matrix m;
        Err    e = { 0 };
        Str    keep = str(rows[i].keep);
        MatrixAsk ask = { .label = rows[i].label, .keep = &keep, .keeps = keep.n > 0 };
        CHECK_ROW(!matrix_read(a, file_with("bad.csv", str(rows[i].csv)), &ask, &m, &e) && e.line == rows[i].line, rows[i].csv);
        CHECK_ROW(strstr(e.message, rows[i].says) && strstr(e.message, "bad.csv: "), rows[i].csv);
        CHECK_ROW(rows[i].label == NULL || strcmp(rows[i].label, "lable") || strstr(e.hint, "'label'"), rows[i].csv);
    }
    Err e = { 0 };
    CHECK(!matrix_read(NULL, "/nonexistent/x.csv", NULL, &(Matrix){ 0 }, &e) && e.code == E_IO);
}

TEST(matrix, reads_npy_with_labels_beside_it)
{
    defer_arena Arena *a = arena_new(1 << 20);
    defer_buf Buf x = { 0 }, y = { 0 };
    Matrix m;
    Err    e = { 0 };
    npy_write_f32(&x, (const float[]){ 1, 2, 3, 4, NAN, 6 }, 3, 2);
    npy_header(&y, SCALAR_U8, (const uint64_t[]){ 3 }, 1);
    buf_put(&y, "\7\0\7", 3);
    const char *data = file_with("x.npy", buf_view(&x)), *label = file_with("y.npy", buf_view(&y));
    CHECK(matrix_read(a, data, &(MatrixAsk){ .label = label }, &m, &e));
    CHECK(m.rows == 3 && m.cols == 2 && m.x[3] == 4 && m.not_finite == 1 && m.bad_row == 2 && m.bad_col == 0 && str_is(m.name[1], "x1"));
    CHECK(m.classes == 2 && str_is(m.class[1], "7") && m.label[0] == 1 && m.label[1] == 0);
    CHECK(!matrix_read(a, label, &(MatrixAsk){ .label = data }, &m, &e) && strstr(e.message, "x.npy: has 3 rows of 2"));
    CHECK(!matrix_read(a, data, &(MatrixAsk){ .label = file_with("y.csv", S("1\n2\n3\n")) }, &m, &e) && strstr(e.message, "neither npy nor IDX"));
}

TEST(matrix, reads_fashion_mnist)
{
    static const char x[] = "/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz", y[] = "/usr/share/datasets/fashion-mnist/t10k-labels-idx1-ubyte.gz";
    defer_arena Arena *a = arena_new(64 << 20);
    Matrix m;
    Err    e = { 0 };
    if (file_exists(x)) {
        CHECK(matrix_read(a, x, &(MatrixAsk){ .label = y, .divide = 255 }, &m, &e));
        CHECK(m.rows == 10000 && m.cols == 784 && m.classes == 10 && m.label[0] == 9 && str_is(m.class[9], "9") && m.not_finite == 0);
    }
}

TEST(matrix, reads_the_digits)
{
    const char *digits = test_vectors("data/digits/digits_8x8.csv");
    if (digits == NULL)
        skip();                                        /* leaves by a long jump: nothing may be owned yet */
    defer_arena Arena *a = arena_new(64 << 20);
    Matrix             m;
    Err                e = { 0 };
    CHECK(matrix_read(a, digits, &(MatrixAsk){ .label = "x64" }, &m, &e) && m.rows == 1797 && m.cols == 64 && m.classes == 10);
    CHECK(m.label[0] == 0 && m.label[1] == 1 && m.x[2] == 5 && m.x[64 + 3] == 12);
}
