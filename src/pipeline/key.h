/* key.h - inside pipeline/: the sections beside the key table, and values read the way their row says.
 *
 * A key's type is a row too (value.c): what it is called, which JSON types it takes, how its text is read into a field, and
 * its JSON Schema.  So the loader, the schema and the help have no switch over types between them. */
#ifndef PIPELINE_KEY_H
#define PIPELINE_KEY_H
#include "pipeline/pipeline.h"

#define NO_FIELD SIZE_MAX                              /* a key that is checked and stays in Named.node */

typedef struct Section {                               /* a mapping of names to parts */
    const char *name;
    size_t      size;                                  /* of one part's struct                     */
    size_t      parts, count;                          /* offsets in Pipeline                      */
    bool        named;                                 /* parts are Named and keep their node      */
    const char *help;
} Section;
extern const Section section_table[];
extern const size_t  section_table_len;

const Section *section_find(Str name);
const KeyRow  *row_find(const char *section, Str key);
/* "endpoints.output" of the row endpoints/output, "gateway" of the row gateway at the top. */
void row_group(const KeyRow *row, char *out, size_t cap);

typedef struct RowKind {
    const char *name;                                  /* "size", for help                              */
    const char *wants;                                 /* "a size like 64KiB", for errors               */
    unsigned    accepts;                               /* 1 << JsonType ...                             */
    bool (*read)(Str text, void *field);               /* checks, and stores unless field is NULL        */
    const char *schema;                                /* its JSON Schema; NULL where it depends on the row */
} RowKind;
const RowKind *row_kind(KeyType t);

/* Reads `text` as the row says; NULL `base` only checks.  Lists: one item.  On false say row_kind()->wants. */
bool row_read(const KeyRow *row, Str text, void *base);
/* Is `text` one of "a|b|c"? */
bool choice_has(const char *choices, Str text);
bool is_part_name(Str s);                              /* [A-Za-z0-9._-]{1,64} */
const char *json_type_name(JsonType t);                /* "a list" */

/* Fills p->index and p->edges from the tree, checks that every reference leads somewhere and that data does not feed
 * itself.  `root` is the tree of the file. */
bool graph_build(Pipeline *p, const Json *root, Err *e);
/* What a row alone cannot say: routes that collide, sources whose kind and address disagree ... */
bool rules_check(Pipeline *p, Err *e);

#endif
