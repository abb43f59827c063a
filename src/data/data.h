/* data - golden versions of datasets: what was committed, by whom, and whether it still is what lies on the disk.
 *
 * A commit cuts every file into content-defined chunks (chunk.h), stores each chunk once in packs (pack.h, store.h),
 * lists them in a tree object (tree.h), puts the rows of tabular files under a Merkle root (rows.h), and signs a
 * statement over all of it that names its parent (version.h).  The order is: packs, tree, statement, ledger record, ref;
 * each is on the disk before the next begins, so a crash leaves the old head or the new one and perhaps orphans.
 *
 *     .moat/objects/pack-HEX.moatpack     chunks and row roots        HEX: SHA-256 of the file without its trailer
 *     .moat/objects/tree/HEX              tree objects                HEX: SHA-256 of the content
 *     .moat/objects/statement/HEX.json    DSSE envelopes              HEX: SHA-256 of the signed body
 *     .moat/refs/data/NAME/head           "VERSION HEX": the newest statement
 *     .moat/refs/data/NAME/signer.pub     the key that must have signed the head; pinned when first seen
 *
 * The signature of the head covers everything: the tree by its id, the chunks by theirs, older versions through the
 * parents' digests, and the ledger says which head is the newest.  So a verifier needs the public key and the ledger,
 * and believes nothing else in .moat/.
 *
 * Trusted: the signer's key; the ledger, as far as a checkpoint kept elsewhere covers it.  Not trusted: objects, refs,
 * the working files, and names inside trees. */
#ifndef DATA_H
#define DATA_H
#include "base/clock.h"
#include "base/pool.h"
#include "finding/finding.h"
#include "ledger/ledger.h"
#include "pipeline/pipeline.h"

extern const Rule   data_rules[];
extern const size_t data_rules_len;

/* One version, read from its statement. */
typedef struct DataVersion {
    uint64_t version;                                  /* from 1; 0: never committed               */
    Digest   root;                                     /* Merkle root over the rows                */
    Digest   tree, statement, parent;                  /* parent all zero in version 1             */
    uint64_t rows, bytes, files;
    bool     has_labels;                               /* labels in a file of their own            */
    Digest   labels_root;
    uint64_t labels_rows;
    uint64_t reverts;                                  /* the version this one brought back, or 0  */
    Str      time, reason, format;                     /* reason may be empty                      */
    Str      keyid, signer;                            /* of who signed; the public key as PEM     */
    int64_t  expires_ns;                               /* 0: never                                 */
    const Json *predicate;                             /* all that was signed                      */
} DataVersion;

/* The newest version of a dataset, its signature and place in the ledger checked, its files not read.  out->version is 0
 * when it was never committed.  False when that cannot be said: damaged, not signed by the pinned key, rolled back. */
bool data_head(Arena *a, const Pipeline *p, Str dataset, DataVersion *out, Err *e);

/* ---- verify */

typedef struct DataVerify {
    Str         dataset;
    uint64_t    version;                               /* 0: the head                                             */
    const char *signer;                                /* public key file; NULL: the pinned one                   */
    bool        skip_store, skip_files;                /* do not re-hash the objects; do not read the working files */
    Clock       clock;                                 /* for statements that expire                              */
    Pool       *pool;                                  /* NULL: this thread alone                                 */
} DataVerify;

typedef struct DataVerified {
    DataVersion version;
    bool        signature_ok, pinned_now, files_read;  /* pinned_now: the signer was trusted on first use */
    uint64_t    chunks, packs;                         /* read and hashed                                 */
} DataVerified;

/* Re-hashes store and working files; what differs becomes Findings (part "datasets.NAME", subject a file, row ranges
 * in the message and evidence).  What could not be read is a Finding with state unknown.  False only when the question
 * could not be asked: no such dataset or version, out of memory. */
bool data_verify(Arena *a, const Pipeline *p, const DataVerify *how, Findings *out, DataVerified *result, Err *e);

/* ---- commit, restore, log */

typedef struct DataCommit {
    Str         dataset, actor, reason;
    const char *key;                                   /* private key file                               */
    int64_t     expires_ns;                            /* 0: never                                       */
    bool        paranoid;                              /* read files that look unchanged too             */
    bool        rewrite;                               /* store every chunk again, to mend a damaged store */
    Clock       clock;
    Pool       *pool;
} DataCommit;

typedef struct DataCommitted {
    DataVersion version;                               /* the new one, or the head when nothing changed */
    bool        unchanged, pinned_now;
    uint64_t    chunks, new_chunks, stored_bytes;      /* what this commit looked at and wrote          */
} DataCommitted;
/* Findings: labels that do not match the rows, links that leave the dataset. */
bool data_commit(Arena *a, const Pipeline *p, Ledger *l, const DataCommit *how, Findings *out, DataCommitted *result,
                 Err *e);

typedef struct DataRestore {
    Str         dataset, actor, reason;
    uint64_t    version;
    const char *to;                                    /* folder to restore into; NULL: where the dataset lives */
    const char *signer;                                /* public key file; NULL: the pinned one                 */
    const char *key;                                   /* private key file, for as_head                         */
    bool        as_head;                               /* sign a new version that brings this one back          */
    bool        keep;                                  /* keep what was there as NAME.replaced-TIME             */
    Clock       clock;
} DataRestore;

typedef struct DataRestored {
    DataVersion version, head;                         /* what was restored; the new head with as_head   */
    uint64_t    files;
    Str         kept;                                  /* where the replaced files are, when asked to keep */
} DataRestored;
bool data_restore(Arena *a, const Pipeline *p, Ledger *l, const DataRestore *how, DataRestored *result, Err *e);

/* Every version from the newest back to the first, along the signed parents. */
bool data_log(Arena *a, const Pipeline *p, Str dataset, const char *signer, DataVersion **out, size_t *n, Err *e);

/* "NAME" or "NAME@7"; *version 0 without one.  False when the part behind @ is no version. */
bool data_at(Str arg, Str *name, uint64_t *version);

#endif
