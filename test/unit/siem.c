#include "../test.h"
#include "format/json.h"
#include "format/siem.h"

static const SiemSource from = { S("host1"), S("shop"), S("1.0") };

static SiemEvent request(void)
{
    return (SiemEvent){ .id = S("abc"), .time_ns = 1700000000250000000, .seq = 7, .producer = S("gate.0"), .severity = SIEM_LOW,
                        .raw = S("{\"status\":403}"), .endpoint = S("endpoints.predict"), .key = S("Kk"), .address = S("::1"),
                        .verdict = S("refuse"), .reason = S("schema"), .status = 403, .bytes_in = 9, .total_us = 1500 };
}

static SiemEvent alert(void)
{
    return (SiemEvent){ .id = S("abc"), .time_ns = 1700000000250000000, .severity = SIEM_HIGH, .alert = true, .raw = S("{}"),
                        .alert_id = S("f1"), .state = S("firing"), .rule = S("MOAT-W001"), .title = S("drift"), .message = S("m"),
                        .technique = S("AML.T0024.002"), .value = S("0.5") };
}

static Str written(Buf *b, SiemWriter *put, SiemEvent v)
{
    b->n = 0;
    put(b, &from, &v);
    return buf_view(b);
}

TEST(siem, lines_look_as_their_makers_say)
{
    defer_buf Buf b = { 0 };
    CHECK(str_is(written(&b, siem_cef, request()),
                 "CEF:0|moat|moat|1.0|schema|prediction refused|4|rt=1700000000250 externalId=abc dvchost=host1 src=::1 suser=Kk "
                 "outcome=refuse reason=schema in=9 cn1Label=status cn1=403 cs1Label=endpoint cs1=endpoints.predict"));
    CHECK(str_is(written(&b, siem_leef, alert()),
                 "LEEF:2.0|moat|moat|1.0|MOAT-W001|x09|devTime=2023-11-14T22:13:20.250+0000\tdevTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ"
                 "\tsev=8\tcat=alert\texternalId=abc\tdevName=host1\tstate=firing\ttitle=drift\tmsg=m\ttechnique=AML.T0024.002\tvalue=0.5"));
}

TEST(siem, nothing_leaves_its_field)
{
    defer_buf Buf b = { 0 };
    SiemEvent v = request(), w = alert();
    v.reason = S("a|b\\c=d\r\ne\0f"), w.rule = S("x|y\tz\n"), w.message = S("tab\tline\nend=1");
    Str cef = written(&b, siem_cef, v);
    CHECK(str_starts(cef, S("CEF:0|moat|moat|1.0|a\\|b\\\\c=d  e f|prediction refused|4|")));
    CHECK(memmem(cef.p, cef.n, " reason=a|b\\\\c\\=d\\r\\ne f ", 24) != NULL && memchr(cef.p, '\n', cef.n) == NULL);
    Str leef = written(&b, siem_leef, w);
    CHECK(str_starts(leef, S("LEEF:2.0|moat|moat|1.0|x y z |x09|")) && memmem(leef.p, leef.n, "\tmsg=tab line end=1\t", 20) != NULL);
}

static Str at(const Json *v, const char *path)
{
    Str name, rest = str(path);
    for (bool more = true; more && v != NULL;) {
        char z[40];
        more = str_cut(rest, '.', &name, &rest);
        snprintf(z, sizeof z, "%.*s", STR(name));
        v = v->type == JSON_ARRAY ? json_at(v, 0) : v;
        v = json_get(v, z);
    }
    return v == NULL ? S("") : v->text;
}

TEST(siem, json_forms_hold_the_event_and_survive_hostile_texts)
{
    static const struct { SiemWriter *put; bool alert; const char *path, *want; } rows[] = {
        { siem_ocsf, false, "type_uid", "600399" }, { siem_ocsf, false, "time", "1700000000250" },
        { siem_ocsf, false, "metadata.uid", "abc" }, { siem_ocsf, false, "src_endpoint.ip", "::1" },
        { siem_ocsf, false, "http_response.code", "403" }, { siem_ocsf, false, "status_detail", "sch\"\n\xEF\xBF\xBD" },
        { siem_ocsf, true, "type_uid", "200401" }, { siem_ocsf, true, "finding_info.uid", "f1" },
        { siem_ocsf, true, "finding_info.attacks.technique.uid", "AML.T0024" },
        { siem_ocsf, true, "finding_info.attacks.sub_technique.uid", "AML.T0024.002" },
        { siem_ecs, false, "@timestamp", "2023-11-14T22:13:20.250Z" }, { siem_ecs, false, "event.id", "abc" },
        { siem_ecs, false, "http.response.status_code", "403" }, { siem_ecs, false, "event.duration", "1500000" },
        { siem_ecs, false, "event.original", "{\"status\":403}" }, { siem_ecs, true, "rule.id", "MOAT-W001" },
        { siem_ecs, true, "moat.value", "0.5" }, { siem_json, false, "event.status", "403" }, { siem_json, true, "kind", "alert" },
    };
    defer_arena Arena *a = arena_new(1 << 20);
    defer_buf Buf      b = { 0 };
    for (size_t i = 0; i < len_of(rows); i++) {
        SiemEvent v = rows[i].alert ? alert() : request();
        v.reason = S("sch\"\n\xff");
        Err         e = { 0 };
        const Json *tree = json_parse(a, written(&b, rows[i].put, v), JSON_STRICT, &e);
        CHECK_ROW(tree != NULL, e.message);
        CHECK_ROW(str_is(at(tree, rows[i].path), rows[i].want), rows[i].path);
    }
}
