/* lineage - the steps of a pipeline read back from the ledger, and the two questions asked of them: where does this row come
 * from, and what is this source in.
 *
 * Rows are known by the root they lie under and their number, so a step needs no names to be followed: what it read is found
 * by root among what earlier steps made.  Backwards a row meets one step at a time, through its map.  Forwards, sets of rows
 * are carried through all steps in the order of the ledger.  A row of unknown origin counts as made of every row its step
 * read; and two datasets of the same content are one, so the answer is never too small.
 *
 * A step counts as proven when its signed statement says the same as its record and the map has the digest both name
 * (step.h); what cannot be proven is told beside the answer and does not shorten it.
 *
 * Trusted: the ledger as far as a checkpoint covers it, and the pinned keys. */
#ifndef LINEAGE_H
#define LINEAGE_H
#include "data/step.h"

typedef struct LineageVersion {                        /* a data.commit record */
    Str      name, time;
    uint64_t version, rows, seq;
    Digest   root;
    bool     newest;
} LineageVersion;

typedef struct LineageTraining {                       /* a training record with a data_root */
    Str      name, data, model, time;
    Digest   root, digest;                             /* of the rows; of the model file */
    uint64_t version, seq;
    bool     has_digest;
} LineageTraining;

typedef struct LineageUse {                            /* model.sign, model.deploy */
    Str      kind, name, path;
    Digest   digest;
    uint64_t seq;
} LineageUse;

typedef struct Lineage {
    Arena          *arena;
    const Pipeline *pipeline;
    Step            *step;     size_t steps;           /* all in the order of the ledger */
    LineageVersion  *version;  size_t versions;
    LineageTraining *training; size_t trainings;
    LineageUse      *use;      size_t uses;
} Lineage;
/* Everything lives in the arena. */
bool lineage_load(Arena *a, const Pipeline *p, Ledger *l, Lineage *out, Err *e);

/* ---- backwards */

#define ROW_UNKNOWN UINT64_MAX
enum { TRACE_MAX = 100000 };

typedef struct TraceNode {
    Str         name, uri;
    PlaceKind   kind;
    Digest      root;
    uint64_t    row, rows, version;                    /* row from 0, or ROW_UNKNOWN: any of them       */
    Evidence    edge;                                  /* how the node before is known to come from it  */
    unsigned    depth;                                 /* 0: the row that was asked about               */
    const Step *made_by;                               /* NULL: nothing says where it came from         */
    const char *flaw;                                  /* why made_by cannot be believed; NULL: proven  */
} TraceNode;
typedef struct Trace {
    TraceNode *node;
    size_t     n;
    Evidence   weakest;
    bool       proven;                                 /* no node has a flaw */
} Trace;
/* Row `row` of what lies under `root`; the nodes follow each other depth first. */
bool lineage_trace(const Lineage *g, const TraceNode *from, Trace *out, Err *e);

/* ---- forwards */

typedef struct RowSpan {
    uint64_t from, to;                                 /* [from, to), from 0 */
} RowSpan;

typedef struct Reach {                                 /* rows under one root that a source is in */
    Digest   root;
    uint64_t rows, certain, possible;                  /* certain: an edge says so; possible: their origin is unknown */
    uint8_t *bit;                                      /* of certain and possible rows */
    uint8_t *maybe;                                    /* of possible ones             */
    Evidence weakest;
} Reach;
typedef struct Uses {
    Reach *reach;
    size_t n, matched;                                 /* matched: roots that the source itself names */
    bool   proven;
} Uses;
/* `source` is a source of moat.yaml, the address or path of one, or a dataset; a span of rows, or all with to == 0.
 * E_USAGE when no step and no version speaks of it. */
bool lineage_uses(const Lineage *g, Str source, RowSpan span, Uses *out, Err *e);
/* NULL when no row of it is reached. */
const Reach *uses_of(const Uses *u, const Digest *root);

#endif
