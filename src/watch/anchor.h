/* anchor.h - events under Merkle roots in the ledger.
 *
 * Events lie in the spool, one folder a producer; anchoring reads what is new, puts the payloads under one
 * Merkle root (leaf = H(0x00 || payload), RFC 6962) and appends that root to the ledger as a Record of kind event.batch.  An
 * event is then proved by its place in the batch and the batch's place in the ledger, and a hole in the spool shows as a
 * batch that does not start where the last one ended.
 *
 * The ledger says where each producer's last batch ended, so a crash between reading and appending repeats nothing and
 * skips nothing.  Trusted: the ledger.  Not trusted: the spool's bytes. */
#ifndef ANCHOR_H
#define ANCHOR_H
#include "ledger/ledger.h"

enum { ANCHOR_BATCH = 4096 };                          /* events in one Record at the most */

typedef struct Anchor Anchor;

/* `dir` holds one folder a producer (.moat/spool); it may not exist yet.  Owned: anchor_close(). */
Anchor *anchor_open(const char *dir, Err *e);
void    anchor_close(Anchor *a);                       /* NULL is fine */
/* Reads what is new of every producer and appends it; *events counts them.  False on the first failure: what was
 * appended stays, the rest is tried again by the next call. */
bool    anchor_run(Anchor *a, Ledger *l, Clock clock, uint64_t *events, Err *e);

#endif
