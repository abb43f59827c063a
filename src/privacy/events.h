/* events.h - what a run did, told by others: dp_accounting's events as JSON, Opacus' history, and our own statement.
 *
 *     {"event":"SelfComposed","count":T,"of":{"event":"PoissonSampled","sampling_probability":q,
 *                                             "of":{"event":"Gaussian","noise_multiplier":s}}}
 *     {"event":"Composed","events":[...]}              [[noise_multiplier, sample_rate, steps], ...]
 *
 * An event we have no bound for is an error with its name, never left out: leaving one out would make the answer a lie.
 *
 * Trusted: nothing.  Depth is JSON's, steps and phases have account.h's limits. */
#ifndef EVENTS_H
#define EVENTS_H
#include "finding/finding.h"
#include "privacy/account.h"

typedef struct Events {
    Phase *phase;                                      /* in the arena */
    size_t n;
} Events;

bool events_read(Arena *a, Str json, Events *out, Err *e);

/* What a statement (moat.privacy.statement/1) says, and what its epsilons must follow from. */
typedef struct Claim {
    Events events;
    double delta, error;                               /* error: what the noise's law adds to up and rdp */
    double low, epsilon, up, rdp;                      /* as claimed */
} Claim;

bool claim_read(Arena *a, Str json, Claim *out, Err *e);

/* MOAT-P010: a statement's number is wrong.  MOAT-P011: an audit shows more than was claimed. */
typedef enum { STATEMENT_WRONG, CLAIM_BROKEN } ClaimFault;
extern const Rule   claim_rules[];
extern const size_t claim_rules_len;

#endif
