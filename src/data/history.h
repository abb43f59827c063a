/* history.h - where a dataset's history lives, its ref, and the two locks that keep writers and readers apart.
 *
 * `lock` is held by one writer from its first look to its last step.  `publish` guards the three steps that make a
 * version the newest: note the intent in `pending`, append to the ledger, move the ref.  Readers share it, so they see
 * all three or none; if they find `pending`, its writer died there, and the ledger says which way to finish. */
#ifndef HISTORY_H
#define HISTORY_H
#include "data/data.h"
#include "data/members.h"

typedef struct History {
    const Pipeline *pipeline;
    const Dataset  *dataset;
    Str             name;
    char           *objects, *refs, *head, *pending, *pin, *lock, *publish, *stamps;
    Members         members;                           /* not listed yet */
    uint64_t        version;                           /* the one that findings speak of; 0: not known yet */
} History;

/* Of a declared dataset.  Nothing is created. */
bool history_of(Arena *a, const Pipeline *p, Str dataset, History *out, Err *e);
bool history_make(const History *h, Err *e);              /* the folders */

typedef enum { REF_ABSENT, REF_GOOD, REF_DAMAGED } RefState;
typedef struct Ref {
    RefState state;
    uint64_t version;
    Digest   statement;
} Ref;
/* E_IO only when it is there and cannot be read. */
bool ref_read(const char *path, Ref *out, Err *e);
bool ref_write(const char *path, uint64_t version, const Digest *statement, Err *e);

/* The descriptor that holds the lock, to be closed; -1 with *e set. */
int history_lock(const History *h, Err *e);               /* waits HISTORY_WAIT_MS for another writer */
enum { HISTORY_WAIT_MS = 10000 };
int history_publish(const History *h, Err *e);
/* Shared; finishes or undoes what a dead writer left.  -1 without an error when there is nothing to lock. */
int history_share(const History *h, Ledger *l, Err *e);

/* The dataset's newest commit in the ledger.  False without an error when there is none. */
bool history_newest(Arena *a, const History *h, Ledger *l, Ref *out, Err *e);

#endif
