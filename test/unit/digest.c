#include "../test.h"
#include "base/file.h"
#include "crypto/digest.h"
#include "crypto/secret.h"
#include <pthread.h>
#include <sys/stat.h>

static Str hex(Buf *b, const void *p, size_t n)
{
    b->n = 0;
    hex_put(b, (Str){ p, n });
    return buf_view(b);
}

static Str repeated(Buf *b, char c, size_t n)
{
    b->n = 0;
    for (size_t i = 0; i < n; i++)
        buf_byte(b, (uint8_t)c);
    return buf_view(b);
}

/* FIPS 180-4 examples (NIST "Examples with Intermediate Values"). */
static const struct {
    const char *in, *out;
} sha256_rows[] = {
    { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
    { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
    { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
};

TEST(digest, sha256_gives_the_answers_of_fips_180)
{
    char text[DIGEST_HEX];
    for (size_t i = 0; i < len_of(sha256_rows); i++) {
        Digest d = sha256(str(sha256_rows[i].in));
        digest_hex(&d, text);
        CHECK_STR(text, sha256_rows[i].out);
    }
}

TEST(digest, a_million_letters_a_in_pieces_of_every_size)
{
    defer_buf Buf b = { 0 };
    Str           s = repeated(&b, 'a', 1000000);
    char          text[DIGEST_HEX];
    Sha256       *h = sha256_begin();
    CHECK(h != NULL);
    for (size_t at = 0, step = 0; at < s.n; at += step, step = (step * 7 + 1) % 5000) {
        step = step > s.n - at ? s.n - at : step;
        sha256_add(h, (Str){ s.p + at, step });
    }
    Digest d = sha256_end(h);
    digest_hex(&d, text);
    CHECK_STR(text, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(digest, sha384_and_sha512_give_the_answers_of_fips_180)
{
    defer_buf Buf b = { 0 };
    uint8_t       out[SHA512_SIZE];
    sha384(S("abc"), out);
    CHECK(str_is(hex(&b, out, SHA384_SIZE), "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
                                            "8086072ba1e7cc2358baeca134c825a7"));
    sha512(S("abc"), out);
    CHECK(str_is(hex(&b, out, SHA512_SIZE), "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                                            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"));
}

TEST(digest, hmac_gives_the_answers_of_rfc_4231)
{
    static const struct {
        char        fill;
        size_t      n;
        const char *key, *data, *out;
    } rows[] = {
        { 0x0b, 20, NULL, "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
        { 0, 0, "Jefe", "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
        { (char)0xaa, 131, NULL, "Test Using Larger Than Block-Size Key - Hash Key First",
          "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
        { (char)0xaa, 131, NULL,
          "This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed "
          "before being used by the HMAC algorithm.",
          "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2" },
    };
    char text[DIGEST_HEX];
    for (size_t i = 0; i < len_of(rows); i++) {
        defer_buf Buf b = { 0 };
        Str           key = rows[i].key ? str(rows[i].key) : repeated(&b, rows[i].fill, rows[i].n);
        Digest        d = hmac_sha256(key, str(rows[i].data));
        digest_hex(&d, text);
        CHECK_STR(text, rows[i].out);
    }
}

TEST(digest, a_file_hashes_as_its_bytes_and_what_is_no_file_is_an_error)
{
    char   path[128];
    Digest d, want = sha256(S("abc"));
    Err    e = { 0 };
    uint64_t n = 0;
    const char *dir = test_dir();
    snprintf(path, sizeof path, "%s/f", dir);
    CHECK(file_replace(path, S("abc"), 0600, &e));
    CHECK(sha256_file(path, &d, &n, &e) && n == 3 && digest_eq(&d, &want));
    CHECK(!sha256_file(dir, &d, &n, &e) && e.code == E_IO);
    snprintf(path, sizeof path, "%s/fifo", dir);
    CHECK(mkfifo(path, 0600) == 0 && !sha256_file(path, &d, &n, &e) && e.code == E_IO);
    CHECK(!sha256_file("/nowhere/at/all", &d, NULL, &e) && strstr(e.message, "/nowhere/at/all") != NULL);
}

static void *hash_many(void *ok)
{
    Digest want = sha256(S("abc"));
    for (int i = 0; i < 2000; i++) {
        Digest d = sha256_of((Str[]){ S("a"), S(""), S("bc") }, 3);
        *(bool *)ok = *(bool *)ok && digest_eq(&d, &want);
    }
    return NULL;
}

TEST(digest, threads_do_not_disturb_each_other)
{
    pthread_t t[4];
    bool      ok[4] = { true, true, true, true };
    for (size_t i = 0; i < len_of(t); i++)
        CHECK(pthread_create(&t[i], NULL, hash_many, &ok[i]) == 0);
    for (size_t i = 0; i < len_of(t); i++)
        CHECK(pthread_join(t[i], NULL) == 0 && ok[i]);
}

TEST(digest, hex_reads_either_case_and_refuses_the_rest)
{
    static const struct {
        const char *in;
        int         ok;
    } rows[] = { { "", 1 }, { "00fF", 1 }, { "0", 0 }, { "0g", 0 }, { "0x10", 0 }, { " 00", 0 }, { "00 ", 0 } };
    for (size_t i = 0; i < len_of(rows); i++) {
        defer_buf Buf b = { 0 };
        buf_z(&b, "kept");
        CHECK_ROW(hex_get(&b, str(rows[i].in)) == rows[i].ok, rows[i].in);
        CHECK_ROW(b.n == 4 + (rows[i].ok ? strlen(rows[i].in) / 2 : 0), rows[i].in);
    }
    Digest d;
    CHECK(digest_parse(S("BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"), &d));
    CHECK(!digest_parse(S("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015"), &d));
    CHECK(!digest_parse(S("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015agg"), &d));
}

/* RFC 4648 s10, and what one value must not be spelled as. */
TEST(digest, base64_is_canonical)
{
    static const struct {
        const char *plain, *text;
    } good[] = { { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" } };
    static const char *const bad[] = { "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Zm9v\n", "Z m9", "Zm-v", "=m9v", "Z===", "====", "Zg==Zg==", "Zm8=Zm8=" };
    defer_buf Buf            b = { 0 };
    for (size_t i = 0; i < len_of(good); i++) {
        b.n = 0;
        base64_put(&b, str(good[i].plain));
        CHECK_ROW(str_is(buf_view(&b), good[i].text), good[i].text);
        b.n = 0;
        CHECK_ROW(base64_get(&b, str(good[i].text)) && str_is(buf_view(&b), good[i].plain), good[i].text);
    }
    for (size_t i = 0; i < len_of(bad); i++) {
        b.n = 0;
        CHECK_ROW(!base64_get(&b, str(bad[i])) && b.n == 0, bad[i]);
    }
}

TEST(secret, equality_and_wiping)
{
    char a[16] = "same", b[16] = "same";
    CHECK(ct_eq(a, b, 16));
    b[15] = 1;
    CHECK(!ct_eq(a, b, 16) && ct_eq(a, b, 15) && ct_eq(a, b, 0));
    wipe(a, sizeof a);
    for (size_t i = 0; i < sizeof a; i++)
        CHECK(a[i] == 0);
}
