/* head.h - which version is the newest, and whether it can be believed: ref, ledger and signature held against each other. */
#ifndef HEAD_H
#define HEAD_H
#include "data/history.h"
#include "data/version.h"

typedef struct Head {
    DataVersion version;                               /* version.version is 0: never committed, or unreadable (then there are Findings) */
    Envelope    envelope;
    bool        signature_ok, pinned_now;
    bool        ref_good;                              /* the ref says what the ledger says                                             */
} Head;

/* The newest version by the ledger, or by the ref when there is no ledger to ask; everything that contradicts it becomes a
 * Finding; h->version is set.  `signer` is a public key file, NULL for the pinned one.  False when the question could not be asked. */
bool head_look(Arena *a, History *h, const char *signer, Clock clock, Findings *out, Head *head, Err *e);

/* A head that writers may build on: the same, but anything critical that is not mended by moving the ref is an error. */
bool head_trusted(Arena *a, History *h, const char *signer, Clock clock, Head *head, Err *e);

/* Version `version` along the parents of the head, each parent's digest vouched for by its child. */
bool head_back(Arena *a, const History *h, const Head *head, uint64_t version, DataVersion *out, Err *e);

#endif
