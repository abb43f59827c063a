#include "../test.h"
#include "watch/sink.h"

enum { N = 3 };

typedef struct Three {
    ShipItem  item[N];
    ShipItem *v[N];
} Three;

static void three(Three *t)
{
    *t = (Three){ 0 };
    for (size_t i = 0; i < N; i++)
        t->v[i] = &t->item[i], t->item[i].id[0] = (char)('a' + i);
}

#define ITEM(id, rest) "{\"create\":{\"_id\":\"" id "\"," rest "}}"
#define OK(id) ITEM(id, "\"status\":201")

TEST(sinks, each_item_of_a_bulk_answer_has_its_own_fate)
{
    static const struct { const char *item; ItemState state; bool stop; } rows[] = {
        { "\"status\":201", ITEM_DONE, false },
        { "\"status\":409,\"error\":{\"type\":\"version_conflict_engine_exception\",\"reason\":\"there\"}", ITEM_DONE, false },
        { "\"status\":429,\"error\":{\"type\":\"es_rejected_execution_exception\",\"reason\":\"full\"}", ITEM_PENDING, false },
        { "\"status\":503,\"error\":{\"type\":\"unavailable_shards_exception\",\"reason\":\"x\"}", ITEM_PENDING, false },
        { "\"status\":403,\"error\":{\"type\":\"cluster_block_exception\",\"reason\":\"flood stage\"}", ITEM_PENDING, false },
        { "\"status\":400,\"error\":{\"type\":\"document_parsing_exception\",\"reason\":\"bad\\nline\"}", ITEM_DEAD, false },
        { "\"status\":403,\"error\":{\"type\":\"security_exception\",\"reason\":\"x\"}", ITEM_PENDING, true },
        { "\"status\":404,\"error\":{\"type\":\"index_not_found_exception\",\"reason\":\"x\"}", ITEM_PENDING, true },
        { "\"status\":400,\"error\":{\"type\":\"invalid_index_name_exception\",\"reason\":\"x\"}", ITEM_PENDING, true },
        { "\"status\":999", ITEM_PENDING, false },
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        defer_arena Arena *a = arena_new(1 << 20);
        char               body[512];
        Three              t;
        Err                e = { 0 };
        bool               stop;
        three(&t);
        int n = snprintf(body, sizeof body, "{\"errors\":true,\"items\":[" OK("a") ",{\"create\":{\"_id\":\"b\",%s}}," OK("c") "]}", rows[i].item);
        CHECK_ROW(bulk_answer(a, (Str){ body, (size_t)n }, t.v, N, &stop, &e) && stop == rows[i].stop, rows[i].item);
        CHECK_ROW(t.item[0].state == ITEM_DONE && t.item[1].state == rows[i].state && t.item[2].state == ITEM_DONE, rows[i].item);
        CHECK_ROW((t.item[1].reason[0] != '\0') == (rows[i].state == ITEM_DEAD) && strchr(t.item[1].reason, '\n') == NULL, t.item[1].reason);
    }
}

/* Whoever answers about other events has told us nothing. */
TEST(sinks, a_bulk_answer_about_something_else_judges_nothing)
{
    static const char *const rows[] = {
        "", "[]", "{}", "{\"items\":{}}", "{\"errors\":false,\"items\":[]}", "{\"items\":[" OK("a") "," OK("b") "]}",
        "{\"items\":[" OK("a") "," OK("b") "," OK("c") "," OK("d") "]}", "{\"items\":[" OK("a") "," OK("c") "," OK("b") "]}",
        "{\"items\":[" OK("a") "," OK("b") ",{\"create\":{\"_id\":\"c\"}}]}", "{\"items\":[" OK("a") "," OK("b") ",3]}",
        "{\"items\":[" OK("a") "," OK("b") ",{}]}", "{\"items\":[" OK("a") "," OK("b") "," OK("c"),
        "{\"items\":[" OK("a") "," OK("b") "," ITEM("c", "\"status\":\"201\"") "]}",
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        defer_arena Arena *a = arena_new(1 << 20);
        Three              t;
        Err                e = { 0 };
        bool               stop;
        three(&t);
        CHECK_ROW(!bulk_answer(a, str(rows[i]), t.v, N, &stop, &e), rows[i]);
        CHECK_ROW(t.item[0].state == ITEM_PENDING && t.item[1].state == ITEM_PENDING && t.item[2].state == ITEM_PENDING, rows[i]);
    }
}

TEST(sinks, hec_answers_are_read_as_splunk_writes_them)
{
    defer_arena Arena *a = arena_new(1 << 20);
    HecAnswer          r;
    CHECK(hec_answer(a, S("{\"text\":\"Success\",\"code\":0,\"ackId\":7}"), &r) && r.code == 0 && r.acked && r.ack_id == 7);
    CHECK(hec_answer(a, S("{\"text\":\"Invalid data format\",\"code\":6,\"invalid-event-number\":3}"), &r) && r.code == 6 && r.numbered && r.invalid == 3);
    CHECK(hec_answer(a, S("{\"text\":\"Server is busy\",\"code\":9}"), &r) && r.code == 9 && !r.acked && !r.numbered);
    CHECK(!hec_answer(a, S("<html>502</html>"), &r) && r.code == -1);
    CHECK(!hec_answer(a, S("{\"code\":\"0\"}"), &r) && !hec_answer(a, S("[0]"), &r));
    CHECK(hec_acked(a, S("{\"acks\":{\"7\":true,\"8\":false}}"), 7) && !hec_acked(a, S("{\"acks\":{\"7\":true,\"8\":false}}"), 8));
    CHECK(!hec_acked(a, S("{\"acks\":{\"70\":true}}"), 7) && !hec_acked(a, S("{\"acks\":[true]}"), 0) && !hec_acked(a, S("true"), 1));
    CHECK(!hec_acked(a, S("{\"acks\":{\"7\":\"true\"}}"), 7));
}

TEST(sinks, a_status_without_a_body_means_what_http_says)
{
    static const struct { int status; SinkResult want; } rows[] = {
        { 200, SINK_JUDGED }, { 204, SINK_JUDGED }, { 301, SINK_STOP }, { 400, SINK_SPLIT }, { 401, SINK_STOP },   { 403, SINK_STOP },
        { 404, SINK_STOP },   { 408, SINK_RETRY },  { 413, SINK_SPLIT }, { 429, SINK_RETRY }, { 500, SINK_RETRY }, { 503, SINK_RETRY },
    };
    Sink s = { .c.uri = (char[]){ "http://x" } };
    for (size_t i = 0; i < len_of(rows); i++)
        CHECK(sink_status(&s, rows[i].status, S(""), NULL) == rows[i].want);
}
