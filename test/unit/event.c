#include "../test.h"
#include "spool/event.h"

TEST(event, round_trips_and_refuses_other_things)
{
    defer_arena Arena *a = arena_new(1 << 20);
    defer_buf Buf      b = { 0 };
    Err                e = { 0 };
    Event              v = { .endpoint = S("endpoints.predict"), .key = S("AbCdEfGh"), .status = 200, .verdict = S("pass"),
                             .address = S("127.0.0.1"), .bytes_in = 17, .prediction = S("[1,2]") }, back;
    CHECK(event_put(&b, &v));
    CHECK(str_is(buf_view(&b), "{\"endpoint\":\"endpoints.predict\",\"key\":\"AbCdEfGh\",\"address\":\"127.0.0.1\",\"status\":200,"
                               "\"verdict\":\"pass\",\"bytes_in\":17,\"prediction\":[1,2]}"));
    CHECK(event_get(a, buf_view(&b), &back, &e) && back.status == 200 && str_eq(back.key, v.key) &&
          str_eq(back.prediction, v.prediction));
    CHECK(!event_get(a, S("{\"status\":\"x\"}"), &back, &e) && !event_get(a, S("[]"), &back, &e));
}

TEST(event, alerts_round_trip)
{
    defer_arena Arena *a = arena_new(1 << 20);
    defer_buf Buf      b = { 0 };
    Err                e = { 0 };
    AlertEvent         v = { .id = S("5f"), .state = S("firing"), .rule = S("MOAT-W001"), .severity = S("high"), .value = S("0.25") }, back;
    CHECK(alert_event_put(&b, &v));
    CHECK(str_is(buf_view(&b), "{\"id\":\"5f\",\"state\":\"firing\",\"rule\":\"MOAT-W001\",\"severity\":\"high\",\"value\":0.25}"));
    CHECK(alert_event_get(a, buf_view(&b), &back, &e) && str_is(back.value, "0.25") && str_is(back.state, "firing"));
    CHECK(!alert_event_get(a, S("{\"rule\":1}"), &back, &e) && !alert_event_get(a, S("3"), &back, &e));
}

/* A blank behind the first bracket sends it through the tree: both ways must give the same, or both refuse. */
TEST(event, reads_the_same_with_and_without_a_tree)
{
    static const char *const rows[] = {
        "}", "\"status\":200}", "\"status\":0}", "\"status\":007}", "\"status\":-1}", "\"status\":1.5}", "\"status\":1e2}", "\"status\":18446744073709551615}",
        "\"status\":99999999999999999999}", "\"status\":9999999999999999999}", "\"status\":}", "\"status\":1,}", "\"status\":1,\"status\":2}", "\"status\":1}}", "\"status\":1",
        "\"request\":\"a\",\"key\":\"b\",\"status\":7}", "\"key\":\"b\",\"request\":\"a\"}", "\"request\":\"\",\"new\":[1]}", "\"key\":\"a\\u0041\"}", "\"key\":\"\xc3\xa4\"}", "\"key\":\"\xff\"}",
        "\"key\":\"a", "\"key\":7}", "\"key\":null}", "\"prediction\":[1,2]}", "\"prediction\":{\"a\":[1,{\"b\":\"x,}\"}]}}", "\"prediction\":[1,2}", "\"prediction\":]}", "\"prediction\":}",
        "\"prediction\":1,2}", "\"prediction\":{\"a\":1,\"a\":2}}", "\"prediction\":[1 , 2]}", "\"prediction\":[\"\\n\"]}", "\"prediction\":true,\"x\":1}", "\"prediction\":[1]]}", "\"prediction\":\"a\"b}",
        "\"prediction\":nul}", "\"prediction\":01}", "",
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        defer_arena Arena *a = arena_new(1 << 20);
        Event              x, y;
        Err                e = { 0 };
        Str                quick = str(arena_printf(a, "{%s", rows[i])), slow = str(arena_printf(a, "{ %s", rows[i]));
        bool               ok = event_get(a, quick, &x, &e);
        CHECK_ROW(ok == event_get(a, slow, &y, &e), rows[i]);
        if (!ok)
            continue;
        CHECK_ROW(x.status == y.status && str_eq(x.request, y.request) && str_eq(x.key, y.key), rows[i]);
        CHECK_ROW(str_eq(x.prediction, y.prediction), rows[i]);
    }
}

/* Both computed with Python's base64.b32encode. */
TEST(event, ids_are_base32)
{
    uint8_t producer[16] = { 0 };
    char    id[EVENT_ID];
    event_id(producer, 1, id);
    CHECK_STR(id, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaai");
    memset(producer, 0xFF, 16);
    event_id(producer, 0x0102030405060708, id);
    CHECK_STR(id, "77777777777777777777777774aqeayeaudaoca");
}
