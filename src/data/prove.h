/* prove.h - that a row lies in a signed version, to anybody, without the dataset: the row, its audit path, the statement.
 *
 * The path is RFC 6962's (s2.1.1), the leaf SHA-256(0x00 || row) with the row's canonical bytes (rows.h).  The version's
 * content is read from the store up to its end, for the 4096 rows of the chunk around the row and the roots of the others. */
#ifndef PROVE_H
#define PROVE_H
#include "data/data.h"
#include "ledger/envelope.h"

typedef struct RowProof {
    DataVersion version;
    uint64_t    index;                                 /* from 0 */
    Str         row;                                   /* canonical bytes */
    Digest      leaf;
    Digest      path[MERKLE_PROOF_MAX];
    size_t      len;
    Str         envelope;                              /* the DSSE envelope of the version's statement, JSON */
} RowProof;

/* `version` 0 is the head; `signer` as in data_verify().  What it hands out was verified against the signed root. */
bool data_prove(Arena *a, const Pipeline *p, Str dataset, uint64_t version, uint64_t index, const char *signer, RowProof *out, Err *e);

#endif
