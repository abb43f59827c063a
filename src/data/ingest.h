/* ingest.h - files into the store: read once, hashed, cut, packed and counted on as many threads as there are.
 *
 * Bytes gather in one buffer; when it is full its work is split into jobs (the file's digest, its rows, each chunk) that
 * a pool shares, and then the new chunks are written in order.  So what is stored never depends on the threads, memory
 * is bounded by the buffer, and a thousand small files cost one round instead of a thousand. */
#ifndef INGEST_H
#define INGEST_H
#include "base/pool.h"
#include "data/rows.h"
#include "data/store.h"

typedef struct Ingest Ingest;

/* One file; must stay where it is from ingest_file() until ingest_flush(). */
typedef struct IngestFile {
    RowKind  rows;                                     /* in: ROWS_FILES for none              */
    uint64_t expect;                                   /* in: its size                         */
    uint64_t bytes;                                    /* out, as everything below             */
    Digest   sha256;
    Buf      chunks;                                   /* Digest each.  Owned: ingest_file_free() */
    RowSum   sum;
    bool     failed;                                   /* its rows could not be read ...       */
    Err     *why;                                      /* ... for this reason; NULL: no memory  */
    Sha256  *hash;                                     /* private */
    Rows    *reader;
} IngestFile;
void ingest_file_free(IngestFile *f);

/* Borrows both.  `pool` may be NULL.  Owned: ingest_free(). */
Ingest *ingest_new(Store *store, Pool *pool, Err *e);
void    ingest_free(Ingest *g);                        /* NULL is fine */
static inline void ingest_drop(Ingest **g) { ingest_free(*g); }
#define defer_ingest __attribute__((cleanup(ingest_drop)))

/* Reads fd to its end.  False: it could not be read, or something could not be written. */
bool ingest_file(Ingest *g, IngestFile *f, int fd, Err *e);
/* After this the files handed in are complete, or have a `why`. */
bool ingest_flush(Ingest *g, Err *e);

typedef struct IngestCount {
    uint64_t chunks, new_chunks;
} IngestCount;
IngestCount ingest_count(const Ingest *g);

#endif
