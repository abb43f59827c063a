/* statement.h - what a signature says: the files of a model, their digests, and how they were found.
 *
 * An in-toto statement v1 with the OMS predicate v1.0, or the one of model-transparency 0.2 (`Digests/v0.1`), whose
 * subjects are the files.  Reading judges: names are canonical and unique, shards tile their file, every digest has the
 * length of its algorithm, and the root digest is that of the resources in the order they are listed.
 *
 * Trusted: nothing; but read a payload only after its signature. */
#ifndef STATEMENT_H
#define STATEMENT_H
#include "crypto/hash.h"
#include "format/json.h"

#define OMS_PREDICATE     "https://model_signing/signature/v1.0"
#define OMS_PREDICATE_OLD "https://model_signing/Digests/v0.1"
#define OMS_STATEMENT     "https://in-toto.io/Statement/v1"

enum { STATEMENT_BYTES_MAX = 64 << 20, STATEMENT_IGNORE_MAX = 10000 };

typedef struct Resource {
    Str      name;                                     /* of the file, without a shard's numbers            */
    uint64_t from, to;                                 /* of a shard; a whole file: 0 and UINT64_MAX        */
    uint8_t  digest[HASH_SIZE_MAX];
} Resource;

typedef struct Statement {
    Str       subject;                                 /* name of the model; empty in an old statement      */
    bool      old;
    HashKind  hash;
    bool      allow_symlinks;
    uint64_t  shard_size;                              /* 0: method files                                   */
    Str      *ignore;
    size_t    ignore_count;
    Resource *v;                                       /* as listed                                     */
    size_t    n;
    Digest    root;
} Statement;

/* A name as OMS writes it: relative, "/", no empty, "." or ".." step, UTF-8; "." alone when `dot`. */
bool resource_name_ok(Str name, bool dot);
/* SHA-256 over the raw digests in the order given. */
Digest statement_root(HashKind hash, const Resource *v, size_t n);

/* E_FORMAT: the statement breaks its format or contradicts itself.  E_CRYPTO: a method or hash that we do not have. */
bool statement_parse(Arena *a, Str payload, Statement *out, Err *e);
/* Fixed key order, compact; `reference` spells the algorithm of shards as model-transparency wants it. */
void statement_write(const Statement *s, bool reference, Buf *out);

#endif
