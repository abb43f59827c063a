/* rules.h - numbers of the rows in model_rules, for the code that raises them. */
#ifndef MODEL_RULES_H
#define MODEL_RULES_H
#include "model/model.h"

enum {
    RULE_UNSIGNED, RULE_BAD_SIGNATURE, RULE_WRONG_SIGNER, RULE_CHANGED, RULE_MISSING, RULE_UNLISTED, RULE_WRONG_DIGEST,
    RULE_LEAVES_OUT, RULE_NO_SIGNER, RULE_BAD_STATEMENT
};

#endif
