/* judge.h - what check.c learned from the trades, for the controls to read. */
#ifndef JUDGE_H
#define JUDGE_H
#include "check/check.h"
#include "data/data.h"
#include "model/model.h"

typedef struct ModelJudged {
    bool         judged;
    ModelVerdict verdict;
} ModelJudged;

typedef struct DataJudged {
    bool        judged, holds;                         /* holds: signed, and store and files are as committed */
    DataVersion version;                               /* version 0: never committed                          */
} DataJudged;

typedef struct Judge {
    Arena          *arena;
    const CheckJob *job;
    Findings       *findings;
    ModelJudged    *models;                            /* by index in the pipeline */
    DataJudged     *datasets;
    LedgerState     ledger;
    bool            ledger_holds, policy_holds, unjudged;
} Judge;

/* Decides control `c` for the i-th part of its section. */
void control_decide(Judge *j, size_t c, size_t i, ControlResult *out);

#endif
