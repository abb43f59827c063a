/* step.h - one step of a pipeline as its maker signs it: these rows were made from those, by this program, by this map.
 *
 * An in-toto Statement v1 in a DSSE envelope, stored as version.h's are:
 *     subject     the output's name and row root
 *     predicate   verb, name, kind, root, rows, inputs [{name, kind, uri, root, rows, version}], map (digest of the row map,
 *                 .moat/objects/map/HEX.moatmap), edges (rows by evidence), detail (what only this verb has to say: program,
 *                 query, seed ...), begun, time, actor, signer (public key, PEM)
 * The ledger's record data.step repeats what lineage asks for, so that a question reads the ledger and a few maps.
 *
 * A step is written before its output becomes a version: it speaks of roots alone, so a crash between the two leaves a true
 * sentence about rows that nobody uses, never a version of unknown origin.
 *
 * Trusted: the signer's key, once step_check() said so. */
#ifndef STEP_H
#define STEP_H
#include "base/file.h"
#include "data/data.h"
#include "data/rowmap.h"
#include "data/rowset.h"

#define STEP_PREDICATE "urn:moat:data.step:1"

typedef enum { PLACE_DATASET, PLACE_FILE, PLACE_SOURCE, PLACE_KINDS } PlaceKind;
const char *place_kind_name(PlaceKind k);              /* "dataset" ... */

typedef struct StepInput {
    Str       name, uri;                               /* uri: of sources; never with a secret in it */
    PlaceKind kind;
    Digest    root;
    uint64_t  rows, version;                           /* version: of the dataset, 0 when its files were no version */
} StepInput;

typedef struct Step {
    Str       verb;                                    /* "import", "run", "filter" ... */
    Str       name;                                    /* of the output                 */
    PlaceKind kind;
    Digest    root;
    uint64_t  rows;
    StepInput in[MAP_INPUTS_MAX];
    uint32_t  inputs;
    uint64_t  edges[EVIDENCES];
    Str       detail;                                  /* a JSON object, or empty */
    int64_t   begun_ns;
    Digest    map, statement;                          /* filled by step_write() and step_parse() */
    uint64_t  map_bytes;                               /* step_write() only */
    Str       time, actor;                             /* of its record: step_parse() */
    uint64_t  seq;
} Step;

/* ---- a place that holds rows: a dataset of moat.yaml, or a file */

typedef struct RowPlace {
    Str            name;
    PlaceKind      kind;
    const Dataset *dataset;                            /* NULL: a file */
    const char    *path;
    RowKind        rows;
} RowPlace;
/* `arg` is "train" or "file.csv"; a dataset goes first.  An output may not exist yet.  E_USAGE for folders and files without rows. */
bool place_of(Arena *a, const Pipeline *p, const char *arg, bool is_output, RowPlace *out, Err *e);
/* The input as it was read: its committed version when it is one. */
bool place_input(Arena *a, const Pipeline *p, const RowPlace *at, const RowSet *rows, StepInput *out, Err *e);

/* ---- writing */

typedef struct StepJob {
    Arena          *arena;
    const Pipeline *pipeline;
    Ledger         *ledger;
    Clock           clock;
    Str             actor;
    const char     *key;                               /* private key file */
    Pool           *pool;
    Findings       *findings;                          /* of the commit */
} StepJob;

/* Before any work: the key can be read, and may sign for the dataset. */
bool step_ready(const StepJob *j, const RowPlace *out, Err *e);
/* Stores map and statement, appends the record.  s->map and s->statement are filled. */
bool step_write(const StepJob *j, Step *s, const uint32_t *from, const uint8_t *evidence, Err *e);
/* The same; then the file gets its name (NULL: it has it) and, when it is a dataset's, is committed: *version (0 for files).
 * s->root must be what the file holds. */
bool step_publish(const StepJob *j, Step *s, const uint32_t *from, const uint8_t *evidence, const RowPlace *out, Replace *file,
                  DataVersion *version, Err *e);

/* ---- reading */

/* From a record of kind data.step; everything is borrowed from it.  E_FORMAT when it is none. */
bool step_parse(const Record *r, Step *out, Err *e);
/* That the stored statement says what the record says, and that the key pinned for the output (for files: for any dataset of
 * the pipeline) signed it. */
bool step_check(Arena *a, const Pipeline *p, const Step *s, Err *e);
/* The statement's body. */
bool step_body(Arena *a, const Pipeline *p, const Step *s, const Json **predicate, Err *e);
/* The map, checked against the step: its digest, rows and inputs.  The bytes live in the arena. */
bool step_map(Arena *a, const Pipeline *p, const Step *s, RowMap *out, Err *e);

#endif
