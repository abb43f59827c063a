/* mia.h - membership scores from the outputs of several models: larger means that the row was trained on.
 *
 * `signals` holds for each row and model the probability that the model gives the row's true label; `members` whether the
 * model was trained on the row.  Model `target` is attacked; its partner (0 with 1, 2 with 3, ...) was trained on the
 * other half of the rows and is left out; all others are reference models.
 *
 *     loss     the target's probability itself (Yeom et al. 2018)
 *     rmia     share of a population that is less surprising than the row (Zarifzadeh, Liu, Shokri 2024), offline
 *     lira     likelihood ratio of the scaled logit with and without the row, one variance (Carlini et al. 2022)
 *
 * Trusted: nothing.  A probability that is not in [0,1] is an error with its row and model. */
#ifndef MIA_H
#define MIA_H
#include "base/base.h"

typedef struct Signals {
    const double *p;                                   /* row by row */
    size_t        rows, models;
} Signals;

typedef struct Study {
    Signals     rows, population;                      /* population: rmia; rows 0: none                */
    const bool *member;                                /* rows.rows * rows.models; NULL: target only   */
    size_t      target;
    double      offline_a;                             /* rmia: how far OUT models stand for all, 0..1  */
} Study;

bool signals_check(const Signals *s, const char *name, Err *e);

/* Each writes one score a row.  E_USAGE when reference models or a population are missing. */
bool mia_rmia(Arena *a, const Study *s, double *score, Err *e);
bool mia_lira(Arena *a, const Study *s, bool offline, double *score, Err *e);

#endif
