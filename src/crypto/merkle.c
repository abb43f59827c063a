/* merkle.c - see merkle.h.  MTH, PATH and PROOF are the names of RFC 6962 s2.1. */
#include "crypto/merkle.h"

static Str bytes_of(const Digest *d) { return (Str){ (const char *)d->b, sizeof d->b }; }

Digest merkle_leaf(Str record) { return sha256_of((Str[]){ S("\0"), record }, 2); }

Digest merkle_node(const Digest *left, const Digest *right)
{
    return sha256_of((Str[]){ S("\1"), bytes_of(left), bytes_of(right) }, 3);
}

Digest merkle_root(const Digest *leaves, size_t n)
{
    MerkleTop t = { 0 };
    for (size_t i = 0; i < n; i++)
        merkle_add(&t, &leaves[i]);
    return merkle_top(&t);
}

/* Each one bit of n is a full subtree; adding a leaf is adding one, and every carry joins two of them. */
void merkle_add(MerkleTop *t, const Digest *leaf)
{
    size_t count = (size_t)__builtin_popcountll(t->n);
    Digest d = *leaf;
    for (uint64_t n = t->n; n & 1; n >>= 1)
        d = merkle_node(&t->peak[--count], &d);
    t->peak[count] = d;
    t->n++;
}

Digest merkle_top(const MerkleTop *t)
{
    size_t count = (size_t)__builtin_popcountll(t->n);
    if (count == 0)
        return sha256(S(""));
    Digest d = t->peak[--count];
    while (count > 0)
        d = merkle_node(&t->peak[--count], &d);
    return d;
}

/* The largest power of two below n, n > 1. */
static uint64_t split(uint64_t n) { return 1ull << (63 - __builtin_clzll(n - 1)); }

/* PATH(i, D[n]) goes from the top down and lists what it passes by; the path is that list turned round. */
size_t merkle_path(uint64_t n, uint64_t i, MerkleRange out[static MERKLE_PROOF_MAX])
{
    size_t len = 0;
    if (i >= n)
        return 0;
    for (uint64_t from = 0, to = n; to - from > 1; len++) {
        uint64_t mid = from + split(to - from);
        bool     left = i < mid;
        out[len] = left ? (MerkleRange){ mid, to } : (MerkleRange){ from, mid };
        if (left)
            to = mid;
        else
            from = mid;
    }
    for (size_t a = 0, b = len; a + 1 < b; a++) {
        MerkleRange r = out[a];
        out[a] = out[--b], out[b] = r;
    }
    return len;
}

size_t merkle_inclusion(const Digest *leaves, size_t n, size_t i, Digest out[static MERKLE_PROOF_MAX])
{
    MerkleRange range[MERKLE_PROOF_MAX];
    size_t      len = merkle_path(n, i, range);
    for (size_t k = 0; k < len; k++)
        out[k] = merkle_root(leaves + range[k].from, (size_t)(range[k].to - range[k].from));
    return len;
}

bool merkle_inclusion_ok(const Digest *leaf, uint64_t i, uint64_t n, const Digest *path, size_t len, const Digest *root)
{
    if (i >= n || len > MERKLE_PROOF_MAX)
        return false;
    uint64_t fn = i, sn = n - 1;
    Digest   r = *leaf;
    for (size_t at = 0; at < len; at++) {
        if (sn == 0)
            return false;
        if (fn & 1 || fn == sn) {
            r = merkle_node(&path[at], &r);
            while (!(fn & 1) && fn != 0)
                fn >>= 1, sn >>= 1;
        } else
            r = merkle_node(&r, &path[at]);
        fn >>= 1, sn >>= 1;
    }
    return sn == 0 && digest_eq(&r, root);
}

/* SUB(m, D[n], known): `known` while the verifier holds MTH(D[m]) itself. */
static size_t sub_proof(const Digest *leaves, size_t m, size_t n, bool known, Digest *out)
{
    if (m == n) {
        if (!known)
            *out = merkle_root(leaves, n);
        return !known;
    }
    size_t k = split(n), len;
    if (m <= k) {
        len = sub_proof(leaves, m, k, known, out);
        out[len] = merkle_root(leaves + k, n - k);
    } else {
        len = sub_proof(leaves + k, m - k, n - k, false, out);
        out[len] = merkle_root(leaves, k);
    }
    return len + 1;
}

size_t merkle_consistency(const Digest *leaves, size_t m, size_t n, Digest out[static MERKLE_PROOF_MAX])
{
    return m == 0 || m >= n ? 0 : sub_proof(leaves, m, n, true, out);
}

/* One more digest c of the proof: both roots grow while c lies to the left, only the new one when to the right. */
static void consistency_step(uint64_t *fn, uint64_t *sn, Digest *fr, Digest *sr, const Digest *c)
{
    if (*fn & 1 || *fn == *sn) {
        *fr = merkle_node(c, fr);
        *sr = merkle_node(c, sr);
        while (!(*fn & 1) && *fn != 0)
            *fn >>= 1, *sn >>= 1;
    } else
        *sr = merkle_node(sr, c);
    *fn >>= 1, *sn >>= 1;
}

/* RFC 9162 s2.1.4.2, for 0 < m < n. */
static bool grows(uint64_t m, uint64_t n, const Digest *root_m, const Digest *root_n, const Digest *path, size_t len)
{
    bool     full = (m & (m - 1)) == 0;                /* then MTH(D[m]) is a node of the new tree and not sent */
    uint64_t fn = m - 1, sn = n - 1;
    if (!full && len == 0)
        return false;
    while (fn & 1)
        fn >>= 1, sn >>= 1;
    Digest fr = full ? *root_m : path[0], sr = fr;
    for (size_t i = full ? 0 : 1; i < len; i++) {
        if (sn == 0)
            return false;
        consistency_step(&fn, &sn, &fr, &sr, &path[i]);
    }
    return sn == 0 && digest_eq(&fr, root_m) && digest_eq(&sr, root_n);
}

bool merkle_consistency_ok(uint64_t m, uint64_t n, const Digest *root_m, const Digest *root_n, const Digest *path, size_t len)
{
    if (m > n || len > MERKLE_PROOF_MAX)
        return false;
    if (m == n)
        return len == 0 && digest_eq(root_m, root_n);
    if (m > 0)
        return grows(m, n, root_m, root_n, path, len);
    Digest empty = sha256(S(""));
    return len == 0 && digest_eq(root_m, &empty);
}
