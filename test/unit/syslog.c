#include "../test.h"
#include "format/syslog.h"
#include "base/clock.h"

static Str whole(Buf *b, const SyslogHead *h, const char *msg)
{
    b->n = 0;
    syslog_put(b, h, str(msg));
    return buf_view(b);
}

static int64_t when(const char *text)
{
    int64_t ns = 0;
    CHECK(time_parse(str(text), &ns));
    return ns;
}

/* RFC 5424 s6.5; the second in UTC, as all our times are. */
TEST(syslog, writes_the_examples_of_the_rfc)
{
    defer_buf Buf     b = { 0 };
    const SyslogParam p[] = {
        { S("exampleSDID@32473"), S("iut"), S("3") },
        { S("exampleSDID@32473"), S("eventSource"), S("Application") },
        { S("exampleSDID@32473"), S("eventID"), S("1011") },
        { S("examplePriority@32473"), S("class"), S("high") },
    };
    SyslogHead one = { 4, 2, when("2003-10-11T22:14:15.003Z"), S("mymachine.example.com"), S("su"), S(""), S("ID47"), NULL, 0, true };
    CHECK(str_is(whole(&b, &one, "'su root' failed for lonvick on /dev/pts/8"),
                 "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \xEF\xBB\xBF'su root' failed for lonvick on /dev/pts/8"));
    SyslogHead two = { 20, 5, when("2003-08-24T05:14:15.000003-07:00"), S("192.0.2.1"), S("myproc"), S("8710"), S(""), NULL, 0, false };
    CHECK(str_is(whole(&b, &two, "%% It's time to make the do-nuts."),
                 "<165>1 2003-08-24T12:14:15.000003Z 192.0.2.1 myproc 8710 - - %% It's time to make the do-nuts."));
    SyslogHead three = { 20, 5, one.time_ns, one.host, S("evntslog"), S(""), S("ID47"), p, 3, true };
    CHECK(str_is(whole(&b, &three, "An application event log entry..."),
                 "<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut=\"3\" "
                 "eventSource=\"Application\" eventID=\"1011\"] \xEF\xBB\xBF" "An application event log entry..."));
    three.param_count = 4;
    CHECK(str_is(whole(&b, &three, ""),
                 "<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut=\"3\" "
                 "eventSource=\"Application\" eventID=\"1011\"][examplePriority@32473 class=\"high\"]"));
}

TEST(syslog, keeps_hostile_texts_inside_their_field)
{
    defer_buf Buf     b = { 0 };
    const SyslogParam p[] = { { S("a b@1"), S("k=]\"x"), S("say \"hi\" \\ [x]\n<34>1") } };
    SyslogHead        h = { 16, 6, 0, S("a b\nc"), S("\x7f\xc3\xa9"), S("1 2"), S("0123456789012345678901234567890123456789"), p, 1, false };
    CHECK(str_is(whole(&b, &h, "m"),
              "<134>1 1970-01-01T00:00:00.000Z a?b?c ??? 1?2 01234567890123456789012345678901 "
              "[a?b@1 k???x=\"say \\\"hi\\\" \\\\ [x\\]\n<34>1\"] m"));
    b.n = 0;
    syslog_count(&b, S("two\nlines"));
    CHECK(str_is(buf_view(&b), "9 two\nlines"));
}

TEST(syslog, writes_relp_frames_and_reads_answers_cut_anywhere)
{
    defer_buf Buf b = { 0 };
    relp_put(&b, 1, "open", S("relp_version=0")), relp_put(&b, 4, "close", S(""));
    CHECK(str_is(buf_view(&b), "1 open 14 relp_version=0\n4 close 0\n"));
    /* seen from rsyslog 8.2302 */
    Str wire = S("1 rsp 93 200 OK\nrelp_version=0\nrelp_software=librelp,1.11.0,http://librelp.adiscon.com\ncommands=syslog\n2 rsp 6 200 OK\n"
                 "3 rsp 9 500 error\n4 rsp 0\n0 serverclose 0\n");
    const struct { uint32_t txnr; bool rsp; unsigned code; } want[] = {
        { 1, true, 200 }, { 2, true, 200 }, { 3, true, 500 }, { 4, true, 0 }, { 0, false, 0 },
    };
    for (size_t i = 0; i < len_of(want); i++) {
        RelpAnswer r;
        size_t     used = 0;
        for (size_t cut = 0; cut < wire.n && relp_get((Str){ wire.p, cut }, &r, &used) != RELP_FRAME; cut++)
            CHECK(relp_get((Str){ wire.p, cut }, &r, &used) == RELP_MORE);
        CHECK(relp_get(wire, &r, &used) == RELP_FRAME && r.txnr == want[i].txnr && r.rsp == want[i].rsp && r.code == want[i].code);
        wire = str_from(wire, used);
    }
    CHECK(wire.n == 0);
}

TEST(syslog, refuses_broken_relp_frames)
{
    static const char *const rows[] = {
        "x", " 1 rsp 0\n", "1rsp 0\n", "1 rsp x\n", "1 rsp 2 200 OK\n", "1 rsp 0 \n", "9999999999 rsp 0\n", "4294967297 rsp 0\n",
        "1 rsp 131073 ", "1 rsp 99999999999999999999\n", "1  0\n", "1 r-p 0\n", "1 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "\n",
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        RelpAnswer r;
        size_t     used;
        CHECK_ROW(relp_get(str(rows[i]), &r, &used) == RELP_BROKEN, rows[i]);
    }
}
