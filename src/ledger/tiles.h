/* tiles.h - the ledger as a folder of static files that any web server can offer (c2sp.org/tlog-tiles).
 *
 *     tile/0/x001/234        256 leaf hashes; hash i of tile n is leaf 256n + i
 *     tile/1/000.p/17        a level above, each hash the root of a full tile below; partial: 17 of them so far
 *     tile/entries/x001/234  the records themselves, each behind its length in two bytes, big-endian
 *
 * The signed checkpoint beside them is the caller's to write, last of all: whoever sees it finds everything it covers.
 * A full tile never changes; one that is there and differs belongs to another history and is an error. */
#ifndef TILES_H
#define TILES_H
#include "ledger/ledger.h"

/* Writes the tiles of the first `size` records into `dir`, which is made. */
bool ledger_tiles(Ledger *l, uint64_t size, const char *dir, Err *e);
/* A tile's number as its path: groups of three digits, all but the last behind an x. */
void tile_number(Buf *b, uint64_t n);

#endif
