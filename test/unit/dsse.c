#include "../test.h"
#include "ledger/envelope.h"

static const Str HELLO_TYPE = { "http://example.com/HelloWorld", 29 };

/* DSSE v1.0.2 protocol.md, "Test Vectors". */
TEST(dsse, encodes_like_the_specification)
{
    defer_buf Buf b = { 0 };
    dsse_pae(&b, HELLO_TYPE, S("hello world"));
    CHECK(str_is(buf_view(&b), "DSSEv1 29 http://example.com/HelloWorld 11 hello world"));
}

TEST(dsse, lengths_keep_type_and_body_apart)
{
    defer_buf Buf a = { 0 }, b = { 0 };
    dsse_pae(&a, S("x 1 y"), S("z"));
    dsse_pae(&b, S("x"), S("y 1 z"));
    CHECK(!str_eq(buf_view(&a), buf_view(&b)));
}

TEST(dsse, a_signature_holds_for_one_key_one_type_one_body)
{
    for (int kind = KEY_ED25519; kind <= KEY_P384; kind++) {
        defer_buf Buf sig = { 0 };
        defer_key Key *k = key_new((KeyKind)kind, NULL), *other = key_new((KeyKind)kind, NULL);
        CHECK(dsse_sign(k, HELLO_TYPE, S("hello world"), &sig, NULL));
        CHECK(dsse_verify(k, HELLO_TYPE, S("hello world"), buf_view(&sig)));
        CHECK(!dsse_verify(other, HELLO_TYPE, S("hello world"), buf_view(&sig)));
        CHECK(!dsse_verify(k, S("http://example.com/HelloWorlD"), S("hello world"), buf_view(&sig)));
        CHECK(!dsse_verify(k, HELLO_TYPE, S("hello worlD"), buf_view(&sig)));
        CHECK(!dsse_verify(k, HELLO_TYPE, S("hello world"), S("")));
        sig.p[sig.n / 2] ^= 1;
        CHECK(!dsse_verify(k, HELLO_TYPE, S("hello world"), buf_view(&sig)));
    }
}

TEST(envelope, round_trips_and_names_its_signer)
{
    defer_arena Arena *a = arena_new(8 << 20);
    defer_key Key     *k = key_new(KEY_ED25519, NULL), *other = key_new(KEY_P256, NULL);
    defer_buf Buf      b = { 0 };
    Envelope           v;
    Err                e = { 0 };
    char               id[DIGEST_HEX];
    CHECK(envelope_write(&b, S(INTOTO_TYPE), S("{\"a\":\"\xC3\xA9/+\"}"), k, &e));
    CHECK(envelope_parse(a, buf_view(&b), &v, &e));
    CHECK(str_is(v.type, INTOTO_TYPE) && str_is(v.body, "{\"a\":\"\xC3\xA9/+\"}") && v.count == 1);
    key_id(k, id);
    CHECK(str_is(v.signatures[0].keyid, id));
    CHECK(envelope_signed_by(&v, k) && !envelope_signed_by(&v, other));
}

/* envelope.md: unknown members are ignored, an unset keyid is an empty one, both base64 alphabets are read. */
TEST(envelope, reads_what_the_specification_allows_and_nothing_else)
{
#define SIG "\"signatures\":[{\"sig\":\"AAAA\"}]"
    static const struct { const char *in; bool ok; } rows[] = {
        { "{\"payloadType\":\"t\",\"payload\":\"aGk=\"," SIG "}", true },
        { "{\"payloadType\":\"t\",\"payload\":\"aGk=\"," SIG ",\"more\":{}}", true },
        { "{\"payloadType\":\"t\",\"payload\":\"-_-_\"," SIG "}", true },
        { "{\"payloadType\":\"t\",\"payload\":\"+/+/\"," SIG "}", true },
        { "{\"payloadType\":\"t\",\"payload\":\"-/-/\"," SIG "}", false },
        { "{\"payloadType\":\"t\",\"payload\":\"aGk\"," SIG "}", false },
        { "{\"payloadType\":\"t\",\"payload\":\"a Gk=\"," SIG "}", false },
        { "{\"payloadType\":\"t\",\"payload\":7," SIG "}", false },
        { "{\"payloadType\":\"t\"," SIG "}", false },
        { "{\"payload\":\"aGk=\"," SIG "}", false },
        { "{\"payloadType\":\"t\",\"payload\":\"aGk=\"}", false },
        { "{\"payloadType\":\"t\",\"payload\":\"aGk=\",\"signatures\":[]}", false },
        { "{\"payloadType\":\"t\",\"payload\":\"aGk=\",\"signatures\":[{}]}", false },
        { "{\"payloadType\":\"t\",\"payload\":\"aGk=\",\"signatures\":[{\"sig\":\"\"}]}", false },
        { "{\"payloadType\":\"t\",\"payload\":\"aGk=\",\"payload\":\"aGk=\"," SIG "}", false },
        { "{\"payloadType\":\"t\",\"payload\":\"aGk=\"," SIG "} x", false },
        { "[]", false },
        { "", false },
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        defer_arena Arena *a = arena_new(8 << 20);
        Envelope           v;
        Err                e = { 0 };
        CHECK_ROW(envelope_parse(a, str(rows[i].in), &v, &e) == rows[i].ok, rows[i].in);
        CHECK_ROW(rows[i].ok || e.message[0], rows[i].in);
    }
}

TEST(envelope, too_many_signatures_are_refused)
{
    defer_arena Arena *a = arena_new(8 << 20);
    defer_buf Buf      b = { 0 };
    Envelope           v;
    Err                e = { 0 };
    buf_z(&b, "{\"payloadType\":\"t\",\"payload\":\"aGk=\",\"signatures\":[");
    for (int i = 0; i <= ENVELOPE_SIGNATURES_MAX; i++)
        buf_printf(&b, "%s{\"sig\":\"AAAA\"}", i ? "," : "");
    buf_z(&b, "]}");
    CHECK(!envelope_parse(a, buf_view(&b), &v, &e) && e.code == E_FORMAT);
}
