/* rowmap.h - where each row of an output came from: one map for each output of a step, as small as its shape allows.
 *
 *     "MOATMAP1", u8 kind, u64 out rows, u32 inputs, for each {root 32 bytes, u64 rows}, u64 payload length, payload,
 *     SHA-256 of all before; integers little-endian, varints LEB128
 *     payload   evidence:  u8 0, varint count, varints length << 2 | evidence            runs, while they are few,
 *                          u8 1, two bits an output row                                  or each row's own
 *               runs 1     varint count, for each: varint input, zigzag varint start less the end of the run before (of
 *                          another input: less 0), varint length; input == inputs: rows of unknown origin
 *               select 2   u8 0 a bit for each input row | 1 the kept rows | 2 the dropped rows, both as bits.h's rising sequences
 *               perm 4     u8 width, that many bits for each output row: the input row, or their number for unknown origin
 *               opaque 6   nothing: no row's origin is known
 *
 * Rows of all inputs are numbered through: input 1 goes on where input 0 ends.  A row of unknown origin (NOWHERE) may come
 * from any row of any input; whoever asks what a row feeds must count it in.  3 (shuffle) and 5 (edges) are not written yet.
 *
 * Trusted: nothing.  rowmap_parse() checks lengths, order, every index and the digest before anything is handed out. */
#ifndef ROWMAP_H
#define ROWMAP_H
#include "crypto/digest.h"
#include "data/bits.h"

/* How an edge is known, strongest first.  The first four are in the map; opaque is the word for no edge at all. */
typedef enum { EDGE_EXACT, EDGE_KEY, EDGE_PROJECTION, EDGE_POSITION, EDGE_OPAQUE, EVIDENCES } Evidence;
const char *evidence_name(Evidence v);                 /* "exact" ... "opaque" */

typedef enum { MAP_RUNS = 1, MAP_SELECT = 2, MAP_PERM = 4, MAP_OPAQUE = 6 } MapKind;
const char *map_kind_name(MapKind k);

enum { MAP_INPUTS_MAX = 64 };
#define MAP_ROWS_MAX (UINT32_MAX - 1)                  /* of an output, and of all inputs together */
#define NOWHERE UINT32_MAX

typedef struct MapInput {
    Digest   root;
    uint64_t rows;
} MapInput;

/* Appends the map; from[i] is an input row or NOWHERE, evidence[i] < EDGE_OPAQUE where it is not.  E_LIMIT past the limits. */
bool rowmap_write(Buf *out, const MapInput *in, uint32_t inputs, const uint32_t *from, const uint8_t *evidence, uint64_t rows, Err *e);

typedef struct RowMap {                                /* borrows the bytes it was parsed from */
    MapKind  kind;
    uint64_t rows, total;                              /* of the output; of all inputs */
    uint32_t inputs;
    MapInput input[MAP_INPUTS_MAX];
    bool     packed;                                   /* private, as all below */
    Str      evidence, body;
    uint8_t  form;
    Rising   rising;
} RowMap;

bool rowmap_parse(Str bytes, RowMap *out, Err *e);
/* The input row of output row i < rows, or NOWHERE with EDGE_OPAQUE. */
uint32_t rowmap_at(const RowMap *m, uint64_t i, Evidence *evidence);
/* All of them; both arrays hold m->rows elements. */
void rowmap_read(const RowMap *m, uint32_t *from, uint8_t *evidence);
/* Which input a row of all inputs lies in; *row becomes its number there. */
uint32_t rowmap_input(const RowMap *m, uint32_t *row);

#endif
