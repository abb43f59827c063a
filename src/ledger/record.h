/* record.h - the bytes of one record: written once, in one way, and never written again to be verified.
 *
 *     {"kind":"key.new","time":"2026-01-31T09:30:00.250Z","actor":"uid:1000","subject":"","body":{...}} */
#ifndef RECORD_H
#define RECORD_H
#include "ledger/ledger.h"

/* Of one record: an entry bundle (c2sp.org/tlog-tiles) counts an entry's length in 16 bits. */
enum { RECORD_LIMIT = 65535, RECORD_ARENA = 64 << 20 };

/* E_FORMAT when the body is not one JSON object, E_LIMIT when the whole is too large. */
bool record_write(Buf *out, RecordKind kind, int64_t time_ns, Str actor, const Digest *subject, Str body, Err *e);
/* Everything lives in the arena.  out->seq is left alone. */
bool record_parse(Arena *a, Str bytes, Record *out, Err *e);

#endif
