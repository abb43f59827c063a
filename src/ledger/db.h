/* db.h - the SQLite file beneath the ledger: opening it with suspicion, and saying what went wrong.
 *
 * The file may come from anybody.  It is opened without extensions, triggers, views or double-quoted strings, with
 * SQLite's defensive mode and small limits, and its schema must be ours to the letter before a row is read.  Writers use
 * a write-ahead log with synchronous=FULL: one fsync makes a transaction durable (sqlite.org/wal.html). */
#ifndef DB_H
#define DB_H
#include "crypto/merkle.h"
#include <sqlite3.h>

enum { DB_APPLICATION = 0x4D4F4154, DB_VERSION = 1, DB_BUSY_MS = 10000 };   /* "MOAT" */

typedef struct Db {
    sqlite3 *h;
    char    *path;
} Db;

/* Owned: db_close(), also after a failure. */
bool db_open_write(Db *d, const char *path, Err *e);   /* made when it is not there */
bool db_open_read(Db *d, const char *path, Err *e);
void db_close(Db *d);

/* Sets *e from a result code: E_IO busy or broken, E_DENIED read-only, E_FORMAT damaged, ... */
bool db_fail(const Db *d, int rc, Err *e);
bool db_exec(const Db *d, const char *sql, Err *e);
/* Owned: sqlite3_finalize(), which defer_stmt does. */
sqlite3_stmt *db_prepare(const Db *d, const char *sql, Err *e);
static inline void stmt_drop(sqlite3_stmt **s) { sqlite3_finalize(*s); }
#define defer_stmt __attribute__((cleanup(stmt_drop)))

/* A column as it must be; false when a stranger put another type there. */
bool db_u64(sqlite3_stmt *s, int column, uint64_t *out);
bool db_bytes(sqlite3_stmt *s, int column, int type, Str *out);   /* valid until the next step */

/* The stored tree (E_FORMAT when it cannot be one). */
bool db_tree(const Db *d, MerkleTop *out, Err *e);
bool db_set_tree(const Db *d, const MerkleTop *t, Err *e);

#endif
