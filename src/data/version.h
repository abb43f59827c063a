/* version.h - what a signer says about one version: an in-toto Statement v1 in a DSSE envelope.
 *
 *     subject     the dataset's name and its row root
 *     predicate   dataset, version, parent (digest of the statement before), tree, root, rows, bytes, files, header, labels,
 *                 policy (digest of moat.yaml as it was), expires, reverts, reason, time, actor, signer (public key, PEM)
 *
 * Its name is the SHA-256 of the body that was signed.  A parent's digest inside a signed body vouches for the parent as
 * the signature does for the body, all the way down to version 1.
 *
 * Trusted: nothing until the signature was checked; the signer's key inside only says whom to ask about. */
#ifndef VERSION_H
#define VERSION_H
#include "data/data.h"
#include "ledger/envelope.h"

#define VERSION_PREDICATE "urn:moat:data.version:1"

/* What is only written; everything else is in the DataVersion. */
typedef struct VersionMore {
    Str    dataset, actor, header, labels_header;      /* headers are JSON objects */
    Digest policy;
} VersionMore;

/* The body: v->statement and v->keyid are not read. */
bool version_body(Buf *out, const DataVersion *v, const VersionMore *more, const Key *signer, Err *e);
/* Reads a body; all but v->statement and v->keyid. */
bool version_parse(Arena *a, Str body, Str dataset, DataVersion *out, Err *e);
/* A member of a JSON object: the digest as hex. */
void version_put_digest(JsonOut *w, const char *key, const Digest *d);
/* Reads the file, checks that its body has the digest, parses both.  The signature is not checked. */
bool version_load(Arena *a, const char *objects, const Digest *id, Str dataset, Envelope *envelope, DataVersion *out, Err *e);

#endif
