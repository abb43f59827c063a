#include "../test.h"
#include "base/file.h"
#include "crypto/key.h"
#include <sys/stat.h>
#include <unistd.h>

/* SubjectPublicKeyInfo heads of the three kinds (RFC 8410 s4, RFC 5480 s2). */
#define HEAD_ED25519 "302a300506032b6570032100"
#define HEAD_P256    "3059301306072a8648ce3d020106082a8648ce3d030107034200"
#define HEAD_P384    "3076301006072a8648ce3d020106052b81040022036200"

static void pem_of(Buf *pem, const char *label, Str der)
{
    defer_buf Buf text = { 0 };
    base64_put(&text, der);
    buf_printf(pem, "-----BEGIN %s-----\n", label);
    for (Str s = buf_view(&text); s.n; s = str_from(s, 64))
        buf_printf(pem, "%.*s\n", s.n < 64 ? (int)s.n : 64, s.p);
    buf_printf(pem, "-----END %s-----\n", label);
}

static Key *from_hex(const char *head, const char *key, Err *e)
{
    defer_buf Buf der = { 0 }, pem = { 0 };
    CHECK(hex_get(&der, str(head)) && hex_get(&der, str(key)));
    pem_of(&pem, "PUBLIC KEY", buf_view(&der));
    return key_parse_public(buf_view(&pem), e);
}

static const struct {
    const char *key, *message, *signature;
} rfc8032[] = {                                        /* RFC 8032 s7.1, TEST 1 to 3 */
    { "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b" },
    { "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00" },
    { "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
      "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a" },
};

TEST(key, ed25519_verifies_rfc_8032_and_nothing_near_it)
{
    for (size_t i = 0; i < len_of(rfc8032); i++) {
        defer_buf Buf m = { 0 }, s = { 0 };
        Err           e = { 0 };
        defer_key Key *k = from_hex(HEAD_ED25519, rfc8032[i].key, &e);
        CHECK_ROW(k != NULL && key_kind(k) == KEY_ED25519 && !key_has_private(k), e.message);
        CHECK(hex_get(&m, str(rfc8032[i].message)) && hex_get(&s, str(rfc8032[i].signature)));
        CHECK(key_verify(k, buf_view(&m), buf_view(&s)));
        for (size_t bit = 0; bit < 8 * s.n; bit++) {
            s.p[bit / 8] ^= (char)(1 << bit % 8);
            CHECK(!key_verify(k, buf_view(&m), buf_view(&s)));
            s.p[bit / 8] ^= (char)(1 << bit % 8);
        }
        CHECK(!key_verify(k, buf_view(&m), (Str){ s.p, s.n - 1 }));
        buf_byte(&s, 0), buf_byte(&m, 0);
        CHECK(!key_verify(k, (Str){ m.p, m.n - 1 }, buf_view(&s)));
        CHECK(!key_verify(k, buf_view(&m), (Str){ s.p, s.n - 1 }));
    }
}

/* s + L verifies in code that forgets RFC 8032 s5.1.7. */
TEST(key, ed25519_refuses_s_beyond_the_group_order)
{
    static const uint8_t order[32] = { 0xED, 0xD3, 0xF5, 0x5C, 0x1A, 0x63, 0x12, 0x58, 0xD6, 0x9C, 0xF7, 0xA2, 0xDE, 0xF9, 0xDE, 0x14, [31] = 0x10 };
    defer_buf Buf        m = { 0 }, s = { 0 };
    defer_key Key       *k = from_hex(HEAD_ED25519, rfc8032[1].key, NULL);
    unsigned             carry = 0;
    CHECK(hex_get(&m, str(rfc8032[1].message)) && hex_get(&s, str(rfc8032[1].signature)));
    CHECK(key_verify(k, buf_view(&m), buf_view(&s)));
    for (size_t i = 0; i < 32; i++) {
        carry += (uint8_t)s.p[32 + i] + order[i];
        s.p[32 + i] = (char)carry, carry >>= 8;
    }
    CHECK(carry == 0 && !key_verify(k, buf_view(&m), buf_view(&s)));
}

TEST(key, ed25519_refuses_weak_points_and_second_spellings)
{
    static const char *const bad[] = {
        "0000000000000000000000000000000000000000000000000000000000000000", "0100000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "f6ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    };
    for (size_t i = 0; i < len_of(bad); i++) {
        defer_key Key *k = from_hex(HEAD_ED25519, bad[i], NULL);
        CHECK_ROW(k == NULL, bad[i]);
    }
}

static const struct {
    const char *head, *point, *r, *s;
} rfc6979[] = {                                        /* RFC 6979 A.2.5 (SHA-256) and A.2.6 (SHA-384), message "sample" */
    { HEAD_P256, "0460FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB67903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299",
      "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716", "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8" },
    { HEAD_P384, "04EC3A4E415B4E19A4568618029F427FA5DA9A8BC4AE92E02E06AAE5286B300C64DEF8F0EA9055866064A254515480BC13"
                 "8015D9B72D7D57244EA8EF9AC0C621896708A59367F9DFB9F54CA84B3F1C9DB1288B231C3AE0D4FE7344FD2533264720",
      "94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C81A648152E44ACF96E36DD1E80FABE46",
      "99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94FA329C145786E679E7B82C71A38628AC8" },
};

static void put_integer(Buf *b, const char *hex_text, bool pad)
{
    defer_buf Buf v = { 0 };
    CHECK(hex_get(&v, str(hex_text)));
    pad = pad || (v.p[0] & 0x80);
    buf_byte(b, 2), buf_byte(b, (uint8_t)(v.n + pad));
    if (pad)
        buf_byte(b, 0);
    buf_str(b, buf_view(&v));
}

static void der_signature(Buf *out, const char *r, const char *s, bool pad)
{
    defer_buf Buf body = { 0 };
    put_integer(&body, r, false), put_integer(&body, s, pad);
    out->n = 0;
    buf_byte(out, 0x30), buf_byte(out, (uint8_t)body.n);
    buf_str(out, buf_view(&body));
}

TEST(key, ecdsa_verifies_rfc_6979_in_strict_der_only)
{
    for (size_t i = 0; i < len_of(rfc6979); i++) {
        defer_buf Buf  s = { 0 };
        Err            e = { 0 };
        defer_key Key *k = from_hex(rfc6979[i].head, rfc6979[i].point, &e);
        CHECK_ROW(k != NULL && key_kind(k) == (i ? KEY_P384 : KEY_P256), e.message);
        der_signature(&s, rfc6979[i].r, rfc6979[i].s, false);
        CHECK(key_verify(k, S("sample"), buf_view(&s)));
        CHECK(!key_verify(k, S("Sample"), buf_view(&s)));
        CHECK(!key_verify(k, S("sample"), (Str){ s.p, s.n - 1 }));
        buf_byte(&s, 0);
        CHECK(!key_verify(k, S("sample"), buf_view(&s)));
        der_signature(&s, "00", rfc6979[i].s, false);
        CHECK(!key_verify(k, S("sample"), buf_view(&s)));
        der_signature(&s, rfc6979[i].r, "00", false);
        CHECK(!key_verify(k, S("sample"), buf_view(&s)));
        CHECK(!key_verify(k, S("sample"), S("")));
    }
    defer_buf Buf  s = { 0 };                          /* a long-form length and a padded integer mean the same and are refused */
    defer_key Key *k = from_hex(HEAD_P256, rfc6979[0].point, NULL);
    der_signature(&s, rfc6979[0].r, rfc6979[0].s, false);
    defer_buf Buf wide = { 0 };
    buf_byte(&wide, 0x30), buf_byte(&wide, 0x81), buf_put(&wide, s.p + 1, s.n - 1);
    CHECK(!key_verify(k, S("sample"), buf_view(&wide)));
}

static bool exists(const char *dir, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return file_exists(path);
}

TEST(key, each_kind_signs_saves_and_loads)
{
    for (KeyKind kind = KEY_ED25519; kind <= KEY_P521; kind++) {
        char          path[256], pub[264], a[DIGEST_HEX], b[DIGEST_HEX];
        struct stat   st;
        Err           e = { 0 };
        defer_buf Buf s = { 0 };
        snprintf(path, sizeof path, "%s/key", test_dir());
        snprintf(pub, sizeof pub, "%s.pub", path);
        defer_key Key *k = key_new(kind, &e);
        CHECK_ROW(k != NULL && key_save(k, path, &e), e.message);
        CHECK(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600);
        CHECK(stat(pub, &st) == 0 && (st.st_mode & 07777) == 0644);
        defer_key Key *mine = key_load_private(path, &e), *theirs = key_load_public(pub, &e);
        CHECK_ROW(mine != NULL && theirs != NULL, e.message);
        CHECK(key_kind(mine) == kind && key_has_private(mine) && !key_has_private(theirs));
        key_id(k, a), key_id(theirs, b);
        CHECK_STR(a, b);
        CHECK_ROW(key_sign(mine, S("m"), &s, &e), e.message);
        CHECK(key_verify(theirs, S("m"), buf_view(&s)) && !key_verify(theirs, S("n"), buf_view(&s)));
        CHECK(!key_sign(theirs, S("m"), &s, &e) && e.code == E_CRYPTO);
        CHECK(!key_save(theirs, pub, &e));
    }
}

TEST(key, saving_never_overwrites_either_file)
{
    char           path[256], pub[264];
    const char    *dir = test_dir();
    Err            e = { 0 };
    defer_key Key *k = key_new(KEY_ED25519, &e);
    snprintf(path, sizeof path, "%s/key", dir), snprintf(pub, sizeof pub, "%s.pub", path);
    CHECK(file_create(pub, S("mine"), 0644, &e));
    CHECK(!key_save(k, path, &e) && e.code == E_DENIED && !exists(dir, "key"));
    CHECK(unlink(pub) == 0 && file_create(path, S("mine"), 0600, &e));
    CHECK(!key_save(k, path, &e) && e.code == E_DENIED && !exists(dir, "key.pub"));
}

TEST(key, a_private_key_that_others_may_read_is_refused)
{
    static const unsigned modes[] = { 0640, 0604, 0620, 0601, 0660, 0777 };
    char                  path[256];
    Err                   e = { 0 };
    defer_key Key        *k = key_new(KEY_ED25519, &e);
    snprintf(path, sizeof path, "%s/key", test_dir());
    CHECK(key_save(k, path, &e));
    for (size_t i = 0; i < len_of(modes); i++) {
        CHECK(chmod(path, modes[i]) == 0);
        CHECK(key_load_private(path, &e) == NULL && e.code == E_DENIED);
        CHECK(strstr(e.hint, "chmod 600 ") != NULL && strstr(e.hint, path) != NULL);
    }
    CHECK(chmod(path, 0400) == 0);
    defer_key Key *again = key_load_private(path, &e);
    CHECK(again != NULL);
}

/* The rest of the sentence is in the file; the message must name the way out and never the bytes. */
TEST(key, what_is_no_private_key_of_ours_is_refused_clearly)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        { "", "not a PKCS#8 private key" },
        { "-----BEGIN EC PRIVATE KEY-----\nsecret\n-----END EC PRIVATE KEY-----\n", "EC key in its old form" },
        { "-----BEGIN ENCRYPTED PRIVATE KEY-----\nsecret\n", "encrypted" },
        { "-----BEGIN OPENSSH PRIVATE KEY-----\nsecret\n", "OpenSSH" },
        { "-----BEGIN PUBLIC KEY-----\nsecret\n", "public key where the private" },
        { "-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----\n", "private key" },
        { "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n", "private key" },
        { "-----BEGIN PRIVATE KEY-----\n", "private key" },
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        char path[256];
        Err  e = { 0 };
        snprintf(path, sizeof path, "%s/key", test_dir());
        CHECK(file_create(path, str(rows[i].text), 0600, &e));
        CHECK_ROW(key_load_private(path, &e) == NULL, rows[i].text);
        CHECK_ROW(strstr(e.message, rows[i].says) && strstr(e.message, path) && !strstr(e.message, "secret"), e.message);
    }
    Err e = { 0 };
    CHECK(key_load_private("/nowhere/key", &e) == NULL && e.code == E_IO && strstr(e.hint, "moat key new") != NULL);
}

TEST(key, a_private_key_larger_than_any_key_is_refused)
{
    char          path[256];
    Err           e = { 0 };
    defer_buf Buf b = { 0 };
    for (size_t i = 0; i < 5000; i++)
        buf_byte(&b, '-');
    snprintf(path, sizeof path, "%s/key", test_dir());
    CHECK(file_create(path, buf_view(&b), 0600, &e));
    CHECK(key_load_private(path, &e) == NULL && e.code == E_LIMIT);
    CHECK(key_load_public(path, &e) == NULL && e.code == E_LIMIT);
    CHECK(key_parse_public(buf_view(&b), &e) == NULL && e.code == E_LIMIT);
}

/* RFC 8410 s10.1: the key of RFC 8032 would do as well, but this is the PEM that others print. */
static const char rfc8410[] = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

TEST(key, the_id_is_of_the_pem_as_it_would_be_printed)
{
    static const char crlf[] = "\r\n-----BEGIN PUBLIC KEY-----\r\nMCowBQYDK2VwAyEAGb9E\r\nCWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\r\n-----END PUBLIC KEY-----";
    defer_key Key    *a = key_parse_public(str(rfc8410), NULL), *b = key_parse_public(str(crlf), NULL);
    defer_buf Buf     pem = { 0 };
    char              ids[2][DIGEST_HEX], want[DIGEST_HEX];
    CHECK(a != NULL && b != NULL && key_public_pem(b, &pem));
    buf_byte(&pem, 0);
    CHECK_STR(pem.p, rfc8410);
    Digest d = sha256(str(rfc8410));
    digest_hex(&d, want), key_id(a, ids[0]), key_id(b, ids[1]);
    CHECK_STR(ids[0], want);
    CHECK_STR(ids[1], want);
}

TEST(key, what_is_no_public_key_of_ours_is_refused)
{
    static const char *const rows[] = {
        "", "-----BEGIN PUBLIC KEY-----", "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PRIVATE KEY-----\nMCow\n-----END PRIVATE KEY-----\n",
        "x\n-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\n\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuEA\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE\n-----END PUBLIC KEY-----\n",
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        Err e = { 0 };
        CHECK_ROW(key_parse_public(str(rows[i]), &e) == NULL && strstr(e.message, "public key"), rows[i]);
    }
    Err            e = { 0 };
    defer_key Key *off_curve = from_hex(HEAD_P256, "0460FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB67903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462298", &e);
    CHECK(off_curve == NULL && e.code == E_CRYPTO);
    defer_key Key *infinity = from_hex("3019301306072a8648ce3d020106082a8648ce3d0301070302", "0000", &e);
    CHECK(infinity == NULL);
    /* Ed448, X25519, secp256k1 and a compressed P-256 point: other kinds and other spellings. */
    defer_key Key *x25519 = from_hex("302a300506032b656e032100", rfc8032[0].key, &e);
    CHECK(x25519 == NULL && e.code == E_CRYPTO);
    defer_key Key *compressed = from_hex("3039301306072a8648ce3d020106082a8648ce3d030107032200", "0360FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6", &e);
    CHECK(compressed == NULL && e.code == E_CRYPTO);
}

TEST(key, kinds_have_names)
{
    KeyKind k;
    CHECK(key_kind_parse(S("p384"), &k) && k == KEY_P384 && key_kind_parse(S("ed25519"), &k) && k == KEY_ED25519);
    CHECK(!key_kind_parse(S("rsa"), &k) && !key_kind_parse(S(""), &k));
    CHECK_STR(key_kind_name(KEY_P256), "p256");
}
