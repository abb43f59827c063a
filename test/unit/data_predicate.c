#include "../test.h"
#include "data/predicate.h"

static const Str column[] = { { "id", 2 }, { "a b", 3 }, { "t", 1 } };

TEST(data_predicate, says_what_it_reads)
{
    static const struct { const char *text, *id, *ab, *t; int holds; } rows[] = {
        { "id = 7", "7", "", "", 1 }, { "id = 7", "7.0", "", "", 1 }, { "id = 7", " 7 ", "", "", 1 }, { "id = '7'", "7.0", "", "", 0 },
        { "id = 7", "seven", "", "", 0 }, { "id != 7", "seven", "", "", 1 }, { "id < 7", "seven", "", "", 0 }, { "id >= 7", "", "", "", 0 },
        { "id < -1e3", "-1000.5", "", "", 1 }, { "id <= .5", ".5", "", "", 1 }, { "id > +2", "2", "", "", 0 }, { "id >= 2", "2", "", "", 1 },
        { "t = ''", "", "", "", 1 }, { "t = 'it''s'", "", "", "it's", 1 }, { "t < 'b'", "", "", "a", 1 }, { "t ~ 'bc'", "", "", "abcd", 1 },
        { "t ~ 'bd'", "", "", "abcd", 0 }, { "t ~ ''", "", "", "", 1 }, { "\"a b\" = 1", "", "1", "", 1 },
        { "id in (1, '2', 3)", "3.0", "", "", 1 }, { "id in (1, '2', 3)", "2.0", "", "", 0 }, { "id in (1)", "1", "", "", 1 },
        { "t is empty", "", "", "", 1 }, { "t is not empty", "", "", "", 0 }, { "not t is empty", "", "", "x", 1 }, { "not not t is empty", "", "", "", 1 },
        { "id = 1 or id = 2 and t = 'x'", "1", "", "", 1 }, { "(id = 1 or id = 2) and t = 'x'", "1", "", "", 0 },
        { "id = 1 and t = 'x' or id = 2", "2", "", "", 1 }, { "not id = 1 and t = 'x'", "2", "", "x", 1 }, { "not (id = 1 and t = 'x')", "1", "", "y", 1 },
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        defer_arena Arena *a = arena_new(1 << 20);
        Err                e = { 0 };
        const Str          cell[] = { str(rows[i].id), str(rows[i].ab), str(rows[i].t) };
        Predicate         *p = predicate_parse(a, str(rows[i].text), column, len_of(column), &e);
        CHECK_ROW(p != NULL, rows[i].text);
        CHECK_ROW(predicate_holds(p, cell) == rows[i].holds, rows[i].text);
    }
}

TEST(data_predicate, names_the_byte_where_it_stops)
{
    static const struct { const char *text, *want; } rows[] = {
        { "", "byte 1: a column" }, { "id", "byte 3: one of" }, { "id = ", "byte 6: a number" }, { "id = x", "byte 6: a number" }, { "no = 1", "byte 1: there is no column 'no'" },
        { "id = 1 t", "byte 8: 'and', 'or'" }, { "id in 1", "byte 7: '('" }, { "id in (1", "byte 9: ')'" }, { "(id = 1", "byte 8: ')'" }, { "id is t", "byte 7: 'empty'" },
        { "t = 'x", "byte 5: a number or a 'text'" }, { "t ~ 1", "byte 6: a 'text'" }, { "id = 1e", "byte 6: a number" }, { "id ! 1", "byte 4: one of" }, { "= 1", "byte 1: a column" },
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        defer_arena Arena *a = arena_new(1 << 20);
        Err                e = { 0 };
        CHECK_ROW(predicate_parse(a, str(rows[i].text), column, len_of(column), &e) == NULL, rows[i].text);
        CHECK_ROW(strstr(e.message, rows[i].want) != NULL, e.message);
    }
}

TEST(data_predicate, is_neither_too_long_nor_too_deep)
{
    defer_arena Arena *a = arena_new(64 << 20);
    defer_buf Buf      list = { 0 }, deep = { 0 };
    Err                e = { 0 };
    const Str          cell[] = { S("9999"), S(""), S("") };
    buf_z(&list, "id in (0");
    for (int i = 1; i < 10000; i++)
        buf_printf(&list, ",%d", i);
    buf_z(&list, ")");
    Predicate *p = predicate_parse(a, buf_view(&list), column, len_of(column), &e);
    CHECK(p != NULL && predicate_holds(p, cell));
    for (int i = 0; i < 100; i++)
        buf_z(&deep, "not ");
    buf_z(&deep, "id = 1");
    CHECK(predicate_parse(a, buf_view(&deep), column, len_of(column), &e) == NULL && strstr(e.message, "deep"));
    while (list.n <= PREDICATE_BYTES)
        buf_z(&list, "          ");
    CHECK(predicate_parse(a, buf_view(&list), column, len_of(column), &e) == NULL && strstr(e.message, "longer"));
}
