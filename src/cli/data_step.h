/* data_step.h - what the verbs that make rows share: where they work, and how they say what they made. */
#ifndef DATA_STEP_H
#define DATA_STEP_H
#include "cli/data_cmds.h"
#include "data/match.h"
#include "data/step.h"

/* Pipeline, ledger, key and clock of this command.  Owned: step_close(), also after a failure. */
bool step_open(Arena *a, const char *key, StepJob *j, Err *e);
void step_close(StepJob *j);
#define defer_step __attribute__((cleanup(step_close)))

typedef struct StepMade {                              /* one output */
    RowPlace       at;
    Step           step;
    DataVersion    version;
    const Matched *matched;                            /* NULL: exact by construction */
    const RowSet  *rows;                               /* with matched: its columns   */
} StepMade;
/* As text, or as one JSON object of schema "moat.data.VERB/1" that `more` (NULL: nothing) adds members to.  The exit code. */
int step_say(const StepJob *j, const char *schema, const StepMade *made, size_t n, void (*more)(void *ctx, JsonOut *w), void *ctx);

/* The mode that a file written in the place of `path` gets. */
unsigned mode_like(const char *path);

#endif
