/* report - what people and programs read of a posture.  Only words: everything said here was decided below.
 *
 * How to add a form: a function here over the same Posture.  Same posture, same bytes. */
#ifndef REPORT_H
#define REPORT_H
#include "check/check.h"

/* moat check: findings, controls, score. */
void check_text(const Posture *v, FILE *f, bool colour);
/* The members score, coverage and controls of an open object. */
void check_json(const Posture *v, JsonOut *w);

/* moat report: the parts of the pipeline with their versions, digests and trainings, the ledger, then the posture. */
bool report_text(const Pipeline *p, Ledger *l, const Posture *v, FILE *f, bool colour, Err *e);
bool report_json(const Pipeline *p, Ledger *l, const Posture *v, JsonOut *w, Err *e);

#endif
