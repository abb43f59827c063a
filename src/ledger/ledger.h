/* ledger - everything that happened, in one append-only log that proves what it says.
 *
 * SQLite holds the exact bytes of every Record as they were hashed; nothing is re-serialised to be verified.  Record
 * i is leaf i of an RFC 6962 tree.  A checkpoint (C2SP tlog-checkpoint, a signed note) fixes size and root; whoever
 * kept one outside catches any rewriting of what it covers, however complete.
 *
 * What cannot be caught: changes to records that no checkpoint outside covers, by somebody who can write the file and
 * recomputes everything (the database alone shows accidents and the careless).  The last checkpoint that was signed is kept
 * in the same transaction and stops us from signing a second history by mistake; whoever rolls the whole file back
 * rolls that back too, and only the copy outside, or a witness, tells.
 *
 * How to add one more kind: a constant before RECORD_KINDS and a row in record_table (records.c); doc/records.md is
 * `moat help records`.  The parts: record.h bytes of one record, db.h the SQLite file, ledger.c append and read, verify.c
 * the tree.
 *
 * Trusted: the signing key, and the checkpoint the verifier brings.  Not trusted: the database file. */
#ifndef LEDGER_H
#define LEDGER_H
#include "base/clock.h"
#include "crypto/key.h"
#include "crypto/merkle.h"
#include "format/json.h"

/* What can happen.  The table of names, bodies and meanings is in records.c and written out as doc/records.md. */
typedef enum {
    RECORD_DATA_COMMIT,
    RECORD_DATA_RESTORE,
    RECORD_DATA_SCAN,
    RECORD_DATA_ACCESS,
    RECORD_DATA_STEP,
    RECORD_TRAINING,
    RECORD_PRIVACY,
    RECORD_MODEL_SIGN,
    RECORD_MODEL_VERIFY,
    RECORD_MODEL_ACCEPT,
    RECORD_MODEL_DEPLOY,
    RECORD_MODEL_SCAN,
    RECORD_MODEL_SEAL,
    RECORD_KEY_NEW,
    RECORD_GATE_KEY,
    RECORD_GATE_CALIBRATE,
    RECORD_GATE_START,
    RECORD_GATE_STOP,
    RECORD_EVENT_BATCH,
    RECORD_CHECK,
    RECORD_CHECKPOINT,
    RECORD_WATCH_ALERT,
    RECORD_WATCH_REFERENCE,
    RECORD_KINDS
} RecordKind;
typedef struct RecordRow {
    const char *name;                                  /* "data.commit" */
    const char *body;                                  /* the members of its body, for people */
    const char *meaning;
} RecordRow;
extern const RecordRow record_table[RECORD_KINDS];
/* The table as doc/records.md prints it. */
void ledger_records_text(Buf *out);

typedef struct Record {
    uint64_t seq;                                      /* position, counted from 0                         */
    Str      bytes;                                    /* exactly what was hashed: one JSON object         */
    /* read out of those bytes: */
    Str      kind, time, actor, subject;               /* subject: lower-case hex SHA-256, or empty        */
    const Json *body;
} Record;

typedef struct Ledger Ledger;                          /* belongs to one thread at a time */

/* Opens or creates the ledger at `path` (folder must exist).  Owned: ledger_close(). */
Ledger *ledger_open(const char *path, Err *e);
/* For readers: an absent or foreign file is an error, nothing is created. */
Ledger *ledger_open_read(const char *path, Err *e);
void    ledger_close(Ledger *l);                       /* NULL is fine */
static inline void ledger_drop(Ledger **l) { ledger_close(*l); }
#define defer_ledger __attribute__((cleanup(ledger_drop)))

/* Appends one record durably (synchronous=FULL).  `body` is one JSON object; `actor` who did it ("uid:1000",
 * "moat gate"); `subject` may be NULL.  On true *seq (may be NULL) is its position. */
bool ledger_append(Ledger *l, Clock clock, RecordKind kind, Str actor, const Digest *subject, Str body, uint64_t *seq,
                   Err *e);
/* Several appends in one transaction: begin, append..., commit.  Nothing is acknowledged before commit returns true; when
 * an append fails for more than its own body, the group is gone and commit says so.  Other writers wait meanwhile. */
bool ledger_begin(Ledger *l, Err *e);
bool ledger_commit(Ledger *l, Err *e);
void ledger_rollback(Ledger *l);

uint64_t ledger_size(Ledger *l);
/* Record `seq` into the arena; false with E_IO when it is not there or does not parse. */
bool ledger_get(Ledger *l, Arena *a, uint64_t seq, Record *out, Err *e);
/* The newest record of a kind, optionally with that subject (NULL: any) and body member "name" equal to `name` (empty: any).
 * False without an error (e->code == E_OK) when there is none. */
bool ledger_last(Ledger *l, Arena *a, RecordKind kind, const Digest *subject, Str name, Record *out, Err *e);
/* Calls fn for each record from `from` on, oldest first, until it returns false. */
bool ledger_each(Ledger *l, uint64_t from, bool (*fn)(void *ctx, const Record *r), void *ctx, Err *e);
/* The same, newest first; of one kind, or of all with RECORD_KINDS. */
bool ledger_newest(Ledger *l, RecordKind kind, bool (*fn)(void *ctx, const Record *r), void *ctx, Err *e);

/* What verification found.  Everything but SOUND is somebody's doing, or a broken disk. */
typedef enum {
    LEDGER_SOUND,
    LEDGER_DAMAGED,                                    /* SQLite cannot read it, or its tables are not ours  */
    LEDGER_GAP,                                        /* a record is missing or stands twice                */
    LEDGER_CHANGED,                                    /* a record does not have the hash it was stored with */
    LEDGER_TREE,                                       /* the records do not give the tree that was stored   */
    LEDGER_FORKED,                                     /* ... nor the one that was last signed here          */
    LEDGER_FORGED,                                     /* the checkpoint is not what its key would sign      */
    LEDGER_SHORT,                                      /* fewer records than the checkpoint covers           */
    LEDGER_REWRITTEN,                                  /* other records than the checkpoint covers           */
    LEDGER_FAULTS
} LedgerFault;
typedef struct LedgerState {
    uint64_t    size, covered;                         /* records now; records the checkpoint covers */
    Digest      root;
    LedgerFault fault;
    uint64_t    from, to;                              /* the first difference lies in records [from, to) */
} LedgerState;
/* Recomputes every leaf and the root.  With a checkpoint (text of a signed note; empty: none) and the key that must have
 * signed it, also that the database still starts with exactly the records it covered.  True when all is sound.  False
 * with out->fault says what differs, and *e how; with LEDGER_SOUND it could not be judged, and *e says why.
 * e must not be NULL here and below. */
bool ledger_verify(Ledger *l, Str checkpoint, const Key *signer, LedgerState *out, Err *e);
/* The signed checkpoint of the current state, all of it recomputed; refuses when it is not sound or not consistent
 * with the last one signed here.  `origin` names the log, like a URL without its scheme: "example.com/scoring". */
bool ledger_checkpoint(Ledger *l, Str origin, const Key *signer, Buf *note, Err *e);
/* C2SP tlog-proof file for record `seq` against a checkpoint made now; its extra data is the record's bytes, so the
 * file can be read and verified alone. */
bool ledger_prove(Ledger *l, uint64_t seq, Str origin, const Key *signer, Buf *proof, Err *e);

#endif
