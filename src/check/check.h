/* check - joins the trades: runs them over the pipeline and decides the controls.
 *
 * A Control is a row: what must be true of a kind of part, and a function that decides it from Findings, Records and
 * the pipeline.  The result for each part is verified, failed, unknown (with what would decide it) or not applicable.
 * Unknown counts as not verified in the score and is shown apart as coverage.  Nothing here parses or attacks anything:
 * the trades do, and their Findings are all there is to read.
 *
 * Control ids, ATLAS and OWASP references: doc/controls.md, written from the table by `moat help controls`.
 * How to add one more: a row in controls.c.  Trusted: the trades.  Not trusted: everything they read. */
#ifndef CHECK_H
#define CHECK_H
#include "base/pool.h"
#include "finding/finding.h"
#include "ledger/ledger.h"
#include "pipeline/pipeline.h"

typedef enum { CONTROL_VERIFIED, CONTROL_FAILED, CONTROL_UNKNOWN, CONTROL_NOT_APPLICABLE } ControlState;
const char *control_state_name(ControlState s);        /* "verified" | "failed" | "unknown" | "not applicable" */

typedef struct Control {
    const char *id;                                    /* "C19"                                        */
    const char *title;                                 /* "model signed and verified"                  */
    unsigned    weight;                                /* 1..5 in the score                            */
    const char *section;                               /* kind of part it applies to; "" the pipeline  */
    const char *refs;                                  /* blank-separated: ATLAS, OWASP, NIST 800-53   */
    const char *need;                                  /* what would decide it when unknown            */
} Control;
size_t         controls_count(void);
const Control *control_at(size_t i);
void           controls_text(Buf *out);                          /* the table for doc/controls.md                */

typedef struct ControlResult {
    const Control *control;
    ControlState   state;
    Str            part;                               /* "models.scorer"                              */
    Str            reason;                             /* one line                                     */
    Str            evidence;                           /* what it rests on: a digest, a record, a line */
} ControlResult;

typedef struct Posture {
    Findings      *findings;
    ControlResult *results;
    size_t         result_count;
    bool           unjudged;                           /* something could not be read or decided       */
    size_t         applicable;                         /* results that count in the score              */
    double         score, coverage;                    /* 0..100; both 0 when nothing applies          */
    uint64_t       ledger_size;
} Posture;

/* What the run needs besides the pipeline. */
typedef struct CheckJob {
    const Pipeline *pipeline;
    Ledger         *ledger;                            /* NULL: there is none yet                      */
    Clock           clock;
    Pool           *pool;
} CheckJob;

/* Everything: data, models, endpoints, ledger, controls, score.  False only on a failure of ours. */
bool check_run(Arena *a, const CheckJob *job, Posture *out, Err *e);
/* Only what must hold before anything starts: models verify, the ledger is whole, policies compile. */
bool check_integrity(Arena *a, const CheckJob *job, Findings *out, bool *unjudged, Err *e);

extern const Rule   check_rules[];                     /* MOAT-C0xx */
extern const size_t check_rules_len;

#endif
