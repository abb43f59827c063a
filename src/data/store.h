/* store.h - the golden store: every object once, found by its digest.
 *
 * Chunks and row roots lie in packs; trees and statements are files of their own, so that what is signed can be read
 * without an index.  Objects never change and are never named before they are complete, so readers need no lock.  The ids
 * of all packs are kept in one table in memory (about 60 bytes a chunk); a pack whose index cannot be read is put on
 * the list of damage and its chunks count as absent, so the next commit stores them again.
 *
 * Trusted: nothing on the disk; what is handed out has the digest it was asked by. */
#ifndef STORE_H
#define STORE_H
#include "data/pack.h"

typedef struct Store Store;                            /* reading: any number of threads; writing: one */

typedef struct Damage {
    const char *path;
    Err         why;
} Damage;

/* `dir` is .moat/objects; it need not exist yet.  Owned: store_close(). */
Store *store_open(const char *dir, Err *e);
void   store_close(Store *s);                          /* NULL is fine; drops what was not flushed */
static inline void store_drop(Store **s) { store_close(*s); }
#define defer_store __attribute__((cleanup(store_drop)))

Codec        *store_codec(Store *s);
size_t        store_packs(const Store *s);
const Pack   *store_pack(const Store *s, size_t i);
size_t        store_damaged(const Store *s);
const Damage *store_damage(const Store *s, size_t i);

bool store_has(const Store *s, const Digest *id);      /* what was put and not flushed yet counts */
/* Where its first copy lies: an index for store_pack() and an offset.  False when no pack has it. */
bool store_locate(const Store *s, const Digest *id, size_t *pack, uint64_t *offset);
/* *raw is replaced.  Tries every pack that has it; the error is the first copy's.  Flushed objects only. */
bool store_read(const Store *s, const Digest *id, PackType type, Buf *raw, Err *e);

/* Adds one object, packed by codec_pack() as `codec` (`stored` is ignored for CODEC_RAW). */
bool store_put(Store *s, PackType type, const Digest *id, Str raw, CodecKind codec, Str stored, Err *e);
/* All that was put is on the disk when this returns true. */
bool store_flush(Store *s, Err *e);
/* Forgets what the packs hold, so that everything put is written again. */
void     store_forget(Store *s);
uint64_t store_written(const Store *s);                /* bytes of entries put so far */

/* Objects in files of their own: DIR/KIND/HEX+ending.  An object that is there already is left alone if it is right. */
bool object_write(Arena *a, const char *dir, const char *kind, const char *ending, const Digest *id, Str bytes, Err *e);
char *object_path(Arena *a, const char *dir, const char *kind, const char *ending, const Digest *id);

#endif
