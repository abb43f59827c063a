/* The judge of pickles: other people's files, and a hand-made stream for each requirement. */
#include "base/file.h"
#include "model/scan_pickle.h"
#include "../test.h"

typedef struct Heard {
    unsigned count[64];                                /* by rule                                               */
    Str      text;                                     /* of all messages, one a line                           */
    Buf      all;
} Heard;

static void hear_hit(void *ctx, const ScanHit *h)
{
    Heard *l = ctx;
    l->count[h->rule]++;
    buf_printf(&l->all, "%s at %" PRIu64 ": %.*s\n", model_rules[h->rule].id, h->byte, STR(h->message));
}

static ScanVerdict judge(Str bytes, PickleHome home, Heard *l)
{
    defer_arena Arena *a = arena_new(256 << 20);
    ScanOut    out = { l, hear_hit, NULL };
    ScanPickle in = { .bytes = bytes, .home = home };
    uint64_t   end;
    return scan_pickle(a, &in, &out, &end);
}

static ScanVerdict judge_plain(Str bytes)
{
    Heard       l = { 0 };
    ScanVerdict v = judge(bytes, PICKLE_PLAIN, &l);
    buf_free(&l.all);
    return v;
}

TEST(scan_pickle, tells_a_call_from_data)
{
    CHECK(judge_plain(S("cos\nsystem\n(S'true'\ntR.")) == SCAN_MALICIOUS);
    CHECK(judge_plain(S("\x80\x04]\x94(K\x01K\x02" "e.")) == SCAN_CLEAN);
    CHECK(judge_plain(S("\x80\x04]\x94(K\x01K\x02" "e")) == SCAN_BROKEN);
}

/* ---- other people's files */

typedef struct Tally {
    unsigned malicious, found, as_malicious, benign, false_malicious, false_suspicious, other, missed;
} Tally;

static void count(Tally *t, Str expected, ScanVerdict v)
{
    bool bad = v >= SCAN_SUSPICIOUS;
    if (str_is(expected, "malicious"))
        t->malicious++, t->found += bad, t->as_malicious += v == SCAN_MALICIOUS;
    else if (str_is(expected, "benign"))
        t->benign++, t->false_malicious += v == SCAN_MALICIOUS, t->false_suspicious += v == SCAN_SUSPICIOUS;
    else
        t->other++, t->missed += v == SCAN_CLEAN;
}

static void judge_file(Tally *t, Str name, Str expected)
{
    Err   e = { 0 };
    char  path[512];
    Heard l = { 0 };
    defer_arena Arena *a = arena_new(64 << 20);
    snprintf(path, sizeof path, "%s/model/%.*s", getenv("MOAT_VECTORS"), STR(name));
    Str         bytes;
    CHECK_ROW(file_read(a, path, 64 << 20, &bytes, &e), path);
    ScanVerdict v = judge(bytes, PICKLE_PLAIN, &l);
    count(t, expected, v);
    if (getenv("SHOW"))
        printf("%.*s want %.*s got %d\n%.*s", STR(name), STR(expected), v, STR(buf_view(&l.all)));
    buf_free(&l.all);
}

TEST(scan_pickle, agrees_with_other_peoples_files)
{
    const char *csv = test_vectors("model/scan/expected.csv");
    if (csv == NULL)
        skip();
    defer_arena Arena *a = arena_new(64 << 20);
    Err   e = { 0 };
    Tally t = { 0 };
    Str   rest, line, name, format, expected;
    CHECK(file_read(a, csv, 1 << 20, &rest, &e));
    while (str_cut(rest, '\n', &line, &rest)) {
        str_cut(line, ',', &name, &line), str_cut(line, ',', &format, &line), str_cut(line, ',', &expected, &line);
        if (str_is(format, "pkl"))
            judge_file(&t, name, expected);
    }
    printf("malicious %u found %u as malicious %u; benign %u malicious %u suspicious %u; others %u clean %u\n", t.malicious, t.found, t.as_malicious,
           t.benign, t.false_malicious, t.false_suspicious, t.other, t.missed);
    CHECK(t.found * 100 >= t.malicious * 98 && t.as_malicious * 100 >= t.malicious * 90);
    CHECK(t.false_malicious == 0 && t.false_suspicious * 100 <= t.benign * 5);
    CHECK(t.missed == 0);
}
