/* schema.h - JSON Schema 2020-12, its core, checked while the body streams in.
 *
 * schema_compile() turns a schema into a flat table of nodes, one for each subschema.  While a body comes in, each open
 * value has a frame with one task for each node that applies to it (a node twice on one value is one task, so tasks
 * are bounded by nodes).  A value starts: scalars are decided at once, arrays and objects get their tasks.  A key
 * or element: each task names the one node its child must meet.  A value ends: counts, required, enum, then allOf,
 * anyOf, oneOf, not and $ref by the results on the same value, children first.  A task that everything depends on and
 * that fails ends the run there and then.
 *
 * Understood:  type enum const, minimum maximum exclusiveMinimum exclusiveMaximum, minLength maxLength, minItems maxItems,
 *     minProperties maxProperties required properties additionalProperties, items prefixItems, allOf anyOf oneOf not,
 *     $ref within the schema, true and false.
 * Read and ignored:  title description default examples $comment deprecated readOnly writeOnly $schema $id $defs format.
 * Everything else is an error when the schema is compiled: what would not be checked must not look checked.
 *
 * Numbers compare as decimals (1.0 is an integer, 0.1 is a tenth), lengths count code points, and an enum with
 * arrays or objects compares 128-bit keyed hashes that are built as the value streams (arrays in order, objects as a sum
 * over members), with a key that is drawn when the schema is compiled.
 *
 * Trusted: the schema's author, not the schema's size.  Not trusted: the body.  A run takes no memory but the block it is
 * given, and its verdict does not depend on how the body was cut.
 *
 * How to add a keyword: a row in the table of schema_words.c, its member in schema_node.h, a line in schema_check.c. */
#ifndef SCHEMA_H
#define SCHEMA_H
#include "format/json.h"

typedef struct Schema Schema;                          /* immutable once compiled: share it between threads */
typedef struct SchemaRun SchemaRun;

enum { SCHEMA_NODES_MAX = 16384, SCHEMA_STATE_MAX = 1 << 20, SCHEMA_POINTER = 256, SCHEMA_WHY = 128 };

typedef struct SchemaFault {
    const char *keyword;                               /* static text: "maximum"; NULL: the body is not strict JSON   */
    uint64_t    at;                                    /* byte of the value, key or error                             */
    char        pointer[SCHEMA_POINTER];               /* JSON Pointer to the value; ends in "..." when it is longer  */
    char        why[SCHEMA_WHY];                       /* a sentence for people; says nothing of the value's content  */
} SchemaFault;

/* Everything lives in the arena, so does the schema.  NULL with byte, line, JSON Pointer and keyword in *e. */
Schema *schema_compile(Arena *a, Str text, Err *e);

/* Bytes of the block a run needs, 16-byte aligned.  A NULL schema stands for "any strict JSON". */
size_t schema_state_size(const Schema *s);
/* `memory` needs no clearing and no freeing; it must not move.  The schema is borrowed. */
SchemaRun *schema_begin(const Schema *s, void *memory);
/* Shows every event of the body to `fn` as well, before it is judged; its answer does not matter. */
void schema_listen(SchemaRun *r, JsonFn *fn, void *ctx);
/* Any cut.  False as soon as the body is refused: *f is filled then, and only then. */
bool schema_feed(SchemaRun *r, Str bytes, SchemaFault *f);
/* True when the bytes were one whole document that the schema allows. */
bool schema_end(SchemaRun *r, SchemaFault *f);

#endif
