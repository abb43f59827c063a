/* pack.h - many chunks in one file that is written once.
 *
 *     "MOATPK01"
 *     entries   type u8, codec u8, reserved u16 = 0, stored u32, raw u32, id 32 bytes, then `stored` bytes
 *     index     fan-out 256 x u32 (ids whose first byte is <= i), ids ascending, offset u64 of each entry
 *     u64       offset of the index
 *     trailer   SHA-256 of everything before it; also the file's name
 *
 * Integers are little-endian; an id is the SHA-256 of the raw bytes.  A pack gets its name only when it is complete and
 * on the disk; until then it is a `.new-XXXXXX` that its writer holds locked, and one nobody holds is rubbish.
 *
 * Trusted: nothing in the file.  pack_open() checks the index, pack_read() each entry against its id, pack_check()
 * every byte. */
#ifndef PACK_H
#define PACK_H
#include "crypto/digest.h"
#include "data/codec.h"

typedef enum { PACK_CHUNK = 1, PACK_ROOTS = 2 } PackType;

enum {
    PACK_HEAD = 8, PACK_ENTRY = 44, PACK_FANOUT = 1024, PACK_FOOT = 8 + SHA256_SIZE,
    PACK_TARGET = 64 << 20,                            /* a pack is closed when the next entry would pass this */
    PACK_RAW_MAX = 64 << 20, PACK_COUNT_MAX = 1 << 24,
};

typedef struct PackEntry {
    uint8_t  type, codec;
    uint32_t stored, raw;
    Digest   id;
} PackEntry;

/* ---- writing: one file at a time */

typedef struct PackRow {
    Digest   id;
    uint64_t offset;
} PackRow;

typedef struct PackWriter {
    int         fd;                                    /* -1 between packs                    */
    const char *dir;                                   /* borrowed                            */
    char        temp[1088];
    uint64_t    at;
    Sha256     *hash;
    Buf         pending, index;                        /* bytes not written yet; PackRow each */
} PackWriter;
#define PACK_WRITER(d) ((PackWriter){ .fd = -1, .dir = (d) })

bool pack_add(PackWriter *w, const PackEntry *entry, Str stored, Err *e);    /* begins the file when there is none */
bool pack_full(const PackWriter *w, uint32_t next_stored);
/* Index, trailer, fsync, its name, fsync of the folder; nothing to do without entries.  *path (may be NULL) into the arena. */
bool pack_finish(PackWriter *w, Arena *a, const char **path, Err *e);
void pack_abort(PackWriter *w);                        /* fine at any time; removes the temporary */
/* Removes the temporaries of writers that died. */
void pack_sweep(const char *dir);

/* ---- reading */

typedef struct Pack {
    const char     *path;
    const Digest   *ids;                               /* ascending */
    const uint64_t *offsets;
    size_t          count;
    uint64_t        index_at, size;
} Pack;

/* Reads and checks the index; everything lives in the arena. */
bool pack_open(Arena *a, const char *path, Pack *out, Err *e);
/* Entry i unpacked into *raw (replaced), its digest checked. */
bool pack_read(const Pack *p, Codec *c, size_t i, PackEntry *entry, Buf *raw, Err *e);
/* The trailer over the whole file and its name, then whether the entries fill the file exactly as the index says. */
bool pack_check(const Pack *p, Err *e);

#endif
