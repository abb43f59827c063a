/* schema_run.h - one body on its way through a compiled schema; private to schema_run.c and schema_check.c. */
#ifndef SCHEMA_RUN_H
#define SCHEMA_RUN_H
#include "gate/schema_node.h"

typedef struct Task {                                  /* one node on one open value */
    uint16_t node, asked;                              /* asked: the node that the member being read must meet */
    uint16_t missing;                                  /* required members that have not come */
    bool     failed, must;                             /* must: if it fails, so does the body */
} Task;

typedef struct Frame {                                 /* one open value */
    uint64_t at, count;                                /* its first byte; members so far */
    uint32_t tasks;                                    /* its first task */
    uint16_t path;                                     /* bytes of r->path that lead to it */
    uint8_t  type;
    bool     hashed, listed;                           /* listed: r->path has its index */
    const Node *each;                                  /* an array whose elements only must meet this plain node ... */
    uint64_t most;                                     /* ... and be at most so many */
} Frame;

typedef struct Lane {                                  /* the hash of one open array or object */
    Hash128 parts, name;
} Lane;

struct SchemaRun {
    const Schema *s;
    Frame        *frames;
    Task         *tasks;
    uint64_t     *seen, *valid;                        /* a bit for each node: is on this value; met it */
    Lane         *lanes;
    char         *text;                                /* start of a string that comes in pieces, text_max + 1 bytes */
    SchemaFault  *fault;
    uint64_t      points, text_n;                      /* code points and bytes of the string so far */
    uint32_t      task_n, skip;                        /* skip: nothing applies inside the bracket of depth skip - 1 */
    uint16_t      path_n;
    char          path[SCHEMA_POINTER];                /* up to the member being read; elements of arrays excepted */
    JsonFn       *listen;                              /* sees every event first; NULL: nobody does */
    void         *listen_ctx;
    JsonPush      push;
};

static inline bool bit(const uint64_t *set, unsigned i) { return set[i / 64] >> i % 64 & 1; }
static inline void bit_set(uint64_t *set, unsigned i) { set[i / 64] |= (uint64_t)1 << i % 64; }
static inline void bit_clear(uint64_t *set, unsigned i) { set[i / 64] &= ~((uint64_t)1 << i % 64); }

/* The array around a value of this depth, if it is one. */
static inline Frame *array_around(const SchemaRun *r, unsigned depth)
{
    return depth > 0 && r->frames[depth - 1].type == JSON_ARRAY ? &r->frames[depth - 1] : NULL;
}

typedef struct Place {                                 /* of the value or key being judged */
    uint64_t     at;
    const Frame *array;                                /* whose last element it is, when r->path does not say so yet */
} Place;

/* The task has failed; so has the body when it must not.  False: stop. */
bool task_fail(SchemaRun *r, Task *t, Place p, const char *keyword, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* What can be said when a value starts (numbers: all of it), and when it has ended.  The latter has the results of the
 * tasks on the same value that come before it.  False: stop. */
bool task_check_type(SchemaRun *r, Task *t, const JsonEvent *ev, const Decimal *number);
bool task_check(SchemaRun *r, Task *t, Place p, const Frame *f, const Literal *value);

/* Pointer text of at most SCHEMA_POINTER bytes, *n of them used. */
void path_key(char *path, uint16_t *n, Str key);
void path_index(char *path, uint16_t *n, uint64_t i);

#endif
