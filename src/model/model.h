/* model - is this model the one that its signer released?
 *
 * A signature is an OpenSSF Model Signing (OMS) v1.0 bundle: a sigstore bundle v0.3 holding a DSSE envelope whose payload,
 * an in-toto statement, lists every file of the model with its digest and a root digest over all of them.
 *
 *     bundle.h     the signature's clothes, read and written             disk.h      the files as they lie there
 *     statement.h  the list inside: read and judged, written             rules.c     what can be wrong
 *     sign.c       disk -> statement -> bundle                           verify.c    bundle -> statement == disk?
 *     scan.h       does loading it run code?                             trust.c     may it be used: verify, scan, history
 *
 * Verification order: the signature over the raw payload first, then the payload's meaning, then the disk.  Nothing in
 * an unverified payload is looked at.  What is not proven is a Finding; what we cannot judge (a certificate or keyless
 * bundle, an unknown hash, an unreadable file) is an error; neither is ever `verified`.
 *
 * Trusted: the public key or the digest that the caller brings.  Not trusted: the bundle, the names in it, the files.
 *
 * How to add one more check: a row in rules.c, its number below, and the line that raises it. */
#ifndef MODEL_H
#define MODEL_H
#include "base/pool.h"
#include "crypto/key.h"
#include "finding/finding.h"
#include "ledger/ledger.h"
#include "pipeline/pipeline.h"

extern const Rule   model_rules[];                     /* MOAT-M1xx */
extern const size_t model_rules_len;

/* ---- verify */

typedef struct ModelCheck {
    Str         part;                                  /* "models.scorer", or empty                               */
    const char *path;                                  /* file or folder                                          */
    const char *signature;                             /* NULL: model_signature_path(path)                        */
    const char *signer;                                /* public key file that must have signed; NULL: none known */
    Str         sha256;                                /* hex digest it must have; empty: none published          */
    bool        scan_off;                              /* model_trust() takes it without a clean scan             */
    bool        ignore_unsigned_files;                 /* files in the folder that the signature does not list    */
} ModelCheck;

typedef struct ModelVerdict {
    bool     verified;                                 /* no finding, and at least one of signer and sha256 proved it  */
    bool     has_digest;
    Digest   digest;                                   /* of a file: its SHA-256; of a folder: the OMS root digest     */
    bool     bound;                                    /* digest is what was signed or published, not what a later reading found */
    char     signer[DIGEST_HEX];                       /* key id, once the signature has verified with it; else empty  */
    Str      note;                                     /* what a careful reader should know (old bundle, no key hint)  */
    uint64_t files, bytes;                             /* that were read and compared                                  */
    Str     *ignored;                                  /* paths that the signer left out, beside the usual ones        */
    size_t   ignored_count;
} ModelVerdict;

/* Judges one model; findings are added to `found`.  True when it could be judged, verified or not; false when not:
 * *v then says verified = false.  `pool` may be NULL. */
bool model_verify(Arena *a, Pool *pool, const ModelCheck *c, Findings *found, ModelVerdict *v, Err *e);
/* What must hold before a declared model is used: it verifies; this version's scan of the same bytes is clean, the ledger's or one made
 * now; and the ledger knows where it came from (it was trained, signed or accepted here) or moat.yaml names its digest.  `l` NULL: a
 * ledger that holds nothing. */
bool model_trust(Arena *a, Pool *pool, const ModelCheck *c, Ledger *l, Findings *found, ModelVerdict *v, Err *e);
/* What moat.yaml says about a model, ready for model_verify. */
ModelCheck model_check_of(const Pipeline *p, const Model *m);
/* PATH.sig beside a file, DIR/model.sig in a folder. */
char *model_signature_path(Arena *a, const char *path);
/* What ModelVerdict carries for a file or an unsigned folder: its SHA-256, or the root digest over a SHA-256 of every file in
 * order of name, without .git and its company and DIR/model.sig. */
bool model_digest(Arena *a, Pool *pool, const char *path, Digest *out, Err *e);

/* ---- sign */

typedef struct ModelSign {
    const char        *path;                           /* file or folder                                       */
    const char        *signature;                      /* NULL: model_signature_path(path)                     */
    const char *const *ignore;                         /* paths in the folder that are left out                */
    size_t             ignore_count;
    uint64_t           shard_size;                     /* 0: a digest a file; else a digest every so many bytes */
    bool               reference;                      /* spell shards and single files as model-transparency  */
    bool               blake2b;                        /* instead of SHA-256                                    */
    bool               allow_symlinks;                 /* sign what they point at, under the link's name        */
} ModelSign;

/* Signs with the private key and replaces the signature file at once.  *v gets digest, signer, files and bytes; its note
 * what was followed out of the folder. */
bool model_sign(Arena *a, Pool *pool, const ModelSign *s, const Key *key, ModelVerdict *v, Err *e);

/* ---- the ledger */

/* RECORD_MODEL_SIGN, _VERIFY, _ACCEPT or _DEPLOY; the subject is the digest.  `serve` is the address of a deployed one, else empty. */
bool model_record(Ledger *l, Clock clock, RecordKind kind, Str actor, const ModelCheck *c, const ModelVerdict *v, Str serve, Err *e);

#endif
