/* own.h - the Ledger itself, for the files of this part. */
#ifndef OWN_H
#define OWN_H
#include "ledger/db.h"
#include "ledger/record.h"

enum { ARENA_REFRESH = 256 << 10 };                    /* a walk drops its arena after so many bytes of records */

typedef enum { TX_NONE, TX_OPEN, TX_LOST } TxState;   /* lost: SQLite or we rolled the caller's group back */

struct Ledger {
    Db            db;
    sqlite3_stmt *insert;
    MerkleTop     top;                                 /* of the open transaction */
    TxState       tx;
};

typedef struct Row {                                   /* of the table `record`; valid until the next one */
    uint64_t seq;
    Str      kind, bytes;
    Digest   leaf;
} Row;

/* Calls fn for each row from `from` on, in order, until it returns false.  A row that cannot be one is SQLITE_CORRUPT. */
bool ledger_rows(Ledger *l, uint64_t from, bool (*fn)(void *ctx, const Row *r), void *ctx, Err *e);

#endif
