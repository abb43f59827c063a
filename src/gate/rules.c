/* rules.c - see rules.h. */
#include "gate/rules.h"

const Rule gate_rules[] = {
    { "MOAT-G001", SEV_HIGH, "a body is not what the schema allows",
      "The gateway refuses such a request; if the model should get it, the schema is too narrow.",
      "change the body, or the schema if the body is what the model expects", "CWE-20 LLM10" },
    { "MOAT-G002", SEV_HIGH, "a schema does not compile",
      "The gateway would not start with it: a keyword it cannot check must not look checked.",
      "see the place; `moat gate schema check FILE` again", "CWE-20" },
};
const size_t gate_rules_len = len_of(gate_rules);
