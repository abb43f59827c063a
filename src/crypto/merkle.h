/* merkle.h - a hash tree over records, so that one missing line can be proved (RFC 6962 s2.1).
 *
 * Leaves are H(0x00 || record), nodes are H(0x01 || left || right); the two prefixes keep a node from posing as a
 * leaf.  The split is at the largest power of two below n.  Trusted: the hash.  Not trusted: proofs, sizes, indexes. */
#ifndef MERKLE_H
#define MERKLE_H
#include "crypto/digest.h"

enum { MERKLE_PROOF_MAX = 64 };

Digest merkle_leaf(Str record);
Digest merkle_node(const Digest *left, const Digest *right);
Digest merkle_root(const Digest *leaves, size_t n);    /* n == 0: SHA-256("") */

/* Growing tree: O(log n) memory for the root alone. */
typedef struct MerkleTop {
    uint64_t n;
    Digest   peak[64];                                 /* roots of the full subtrees, largest first */
} MerkleTop;
void   merkle_add(MerkleTop *t, const Digest *leaf);
Digest merkle_top(const MerkleTop *t);

/* The subtrees whose roots are the audit path of leaf i in a tree of n, leaf side first: leaves [from, to) each. */
typedef struct MerkleRange {
    uint64_t from, to;
} MerkleRange;
size_t merkle_path(uint64_t n, uint64_t i, MerkleRange out[static MERKLE_PROOF_MAX]);

/* Audit path of leaf i in a tree of n, leaf side first.  Returns the number of digests, at most MERKLE_PROOF_MAX. */
size_t merkle_inclusion(const Digest *leaves, size_t n, size_t i, Digest out[static MERKLE_PROOF_MAX]);
bool   merkle_inclusion_ok(const Digest *leaf, uint64_t i, uint64_t n, const Digest *path, size_t len,
                           const Digest *root);
/* Proof that the tree of size m is a prefix of the tree of size n. */
size_t merkle_consistency(const Digest *leaves, size_t m, size_t n, Digest out[static MERKLE_PROOF_MAX]);
bool   merkle_consistency_ok(uint64_t m, uint64_t n, const Digest *root_m, const Digest *root_n, const Digest *path,
                             size_t len);

#endif
