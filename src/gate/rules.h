/* rules.h - what the gateway's own checks can find: MOAT-G0xx. */
#ifndef GATE_RULES_H
#define GATE_RULES_H
#include "finding/finding.h"

extern const Rule   gate_rules[];
extern const size_t gate_rules_len;
enum { GATE_RULE_BODY, GATE_RULE_SCHEMA };             /* rows */

#endif
