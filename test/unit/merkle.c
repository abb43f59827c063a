#include "../test.h"
#include "base/file.h"
#include "crypto/merkle.h"
#include "format/json.h"

enum { MOST = 70 };

/* The definitions of RFC 6962 s2.1, word for word and slowly: the truth that the fast code is held against. */
static size_t below(size_t n)
{
    size_t k = 1;
    while (2 * k < n)
        k *= 2;
    return k;
}

static Digest mth(const Digest *d, size_t n)
{
    if (n == 0)
        return sha256(S(""));
    if (n == 1)
        return d[0];
    size_t k = below(n);
    Digest left = mth(d, k), right = mth(d + k, n - k);
    return merkle_node(&left, &right);
}

static size_t path(size_t m, const Digest *d, size_t n, Digest *out)
{
    if (n == 1)
        return 0;
    size_t k = below(n), len = m < k ? path(m, d, k, out) : path(m - k, d + k, n - k, out);
    out[len] = m < k ? mth(d + k, n - k) : mth(d, k);
    return len + 1;
}

static size_t subproof(size_t m, const Digest *d, size_t n, bool b, Digest *out)
{
    if (m == n && b)
        return 0;
    if (m == n)
        return out[0] = mth(d, n), 1;
    size_t k = below(n), len = m <= k ? subproof(m, d, k, b, out) : subproof(m - k, d + k, n - k, false, out);
    out[len] = m <= k ? mth(d + k, n - k) : mth(d, k);
    return len + 1;
}

static void fill(Digest leaves[static MOST])
{
    for (size_t i = 0; i < MOST; i++)
        leaves[i] = merkle_leaf((Str){ (char *)&i, sizeof i });
}

static bool same(const Digest *a, size_t n, const Digest *b, size_t m) { return n == m && memcmp(a, b, n * sizeof *a) == 0; }

TEST(merkle, roots_are_those_of_certificate_transparency)
{
    static const char *const entries[] = { "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f" };
    static const char *const roots[] = {
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    };
    Digest    leaves[len_of(entries)];
    MerkleTop top = { 0 };
    for (size_t n = 0; n < len_of(roots); n++) {
        Digest root = merkle_root(leaves, n), grown = merkle_top(&top);
        char   text[DIGEST_HEX];
        digest_hex(&root, text);
        CHECK_STR(text, roots[n]);
        CHECK(digest_eq(&root, &grown) && top.n == n);
        if (n == len_of(entries))
            break;
        defer_buf Buf b = { 0 };
        CHECK(hex_get(&b, str(entries[n])));
        leaves[n] = merkle_leaf(buf_view(&b));
        merkle_add(&top, &leaves[n]);
    }
}

TEST(merkle, roots_and_inclusion_follow_the_definition_up_to_70)
{
    Digest leaves[MOST], fast[MERKLE_PROOF_MAX], slow[MERKLE_PROOF_MAX];
    fill(leaves);
    for (size_t n = 1; n <= MOST; n++) {
        Digest root = merkle_root(leaves, n), want = mth(leaves, n);
        CHECK(digest_eq(&root, &want));
        for (size_t i = 0; i < n; i++) {
            size_t len = merkle_inclusion(leaves, n, i, fast);
            CHECK(same(fast, len, slow, path(i, leaves, n, slow)));
            CHECK(merkle_inclusion_ok(&leaves[i], i, n, fast, len, &root));
            CHECK(!merkle_inclusion_ok(&leaves[(i + 1) % MOST], i, n, fast, len, &root));
            CHECK(i + 1 == n || !merkle_inclusion_ok(&leaves[i], i + 1, n, fast, len, &root));
            CHECK(len == 0 || !merkle_inclusion_ok(&leaves[i], i, n, fast, len - 1, &root));
            CHECK(!merkle_inclusion_ok(&leaves[i], i, n, fast, len + 1, &root));
            CHECK(!merkle_inclusion_ok(&leaves[i], n, n, fast, len, &root));
            for (size_t k = 0; k < len; k++) {
                fast[k].b[i % 32] ^= 1;
                CHECK(!merkle_inclusion_ok(&leaves[i], i, n, fast, len, &root));
                fast[k].b[i % 32] ^= 1;
            }
        }
    }
}

TEST(merkle, consistency_follows_the_definition_up_to_70)
{
    Digest leaves[MOST], fast[MERKLE_PROOF_MAX] = { 0 }, slow[MERKLE_PROOF_MAX];
    fill(leaves);
    for (size_t n = 1; n <= MOST; n++)
        for (size_t m = 1; m <= n; m++) {
            Digest old = mth(leaves, m), root = mth(leaves, n), other = leaves[0];
            other.b[31] ^= 1;
            size_t len = merkle_consistency(leaves, m, n, fast);
            CHECK(same(fast, len, slow, subproof(m, leaves, n, true, slow)));
            CHECK(merkle_consistency_ok(m, n, &old, &root, fast, len));
            CHECK(!merkle_consistency_ok(m, n, &other, &root, fast, len));
            CHECK(!merkle_consistency_ok(m, n, &old, &other, fast, len));
            CHECK(!merkle_consistency_ok(m, n, &old, &root, fast, len + 1));
            CHECK(len == 0 || !merkle_consistency_ok(m, n, &old, &root, fast, len - 1));
            CHECK(m == n || !merkle_consistency_ok(n, m, &root, &old, fast, len));
            for (size_t k = 0; k < len; k++) {
                fast[k].b[n % 32] ^= 1;
                CHECK(!merkle_consistency_ok(m, n, &old, &root, fast, len));
                fast[k].b[n % 32] ^= 1;
            }
        }
}

TEST(merkle, the_empty_tree_starts_every_tree)
{
    Digest empty = sha256(S("")), leaf = merkle_leaf(S("x"));
    CHECK(merkle_consistency_ok(0, 1, &empty, &leaf, NULL, 0));
    CHECK(!merkle_consistency_ok(0, 1, &leaf, &leaf, NULL, 0));
    CHECK(!merkle_consistency_ok(0, 1, &empty, &leaf, &leaf, 1));
    CHECK(!merkle_inclusion_ok(&leaf, 0, 0, NULL, 0, &empty));
}

/* Hostile sizes: nothing to allocate, nothing to overflow. */
TEST(merkle, hostile_sizes_and_lengths_are_refused)
{
    Digest p[MERKLE_PROOF_MAX] = { 0 }, d = merkle_leaf(S(""));
    for (size_t len = 0; len <= MERKLE_PROOF_MAX; len++) {
        CHECK(!merkle_inclusion_ok(&d, UINT64_MAX - 1, UINT64_MAX, p, len, &d));
        CHECK(!merkle_consistency_ok(UINT64_MAX - 1, UINT64_MAX, &d, &d, p, len));
        CHECK(!merkle_consistency_ok(1ull << 63, UINT64_MAX, &d, &d, p, len));
    }
    CHECK(!merkle_inclusion_ok(&d, 0, 2, p, SIZE_MAX, &d));
    CHECK(!merkle_consistency_ok(1, 2, &d, &d, p, SIZE_MAX));
}

/* ---- the published vectors */

static size_t digests(const Json *list, Digest out[static MERKLE_PROOF_MAX])
{
    size_t n = 0;
    for (const Json *v = list ? list->first : NULL; v != NULL; v = v->next)
        CHECK(n < MERKLE_PROOF_MAX && digest_parse(v->text, &out[n++]));
    return n;
}

static Digest root_of(const Json *file, uint64_t size)
{
    Digest d;
    CHECK(digest_parse(json_text(json_at(json_get(file, "roots_by_size"), size), S("")), &d));
    return d;
}

static uint64_t number(const Json *o, const char *key)
{
    uint64_t v = 0;
    CHECK_ROW(json_u64(json_get(o, key), &v), key);
    return v;
}

static size_t leaves_of(const Json *file, Digest out[static MOST])
{
    size_t n = 0;
    for (const Json *v = json_get(file, "leaves")->first; v != NULL; v = v->next) {
        defer_buf Buf b = { 0 };
        CHECK(hex_get(&b, v->text));
        out[n++] = merkle_leaf(buf_view(&b));
    }
    return n;
}

static void check_inclusion(const Json *file, const Digest *leaves)
{
    Digest want[MERKLE_PROOF_MAX], have[MERKLE_PROOF_MAX];
    size_t rows = 0;
    for (const Json *v = json_get(file, "inclusion")->first; v != NULL; v = v->next, rows++) {
        uint64_t i = number(v, "index"), n = number(v, "size");
        size_t   len = digests(json_get(v, "path"), want);
        Digest   root = root_of(file, n);
        CHECK(same(want, len, have, merkle_inclusion(leaves, n, i, have)));
        CHECK(merkle_inclusion_ok(&leaves[i], i, n, want, len, &root));
    }
    CHECK(rows > 20);
}

static void check_consistency(const Json *file, const Digest *leaves)
{
    Digest want[MERKLE_PROOF_MAX], have[MERKLE_PROOF_MAX];
    size_t rows = 0;
    for (const Json *v = json_get(file, "consistency")->first; v != NULL; v = v->next, rows++) {
        uint64_t m = number(v, "from"), n = number(v, "to");
        size_t   len = digests(json_get(v, "proof"), want);
        Digest   a = root_of(file, m), b = root_of(file, n);
        CHECK(same(want, len, have, merkle_consistency(leaves, m, n, have)));
        CHECK(merkle_consistency_ok(m, n, &a, &b, want, len));
    }
    CHECK(rows > 20);
}

TEST(merkle, the_published_vectors_hold)
{
    const char        *path_name = test_vectors("data/merkle_rfc6962.json");
    defer_arena Arena *a = arena_new(16 << 20);
    Digest             leaves[MOST];
    Str                text;
    Err                e = { 0 };
    if (path_name == NULL)
        return;
    CHECK_ROW(file_read(a, path_name, 1 << 20, &text, &e), e.message);
    const Json *file = json_parse(a, text, JSON_STRICT, &e);
    CHECK_ROW(file != NULL && leaves_of(file, leaves) == 8, e.message);
    check_inclusion(file, leaves);
    check_consistency(file, leaves);
}
