/* schema_node.h - what a compiled schema is made of; private to gate/schema*. */
#ifndef SCHEMA_NODE_H
#define SCHEMA_NODE_H
#include "format/decimal.h"
#include "format/json.h"
#include "gate/schema.h"

enum { NODE_NONE = 0xFFFF, SCHEMA_OPEN_KEYS = 1024 };
enum { IS_NUMBER = 1 << JSON_NUMBER, IS_INTEGER = 1 << 7 };   /* types: 1 << JsonType, and a bit for whole numbers */
typedef enum { NODE_RULES, NODE_TRUE, NODE_FALSE } NodeKind;

typedef struct Hash128 {
    uint64_t a, b;
} Hash128;

/* One value of an enum, or one to look up in it. */
typedef struct Literal {
    JsonType type;
    Str      text;                                     /* strings */
    Decimal  number;
    Hash128  hash;                                     /* arrays, objects */
} Literal;

typedef struct Values {                                /* sorted by literal_cmp() */
    Literal *v;
    size_t   n;
} Values;

typedef struct Bound {
    Decimal d;
    Str     text;                                      /* as the schema wrote it; p NULL: no bound */
} Bound;

typedef struct NodeList {
    uint16_t *id;
    size_t    n;
} NodeList;

typedef struct Prop {
    Str      name;
    uint16_t node;                                     /* NODE_NONE when only `required` names it */
    bool     required;
} Prop;

/* In-place: nodes that must look at the same value, children before parents, the node itself last. */
typedef struct Step {
    uint16_t node;
    bool     must;                                     /* it fails: so does the node whose list this is */
} Step;

typedef struct Node {
    const Json *json;
    NodeKind    kind;
    uint8_t     types;                                 /* 0: any */
    Bound       minimum, maximum, above, below;
    uint64_t    min_length, max_length, min_items, max_items, min_properties, max_properties;
    Prop       *props;                                 /* sorted by name */
    size_t      prop_count;
    uint16_t    required;                              /* how many of them are */
    uint16_t    additional, items, not, ref;
    NodeList    prefix, all, any, one;
    const Values *among, *exactly;                     /* enum, const; NULL: none */
    Step       *steps;
    uint32_t    step_count;
    bool        composite;                             /* among or exactly hold an array or object */
    bool        plain;                                 /* no enum, const, combination: a number needs its type and bounds */
    int16_t     safe[2];                               /* digits before the point of +, - that no bound refuses; -1: none */
} Node;

struct Schema {
    Node    *nodes;
    uint32_t count;
    uint32_t frames, tasks;                            /* what a run needs at most */
    uint32_t text_max;                                 /* bytes of the longest string to compare with */
    uint32_t room_keys, key_max;                       /* for the push parser */
    bool     composite;
    uint64_t key[4];                                   /* for hashes; drawn when compiled */
};

/* ---- values (schema_value.c) */

int  literal_cmp(const Literal *a, const Literal *b);
bool values_have(const Values *v, const Literal *probe);

/* Hashes of values: a scalar's from its literal, a composite's built up member by member. */
Hash128 hash_scalar(const uint64_t key[static 4], const Literal *v);
Hash128 hash_too_long(const uint64_t key[static 4]);   /* equal to no literal's */
Hash128 hash_key(const uint64_t key[static 4], Str name);
void    hash_item(const uint64_t key[static 4], Hash128 *array, Hash128 item);
void    hash_member(const uint64_t key[static 4], Hash128 *object, Hash128 name, Hash128 value);
Hash128 hash_composite(const uint64_t key[static 4], JsonType type, Hash128 parts, uint64_t count);
/* The literal of a tree's value; strings are borrowed. */
Literal literal_of(const uint64_t key[static 4], const Json *v);

/* ---- reading the keywords (schema_words.c) */

typedef struct Path {                                  /* where the compiler is, innermost first */
    const struct Path *up;
    Str                key;
    size_t             index;                          /* when key.p is NULL */
} Path;

typedef struct Compile {
    Arena   *arena;
    Schema  *s;
    const Json *root;
    uint32_t capacity;
    Err     *e;
} Compile;

/* Makes the node of a subschema and of all below it; NODE_NONE with *c->e set. */
uint16_t compile_node(Compile *c, const Json *v, const Path *path);
/* Points every $ref at its node. */
bool     compile_refs(Compile *c);
/* Sets *c->e to "#/pointer: message" at v; false. */
bool     compile_bad(Compile *c, const Json *v, const Path *path, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif
