#include "../test.h"
#include "finding/finding.h"

static const Rule pickle = { "MOAT-M001", SEV_HIGH, "pickle calls os.system on load", "", "moat model convert model.pkl model.safetensors", "CWE-502" };
static const Rule other = { "MOAT-M002", SEV_CRITICAL, "a worse thing", "", "", "" };

static const Finding *add(Findings *l, Finding f)
{
    CHECK(finding_add(l, f));
    return findings_at(l, findings_count(l) - 1);
}

static const char *id_of(Arena *a, const Rule *r, const char *part, const char *subject, Place at, const char *message)
{
    Finding f = finding_of(r, str(part), str(subject));
    f.at = at, f.message = str(message);
    return add(findings_new(a), f)->id;
}

TEST(finding, the_id_depends_on_rule_part_subject_and_place_alone)
{
    defer_arena Arena *a = arena_new(1 << 20);
    const char        *id = id_of(a, &pickle, "p", "s", (Place){ .byte = 1 }, "m");
    CHECK(strlen(id) == 32 && strspn(id, "0123456789abcdef") == 32);
    CHECK_STR(id_of(a, &pickle, "p", "s", (Place){ .byte = 1 }, "another sentence"), id);
    CHECK(strcmp(id_of(a, &other, "p", "s", (Place){ .byte = 1 }, "m"), id) != 0);
    CHECK(strcmp(id_of(a, &pickle, "ps", "", (Place){ .byte = 1 }, "m"), id) != 0);
    CHECK(strcmp(id_of(a, &pickle, "p", "s", (Place){ .line = 1 }, "m"), id) != 0);
    CHECK(strcmp(id_of(a, &pickle, "p", "s", (Place){ .byte = 2 }, "m"), id) != 0);
    CHECK(strcmp(id_of(a, &pickle, "p", "s", (Place){ .byte = 1, .inner = S("x") }, "m"), id) != 0);
}

TEST(finding, texts_are_copied_and_the_list_grows)
{
    defer_arena Arena *a = arena_new(1 << 20);
    Findings          *l = findings_new(a);
    char               text[8];
    for (int i = 0; i < 100; i++) {
        snprintf(text, sizeof text, "s%02d", 99 - i);
        add(l, finding_of(&pickle, S(""), str(text)));
    }
    memset(text, 'x', sizeof text);
    findings_sort(l);
    CHECK(findings_count(l) == 100 && str_is(findings_at(l, 0)->subject, "s00") && str_is(findings_at(l, 99)->subject, "s99"));
    CHECK(findings_at(l, 100) == NULL);
}

TEST(finding, a_full_arena_is_said_and_not_lost)
{
    defer_arena Arena *a = arena_new(4096);
    Findings          *l = findings_new(a);
    size_t             n = 0;
    while (n < 1000 && finding_add(l, finding_of(&pickle, S("p"), S("subject"))))
        n++;
    CHECK(n < 1000 && findings_count(l) == n);
}

TEST(finding, order_is_severity_part_subject_place)
{
    static const struct {
        const Rule *rule;
        const char *subject;
        uint64_t    line;
    } rows[] = { { &pickle, "b", 1 }, { &pickle, "a", 10 }, { &other, "z", 1 }, { &pickle, "a", 9 } };
    defer_arena Arena *a = arena_new(1 << 20);
    Findings          *l = findings_new(a);
    for (size_t i = 0; i < len_of(rows); i++) {
        Finding f = finding_of(rows[i].rule, S(""), str(rows[i].subject));
        f.at.line = rows[i].line;
        add(l, f);
    }
    findings_sort(l);
    CHECK(str_is(findings_at(l, 0)->subject, "z") && findings_at(l, 1)->at.line == 9 && findings_at(l, 2)->at.line == 10);
    CHECK(str_is(findings_at(l, 3)->subject, "b"));
}

TEST(finding, unknown_counts_apart)
{
    defer_arena Arena *a = arena_new(1 << 20);
    Findings          *l = findings_new(a);
    Finding            f = finding_of(&other, S(""), S("s"));
    f.state = STATE_UNKNOWN;
    add(l, f);
    add(l, finding_of(&pickle, S(""), S("s")));
    CHECK(findings_at_or_above(l, SEV_INFO) == 1 && findings_at_or_above(l, SEV_HIGH) == 1 && findings_at_or_above(l, SEV_CRITICAL) == 0);
}

TEST(finding, severities_have_names)
{
    Severity s;
    CHECK(severity_parse(S("critical"), &s) && s == SEV_CRITICAL && !severity_parse(S("HIGH"), &s) && !severity_parse(S(""), &s));
    CHECK_STR(severity_name(SEV_INFO), "info");
}

TEST(finding, json_is_the_documented_object)
{
    defer_arena Arena *a = arena_new(1 << 20);
    Findings          *l = findings_new(a);
    defer_buf Buf      b = { 0 }, want = { 0 };
    JsonOut            w = json_out(&b);
    Finding            f = finding_of(&pickle, S("models.scorer"), S("models/a.pkl"));
    f.at = (Place){ .inner = S("archive/data.pkl"), .byte = 1043 };
    f.evidence = S("{\"opcode\":\"REDUCE\"}");
    const Finding *one = add(l, f);
    json_open(&w, '{');
    findings_json(l, &w);
    json_close(&w, '}');
    buf_printf(&want,
               "{\"findings\":[{\"id\":\"%s\",\"rule\":\"MOAT-M001\",\"severity\":\"high\",\"state\":\"fail\",\"part\":\"models.scorer\","
               "\"subject\":\"models/a.pkl\",\"at\":{\"inner\":\"archive/data.pkl\",\"byte\":1042},\"message\":\"pickle calls os.system on load\","
               "\"fix\":\"moat model convert model.pkl model.safetensors\",\"evidence\":{\"opcode\":\"REDUCE\"}}],"
               "\"counts\":{\"critical\":0,\"high\":1,\"medium\":0,\"low\":0,\"info\":0,\"unknown\":0}}",
               one->id);
    buf_byte(&b, 0), buf_byte(&want, 0);
    CHECK_STR(b.p, want.p);
}

static char *text_of(const Findings *l, bool colour)
{
    static char out[4096];
    memset(out, 0, sizeof out);
    FILE *f = fmemopen(out, sizeof out - 1, "w");
    CHECK(f != NULL);
    findings_text(l, f, colour);
    fclose(f);
    return out;
}

TEST(finding, text_says_what_where_and_what_to_do)
{
    defer_arena Arena *a = arena_new(1 << 20);
    Findings          *l = findings_new(a);
    Finding            f = finding_of(&pickle, S("models.scorer"), S("model.pkl"));
    f.at.byte = 1043;
    add(l, f);
    CHECK_STR(text_of(l, false), "model.pkl: HIGH  pickle calls os.system on load            MOAT-M001\n"
                                 "           at byte 1042\n"
                                 "           fix: moat model convert model.pkl model.safetensors\n");
    CHECK(strstr(text_of(l, true), "\033[31mHIGH\033[0m  pickle") != NULL);
}

TEST(finding, hostile_names_do_not_reach_the_terminal)
{
    defer_arena Arena *a = arena_new(1 << 20);
    Findings          *l = findings_new(a);
    Finding            f = finding_of(&other, S(""), S("a\033[2J\n\xC2\x9B.pkl"));
    f.message = S("bad \xFF byte"), f.fix = S("k\xC3\xBChl");
    add(l, f);
    char *out = text_of(l, false);
    CHECK(strstr(out, "a\\x1b[2J\\x0a\\x9b.pkl: CRITICAL  bad \\xff byte") == out && strstr(out, "fix: k\xC3\xBChl\n") != NULL);
}
