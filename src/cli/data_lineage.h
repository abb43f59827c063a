/* data_lineage.h - what the verbs that ask about lineage share. */
#ifndef DATA_LINEAGE_H
#define DATA_LINEAGE_H
#include "cli/data_cmds.h"
#include "data/lineage.h"

typedef struct Asked {
    const Pipeline *pipeline;
    Ledger         *ledger;
    Lineage         g;
} Asked;
/* Owned: asked_close(), also after a failure. */
bool asked_open(Arena *a, Asked *q, Err *e);
static inline void asked_close(Asked *q) { ledger_close(q->ledger); }
#define defer_asked __attribute__((cleanup(asked_close)))

/* "train:7", "train@3:7", "out/file.csv:7": row 7, counted from 1. */
bool row_arg(const char *arg, Str *name, uint64_t *version, uint64_t *index);

#endif
