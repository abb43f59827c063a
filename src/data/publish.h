/* publish.h - making a version the newest: sign it, store what was signed, record it, move the ref. */
#ifndef PUBLISH_H
#define PUBLISH_H
#include "data/head.h"

typedef struct Publish {
    Arena         *arena;
    const History *history;                            /* its writer lock is held */
    Ledger        *ledger;
    const Key     *key;
    Str            actor;
    Str            header, labels_header;              /* JSON objects */
    Clock          clock;
} Publish;

/* The key that may sign for this dataset: the pinned one; *first when there is none, and publish() will pin it. */
Key *publish_key(const History *h, const char *path, bool *first, Err *e);
/* Fills version, parent, time, statement and keyid of *v; everything else is the caller's.  When this returns true the
 * version is the head; when it returns false the old one is, or the ledger has the new one and the next look finishes it. */
bool publish(const Publish *how, const Head *head, DataVersion *v, Err *e);

#endif
