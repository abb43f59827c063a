/* gate_key.c - tokens against the reference's vectors; the signed table against flipped, cut and forged bytes; decisions. */
#include "../test.h"
#include "base/file.h"
#include "base/rng.h"
#include "crypto/secret.h"
#include "gate/keystore.h"
#include <sys/stat.h>
#include <unistd.h>

/* ---- tokens */

static Str field(Str *row)
{
    Str head;
    str_cut(*row, ',', &head, row);
    return head;
}

static void check_token(Str row)
{
    const char *at = row.p;
    uint8_t     pepper[PEPPER_SIZE];
    Token       t;
    char        again[TOKEN_MAX];
    field(&row);
    Str token = field(&row), verdict = field(&row), env = field(&row), id = field(&row), secret = field(&row);
    field(&row);
    Str mac = field(&row);
    CHECK_ROW(token_parse(token, &t) == str_is(verdict, "well-formed"), at);
    if (!str_is(verdict, "well-formed"))
        return;
    defer_buf Buf hex = { 0 }, mac_hex = { 0 };
    for (size_t i = 0; i < sizeof pepper; i++)
        pepper[i] = (uint8_t)i;
    hex_put(&hex, (Str){ (char *)t.secret, sizeof t.secret });
    Digest d = hmac_sha256((Str){ (char *)pepper, sizeof pepper }, token);
    hex_put(&mac_hex, (Str){ (char *)d.b, sizeof d.b });
    CHECK_ROW(str_eq(t.env, env) && str_eq(t.id, id) && str_eq(buf_view(&hex), secret), at);
    CHECK_ROW(str_eq(buf_view(&mac_hex), mac), at);
    CHECK_ROW(token_write(env, id, t.secret, again) == token.n && memcmp(again, token.p, token.n) == 0, at);
}

TEST(token, reads_the_reference_keys_and_refuses_the_malformed)
{
    const char *path = test_vectors("gate/keys/tokens.csv");
    if (path == NULL)
        return;
    defer_arena Arena *a = arena_new(1 << 20);
    Err    e = { 0 };
    Str    rest, line;
    size_t rows = 0;
    CHECK(file_read(a, path, 1 << 20, &rest, &e));
    str_cut(rest, '\n', &line, &rest);
    while (rest.n > 0) {
        str_cut(rest, '\n', &line, &rest);
        check_token(str_trim(line));
        rows++;
    }
    CHECK(rows == 20);
}

#define KNOWN "moat_live_VYYZ0mMp_BVOw0ZQa1R36PhNebVNkB1wwCzZ_0k9bb1"

TEST(token, no_single_changed_byte_stays_well_formed)
{
    char  text[] = KNOWN;
    Token t;
    for (size_t i = 0; i < sizeof text - 1; i++)
        for (int c = 0; c < 256; c++) {
            char old = text[i];
            text[i] = (char)c;
            CHECK_ROW(token_parse((Str){ text, sizeof text - 1 }, &t) == ((char)c == old), text);
            text[i] = old;
        }
}

static const struct { const char *query; bool found; } queries[] = {
    { "", false }, { "key=" KNOWN, true }, { KNOWN, true }, { "a=1&k=x" KNOWN "&b=2", true }, { "k=" KNOWN "Z", true },
    { "k=%6doat_live_VYYZ0mMp_BVOw0ZQa1R36PhNebVNkB1wwCzZ_0k9bb%31", true },
    { "k=%6Doat%5Flive%5fVYYZ0mMp_BVOw0ZQa1R36PhNebVNkB1wwCzZ_0k9bb1", true },
    { "k=moat_live_VYYZ0mMp_BVOw0ZQa1R36PhNebVNkB1wwCzZ_0k9bb2", false }, { "k=moat_live", false }, { "%", false }, { "%6", false },
    { "moat_moat_moat_" KNOWN, true },
};

TEST(token, is_found_in_a_query_string_however_it_is_escaped)
{
    for (size_t i = 0; i < len_of(queries); i++)
        CHECK_ROW(token_within(str(queries[i].query)) == queries[i].found, queries[i].query);
}

/* ---- the table */

static uint8_t pepper[PEPPER_SIZE] = { 1, 2, 3 };

static Str pepper_str(void) { return (Str){ (char *)pepper, sizeof pepper }; }

static KeyRecord record_of(const char *id, const uint8_t secret[static TOKEN_SECRET], Str tags, char token[static TOKEN_MAX])
{
    KeyRecord r = { .tags = tags };
    memcpy(r.id, id, TOKEN_ID);
    size_t n = token_write(S("test"), str(id), secret, token);
    CHECK(n > 0);
    Digest mac = hmac_sha256(pepper_str(), (Str){ token, n });
    memcpy(r.mac, mac.b, sizeof mac.b);
    return r;
}

typedef struct Small {                                 /* a table of three ids, one of them with two secrets */
    Buf  bytes;
    Key *signer;
    char token[4][TOKEN_MAX];
} Small;

static Small small_table(void)
{
    static const char *const ids[] = { "mmmmmmmm", "00000000", "zzzzzzzz", "mmmmmmmm" };
    Small     s = { 0 };
    KeyRecord r[4];
    Err       e = { 0 };
    s.signer = key_new(KEY_ED25519, &e);
    CHECK(s.signer != NULL);
    for (uint8_t i = 0; i < 4; i++) {
        uint8_t secret[TOKEN_SECRET] = { i };
        r[i] = record_of(ids[i], secret, S("\x04\x01*"), s.token[i]);
    }
    CHECK_ROW(keytable_write(r, 4, 7, 1000, pepper_str(), s.signer, &s.bytes, &e), e.message);
    return s;
}

static void small_free(Small *s)
{
    buf_free(&s->bytes);
    key_free(s->signer);
}

TEST(keytable, has_the_documented_bytes)
{
    Small    s = small_table();
    KeyTable t;
    Err      e = { 0 };
    Str      b = buf_view(&s.bytes);
    Cur      c = cur_of(b);
    Digest   d = sha256(pepper_str());
    CHECK(str_is(cur_bytes(&c, 8), "MOATKEY1") && cur_u32(&c) == 64 && cur_u32(&c) == 128 && cur_u64(&c) == 4);
    CHECK(cur_u64(&c) == 7 && cur_u64(&c) == 1000 && memcmp(cur_bytes(&c, 8).p, d.b, 8) == 0);
    CHECK(cur_u64(&c) == 64 + 4 * 128 && cur_u64(&c) == 12 && b.n == 64 + 4 * 128 + 12 + 72);
    CHECK(str_is(cur_bytes(&c, 8), "00000000"));
    CHECK(keytable_open(&t, b, s.signer, 7, &e) && t.count == 4 && t.generation == 7);
    CHECK(gate_keys_generation(b) == 7 && gate_keys_generation((Str){ b.p, 31 }) == 0 && gate_keys_generation(str_from(b, 1)) == 0);
    small_free(&s);
}

TEST(keytable, every_flipped_byte_is_refused)
{
    Small    s = small_table();
    KeyTable t;
    size_t   refused = 0;
    for (size_t i = 0; i < s.bytes.n; i++)
        for (unsigned flip = 1; flip < 256; flip = flip < 128 ? flip << 1 : flip + 127) {
            s.bytes.p[i] = (char)(s.bytes.p[i] ^ flip);
            CHECK(!keytable_open(&t, buf_view(&s.bytes), s.signer, 0, NULL));
            refused++;
            s.bytes.p[i] = (char)(s.bytes.p[i] ^ flip);
        }
    CHECK(refused >= 8 * s.bytes.n && keytable_open(&t, buf_view(&s.bytes), s.signer, 0, NULL));
    small_free(&s);
}

TEST(keytable, cut_grown_old_and_foreign_tables_are_refused)
{
    Small    s = small_table(), other = small_table();
    KeyTable t;
    Err      e = { 0 };
    Str      b = buf_view(&s.bytes);
    for (size_t n = 0; n < b.n; n++)
        CHECK(!keytable_open(&t, (Str){ b.p, n }, s.signer, 0, NULL));
    CHECK(!keytable_open(&t, b, s.signer, 8, &e) && strstr(e.message, "generation 7 is older than 8"));
    CHECK(!keytable_open(&t, b, other.signer, 0, &e) && strstr(e.message, "another key"));
    buf_byte(&s.bytes, 0);
    CHECK(!keytable_open(&t, buf_view(&s.bytes), s.signer, 0, &e) && strstr(e.message, "add up"));
    small_free(&s), small_free(&other);
}

/* Signs what an honest writer would not write. */
static bool opens_forged(Small *s, size_t at, Str bytes)
{
    defer_buf Buf forged = { 0 }, signature = { 0 };
    KeyTable t;
    Str      b = buf_view(&s->bytes);
    buf_put(&forged, b.p, b.n - KEYTABLE_TAIL);
    memcpy(forged.p + at, bytes.p, bytes.n);
    CHECK(key_sign(s->signer, buf_view(&forged), &signature, NULL));
    buf_str(&forged, buf_view(&signature));
    buf_put(&forged, b.p + b.n - 8, 8);
    return keytable_open(&t, buf_view(&forged), s->signer, 0, NULL);
}

TEST(keytable, a_valid_signature_does_not_excuse_a_broken_structure)
{
    Small s = small_table();
    CHECK(opens_forged(&s, 0, S("M")));
    CHECK(!opens_forged(&s, 8, S("\x41")) && !opens_forged(&s, 12, S("\x7f")));
    CHECK(!opens_forged(&s, 16, S("\x05")) && !opens_forged(&s, 16, S("\xff\xff\xff\xff\xff\xff\xff\x01")));
    CHECK(!opens_forged(&s, 48, S("\x00")) && !opens_forged(&s, 56, S("\xff")));
    CHECK(!opens_forged(&s, 64, S("zzzzzzzz")));                              /* not sorted                 */
    CHECK(!opens_forged(&s, 64, S("mmmmmmmm")));                              /* a third secret of one id   */
    CHECK(!opens_forged(&s, 64 + 72, S("\x08")));                             /* a flag nobody knows        */
    CHECK(!opens_forged(&s, 64 + 76, S("\xff")) && !opens_forged(&s, 64 + 80, S("\xff\xff\xff\xff")));     /* outside the heap */
    CHECK(!opens_forged(&s, 64 + 80, S("\x02")));                             /* a tag cut short            */
    CHECK(!opens_forged(&s, 64 + 127, S("\x01")));                            /* spare bytes                */
    small_free(&s);
}

/* ---- decisions */

static GateReason ask(const GateKeys *k, const char *token, KeyUse use)
{
    KeyRecord r;
    return gate_key_check(k, str(token), &use, &r);
}

static GateKeys keys_of(const Small *s)
{
    GateKeys k;
    CHECK(keytable_open(&k.table, buf_view(&s->bytes), s->signer, 0, NULL));
    memcpy(k.pepper, pepper, sizeof pepper);
    return k;
}

TEST(gatekey, both_secrets_of_an_id_work_and_no_other)
{
    Small    s = small_table();
    GateKeys k = keys_of(&s);
    KeyUse   use = { .scope = S("any"), .now_s = 5 };
    uint8_t  other[TOKEN_SECRET] = { 99 };
    char     token[TOKEN_MAX];
    for (int i = 0; i < 4; i++)
        CHECK(ask(&k, s.token[i], use) == GATE_OK);
    CHECK(token_write(S("test"), S("mmmmmmmm"), other, token) && ask(&k, token, use) == GATE_KEY_WRONG);
    CHECK(token_write(S("test"), S("nnnnnnnn"), other, token) && ask(&k, token, use) == GATE_KEY_UNKNOWN);
    CHECK(token_write(S("live"), S("00000000"), (uint8_t[TOKEN_SECRET]){ 1 }, token) && ask(&k, token, use) == GATE_KEY_WRONG);
    CHECK(ask(&k, "moat_x", use) == GATE_KEY_SHAPE);
    k.pepper[0] ^= 1;
    CHECK(ask(&k, s.token[0], use) == GATE_KEY_WRONG);
    small_free(&s);
}

TEST(gatekey, an_empty_table_knows_nobody)
{
    Small    s = small_table();
    GateKeys k = keys_of(&s);
    defer_buf Buf empty = { 0 };
    CHECK(keytable_write(NULL, 0, 1, 1, pepper_str(), s.signer, &empty, NULL));
    CHECK(keytable_open(&k.table, buf_view(&empty), s.signer, 0, NULL));
    CHECK(ask(&k, s.token[0], (KeyUse){ .now_s = 5 }) == GATE_KEY_UNKNOWN);
    small_free(&s);
}

#define ADDRESS(...) (const uint8_t[]){ __VA_ARGS__ }
#define MAPPED(...) ADDRESS(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, __VA_ARGS__)

static const struct { const char *what; KeyUse use; GateReason want; } uses[] = {
    { "all right", { S("score"), S("m1"), METHOD_POST, ADDRESS(10, 1, 2, 3), 4, 150 }, GATE_OK },
    { "a day early", { S("score"), S("m1"), METHOD_POST, ADDRESS(10, 1, 2, 3), 4, 99 }, GATE_KEY_EARLY },
    { "the first second", { S("score"), S("m1"), METHOD_POST, ADDRESS(10, 1, 2, 3), 4, 100 }, GATE_OK },
    { "the last second", { S("score"), S("m1"), METHOD_POST, ADDRESS(10, 1, 2, 3), 4, 199 }, GATE_OK },
    { "expired", { S("score"), S("m1"), METHOD_POST, ADDRESS(10, 1, 2, 3), 4, 200 }, GATE_KEY_EXPIRED },
    { "other scope", { S("scor"), S("m1"), METHOD_POST, ADDRESS(10, 1, 2, 3), 4, 150 }, GATE_KEY_SCOPE },
    { "second scope", { S("admin"), S("m1"), METHOD_POST, ADDRESS(10, 1, 2, 3), 4, 150 }, GATE_OK },
    { "other model", { S("score"), S("m2"), METHOD_POST, ADDRESS(10, 1, 2, 3), 4, 150 }, GATE_KEY_MODEL },
    { "other method", { S("score"), S("m1"), METHOD_GET, ADDRESS(10, 1, 2, 3), 4, 150 }, GATE_KEY_METHOD },
    { "other network", { S("score"), S("m1"), METHOD_POST, ADDRESS(10, 64, 2, 3), 4, 150 }, GATE_KEY_ADDRESS },
    { "same, as IPv6", { S("score"), S("m1"), METHOD_POST, MAPPED(10, 63, 2, 3), 16, 150 }, GATE_OK },
    { "IPv6 inside", { S("score"), S("m1"), METHOD_POST, ADDRESS(0x20, 1, 0x0d, 0xb8, 1, [15] = 1), 16, 150 }, GATE_OK },
    { "IPv6 outside", { S("score"), S("m1"), METHOD_POST, ADDRESS(0x20, 1, 0x0d, 0xb9, 1, [15] = 1), 16, 150 }, GATE_KEY_ADDRESS },
    { "no address", { S("score"), S("m1"), METHOD_POST, NULL, 0, 150 }, GATE_KEY_ADDRESS },
};

TEST(gatekey, holds_to_time_scope_model_method_and_network)
{
    Small s = small_table();
    defer_buf Buf tags = { 0 }, bytes = { 0 };
    uint8_t  cidr[17];
    size_t   n;
    char     token[TOKEN_MAX];
    CHECK(tag_put(&tags, TAG_SCOPE, S("score")) && tag_put(&tags, TAG_SCOPE, S("admin")) && tag_put(&tags, TAG_MODEL, S("m1")));
    CHECK(cidr_parse(S("10.0.0.0/10"), cidr, &n) && tag_put(&tags, TAG_CIDR, (Str){ (char *)cidr, n }));
    CHECK(cidr_parse(S("2001:db8::/32"), cidr, &n) && tag_put(&tags, TAG_CIDR, (Str){ (char *)cidr, n }));
    KeyRecord r = record_of("abcdefgh", (uint8_t[TOKEN_SECRET]){ 5 }, buf_view(&tags), token);
    r.not_before = 100, r.not_after = 200, r.scope_bits = 1 << METHOD_POST;
    CHECK(keytable_write(&r, 1, 1, 1, pepper_str(), s.signer, &bytes, NULL));
    GateKeys k = keys_of(&s);
    CHECK(keytable_open(&k.table, buf_view(&bytes), s.signer, 0, NULL));
    for (size_t i = 0; i < len_of(uses); i++)
        CHECK_ROW(ask(&k, token, uses[i].use) == uses[i].want, uses[i].what);
    small_free(&s);
}

TEST(gatekey, networks_are_read_strictly)
{
    static const struct { const char *text; bool ok; } rows[] = {
        { "10.0.0.0/8", true }, { "10.0.0.1", true }, { "::/0", true }, { "2001:db8::1/128", true }, { "0.0.0.0/0", true },
        { "10.0.0.0/33", false }, { "::/129", false }, { "10.0.0.0/", false }, { "10.0.0.0/-1", false }, { "10.0.0/8", false },
        { "", false }, { "/8", false }, { "localhost", false }, { "10.0.0.0/8/8", false },
    };
    uint8_t cidr[17];
    size_t  n;
    char    out[64];
    for (size_t i = 0; i < len_of(rows); i++)
        CHECK_ROW(cidr_parse(str(rows[i].text), cidr, &n) == rows[i].ok, rows[i].text);
    CHECK(cidr_parse(S("10.0.0.1"), cidr, &n) && cidr_text((Str){ (char *)cidr, n }, out) && strcmp(out, "10.0.0.1/32") == 0);
}

/* ---- the operator's folder */

static KeyStore *store(const char *dir)
{
    Err       e = { 0 };
    KeyStore *s = keystore_open(dir, true, &e);
    CHECK_ROW(s != NULL, e.message);
    return s;
}

static void gateway_view(const char *dir, GateKeys *k, Str *bytes, Arena *a)
{
    Err        e = { 0 };
    char       path[256];
    Key       *signer;
    snprintf(path, sizeof path, "%s/keys.tbl", dir);
    CHECK_ROW(gate_keys_secret(path, k->pepper, &signer, &e), e.message);
    CHECK(file_read(a, path, 1 << 20, bytes, &e) && keytable_open(&k->table, *bytes, signer, 0, &e));
    CHECK(!key_has_private(signer));
    key_free(signer);
}

TEST(keystore, a_key_lives_rotates_and_dies)
{
    char      dir[256], first[TOKEN_MAX], second[TOKEN_MAX], third[TOKEN_MAX];
    GateKeys  k;
    Err       e = { 0 };
    Str       bytes, scope = S("score");
    KeyUse    use = { .scope = scope, .now_s = 1000 };
    snprintf(dir, sizeof dir, "%s/keys", test_dir());
    defer_arena Arena *a = arena_new(8 << 20);
    {
        defer_keystore KeyStore *s = store(dir);
        KeyWish w = { .env = S("live"), .name = S("mobile"), .scopes = &scope, .scope_count = 1, .not_after = 5000 };
        CHECK(keystore_new(s, 1000, &w, first, &e) && keystore_save(s, 1000, &e) && keystore_generation(s) == 1);
    }
    gateway_view(dir, &k, &bytes, a);
    CHECK(ask(&k, first, use) == GATE_OK);
    {
        defer_keystore KeyStore *s = store(dir);
        Str id = { first + 10, 8 };
        CHECK(keystore_rotate(s, 1000, id, 2000, second, &e));
        CHECK(!keystore_rotate(s, 1000, id, 2000, third, &e) && strstr(e.message, "in rotation"));
        CHECK(keystore_save(s, 1000, &e) && keystore_generation(s) == 2);
    }
    CHECK(memcmp(first, second, 19) == 0 && strcmp(first, second) != 0);       /* same environment and id */
    gateway_view(dir, &k, &bytes, a);
    CHECK(ask(&k, first, use) == GATE_OK && ask(&k, second, use) == GATE_OK);
    use.now_s = 2000;
    CHECK(ask(&k, first, use) == GATE_KEY_EXPIRED && ask(&k, second, use) == GATE_OK);
    {
        defer_keystore KeyStore *s = store(dir);
        CHECK(keystore_revoke(s, (Str){ first + 10, 8 }, &e) && keystore_save(s, 2000, &e));
        CHECK(!keystore_revoke(s, S("nobodyhr"), &e) && e.code == E_USAGE && strstr(e.hint, "key list"));
        CHECK(!keystore_rotate(s, 2000, (Str){ first + 10, 8 }, 3000, third, &e));
    }
    gateway_view(dir, &k, &bytes, a);
    CHECK(ask(&k, second, use) == GATE_KEY_REVOKED && gate_keys_generation(bytes) == 3);
}

TEST(keystore, refuses_open_secrets_lost_ones_and_foreign_tables)
{
    char dir[256], path[300], token[TOKEN_MAX];
    Err  e = { 0 };
    snprintf(dir, sizeof dir, "%s/keys", test_dir());
    CHECK(keystore_open(dir, false, &e) == NULL && strstr(e.hint, "moat gate key new"));
    keystore_close(store(dir));
    snprintf(path, sizeof path, "%s/pepper", dir);
    struct stat st;
    CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600 && st.st_size == PEPPER_SIZE);
    CHECK(chmod(path, 0644) == 0 && keystore_open(dir, true, &e) == NULL && strstr(e.message, "others may read"));
    CHECK(chmod(path, 0600) == 0);
    {
        defer_keystore KeyStore *s = store(dir);
        KeyWish w = { .env = S("live") };
        CHECK(keystore_new(s, 1, &w, token, &e) && keystore_save(s, 1, &e));
    }
    CHECK(unlink(path) == 0);
    CHECK(keystore_open(dir, true, &e) == NULL && strstr(e.message, "pepper"));          /* not silently made anew */
    CHECK(file_create(path, S("0123456789abcdef0123456789abcdef"), 0600, &e));
    CHECK(keystore_open(dir, true, &e) == NULL && strstr(e.message, "belong together"));
}

TEST(keystore, refuses_wishes_that_mean_nothing)
{
    char    dir[256], token[TOKEN_MAX];
    Err     e = { 0 };
    Str     bad_net = S("10.0.0.0/99"), empty = S("");
    snprintf(dir, sizeof dir, "%s/keys", test_dir());
    defer_keystore KeyStore *s = store(dir);
    CHECK(!keystore_new(s, 9, &(KeyWish){ .env = S("Live") }, token, &e) && e.code == E_USAGE);
    CHECK(!keystore_new(s, 9, &(KeyWish){ .env = S("live"), .not_after = 9 }, token, &e) && e.code == E_USAGE);
    CHECK(!keystore_new(s, 9, &(KeyWish){ .env = S("live"), .cidrs = &bad_net, .cidr_count = 1 }, token, &e) && e.code == E_USAGE);
    CHECK(!keystore_new(s, 9, &(KeyWish){ .env = S("live"), .scopes = &empty, .scope_count = 1 }, token, &e) && e.code == E_USAGE);
    size_t n;
    keystore_records(s, &n);
    CHECK(n == 0);
}
