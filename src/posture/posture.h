/* posture - what the surroundings of the models allow: who can reach what, by which way, under which name.
 *
 * It judges facts that others read: the declared pipeline (pipeline/), and the files of the infrastructure.  Every
 * rule is a row with the prefix of its family and ends as a Finding about one part of the pipeline.
 *
 *     exposure.c   MOAT-E: what moat.yaml alone says about who can reach, change or copy each part
 *
 * Trusted: nothing; moat.yaml may come from anybody's branch.  How to add one more: a row in the family's table
 * and the line that raises it. */
#ifndef POSTURE_H
#define POSTURE_H
#include "finding/finding.h"
#include "pipeline/pipeline.h"

extern const Rule   exposure_rules[];
extern const size_t exposure_rules_len;

/* What exposes each declared part.  False only when out of memory. */
bool exposure_judge(const Pipeline *p, Findings *out);

#endif
