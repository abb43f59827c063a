/* rules.c - what can be wrong with the data that arrives, and with what the model makes of it. */
#include "watch/watch.h"

#define REFS "AML.T0020 ML02 NIST-AI-RMF:MS-2.4"

const Rule watch_rules[] = {
    [W_DRIFT] = { "MOAT-W001", SEV_HIGH, "feature has drifted",
        "The values are no longer distributed as in the reference, by more than the threshold and more than chance allows; what "
        "the model learned may not hold for them.",
        "find out what changed upstream; train again on data that has it, or mend the source", REFS },
    [W_NEW_CATEGORY] = { "MOAT-W002", SEV_MEDIUM, "category was never seen in the reference",
        "A model has no experience with it; its answers there are guesses.",
        "find out where it comes from; train on rows that have it, or map it to a known one", REFS },
    [W_GONE_CATEGORY] = { "MOAT-W003", SEV_LOW, "category of the reference no longer comes",
        "A source may be broken, or the population is another one.",
        "find out whether its source still delivers", REFS },
    [W_MISSING] = { "MOAT-W004", SEV_MEDIUM, "share of missing values has changed",
        "Missing values are left out of every other statistic, so a source that fails quietly shows here alone.",
        "find out which source stopped to fill the column", REFS },
    [W_COLUMN] = { "MOAT-W005", SEV_HIGH, "column is missing or of another kind",
        "The model would read other values than it was trained on.",
        "compare the headers of both files; give --columns to leave it out", REFS },
    [W_FEW] = { "MOAT-W006", SEV_LOW, "too few rows to judge",
        "With few rows a difference that matters cannot be told from chance.",
        "collect more rows, or give --min-rows", "NIST-AI-RMF:MS-2.4" },
    [W_INPUT_DRIFT] = { "MOAT-W010", SEV_HIGH, "what clients send has drifted from the training data",
        "The model answers for inputs unlike those it learned from; its measured quality says little about them.",
        "moat watch run --once --json names the features; find out what changed, train again or refuse such inputs", REFS },
    [W_CLASS_MIX] = { "MOAT-W011", SEV_MEDIUM, "answers fall into other classes than the training data",
        "Either the world or the model's inputs have changed; an attack that steers answers looks like this, too.",
        "compare recent inputs with the reference; label a sample", "AML.T0015 ML02 NIST-AI-RMF:MS-2.4" },
    [W_PERFORMANCE] = { "MOAT-W012", SEV_HIGH, "model performs worse than it must",
        "Measured on labels that came later, over the window of the predictions themselves.",
        "roll back to the last good model; train again on recent labels", "ML02 NIST-AI-RMF:MS-2.3" },
    [W_TRAFFIC] = { "MOAT-W013", SEV_MEDIUM, "requests are refused, fail or take long",
        "Clients see it first. Many refusals can be an attack, a schema that no longer fits, or an expired key.",
        "moat watch events shows reasons and clients", "AML.T0029 LLM10 NIST-AI-RMF:MG-4.1" },
    [W_FAIRNESS] = { "MOAT-W014", SEV_HIGH, "groups of people are treated differently",
        "The gap between the groups with the highest and the lowest rate is beyond the threshold.",
        "look at the rates of each group; check data and threshold of the model for them", "NIST-AI-RMF:MS-2.11 EU-AI-ACT:10" },
};
const size_t watch_rules_len = len_of(watch_rules);
_Static_assert(len_of(watch_rules) == W_RULES, "a row for each rule");
