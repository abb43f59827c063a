#include "../test.h"
#include "base/file.h"
#include "data/match.h"

/* Two texts as CSV, matched; for each output row its input row from 1 and a letter for how: "2k" or "-" for opaque. */
static void match_texts(const char *in, const char *out, const char *key, bool allow_position, char *got, Matched *m)
{
    static char    paths[2][256];
    const char    *texts[] = { in, out };
    RowSet         set[2];
    Err            e = { 0 };
    defer_arena Arena *a = arena_new(1 << 20);
    for (int i = 0; i < 2; i++) {
        snprintf(paths[i], sizeof paths[i], "%s/match-%d.csv", test_dir(), i);
        CHECK_ROW(file_replace(paths[i], str(texts[i]), 0600, &e) && rowset_read(a, paths[i], ROWS_CSV, &set[i], &e), e.message);
    }
    MatchAsk ask = { &set[0], 1, &set[1], &key, key != NULL, allow_position };
    CHECK_ROW(match_rows(&ask, m, &e), e.message);
    *got = '\0';
    for (uint64_t i = 0; i < m->rows; i++)
        if (m->from[i] == NOWHERE)
            strcat(got, i ? " -" : "-");
        else
            sprintf(got + strlen(got), "%s%u%c", i ? " " : "", m->from[i] + 1, "ekPp"[m->evidence[i]]);
    rowset_free(&set[0]), rowset_free(&set[1]);
}

TEST(data_match, finds_where_rows_came_from_or_says_that_it_does_not_know)
{
    static const struct { const char *what, *in, *out, *key, *want; } rows[] = {
        { "kept and shuffled", "id,v\n1,a\n2,b\n3,c\n", "id,v\n3,c\n1,a\n", NULL, "3e 1e" },
        { "quoted otherwise", "id,v\n1,a\n2,b\n", "id,v\n\"2\",\"b\"\n", NULL, "2e" },
        { "equal rows in their order, a copy too many", "v,w\nx,1\ny,1\nx,1\n", "v,w\nx,1\nx,1\nx,1\n", NULL, "1e 3e 1e" },
        { "an edited value, key declared", "id,v\n1,a\n2,b\n3,c\n", "id,v\n2,B\n", "id", "2k" },
        { "an edited value, key found", "id,v,w\n1,a,x\n2,b,y\n3,c,z\n", "id,v,w\n2,B,y\n3,c,z\n", NULL, "2k 3e" },
        { "numbers given anew are no key", "id,v\n1,a\n2,b\n3,c\n4,d\n", "id,v\n1,c\n2,d\n", NULL, "- -" },
        { "a key of several different rows", "id,v\n1,a\n1,b\n", "id,v\n1,c\n", "id", "-" },
        { "a key of equal rows", "id,v\n1,a\n1,a\n", "id,v\n1,c\n", "id", "1k" },
        { "a row that is new", "id,v\n1,a\n2,b\n", "id,v\n1,a\n9,z\n", "id", "1e -" },
        { "fewer columns, another order", "id,v,w\n1,a,x\n2,a,y\n3,b,x\n", "w,v\ny,a\nx,b\n", NULL, "2P 3P" },
        { "numbers that say the same", "v,n\nq,1.50\nq,2e1\nr,1.5\n", "v,n\nq,20\nq,1.5\n", NULL, "2P 1P" },
        { "more digits than a double holds", "v,n\nq,9007199254740993\n", "v,n\nr,9007199254740992\n", NULL, "-" },
        { "a column more", "v,w\na,x\na,y\nb,x\n", "v,w,n\nb,x,7\n", NULL, "3P" },
        { "renamed and turned round", "v,w\na,x\na,y\nb,x\n", "q,p\nx,a\ny,a\nx,b\n", NULL, "1P 2P 3P" },
        { "only renamed", "v,w\na,x\nb,y\n", "p,q\nb,y\n", NULL, "2e" },
        { "a projection that several rows fit", "v,w\na,x\na,y\n", "v\na\n", NULL, "-" },
        { "a projection with one for each", "v,w\na,x\na,y\nb,z\n", "v\na\nb\na\n", NULL, "1P 3P 2P" },
        { "between neighbours", "v,w\na,x\nb,x\nc,y\nd,z\ne,z\n", "v,w\na,x\nb,x\nC,Y\nd,z\ne,z\n", NULL, "1e 2e 3p 4e 5e" },
        { "a gap of another length", "v,w\na,x\nb,x\nc,y\nc2,y\nd,z\ne,z\n", "v,w\na,x\nb,x\nC,Y\nd,z\ne,z\n", NULL, "1e 2e - 5e 6e" },
        { "no output", "v\na\n", "v\n", NULL, "" },
        { "no input", "v\n", "v\na\n", NULL, "-" },
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        char    got[256];
        Matched m;
        match_texts(rows[i].in, rows[i].out, rows[i].key, false, got, &m);
        if (strcmp(got, rows[i].want) != 0)
            print_error("%s\n", rows[i].what);
        CHECK_STR(got, rows[i].want);
        matched_free(&m);
    }
}

TEST(data_match, rows_by_number_only_when_asked_for)
{
    char    got[64];
    Matched m;
    match_texts("v\na\nb\n", "w\nA\nB\n", NULL, false, got, &m);
    CHECK_STR(got, "- -");
    matched_free(&m);
    match_texts("v\na\nb\n", "w\nA\nB\n", NULL, true, got, &m);
    CHECK_STR(got, "1p 2p");
    matched_free(&m);
}

TEST(data_match, counts_what_it_found)
{
    char    got[64];
    Matched m;
    match_texts("id,v\n1,a\n2,b\n3,c\n3,d\n", "id,v\n1,a\n1,a\n2,B\n3,x\n9,z\n", "id", false, got, &m);
    CHECK_STR(got, "1e 1e 2k - -");
    CHECK(m.count[EDGE_EXACT] == 2 && m.copies == 1 && m.count[EDGE_KEY] == 1 && m.modified == 1 && m.count[EDGE_OPAQUE] == 2);
    CHECK(m.ambiguous == 1 && m.changed[0] == 0 && m.changed[1] == 1);
    matched_free(&m);
}
