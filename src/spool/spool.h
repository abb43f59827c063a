/* spool - the append-only event log on disk between who produces events and who ships them.
 *
 * One folder a producer, one writer a folder (it holds a lock).  Segments are preallocated files, memory-mapped: an
 * append is a copy and a release store, no system call, and what was appended survives kill -9.  A frame:
 *
 *     commit u32 | length u32 | crc32c u32 | kind u16 | flags u16 | seq u64 | time_ns u64 | payload | zeros to 8
 *
 * little-endian, 8-byte aligned.  The crc covers length and everything from kind to the payload's end; `commit` is
 * stored last, so a reader that sees it may check the crc.  A segment starts with 64 bytes: "MOATSPL1", version u32,
 * crc32c u32 of the header with this field 0, producer id 16 B, segment number u64, first seq u64, created ns u64, 8 zeros.
 *
 * A torn or damaged frame never hides what follows: readers step 8 bytes at a time to the next good frame and report the
 * gap.  Nothing is ever truncated.  When a producer's segments pass its cap the oldest is removed and its frames are
 * counted as dropped, which readers see as a gap in seq.
 *
 * Trusted: the folder's owner.  Not trusted: the bytes, which a crash or a full disk may have left in any state. */
#ifndef SPOOL_H
#define SPOOL_H
#include "base/clock.h"

enum { SPOOL_PRODUCER = 16, SPOOL_PAYLOAD_MAX = 1 << 20, SPOOL_FRAME = 32, SPOOL_HEADER = 64 };
#define SPOOL_SEGMENT_BYTES ((uint64_t)64 << 20)

/* What a frame is.  Numbers are on disk: only ever add. */
typedef enum { SPOOL_REQUEST = 1, SPOOL_ALERT = 2, SPOOL_LABEL = 3 } SpoolKind;      /* payload: a JSON object, see event.h */

/* ---- writing */

typedef struct Spool Spool;                            /* one thread at a time */

typedef struct SpoolOptions {
    uint64_t segment_bytes;                            /* 0: SPOOL_SEGMENT_BYTES; at least 64 KiB           */
    uint64_t cap_bytes;                                /* 0: no cap; else at least two segments are kept    */
    Clock    clock;
} SpoolOptions;

/* Opens or makes the folder and goes on after the last good frame.  E_DENIED when another writer holds it. */
Spool *spool_open(const char *dir, SpoolOptions o, Err *e);
/* The first of DIR.0, DIR.1, ... that no other writer holds: for workers that overlap during a reload. */
Spool *spool_open_free(const char *dir, SpoolOptions o, Err *e);
void   spool_close(Spool *s);                          /* NULL is fine */

/* Appends one frame; *seq may be NULL.  False when it was dropped (too large, disk full): counted, never blocking. */
bool     spool_append(Spool *s, SpoolKind kind, int64_t time_ns, Str payload, uint64_t *seq);
/* Prepares the next segment ahead and flushes what was written to disk; call about once a second. */
bool     spool_tend(Spool *s, Err *e);
uint64_t spool_dropped(const Spool *s);

/* ---- reading */

typedef struct SpoolCursor {                           /* zeroed: from the oldest segment */
    uint64_t segment, offset, next_seq;
} SpoolCursor;

typedef struct SpoolFrame {
    uint16_t kind, flags;
    uint64_t seq;
    int64_t  time_ns;
    Str      payload;                                  /* borrowed until the next call on this reader */
} SpoolFrame;

typedef struct SpoolReader SpoolReader;
/* Owned: spool_reader_close().  The folder may be in use by its writer. */
SpoolReader *spool_reader_open(const char *dir, SpoolCursor from, Err *e);
void         spool_reader_close(SpoolReader *r);       /* NULL is fine */

typedef enum { SPOOL_FRAME_READ, SPOOL_END, SPOOL_FAILED } SpoolRead;
/* The next frame; SPOOL_END when there is none yet (call again later). */
SpoolRead   spool_next(SpoolReader *r, SpoolFrame *out, Err *e);
SpoolCursor spool_tell(const SpoolReader *r);          /* resume here: nothing is skipped */
typedef struct SpoolGaps {
    uint64_t frames;                                   /* sequence numbers never seen   */
    uint64_t bytes;                                    /* damaged bytes stepped over    */
} SpoolGaps;
SpoolGaps   spool_gaps(const SpoolReader *r);
/* The id of the folder's producer; false until a segment's header has been read. */
bool        spool_read_producer(const SpoolReader *r, uint8_t out[static SPOOL_PRODUCER]);

/* CRC-32C (Castagnoli, RFC 3720 B.4); `crc` 0 to start. */
uint32_t crc32c(uint32_t crc, Str s);

#endif
