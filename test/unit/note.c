#include "../test.h"
#include "crypto/note.h"

/* The example of the signed-note specification. */
static const char vkey[] = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
static const char message[] = "This is an example message.\n";
#define SIGNED "\xE2\x80\x94 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
#define OTHER  "\xE2\x80\x94 example.com/bar AAAAAAAA\n"

TEST(note, the_example_of_the_specification_verifies)
{
    Verifier  v;
    Key      *key;
    Note      n;
    Err       e = { 0 };
    defer_buf Buf b = { 0 };
    CHECK(verifier_parse(str(vkey), &v, &key, &e));
    buf_printf(&b, "%s\n%s", message, SIGNED);
    CHECK_ROW(note_open(buf_view(&b), &v, 1, &n, &e), e.message);
    CHECK(str_is(n.text, message) && n.verified == 1);
    b.n = 0;
    CHECK(verifier_put(&v, &b) && str_is(buf_view(&b), vkey));
    key_free(key);
}

static const struct {
    const char *note;
    int         code;
} rows[] = {
    { "This is an example message.\n\n" SIGNED, E_OK },
    { "This is an example message.\n\n" OTHER SIGNED OTHER, E_OK },
    { "This is an example message.\n\n" SIGNED SIGNED, E_OK },
    { "This is an example message.\n\n" OTHER, E_CRYPTO },                                  /* nobody known */
    { "This is another message.\n\n" SIGNED, E_CRYPTO },
    { "This is an example message.\n\n" SIGNED "\xE2\x80\x94 example.com/foo Uw2QOkn8srV1\n", E_CRYPTO },   /* known, broken, beside a good one */
    { "This is an example message.\n\n", E_FORMAT },
    { "This is an example message.\n" SIGNED, E_FORMAT },
    { "", E_FORMAT },
    { "\n", E_FORMAT },
    { "\n\n", E_FORMAT },
    { "This is an example message.\n\n" SIGNED "\n", E_FORMAT },
    { "This is an example message.\n\n- example.com/foo AAAAAAAA\n", E_FORMAT },
    { "This is an example message.\n\n\xE2\x80\x94 example.com/foo\n", E_FORMAT },
    { "This is an example message.\n\n\xE2\x80\x94  AAAAAAAA\n", E_FORMAT },
    { "This is an example message.\n\n\xE2\x80\x94 a+b AAAAAAAA\n", E_FORMAT },
    { "This is an example message.\n\n\xE2\x80\x94 a\xC2\xA0" "b AAAAAAAA\n", E_FORMAT },
    { "This is an example message.\n\n\xE2\x80\x94 example.com/foo AAAA\n", E_FORMAT },     /* no room for a signature */
    { "This is an example message.\n\n\xE2\x80\x94 example.com/foo !!!!!!!!\n", E_FORMAT },
    { "This is an example message.\r\n\n" SIGNED, E_FORMAT },
    { "This is an example message.\xFF\n\n" SIGNED, E_FORMAT },
};

TEST(note, what_is_no_note_and_what_nobody_known_signed_is_refused)
{
    Verifier v;
    Key     *key;
    CHECK(verifier_parse(str(vkey), &v, &key, NULL));
    for (size_t i = 0; i < len_of(rows); i++) {
        Err  e = { 0 };
        Note n;
        note_open(str(rows[i].note), &v, 1, &n, &e);
        CHECK_ROW((int)e.code == rows[i].code, rows[i].note);
    }
    key_free(key);
}

TEST(note, sixteen_signatures_are_read_and_a_flood_is_not)
{
    Verifier v;
    Key     *key;
    Note     n;
    Err      e = { 0 };
    CHECK(verifier_parse(str(vkey), &v, &key, NULL));
    for (size_t count = 15; count <= 70; count += 55) {
        defer_buf Buf b = { 0 };
        buf_printf(&b, "%s\n", message);
        for (size_t i = 0; i < count; i++)
            buf_z(&b, OTHER);
        buf_z(&b, SIGNED);
        CHECK(note_open(buf_view(&b), &v, 1, &n, &e) == (count == 15));
    }
    CHECK(e.code == E_LIMIT);
    defer_buf Buf big = { 0 };
    while (big.n <= NOTE_LIMIT)
        buf_z(&big, message);
    buf_printf(&big, "\n%s", SIGNED);
    CHECK(!note_open(buf_view(&big), &v, 1, &n, &e) && e.code == E_LIMIT);
    key_free(key);
}

TEST(note, verifier_keys_are_refused_when_anything_is_off)
{
    static const char *const bad[] = {
        "", "example.com/foo", "example.com/foo+530d903a", "+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/fox+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AukyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2",
        "example.com/foo+530d90+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
    };
    for (size_t i = 0; i < len_of(bad); i++) {
        Verifier v;
        Key     *key;
        CHECK_ROW(!verifier_parse(str(bad[i]), &v, &key, NULL) && key == NULL, bad[i]);
    }
}

/* ---- checkpoints */

static Checkpoint sample(uint64_t size) { return (Checkpoint){ S("example.com/log"), size, merkle_leaf(S("x")) }; }

TEST(checkpoint, every_kind_of_key_signs_what_it_then_opens)
{
    for (KeyKind kind = KEY_ED25519; kind <= KEY_P384; kind++) {
        Err            e = { 0 };
        defer_key Key *k = key_new(kind, &e), *other = key_new(kind, &e);
        defer_buf Buf  b = { 0 };
        Checkpoint     in = sample(12345678901), out = { 0 };
        CHECK_ROW(checkpoint_sign(&in, k, &b, &e), e.message);
        CHECK_ROW(checkpoint_open(buf_view(&b), S(""), k, NULL, 0, &out, &e), e.message);
        CHECK(out.size == in.size && digest_eq(&out.root, &in.root) && str_eq(out.origin, in.origin));
        CHECK(checkpoint_open(buf_view(&b), S("example.com/log"), k, NULL, 0, &out, &e));
        CHECK(!checkpoint_open(buf_view(&b), S("example.com/other"), k, NULL, 0, &out, &e) && e.code == E_CRYPTO);
        CHECK(!checkpoint_open(buf_view(&b), S(""), other, NULL, 0, &out, &e) && e.code == E_CRYPTO);
        for (size_t i = 0; i < b.n; i++) {
            b.p[i] ^= 1;
            CHECK(!checkpoint_open(buf_view(&b), S("example.com/log"), k, NULL, 0, &out, &e));
            b.p[i] ^= 1;
        }
    }
}

TEST(checkpoint, text_has_one_spelling)
{
    static const char root[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    static const struct {
        const char *head, *tail;
        int         ok;
    } shapes[] = {
        { "o\n1\n", "\n", 1 }, { "o\n0\n", "\n", 1 }, { "o\n1\n", "\nextension\n", 1 }, { "o\n01\n", "\n", 0 }, { "o\n+1\n", "\n", 0 },
        { "o\n1 \n", "\n", 0 }, { "\n1\n", "\n", 0 }, { "o\n1\n", "", 0 }, { "o\n1\n", "\n\n", 0 }, { "o\n1\n", "\nx", 0 },
        { "o\n18446744073709551616\n", "\n", 0 }, { "o\n18446744073709551615\n", "\n", 0 }, { "o\n9223372036854775807\n", "\n", 1 },
        { "o\n1\n", "A\n", 0 }, { "o\n\n", "\n", 0 },
    };
    for (size_t i = 0; i < len_of(shapes); i++) {
        defer_buf Buf b = { 0 };
        Checkpoint    c;
        buf_printf(&b, "%s%s%s", shapes[i].head, root, shapes[i].tail);
        CHECK_ROW(checkpoint_parse(buf_view(&b), &c, NULL) == shapes[i].ok, shapes[i].head);
    }
}

/* c2sp.org/tlog-cosignature: the witness signs a time and the text. */
static void cosign(Buf *note, Str text, const Verifier *w, uint64_t when)
{
    defer_buf Buf said = { 0 }, bytes = { 0 };
    uint8_t       id[4];
    note_key_id(w, id);
    buf_put(&bytes, id, 4);
    for (int shift = 56; shift >= 0; shift -= 8)
        buf_byte(&bytes, (uint8_t)(when >> shift));
    buf_printf(&said, "cosignature/v1\ntime %" PRIu64 "\n%.*s", when, STR(text));
    CHECK(key_sign(w->key, buf_view(&said), &bytes, NULL));
    buf_printf(note, "\xE2\x80\x94 %.*s ", STR(w->name));
    base64_put(note, buf_view(&bytes));
    buf_byte(note, '\n');
}

TEST(checkpoint, witnesses_that_are_asked_for_must_have_cosigned)
{
    Err            e = { 0 };
    defer_key Key *k = key_new(KEY_ED25519, &e), *wk = key_new(KEY_ED25519, &e);
    Verifier       w[] = { { S("witness.example/w1"), NOTE_COSIGNATURE, wk } };
    defer_buf Buf  b = { 0 };
    Checkpoint     in = sample(7), out;
    CHECK(checkpoint_sign(&in, k, &b, &e));
    CHECK(!checkpoint_open(buf_view(&b), S(""), k, w, 1, &out, &e) && strstr(e.message, "witness.example/w1") != NULL);
    const char *gap = memmem(b.p, b.n, "\n\n", 2);
    defer_buf Buf text = { 0 };
    buf_put(&text, b.p, (size_t)(gap - b.p) + 1);
    size_t before = b.n;
    cosign(&b, buf_view(&text), w, 1679315147);
    CHECK_ROW(checkpoint_open(buf_view(&b), S(""), k, w, 1, &out, &e), e.message);
    CHECK(checkpoint_open(buf_view(&b), S(""), k, NULL, 0, &out, &e));
    b.n = before;
    cosign(&b, buf_view(&text), w, 1ull << 63);        /* a time past the format's end */
    CHECK(!checkpoint_open(buf_view(&b), S(""), k, w, 1, &out, &e) && e.code == E_CRYPTO);
    b.n = before;
    cosign(&b, S("another text\n"), w, 1679315147);
    CHECK(!checkpoint_open(buf_view(&b), S(""), k, w, 1, &out, &e) && e.code == E_CRYPTO);
}

/* ---- proof files */

TEST(proof, written_read_and_checked)
{
    enum { N = 11, AT = 6 };
    Err            e = { 0 };
    Digest         leaves[N];
    defer_key Key *k = key_new(KEY_ED25519, &e);
    defer_buf Buf  note = { 0 }, text = { 0 };
    for (uint8_t i = 0; i < N; i++)
        leaves[i] = merkle_leaf((Str){ (char *)&i, 1 });
    Checkpoint c = { S("example.com/log"), N, merkle_root(leaves, N) }, opened;
    Proof      in = { .extra = S("AAAA"), .index = AT }, out;
    CHECK(checkpoint_sign(&c, k, &note, &e));
    in.len = merkle_inclusion(leaves, N, AT, in.path), in.checkpoint = buf_view(&note);
    CHECK(proof_put(&in, &text) && proof_parse(buf_view(&text), &out, &e));
    CHECK(out.index == AT && str_is(out.extra, "AAAA") && out.len == in.len);
    CHECK_ROW(checkpoint_open(out.checkpoint, c.origin, k, NULL, 0, &opened, &e), e.message);
    CHECK(proof_ok(&out, &leaves[AT], &opened) && !proof_ok(&out, &leaves[AT + 1], &opened));
    out.index++;
    CHECK(!proof_ok(&out, &leaves[AT], &opened));
}

TEST(proof, what_is_no_proof_file_is_refused)
{
#define HEAD "c2sp.org/tlog-proof@v1\n"
#define HASH "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
    static const struct {
        const char *text;
        int         ok;
    } shapes[] = {
        { HEAD "index 0\n\nnote", 1 }, { HEAD "extra AAAA\nindex 10\n" HASH HASH "\nnote", 1 }, { "", 0 }, { HEAD, 0 }, { HEAD "index 0\n", 0 },
        { HEAD "index 0\n\n", 0 }, { HEAD "index 00\n\nnote", 0 }, { HEAD "index \n\nnote", 0 }, { HEAD "index -1\n\nnote", 0 },
        { HEAD "extra A\nindex 0\n\nnote", 0 }, { HEAD "extra \nindex 0\n\nnote", 0 }, { HEAD "index 0\nAAAA\n\nnote", 0 },
        { "c2sp.org/tlog-proof@v2\nindex 0\n\nnote", 0 }, { "c2sp.org/tlog-proof@v1 \nindex 0\n\nnote", 0 }, { HEAD "index 0\n" HASH, 0 },
    };
    for (size_t i = 0; i < len_of(shapes); i++) {
        Proof p;
        CHECK_ROW(proof_parse(str(shapes[i].text), &p, NULL) == shapes[i].ok, shapes[i].text);
    }
    defer_buf Buf b = { 0 };
    Proof         p;
    Err           e = { 0 };
    buf_z(&b, HEAD "index 0\n");
    for (size_t i = 0; i <= MERKLE_PROOF_MAX; i++)
        buf_z(&b, HASH);
    buf_z(&b, "\nnote");
    CHECK(!proof_parse(buf_view(&b), &p, &e) && e.code == E_LIMIT);
}
