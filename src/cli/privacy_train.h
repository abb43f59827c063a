/* privacy_train.h - inside `moat privacy train`: what is to be trained (privacy_plan.c), and doing it (privacy_train.c). */
#ifndef PRIVACY_TRAIN_H
#define PRIVACY_TRAIN_H
#include "cli/privacy_cmds.h"
#include "data/data.h"
#include "privacy/promise.h"

typedef struct Input {                                 /* a dataset of the pipeline, or a file with its labels */
    const char    *path, *labels;
    const Dataset *dataset;                            /* NULL: just a file */
    DataVersion    version;                            /* 0: not committed  */
} Input;

typedef struct Job {
    Arena        *arena;
    Pipeline     *pipeline;                            /* NULL outside of one */
    Input         data, test;                          /* test.path NULL: none */
    const Model  *model;                               /* NULL: just a file   */
    const char   *out, *training;
    TrainOptions  o;
    double        epsilon, delta;                      /* epsilon 0 and o.sigma 0: not private */
    unsigned      threads;
} Job;

static inline bool is_private(const Job *j) { return j->epsilon > 0 || j->o.sigma > 0; }

/* From the options, the training of moat.yaml called `training` (NULL: none) and the defaults, in this order. */
/* Whether the options say where to write, so that no moat.yaml is needed. */
bool train_needs_no_pipeline(void);

bool train_plan(Job *j, const char *training, Err *e);

#endif
