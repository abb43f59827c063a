/* promise.h - what a private training promises, and everything somebody needs to recompute it: moat.privacy.statement/1.
 *
 * One JSON object, the same bytes in the model's metadata, in the ledger and in a file beside the model.  Every epsilon in
 * it follows from `phases`, `delta` and `accountant.error` alone (account.h): up = its up + error, and so on. */
#ifndef PROMISE_H
#define PROMISE_H
#include "crypto/digest.h"
#include "privacy/account.h"
#include "privacy/privacy.h"

#define STATEMENT_SCHEMA "moat.privacy.statement/1"

typedef struct Promise {
    const TrainOptions *o;
    const Mlp          *m;
    PrivateRun          run;
    uint64_t            rows;
    double              target, delta;                 /* target: the epsilon that was asked for; 0: a sigma was */
    AccountAnswer       a;
    double              unsampled;                     /* epsilon if every row took part in every step; INFINITY: not bounded */
    Str                 name, data;                    /* of training and dataset, may be empty */
    uint64_t            version;
    Str                 root;
    Score               test;
} Promise;

/* Finds the noise for `epsilon` (or takes o->sigma when epsilon is 0) and fills what can be known before the training:
 * o->sigma, target, delta, rows and the accountant's answer.  `parameters` is how many numbers the model has. */
bool promise_plan(Promise *s, TrainOptions *o, uint64_t rows, uint64_t parameters, double epsilon, double delta, Err *e);
/* After the training: m, run, name, data and test are set. */
void promise_write(const Promise *s, Buf *out);
/* SHA-256 over the weights and biases, layer by layer, as little-endian float32. */
Digest weights_digest(const Mlp *m);

#endif
